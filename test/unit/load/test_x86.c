/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's instruction lengths against Zydis's, over random bytes and prefixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <Zydis/Zydis.h>
#include <cmocka.h>

#include "vmm/load/x86.h"

#define ROUNDS 400000

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* What no kernel for today's processors has: XOP, 3DNow!, SSE4a, KNC's. */
static bool is_known(const ZydisDecodedInstruction *z)
{
	return z->encoding != ZYDIS_INSTRUCTION_ENCODING_XOP &&
	       z->encoding != ZYDIS_INSTRUCTION_ENCODING_3DNOW &&
	       z->encoding != ZYDIS_INSTRUCTION_ENCODING_MVEX &&
	       z->mnemonic != ZYDIS_MNEMONIC_JKZD && z->mnemonic != ZYDIS_MNEMONIC_JKNZD &&
	       z->mnemonic != ZYDIS_MNEMONIC_EXTRQ && z->mnemonic != ZYDIS_MNEMONIC_INSERTQ;
}

static void compare(const uint8_t *bytes, const ZydisDecodedInstruction *z)
{
	struct x86 insn;
	char text[64] = "";

	for (int i = 0; i < z->length; i++)
		snprintf(text + i * 3, sizeof(text) - (size_t)i * 3, "%02x ", bytes[i]);
	if (!x86_decode(&insn, bytes, X86_MAX))
		fail_msg("%s is not known", text);
	if (insn.length != z->length)
		fail_msg("%s: %d bytes, should be %d", text, insn.length, z->length);
	if (insn.map == 1 && (insn.opcode & 0xfc) == 0xa0)
		return; /* mov with a 64-bit address: Zydis counts it as a displacement */
	if (insn.modrm_at != z->raw.modrm.offset || insn.disp_at != z->raw.disp.offset ||
	    insn.disp_size * 8 != z->raw.disp.size)
		fail_msg("%s: ModRM %d, displacement %d; should be %d, %d", text, insn.modrm_at,
			 insn.disp_at, z->raw.modrm.offset, z->raw.disp.offset);
	if (insn.imm_size != 3 && !insn.vex) { /* enter has two */
		if (insn.imm_at != z->raw.imm[0].offset || insn.imm_size * 8 != z->raw.imm[0].size)
			fail_msg("%s: immediate at %d, should be %d", text, insn.imm_at,
				 z->raw.imm[0].offset);
	}
	for (size_t room = 0; room < insn.length; room++) {
		struct x86 cut;

		assert_false(x86_decode(&cut, bytes, room));
	}
}

static void test_against_zydis(void **state)
{
	static const uint8_t first[] = {0x66, 0xf2, 0xf3, 0x48, 0x0f, 0x0f, 0x0f, 0xc5, 0x67};
	ZydisDecoder decoder;
	ZydisDecodedInstruction z;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	unsigned compared = 0;

	(void)state;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t random[2] = {random64(), random64()};
		uint8_t bytes[16];

		memcpy(bytes, random, sizeof(bytes));
		if (i & 1)
			bytes[0] = first[random[0] >> 32 & 0xffff ? (i >> 1) % sizeof(first) : 0];
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, X86_MAX, &z, operands)) ||
		    !is_known(&z))
			continue;
		compare(bytes, &z);
		compared++;
	}
	assert_true(compared > ROUNDS / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_zydis)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
