/* SPDX-License-Identifier: BSD-2-Clause */
/* Fast system calls and software interrupts (SDM 2 SYSCALL, SYSRET, SYSENTER, SYSEXIT,
 * INT n). These trust their MSRs: no descriptor is read.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"

/* STAR: kernel selectors in bits 47:32, base of the users' in 63:48. */
static uint16_t star_kernel(void)
{
	return (uint16_t)(vcpu.star >> 32) & SELECTOR_INDEX;
}

static uint16_t star_user(void)
{
	return (uint16_t)(vcpu.star >> 48) | 3;
}

void enter_syscall(mword next)
{
	mword flags = vcpu.regs.rflags;

	if (!(vcpu.efer & EFER_SCE)) {
		trap_raise(VECTOR_UD, 0);
		return;
	}
	vcpu.regs.gpr[RCX] = next;
	vcpu.regs.gpr[R11] = flags & ~FLAG_RF;
	vcpu.regs.rip = vcpu.lstar;
	change_privilege(0, star_kernel(), star_kernel() + 8);
	flags_set(flags & ~vcpu.sfmask & ~FLAG_RF);
}

bool emulate_syscall(const struct insn *insn, mword next)
{
	(void)insn;
	enter_syscall(next);
	return false;
}

/* RF and VM come from R11 as 0. Without REX.W to 32-bit code, which is not modelled. */
bool emulate_sysret(const struct insn *insn, mword next)
{
	(void)next;
	if (!(vcpu.efer & EFER_SCE))
		return fault(VECTOR_UD, 0);
	if (insn->operand != 8)
		backend_fatal("sysret to 32-bit code: not modelled");
	if (!canonical(vcpu.regs.gpr[RCX]))
		return fault(VECTOR_GP, 0);
	vcpu.regs.rip = vcpu.regs.gpr[RCX];
	change_privilege(3, (uint16_t)(star_user() + 16), (uint16_t)(star_user() + 8));
	flags_set(vcpu.regs.gpr[R11] & ~(FLAG_RF | FLAG_VM));
	return false;
}

bool emulate_sysenter(const struct insn *insn, mword next)
{
	uint16_t cs = (uint16_t)vcpu.sysenter_cs & SELECTOR_INDEX;

	(void)insn, (void)next;
	if (!cs)
		return fault(VECTOR_GP, 0);
	vcpu.regs.rip = vcpu.sysenter_eip;
	vcpu.regs.gpr[RSP] = vcpu.sysenter_esp;
	change_privilege(0, cs, cs + 8);
	flags_set(vcpu.regs.rflags & ~(FLAG_IF | FLAG_VM | FLAG_RF));
	return false;
}

bool emulate_sysexit(const struct insn *insn, mword next)
{
	uint16_t cs = (uint16_t)vcpu.sysenter_cs | 3;

	(void)next;
	if (!(vcpu.sysenter_cs & SELECTOR_INDEX))
		return fault(VECTOR_GP, 0);
	if (insn->operand != 8)
		backend_fatal("sysexit to 32-bit code: not modelled");
	if (!canonical(vcpu.regs.gpr[RCX]) || !canonical(vcpu.regs.gpr[RDX]))
		return fault(VECTOR_GP, 0);
	vcpu.regs.rip = vcpu.regs.gpr[RDX];
	vcpu.regs.gpr[RSP] = vcpu.regs.gpr[RCX];
	change_privilege(3, cs + 32, cs + 40);
	return false;
}

/* `next` may lie behind a pad; the saved address is there, the fault's at the site. */
bool emulate_int(const struct insn *insn, mword next)
{
	mword start = vcpu.regs.rip;

	vcpu.regs.rip = next;
	trap_software((unsigned)insn->imm & 0xff, (unsigned)(next - start));
	return false;
}
