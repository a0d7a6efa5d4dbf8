/* SPDX-License-Identifier: BSD-2-Clause */
/* What the back-end counts; printed when the domain ends if the command line has
 * `afterburn.stats`. */
#ifndef AFTERBURN_BACKENDS_XEN_STATS_H
#define AFTERBURN_BACKENDS_XEN_STATS_H

#include "vmm/types.h"

enum stat {
	STAT_EVENTS,	     /* upcalls */
	STAT_GUEST_FAULTS,   /* page faults that are the guest's */
	STAT_FILLS,	     /* page faults that were filled from the guest's tables */
	STAT_WRITES,	     /* annotated page-table writes */
	STAT_WRITES_SHOWN,   /* of these to tables that the processor walks a copy of */
	STAT_PROTECTED,	     /* tables of the guest's that were write-protected */
	STAT_TRAPPED_WRITES, /* ... and written */
	STAT_ROOTS,	     /* CR3 loads */
	STAT_ROOTS_TRUSTED,  /* ... of address spaces that cannot have changed */
	STAT_UPDATES,	     /* page-table entries changed by hypercalls */
	STAT_BATCHES,	     /* in so many of them */
	STAT_TABLES_MADE,    /* page tables made, from nothing */
	STAT_TABLES_DROPPED,
	STAT_COUNT
};

extern uint64_t stats[STAT_COUNT];
extern bool stats_wanted;

static inline void count(enum stat stat)
{
	stats[stat]++;
}

void stats_print(void);

#endif
