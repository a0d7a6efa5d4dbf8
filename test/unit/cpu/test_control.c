/* SPDX-License-Identifier: BSD-2-Clause */
/* Flags, control registers, debug registers, XCR0: SDM 3A 2.3, 2.5, 17.2. */
#include "test/unit/cpu/guest.h"

#define DONE(length) assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT + (length))

/* Run it again from the start, in the kernel. */
static void fresh(void)
{
	guest_setup(NULL);
}

static void test_cli_sti(void **state)
{
	(void)state;
	EXECUTE(0xfb);
	DONE(1);
	assert_int_equal(vcpu.masked, 0);
	assert_true(vcpu.regs.rflags & FLAG_IF);
	EXECUTE(0xfa);
	assert_int_equal(vcpu.masked, 1);
	assert_false(vcpu.regs.rflags & FLAG_IF);
	fresh();
	guest_enter_user();
	EXECUTE(0xfa);
	assert_raised(VECTOR_GP, 0);
	fresh();
	guest_enter_user();
	vcpu.iopl = FLAG_IOPL;
	EXECUTE(0xfa);
	assert_int_equal(vcpu.masked, 1);
	assert_int_equal(vcpu.cpl, 3);
}

static mword pushed(void)
{
	mword value;

	assert_true(guest_peek(gva(vcpu.regs.gpr[RSP]), &value, 8));
	return value;
}

static void test_pushf(void **state)
{
	(void)state;
	flags_set(FLAG_IF | FLAG_CF | FLAG_IOPL);
	vcpu.regs.rflags |= FLAG_RF;
	EXECUTE(0x9c);
	assert_int_equal(pushed(), FLAG_IF | FLAG_CF | FLAG_IOPL | FLAG_ONE);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT - 8);
	EXECUTE(0x66, 0x9c);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT - 10);
}

static void popf(mword value)
{
	assert_true(guest_poke(gva(vcpu.regs.gpr[RSP]), &value, 8));
	EXECUTE(0x9d);
}

static void test_popf(void **state)
{
	(void)state;
	popf(FLAG_IF | FLAG_ZF | FLAG_IOPL | FLAG_AC | FLAG_VM | FLAG_VIF | FLAG_RF | BIT(3) |
	     BIT(40));
	DONE(1);
	assert_int_equal(vcpu.regs.rflags, FLAG_IF | FLAG_ZF | FLAG_IOPL | FLAG_AC | FLAG_ONE);
	assert_int_equal(vcpu.masked, 0);
	assert_int_equal(vcpu.iopl, FLAG_IOPL);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT + 8);
	fresh();
	guest_enter_user();
	popf(FLAG_IOPL | FLAG_CF); /* IF stays, IOPL stays */
	assert_int_equal(vcpu.regs.rflags, FLAG_IF | FLAG_CF | FLAG_ONE);
	vcpu.iopl = FLAG_IOPL;
	popf(0);
	assert_int_equal(vcpu.masked, 1);
	assert_int_equal(vcpu.iopl, FLAG_IOPL);
}

static void test_popf_16_bits(void **state)
{
	mword value = 0;

	(void)state;
	flags_set(FLAG_AC | FLAG_IF | FLAG_CF);
	assert_true(guest_poke(gva(vcpu.regs.gpr[RSP]), &value, 8));
	EXECUTE(0x66, 0x9d);
	assert_int_equal(vcpu.regs.rflags, FLAG_AC | FLAG_ONE);
}

/* The trap flag of before fires behind the instruction. */
static void test_single_step(void **state)
{
	(void)state;
	popf(FLAG_TF);
	DONE(1); /* not yet */
	EXECUTE(0xfb);
	assert_raised(VECTOR_DB, 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT + 2);
	assert_true(vcpu.dr[6] & DR6_BS);
}

/* --- control registers ---------------------------------------------------------------- */

static void test_read_control_registers(void **state)
{
	(void)state;
	vcpu.cr2 = UINT64_C(0x123456789);
	EXECUTE(0x0f, 0x20, 0xd0); /* mov %cr2, %rax */
	assert_int_equal(vcpu.regs.gpr[RAX], UINT64_C(0x123456789));
	EXECUTE(0x41, 0x0f, 0x20, 0xdc); /* mov %cr3, %r12 */
	assert_int_equal(vcpu.regs.gpr[R12], vcpu.cr3);
	EXECUTE(0x0f, 0x20, 0xc8); /* cr1 */
	assert_raised(VECTOR_UD, 0);
}

static void write_cr(uint8_t modrm, mword value)
{
	vcpu.regs.gpr[RAX] = value;
	EXECUTE(0x0f, 0x22, modrm);
}

static void test_cr3(void **state)
{
	(void)state;
	write_cr(0xd8, 0x5018);
	assert_int_equal(vcpu.cr3, 0x5018);
	assert_int_equal(stub_last("load_root")->arguments[0], 0x5000);
	vcpu.cr3 = 0x1000;
	write_cr(0xd8, BIT(63)); /* PCID's */
	assert_raised(VECTOR_GP, 0);
}

static void test_cr0(void **state)
{
	static const mword bad[] = {CR0_PG, CR0_PE, CR0_PE | CR0_PG | CR0_NW,
				    BIT(32) | CR0_PE | CR0_PG};
	mword plain = CR0_PE | CR0_PG | CR0_NE | CR0_WP;

	(void)state;
	write_cr(0xc0, plain);
	assert_int_equal(vcpu.cr0, plain | CR0_ET);
	assert_int_equal(stub_count("flush_all"), 0);
	write_cr(0xc0, plain & ~CR0_WP);
	assert_int_equal(stub_last("flush_all")->arguments[0], 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh();
		write_cr(0xc0, bad[i]);
		assert_raised(VECTOR_GP, 0);
	}
}

static void test_cr4(void **state)
{
	static const mword hidden[] = {CR4_MCE,	 CR4_UMIP, CR4_LA57, CR4_PCIDE,
				       CR4_SMEP, CR4_SMAP, CR4_PKE,  BIT(13)};

	(void)state;
	write_cr(0xe0, CR4_PAE | CR4_FSGSBASE | CR4_OSFXSR | CR4_OSXSAVE);
	DONE(3);
	assert_int_equal(stub_count("flush_all"), 0);
	write_cr(0xe0, vcpu.cr4 | CR4_PGE);
	assert_int_equal(stub_last("flush_all")->arguments[0], 1);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		fresh();
		write_cr(0xe0, CR4_PAE | hidden[i]);
		assert_raised(VECTOR_GP, 0);
	}
	fresh();
	write_cr(0xe0, 0); /* without PAE in 64-bit mode */
	assert_raised(VECTOR_GP, 0);
}

static void test_cr8(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = 15;
	EXECUTE(0x44, 0x0f, 0x22, 0xc0);
	assert_int_equal(vcpu.cr8, 15);
	vcpu.regs.gpr[RAX] = 16;
	EXECUTE(0x44, 0x0f, 0x22, 0xc0);
	assert_raised(VECTOR_GP, 0);
}

static void test_machine_status_word(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = CR0_TS | CR0_MP;
	EXECUTE(0x0f, 0x01, 0xf0); /* lmsw %ax: PE cannot be cleared */
	assert_int_equal(vcpu.cr0 & 0xf, CR0_PE | CR0_TS | CR0_MP);
	EXECUTE(0x0f, 0x06); /* clts */
	assert_false(vcpu.cr0 & CR0_TS);
	EXECUTE(0x48, 0x0f, 0x01, 0xe3); /* smsw %rbx */
	assert_int_equal(vcpu.regs.gpr[RBX], vcpu.cr0);
	guest_enter_user();
	EXECUTE(0x0f, 0x01, 0xe0); /* UMIP is off: applications may */
	assert_int_equal(vcpu.cpl, 3);
}

static void test_privileged_in_application(void **state)
{
	static const uint8_t code[][4] = {
		{3, 0x0f, 0x20, 0xc0}, {3, 0x0f, 0x22, 0xd8}, {2, 0x0f, 0x06},
		{2, 0x0f, 0x30},       {2, 0x0f, 0x32},	      {1, 0xf4},
		{3, 0x0f, 0x01, 0xf8}, {3, 0x0f, 0x01, 0x38}, {3, 0x0f, 0x01, 0x10},
		{2, 0x0f, 0x09},       {2, 0x0f, 0x33},	      {1, 0xfb},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		fresh();
		guest_enter_user();
		guest_trap(VECTOR_GP, 0, code[i] + 1, code[i][0]);
		assert_raised(VECTOR_GP, 0);
		assert_int_equal(guest_frame(true).rip, USER);
	}
}

static void test_debug_registers(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = KERNEL;
	EXECUTE(0x0f, 0x23, 0xc0); /* mov %rax, %dr0 */
	EXECUTE(0x0f, 0x21, 0xc3); /* mov %dr0, %rbx */
	assert_int_equal(vcpu.regs.gpr[RBX], KERNEL);
	vcpu.regs.gpr[RAX] = 0;
	EXECUTE(0x0f, 0x23, 0xf0); /* dr6 */
	assert_int_equal(vcpu.dr[6], 0xffff0ff0);
	EXECUTE(0x0f, 0x21, 0xe3); /* dr4 is dr6 */
	assert_int_equal(vcpu.regs.gpr[RBX], 0xffff0ff0);
	EXECUTE(0x0f, 0x23, 0xf8); /* dr7 */
	assert_int_equal(vcpu.dr[7], 0x400);
	vcpu.cr4 |= CR4_DE;
	EXECUTE(0x0f, 0x21, 0xe3);
	assert_raised(VECTOR_UD, 0);
	fresh();
	vcpu.regs.gpr[RAX] = BIT(32);
	EXECUTE(0x0f, 0x23, 0xf8);
	assert_raised(VECTOR_GP, 0);
}

static void test_extended_control_register(void **state)
{
	(void)state;
	EXECUTE(0x0f, 0x01, 0xd0);
	assert_raised(VECTOR_UD, 0); /* OSXSAVE is off */
	fresh();
	vcpu.cr4 |= CR4_OSXSAVE;
	vcpu.regs.gpr[RAX] = 7;
	EXECUTE(0x0f, 0x01, 0xd1); /* xsetbv */
	DONE(3);
	vcpu.regs.gpr[RAX] = 0;
	EXECUTE(0x0f, 0x01, 0xd0); /* xgetbv */
	assert_int_equal(vcpu.regs.gpr[RAX], 7);
	vcpu.regs.gpr[RAX] = 5; /* AVX without SSE */
	EXECUTE(0x0f, 0x01, 0xd1);
	assert_raised(VECTOR_GP, 0);
	fresh();
	vcpu.cr4 |= CR4_OSXSAVE;
	vcpu.regs.gpr[RAX] = 0x207; /* PKRU is hidden */
	EXECUTE(0x0f, 0x01, 0xd1);
	assert_raised(VECTOR_GP, 0);
}

/* Two components behind the header, in standard form at 576 and 1024. */
static void two_components(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	memset(out, 0, 4 * sizeof(out[0]));
	if (leaf != 0xd || (subleaf != 2 && subleaf != 3))
		return;
	out[0] = 64;
	out[1] = subleaf == 2 ? 576 : 1024;
}

static void xrstor(mword va)
{
	vcpu.cr4 |= CR4_OSXSAVE;
	vcpu.regs.gpr[RDI] = va;
	vcpu.regs.gpr[RAX] = 0xffffffff;
	vcpu.regs.gpr[RDX] = 0xffffffff;
	EXECUTE(0x48, 0x0f, 0xae, 0x2f); /* xrstor64 (%rdi) */
}

#define AREA (KERNEL + 0x20000)

static void test_load_extended_state(void **state)
{
	(void)state;
	stub.cpuid = two_components;
	*guest_word(0x20000 + 512) = 0xf;
	*guest_word(0x20000 + 1024) = 0x1234;
	xrstor(AREA);
	DONE(4);
	assert_int_equal(stub_last("load_state")->arguments[1], ~UINT64_C(0x200)); /* no PKRU */
	assert_int_equal(*(uint64_t *)(uintptr_t)(stub_last("load_state")->arguments[0] + 1024),
			 0x1234);
	fresh();
	stub.bad_state = true;
	xrstor(AREA);
	assert_raised(VECTOR_GP, 0);
	fresh();
	xrstor(AREA + 8);
	assert_raised(VECTOR_GP, 0);
	fresh();
	vcpu.cr0 |= CR0_TS;
	xrstor(AREA);
	assert_raised(VECTOR_NM, 0);
	assert_int_equal(stub_count("load_state"), 0);
}

/* Only the last component is on a page that is not there; compacted it is not. */
static void test_extended_state_faults(void **state)
{
	const mword at = HOLE - 1024;

	(void)state;
	stub.cpuid = two_components;
	*guest_word(at + 512) = 0x8;
	xrstor(KERNEL + at);
	assert_raised(VECTOR_PF, 0);
	assert_int_equal(vcpu.cr2, KERNEL + HOLE);
	fresh();
	stub.cpuid = two_components;
	*guest_word(at + 512) = 0x8;
	*guest_word(at + 520) = BIT(63) | 0x8;
	xrstor(KERNEL + at);
	DONE(4);
	assert_int_equal(stub_count("load_state"), 1);
}

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cli_sti),
		TEST(test_pushf),
		TEST(test_popf),
		TEST(test_popf_16_bits),
		TEST(test_single_step),
		TEST(test_read_control_registers),
		TEST(test_cr3),
		TEST(test_cr0),
		TEST(test_cr4),
		TEST(test_cr8),
		TEST(test_machine_status_word),
		TEST(test_privileged_in_application),
		TEST(test_debug_registers),
		TEST(test_extended_control_register),
		TEST(test_load_extended_state),
		TEST(test_extended_state_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
