/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions, system calls, events: what do they mean for the guest? */
#include "backends/xen/traps.h"

#include "backends/xen/hypercall.h"
#include "backends/xen/layout.h"
#include "backends/xen/private.h"
#include "backends/xen/shadow.h"
#include "backends/xen/stats.h"
#include "vmm/backend.h"
#include "vmm/entry.h"
#include "vmm/format.h"
#include "vmm/frontend.h"
#include "vmm/rewrite.h"

#define APPLICATIONS_MAY 3 /* trap_info.flags: the least privileged ring that may `int` */
#define MASK_EVENTS	 4
#define ENTRY(vector)	 ((mword)trap_entries + TRAP_ENTRY_BYTES * (vector))

extern const char trap_entries[], syscall_entry[], event_entry[], failsafe_entry[];
extern const char user_sysret_quiet[], user_iret_quiet[]; /* exit.S */

void trap_handle(unsigned vector, mword error, mword cs);
_Noreturn void trap_bug(const mword *frame);

static void page_fault(mword error)
{
	gva_t va = gva(vcpu_info()->arch.cr2);
	struct translation translation;

	if (vcpu.cpl == 0)
		error &= ~ACCESS_USER;
	if (!vmm_page_fault(va, error, &translation)) {
		count(STAT_GUEST_FAULTS);
		return;
	}
	count(STAT_FILLS);
	shadow_fill(va, &translation, error & ACCESS_WRITE);
}

_Static_assert(offsetof(struct vcpu, hypervisor) + SYSCALL_ODD <
		       offsetof(struct vcpu_info, evtchn_pending_sel),
	       "bytes that Xen does not use");

/* What the guest's kernel and its applications have in CS, and 32 bits above in SS. */
uint64_t syscall_segments, user_segments;

static uint64_t segments(uint32_t cs, uint32_t ss)
{
	return cs | (uint64_t)ss << 32;
}

#define SYSCALL_FLAGS_CLEARED                                                                      \
	(FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_OF | \
	 FLAG_NT | FLAG_AC | FLAG_ID)

/* Whether syscall_entry may do what vmm_syscall() does, and the selectors. Looked at whenever C
 * has run: only it changes the registers in question. */
void traps_look(void)
{
	bool cleared = (vcpu.sfmask & SYSCALL_FLAGS_CLEARED) == SYSCALL_FLAGS_CLEARED;

	static uint64_t star = UINT64_MAX; /* whose selectors these are */
	uint32_t cs, ss;

	vcpu.hypervisor[SYSCALL_ODD] =
		!cleared || !(vcpu.efer & EFER_SCE) || selectors_odd || vcpu.iopl;
	if (vcpu.star == star)
		return;
	star = vcpu.star;
	cs = star >> 32 & 0xfffc;
	syscall_segments = segments(cs, cs + 8);
	ss = (uint16_t)(star >> 48 | 3) + 8u;
	user_segments = segments(ss + 8, ss);
}

/* vcpu has the guest's registers, but not yet those that it knows. */
volatile uint8_t in_trap;

/* Xen says ring 0 for whoever ran as kernel: the guest's, or a stub of ours on its way to an
 * application. */
void trap_handle(unsigned vector, mword error, mword cs)
{
	if (vcpu.regs.rip - (mword)vmm_user_sysret < (mword)(user_sysret_quiet - vmm_user_sysret))
		vcpu.regs.rip = (mword)vmm_sysret;
	if (vcpu.regs.rip - (mword)vmm_user_iret < (mword)(user_iret_quiet - vmm_user_iret))
		vcpu.regs.rip = (mword)vmm_iret;
	if (!(cs & 3))
		rewrite_restart(&vcpu.regs.rip, &vcpu.regs.gpr[RSP], &vcpu);
	vcpu.in_vmm = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	in_trap = 0;
	vmm_settle_bases();
	if (selectors_odd && vcpu.cpl == 3)
		processor_application_stopped();
	switch (vector) {
	case TRAP_EVENT: /* vmm_resume looks at what is pending */
		return;
	case TRAP_SYSCALL:
		vmm_syscall();
		return;
	case TRAP_INT80:
		vmm_software_interrupt(0x80);
		return;
	case VECTOR_PF:
		page_fault(error);
		return;
	default:
		vmm_exception(vector, error);
	}
}

_Noreturn void trap_bug(const mword *frame)
{
	static struct line line;

	line_text(&line, "exception in the VMM itself; frame");
	for (unsigned i = 0; i < 6; i++)
		line_hex(line_text(&line, " "), frame[i]);
	die(line.text, "cr2", vcpu_info()->arch.cr2);
}

static void set_callback(unsigned type, unsigned flags, const char *entry)
{
	struct callback_register argument = {
		.type = (uint16_t)type, .flags = (uint16_t)flags, .address = (mword)entry};
	long result = xen_callback_op(CALLBACKOP_register, &argument);

	if (result)
		die_hypercall("registering a callback", result);
}

static void set_trap_table(void)
{
	static trap_info_t table[TRAP_SYSCALL + 1];
	unsigned n = 0;
	long result;

	for (unsigned vector = 0; vector < 20; vector++) {
		bool any = vector == VECTOR_BP || vector == VECTOR_OF;

		if (vector == VECTOR_NMI || vector == 15)
			continue;
		table[n++] = (trap_info_t){.vector = (uint8_t)vector,
					   .flags = MASK_EVENTS | (any ? APPLICATIONS_MAY : 0),
					   .cs = LAYOUT_CS,
					   .address = ENTRY(vector)};
	}
	table[n++] =
		(trap_info_t){0x80, MASK_EVENTS | APPLICATIONS_MAY, LAYOUT_CS, ENTRY(TRAP_INT80)};
	result = xen_set_trap_table(table);
	if (result)
		die_hypercall("set_trap_table", result);
}

void traps_start(void)
{
	long result;

	set_trap_table();
	set_callback(CALLBACKTYPE_event, 0, event_entry);
	set_callback(CALLBACKTYPE_failsafe, CALLBACKF_mask_events, failsafe_entry);
	set_callback(CALLBACKTYPE_syscall, CALLBACKF_mask_events, syscall_entry);
	result = xen_stack_switch(LAYOUT_SS, (mword)vmm_stack_top);
	if (result)
		die_hypercall("stack_switch", result);
}
