/* SPDX-License-Identifier: BSD-2-Clause */
/* gate.S's table. Shared by assembler and C. */
#ifndef AFTERBURN_BACKENDS_LINUX_GATE_H
#define AFTERBURN_BACKENDS_LINUX_GATE_H

/* Registers to put back: from scratch[0], scratch[2], iret_frame[4]; rcx has moved. */
#define GATE_RAX   1
#define GATE_RSP   2
#define GATE_FLAGS 4
#define GATE_BACK  8
/* With protection keys: rax and rdx from gate_kept, rcx from r11, flags from r11. */
#define GATE_KEPT    16
#define GATE_NEXT    32
#define GATE_FLAGS11 64

#ifndef __ASSEMBLER__
#include "vmm/types.h"

struct gate_range {
	int32_t first; /* address minus address of this field */
	uint16_t length;
	uint16_t saved; /* GATE_RAX ... */
};

_Static_assert(sizeof(struct gate_range) == 8, "as gate.S makes them");

extern const struct gate_range gate_ranges[], gate_ranges_end[];
extern const char vmm_gate[], vmm_gate_end[];
extern const char vmm_gate_keys[], gate_keys_open[];

extern mword gate_kept[2]; /* rax, rdx; the application may change them */

/* Code was written, at another address than it is executed at, and perhaps by another
 * processor: SDM 3A 8.1.3 wants a serializing instruction before it runs. */
void gate_serialize(void);

#endif
#endif
