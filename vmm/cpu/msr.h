/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of model-specific registers, for its tests and for --stats. */
#ifndef AFTERBURN_VMM_CPU_MSR_H
#define AFTERBURN_VMM_CPU_MSR_H

#include "vmm/types.h"

#define MSR_CANONICAL 1 /* #GP unless a canonical address is written */
#define MSR_32_BITS   2 /* #GP unless the upper half is 0 */

struct msr {
	uint32_t index;
	uint32_t flags;
	const char *name;
	uint64_t *field; /* NULL: `constant` */
	uint64_t constant;
	uint64_t (*read)(void);	       /* NULL: field or constant */
	bool (*write)(uint64_t value); /* false: #GP. NULL: the field as flags say; a
					* constant without `write` is read-only */
};

const struct msr *msr_table(size_t *count);

/* Registers asked for that are not in the table, in the order of the first time. */
struct msr_unknown {
	uint32_t index;
	uint32_t count;
};
const struct msr_unknown *msr_unknown(size_t *count);

#endif
