/* SPDX-License-Identifier: BSD-2-Clause */
/* Every template, executed, against what the manuals say of the instruction: all
 * registers, all flags, the stack below and above, and nothing else.
 */
#include "everywhere.h"

#include "vmm/rewrite/templates.h"

#include <string.h>

static void run_and_expect_no_change(void)
{
	machine_run();
	assert_same_registers(&after, &before, FLAGS_ALL);
	assert_stack_unchanged(STACK_MIDDLE, guest_stack + STACK_WORDS);
	assert_int_equal(site_calls, 0);
}

static void do_cli(mword next)
{
	(void)next;
	vcpu.masked = 0;
	run_and_expect_no_change();
	assert_int_equal(vcpu.masked, 1);
	assert_stack_unchanged(guest_stack, guest_stack + STACK_WORDS);
}

static void test_cli(void **state)
{
	(void)state;
	everywhere(&cli, do_cli);
}

static void do_sti(mword next)
{
	(void)next;
	run_and_expect_no_change();
	assert_int_equal(vcpu.masked, 0);
}

static void take_pending(void)
{
	vcpu.pending = 0;
	vcpu.masked = 0;
}

static void do_sti_pending(mword next)
{
	vcpu.pending = 1;
	site_action = take_pending;
	machine_run();
	assert_same_registers(&after, &before, FLAGS_ALL);
	assert_int_equal(site_calls, 1);
	assert_int_equal(site_next, next);
	assert_int_equal(vcpu.in_vmm, 0);
	assert_stack_unchanged(STACK_MIDDLE, guest_stack + STACK_WORDS);
}

static void test_sti(void **state)
{
	(void)state;
	everywhere(&sti, do_sti);
	everywhere(&sti, do_sti_pending);
}

static void do_pushf(mword next)
{
	struct machine_state expected = before;

	(void)next;
	for (vcpu.masked = 0; vcpu.masked < 2; vcpu.masked++) {
		machine_run();
		expected.gpr[RSP] = before.gpr[RSP] - 8;
		assert_same_registers(&after, &expected, FLAGS_ALL);
		assert_int_equal(STACK_MIDDLE[-1],
				 (before.rflags & ~FLAG_IF) | interrupt_flag(&vcpu));
		assert_stack_unchanged(STACK_MIDDLE, guest_stack + STACK_WORDS);
		assert_int_equal(site_calls, 0);
	}
}

static void do_pushf_iopl(mword next)
{
	(void)next;
	vcpu.iopl = FLAG_IOPL;
	machine_run();
	assert_int_equal(STACK_MIDDLE[-1], (before.rflags & ~FLAG_IF) | FLAG_IOPL);
	assert_int_equal(after.gpr[RAX], before.gpr[RAX]);
}

static void test_pushf(void **state)
{
	(void)state;
	everywhere(&pushfq, do_pushf);
	everywhere(&pushfq, do_pushf_iopl);
}

static void do_popf(mword next)
{
	(void)next;
	for (unsigned i = 0; i < 2 * FLAG_SETS; i++) {
		struct machine_state expected = before;

		expected.gpr[RSP] += 8;
		expected.rflags = flag_sets[i / 2];
		vcpu.masked = i / 2 & 1;
		*STACK_MIDDLE = FLAG_ONE | expected.rflags | (i & 1 ? FLAG_IF : 0);
		machine_run();
		assert_same_registers(&after, &expected, FLAGS_ALL);
		assert_int_equal(vcpu.masked, !(i & 1));
		assert_int_equal(site_calls, 0);
		assert_stack_unchanged(STACK_MIDDLE + 1, guest_stack + STACK_WORDS);
	}
}

static void emulate_popf(void)
{
	vcpu.regs.gpr[RSP] += 8;
}

/* Each uncommon bit, and a pending interrupt, goes the general way: once, registers kept. */
static void do_popf_slow(mword next)
{
	static const mword uncommon[] = {
		FLAG_TF,  BIT(12),  BIT(13), FLAG_NT, FLAG_RF, FLAG_VM, FLAG_AC,
		FLAG_VIF, FLAG_VIP, BIT(3),  BIT(5),  BIT(15), BIT(31), 0,
	};

	site_action = emulate_popf;
	for (unsigned i = 0; i < sizeof(uncommon) / sizeof(uncommon[0]); i++) {
		*STACK_MIDDLE = uncommon[i] ? uncommon[i] | FLAG_ONE : FLAG_IF | FLAG_ONE;
		vcpu.pending = !uncommon[i];
		site_calls = 0;
		machine_run();
		assert_int_equal(site_calls, 1);
		assert_int_equal(site_next, next);
		assert_int_equal(site_regs.gpr[RSP], before.gpr[RSP]);
		assert_int_equal(site_regs.gpr[RCX], before.gpr[RCX]);
		assert_int_equal(after.gpr[RSP], before.gpr[RSP] + 8);
	}
}

/* Nothing to deliver while masked. */
static void do_popf_masked(mword next)
{
	(void)next;
	*STACK_MIDDLE = FLAG_ONE;
	vcpu.pending = 1;
	vcpu.masked = 0;
	machine_run();
	assert_int_equal(site_calls, 0);
	assert_int_equal(vcpu.masked, 1);
	assert_int_equal(after.gpr[RSP], before.gpr[RSP] + 8);
}

/* A popf of IOPL 0 changes it if it is another. */
static void do_popf_iopl(mword next)
{
	site_action = emulate_popf;
	*STACK_MIDDLE = FLAG_ONE;
	vcpu.iopl = BIT(12);
	machine_run();
	assert_int_equal(site_calls, 1);
	assert_int_equal(site_next, next);
}

static void test_popf(void **state)
{
	(void)state;
	everywhere(&popfq, do_popf);
	everywhere(&popfq, do_popf_slow);
	everywhere(&popfq, do_popf_masked);
	everywhere(&popfq, do_popf_iopl);
}

/* --- moves from control and segment registers -------------------------------------------- */

static mword *cr_field(unsigned number)
{
	switch (number) {
	case 0:
		return &vcpu.cr0;
	case 2:
		return &vcpu.cr2;
	case 3:
		return &vcpu.cr3;
	case 4:
		return &vcpu.cr4;
	default:
		return &vcpu.cr8;
	}
}

static void expect_loaded(unsigned reg, mword value, unsigned size)
{
	struct machine_state expected = before;

	if (size == 2)
		expected.gpr[reg] = (before.gpr[reg] & ~(mword)0xffff) | value;
	else
		expected.gpr[reg] = value;
	machine_run();
	assert_same_registers(&after, &expected, FLAGS_ALL);
	assert_int_equal(site_calls, 0);
	assert_stack_unchanged(guest_stack, guest_stack + STACK_WORDS);
}

static void test_mov_from_cr(void **state)
{
	static const unsigned numbers[] = {0, 2, 3, 4, 8};

	(void)state;
	for (unsigned i = 0; i < 5 * GPR_COUNT; i++) {
		unsigned cr = numbers[i % 5], reg = i / 5;
		struct sample sample = {.name = "mov %cr, %reg",
					.class = AB_CLASS_MOV_FROM_CR,
					.flags = AB_F_PREFIX,
					.pad = 5};
		uint8_t *to = sample.bytes;

		if (cr == 8 || reg >= 8)
			*to++ = (uint8_t)(0x40 | (cr == 8 ? 4 : 0) | (reg >= 8)); /* REX.R, REX.B */
		*to++ = 0x0f; /* mov %cr, %r64 */
		*to++ = 0x20;
		*to++ = (uint8_t)(0xc0 | (cr & 7) << 3 | (reg & 7));
		sample.length = (uint8_t)(to - sample.bytes);
		machine_reset(NULL);
		machine_place(places[i % PLACES], &sample);
		machine_registers(places[i % PLACES], flag_sets[i % FLAG_SETS]);
		expect_loaded(reg, *cr_field(cr), 8);
	}
}

static void test_mov_from_seg(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * SEG_COUNT * GPR_COUNT; i++) {
		unsigned size = 2u << i % 3, segment = i / 3 % SEG_COUNT, reg = i / 3 / SEG_COUNT;
		struct sample sample = {.name = "mov %seg, %reg",
					.class = AB_CLASS_MOV_FROM_SEG,
					.flags = AB_F_PREFIX,
					.pad = 5};
		uint8_t *to = sample.bytes;

		if (size == 2)
			*to++ = 0x66;
		if (size == 8 || reg >= 8)
			*to++ = (uint8_t)(0x40 | (size == 8 ? 8 : 0) |
					  (reg >= 8)); /* REX.W, REX.B */
		*to++ = 0x8c;			       /* mov %seg, %r */
		*to++ = (uint8_t)(0xc0 | segment << 3 | (reg & 7));
		sample.length = (uint8_t)(to - sample.bytes);
		machine_reset(NULL);
		for (unsigned s = 0; s < SEG_COUNT; s++)
			vcpu.segment[s] = 0xf000 + s;
		machine_place(places[i % PLACES], &sample);
		machine_registers(places[i % PLACES], flag_sets[i % FLAG_SETS]);
		expect_loaded(reg, 0xf000 + segment, size);
	}
}

/* Forms without a template are called: a store to memory, cr1. */
static void test_moves_called(void **state)
{
	static const struct sample samples[] = {
		FOLLOWED("mov %ds, (%rax)", MOV_FROM_SEG, 6, 0x8c, 0x18),
		PREFIXED("mov %cr1, %rax", MOV_FROM_CR, 5, 0x0f, 0x20, 0xc8),
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		machine_reset(NULL);
		machine_place(CODE_AT, &samples[i]);
		machine_registers(CODE_AT, FLAGS_ALL);
		machine_run();
		assert_int_equal(site_calls, 1);
		assert_same_registers(&after, &before, FLAGS_ALL);
	}
}

/* The NOPs behind a template are executed: all lengths. */
static void test_fill(void **state)
{
	(void)state;
	for (unsigned length = 0; length <= SITE_MAX; length++) {
		machine_reset(NULL);
		template_fill((uint8_t *)CODE_AT, length);
		machine_end(CODE_AT + length);
		machine_registers(CODE_AT, FLAGS_ALL);
		machine_run();
		assert_same_registers(&after, &before, FLAGS_ALL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cli, machine_reset),
		cmocka_unit_test_setup(test_sti, machine_reset),
		cmocka_unit_test_setup(test_pushf, machine_reset),
		cmocka_unit_test_setup(test_popf, machine_reset),
		cmocka_unit_test_setup(test_mov_from_cr, machine_reset),
		cmocka_unit_test_setup(test_mov_from_seg, machine_reset),
		cmocka_unit_test_setup(test_moves_called, machine_reset),
		cmocka_unit_test_setup(test_fill, machine_reset),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
