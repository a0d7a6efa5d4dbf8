/* SPDX-License-Identifier: BSD-2-Clause */
/* Matching one statement against the rules. */
#ifndef AFTERBURN_MATCH_H
#define AFTERBURN_MATCH_H

#include "asrewrite/lexer.h"
#include "asrewrite/rules.h"

struct ab_syntax {
	uint8_t mode; /* AB_MODE_* the assembler is in */
	bool intel;   /* .intel_syntax: operands stand the other way round */
	bool naked;   /* noprefix: registers without % */
};

/* True if any rule is keyed by this word: the cheap test, before operands are looked at. */
bool ab_rules_know(const struct ab_rules *rules, const char *word, size_t len, uint32_t hash);

/*
 * The first rule that matches the statement, or NULL. Counts a hit. Patterns
 * are compiled on first use; a bad one is reported and sets ab_rules_broken().
 */
const struct ab_rule *ab_rules_match(struct ab_rules *rules, const struct ab_stmt *stmt,
				     const struct ab_syntax *syntax);

/* The same for an explicit mnemonic with the statement's operands (macro arguments). */
const struct ab_rule *ab_rules_match_as(struct ab_rules *rules, const char *word, size_t len,
					const struct ab_stmt *stmt, const struct ab_syntax *syntax);

bool ab_rules_broken(const struct ab_rules *rules);

#define AB_OPERANDS_MAX 512 /* longer operands are no sensitive instruction's */

/*
 * Operand text as patterns see it: lower case, without blanks and comments,
 * AT&T order. Returns its length, or -1 if it does not fit `room` bytes.
 */
long ab_normalise_operands(const struct ab_stmt *stmt, const struct ab_syntax *syntax, char *out,
			   size_t room);

/* `.byte` operands as "0f.01.c9"; `??` for what is not a constant. The same returns. */
long ab_normalise_bytes(const struct ab_stmt *stmt, char *out, size_t room);

#endif
