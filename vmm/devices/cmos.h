/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AFTERBURN_VMM_DEVICES_CMOS_H
#define AFTERBURN_VMM_DEVICES_CMOS_H

#include "vmm/types.h"

/* The memory of a PC with `memory` bytes of RAM; `ram` is all zero but for the
 * clock's registers, indexed by register number. */
void cmos_fill(uint8_t *ram, uint64_t memory);

#endif
