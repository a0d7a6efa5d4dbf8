/* SPDX-License-Identifier: BSD-2-Clause */
/* Random instructions on random registers, under the sanitizers: whatever a guest
 * executes, the VMM neither crashes nor leaves guest memory, and the virtual CPU stays
 * one that exists.
 */
#include "test/unit/cpu/guest.h"

#include "vmm/cpu/opcodes.h"

#include <stdlib.h>

#define ROUNDS 60000

static uint64_t random_word(void)
{
	static const uint64_t interesting[] = {
		0,
		1,
		8,
		KERNEL_CS,
		USER_DS,
		USER_CS,
		0x1a0,
		0xc0000080,
		CANONICAL_NOT,
		KERNEL + HOLE - 4,
		KERNEL + 0xfffff,
		USER,
		UINT64_MAX,
		BIT(31),
		BIT(63),
		KERNEL + GDT_AT,
	};
	unsigned pick = (unsigned)rand() % 40;

	if (pick < sizeof(interesting) / sizeof(interesting[0]))
		return interesting[pick];
	if (pick < 32)
		return KERNEL + (unsigned)rand() % MEMORY_SIZE;
	return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
}

/* Bytes of a line of the decoder's table, its operands random. */
static void random_code(uint8_t code[INSN_MAX])
{
	static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3, 0x48, 0x4f, 0x64, 0x65, 0x67, 0x2e};
	size_t count, at = 0;
	const struct opcode *table = opcode_table(&count);
	const struct opcode *opcode = table + (size_t)rand() % count;

	for (size_t i = 0; i < INSN_MAX; i++)
		code[i] = (uint8_t)rand();
	if (opcode->prefix == PREFIX_66)
		code[at++] = 0x66;
	if (opcode->prefix == PREFIX_F2 || opcode->prefix == PREFIX_F3)
		code[at++] = opcode->prefix == PREFIX_F2 ? 0xf2 : 0xf3;
	while (opcode->prefix < PREFIX_66 && rand() % 3 == 0 && at < 4)
		code[at++] = prefixes[(unsigned)rand() % sizeof(prefixes)];
	if (opcode->map != MAP_ONE)
		code[at++] = 0x0f;
	if (opcode->map >= MAP_0F38)
		code[at++] = opcode->map == MAP_0F38 ? 0x38 : 0x3a;
	code[at++] = opcode->opcode;
	if (opcode->form == FORM_BYTE)
		code[at] = opcode->reg;
	else if (opcode->form != FORM_PLAIN && opcode->reg != ANY_REG && opcode->reg < 8)
		code[at] = (uint8_t)((code[at] & 0xc7) | opcode->reg << 3);
}

static void some_idle(void)
{
	fake_machine.vector = 0x20;
}

static void execute(void *argument)
{
	static const unsigned vectors[] = {VECTOR_GP, VECTOR_UD, VECTOR_NP, VECTOR_SS};
	const uint8_t *code = argument;

	guest_trap(vectors[(unsigned)rand() % 4], 0, code, INSN_MAX);
	vmm_before_resume();
	if (rand() % 4 == 0)
		vmm_event();
}

static void randomize(void)
{
	for (unsigned i = 0; i < GPR_COUNT; i++)
		vcpu.regs.gpr[i] = random_word();
	vcpu.regs.gpr[RCX] &= rand() % 2 ? 0xff : UINT64_MAX;
	if (rand() % 4)
		vcpu.regs.gpr[RSP] = (vcpu.cpl ? USER : KERNEL) + 0x8000;
	flags_set((uint64_t)rand() & (FLAG_IF | FLAG_DF | FLAG_TF | FLAG_CF | FLAG_IOPL));
	if (rand() % 8 == 0)
		vcpu.cr4 |= CR4_OSXSAVE | CR4_FSGSBASE;
	stub.idle = some_idle;
}

static void test_random_instructions(void **state)
{
	unsigned ends[3] = {0};

	srand(3);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint8_t code[INSN_MAX];

		random_code(code);

		if (round % 16 == 0)
			guest_setup(state);
		stub.count = stub.log_length = 0;
		change_privilege(0, KERNEL_CS, KERNEL_DS);
		vcpu.regs.rip = KERNEL + CODE_AT;
		if (rand() % 4 == 0)
			guest_enter_user();
		randomize();
		if (!guest_poke(gva(vcpu.regs.rip), code, INSN_MAX)) {
			guest_setup(state); /* it destroyed its page tables */
			continue;
		}
		if (stub_ends(execute, code))
			guest_setup(state);
		ends[stub.end]++;
		assert_true(vcpu.cpl == 0 || vcpu.cpl == 3);
		assert_true(vcpu.masked <= 1);
		assert_int_equal(vcpu.regs.rflags & FLAG_IF, interrupt_flag(&vcpu));
		assert_int_equal(vcpu.regs.rflags & FLAG_IOPL, vcpu.iopl);
		assert_int_equal(vcpu.segment[SEG_CS] & 3, vcpu.cpl);
	}
	assert_true(ends[STUB_RUNS] > ROUNDS / 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_random_instructions, guest_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
