/* SPDX-License-Identifier: BSD-2-Clause */
/* The text that is inserted at a site: labels, pad, annotation record. */
#ifndef AFTERBURN_EMIT_H
#define AFTERBURN_EMIT_H

#include "asrewrite/edits.h"
#include "asrewrite/target.h"

/*
 * Numeric labels around a site. Local labels may be defined again and again,
 * also in macro bodies and repeat blocks; sources use numbers up to 9999. No
 * digit string of only 0 and 1 is used: Intel syntax reads those, followed by
 * b, as binary constants.
 */
#define AB_LABEL_START "7000001"
#define AB_LABEL_END   "7000002"

struct ab_site {
	size_t start, end; /* input offsets: the instruction(s), prefixes included */
	uint16_t class, flags;
	uint8_t pad; /* bytes */
	uint8_t mode;
	bool before;	       /* pad stands in front */
	const char *condition; /* macro argument that must equal `word`, or NULL; not terminated */
	size_t condition_len;
	const char *word; /* with `condition`: the mnemonic */
	size_t word_len;
};

/* What goes in front of the instruction at site->start. */
void ab_emit_start(struct ab_edits *edits, const struct ab_target *target,
		   const struct ab_site *site);
/* What follows it at site->end. */
void ab_emit_end(struct ab_edits *edits, const struct ab_target *target,
		 const struct ab_site *site);

/*
 * Sites whose mnemonic is a macro argument: the shared labels come once, then
 * one ab_emit_end per candidate under its `condition`.
 */
void ab_emit_labels(struct ab_edits *edits, const struct ab_target *target, size_t start,
		    size_t end);

/* Marker record (class MODE): from here on code runs in `mode`. `leading`: stands before a word. */
void ab_emit_mode(struct ab_edits *edits, const struct ab_target *target, size_t at, uint8_t mode,
		  bool leading);

/*
 * Behind a `.file "x.c"`: back to the input's own name, for the statement at
 * `line` and what follows it. See docs/asrewrite.md, "Names in messages".
 */
void ab_emit_line(struct ab_edits *edits, const struct ab_target *target, size_t at, unsigned line,
		  const char *name);

/* Write `name` as the inside of an assembler string; room for 2 * strlen + 1. Returns its length.
 */
size_t ab_quote(char *out, const char *name);

/* Bytes of one x86 NOP sequence of `len` bytes (<= 64) for AB_MODE_*; returns NOP instructions. */
unsigned ab_x86_nops(uint8_t *out, unsigned len, uint8_t mode);

#endif
