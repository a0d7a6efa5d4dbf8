/* SPDX-License-Identifier: BSD-2-Clause */
/*@233 Tables of the guest's that it cannot write without being seen
 *
 * Comparing a copied table with the guest's is cheap for what lives shortly: some ten instructions
 * an entry at each CR3 load. For what stays as it is that adds up, so a table for which as
 * much was spent as write protection costs (two hypercalls and a fault, 4000 instructions) is
 * write-protected where the guest maps all its memory, and is not compared any more. The first
 * write, annotated or not, faults, ends the protection, is done by the guest, and is found by
 * comparing again. Whatever the guest does, it is never worse off by more than twice the better
 * way.
 *
 * An address space all of whose tables in the applications' half are trusted in this way is loaded
 * without a look at them, as long as no table anywhere has stopped being so: protect_epoch.
 *
 * A frame is protected only if nothing else maps it writable: that is counted, for all frames.
 */
#ifndef AFTERBURN_BACKENDS_XEN_PROTECT_H
#define AFTERBURN_BACKENDS_XEN_PROTECT_H

#include "backends/xen/tables.h"

void protect_start(void);

/* An entry that maps frame `gfn` writable was made, or is gone. */
void protect_writer(uint64_t gfn, bool more);

/* A table of pieces is linked for the first time, or no more. */
void protect_pieces(const struct table *pieces, bool shown);

/* `table` was compared with nothing changed, for so many instructions. */
void protect_spent(struct table *table, unsigned instructions);

extern uint8_t *protect_marks; /* vmm_watched.marks */
#define MARK_WATCHED   1
#define MARK_PROTECTED 2

static inline bool is_protected(uint64_t gfn)
{
	return protect_marks[gfn] & MARK_PROTECTED;
}

void protect_end_now(uint64_t gfn);

/* Frame `gfn` is going to be written, or mapped writable. */
static inline void protect_end(uint64_t gfn)
{
	if (is_protected(gfn))
		protect_end_now(gfn);
}

/* Another one when a table is not trusted any more, or one is linked that may not be. */
extern uint64_t protect_epoch;

#endif
