/* SPDX-License-Identifier: BSD-2-Clause */
/* Encodings: SDM 2 2.1 (ModRM, SIB), 2.2.1 (REX). */
#include "vmm/load/emit.h"
#include "vmm/load/image.h"

void emit_byte(struct emit *e, unsigned byte)
{
	if (e->used < sizeof(e->bytes))
		e->bytes[e->used++] = (uint8_t)byte;
}

static void emit32(struct emit *e, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		emit_byte(e, value >> 8 * i & 0xff);
}

/* Distance to `target` of an instruction that ends with it. */
static void emit_distance(struct emit *e, uint64_t target)
{
	uint64_t distance = target - (e->va + e->used + 4);

	if (!fits_rel32(distance))
		e->far = true;
	emit32(e, (uint32_t)distance);
}

void emit_push(struct emit *e, unsigned reg)
{
	emit_byte(e, 0x50 | reg); /* push %reg */
}

void emit_pop(struct emit *e, unsigned reg)
{
	emit_byte(e, 0x58 | reg); /* pop %reg */
}

void emit_lea(struct emit *e, unsigned reg, uint64_t target)
{
	emit_byte(e, 0x48); /* lea target(%rip), %reg */
	emit_byte(e, 0x8d);
	emit_byte(e, reg << 3 | 5);
	emit_distance(e, target);
}

void emit_jump(struct emit *e, uint64_t target)
{
	emit_byte(e, 0xe9); /* jmp target */
	emit_distance(e, target);
}

void emit_modrm(struct emit *e, unsigned reg, const struct operand *o)
{
	bool sib = o->index != OPERAND_NONE || (o->base & 7) == X86_RSP;
	unsigned mod = o->disp || (o->base & 7) == X86_RBP ? 2 : 0;

	reg = (reg & 7) << 3;
	if (!o->memory) {
		emit_byte(e, 0xc0 | reg | (o->reg & 7));
	} else if (o->relative) {
		emit_byte(e, reg | 5);
		emit_distance(e, o->target);
	} else if (o->base == OPERAND_NONE) { /* SIB without base: disp32 always */
		emit_byte(e, reg | 4);
		emit_byte(e, (unsigned)o->scale << 6 |
				     (o->index == OPERAND_NONE ? 4 : o->index & 7) << 3 | 5);
		emit32(e, (uint32_t)o->disp);
	} else {
		emit_byte(e, mod << 6 | reg | (sib ? 4 : o->base & 7));
		if (sib)
			emit_byte(e, (unsigned)o->scale << 6 |
					     (o->index == OPERAND_NONE ? 4 : o->index & 7) << 3 |
					     (o->base & 7));
		if (mod)
			emit32(e, (uint32_t)o->disp);
	}
}

bool emit_reg_high(uint8_t reg)
{
	return reg != OPERAND_NONE && reg >= 8;
}

void emit_insn(struct emit *e, const struct x86 *insn, const uint8_t *bytes, unsigned opcode,
	       unsigned reg, const struct operand *o)
{
	unsigned rex = (insn->rex & X86_REX_W) | (reg >= 8 ? X86_REX_R : 0);

	if (o->memory && !o->relative)
		rex |= (emit_reg_high(o->index) ? X86_REX_X : 0u) |
		       (emit_reg_high(o->base) ? X86_REX_B : 0u);
	else if (!o->memory)
		rex |= emit_reg_high(o->reg) ? X86_REX_B : 0u;
	for (unsigned i = 0; i < insn->prefixes; i++)
		emit_byte(e, bytes[i]);
	if (rex || insn->rex)
		emit_byte(e, 0x40 | rex);
	if (insn->map == 2)
		emit_byte(e, 0x0f);
	emit_byte(e, opcode);
	emit_modrm(e, reg, o);
}

void emit_read_operand(struct operand *o, const struct x86 *insn, const uint8_t *bytes,
		       uint64_t next)
{
	uint8_t b = insn->rex & X86_REX_B ? 8 : 0, x = insn->rex & X86_REX_X ? 8 : 0;

	*o = (struct operand){
		.memory = insn->mod != 3, .base = OPERAND_NONE, .index = OPERAND_NONE};
	o->reg = insn->rm | b;
	if (insn->disp_size == 1)
		o->disp = (int8_t)bytes[insn->disp_at];
	else if (insn->disp_size == 4)
		o->disp = (int32_t)image_get32(bytes + insn->disp_at);
	if (!o->memory)
		return;
	if (insn->mod == 0 && insn->rm == 5) {
		o->relative = true;
		o->target = next + (uint64_t)(int64_t)o->disp;
	} else if (insn->rm != 4) {
		o->base = insn->rm | b;
	} else {
		o->scale = insn->sib >> 6;
		o->index = (insn->sib >> 3 & 7) | x;
		if (o->index == X86_RSP)
			o->index = OPERAND_NONE;
		if (insn->mod != 0 || (insn->sib & 7) != 5)
			o->base = (insn->sib & 7) | b;
	}
}
