/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that cannot hold their address any more.
 *
 * A 32-bit displacement with a base or index, and a 32-bit immediate, reach only the
 * highest and lowest 2 GiB. Such an instruction becomes a jump to a trampoline that
 * does the same with the address in a scratch register, and jumps back:
 *
 *      movzbl sym(%rsi), %esi       push %rax;  lea sym(%rip), %rax
 *                                   movzbl (%rax,%rsi), %esi;  pop %rax;  jmp back
 *      cmp $sym, %rdi               push %rax;  lea sym(%rip), %rax
 *                                   cmp %rax, %rdi;  pop %rax;  jmp back
 *      jmp *sym(,%rcx,8)            push %rax;  lea sym(%rip), %rax
 *                                   mov (%rax,%rcx,8), %rax;  xchg %rax, (%rsp);  ret
 *
 * push, lea, mov, xchg and pop leave the flags alone, and a kernel has no red zone
 * (-mno-red-zone). They need a stack, so code that runs on the user's (the first
 * instructions of a system call) must not need them: there, operands are absolute and
 * changed in place.
 */
#include "vmm/load/emit.h"
#include "vmm/load/image.h"
#include "vmm/string.h"

/* What ModRM.reg is. */
enum reg_is {
	GPR,	   /* a general register */
	SIZED,	   /* the same; one of bytes if the opcode is even */
	EXTENSION, /* part of the opcode */
	OTHER,	   /* a register of another kind */
};

/* Instructions with a memory operand that trampolines know. */
static const struct form {
	uint8_t map, first, last, reg;
	uint8_t implicit; /* bit mask of the old eight registers */
} forms[] = {
	{1, 0x00, 0x3b, SIZED, 0},	  /* add or adc sbb and sub xor cmp */
	{1, 0x63, 0x63, GPR, 0},	  /* movslq */
	{1, 0x69, 0x69, GPR, 0},	  /* imul $imm32 */
	{1, 0x6b, 0x6b, GPR, 0},	  /* imul $imm8 */
	{1, 0x80, 0x83, EXTENSION, 0},	  /* group 1: add ... cmp with immediate */
	{1, 0x84, 0x8b, SIZED, 0},	  /* test xchg mov */
	{1, 0x8d, 0x8d, GPR, 0},	  /* lea */
	{1, 0xc0, 0xc1, EXTENSION, 0},	  /* shifts by imm8 */
	{1, 0xc6, 0xc7, EXTENSION, 0},	  /* mov $imm */
	{1, 0xd0, 0xd1, EXTENSION, 0},	  /* shifts by 1 */
	{1, 0xd2, 0xd3, EXTENSION, 0x02}, /* shifts by %cl */
	{1, 0xf6, 0xf7, EXTENSION, 0x05}, /* test not neg; mul div: %rax, %rdx */
	{1, 0xfe, 0xff, EXTENSION, 0},	  /* inc dec; call jmp push */
	{2, 0x0d, 0x0d, EXTENSION, 0},	  /* prefetchw */
	{2, 0x10, 0x11, OTHER, 0},	  /* movups */
	{2, 0x18, 0x18, EXTENSION, 0},	  /* prefetch */
	{2, 0x28, 0x29, OTHER, 0},	  /* movaps */
	{2, 0x40, 0x4f, GPR, 0},	  /* cmov */
	{2, 0x6f, 0x6f, OTHER, 0},	  /* movdqa */
	{2, 0x7f, 0x7f, OTHER, 0},	  /* movdqa */
	{2, 0x90, 0x9f, EXTENSION, 0},	  /* setcc */
	{2, 0xa3, 0xa3, GPR, 0},	  /* bt */
	{2, 0xab, 0xab, GPR, 0},	  /* bts */
	{2, 0xaf, 0xaf, GPR, 0},	  /* imul */
	{2, 0xb0, 0xb1, SIZED, 0x01},	  /* cmpxchg: %rax */
	{2, 0xb3, 0xb3, GPR, 0},	  /* btr */
	{2, 0xb6, 0xb7, GPR, 0},	  /* movzx */
	{2, 0xba, 0xbb, GPR, 0},	  /* bt $imm8, btc */
	{2, 0xbc, 0xbf, GPR, 0},	  /* bsf bsr movsx */
	{2, 0xc0, 0xc1, SIZED, 0},	  /* xadd */
};

static const struct form *find_form(const struct x86 *insn)
{
	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].map == insn->map && forms[i].first <= insn->opcode &&
		    insn->opcode <= forms[i].last)
			return &forms[i];
	return NULL;
}

/* A register that none of `used` (a mask of the old eight) is; never %rsp or %rbp,
 * which as a base are encoded differently. There always is one: an instruction uses
 * at most base, index, reg and two implicit ones. */
static unsigned scratch(unsigned used)
{
	static const uint8_t order[] = {X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSI};

	for (unsigned i = 0; i < sizeof(order); i++)
		if (!(used & 1u << order[i]))
			return order[i];
	return X86_RDI;
}

static unsigned mask(uint8_t reg)
{
	return reg < 8 ? 1u << reg : 0;
}

/* The old eight that are in ModRM.reg, a byte register being part of one. */
static unsigned reg_mask(const struct x86 *insn, const struct form *form)
{
	if (form->reg == SIZED && !(insn->opcode & 1) && !insn->rex)
		return 1u << (insn->reg & 3); /* %ah is in %rax */
	if ((form->reg == GPR || form->reg == SIZED) && !(insn->rex & X86_REX_R))
		return 1u << insn->reg;
	return 0;
}

/* Checks that concern the place, then writes trampoline and jump. */
static bool install(struct image *image, const struct fixup *fixup, uint64_t start,
		    const struct x86 *insn, const struct emit *e)
{
	struct load_area *area = image->request->area;
	struct elf_section table;
	uint64_t site = start + image->delta, left;
	uint8_t *bytes = image_span(image, start, &left);

	if (elf_find(&image->elf, "__ex_table", &table))
		for (uint64_t i = 0; i + 12 <= table.size; i += 12) { /* insn, fixup, data */
			uint8_t *entry = image_at(image, table.addr + i, 12);

			if (entry &&
			    table.addr + i + (uint64_t)(int32_t)image_get32(entry) == start)
				return text_fail(image, LOAD_E_TEXT_FAULTING, fixup, start,
						 insn->length);
		}
	if (e->far || !fits_rel32(e->va - (site + 5)))
		return text_fail(image, LOAD_E_AREA_FAR, fixup, start, insn->length);
	if (area->used > area->size || area->size - area->used < e->used)
		return text_fail(image, LOAD_E_AREA_FULL, fixup, start, insn->length);
	memcpy(area->bytes + area->used, e->bytes, e->used);
	area->used += e->used;
	memset(bytes, 0xcc, insn->length); /* int3: nothing runs there */
	bytes[0] = 0xe9;		   /* jmp trampoline */
	image_put32(bytes + 1, (uint32_t)(e->va - (site + 5)));
	image->result->counts[LOAD_TRAMPOLINE]++;
	return true;
}

/* %scratch = the address of the operand without its index */
static void emit_address(struct emit *e, unsigned reg, struct operand *o, uint64_t address)
{
	emit_lea(e, reg, address);
	if (o->base != OPERAND_NONE && o->index != OPERAND_NONE) {
		emit_byte(e, 0x48 | (emit_reg_high(o->base) ? X86_REX_X
							    : 0)); /* lea (%reg,%base), %reg */
		emit_byte(e, 0x8d);
		emit_byte(e, reg << 3 | 4);
		emit_byte(e, (o->base & 7u) << 3 | reg);
	} else if (o->base != OPERAND_NONE) {
		o->index = o->base;
		o->scale = 0;
	}
	o->base = (uint8_t)reg;
	o->disp = 0;
}

/* mov o, %reg; o's base is %reg */
static void emit_load(struct emit *e, unsigned reg, const struct operand *o)
{
	emit_byte(e, 0x48 | (emit_reg_high(o->index) ? X86_REX_X : 0));
	emit_byte(e, 0x8b);
	emit_modrm(e, reg, o);
}

static void emit_store_second(struct emit *e, unsigned reg)
{
	emit_byte(e, 0x48); /* mov %reg, 8(%rsp) */
	emit_byte(e, 0x89);
	emit_byte(e, 0x44 | reg << 3);
	emit_byte(e, 0x24);
	emit_byte(e, 8);
}

static void emit_exchange(struct emit *e, unsigned reg)
{
	emit_byte(e, 0x48); /* xchg %reg, (%rsp) */
	emit_byte(e, 0x87);
	emit_byte(e, 0x04 | reg << 3);
	emit_byte(e, 0x24);
}

/* Group 5 (SDM 2 table A-6) /2 call, /4 jmp, /6 push: the loaded word goes to the stack. */
static void emit_group5(struct emit *e, const struct x86 *insn, struct operand *o, unsigned reg,
			uint64_t address, uint64_t back)
{
	emit_push(e, reg);
	if (insn->reg != 4) /* room for the return address, or the word */
		emit_push(e, reg);
	if (insn->reg == 2) {
		emit_lea(e, reg, back);
		emit_store_second(e, reg);
	}
	emit_address(e, reg, o, address);
	emit_load(e, reg, o);
	if (insn->reg == 6) {
		emit_store_second(e, reg);
		emit_pop(e, reg);
		emit_jump(e, back);
	} else {
		emit_exchange(e, reg);
		emit_byte(e, 0xc3); /* ret: to the word, %reg as it was */
	}
}

/* op sym(%base,%index,scale): false if it is not known. */
static bool memory_form(struct emit *e, const struct x86 *insn, const uint8_t *bytes,
			struct operand *o, uint64_t address, uint64_t back)
{
	const struct form *form = find_form(insn);
	unsigned used, reg, stack = 1u << X86_RSP;
	bool group5 = insn->map == 1 && insn->opcode >= 0xfe && insn->reg > 1;

	if (!form)
		return false;
	used = mask(o->base) | mask(o->index) | form->implicit;
	if (!(insn->map == 2 && insn->opcode == 0xba)) /* group 8: reg is no register */
		used |= reg_mask(insn, form);
	if (used & stack)
		return false;
	reg = scratch(used);
	if (group5) {
		if (insn->opcode != 0xff || insn->reg == 7 || insn->reg & 1 || insn->operand16)
			return false;
		emit_group5(e, insn, o, reg, address, back);
		return true;
	}
	emit_push(e, reg);
	emit_address(e, reg, o, address);
	emit_insn(e, insn, bytes, insn->opcode, insn->reg | (insn->rex & X86_REX_R ? 8u : 0u), o);
	for (unsigned i = 0; i < insn->imm_size; i++)
		emit_byte(e, bytes[insn->imm_at + i]);
	emit_pop(e, reg);
	emit_jump(e, back);
	return true;
}

/* The opcode of `op %reg, r/m64` for `op $imm32, r/m64` (SDM 2 table A-2); 0: none. */
static unsigned register_form(const struct x86 *insn)
{
	if (insn->map != 1 || !(insn->rex & X86_REX_W))
		return 0;
	switch (insn->opcode) {
	case 0x81: /* add or adc sbb and sub xor cmp */
		return insn->reg * 8u + 1;
	case 0xa9: /* test $imm32, %rax */
	case 0xf7: /* test $imm32, r/m64: the only one of its group with an immediate */
		return 0x85;
	case 0xc7: /* mov */
		return insn->reg == 0 ? 0x89 : 0;
	default: /* add ... cmp $imm32, %rax */
		return insn->opcode < 0x40 && (insn->opcode & 7) == 5 ? insn->opcode - 4u : 0;
	}
}

/* op $sym, operand: false if it is not known. */
static bool immediate_form(struct emit *e, const struct x86 *insn, const uint8_t *bytes,
			   struct operand *o, uint64_t address, uint64_t back)
{
	unsigned opcode = register_form(insn), reg;

	if (insn->map == 1 && insn->opcode == 0x68 && !insn->prefixes) { /* push $sym */
		emit_push(e, X86_RAX);
		emit_lea(e, X86_RAX, address);
		emit_exchange(e, X86_RAX);
		emit_jump(e, back);
		return true;
	}
	if (!opcode || (!o->memory && o->reg == X86_RSP))
		return false;
	if (!insn->modrm_at)
		*o = (struct operand){.reg = X86_RAX, .base = OPERAND_NONE, .index = OPERAND_NONE};
	reg = scratch(o->memory ? mask(o->base) | mask(o->index) : mask(o->reg));
	if (o->base == X86_RSP && __builtin_add_overflow(o->disp, 8, &o->disp))
		return false;
	emit_push(e, reg);
	emit_lea(e, reg, address);
	emit_insn(e, insn, bytes, opcode, reg, o);
	emit_pop(e, reg);
	emit_jump(e, back);
	return true;
}

bool text_trampoline(struct image *image, const struct fixup *fixup, uint64_t start,
		     const struct x86 *insn, bool in_immediate)
{
	const struct load_area *area = image->request->area;
	uint64_t back = start + image->delta + insn->length, left;
	const uint8_t *bytes = image_span(image, start, &left);
	struct operand operand;
	struct emit e = {.used = 0};
	bool known;

	if (!area || !area->bytes)
		return text_fail(image, LOAD_E_AREA_FAR, fixup, start, insn->length);
	e.va = area->va + area->used;
	emit_read_operand(&operand, insn, bytes, back);
	known = (in_immediate ? immediate_form : memory_form)(&e, insn, bytes, &operand,
							      fixup->value + image->delta, back);
	if (!known)
		return text_fail(image, LOAD_E_TEXT_UNKNOWN, fixup, start, insn->length);
	return install(image, fixup, start, insn, &e);
}
