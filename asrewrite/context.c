/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/context.h"

#include "rules/annot.h"

#include <stdlib.h>
#include <string.h>

typedef void (*directive_fn)(struct ab_context *context, const struct ab_stmt *stmt, int arg);

static void remember(struct ab_names *names, struct ab_section section)
{
	if (names->count == names->room) {
		names->room = names->room ? names->room * 2 : 16;
		names->list = realloc(names->list, names->room * sizeof(*names->list));
		if (!names->list)
			abort();
	}
	names->list[names->count++] = section;
}

static const struct ab_section *recall(const struct ab_names *names, const char *name, size_t len)
{
	for (size_t i = names->count; i-- > 0;)
		if (names->list[i].len == len && memcmp(names->list[i].name, name, len) == 0)
			return &names->list[i];
	return NULL;
}

/* ---- sections ---- */

/* Sections that gas makes executable without being told (bfd's special sections). */
static bool exec_by_name(const char *name, size_t len)
{
	static const char *const exact[] = {".text", ".init", ".fini"};
	static const char *const prefix[] = {".text.", ".gnu.linkonce.t."};

	for (size_t i = 0; i < 3; i++)
		if (strlen(exact[i]) == len && memcmp(name, exact[i], len) == 0)
			return true;
	for (size_t i = 0; i < 2; i++)
		if (strlen(prefix[i]) <= len && memcmp(name, prefix[i], strlen(prefix[i])) == 0)
			return true;
	return false;
}

static void enter(struct ab_context *context, struct ab_section section)
{
	context->sections.at.previous = context->sections.at.now;
	context->sections.at.now = section;
}

/* name [, subsection] [, "flags"] ... */
static struct ab_section parse_section(struct ab_context *context, const struct ab_stmt *stmt)
{
	const char *p = stmt->ops, *end = stmt->end, *quote, *close;
	bool quoted = p < end && *p == '"';
	struct ab_section section = {quoted ? p + 1 : p, 0, false};

	for (p += quoted; p < end && (quoted ? *p != '"' : *p != ',' && !ab_is_blank(*p)); p++)
		;
	section.len = (size_t)(p - section.name);
	p += quoted && p < end;
	quote = memchr(p, '"', (size_t)(end - p));
	close = quote ? memchr(quote + 1, '"', (size_t)(end - quote - 1)) : NULL;
	if (close) {
		section.exec = memchr(quote + 1, 'x', (size_t)(close - quote - 1)) != NULL;
		remember(&context->declared, section);
	} else {
		const struct ab_section *known =
			recall(&context->declared, section.name, section.len);
		section.exec = known ? known->exec : exec_by_name(section.name, section.len);
	}
	return section;
}

static void do_section(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)arg;
	enter(context, parse_section(context, stmt));
}

static void do_pushsection(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	struct ab_section_state *state = &context->sections;

	(void)arg;
	if (state->depth < AB_SECTION_DEPTH)
		state->stack[state->depth] = state->at;
	state->depth++;
	enter(context, parse_section(context, stmt));
}

static void do_popsection(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	struct ab_section_state *state = &context->sections;

	(void)stmt, (void)arg;
	if (!state->depth)
		return; /* gas warns */
	state->depth--;
	if (state->depth < AB_SECTION_DEPTH)
		state->at = state->stack[state->depth];
}

static void do_previous(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)stmt, (void)arg;
	enter(context, context->sections.at.previous);
}

static void do_subsection(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)stmt, (void)arg;
	enter(context, context->sections.at.now);
}

/* .text .data .bss: the word is the name */
static void do_standard(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	enter(context, (struct ab_section){stmt->word, (size_t)(stmt->word_end - stmt->word), arg});
}

/* ---- modes and syntax ---- */

static void do_code(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)stmt;
	context->syntax.mode = (uint8_t)arg;
}

static bool says(const struct ab_stmt *stmt, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(stmt->end - stmt->ops) >= len && strncasecmp(stmt->ops, word, len) == 0;
}

static void do_syntax(struct ab_context *context, const struct ab_stmt *stmt, int intel)
{
	context->syntax.intel = intel;
	context->syntax.naked = says(stmt, "noprefix") || (intel && !says(stmt, "prefix"));
}

static void do_mri(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)arg;
	context->mri = says(stmt, "1");
}

static void do_end(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)stmt, (void)arg;
	context->ended = !context->macro_depth;
}

static void do_include(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)stmt, (void)arg;
	context->include = true;
}

static void do_file(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)arg;
	context->file = stmt->ops < stmt->end && *stmt->ops == '"' && !context->macro_depth;
}

/* ---- macros ---- */

static struct ab_section first_word(const struct ab_stmt *stmt)
{
	const char *p = stmt->ops;

	while (p < stmt->end && ab_word_char[(unsigned char)*p])
		p++;
	return (struct ab_section){stmt->ops, (size_t)(p - stmt->ops), false};
}

static void do_macro(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	struct ab_section name = first_word(stmt);

	(void)arg;
	if (context->rules &&
	    ab_rules_know(context->rules, name.name, name.len, ab_hash(name.name, name.len)))
		remember(&context->shadowed, name);
	if (context->macro_depth++ == 0) {
		context->macro = name;
		context->outside = context->sections;
		context->syntax_outside = context->syntax;
		context->sections.at.now = (struct ab_section){NULL, 0, true};
		context->sections.at.previous = context->sections.at.now;
		context->sections.depth = 0;
	}
}

static void do_endm(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)stmt, (void)arg;
	if (!context->macro_depth || --context->macro_depth)
		return;
	context->sections = context->outside;
	context->syntax = context->syntax_outside;
}

static void do_purgem(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	struct ab_section name = first_word(stmt);
	struct ab_section *known =
		(struct ab_section *)recall(&context->shadowed, name.name, name.len);

	(void)arg;
	if (known)
		*known = context->shadowed.list[--context->shadowed.count];
}

static void do_repeat(struct ab_context *context, const struct ab_stmt *stmt, int arg)
{
	(void)stmt;
	if (arg > 0)
		context->repeat_depth++;
	else if (context->repeat_depth)
		context->repeat_depth--;
}

/* ---- dispatch ---- */

static const struct directive {
	const char *word;
	directive_fn act;
	int arg;
} directives[] = {
	{".section", do_section, 0},
	{".section.s", do_section, 0},
	{".sect", do_section, 0},
	{".pushsection", do_pushsection, 0},
	{".popsection", do_popsection, 0},
	{".previous", do_previous, 0},
	{".subsection", do_subsection, 0},
	{".text", do_standard, 1},
	{".data", do_standard, 0},
	{".bss", do_standard, 0},
	{".code16", do_code, AB_MODE_16},
	{".code16gcc", do_code, AB_MODE_16},
	{".code32", do_code, AB_MODE_32},
	{".code64", do_code, AB_MODE_64},
	{".intel_syntax", do_syntax, true},
	{".att_syntax", do_syntax, false},
	{".macro", do_macro, 0},
	{".endm", do_endm, 0},
	{".endmacro", do_endm, 0},
	{".purgem", do_purgem, 0},
	{".rept", do_repeat, 1},
	{".rep", do_repeat, 1},
	{".irp", do_repeat, 1},
	{".irep", do_repeat, 1},
	{".irpc", do_repeat, 1},
	{".irepc", do_repeat, 1},
	{".endr", do_repeat, -1},
	{".mri", do_mri, 0},
	{".end", do_end, 0},
	{".file", do_file, 0},
	{".include", do_include, 0},
};
#define DIRECTIVES (sizeof(directives) / sizeof(directives[0]))
#define SLOTS	   128

static uint8_t slots[SLOTS]; /* index + 1 into directives; filled on first use */

static void fill_slots(void)
{
	for (size_t i = 0; i < DIRECTIVES; i++) {
		uint32_t slot = ab_hash(directives[i].word, strlen(directives[i].word)) % SLOTS;
		while (slots[slot])
			slot = (slot + 1) % SLOTS;
		slots[slot] = (uint8_t)(i + 1);
	}
}

bool ab_context_directive(struct ab_context *context, const struct ab_stmt *stmt)
{
	size_t len = (size_t)(stmt->word_end - stmt->word);

	if (!len || *stmt->word != '.')
		return false;
	for (uint32_t slot = stmt->hash % SLOTS; slots[slot]; slot = (slot + 1) % SLOTS) {
		const struct directive *directive = &directives[slots[slot] - 1];

		if (strlen(directive->word) == len &&
		    strncasecmp(directive->word, stmt->word, len) == 0) {
			directive->act(context, stmt, directive->arg);
			return true;
		}
	}
	return false;
}

bool ab_context_is_macro(const struct ab_context *context, const char *word, size_t len)
{
	for (size_t i = 0; i < context->shadowed.count; i++)
		if (context->shadowed.list[i].len == len &&
		    strncasecmp(context->shadowed.list[i].name, word, len) == 0)
			return true;
	return false;
}

void ab_context_init(struct ab_context *context, const struct ab_target *target,
		     const struct ab_rules *rules, uint8_t default_mode)
{
	static const struct ab_section text = {".text", 5, true};

	*context = (struct ab_context){.target = target, .rules = rules};
	context->default_mode = context->syntax.mode = default_mode;
	context->sections.at.now = context->sections.at.previous = text;
	if (!slots[ab_hash(".text", 5) % SLOTS])
		fill_slots();
}

void ab_context_free(struct ab_context *context)
{
	free(context->declared.list);
	free(context->shadowed.list);
}
