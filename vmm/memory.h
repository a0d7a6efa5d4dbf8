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

#endif
