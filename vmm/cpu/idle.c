/* SPDX-License-Identifier: BSD-2-Clause */
/* hlt, and the sti that goes with it.
 *
 * A halted virtual CPU waits inside of the VMM. Between looking at the devices and
 * waiting nothing is lost: backend_idle() returns at once if an event was due since
 * the guest last ran.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/cpu/machine.h"

static void wait_for_interrupt(void)
{
	interrupt_look();
	while (!machine_interrupt()) {
		backend_idle();
		interrupt_look();
	}
}

bool emulate_hlt(const struct insn *insn, mword next)
{
	(void)insn;
	vcpu.regs.rip = next;
	if (vcpu.masked) /* only an NMI could wake it, and there is none */
		backend_exit(BACKEND_EXIT_HALTED, 0);
	vcpu.halted = 1;
	vcpu.shadow = 0;
	wait_for_interrupt();
	vcpu.halted = 0;
	vcpu.regs.rflags &= ~FLAG_RF;
	interrupt_deliver();
	return false;
}

/* One site: no interrupt comes between the two, so none is lost. */
bool emulate_sti_hlt(const struct insn *insn, mword next)
{
	flags_set(vcpu.regs.rflags | FLAG_IF);
	return emulate_hlt(insn, next);
}

bool emulate_sti_sysexit(const struct insn *insn, mword next)
{
	flags_set(vcpu.regs.rflags | FLAG_IF);
	return emulate_sysexit(insn, next);
}
