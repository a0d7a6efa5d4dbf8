/* SPDX-License-Identifier: BSD-2-Clause */
/*@231 Changes of page tables, in batches
 *
 * A hypercall that changes one entry costs 1166 instructions, in a batch of 32 an entry
 * costs 369 (mmu_update under Xen 4.17). So changes are collected, in order, and made known when
 * the processor could miss them: before the guest goes on in a place that needs them. What takes
 * rights away is followed by a flush of the look-aside buffer in the same multicall.
 */
#ifndef AFTERBURN_BACKENDS_XEN_UPDATES_H
#define AFTERBURN_BACKENDS_XEN_UPDATES_H

#include "vmm/types.h"

/* Entry `index` of the table in machine frame `mfn` becomes `value`. */
void updates_set(uint64_t mfn, unsigned index, uint64_t value);

/* The last changes took rights away: the next updates_do() flushes. */
void updates_need_flush(void);

/* Make all collected changes. A change that Xen refuses ends the domain. */
void updates_do(void);

/* The same for one entry of the address space that is loaded, and its page is flushed:
 * `va` gets `value`. Collected changes go first. */
void updates_page(mword va, uint64_t value);

/* Have changes been collected? */
bool updates_any(void);

/* Does a flush wait? Until it is done the guest may not go on. */
bool updates_must(void);

#endif
