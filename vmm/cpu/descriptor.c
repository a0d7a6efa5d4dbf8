/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor tables, and what looks at descriptors without loading them.
 *
 * The host's tables are real; the guest's are memory that only this file, segment.c
 * and transfer.c look at (SDM 3A 3.5).
 */
#include "vmm/cpu/cpu.h"
#include "vmm/string.h"

uint32_t descriptor_limit(const struct descriptor *d)
{
	uint32_t limit = (uint32_t)((d->low & 0xffff) | (d->low >> 32 & 0xf0000));

	return d->low & DESCRIPTOR_G ? limit << 12 | 0xfff : limit;
}

enum lookup descriptor_fetch(uint16_t selector, bool wide, struct descriptor *d, mword *error)
{
	uint64_t base = selector & SELECTOR_TI ? vcpu.ldtr.base : vcpu.gdtr.base;
	uint32_t limit = selector & SELECTOR_TI ? vcpu.ldtr.limit : vcpu.gdtr.limit;
	uint32_t offset = selector & 0xfff8;
	uint64_t words[2] = {0, 0};

	if ((selector & SELECTOR_TI) && selector_null((uint16_t)vcpu.ldtr.selector))
		return LOOKUP_OUTSIDE;
	if (offset + (wide ? 15u : 7u) > limit)
		return LOOKUP_OUTSIDE;
	d->at = base + offset;
	if (!guest_read(gva(d->at), words, wide ? 16 : 8, ACCESS_READ, error))
		return LOOKUP_FAULT;
	d->low = words[0];
	d->high = words[1];
	return LOOKUP_OK;
}

bool descriptor_load(uint16_t selector, bool wide, struct descriptor *d)
{
	mword error;

	switch (descriptor_fetch(selector, wide, d, &error)) {
	case LOOKUP_FAULT:
		return access_fault(error, VECTOR_GP);
	case LOOKUP_OUTSIDE:
		return fault(VECTOR_GP, selector & SELECTOR_INDEX);
	default:
		return true;
	}
}

/* --- lgdt lidt sgdt sidt ---------------------------------------------------------- */

/* 2 bytes of limit, then the base: 8 bytes in 64-bit mode. */
static bool load_table(const struct insn *insn, struct table_register *table)
{
	uint8_t image[10] = {0};
	unsigned width = word_size();
	uint64_t base = 0;

	if (!cpu_read(operand_address(insn), image, 2 + width))
		return false;
	memcpy(&base, image + 2, width);
	if (!canonical(base))
		return fault(VECTOR_GP, 0);
	memcpy(&table->limit, image, 2);
	table->base = base;
	tlb_tables_moved();
	return true;
}

static bool store_table(const struct insn *insn, const struct table_register *table)
{
	uint8_t image[10];

	memcpy(image, &table->limit, 2);
	memcpy(image + 2, &table->base, 8);
	return cpu_write(operand_address(insn), image, 2 + word_size());
}

bool emulate_lgdt(const struct insn *insn, mword next)
{
	(void)next;
	return load_table(insn, &vcpu.gdtr);
}

bool emulate_lidt(const struct insn *insn, mword next)
{
	(void)next;
	return load_table(insn, &vcpu.idtr);
}

bool emulate_sgdt(const struct insn *insn, mword next)
{
	(void)next;
	return store_table(insn, &vcpu.gdtr);
}

bool emulate_sidt(const struct insn *insn, mword next)
{
	(void)next;
	return store_table(insn, &vcpu.idtr);
}

/* --- lldt ltr sldt str -------------------------------------------------------------- */

#define TYPE_LDT      0x02
#define TYPE_TSS      0x09 /* available */
#define TYPE_TSS_BUSY BIT(41)

static void load_system(struct system_segment *to, uint16_t selector, const struct descriptor *d)
{
	to->selector = selector;
	to->base = descriptor_base(d) | d->high << 32;
	to->limit = descriptor_limit(d);
	tlb_tables_moved();
}

static bool fetch_system(uint16_t selector, unsigned type, struct descriptor *d)
{
	if (selector & SELECTOR_TI)
		return fault(VECTOR_GP, selector & SELECTOR_INDEX);
	if (!descriptor_load(selector, word_size() == 8, d))
		return false;
	if (descriptor_type(d) != type)
		return fault(VECTOR_GP, selector & SELECTOR_INDEX);
	if (!(d->low & DESCRIPTOR_P))
		return fault(VECTOR_NP, selector & SELECTOR_INDEX);
	return true;
}

bool emulate_lldt(const struct insn *insn, mword next)
{
	mword selector;
	struct descriptor d;

	(void)next;
	if (!operand_read(insn, 2, &selector))
		return false;
	if (selector_null((uint16_t)selector)) {
		vcpu.ldtr = (struct system_segment){.selector = (uint16_t)selector};
		tlb_tables_moved();
		return true;
	}
	if (!fetch_system((uint16_t)selector, TYPE_LDT, &d))
		return false;
	load_system(&vcpu.ldtr, (uint16_t)selector, &d);
	return true;
}

bool emulate_ltr(const struct insn *insn, mword next)
{
	mword selector, error;
	struct descriptor d;

	(void)next;
	if (!operand_read(insn, 2, &selector))
		return false;
	if (selector_null((uint16_t)selector))
		return fault(VECTOR_GP, 0);
	if (!fetch_system((uint16_t)selector, TYPE_TSS, &d))
		return false;
	d.low |= TYPE_TSS_BUSY;
	if (!guest_write(gva(d.at), &d.low, sizeof(d.low), ACCESS_WRITE, &error))
		return access_fault(error, VECTOR_GP);
	load_system(&vcpu.tr, (uint16_t)selector, &d);
	return true;
}

bool emulate_sldt(const struct insn *insn, mword next)
{
	(void)next;
	return operand_write(insn, insn->operand, 2, vcpu.ldtr.selector);
}

bool emulate_str(const struct insn *insn, mword next)
{
	(void)next;
	return operand_write(insn, insn->operand, 2, vcpu.tr.selector);
}

/* --- lar lsl verr verw: the answer is ZF ----------------------------------------------- */

static void set_zero_flag(bool value)
{
	vcpu.regs.rflags &= ~FLAG_ZF;
	vcpu.regs.rflags |= value ? FLAG_ZF : 0;
}

/* System types that lar and lsl accept in 64-bit mode: LDT, TSS, and for lar the call
 * gate (SDM 2, tables 3-54 and 3-63). */
#define LSL_TYPES (BIT(0x02) | BIT(0x09) | BIT(0x0b))
#define LAR_TYPES (LSL_TYPES | BIT(0x0c))

enum visible { VISIBLE_NO, VISIBLE_YES, VISIBLE_FAULT };

static enum visible look(uint16_t selector, uint64_t types, struct descriptor *d)
{
	mword error;
	bool conforming;

	if (selector_null(selector))
		return VISIBLE_NO;
	switch (descriptor_fetch(selector, false, d, &error)) {
	case LOOKUP_FAULT:
		access_fault(error, VECTOR_GP);
		return VISIBLE_FAULT;
	case LOOKUP_OUTSIDE:
		return VISIBLE_NO;
	default:
		break;
	}
	if (!(d->low & DESCRIPTOR_S) && !(types & BIT(descriptor_type(d))))
		return VISIBLE_NO;
	conforming =
		(d->low & DESCRIPTOR_S) && (d->low & DESCRIPTOR_CODE) && (d->low & DESCRIPTOR_C);
	if (conforming)
		return VISIBLE_YES;
	return descriptor_dpl(d) >= vcpu.cpl && descriptor_dpl(d) >= (selector & SELECTOR_RPL)
		       ? VISIBLE_YES
		       : VISIBLE_NO;
}

static bool query(const struct insn *insn, uint64_t types, bool limit)
{
	struct descriptor d;
	mword selector;
	enum visible visible;

	if (!operand_read(insn, 2, &selector))
		return false;
	visible = look((uint16_t)selector, types, &d);
	if (visible == VISIBLE_FAULT)
		return false;
	set_zero_flag(visible == VISIBLE_YES);
	if (visible == VISIBLE_YES)
		register_write(insn->reg, insn->operand,
			       limit ? descriptor_limit(&d) : d.low >> 32 & 0x00ffff00);
	return true;
}

bool emulate_lar(const struct insn *insn, mword next)
{
	(void)next;
	return query(insn, LAR_TYPES, false);
}

bool emulate_lsl(const struct insn *insn, mword next)
{
	(void)next;
	return query(insn, LSL_TYPES, true);
}

static bool verify(const struct insn *insn, bool write)
{
	struct descriptor d;
	mword selector;
	enum visible visible;
	bool code, allowed;

	if (!operand_read(insn, 2, &selector))
		return false;
	visible = look((uint16_t)selector, 0, &d);
	if (visible == VISIBLE_FAULT)
		return false;
	if (visible == VISIBLE_NO) {
		set_zero_flag(false);
		return true;
	}
	code = d.low & DESCRIPTOR_CODE;
	allowed = write ? !code && (d.low & DESCRIPTOR_W) : !code || (d.low & DESCRIPTOR_W);
	set_zero_flag(allowed);
	return true;
}

bool emulate_verr(const struct insn *insn, mword next)
{
	(void)next;
	return verify(insn, false);
}

bool emulate_verw(const struct insn *insn, mword next)
{
	(void)next;
	return verify(insn, true);
}
