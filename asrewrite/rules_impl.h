/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of a rule set: shared by its parser (rules_parse.c) and matcher (match.c) only. */
#ifndef AFTERBURN_RULES_IMPL_H
#define AFTERBURN_RULES_IMPL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "asrewrite/rules.h"
#include "asrewrite/target.h"

/* A literal the pattern cannot match without; text is borrowed from the pattern. */
struct ab_literal {
	const char *text;
	uint8_t len; /* 0: none */
};

struct ab_pattern {
	struct ab_literal prefix, suffix, infix;
	pcre2_code *code;	/* compiled on first use */
	pcre2_code *naked_code; /* the same with every % optional (.intel_syntax noprefix) */
};

struct ab_rule_entry {
	struct ab_rule rule;
	struct ab_pattern pattern;
};

/* One spelling of a mnemonic; several rules may share it, in file order. */
struct ab_name {
	const char *name;
	uint8_t len;
	uint32_t hash;
	uint32_t rule; /* index into rules */
	uint32_t next; /* index + 1 of the next ab_name with this spelling; 0: none */
	uint32_t last; /* index of the last one, kept in the first */
};

#define AB_HASH_SLOTS 2048 /* power of two, several times the number of spellings */

struct ab_directive_entry {
	struct ab_directive directive;
	pcre2_code *code;
};

struct ab_rules {
	char *path;
	char *text; /* copy of the file, cut into strings in place */
	const struct ab_target *target;
	bool user;
	struct ab_rule_entry *rules;
	size_t nrules, rules_room;
	struct ab_name *names;
	size_t nnames, names_room;
	struct ab_directive_entry *directives;
	size_t ndirectives, directives_room;
	char *spellings; /* storage of expanded mnemonics */
	size_t spellings_used, spellings_room;
	pcre2_match_data *match;
	bool broken; /* a lazily compiled pattern was bad: reported, run must fail */
	uint32_t slots[AB_HASH_SLOTS]; /* index + 1 into names */
};

/* Derive the literals of a pattern (match.c). */
void ab_pattern_prepare(struct ab_pattern *pattern, const char *regex);

/* Compile; prints file:line with a caret into the pattern and returns NULL when it is bad. */
pcre2_code *ab_compile(const struct ab_rules *rules, unsigned line, const char *regex,
		       uint32_t options);

#endif
