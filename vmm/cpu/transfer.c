/* SPDX-License-Identifier: BSD-2-Clause */
/* Far transfers through code descriptors: iret, lret, ljmp, lcall (SDM 2; SDM 3A 5.8).
 *
 * Every check comes before the first change, so that a faulting iret is reported at
 * itself with the state of before: Linux has an exception-table entry there.
 * 32-bit code segments are refused with #GP: the back-end runs 64-bit code only.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"

static bool bad_selector(unsigned vector, uint16_t selector)
{
	return fault(vector, selector & SELECTOR_INDEX);
}

/* A code segment for CPL `cpl`: fetch and check all but the rules for that CPL. */
static bool code_fetch(uint16_t selector, struct descriptor *d)
{
	if (selector_null(selector))
		return fault(VECTOR_GP, 0);
	if (!descriptor_load(selector, false, d))
		return false;
	if (!(d->low & DESCRIPTOR_S)) {
		if (descriptor_type(d) == 0x0c)
			fatal_value("call gate: not modelled", "selector", selector);
		return bad_selector(VECTOR_GP, selector);
	}
	if (!(d->low & DESCRIPTOR_CODE))
		return bad_selector(VECTOR_GP, selector);
	return true;
}

static bool code_finish(uint16_t selector, const struct descriptor *d, mword rip)
{
	if (!(d->low & DESCRIPTOR_P))
		return bad_selector(VECTOR_NP, selector);
	if (!(d->low & DESCRIPTOR_L) || (d->low & DESCRIPTOR_DB)) {
		limit_once("32-bit code segments do not run: #GP");
		return bad_selector(VECTOR_GP, selector);
	}
	if (!canonical(rip))
		return fault(VECTOR_GP, 0);
	return true;
}

/* Return to the level of the selector's RPL, the same or an outer one. */
static bool code_return(uint16_t selector, mword rip)
{
	struct descriptor d;
	unsigned rpl = selector & SELECTOR_RPL;

	if (!code_fetch(selector, &d))
		return false;
	if (rpl < vcpu.cpl)
		return bad_selector(VECTOR_GP, selector);
	if (d.low & DESCRIPTOR_C ? descriptor_dpl(&d) > rpl : descriptor_dpl(&d) != rpl)
		return bad_selector(VECTOR_GP, selector);
	return code_finish(selector, &d, rip);
}

/* The stack segment of a return to level `rpl`; null is fine for 64-bit kernels. */
static bool stack_return(uint16_t selector, unsigned rpl)
{
	struct descriptor d;

	if (selector_null(selector)) {
		if (rpl == 3 || (selector & SELECTOR_RPL) != rpl)
			return fault(VECTOR_GP, 0);
		return true;
	}
	if (!descriptor_load(selector, false, &d))
		return false;
	if ((selector & SELECTOR_RPL) != rpl || !(d.low & DESCRIPTOR_S) ||
	    (d.low & DESCRIPTOR_CODE) || !(d.low & DESCRIPTOR_W) || descriptor_dpl(&d) != rpl)
		return bad_selector(VECTOR_GP, selector);
	if (!(d.low & DESCRIPTOR_P))
		return bad_selector(VECTOR_SS, selector);
	return true;
}

/* Data segments too privileged for the new CPL become null (SDM 2 IRET). A selector
 * with RPL 3 was loaded with DPL 3, so it need not be looked up. */
static void drop_segments(unsigned cpl)
{
	static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

	for (unsigned i = 0; i < sizeof(data); i++) {
		uint16_t selector = (uint16_t)vcpu.segment[data[i]];
		struct descriptor d;
		mword error, cr2 = vcpu.cr2;
		bool conforming;

		if (selector_null(selector) || (selector & SELECTOR_RPL) == 3)
			continue;
		if (descriptor_fetch(selector, false, &d, &error) != LOOKUP_OK) {
			vcpu.cr2 = cr2;
			d.low = 0;
		}
		conforming = (d.low & DESCRIPTOR_CODE) && (d.low & DESCRIPTOR_C);
		if (conforming || descriptor_dpl(&d) >= cpl)
			continue;
		vcpu.segment[data[i]] = 0;
		segment_set_base(data[i], 0);
	}
}

static void go(mword rip, uint16_t cs, mword rsp, uint16_t ss)
{
	unsigned cpl = cs & SELECTOR_RPL;

	if (cpl > vcpu.cpl)
		drop_segments(cpl);
	vcpu.regs.rip = rip;
	vcpu.regs.gpr[RSP] = rsp;
	change_privilege(cpl, cs, ss);
}

/* SDM 2 IRET: which flags come from the frame depends on the CPL before. */
static mword iret_flags(mword image, unsigned size)
{
	mword changes = FLAGS_ALL & ~(FLAG_IOPL | FLAG_IF | FLAG_VM | FLAG_VIF | FLAG_VIP);

	if (vcpu.cpl <= iopl())
		changes |= FLAG_IF;
	if (vcpu.cpl == 0)
		changes |= FLAG_IOPL | FLAG_VIF | FLAG_VIP;
	if (size == 2)
		changes &= 0xffff;
	return (vcpu.regs.rflags & ~changes) | (image & changes);
}

/* In 64-bit mode all five words are popped, whatever the levels are. */
bool emulate_iret(const struct insn *insn, mword next)
{
	mword frame[5], flags;
	uint16_t cs, ss;

	(void)next;
	if (!(vcpu.efer & EFER_LMA))
		backend_fatal("iret outside of 64-bit mode");
	if (vcpu.regs.rflags & FLAG_NT)
		return fault(VECTOR_GP, 0);
	if (!stack_read(0, frame, 5, insn->operand))
		return false;
	cs = (uint16_t)frame[1];
	ss = (uint16_t)frame[4];
	if (!code_return(cs, frame[0]) || !stack_return(ss, cs & SELECTOR_RPL))
		return false;
	flags = iret_flags(frame[2], insn->operand);
	go(frame[0], cs, frame[3], ss);
	flags_set(flags);
	return false;
}

/* To an outer level, the stack pointer and segment follow the parameters. */
bool emulate_lret(const struct insn *insn, mword next)
{
	mword frame[4], parameters = (mword)insn->imm;
	unsigned size = insn->operand;

	(void)next;
	if (!stack_read(0, frame, 2, size))
		return false;
	if ((frame[1] & SELECTOR_RPL) <= vcpu.cpl) {
		if (!code_return((uint16_t)frame[1], frame[0]))
			return false;
		go(frame[0], (uint16_t)frame[1], vcpu.regs.gpr[RSP] + 2 * size + parameters,
		   (uint16_t)vcpu.segment[SEG_SS]);
		return false;
	}
	if (!stack_read(2 * size + parameters, frame + 2, 2, size))
		return false;
	if (!code_return((uint16_t)frame[1], frame[0]) ||
	    !stack_return((uint16_t)frame[3], frame[1] & SELECTOR_RPL))
		return false;
	go(frame[0], (uint16_t)frame[1], frame[2] + parameters, (uint16_t)frame[3]);
	return false;
}

/* The target of a far jump or call: the same level, so a conforming segment may be
 * more privileged and a non-conforming one must not differ. */
static bool far_target(const struct insn *insn, mword *rip, uint16_t *cs)
{
	struct descriptor d;
	unsigned rpl;

	*rip = 0;
	if (insn->rm_kind == INSN_RM_NONE) { /* ptr16:32, 32-bit code only */
		*rip = (uint32_t)insn->disp;
		*cs = (uint16_t)insn->imm;
	} else if (!cpu_read(operand_address(insn), rip, insn->operand) ||
		   !cpu_read(operand_address(insn) + insn->operand, cs, sizeof(*cs))) {
		return false;
	}
	if (!code_fetch(*cs, &d))
		return false;
	rpl = *cs & SELECTOR_RPL;
	if (d.low & DESCRIPTOR_C ? descriptor_dpl(&d) > vcpu.cpl
				 : rpl > vcpu.cpl || descriptor_dpl(&d) != vcpu.cpl)
		return bad_selector(VECTOR_GP, *cs);
	*cs = (*cs & SELECTOR_INDEX) | vcpu.cpl;
	return code_finish(*cs, &d, *rip);
}

bool emulate_ljmp(const struct insn *insn, mword next)
{
	mword rip;
	uint16_t cs;

	(void)next;
	if (far_target(insn, &rip, &cs))
		go(rip, cs, vcpu.regs.gpr[RSP], (uint16_t)vcpu.segment[SEG_SS]);
	return false;
}

bool emulate_lcall(const struct insn *insn, mword next)
{
	mword rip;
	uint16_t cs;

	if (!far_target(insn, &rip, &cs) ||
	    !stack_push_far((uint16_t)vcpu.segment[SEG_CS], next, insn->operand))
		return false;
	go(rip, cs, vcpu.regs.gpr[RSP], (uint16_t)vcpu.segment[SEG_SS]);
	return false;
}
