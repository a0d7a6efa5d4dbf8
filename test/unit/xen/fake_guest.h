/* SPDX-License-Identifier: BSD-2-Clause */
/* A domain after memory_start(): a guest with 8 MiB and page tables of its own, a pool of
 * pages for the VMM's, all of it in frames from all over the machine's memory.
 */
#ifndef TEST_UNIT_XEN_FAKE_GUEST_H
#define TEST_UNIT_XEN_FAKE_GUEST_H

#include "test/unit/xen/fake_end.h"
#include "test/unit/xen/fake_run.h"
#include "test/unit/xen/fake_xen.h"
#include "vmm/mmu.h"
#include "vmm/types.h"

#define GUEST_PAGES  2048
#define GUEST_TABLES 0x100000 /* from here on, guest-physical, the guest makes its tables; */
#define GUEST_FRAMES 0x200000 /* what follows is for pages */

extern uint8_t fake_ram[GUEST_PAGES * 4096];

void fake_guest_start(uint64_t pool_pages);

uint64_t *fake_word(uint64_t physical);
/* A page of the guest's for a table, empty; and back: it may have anything in it then. */
uint64_t fake_new_table(void);
void fake_free_table(uint64_t table);
extern uint64_t fake_spare[256]; /* those that were given back */
extern unsigned fake_spare_count;
/* Called before the guest's kernel writes to a table, here and in tests; NULL: nothing. */
extern void (*fake_on_store)(uint64_t physical);
/* The entry of `va` in the table whose entries span 2^shift bytes, below the top-level table
 * at `root`; tables above it are made. */
uint64_t *fake_entry_in(uint64_t root, mword va, unsigned shift);
uint64_t *fake_entry(mword va, unsigned shift); /* below vcpu.cr3 */

static inline uint64_t fake_frame(unsigned n)
{
	return GUEST_FRAMES + n * UINT64_C(4096);
}

/* Guest-physical address of what machine frame `mfn` is; UINT64_MAX: nothing of the guest's. */
uint64_t fake_guest_frame(uint64_t mfn);

#endif
