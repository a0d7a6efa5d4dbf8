/* SPDX-License-Identifier: BSD-2-Clause */
/* The front-end's types. Freestanding: the only headers used are gcc's own.
 *
 * Four kinds of addresses meet in an in-place VMM, and one kind in the place of
 * another is a hole in the host. Guest addresses are therefore structures: C does
 * not convert them, and they become pointers only in memory.h and mmu.h.
 */
#ifndef AFTERBURN_VMM_TYPES_H
#define AFTERBURN_VMM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The machine word of the widest guest; a 32-bit guest's values are zero-extended. */
typedef uint64_t mword;

/* A guest-virtual address: what guest instructions use. */
typedef struct {
	mword v;
} gva_t;

/* A guest-physical address: what guest page tables and the devices use. */
typedef struct {
	uint64_t v;
} gpa_t;

static inline gva_t gva(mword v)
{
	return (gva_t){v};
}

static inline gpa_t gpa(uint64_t v)
{
	return (gpa_t){v};
}

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define BIT(n) (UINT64_C(1) << (n))

#endif
