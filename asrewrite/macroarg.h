/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sensitive instructions that are arguments of macros: `1: \op` in the body,
 * `op_safe_regs rdmsr` or `ALTERNATIVE "", "rdtsc"` at the call. The body is
 * read once but expanded with different arguments, so the record there is
 * conditional: `.ifeqs "\op","rdmsr"` for every sensitive argument that the
 * file passes to a macro.
 */
#ifndef AFTERBURN_MACROARG_H
#define AFTERBURN_MACROARG_H

#include "asrewrite/context.h"
#include "asrewrite/lexer.h"

struct ab_candidate {
	const char *text; /* span of the input: a word, or a string's content */
	size_t len;
};

struct ab_candidates {
	struct ab_candidate *list;
	size_t count, room;
	bool collected;
	bool quotes; /* a macro argument has quotes inside: .ifeqs cannot be written */
};

/* Collect from the whole text, once; later calls return at once. */
void ab_candidates_collect(struct ab_candidates *candidates, const struct ab_target *target,
			   const struct ab_rules *rules, const char *text, size_t len);
void ab_candidates_free(struct ab_candidates *candidates);

/* The rule for a candidate followed by the statement's own operands, or NULL. */
const struct ab_rule *ab_candidate_rule(const struct ab_candidate *candidate,
					struct ab_rules *rules, const struct ab_target *target,
					const struct ab_stmt *stmt, const struct ab_syntax *syntax);

#endif
