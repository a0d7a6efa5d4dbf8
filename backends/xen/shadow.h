/* SPDX-License-Identifier: BSD-2-Clause */
/*@232 What the processor walks, in step with what the guest wrote
 *
 * Copies of the guest's tables (tables.h) are linked as the guest's are, from one pair of
 * top-level tables for each of the guest's: one with all, and one for applications, which has
 * no guest kernel (Xen exchanges them with the mode).
 *
 * Like a hardware look-aside buffer they may lag behind until the guest invalidates:
 *
 *  - An entry that becomes present by an annotated write is copied with the next batch,
 *    which saves the fault. One without annotation is copied when it is touched.
 *  - Rights that are taken away stay until the guest says invlpg or loads CR3: then all
 *    that the address space shows is compared with the guest's tables, some ten instructions
 *    an entry, and a burst of changes (fork, munmap, exec) costs one batch.
 *  - A guest's table that no loaded address space shows is written without any work of ours: the
 *    disconnection of the paper's 2.4.3 is the normal state, and connecting is what faults do.
 *
 * The kernel's half is always complete where its upper levels are: Xen puts the frame of an
 * exception on the guest's stack, and ends a domain that has none mapped.
 */
#ifndef AFTERBURN_BACKENDS_XEN_SHADOW_H
#define AFTERBURN_BACKENDS_XEN_SHADOW_H

#include "backends/xen/tables.h"
#include "vmm/mmu.h"
#include "vmm/types.h"

/* `direct_map`: where the guest maps all of its memory, or 0. */
void shadow_start(mword direct_map);

/* Where the guest's image lies: its first stacks are in it. */
void shadow_stacks(gpa_t start, gpa_t end, mword base);

/* A fault at `va` that the guest's tables do not explain: *translation is to be shown. */
void shadow_fill(gva_t va, const struct translation *translation, bool write);

/* The level-1 table that is shown for `va`, or NULL. */
struct table *shadow_leaf_table(mword va);

/* Before the guest goes on: its address space is loaded, and what waits is done if the guest could
 * miss it. */
void shadow_enter(void);

#endif
