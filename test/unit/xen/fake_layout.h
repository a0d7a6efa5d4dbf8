/* SPDX-License-Identifier: BSD-2-Clause */
/* Included in front of what is tested: places of the VMM's in the domain's upper half are
 * mapped in the test's process at the same addresses without bits 47 to 63 (fake_xen.c).
 */
#ifndef TEST_UNIT_XEN_FAKE_LAYOUT_H
#define TEST_UNIT_XEN_FAKE_LAYOUT_H

#include "backends/xen/layout.h"

#define FAKE_HERE(va) ((va)&0x7fffffffffff)

#undef LAYOUT_RAM
#undef LAYOUT_HEAP
#undef LAYOUT_LIST
#undef LAYOUT_POOL
#define LAYOUT_RAM	FAKE_HERE(0xfffffe8000000000)
#define LAYOUT_HEAP	FAKE_HERE(0xfffffec000000000)
#define LAYOUT_LIST	FAKE_HERE(0xfffffed000000000)
#define LAYOUT_POOL	FAKE_HERE(0xfffffee000000000)
#define FAKE_PLACES_END FAKE_HERE(0xffffff0000000000)

/* A flat data segment that a process of Linux may load. */
#undef LAYOUT_SS
#define LAYOUT_SS 0x2b

/* The VMM's image is the test's program. */
#ifdef FAKE_IMAGE
extern char vmm_start[], vmm_end[];
#undef LAYOUT_BASE
#define LAYOUT_BASE ((unsigned long)vmm_start - 0x100000)
#endif

/* The test keeps time. */
#ifdef FAKE_TSC
unsigned long long fake_tsc(void);
#define __builtin_ia32_rdtsc fake_tsc
#endif

#endif
