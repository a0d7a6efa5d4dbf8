/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the lock-step reader: padmap.c reads instructions and pads, filler.c what aligns. */
#ifndef AFTERBURN_STEPPER_H
#define AFTERBURN_STEPPER_H

#include "test/padding/padmap.h"

struct side {
	const struct code *code;
	uint64_t at;
	struct ab_insn insn;
	bool good; /* `insn` was decoded */
};

struct stepper {
	struct padmap *map;
	const struct ab_decoder *decoder;
	struct side plain, padded;
	const struct ab_annotation *sites;
	size_t nsites, site;
	uint8_t mode;
	struct difference *difference;
};

/* Room for one more element; doubles at powers of two. Aborts without memory. */
void *stepper_grow(void *list, size_t count, size_t size);
/* Both sides advance: these bytes became those. */
void stepper_add_span(struct stepper *st, uint64_t plain_len, uint64_t padded_len, bool linear,
		      bool pad);
/* Note the first difference; always false. */
bool stepper_differ(struct stepper *st, const char *what);
void stepper_decode(struct stepper *st, struct side *side);

/* filler.c */
uint64_t filler_align(const struct code *code);
bool is_filler(const struct stepper *st, const struct side *side);
uint64_t next_site(const struct stepper *st); /* where the next site of the padded side begins */
bool pass_filler(struct stepper *st);

#endif
