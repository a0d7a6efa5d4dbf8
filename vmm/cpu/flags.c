/* SPDX-License-Identifier: BSD-2-Clause */
/* RFLAGS: what instructions see and change of it.
 *
 * The real processor's IF and IOPL belong to the host. The guest's IF is vcpu.masked,
 * inverted, where templates reach it with one move; its IOPL is vcpu.iopl.
 */
#include "vmm/cpu/cpu.h"

bool emulate_cli(const struct insn *insn, mword next)
{
	(void)insn, (void)next;
	flags_set(vcpu.regs.rflags & ~FLAG_IF);
	return true;
}

/* After sti there is no interrupt before the next instruction is done (SDM 2 STI), so
 * that `sti; hlt` cannot lose one. Where sites are rewritten those two are one site,
 * and no other code depends on it. */
bool emulate_sti(const struct insn *insn, mword next)
{
	(void)insn;
	if (vcpu.masked && emulating_trap)
		interrupt_shadow(next);
	flags_set(vcpu.regs.rflags | FLAG_IF);
	return true;
}

bool emulate_pushf(const struct insn *insn, mword next)
{
	(void)next;
	return stack_push(vcpu.regs.rflags & ~(FLAG_RF | FLAG_VM), insn->operand);
}

/* Which flags a popf changes: SDM 2 POPF, table 4-16, without virtual-8086 mode. */
bool emulate_popf(const struct insn *insn, mword next)
{
	mword value, changes = FLAGS_ALL & ~(FLAG_RF | FLAG_VM | FLAG_VIF | FLAG_VIP);

	(void)next;
	if (!stack_read(0, &value, 1, insn->operand))
		return false;
	stack_drop(insn->operand);
	if (vcpu.cpl != 0)
		changes &= ~FLAG_IOPL;
	if (vcpu.cpl > iopl())
		changes &= ~FLAG_IF;
	if (insn->operand == 2)
		changes &= 0xffff;
	flags_set((vcpu.regs.rflags & ~changes & ~FLAG_RF) | (value & changes));
	return true;
}
