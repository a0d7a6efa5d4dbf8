/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest of 8 MiB with real page tables, and accesses to what they map. */
#ifndef TEST_UNIT_LINUX_FAKE_GUEST_H
#define TEST_UNIT_LINUX_FAKE_GUEST_H

#include "vmm/types.h"

#define FAKE_MEMORY	(8u << 20)
#define FAKE_TABLES	0x1000	 /* guest-physical address of the top one */
#define FAKE_TABLES_END 0x200000 /* behind the last; what follows is for pages */

extern uint8_t fake_ram[FAKE_MEMORY];

/* Empty memory, tables that map nothing, the guest's kernel running in them. */
void fake_guest_start(void);

uint64_t *fake_word(uint64_t physical);

/* What pages are made of: two large pages, by number; and page n behind `base`. */
#define FAKE_FRAMES 0x400000

static inline uint64_t fake_frame(unsigned n)
{
	return FAKE_FRAMES + n * UINT64_C(4096);
}

static inline mword page_at(mword base, unsigned n)
{
	return base + n * UINT64_C(4096);
}

/* The kernel maps both linearly at `va`. */
void fake_linear(mword va);

/* No frame has a copy (copies.h). */
void fake_no_copies(void);

/* The entry of `va` in the table whose entries span 2^shift bytes; tables above it are made. */
uint64_t *fake_entry(mword va, unsigned shift);

/* An access as the hardware would see it. false: the guest has a page fault. */
bool touch(mword va, mword access);

/* Another process of the machine gets its turn: its tables for those of the one that had it. */
struct shadow_tables;
void fake_swap(struct shadow_tables *running, struct shadow_tables *asleep);

int rights_of(mword va); /* PROT_*, of the host's mapping; -1: none */

#endif
