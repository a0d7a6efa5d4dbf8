/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the assembler's directives have done so far: section, CPU mode, syntax,
 * macros. Followed textually: a macro body is read where it is defined, so the
 * section it will be expanded in is unknown there and taken as executable.
 */
#ifndef AFTERBURN_CONTEXT_H
#define AFTERBURN_CONTEXT_H

#include "asrewrite/lexer.h"
#include "asrewrite/match.h"
#include "asrewrite/rules.h"

struct ab_section {
	const char *name; /* span of the input; NULL: unknown (in a macro body) */
	size_t len;
	bool exec;
};

#define AB_SECTION_DEPTH 32

struct ab_section_pair {
	struct ab_section now, previous;
};

struct ab_section_state {
	struct ab_section_pair at;
	struct ab_section_pair stack[AB_SECTION_DEPTH];
	unsigned depth;
};

struct ab_names {
	struct ab_section *list; /* `exec` is meaningless for macro names */
	size_t count, room;
};

struct ab_context {
	const struct ab_target *target;
	const struct ab_rules *rules;
	struct ab_syntax syntax;
	uint8_t default_mode;
	bool mri;     /* another lexical world: nothing is annotated any more */
	bool ended;   /* .end: gas reads no further */
	bool file;    /* .file: the caller looks whether names must be put right, and clears */
	bool include; /* .include: text we do not see; the caller warns and clears */
	unsigned macro_depth, repeat_depth;
	struct ab_section macro;		   /* name of the outermost macro being defined */
	struct ab_section_state sections, outside; /* `outside`: saved while in a macro body */
	struct ab_syntax syntax_outside;
	struct ab_names declared; /* sections whose flags were given */
	struct ab_names shadowed; /* mnemonics that are user macros now */
};

void ab_context_init(struct ab_context *context, const struct ab_target *target,
		     const struct ab_rules *rules, uint8_t default_mode);
void ab_context_free(struct ab_context *context);

/* True if the statement was a directive that changes the state (and did so). */
bool ab_context_directive(struct ab_context *context, const struct ab_stmt *stmt);

bool ab_context_is_macro(const struct ab_context *context, const char *word, size_t len);

/* What a directive may change, taken before it acts. */
struct ab_position {
	struct ab_section section;
	uint8_t mode;
	unsigned macro_depth;
};

static inline struct ab_position ab_context_position(const struct ab_context *context)
{
	return (struct ab_position){context->sections.at.now, context->syntax.mode,
				    context->macro_depth};
}

static inline bool ab_context_in_body(const struct ab_context *context)
{
	return context->macro_depth || context->repeat_depth;
}

#endif
