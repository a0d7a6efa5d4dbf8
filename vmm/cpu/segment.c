/* SPDX-License-Identifier: BSD-2-Clause */
/* Segment registers: selectors are the guest's, bases of fs and gs are real.
 *
 * In 64-bit mode only the bases of fs and gs matter. They stay in the real processor
 * and are exchanged with vcpu.fs_base and gs_base around the VMM, unless the back-end
 * keeps them: then swapgs only notes that two of them are each other.
 */
#include "vmm/cpu/cpu.h"
#include "vmm/frontend.h"

void segment_set_base(unsigned segment, uint64_t base)
{
	if (segment == SEG_FS)
		vcpu.fs_base = base;
	else if (segment == SEG_GS)
		vcpu.gs_base = base;
}

/* SDM 2 MOV, "Loading Segment Registers". */
static bool data_usable(const struct descriptor *d, uint16_t selector)
{
	bool code = d->low & DESCRIPTOR_CODE, conforming = code && (d->low & DESCRIPTOR_C);
	unsigned dpl = descriptor_dpl(d);

	if (!(d->low & DESCRIPTOR_S) || (code && !(d->low & DESCRIPTOR_W)))
		return false;
	return conforming || (dpl >= vcpu.cpl && dpl >= (selector & SELECTOR_RPL));
}

static bool stack_usable(const struct descriptor *d, uint16_t selector)
{
	return (d->low & DESCRIPTOR_S) && !(d->low & DESCRIPTOR_CODE) && (d->low & DESCRIPTOR_W) &&
	       descriptor_dpl(d) == vcpu.cpl && (selector & SELECTOR_RPL) == vcpu.cpl;
}

static bool load_null(unsigned segment, uint16_t selector)
{
	if (segment == SEG_SS && (vcpu.cpl == 3 || (selector & SELECTOR_RPL) != vcpu.cpl))
		return fault(VECTOR_GP, 0);
	vcpu.segment[segment] = selector;
	segment_set_base(segment, 0); /* as Intel does; AMD keeps the base */
	return true;
}

bool segment_load(unsigned segment, uint16_t selector)
{
	struct descriptor d;
	bool usable;
	mword error;

	if (selector_null(selector))
		return load_null(segment, selector);
	if (!descriptor_load(selector, false, &d))
		return false;
	usable = segment == SEG_SS ? stack_usable(&d, selector) : data_usable(&d, selector);
	if (!usable)
		return fault(VECTOR_GP, selector & SELECTOR_INDEX);
	if (!(d.low & DESCRIPTOR_P))
		return fault(segment == SEG_SS ? VECTOR_SS : VECTOR_NP, selector & SELECTOR_INDEX);
	if (!(d.low & DESCRIPTOR_ACCESSED)) {
		d.low |= DESCRIPTOR_ACCESSED;
		if (!guest_write(gva(d.at), &d.low, sizeof(d.low), ACCESS_WRITE, &error))
			return access_fault(error, VECTOR_GP);
	}
	vcpu.segment[segment] = selector;
	segment_set_base(segment, descriptor_base(&d));
	return true;
}

bool emulate_mov_from_seg(const struct insn *insn, mword next)
{
	(void)next;
	if (insn->reg >= SEG_COUNT)
		return fault(VECTOR_UD, 0);
	return operand_write(insn, insn->operand, 2, vcpu.segment[insn->reg]);
}

/* Where `mov` was not rewritten its loads of null selectors do not trap, so a kernel
 * selector that such code loads would stay for ever: Linux's first page loads one and then
 * null, and every context switch would save and load it again (2 calls), every return to an
 * application take the general way. 64-bit mode uses nothing of ds and es. */
static void forget_data_selector(unsigned segment)
{
	if (emulating_trap && !(vcpu.segment[segment] & SELECTOR_RPL) &&
	    (segment == SEG_DS || segment == SEG_ES))
		vcpu.segment[segment] = 0;
}

/* Loading ss holds interrupts off for one instruction (SDM 3A 6.8.3). */
bool emulate_mov_to_seg(const struct insn *insn, mword next)
{
	mword selector;

	if (insn->reg >= SEG_COUNT || insn->reg == SEG_CS)
		return fault(VECTOR_UD, 0);
	if (!operand_read(insn, 2, &selector) || !segment_load(insn->reg, (uint16_t)selector))
		return false;
	if (insn->reg == SEG_SS)
		interrupt_shadow(next);
	forget_data_selector(insn->reg);
	return true;
}

bool emulate_push_seg(const struct insn *insn, mword next)
{
	(void)next;
	return stack_push(vcpu.segment[insn->reg], insn->operand);
}

bool emulate_pop_seg(const struct insn *insn, mword next)
{
	mword selector;

	if (!stack_read(0, &selector, 1, insn->operand) ||
	    !segment_load(insn->reg, (uint16_t)selector))
		return false;
	stack_drop(insn->operand);
	if (insn->reg == SEG_SS)
		interrupt_shadow(next);
	return true;
}

/* lss, lfs, lgs: offset, then the selector; insn->imm is the segment. */
bool emulate_load_far(const struct insn *insn, mword next)
{
	mword at = operand_address(insn), offset = 0;
	uint16_t selector;

	(void)next;
	if (!cpu_read(at, &offset, insn->operand) ||
	    !cpu_read(at + insn->operand, &selector, sizeof(selector)) ||
	    !segment_load((unsigned)insn->imm, selector))
		return false;
	register_write(insn->reg, insn->operand, offset);
	return true;
}

static void swap_bases(void)
{
	uint64_t base = vcpu.gs_base;

	vcpu.gs_base = vcpu.kernel_gs_base;
	vcpu.kernel_gs_base = base;
}

void vmm_settle_bases(void)
{
	if (vcpu.swapped)
		swap_bases();
	vcpu.swapped = 0;
}

bool emulate_swapgs(const struct insn *insn, mword next)
{
	(void)insn, (void)next;
	swap_bases();
	return true;
}

static bool read_base(const struct insn *insn, uint64_t base)
{
	if (!(vcpu.cr4 & CR4_FSGSBASE))
		return fault(VECTOR_UD, 0);
	register_write(insn->rm, insn->operand, base);
	return true;
}

static bool write_base(const struct insn *insn, unsigned segment)
{
	mword base = register_read(insn->rm, insn->operand);

	if (!(vcpu.cr4 & CR4_FSGSBASE))
		return fault(VECTOR_UD, 0);
	if (!canonical(base))
		return fault(VECTOR_GP, 0);
	segment_set_base(segment, base);
	return true;
}

bool emulate_rdfsbase(const struct insn *insn, mword next)
{
	(void)next;
	return read_base(insn, vcpu.fs_base);
}

bool emulate_rdgsbase(const struct insn *insn, mword next)
{
	(void)next;
	return read_base(insn, vcpu.gs_base);
}

bool emulate_wrfsbase(const struct insn *insn, mword next)
{
	(void)next;
	return write_base(insn, SEG_FS);
}

bool emulate_wrgsbase(const struct insn *insn, mword next)
{
	(void)next;
	return write_base(insn, SEG_GS);
}
