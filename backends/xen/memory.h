/* SPDX-License-Identifier: BSD-2-Clause */
/*@211 Which machine frames the domain has, and what they are used for
 *
 * Xen gives a domain frames anywhere in the machine's memory, and a list of them in
 * start_info. Most become guest-physical memory, through our own table (gfn to mfn); some are
 * the VMM's. In the order of Xen's list:
 *
 *   the first 1 MiB         guest-physical 0 on
 *   the VMM's image         stays the VMM's
 *   the payload             guest memory above the guest's kernel, once that is loaded
 *   Xen's boot tables       lost
 *   all else                guest memory
 *   the last ones           the VMM's: tables about memory, pool of page tables
 *
 * The payload is not copied out of the way: guest-physical addresses are given such that
 * neither kernel nor initial RAM disk is loaded where it lies.
 */
#ifndef AFTERBURN_BACKENDS_XEN_MEMORY_H
#define AFTERBURN_BACKENDS_XEN_MEMORY_H

#include "backends/xen/layout.h"
#include "vmm/types.h"

extern struct machine_memory {
	uint64_t guest_pages;
	uint64_t *p2m;	     /* [guest_pages]: machine frame numbers */
	uint64_t payload;    /* guest-physical frame where the payload begins */
	uint64_t pool_pages; /* for page tables, at LAYOUT_POOL, writable at first */
	uint64_t *pool;	     /* [pool_pages]: machine frame numbers */
	uint64_t root;	     /* machine frame of a top-level table with the VMM alone */
	uint64_t slot;	     /* its entries for LAYOUT_SLOT, */
	uint64_t window[LAYOUT_WINDOW_L2S]; /* and of the second level for the VMM's image */
} machine_memory;

/* Bits of the tables that the processor walks (SDM 3A table 4-20). Xen makes every entry of
 * a guest's a user's. */
#define ENTRY_P	 UINT64_C(1)
#define ENTRY_W	 UINT64_C(2)
#define ENTRY_U	 UINT64_C(4)
#define ENTRY_A	 UINT64_C(0x20)
#define ENTRY_D	 UINT64_C(0x40)
#define ENTRY_NX (UINT64_C(1) << 63)

#define ENTRY_TABLE (ENTRY_P | ENTRY_W | ENTRY_U | ENTRY_A)
#define ENTRY_READ  (ENTRY_P | ENTRY_U | ENTRY_A | ENTRY_NX)
#define ENTRY_WRITE (ENTRY_READ | ENTRY_W | ENTRY_D)

/* Take over the domain's memory: build our own page tables, load them, give back Xen's.
 * `boot_end`: end of what the domain builder mapped and used; `kernel_end`, `initrd`: bytes of
 * guest-physical memory that the kernel's image reaches to and that its RAM disk needs. */
void memory_start(mword boot_end, uint64_t kernel_end, uint64_t initrd, uint64_t payload_bytes);

/* The machine frame of a page of the VMM's image. */
uint64_t memory_frame_of(const void *image);

/* `bytes` zeroed bytes of the VMM's own memory, for good, 64-byte aligned; only in
 * memory_start()'s estimate's bounds (heap_bytes). */
void *heap_take(uint64_t bytes);

#endif
