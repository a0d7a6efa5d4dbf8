/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers, memory operands and the stack as an instruction sees them. */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/string.h"

bool fault(unsigned vector, mword error)
{
	trap_raise(vector, error);
	return false;
}

bool access_fault(mword error, unsigned not_canonical)
{
	if (error == MMU_NOT_CANONICAL)
		return fault(not_canonical, 0);
	return fault(VECTOR_PF, error); /* CR2 is set already */
}

static mword access_kind(void)
{
	return vcpu.cpl == 3 ? ACCESS_USER : 0;
}

bool cpu_read(mword va, void *to, size_t length)
{
	mword error;

	return guest_read(gva(va), to, length, access_kind(), &error) ||
	       access_fault(error, VECTOR_GP);
}

bool cpu_write(mword va, const void *from, size_t length)
{
	mword error;

	return guest_write(gva(va), from, length, access_kind(), &error) ||
	       access_fault(error, VECTOR_GP);
}

unsigned word_size(void)
{
	return vcpu.efer & EFER_LMA ? 8 : 4;
}

mword register_read(unsigned gpr, unsigned size)
{
	return size == 8 ? vcpu.regs.gpr[gpr] : vcpu.regs.gpr[gpr] & (BIT(8 * size) - 1);
}

void register_write(unsigned gpr, unsigned size, mword value)
{
	mword *to = &vcpu.regs.gpr[gpr];

	if (size == 8)
		*to = value;
	else if (size == 4)
		*to = (uint32_t)value;
	else
		memcpy(to, &value, size); /* little-endian: the lower bytes */
}

static mword segment_base(uint8_t segment)
{
	return segment == SEG_FS ? vcpu.fs_base : segment == SEG_GS ? vcpu.gs_base : 0;
}

mword operand_address(const struct insn *insn)
{
	mword va = (mword)(int64_t)insn->disp;

	if (insn->rm_kind == INSN_RM_RIP)
		va += vcpu.regs.rip + insn->length;
	if (insn->base != INSN_NO_REG)
		va += vcpu.regs.gpr[insn->base];
	if (insn->index != INSN_NO_REG)
		va += vcpu.regs.gpr[insn->index] * insn->scale;
	if (insn->address == 4)
		va = (uint32_t)va;
	return va + segment_base(insn->segment);
}

/* rsp and rbp address the stack segment: a bad address is #SS, not #GP. */
static unsigned bad_address_vector(const struct insn *insn)
{
	return insn->base == RSP || insn->base == RBP ? VECTOR_SS : VECTOR_GP;
}

bool operand_read(const struct insn *insn, unsigned size, mword *value)
{
	mword error;

	if (insn->rm_kind == INSN_RM_REG) {
		*value = register_read(insn->rm, size);
		return true;
	}
	*value = 0;
	return guest_read(gva(operand_address(insn)), value, size, access_kind(), &error) ||
	       access_fault(error, bad_address_vector(insn));
}

bool operand_write(const struct insn *insn, unsigned register_size, unsigned size, mword value)
{
	mword error;

	if (insn->rm_kind == INSN_RM_REG) {
		register_write(insn->rm, register_size, value);
		return true;
	}
	return guest_write(gva(operand_address(insn)), &value, size, access_kind(), &error) ||
	       access_fault(error, bad_address_vector(insn));
}

bool stack_read(mword offset, mword *values, unsigned count, unsigned size)
{
	mword at = vcpu.regs.gpr[RSP] + offset, error;

	for (unsigned i = 0; i < count; i++) {
		values[i] = 0;
		if (!guest_read(gva(at + i * size), &values[i], size, access_kind(), &error))
			return access_fault(error, VECTOR_SS);
	}
	return true;
}

static bool push_bytes(const void *bytes, unsigned length)
{
	mword at = vcpu.regs.gpr[RSP] - length, error;

	if (!guest_write(gva(at), bytes, length, access_kind(), &error))
		return access_fault(error, VECTOR_SS);
	vcpu.regs.gpr[RSP] = at;
	return true;
}

bool stack_push(mword value, unsigned size)
{
	return push_bytes(&value, size);
}

bool stack_push_far(uint16_t selector, mword offset, unsigned size)
{
	uint8_t bytes[16];
	mword wide = selector;

	memcpy(bytes, &offset, size);
	memcpy(bytes + size, &wide, size);
	return push_bytes(bytes, 2 * size);
}

void stack_drop(unsigned bytes)
{
	vcpu.regs.gpr[RSP] += bytes;
}
