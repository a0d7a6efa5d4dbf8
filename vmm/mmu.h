/* SPDX-License-Identifier: BSD-2-Clause */
/*@075 The MMU: walking guest page tables
 *
 * Guest page tables are plain memory with guest-physical addresses; the guest
 * writes them natively. This file does what the hardware's page walker does (SDM
 * 3A chapter 4): permissions, accessed and dirty bits, error codes. What a
 * back-end makes of a translation (host mappings as a TLB, pass-through tables) is
 * its own business.
 */
#ifndef AFTERBURN_VMM_MMU_H
#define AFTERBURN_VMM_MMU_H

#include "vmm/types.h"

/* Kinds of access, as bits of the page-fault error code (SDM 3A 4.7). */
#define ACCESS_READ  0
#define ACCESS_WRITE BIT(1)
#define ACCESS_USER  BIT(2)
#define ACCESS_FETCH BIT(4)
#define PF_PRESENT   BIT(0)
#define PF_RESERVED  BIT(3)
/* In the place of an error code: bits 47 to 63 of the address are not alike, which is
 * #GP(0), or #SS(0) for a stack access, and no page fault. */
#define MMU_NOT_CANONICAL BIT(32)

/* Bits of page-table entries (SDM 3A table 4-15 and on). */
#define PTE_P	 BIT(0)
#define PTE_W	 BIT(1)
#define PTE_U	 BIT(2)
#define PTE_PWT	 BIT(3)
#define PTE_PCD	 BIT(4)
#define PTE_A	 BIT(5)
#define PTE_D	 BIT(6)
#define PTE_PS	 BIT(7)
#define PTE_G	 BIT(8)
#define PTE_NX	 BIT(63)
#define PTE_ADDR UINT64_C(0x000ffffffffff000)

#define PTE_BYTES 8

/* Bits of a physical address (CPUID 0x80000008): more are reserved in tables. */
#define PHYSICAL_BITS 46

struct translation {
	gpa_t address;	 /* of the byte asked for */
	uint8_t shift;	 /* page size: 12, 21, 30 */
	bool writable;	 /* all levels allow it, or it was a supervisor's access without CR0.WP */
	bool user;	 /* all levels allow applications */
	bool executable; /* no level forbids */
	bool global;
	bool dirty;	/* a write may go on without the walker */
	gpa_t entry_at; /* where the last entry lies */
	uint64_t entry; /* its value, accessed and dirty bits as just set */
};

/* Translate `va` for an access of kind `access` (ACCESS_* bits) in the current
 * address space (vcpu.cr3), setting accessed and dirty bits like hardware.
 * false: *error is the page-fault error code, or MMU_NOT_CANONICAL. */
bool mmu_translate(gva_t va, mword access, struct translation *translation, mword *error);

/* The same, to the address alone. */
bool mmu_address(gva_t va, mword access, gpa_t *address, mword *error);

/* The same without any effect: no A, no D, permissions reported and not checked.
 * false: not present. For prefilling, rewriting, debugging. */
bool mmu_probe(gva_t va, struct translation *translation);

/* The page table that maps the 2 MiB around `va` page by page, present or not: its 512
 * entries, and a number that changes when another table or other rights of the upper
 * levels take its place. For comparing many entries without walking to each. false:
 * there is none (large page, upper level absent). */
struct page_table {
	const uint64_t *entries;
	uint64_t path;
};
bool mmu_page_table(gva_t va, struct page_table *table);

/* Does the top-level table at `root` map nothing below `end` (a multiple of what one of its
 * entries maps)? True as well if it is no memory. */
bool mmu_empty(gpa_t root, gva_t end);

/* Copy between the VMM and guest-virtual memory as an access of kind `access`.
 * false: reads may have copied the pages in front, writes (checked first) nothing, and
 * vcpu.cr2 and *error describe the #PF, unless *error is MMU_NOT_CANONICAL. An address that
 * translates to no memory reads as all ones and swallows writes. */
bool guest_read(gva_t va, void *to, size_t length, mword access, mword *error);
bool guest_write(gva_t va, const void *from, size_t length, mword access, mword *error);

/* Like the kernel's own debugger would: ignore permissions and accessed bits, so
 * that read-only code can be rewritten. false: not mapped. */
bool guest_peek(gva_t va, void *to, size_t length);
bool guest_poke(gva_t va, const void *from, size_t length);

#endif
