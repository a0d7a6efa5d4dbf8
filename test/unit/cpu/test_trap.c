/* SPDX-License-Identifier: BSD-2-Clause */
/* Delivery through the IDT: SDM 3A 6.12 to 6.15. */
#include "test/unit/cpu/guest.h"

static void test_interrupt_gate(void **state)
{
	struct frame frame;

	(void)state;
	flags_set(FLAG_IF | FLAG_CF | FLAG_TF | FLAG_NT);
	vcpu.regs.gpr[RSP] = KERNEL + STACK_AT - 4; /* aligned down to 16 */
	trap_interrupt(0x20);
	assert_raised(0x20, 0);
	frame = guest_frame(false);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT - 16 - 40);
	assert_int_equal(frame.rip, KERNEL + CODE_AT);
	assert_int_equal(frame.cs, KERNEL_CS);
	assert_int_equal(frame.ss, KERNEL_DS);
	assert_int_equal(frame.rsp, KERNEL + STACK_AT - 4);
	assert_int_equal(frame.rflags, FLAG_IF | FLAG_CF | FLAG_TF | FLAG_NT | FLAG_ONE);
	assert_int_equal(vcpu.regs.rflags, FLAG_CF | FLAG_ONE);
	assert_int_equal(vcpu.masked, 1);
	assert_int_equal(vcpu.segment[SEG_SS], KERNEL_DS);
}

static void test_trap_gate_keeps_if(void **state)
{
	(void)state;
	guest_gate(VECTOR_DE, 15, 0, 0);
	flags_set(FLAG_IF);
	trap_raise(VECTOR_DE, 0);
	assert_raised(VECTOR_DE, 0);
	assert_int_equal(vcpu.masked, 0);
	assert_true(guest_frame(false).rflags & FLAG_RF); /* a fault */
}

static void test_from_application(void **state)
{
	struct frame frame;

	(void)state;
	guest_enter_user();
	trap_raise(VECTOR_GP, 0x18);
	assert_raised(VECTOR_GP, 0x18);
	frame = guest_frame(true);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + RSP0_AT - 48);
	assert_int_equal(frame.cs, USER_CS);
	assert_int_equal(frame.ss, USER_DS);
	assert_int_equal(frame.rsp, USER + 0x8000);
	assert_int_equal(vcpu.segment[SEG_SS], 0);
	assert_int_equal(vcpu.segment[SEG_CS], KERNEL_CS);
}

static void test_interrupt_stack_table(void **state)
{
	(void)state;
	guest_gate(VECTOR_NMI, 14, 0, 1);
	trap_raise(VECTOR_NMI, 0);
	assert_raised(VECTOR_NMI, 0);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + IST_AT - 40);
	assert_int_equal(vcpu.cpl, 0);
}

static void test_page_fault_sets_cr2(void **state)
{
	(void)state;
	guest_enter_user();
	trap_page_fault(gva(0x1234), ACCESS_USER | ACCESS_WRITE);
	assert_raised(VECTOR_PF, ACCESS_USER | ACCESS_WRITE);
	assert_int_equal(vcpu.cr2, 0x1234);
}

static void test_software_interrupt(void **state)
{
	(void)state;
	guest_enter_user();
	guest_gate(0x80, 15, 3, 0);
	vcpu.regs.rip = USER + 2;
	trap_software(0x80, 2);
	assert_raised(0x80, 0);
	assert_int_equal(guest_frame(false).rip, USER + 2);
}

/* A gate that applications may not use: #GP at the instruction, EXT clear. */
static void test_software_interrupt_forbidden(void **state)
{
	(void)state;
	guest_enter_user();
	vcpu.regs.rip = USER + 2;
	trap_software(0x81, 2);
	assert_raised(VECTOR_GP, 0x81 << 3 | 2);
	assert_int_equal(guest_frame(true).rip, USER);
}

static void test_hardware_ignores_gate_dpl(void **state)
{
	(void)state;
	guest_enter_user();
	trap_interrupt(0x81);
	assert_raised(0x81, 0);
}

static void test_bad_gates(void **state)
{
	(void)state;
	*guest_word(IDT_AT + 0x30 * 16) &= ~BIT(47); /* not present */
	trap_interrupt(0x30);
	assert_raised(VECTOR_NP, 0x30 << 3 | 3);
	guest_setup(state);
	guest_gate(0x31, 5, 0, 0); /* a task gate */
	trap_interrupt(0x31);
	assert_raised(VECTOR_GP, 0x31 << 3 | 3);
	guest_setup(state);
	vcpu.idtr.limit = 0x2f * 16 + 15;
	vcpu.regs.rip = KERNEL + CODE_AT + 2;
	trap_software(0x30, 2);
	assert_raised(VECTOR_GP, 0x30 << 3 | 2);
}

static void set_gate_selector(unsigned vector, uint16_t selector)
{
	uint64_t *gate = guest_word(IDT_AT + vector * 16);

	*gate = (*gate & ~UINT64_C(0xffff0000)) | (uint64_t)selector << 16;
}

static void test_bad_code_segments(void **state)
{
	static const struct {
		uint16_t selector;
		unsigned vector;
		mword error;
	} cases[] = {
		{0, VECTOR_GP, 1},
		{KERNEL_DS, VECTOR_GP, KERNEL_DS | 1},
		{USER_CS, VECTOR_GP, (USER_CS & ~3) | 1}, /* less privileged */
		{0x60, VECTOR_GP, 0x61},		  /* empty */
		{0x1000, VECTOR_GP, 0x1001},		  /* behind the limit */
		{0x68, VECTOR_NP, 0x69},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		guest_setup(state);
		guest_descriptor(0x68, UINT64_C(0x00af1b000000ffff)); /* not present */
		set_gate_selector(0x40, cases[i].selector);
		trap_interrupt(0x40);
		assert_raised(cases[i].vector, cases[i].error);
	}
}

static void break_stack(void)
{
	memcpy(guest_ram + TSS_AT + 4, &(uint64_t){KERNEL + HOLE + 0x100}, 8);
}

/* #PF while an interrupt is delivered: the second one is delivered (table 6-5), on a
 * stack of its own. */
static void test_nested_page_fault(void **state)
{
	(void)state;
	break_stack();
	guest_gate(VECTOR_PF, 14, 0, 1);
	guest_enter_user();
	trap_interrupt(0x20);
	assert_raised(VECTOR_PF, ACCESS_WRITE);
	assert_int_equal(vcpu.cr2, KERNEL + HOLE + 0x100 - 40);
	assert_int_equal(guest_frame(true).rip, USER);
	assert_int_equal(guest_frame(true).cs, USER_CS);
}

static void test_double_fault(void **state)
{
	(void)state;
	break_stack();
	guest_gate(VECTOR_DF, 14, 0, 1);
	guest_enter_user();
	trap_page_fault(gva(0x5000), ACCESS_USER);
	assert_raised(VECTOR_DF, 0);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + IST_AT - 48);
	assert_int_equal(guest_frame(true).rip, USER);
}

/* Contributory on contributory; and #GP on the way to #PF. */
static void test_double_fault_contributory(void **state)
{
	(void)state;
	*guest_word(IDT_AT + VECTOR_GP * 16) &= ~BIT(47);
	trap_raise(VECTOR_GP, 0);
	assert_raised(VECTOR_DF, 0);
	guest_setup(state);
	set_gate_selector(VECTOR_PF, 0);
	trap_page_fault(gva(0x5000), 0);
	assert_raised(VECTOR_DF, 0);
}

/* Benign first: #UD's gate is absent, #NP is delivered as such. */
static void test_benign_then_contributory(void **state)
{
	(void)state;
	*guest_word(IDT_AT + VECTOR_UD * 16) &= ~BIT(47);
	trap_raise(VECTOR_UD, 0);
	assert_raised(VECTOR_NP, VECTOR_UD << 3 | 3);
}

static void raise_gp(void *argument)
{
	(void)argument;
	trap_raise(VECTOR_GP, 0);
}

static void test_triple_fault(void **state)
{
	(void)state;
	vcpu.idtr.limit = 0;
	assert_true(stub_ends(raise_gp, NULL));
	assert_int_equal(stub.end, STUB_EXIT);
	assert_int_equal(stub.why, BACKEND_EXIT_TRIPLE);
	assert_non_null(strstr(stub.log, "triple fault"));
}

static void test_bad_stack_address(void **state)
{
	(void)state;
	guest_gate(VECTOR_SS, 14, 0, 1);
	vcpu.regs.gpr[RSP] = CANONICAL_NOT;
	trap_interrupt(0x20);
	assert_raised(VECTOR_SS, 1);
}

static void test_tss_too_short(void **state)
{
	(void)state;
	guest_enter_user();
	vcpu.tr.limit = 10;
	guest_gate(VECTOR_TS, 14, 0, 0);
	assert_true(stub_ends(raise_gp, NULL)); /* no stack for #TS either */
	assert_int_equal(stub.why, BACKEND_EXIT_TRIPLE);
	guest_setup(state);
	vcpu.tr.limit = 36;
	guest_gate(0x20, 14, 0, 1);
	trap_interrupt(0x20);
	assert_raised(VECTOR_TS, TSS_SEL | 1);
}

static void test_debug_exception(void **state)
{
	(void)state;
	flags_set(FLAG_TF);
	vcpu.dr[7] |= BIT(13);
	trap_debug(DR6_BS);
	assert_raised(VECTOR_DB, 0);
	assert_true(vcpu.dr[6] & DR6_BS);
	assert_false(vcpu.dr[7] & BIT(13));
	assert_false(vcpu.regs.rflags & FLAG_TF);
	assert_true(guest_frame(false).rflags & FLAG_TF);
	assert_false(guest_frame(false).rflags & FLAG_RF);
}

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_interrupt_gate),
		TEST(test_trap_gate_keeps_if),
		TEST(test_from_application),
		TEST(test_interrupt_stack_table),
		TEST(test_page_fault_sets_cr2),
		TEST(test_software_interrupt),
		TEST(test_software_interrupt_forbidden),
		TEST(test_hardware_ignores_gate_dpl),
		TEST(test_bad_gates),
		TEST(test_bad_code_segments),
		TEST(test_nested_page_fault),
		TEST(test_double_fault),
		TEST(test_double_fault_contributory),
		TEST(test_benign_then_contributory),
		TEST(test_triple_fault),
		TEST(test_bad_stack_address),
		TEST(test_tss_too_short),
		TEST(test_debug_exception),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
