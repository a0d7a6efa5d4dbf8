/* SPDX-License-Identifier: BSD-2-Clause */
/* The decoder against the checker's (asrewrite/sensitive.c on Zydis): every opcode, every
 * ModRM byte, with prefixes that matter. It must know exactly the sensitive
 * instructions, and the plain memory operations that annotations may name.
 */
#include "asrewrite/sensitive.h"
#include "vmm/cpu/opcodes.h"
#include "vmm/insn.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ab_decoder decoder;

struct text {
	uint8_t bytes[16];
	unsigned length;
};

static const struct text prefixes[] = {
	{{0}, 0},
	{{0x66}, 1},
	{{0xf2}, 1},
	{{0xf3}, 1},
	{{0xf0}, 1},
	{{0x67}, 1},
	{{0x2e, 0x2e, 0x2e, 0x2e, 0x2e}, 5},
	{{0x64}, 1},
	{{0x65}, 1},
	{{0x65, 0x3e}, 2},
	{{0x66, 0xf3}, 2},
	{{0xf2, 0x66}, 2},
	{{0xf3, 0xf2}, 2},
	{{0x48}, 1},
	{{0x41}, 1},
	{{0x44}, 1},
	{{0x4f}, 1},
	{{0x66, 0x48}, 2},
	{{0x48, 0x66}, 2},
	{{0xf3, 0x48}, 2},
	{{0xf3, 0x45}, 2},
	{{0x2e, 0x2e, 0x48}, 3},
	{{0x67, 0x4d}, 2},
};

static unsigned complaints;

/* Several at once, for whoever has to mend it. */
static void complain(const char *what, const uint8_t *bytes, unsigned bits, const struct insn *insn,
		     const struct ab_insn *other)
{
	static uint8_t last[4];

	complaints++;
	if (!memcmp(last, bytes, sizeof(last)))
		return;
	memcpy(last, bytes, sizeof(last));
	fprintf(stderr, "%s (%u bits):", what, bits);
	for (unsigned i = 0; i < INSN_MAX; i++)
		fprintf(stderr, " %02x", bytes[i]);
	fprintf(stderr, "\n  ours: class %04x length %u; theirs: class %04x length %u\n",
		insn->class, insn->length, other->class, other->length);
}

static ZydisRegister gpr(uint8_t number, unsigned size)
{
	static const ZydisRegister first[] = {
		[2] = ZYDIS_REGISTER_AX, [4] = ZYDIS_REGISTER_EAX, [8] = ZYDIS_REGISTER_RAX};

	return number == INSN_NO_REG ? ZYDIS_REGISTER_NONE : (ZydisRegister)(first[size] + number);
}

static bool same_memory(const struct insn *insn, const ZydisDecodedOperandMem *mem)
{
	ZydisRegister segment = insn->segment == SEG_FS ? ZYDIS_REGISTER_FS : ZYDIS_REGISTER_GS;
	ZydisRegister base = gpr(insn->base, insn->address);

	if (insn->rm_kind == INSN_RM_RIP)
		base = insn->address == 8 ? ZYDIS_REGISTER_RIP : ZYDIS_REGISTER_EIP;
	/* Zydis 4.0 takes "no base" for r13d when a REX.B is in front (SDM 2, 2.2.1.2 says
	 * that mod 0 with base 5 has none), and loses the displacement. */
	if (insn->address == 4 && base == ZYDIS_REGISTER_NONE && mem->base == ZYDIS_REGISTER_R13D)
		return true;
	if (insn->rm_kind == INSN_RM_REG || base != mem->base ||
	    insn->disp != (int32_t)mem->disp.value)
		return false;
	if (gpr(insn->index, insn->address) != mem->index ||
	    (mem->index != ZYDIS_REGISTER_NONE && insn->scale != mem->scale))
		return false;
	return (insn->segment != SEG_FS && insn->segment != SEG_GS) || mem->segment == segment;
}

/* The operand that ModRM encodes as memory, and those that are registers. */
static bool same_operands(unsigned bits, const struct insn *insn, const struct ab_insn *other)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	const ZydisDecoder *machine = &decoder.modes[bits == 64 ? AB_MODE_64 : AB_MODE_32];
	unsigned count = other->zydis.operand_count_visible;

	if (other->by_hand)
		return true;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(machine, &other->context, &other->zydis,
						     operands, other->zydis.operand_count)))
		return false;
	for (unsigned i = 0; i < count; i++) {
		const ZydisDecodedOperand *operand = &operands[i];

		if (operand->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM) {
			if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
				if (!same_memory(insn, &operand->mem))
					return false;
			} else if (insn->rm_kind != INSN_RM_REG ||
				   ZydisRegisterGetId(operand->reg.value) != insn->rm) {
				return false;
			}
		}
		if (operand->encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG &&
		    ZydisRegisterGetId(operand->reg.value) != insn->reg)
			return false;
		if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		    operand->imm.value.u != (ZyanU64)insn->imm)
			return false;
	}
	return true;
}

/* Registers that do not exist: theirs is an error, ours a #UD when it is emulated. */
static bool checks_register(uint16_t class)
{
	return class == AB_CLASS_MOV_FROM_CR || class == AB_CLASS_MOV_TO_CR ||
	       class == AB_CLASS_MOV_FROM_DR || class == AB_CLASS_MOV_TO_DR ||
	       class == AB_CLASS_MOV_FROM_SEG || class == AB_CLASS_MOV_TO_SEG;
}

/* Decoded by hand over there, with fewer prefixes. */
static bool newer(uint16_t class)
{
	return class == AB_CLASS_RDMSR || class == AB_CLASS_WRMSR || class == AB_CLASS_LKGS ||
	       class == AB_CLASS_ERET;
}

static unsigned long compared, sensitive;

static void compare(const uint8_t *bytes, unsigned bits)
{
	struct insn insn = {0};
	struct ab_insn other = {0};
	unsigned length = insn_decode(&insn, bytes, INSN_MAX, bits);
	bool known =
		ab_decode(&decoder, bits == 64 ? AB_MODE_64 : AB_MODE_32, bytes, INSN_MAX, &other);

	compared++;
	if (length == 0) {
		bool short_address = known && !other.by_hand && other.zydis.address_width == 16;

		if (known && other.class && !short_address)
			complain("not decoded", bytes, bits, &insn, &other);
		return;
	}
	sensitive++;
	if (!known) {
		if (!checks_register(insn.class) && !newer(insn.class))
			complain("decoded what does not exist", bytes, bits, &insn, &other);
		return;
	}
	if (insn.class >> 8 < AB_GROUP_MEMORY ? insn.class != other.class : other.class != 0)
		complain("another class", bytes, bits, &insn, &other);
	if (length != other.length || length != insn.length)
		complain("another length", bytes, bits, &insn, &other);
	if (!same_operands(bits, &insn, &other))
		complain("other operands", bytes, bits, &insn, &other);
}

static bool in_table(uint8_t map, uint8_t opcode)
{
	size_t count;
	const struct opcode *table = opcode_table(&count);

	for (size_t i = 0; i < count; i++)
		if (table[i].map == map && table[i].opcode == opcode)
			return true;
	return false;
}

static void fill(uint8_t *at, uint8_t *end)
{
	while (at < end)
		*at++ = (uint8_t)rand();
}

/* All ModRM bytes where a line might match, a few elsewhere. */
static void all_forms(const struct text *prefix, uint8_t map, uint8_t opcode, unsigned bits)
{
	static const uint8_t escape[][2] = {{0}, {0}, {0x0f, 0x38}, {0x0f, 0x3a}};
	uint8_t bytes[INSN_MAX], *at = bytes + prefix->length;
	unsigned step = in_table(map, opcode) ? 1 : 37;

	memcpy(bytes, prefix->bytes, prefix->length);
	if (map == MAP_0F)
		*at++ = 0x0f;
	if (map >= MAP_0F38) {
		memcpy(at, escape[map], 2);
		at += 2;
	}
	*at++ = opcode;
	for (unsigned modrm = 0; modrm < 256; modrm += step) {
		*at = (uint8_t)modrm;
		for (unsigned again = 0; again < 3; again++) {
			fill(at + 1, bytes + INSN_MAX);
			compare(bytes, bits);
		}
	}
}

static void every_form(unsigned bits)
{
	compared = sensitive = complaints = 0;
	srand(1);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		for (uint8_t map = MAP_ONE; map <= MAP_0F3A; map++)
			for (unsigned opcode = 0; opcode < 256; opcode++)
				all_forms(&prefixes[i], map, (uint8_t)opcode, bits);
	assert_int_equal(complaints, 0);
	assert_true(sensitive > 10000);
}

/* The decoder searches by halves. */
static void test_table_is_sorted(void **state)
{
	size_t count;
	const struct opcode *table = opcode_table(&count);

	(void)state;
	for (size_t i = 1; i < count; i++)
		assert_true((table[i - 1].map << 8 | table[i - 1].opcode) <=
			    (table[i].map << 8 | table[i].opcode));
}

static void test_every_form_64(void **state)
{
	(void)state;
	every_form(64);
}

static void test_every_form_32(void **state)
{
	(void)state;
	every_form(32);
}

/* The exact room is on the heap, so that reading one byte more is seen. */
static void test_never_reads_beyond_room(void **state)
{
	(void)state;
	srand(2);
	for (unsigned i = 0; i < 200000; i++) {
		size_t room = 1 + (size_t)rand() % INSN_MAX;
		uint8_t *bytes = malloc(room);
		struct insn insn;
		unsigned length;

		fill(bytes, bytes + room);
		if (i & 1)
			bytes[0] = 0x0f;
		length = insn_decode(&insn, bytes, room, i & 2 ? 64 : 32);
		assert_true(length <= room);
		free(bytes);
	}
}

static void test_cut_off(void **state)
{
	static const uint8_t lgdt[] = {0x48, 0x0f, 0x01, 0x14, 0x25, 0x78, 0x56, 0x34, 0x12};
	struct insn insn;

	(void)state;
	for (size_t room = 0; room < sizeof(lgdt); room++)
		assert_int_equal(insn_decode(&insn, lgdt, room, 64), 0);
	assert_int_equal(insn_decode(&insn, lgdt, sizeof(lgdt), 64), sizeof(lgdt));
	assert_int_equal(insn.class, AB_CLASS_LGDT);
	assert_int_equal(insn.disp, 0x12345678);
	assert_int_equal(insn.base, INSN_NO_REG);
}

static void test_operands(void **state)
{
	struct insn insn;

	(void)state;
	/* 2e 2e mov %cr8, %r9 */
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0x2e, 0x2e, 0x45, 0x0f, 0x20, 0xc1}, 6, 64),
			 6);
	assert_int_equal(insn.reg, 8);
	assert_int_equal(insn.rm, R9);
	/* lock mov %cr0, %eax: another name of cr8 (APM 3) */
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0xf0, 0x0f, 0x20, 0xc0}, 4, 64), 4);
	assert_int_equal(insn.reg, 8);
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0xf0, 0xfa}, 2, 64), 0); /* lock cli */
	/* in $0x64, %al; out %eax, %dx */
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0xe4, 0x64}, 2, 64), 2);
	assert_int_equal(insn.reg, INSN_NO_REG);
	assert_int_equal(insn.imm, 0x64);
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0x48, 0xef}, 2, 64), 2);
	assert_int_equal(insn.reg, RDX);
	assert_int_equal(insn.operand, 4);
	/* lretq; iretq; sysretq */
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0x48, 0xcb}, 2, 64), 2);
	assert_int_equal(insn.operand, 8);
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0xcf}, 1, 64), 1);
	assert_int_equal(insn.operand, 4);
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0x48, 0x0f, 0x07}, 3, 64), 3);
	assert_int_equal(insn.operand, 8);
	/* push %gs; popfw */
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0x0f, 0xa8}, 2, 64), 2);
	assert_int_equal(insn.reg, SEG_GS);
	assert_int_equal(insn.operand, 8);
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0x66, 0x9d}, 2, 64), 2);
	assert_int_equal(insn.operand, 2);
	/* ljmp $0x10, $0x12345678 in 32-bit code */
	assert_int_equal(
		insn_decode(&insn, (uint8_t[]){0xea, 0x78, 0x56, 0x34, 0x12, 0x10, 0x00}, 7, 32),
		7);
	assert_int_equal(insn.disp, 0x12345678);
	assert_int_equal(insn.imm, 0x10);
	assert_int_equal(insn_decode(&insn, (uint8_t[]){0xce}, 1, 32), 1);
	assert_int_equal(insn.imm, VECTOR_OF);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sorted),
		cmocka_unit_test(test_every_form_64),
		cmocka_unit_test(test_every_form_32),
		cmocka_unit_test(test_never_reads_beyond_room),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_operands),
	};

	ab_decoder_init(&decoder);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
