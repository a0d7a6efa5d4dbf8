/* SPDX-License-Identifier: BSD-2-Clause */
/* in, out, ins, outs: the platform's ports (SDM 1 chapter 19).
 *
 * Kernels reach devices this way, and applications that the guest's kernel lets:
 * by IOPL, or by the bitmap behind the task-state segment.
 */
#include "vmm/cpu/cpu.h"
#include "vmm/cpu/machine.h"

#define TSS_BITMAP_OFFSET 0x66

/* The bitmap is read two bytes at a time, so that an access that crosses a byte needs
 * one look (SDM 1 19.5.2). Beyond the segment's limit nothing is allowed. */
static bool bitmap_allows(uint16_t port, unsigned size)
{
	uint16_t offset, bits;
	mword error, cr2 = vcpu.cr2;
	uint32_t at;

	if (vcpu.tr.limit < TSS_BITMAP_OFFSET + 1)
		return false;
	if (!guest_read(gva(vcpu.tr.base + TSS_BITMAP_OFFSET), &offset, 2, ACCESS_READ, &error)) {
		vcpu.cr2 = cr2;
		return false;
	}
	at = offset + port / 8u;
	if (at + 1 > vcpu.tr.limit)
		return false;
	if (!guest_read(gva(vcpu.tr.base + at), &bits, 2, ACCESS_READ, &error)) {
		vcpu.cr2 = cr2;
		return false;
	}
	return !(bits >> (port & 7) & ((1u << size) - 1));
}

bool port_allowed(uint16_t port, unsigned size)
{
	return vcpu.cpl <= iopl() || bitmap_allows(port, size);
}

static uint16_t port_of(const struct insn *insn)
{
	return insn->reg == INSN_NO_REG ? (uint16_t)insn->imm : (uint16_t)vcpu.regs.gpr[RDX];
}

bool emulate_in(const struct insn *insn, mword next)
{
	uint16_t port = port_of(insn);

	(void)next;
	if (!port_allowed(port, insn->operand))
		return fault(VECTOR_GP, 0);
	register_write(RAX, insn->operand, machine_in(port, insn->operand));
	interrupt_refresh();
	return true;
}

bool emulate_out(const struct insn *insn, mword next)
{
	uint16_t port = port_of(insn);

	(void)next;
	if (!port_allowed(port, insn->operand))
		return fault(VECTOR_GP, 0);
	machine_out(port, insn->operand, (uint32_t)register_read(RAX, insn->operand));
	interrupt_refresh();
	return true;
}

/* --- strings ----------------------------------------------------------------------- */

/* An index or count register is as wide as addresses are. */
static void advance(unsigned gpr, unsigned address, mword by)
{
	register_write(gpr, address, register_read(gpr, address) + by);
}

static mword string_address(const struct insn *insn, unsigned gpr, bool source)
{
	mword va = register_read(gpr, insn->address);

	if (source && insn->segment == SEG_FS)
		va += vcpu.fs_base;
	if (source && insn->segment == SEG_GS)
		va += vcpu.gs_base;
	return va;
}

/* The element is written first where it may fault; a device that was read is not read
 * again, but its value is lost with the fault, so the page is looked at beforehand. */
static bool one_in(const struct insn *insn)
{
	mword va = string_address(insn, RDI, false);
	uint16_t port = (uint16_t)vcpu.regs.gpr[RDX];
	mword error, access = ACCESS_WRITE | (vcpu.cpl == 3 ? ACCESS_USER : 0);
	struct translation first, last;
	uint32_t value;

	if (!mmu_translate(gva(va), access, &first, &error)) {
		vcpu.cr2 = error == MMU_NOT_CANONICAL ? vcpu.cr2 : va;
		return access_fault(error, VECTOR_GP);
	}
	if (!mmu_translate(gva(va + insn->operand - 1), access, &last, &error)) {
		vcpu.cr2 = error == MMU_NOT_CANONICAL ? vcpu.cr2 : (va | (PAGE_SIZE - 1)) + 1;
		return access_fault(error, VECTOR_GP);
	}
	value = machine_in(port, insn->operand);
	return cpu_write(va, &value, insn->operand);
}

static bool one_out(const struct insn *insn)
{
	uint32_t value = 0;

	if (!cpu_read(string_address(insn, RSI, true), &value, insn->operand))
		return false;
	machine_out((uint16_t)vcpu.regs.gpr[RDX], insn->operand, value);
	return true;
}

/* Interrupts come between iterations: after so many, the guest is let go on at the
 * same instruction, which takes up where it was. */
#define ITERATIONS 4096

static bool once(const struct insn *insn, unsigned index, bool (*one)(const struct insn *))
{
	mword step = vcpu.regs.rflags & FLAG_DF ? -(mword)insn->operand : insn->operand;

	if (!one(insn))
		return false;
	advance(index, insn->address, step);
	return true;
}

/* An iteration is complete before the next begins: a fault finds the registers where
 * it happened, and the instruction starts over from there. */
static bool string(const struct insn *insn, unsigned index, bool (*one)(const struct insn *))
{
	if (!port_allowed((uint16_t)vcpu.regs.gpr[RDX], insn->operand))
		return fault(VECTOR_GP, 0);
	for (unsigned i = 0; i < ITERATIONS; i++) {
		if (insn->rep && !register_read(RCX, insn->address))
			break;
		if (!once(insn, index, one))
			return false;
		if (!insn->rep)
			break;
		advance(RCX, insn->address, (mword)-1);
	}
	interrupt_refresh();
	return !insn->rep || !register_read(RCX, insn->address);
}

bool emulate_ins(const struct insn *insn, mword next)
{
	(void)next;
	return string(insn, RDI, one_in);
}

bool emulate_outs(const struct insn *insn, mword next)
{
	(void)next;
	return string(insn, RSI, one_out);
}
