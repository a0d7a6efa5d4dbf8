/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of a rule set: shared by its parser (rules_parse.c) and matcher (match.c) only. */
#ifndef AFTERBURN_RULES_IMPL_H
#define AFTERBURN_RULES_IMPL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include <strings.h>

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
	bool bad;		/* was reported */
	pcre2_code *naked_code; /* the same with every % optional (.intel_syntax noprefix) */
};

struct ab_rule_entry {
	struct ab_rule rule;
	struct ab_pattern *pattern; /* NULL until first needed: ab_entry_pattern() */
};

/*
 * One spelling of a mnemonic: `len` bytes of `base`, and `suffix` if it is not
 * 0. Several rules may share it, in file order.
 */
struct ab_name {
	const char *base;
	uint32_t hash;
	uint16_t rule; /* index into rules */
	uint16_t next; /* index + 1 of the next ab_name with this spelling; 0: none */
	uint16_t last; /* index of the last one, kept in the first */
	uint8_t len;
	char suffix;
};

static inline size_t ab_spelling_len(const struct ab_name *name)
{
	return name->len + (name->suffix != 0);
}

static inline bool ab_spelling_is(const struct ab_name *name, const char *word, size_t len)
{
	return ab_spelling_len(name) == len && strncasecmp(name->base, word, name->len) == 0 &&
	       (!name->suffix || name->suffix == (word[name->len] | 0x20));
}

/* Two spellings can be cut differently into base and suffix. */
static inline bool ab_same_spelling(const struct ab_name *a, const struct ab_name *b)
{
	size_t len = ab_spelling_len(a);

	if (a->hash != b->hash || len != ab_spelling_len(b))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((i < a->len ? a->base[i] : a->suffix) != (i < b->len ? b->base[i] : b->suffix))
			return false;
	return true;
}

#define AB_HASH_SLOTS 2048 /* power of two, several times the number of spellings */

struct ab_directive_entry {
	struct ab_directive directive;
	struct ab_literal infix; /* the name must contain it */
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
	pcre2_match_data *match;
	bool broken; /* a lazily compiled pattern was bad: reported, run must fail */
	uint16_t slots[AB_HASH_SLOTS]; /* index + 1 into names */
};

/* The entry's pattern, with its literals derived. */
struct ab_pattern *ab_entry_pattern(struct ab_rule_entry *entry);

/* Derive the literals of a pattern (match.c). */
void ab_pattern_prepare(struct ab_pattern *pattern, const char *regex);

/* Compile; prints file:line with a caret into the pattern and returns NULL when it is bad. */
pcre2_code *ab_compile(const struct ab_rules *rules, unsigned line, const char *regex,
		       uint32_t options);

#endif
