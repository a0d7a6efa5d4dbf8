/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and interrupts into the guest: the IDT, stacks, frames. */
#ifndef AFTERBURN_VMM_TRAP_H
#define AFTERBURN_VMM_TRAP_H

#include "vmm/types.h"

/* Raise exception `vector` at vcpu.regs, with `error` if the vector has an error code
 * (SDM 3A table 6-1). A second one on the way becomes a double fault, a third
 * ends the machine (SDM 3A 6.15, "Interrupt 8"). */
void trap_raise(unsigned vector, mword error);

/* Raise #PF: sets CR2. */
void trap_page_fault(gva_t va, mword error);

/* An external interrupt. The caller has checked that the guest takes it. */
void trap_interrupt(unsigned vector);

/* `int n`, `int3` by an instruction, rip behind it: gate DPL is checked;
 * `length` is the instruction's, for the address in #GP. */
void trap_software(unsigned vector, unsigned length);

#endif
