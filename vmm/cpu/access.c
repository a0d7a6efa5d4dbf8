/* SPDX-License-Identifier: BSD-2-Clause */
/* Sensitive memory operations, annotated by hand (paper 3.2), where the back-end asked
 * for a call: they do what the plain instruction does, in the order of the guest's
 * program. A back-end that keeps page tables of its own sees the entry change when it
 * next walks them.
 */
#include "vmm/cpu/cpu.h"

bool emulate_store(const struct insn *insn, mword next)
{
	mword value = register_read(insn->reg, insn->operand);

	(void)next;
	return cpu_write(operand_address(insn), &value, insn->operand);
}

bool emulate_load(const struct insn *insn, mword next)
{
	mword value = 0;

	(void)next;
	if (!cpu_read(operand_address(insn), &value, insn->operand))
		return false;
	register_write(insn->reg, insn->operand, value);
	return true;
}

/* One virtual CPU: nothing comes between the read and the write. */
bool emulate_exchange(const struct insn *insn, mword next)
{
	mword va = operand_address(insn), new = register_read(insn->reg, insn->operand), old = 0;

	(void)next;
	if (!cpu_read(va, &old, insn->operand) || !cpu_write(va, &new, insn->operand))
		return false;
	register_write(insn->reg, insn->operand, old);
	return true;
}

/* btr with an immediate (insn->reg is none), or a register, which reaches beyond the
 * operand: its upper bits count operands up or down (SDM 2 BTR). */
bool emulate_test_clear(const struct insn *insn, mword next)
{
	unsigned bits = insn->operand * 8u;
	mword va = operand_address(insn), value = 0;
	int64_t bit = insn->imm;
	bool old;

	(void)next;
	if (insn->reg != INSN_NO_REG)
		bit = (int64_t)(register_read(insn->reg, insn->operand) << (64 - bits)) >>
		      (64 - bits);
	if (insn->reg != INSN_NO_REG)
		va += (mword)((bit - (bit & (bits - 1))) / 8);
	bit &= bits - 1;
	if (!cpu_read(va, &value, insn->operand))
		return false;
	old = value >> bit & 1;
	value &= ~BIT(bit);
	if (!cpu_write(va, &value, insn->operand))
		return false;
	vcpu.regs.rflags = (vcpu.regs.rflags & ~FLAG_CF) | (old ? FLAG_CF : 0);
	return true;
}
