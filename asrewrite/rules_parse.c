/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rule files: text to tables. This runs in every call of the assembler, 900
 * times in a small kernel build, so it cuts the file into strings in place
 * and allocates a handful of blocks: 47 us for the shipped file.
 */
#include "asrewrite/rules_parse.h"
#include "asrewrite/rules_impl.h"

#include "asrewrite/diag.h"
#include "asrewrite/lexer.h"
#include "rules/annot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_RULE_FILE (1u << 20)
#define WORD_MAX_LEN  64

static void *grow(void *array, size_t *room, size_t used, size_t size)
{
	if (used < *room)
		return array;
	*room = *room ? *room * 2 : 1024; /* untouched memory is free, copies are not */
	array = realloc(array, *room * size);
	if (!array)
		abort();
	return array;
}

void ab_rule_complain(struct parser *parser, const struct word *word, const char *reason)
{
	struct ab_place at = {
		parser->rules->path, parser->line, parser->line_text, parser->line_len, 0, 1};

	if (word && word->text) {
		at.col = (size_t)(parser->pristine + (word->text - parser->base) -
				  parser->line_text);
		at.width = word->len;
	}
	ab_error_at(&at, "%s", reason);
	parser->errors++;
}

/* Cut the next white-space separated word off *p; a word starting with # begins a comment. */
static bool next_word(char **p, char *end, struct word *word)
{
	while (*p < end && (**p == ' ' || ab_is_blank(**p)))
		(*p)++;
	word->text = *p;
	word->len = 0;
	if (*p >= end || **p == '#')
		return false;
	while (*p < end && (**p > ' ' || !ab_is_blank(**p)))
		(*p)++;
	word->len = (size_t)(*p - word->text);
	if (*p < end)
		*(*p)++ = '\0';
	return true;
}

/* ---- mnemonics ---- */

static bool same_rule(const struct ab_rule *a, const struct ab_rule *b)
{
	return (a->modes & b->modes) && strcmp(a->pattern, b->pattern) == 0;
}

/* Enter one spelling for the newest rule; false if an older rule already says the same. */
static bool add_name(struct parser *parser, const char *base, size_t len, char suffix,
		     const struct word *column)
{
	struct ab_rules *rules = parser->rules;
	uint32_t rule = (uint32_t)rules->nrules - 1;
	uint32_t hash = ab_hash(base, len);
	uint32_t slot;

	if (suffix)
		hash = ab_hash_step(hash, (unsigned char)suffix);
	slot = hash & (AB_HASH_SLOTS - 1);
	if (rules->nnames >= AB_HASH_SLOTS / 2) {
		ab_rule_complain(parser, column, "too many mnemonics in one rule file");
		return false;
	}
	rules->names = grow(rules->names, &rules->names_room, rules->nnames, sizeof(*rules->names));
	struct ab_name *entry = &rules->names[rules->nnames];
	*entry = (struct ab_name){base,		hash,  (uint16_t)rule, 0, (uint16_t)rules->nnames,
				  (uint8_t)len, suffix};
	for (; rules->slots[slot]; slot = (slot + 1) & (AB_HASH_SLOTS - 1)) {
		struct ab_name *first = &rules->names[rules->slots[slot] - 1];
		if (!ab_same_spelling(first, entry))
			continue;
		for (struct ab_name *n = first;; n = &rules->names[n->next - 1]) {
			if (same_rule(&rules->rules[n->rule].rule, &rules->rules[rule].rule)) {
				char reason[96];
				snprintf(reason, sizeof(reason),
					 "duplicate: `%.*s%.*s` with these operands is ruled in "
					 "line %u",
					 (int)len, base, suffix ? 1 : 0, &suffix,
					 rules->rules[n->rule].rule.line);
				ab_rule_complain(parser, column, reason);
				return false;
			}
			if (!n->next)
				break;
		}
		rules->names[first->last].next = (uint16_t)++rules->nnames;
		first->last = (uint16_t)(rules->nnames - 1);
		return true;
	}
	rules->slots[slot] = (uint16_t)++rules->nnames;
	return true;
}

/* base{wlq}: the base alone and with each suffix letter. */
static bool add_spellings(struct parser *parser, const char *text, size_t len,
			  const struct word *column)
{
	const char *brace = memchr(text, '{', len);
	size_t base = brace ? (size_t)(brace - text) : len;

	if (!base || len > WORD_MAX_LEN || (brace && text[len - 1] != '}')) {
		ab_rule_complain(parser, column,
				 "mnemonic must look like mov, mov{wlq} or lds|les");
		return false;
	}
	if (!add_name(parser, text, base, 0, column))
		return false;
	for (const char *s = brace ? brace + 1 : text + len; s + 1 < text + len; s++)
		if (!add_name(parser, text, base, *s, column))
			return false;
	return true;
}

static bool add_mnemonics(struct parser *parser, const struct word *column)
{
	const char *p = column->text, *end = p + column->len;

	for (;;) {
		const char *bar = memchr(p, '|', (size_t)(end - p));
		if (!add_spellings(parser, p, (size_t)((bar ? bar : end) - p), column))
			return false;
		if (!bar)
			return true;
		p = bar + 1;
	}
}

static bool is_lower(const struct word *word)
{
	for (size_t i = 0; i < word->len; i++)
		if (word->text[i] != ab_lower(word->text[i]))
			return false;
	return true;
}

/* ---- lines ---- */

static void parse_rule(struct parser *parser, struct word words[COLUMNS], size_t n)
{
	struct ab_rules *rules = parser->rules;
	struct ab_rule_entry entry = {0};
	struct ab_rule *rule = &entry.rule;

	if (!rules->target)
		return ab_rule_complain(parser, NULL,
					"a `target` line must come before the first rule");
	if (n != COLUMNS)
		return ab_rule_complain(
			parser, &words[n - 1],
			"a rule has 7 columns: mnemonic operands mode class pad place flags");
	if (!is_lower(&words[0]))
		return ab_rule_complain(parser, &words[0], "mnemonics are written in lower case");
	rule->mnemonic = words[0].text;
	rule->pattern = words[1].text;
	rule->raw = is_word(&words[0], ".byte");
	rule->line = parser->line;
	if (!ab_parse_columns(parser, words, rule))
		return;
	rules->rules = grow(rules->rules, &rules->rules_room, rules->nrules, sizeof(entry));
	rules->rules[rules->nrules++] = entry;
	add_mnemonics(parser, &words[0]);
}

#define SCOPE(name) (1 << AB_SCOPE_##name)
static const struct {
	const char *word;
	enum ab_verdict verdict;
	bool file; /* a file name stands before the scope */
	uint8_t scopes;
} verdicts[] = {
	{"deny", AB_DENY, false, SCOPE(OUTPUT) | SCOPE(SECTION) | SCOPE(SYMBOL) | SCOPE(MACRO)},
	{"skip", AB_SKIP, false, SCOPE(OUTPUT)},
	{"use", AB_USE, true, SCOPE(OUTPUT)},
	{"except", AB_EXCEPT, false, SCOPE(SECTION) | SCOPE(SYMBOL)},
};

static const char *const scope_names[] = {[AB_SCOPE_OUTPUT] = "output",
					  [AB_SCOPE_SECTION] = "section",
					  [AB_SCOPE_SYMBOL] = "symbol",
					  [AB_SCOPE_MACRO] = "macro"};
#define SCOPES (sizeof(scope_names) / sizeof(scope_names[0]))

/* VERDICT [FILE] SCOPE REGEX reason... */
static void parse_directive(struct parser *parser, size_t kind, char *p, char *end)
{
	struct ab_rules *rules = parser->rules;
	struct ab_directive_entry entry = {.directive.verdict = verdicts[kind].verdict,
					   .directive.line = parser->line};
	struct word file = {0}, scope, regex, reason;
	struct ab_pattern literals;
	size_t s = 0;

	if (verdicts[kind].file && !next_word(&p, end, &file))
		return ab_rule_complain(parser, NULL, "want: use FILE output REGEX reason");
	if (!next_word(&p, end, &scope) || !next_word(&p, end, &regex) ||
	    !next_word(&p, end, &reason))
		return ab_rule_complain(parser, NULL,
					"want: scope, regular expression and a reason");
	while (s < SCOPES && !is_word(&scope, scope_names[s]))
		s++;
	if (s == SCOPES || !(verdicts[kind].scopes & (1 << s)))
		return ab_rule_complain(parser, &scope, "this directive does not take that scope");
	if (reason.text + reason.len < end)
		reason.text[reason.len] = ' '; /* the reason is the rest of the line */
	entry.directive.scope = (enum ab_scope)s;
	entry.directive.pattern = regex.text;
	entry.directive.file = file.text;
	entry.directive.reason = reason.text;
	ab_pattern_prepare(&literals, regex.text);
	entry.infix = literals.infix;
	rules->directives =
		grow(rules->directives, &rules->directives_room, rules->ndirectives, sizeof(entry));
	rules->directives[rules->ndirectives++] = entry;
}

static void parse_target(struct parser *parser, char *p, char *end)
{
	struct ab_rules *rules = parser->rules;
	struct word name;

	if (!next_word(&p, end, &name))
		return ab_rule_complain(parser, NULL, "want: target NAME");
	if (rules->target)
		return ab_rule_complain(parser, &name, "a rule file has one `target` line");
	rules->target = ab_target_by_name(name.text, name.len);
	if (!rules->target)
		return ab_rule_complain(parser, &name, "unknown target");
	if (parser->wanted && rules->target != parser->wanted)
		ab_rule_complain(parser, &name,
				 "these rules are for another target than the assembler's");
}

static void parse_audience(struct parser *parser, char *p, char *end)
{
	struct word name;

	if (next_word(&p, end, &name) && (is_word(&name, "user") || is_word(&name, "kernel")))
		parser->rules->user = is_word(&name, "user");
	else
		ab_rule_complain(parser, &name, "want: audience kernel|user");
}

static void parse_line(struct parser *parser, char *p, char *end)
{
	struct word words[COLUMNS], extra;
	size_t n = 0;
	char *rest;

	if (!next_word(&p, end, &words[0]))
		return;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (is_word(&words[0], verdicts[i].word))
			return parse_directive(parser, i, p, end);
	if (is_word(&words[0], "target"))
		return parse_target(parser, p, end);
	if (is_word(&words[0], "audience"))
		return parse_audience(parser, p, end);
	for (n = 1; n < COLUMNS && next_word(&p, end, &words[n]); n++)
		;
	rest = p;
	if (n == COLUMNS && next_word(&rest, end, &extra))
		return ab_rule_complain(parser, &extra, "nothing may follow the flags column");
	parse_rule(parser, words, n);
}

static void parse_lines(struct parser *parser, char *text, size_t len)
{
	char *p = text, *end = text + len;

	while (p < end) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		char *line_end = newline ? newline : end;

		parser->line++;
		parser->line_text = parser->pristine + (p - text);
		parser->line_len = (size_t)(line_end - p);
		*line_end = '\0';
		if (memchr(p, '\0', (size_t)(line_end - p)))
			ab_rule_complain(parser, NULL, "a NUL byte in a rule file");
		else
			parse_line(parser, p, line_end);
		p = line_end + 1;
	}
}

static void compile_all(struct parser *parser)
{
	struct ab_rules *rules = parser->rules;

	for (size_t i = 0; i < rules->nrules; i++) {
		struct ab_rule_entry *e = &rules->rules[i];
		if (strcmp(e->rule.pattern, "-") == 0 || strcmp(e->rule.pattern, "*") == 0)
			continue;
		ab_entry_pattern(e)->code = ab_compile(rules, e->rule.line, e->rule.pattern,
						       PCRE2_ANCHORED | PCRE2_ENDANCHORED);
		parser->errors += !e->pattern->code;
	}
	for (size_t i = 0; i < rules->ndirectives; i++) {
		struct ab_directive_entry *e = &rules->directives[i];
		e->code = ab_compile(rules, e->directive.line, e->directive.pattern, 0);
		parser->errors += !e->code;
	}
}

struct ab_rules *ab_rules_parse(const char *path, const char *text, size_t len,
				const struct ab_target *target, bool eager)
{
	struct ab_rules *rules = calloc(1, sizeof(*rules));
	struct parser parser = {.rules = rules, .wanted = target, .pristine = text};

	if (!rules || !(rules->path = strdup(path)) || !(rules->text = malloc(len + 1)))
		abort();
	memcpy(rules->text, text, len);
	rules->text[len] = '\0';
	parser.base = rules->text;
	parse_lines(&parser, rules->text, len);
	if (!parser.errors && !rules->target) {
		parser.line_text = NULL;
		parser.line = 0;
		ab_rule_complain(&parser, NULL, "no `target` line");
	}
	if (eager && !parser.errors)
		compile_all(&parser);
	if (parser.errors) {
		ab_rules_free(rules);
		return NULL;
	}
	return rules;
}

/* Mapped, not read: the page cache's own pages cost less than copies. */
static struct ab_rules *load_fd(const char *path, int fd, size_t size,
				const struct ab_target *target, bool eager)
{
	struct ab_rules *rules;
	char *text;

	if (!size)
		return ab_rules_parse(path, "", 0, target, eager);
	text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED) {
		ab_error("cannot read rules %s: %s", path, strerror(errno));
		return NULL;
	}
	rules = ab_rules_parse(path, text, size, target, eager);
	munmap(text, size);
	return rules;
}

struct ab_rules *ab_rules_load(const char *path, const struct ab_target *target, bool eager)
{
	struct stat st;
	struct ab_rules *rules = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		ab_error("cannot read rules %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size > MAX_RULE_FILE)
		ab_error("cannot read rules %s: not a regular file of less than 1 MiB", path);
	else
		rules = load_fd(path, fd, (size_t)st.st_size, target, eager);
	if (fd >= 0)
		close(fd);
	return rules;
}
