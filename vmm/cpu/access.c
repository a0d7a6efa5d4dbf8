/* SPDX-License-Identifier: BSD-2-Clause */
/* Sensitive memory operations, annotated by hand (paper 3.2), where the back-end asked
 * for a call: they do what the plain instruction does, in the order of the guest's
 * program. A back-end that keeps page tables of its own is told what has changed.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/frontend.h"
#include "vmm/memory.h"

static bool is_table_write(uint16_t class)
{
	return class == AB_CLASS_PGD_WRITE || class == AB_CLASS_PTE_WRITE ||
	       class == AB_CLASS_PTE_READ_CLEAR || class == AB_CLASS_PTE_TEST_CLEAR;
}

/* The page-table entry that `size` bytes at `va` lie in; NULL: none, or no memory. */
static const uint64_t *entry_at(mword va, unsigned size)
{
	mword error;
	void *bytes;

	if (!tlb_bytes(va & ~(mword)(PTE_BYTES - 1), ACCESS_WRITE, &bytes, &error))
		return NULL;
	if (va % PTE_BYTES + size > PTE_BYTES)
		fatal_value("write to two page-table entries at once", "address", va);
	return bytes;
}

/* The site's own store may have been done already (vmm_table_store). */
static bool write(const struct insn *insn, mword va, mword value)
{
	const uint64_t *entry;

	if (!is_table_write(insn->class))
		return cpu_write(va, &value, insn->operand);
	entry = entry_at(va, insn->operand);
	if (!cpu_write(va, &value, insn->operand))
		return false;
	if (entry)
		backend_table_written(memory_address(entry), *entry);
	return true;
}

void vmm_table_stored(gpa_t entry)
{
	const uint64_t *value = memory_at(entry, PTE_BYTES);

	if (value && entry.v % PTE_BYTES == 0)
		backend_table_written(entry, *value);
}

bool emulate_store(const struct insn *insn, mword next)
{
	(void)next;
	return write(insn, operand_address(insn), register_read(insn->reg, insn->operand));
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
	if (!cpu_read(va, &old, insn->operand) || !write(insn, va, new))
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
	if (!write(insn, va, value))
		return false;
	vcpu.regs.rflags = (vcpu.regs.rflags & ~FLAG_CF) | (old ? FLAG_CF : 0);
	return true;
}
