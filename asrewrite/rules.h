/* SPDX-License-Identifier: BSD-2-Clause */
/*@010 Rules: which statements are sensitive, and what room they get
 *
 * A rule file is text, one rule or directive a line (docs/rules.md; the file's
 * own top documents it by example):
 *
 *	# mnemonic  operands        mode  class        pad  place   flags
 *	cli         -               *     CLI          9    after   -
 *	mov{wlq}    .*,%cr\d+       *     MOV_TO_CR    5    after   -
 *	deny section \.altinstr_replacement  copied over .text at boot
 *
 * Rules are found by mnemonic in a hash table; PCRE2 sees only the operands of
 * candidates, and only after a literal prefix, suffix and infix taken from the
 * pattern agree. Patterns are compiled on first use: most of a kernel's files
 * need three of them.
 */
#ifndef AFTERBURN_RULES_H
#define AFTERBURN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ab_target;
struct ab_rules;

enum ab_place_kind {
	AB_PLACE_PREFIX, /* label, redundant prefixes, instruction: no NOP at all */
	AB_PLACE_AFTER,	 /* label, instruction, pad */
	AB_PLACE_BEFORE, /* label, pad, instruction: what follows depends on its shadow */
	AB_PLACE_SHADOW, /* as before, but after when a numeric (exception) label sits on it */
};

#define AB_MAX_FUSE 4

/* What may follow a statement and belongs to it. */
struct ab_sequence {
	struct {
		uint16_t next, fused; /* class `next` directly after makes one `fused` site */
	} fuse[AB_MAX_FUSE];
	unsigned nfuse;
	const char *window[2]; /* mnemonics of the two statements that make it a window, or NULL */
};

/* Small, because every call of the assembler fills 240 of them: memory is what a call pays for. */
struct ab_rule {
	const char *mnemonic;	      /* column as written */
	const char *pattern;	      /* operands: "-" none, "*" any, else PCRE2 */
	struct ab_sequence *sequence; /* NULL: none */
	unsigned line;		      /* in the rule file */
	unsigned hits;		      /* statements matched in this run */
	uint16_t class;		      /* enum ab_class */
	uint8_t pad;		      /* bytes */
	uint8_t place;		      /* enum ab_place_kind */
	uint8_t modes;		      /* bit AB_MODE_16, _32, _64 */
	uint8_t raw;		      /* mnemonic is .byte */
};

enum ab_scope { AB_SCOPE_OUTPUT, AB_SCOPE_SECTION, AB_SCOPE_SYMBOL, AB_SCOPE_MACRO };
enum ab_verdict {
	AB_DENY,   /* annotate as copied code (AB_F_COPIED), no pad */
	AB_SKIP,   /* leave the whole file alone */
	AB_USE,	   /* other rule file */
	AB_EXCEPT, /* checker only: not code, or known and harmless */
};

struct ab_directive {
	enum ab_verdict verdict;
	enum ab_scope scope;
	const char *pattern; /* PCRE2, unanchored */
	const char *file;    /* AB_USE: path as written */
	const char *reason;
	unsigned line;
	unsigned hits;
};

/*
 * Read `path`. Rules must be written for target `target` (NULL: any). Prints
 * file:line, the line and a caret for each mistake, and returns NULL if there
 * was any. With `eager`, compiles every pattern at once so that bad patterns
 * are found. The result is owned by the caller: ab_rules_free().
 */
struct ab_rules *ab_rules_load(const char *path, const struct ab_target *target, bool eager);
struct ab_rules *ab_rules_parse(const char *path, const char *text, size_t len,
				const struct ab_target *target, bool eager);
void ab_rules_free(struct ab_rules *rules);

const char *ab_rules_path(const struct ab_rules *rules);
bool ab_rules_user(const struct ab_rules *rules); /* audience user: AB_F_USER on every record */
size_t ab_rules_count(const struct ab_rules *rules);
const struct ab_rule *ab_rules_at(const struct ab_rules *rules, size_t i);
size_t ab_directives_count(const struct ab_rules *rules);
const struct ab_directive *ab_directives_at(const struct ab_rules *rules, size_t i);

/*
 * First directive of kind `verdict` whose scope is `scope` and whose pattern
 * is found in `name` (len bytes), or NULL; counts a hit.
 */
const struct ab_directive *ab_rules_judge(struct ab_rules *rules, enum ab_verdict verdict,
					  enum ab_scope scope, const char *name, size_t len);

/* Name of a class ("CLI"), or NULL; and back: class number, or 0. */
const char *ab_class_name(uint16_t class);
uint16_t ab_class_by_name(const char *name, size_t len);
const char *ab_group_name(uint16_t class); /* "flags", "control", ... */
bool ab_class_is_sensitive(uint16_t class);

#endif
