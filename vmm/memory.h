/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest-physical memory: the one place where a guest address becomes a pointer. */
#ifndef AFTERBURN_VMM_MEMORY_H
#define AFTERBURN_VMM_MEMORY_H

#include "vmm/types.h"

struct guest_memory {
	uint8_t *base; /* guest-physical 0; the VMM's own mapping, not the guest's */
	uint64_t size; /* bytes, multiple of PAGE_SIZE */
};

/* Set once by the back-end before anything runs. */
extern struct guest_memory guest_memory;

/* [address, address + length) as host memory; NULL if any of it is not memory. */
static inline void *memory_at(gpa_t address, uint64_t length)
{
	if (length > guest_memory.size || address.v > guest_memory.size - length)
		return NULL;
	return guest_memory.base + address.v;
}

/* The aligned word there. */
static inline uint64_t *memory_word(gpa_t address)
{
	return address.v < guest_memory.size ? (uint64_t *)(guest_memory.base + address.v) : NULL;
}

/* The way back, for what memory_at() gave. */
static inline gpa_t memory_address(const void *at)
{
	return gpa((uint64_t)((const uint8_t *)at - guest_memory.base));
}

#endif
