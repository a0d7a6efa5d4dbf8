/* SPDX-License-Identifier: BSD-2-Clause */
/*@055 Emulation: what a sensitive instruction does to the virtual CPU
 *
 * One table entry per class of rules/annot.h; a class without an entry is a named
 * fatal error. Both ways into the VMM end here: a rewritten site, decoded when it was
 * rewritten, and a trap, decoded on the spot.
 */
#ifndef AFTERBURN_VMM_EMULATE_H
#define AFTERBURN_VMM_EMULATE_H

#include "vmm/insn.h"
#include "vmm/types.h"

/* Execute `insn`, which stands at vcpu.regs.rip, on the virtual CPU; the next
 * instruction is at `next` (behind the pad, for a rewritten site). Raises the
 * exceptions that the architecture says. Privileged instructions raise #GP(0) if
 * vcpu.cpl is 3. */
void emulate(const struct insn *insn, mword next);

/* For --stats: how often each class was emulated, in the order of AB_CLASSES. */
struct class_count {
	uint16_t class;
	const char *name;
	uint64_t sites; /* calls from rewritten sites */
	uint64_t traps; /* traps of unrewritten ones */
};
const struct class_count *emulate_counts(size_t *count);

/* "WRMSR"; "?" for what is no class. */
const char *emulate_class_name(uint16_t class);

/* For --trace: log every emulation of the class called `name` (any case), or of "all".
 * false: there is no such class. */
bool vmm_trace_enable(const char *name);

/* Log one line about an emulation of `class` at `rip`; called where traced. */
extern bool vmm_trace_class[];
void vmm_trace(uint16_t class, mword rip);

#endif
