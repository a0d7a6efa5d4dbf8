/* SPDX-License-Identifier: BSD-2-Clause */
/* External interrupts: from the devices to the guest.
 *
 * The VMM takes its hypervisor's events always, whatever the guest's interrupt flag
 * says, and remembers in vcpu.pending that the interrupt controller has something
 * (paper 2.4.2). It is delivered at once if the guest is interruptible, and else
 * when a stub that enables interrupts (sti, popf, iret), the idle loop or any other
 * exit from the VMM finds both. `pending` is a hint: the controller may have been
 * masked meanwhile, so it is asked again before delivery. A back-end, or the hypervisor
 * itself, may set it, too, to be called soon; the event must be remembered elsewhere until
 * vmm_event() is called, for `pending` is computed anew whenever a device is accessed.
 * backend_before_resume() is the last to look for such events: it may hand them over and
 * call vmm_before_resume() again; what is marked behind that, vmm_resume finds.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/cpu/machine.h"
#include "vmm/frontend.h"

/* What backend_set_timer() was last told, valid until the timer may have fired. */
static uint64_t armed;
static bool armed_valid;

void interrupt_reset(void)
{
	armed_valid = false;
	vcpu.pending = 0;
	vcpu.shadow = 0;
}

void interrupt_refresh(void)
{
	uint64_t deadline = machine_deadline();

	vcpu.pending = machine_interrupt();
	if (armed_valid && armed == deadline)
		return;
	armed = deadline;
	armed_valid = true;
	backend_set_timer(deadline);
}

void interrupt_look(void)
{
	armed_valid = false;
	machine_tick();
	interrupt_refresh();
}

void interrupt_shadow(mword rip)
{
	vcpu.shadow = 1;
	vcpu.shadow_rip = rip;
}

/* The shadow is over as soon as the guest has left its instruction. */
static bool in_shadow(void)
{
	if (vcpu.shadow && vcpu.regs.rip != vcpu.shadow_rip)
		vcpu.shadow = 0;
	return vcpu.shadow;
}

bool interrupt_deliver(void)
{
	int vector;

	if (vcpu.masked || in_shadow())
		return false;
	vector = machine_interrupt() ? machine_acknowledge() : -1;
	if (vector >= 0)
		trap_interrupt((unsigned)vector);
	interrupt_refresh();
	return vector >= 0;
}

void vmm_event(void)
{
	interrupt_look();
}

/* TS and EM make applications trap on floating point, which the real CR0 does not. */
void vmm_before_resume(void)
{
	if (vcpu.pending)
		interrupt_deliver();
	if (vcpu.cpl == 3 && (vcpu.cr0 & (CR0_TS | CR0_EM)))
		backend_fatal("application runs with CR0.TS or CR0.EM set: not modelled");
}
