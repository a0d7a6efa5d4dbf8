/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nearly all candidates are innocuous: every mov is one. So each pattern's
 * literals are compared first, and PCRE2 sees only operands that have them.
 */
#include "asrewrite/match.h"

#include "asrewrite/diag.h"
#include "asrewrite/rules_impl.h"
#include "rules/annot.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- literals of a pattern ---- */

/* One element of a pattern: its length, and its character if it is a plain one. */
static size_t element(const char *p, char *literal)
{
	const char *q = p;

	*literal = 0;
	switch (*p) {
	case '\\':
		if (p[1] &&
		    !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", p[1]))
			*literal = p[1];
		return p[1] ? 2 : 1;
	case '[':
		for (q = p + 1 + (p[1] == '^') + (p[1] == ']'); *q && *q != ']'; q++)
			if (*q == '\\' && q[1])
				q++;
		return (size_t)(q - p) + (*q == ']');
	case '(':
		for (int depth = 0; *q; q++) {
			if (*q == '\\' && q[1])
				q++;
			else if (*q == '[')
				q += element(q, literal) - 1;
			else if (*q == '(')
				depth++;
			else if (*q == ')' && --depth == 0)
				break;
		}
		*literal = 0;
		return (size_t)(q - p) + (*q == ')');
	case '.':
	case '^':
	case '$':
	case '|':
	case ')':
		return 1;
	default:
		*literal = *p;
		return 1;
	}
}

static size_t quantifier(const char *p)
{
	size_t n = 0;

	if (*p == '{') {
		while (p[n] && p[n] != '}')
			n++;
		n += p[n] == '}';
	} else if (*p == '?' || *p == '*' || *p == '+') {
		n = 1;
	}
	if (n && (p[n] == '?' || p[n] == '+'))
		n++;
	return n;
}

/* Constructs whose text is not what it matches: alternatives, groups with options, \\x41, \\Q. */
static bool is_beyond_literals(const char *regex)
{
	char literal;

	for (const char *p = regex; *p; p += element(p, &literal))
		if (*p == '|')
			return true;
	for (const char *p = strchr(regex, '\\'); p && p[1]; p = strchr(p + 2, '\\'))
		if (isalnum((unsigned char)p[1]) && !strchr("dDsSwWbB", p[1]))
			return true;
	return strstr(regex, "(?") || strstr(regex, "(*");
}

/* A literal run must be contiguous in the pattern's own text, so an escape ends one. */
void ab_pattern_prepare(struct ab_pattern *pattern, const char *regex)
{
	struct ab_literal run = {regex, 0};
	bool at_start = true;

	pattern->prefix = pattern->suffix = pattern->infix = (struct ab_literal){"", 0};
	if (strcmp(regex, "-") == 0 || strcmp(regex, "*") == 0 || is_beyond_literals(regex))
		return;
	for (const char *p = regex; *p;) {
		char literal;
		size_t len = element(p, &literal);
		size_t more = quantifier(p + len);
		bool plain = literal && len == 1 && !more;

		if (plain) {
			if (!run.len)
				run.text = p;
			if (run.len < UINT8_MAX)
				run.len++;
			if (run.len > pattern->infix.len)
				pattern->infix = run;
			if (at_start)
				pattern->prefix = run;
			pattern->suffix = run;
		} else {
			run.len = 0;
			at_start = false;
			pattern->suffix.len = 0;
		}
		p += len + more;
	}
}

struct ab_pattern *ab_entry_pattern(struct ab_rule_entry *entry)
{
	if (entry->pattern)
		return entry->pattern;
	entry->pattern = calloc(1, sizeof(*entry->pattern));
	if (!entry->pattern)
		abort();
	ab_pattern_prepare(entry->pattern, entry->rule.pattern);
	return entry->pattern;
}

/* ---- compiling ---- */

pcre2_code *ab_compile(const struct ab_rules *rules, unsigned line, const char *regex,
		       uint32_t options)
{
	int error;
	PCRE2_SIZE offset;
	PCRE2_UCHAR message[128];
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, options, &error,
					 &offset, NULL);

	if (code)
		return code;
	pcre2_get_error_message(error, message, sizeof(message));
	struct ab_place at = {rules->path, line, regex, strlen(regex), offset, 1};
	ab_error_at(&at, "bad regular expression: %s", (const char *)message);
	return NULL;
}

/* .intel_syntax noprefix: the same pattern with every % optional. */
static pcre2_code *compile_naked(const struct ab_rules *rules, const struct ab_rule *rule)
{
	char *regex = malloc(strlen(rule->pattern) * 2 + 1), *out = regex;
	pcre2_code *code;

	if (!regex)
		abort();
	for (const char *p = rule->pattern; *p; p++) {
		*out++ = *p;
		if (*p == '%')
			*out++ = '?';
	}
	*out = '\0';
	code = ab_compile(rules, rule->line, regex, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
	free(regex);
	return code;
}

static bool regex_matches(struct ab_rules *rules, pcre2_code *code, const char *text, size_t len)
{
	if (!rules->match)
		rules->match = pcre2_match_data_create(1, NULL);
	return pcre2_match(code, (PCRE2_SPTR)text, len, 0, 0, rules->match, NULL) >= 0;
}

/* ---- operands ---- */

static const char *skip_comment_within(const char *p, const char *end)
{
	if (p + 1 < end && p[0] == '/' && p[1] == '*') {
		for (p += 2; p < end; p++)
			if (p[-1] == '*' && p[0] == '/')
				return p + 1;
		return end;
	}
	return p;
}

/* a,b -> b,a: two operands are all that sensitive instructions have in Intel order. */
static void swap_operands(char *text, size_t len)
{
	char copy[AB_OPERANDS_MAX];
	size_t comma = len;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		depth += text[i] == '(' || text[i] == '[';
		depth -= text[i] == ')' || text[i] == ']';
		if (text[i] == ',' && depth == 0 && comma == len)
			comma = i;
	}
	if (comma == len)
		return;
	memcpy(copy, text, len);
	memcpy(text, copy + comma + 1, len - comma - 1);
	text[len - comma - 1] = ',';
	memcpy(text + len - comma, copy, comma);
}

long ab_normalise_operands(const struct ab_stmt *stmt, const struct ab_syntax *syntax, char *out,
			   size_t room)
{
	size_t n = 0;

	for (const char *p = stmt->ops; p < stmt->end;) {
		if (stmt->commented && *p == '/') {
			const char *after = skip_comment_within(p, stmt->end);
			if (after != p) {
				p = after;
				continue;
			}
		}
		if (!ab_is_blank(*p) && *p != '\n') {
			if (n == room)
				return -1;
			out[n++] = ab_lower(*p);
		}
		p++;
	}
	if (syntax->intel && n <= AB_OPERANDS_MAX)
		swap_operands(out, n);
	return (long)n;
}

static bool byte_constant(const char *text, const char *end, unsigned long *value)
{
	char copy[24], *stop;
	size_t len = (size_t)(end - text);

	if (len == 0 || len >= sizeof(copy) || *text < '0' || *text > '9')
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*value = strtoul(copy, &stop, 0);
	return *stop == '\0' && *value <= 0xff;
}

long ab_normalise_bytes(const struct ab_stmt *stmt, char *out, size_t room)
{
	static const char hex[] = "0123456789abcdef";
	static const struct ab_syntax plain = {0};
	char text[AB_OPERANDS_MAX];
	long len = ab_normalise_operands(stmt, &plain, text, sizeof(text));
	size_t n = 0;

	if (len <= 0)
		return len;
	for (char *p = text, *end = text + len; p <= end;) {
		char *comma = memchr(p, ',', (size_t)(end - p));
		char *stop = comma ? comma : end;
		unsigned long value;

		if (n + 3 > room)
			return -1;
		if (n)
			out[n++] = '.';
		if (byte_constant(p, stop, &value)) {
			out[n++] = hex[value >> 4];
			out[n++] = hex[value & 15];
		} else {
			out[n++] = '?';
			out[n++] = '?';
		}
		p = stop + 1;
	}
	return (long)n;
}

/* ---- matching ---- */

static const struct ab_name *find_name(const struct ab_rules *rules, const char *word, size_t len,
				       uint32_t hash)
{
	for (uint32_t slot = hash & (AB_HASH_SLOTS - 1); rules->slots[slot];
	     slot = (slot + 1) & (AB_HASH_SLOTS - 1)) {
		const struct ab_name *name = &rules->names[rules->slots[slot] - 1];

		if (name->hash == hash && ab_spelling_is(name, word, len))
			return name;
	}
	return NULL;
}

bool ab_rules_know(const struct ab_rules *rules, const char *word, size_t len, uint32_t hash)
{
	return find_name(rules, word, len, hash) != NULL;
}

/* One byte decides nearly always; only then is a function called. */
static bool begins(const char *text, size_t len, const struct ab_literal *literal)
{
	return !literal->len || (len >= literal->len && text[0] == literal->text[0] &&
				 memcmp(text, literal->text, literal->len) == 0);
}

static bool ends(const char *text, size_t len, const struct ab_literal *literal)
{
	return !literal->len ||
	       (len >= literal->len && text[len - 1] == literal->text[literal->len - 1] &&
		memcmp(text + len - literal->len, literal->text, literal->len) == 0);
}

static bool literals_agree(const struct ab_pattern *pattern, const char *text, size_t len)
{
	return begins(text, len, &pattern->prefix) && ends(text, len, &pattern->suffix) &&
	       (!pattern->infix.len || memmem(text, len, pattern->infix.text, pattern->infix.len));
}

static bool pattern_matches(struct ab_rules *rules, struct ab_rule_entry *entry,
			    const struct ab_syntax *syntax, const char *text, size_t len)
{
	bool naked = syntax->naked;
	struct ab_pattern *pattern = ab_entry_pattern(entry);
	pcre2_code **code = naked ? &pattern->naked_code : &pattern->code;

	if (pattern->bad || (!naked && !literals_agree(pattern, text, len)))
		return false;
	if (!*code) {
		*code = naked ? compile_naked(rules, &entry->rule)
			      : ab_compile(rules, entry->rule.line, entry->rule.pattern,
					   PCRE2_ANCHORED | PCRE2_ENDANCHORED);
		if (!*code) {
			rules->broken = pattern->bad = true;
			return false;
		}
	}
	return regex_matches(rules, *code, text, len);
}

struct operands {
	char text[AB_OPERANDS_MAX];
	long len; /* -1: too long for any rule; -2: not normalised yet */
};

static bool rule_matches(struct ab_rules *rules, struct ab_rule_entry *entry,
			 const struct ab_stmt *stmt, const struct ab_syntax *syntax,
			 struct operands *operands)
{
	const char *pattern = entry->rule.pattern;

	if (!(entry->rule.modes & (1 << syntax->mode)))
		return false;
	if (pattern[0] == '*' && !pattern[1])
		return true;
	if (pattern[0] == '-' && !pattern[1])
		return stmt->ops == stmt->end;
	if (operands->len == -2)
		operands->len = entry->rule.raw
					? ab_normalise_bytes(stmt, operands->text, AB_OPERANDS_MAX)
					: ab_normalise_operands(stmt, syntax, operands->text,
								AB_OPERANDS_MAX);
	return operands->len >= 0 &&
	       pattern_matches(rules, entry, syntax, operands->text, (size_t)operands->len);
}

static const struct ab_rule *match_names(struct ab_rules *rules, const struct ab_name *name,
					 const struct ab_stmt *stmt, const struct ab_syntax *syntax)
{
	struct operands operands;

	operands.len = -2;
	while (name) {
		struct ab_rule_entry *entry = &rules->rules[name->rule];

		if (rule_matches(rules, entry, stmt, syntax, &operands)) {
			entry->rule.hits++;
			return &entry->rule;
		}
		name = name->next ? &rules->names[name->next - 1] : NULL;
	}
	return NULL;
}

const struct ab_rule *ab_rules_match_as(struct ab_rules *rules, const char *word, size_t len,
					const struct ab_stmt *stmt, const struct ab_syntax *syntax)
{
	return match_names(rules, find_name(rules, word, len, ab_hash(word, len)), stmt, syntax);
}

const struct ab_rule *ab_rules_match(struct ab_rules *rules, const struct ab_stmt *stmt,
				     const struct ab_syntax *syntax)
{
	size_t len = (size_t)(stmt->word_end - stmt->word);

	return match_names(rules, find_name(rules, stmt->word, len, stmt->hash), stmt, syntax);
}

const struct ab_directive *ab_rules_judge(struct ab_rules *rules, enum ab_verdict verdict,
					  enum ab_scope scope, const char *name, size_t len)
{
	for (size_t i = 0; i < rules->ndirectives; i++) {
		struct ab_directive_entry *entry = &rules->directives[i];

		if (entry->directive.verdict != verdict || entry->directive.scope != scope ||
		    !memmem(name, len, entry->infix.text, entry->infix.len))
			continue;
		if (!entry->code)
			entry->code = ab_compile(rules, entry->directive.line,
						 entry->directive.pattern, 0);
		if (!entry->code) {
			rules->broken = true;
			return NULL;
		}
		if (regex_matches(rules, entry->code, name, len)) {
			entry->directive.hits++;
			return &entry->directive;
		}
	}
	return NULL;
}

/* ---- the rule set as others see it ---- */

bool ab_rules_broken(const struct ab_rules *rules)
{
	return rules->broken;
}

const char *ab_rules_path(const struct ab_rules *rules)
{
	return rules->path;
}

bool ab_rules_user(const struct ab_rules *rules)
{
	return rules->user;
}

size_t ab_rules_count(const struct ab_rules *rules)
{
	return rules->nrules;
}

const struct ab_rule *ab_rules_at(const struct ab_rules *rules, size_t i)
{
	return &rules->rules[i].rule;
}

size_t ab_directives_count(const struct ab_rules *rules)
{
	return rules->ndirectives;
}

const struct ab_directive *ab_directives_at(const struct ab_rules *rules, size_t i)
{
	return &rules->directives[i].directive;
}

void ab_rules_free(struct ab_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->nrules; i++) {
		struct ab_rule_entry *entry = &rules->rules[i];

		if (entry->pattern) {
			pcre2_code_free(entry->pattern->code);
			pcre2_code_free(entry->pattern->naked_code);
		}
		free(entry->pattern);
		free(entry->rule.sequence);
	}
	for (size_t i = 0; i < rules->ndirectives; i++)
		pcre2_code_free(rules->directives[i].code);
	pcre2_match_data_free(rules->match);
	free(rules->rules);
	free(rules->names);
	free(rules->directives);
	free(rules->path);
	free(rules->text);
	free(rules);
}
