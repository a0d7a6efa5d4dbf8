/* SPDX-License-Identifier: BSD-2-Clause */
/* iret, lret, far jumps, system calls: SDM 2. */
#include "test/unit/cpu/guest.h"

static void put_frame(const struct frame *frame)
{
	vcpu.regs.gpr[RSP] = KERNEL + STACK_AT - 40;
	memcpy(guest_ram + STACK_AT - 40, &frame->rip, 40);
}

static const struct frame to_user = {.rip = USER + 0x100,
				     .cs = USER_CS,
				     .rflags = FLAG_IF | FLAG_TF,
				     .rsp = USER + 0x4000,
				     .ss = USER_DS};

#define IRETQ EXECUTE(0x48, 0xcf)

static void test_iret_to_application(void **state)
{
	(void)state;
	put_frame(&to_user);
	vcpu.segment[SEG_DS] = KERNEL_DS;
	vcpu.segment[SEG_ES] = USER_DS;
	IRETQ;
	assert_int_equal(vcpu.cpl, 3);
	assert_int_equal(vcpu.regs.rip, USER + 0x100);
	assert_int_equal(vcpu.regs.gpr[RSP], USER + 0x4000);
	assert_int_equal(vcpu.regs.rflags, FLAG_IF | FLAG_TF | FLAG_ONE);
	assert_int_equal(vcpu.masked, 0);
	assert_int_equal(vcpu.segment[SEG_CS], USER_CS);
	assert_int_equal(vcpu.segment[SEG_SS], USER_DS);
	assert_int_equal(vcpu.segment[SEG_DS], 0); /* too privileged */
	assert_int_equal(vcpu.segment[SEG_ES], USER_DS);
}

static void test_iret_same_level(void **state)
{
	struct frame frame = {.rip = KERNEL + 0x19000,
			      .cs = KERNEL_CS,
			      .rflags = FLAG_CF,
			      .rsp = KERNEL + 0x1234,
			      .ss = KERNEL_DS};

	(void)state;
	put_frame(&frame);
	IRETQ;
	assert_int_equal(vcpu.cpl, 0);
	assert_int_equal(vcpu.regs.rip, KERNEL + 0x19000);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + 0x1234);
	frame.ss = 0; /* null is fine for 64-bit kernels */
	put_frame(&frame);
	IRETQ;
	assert_int_equal(vcpu.segment[SEG_SS], 0);
}

/* An interrupt and its iret leave everything as it was. */
static void test_round_trip(void **state)
{
	struct vcpu before;

	(void)state;
	guest_enter_user();
	flags_set(FLAG_IF | FLAG_ZF | FLAG_IOPL);
	before = vcpu;
	trap_interrupt(0x20);
	vcpu.regs.rip = KERNEL + CODE_AT;
	IRETQ;
	assert_memory_equal(&before.regs, &vcpu.regs, sizeof(before.regs));
	assert_memory_equal(before.segment, vcpu.segment, sizeof(before.segment));
	assert_int_equal(vcpu.cpl, 3);
	assert_int_equal(vcpu.iopl, FLAG_IOPL);
}

static void test_iret_faults(void **state)
{
	static const struct {
		struct frame frame;
		unsigned vector;
		mword error;
	} cases[] = {
		{{.cs = 0, .ss = USER_DS}, VECTOR_GP, 0},
		{{.cs = 0x1003, .ss = USER_DS}, VECTOR_GP, 0x1000},
		{{.cs = USER_DS, .ss = USER_DS}, VECTOR_GP, USER_DS & ~3},
		{{.cs = KERNEL_CS | 3, .ss = USER_DS}, VECTOR_GP, KERNEL_CS},
		{{.cs = USER_CS & ~3, .ss = KERNEL_DS}, VECTOR_GP, USER_CS & ~3},
		{{.cs = USER_CS, .ss = 0}, VECTOR_GP, 0},
		{{.cs = USER_CS, .ss = KERNEL_DS}, VECTOR_GP, KERNEL_DS},
		{{.cs = USER_CS, .ss = USER_CS}, VECTOR_GP, USER_CS & ~3},
		{{.cs = KERNEL_CS, .ss = USER_DS}, VECTOR_GP, USER_DS & ~3},
		{{.cs = USER_CS, .ss = USER_DS, .rip = CANONICAL_NOT}, VECTOR_GP, 0},
		{{.cs = USER32_CS, .ss = USER_DS}, VECTOR_GP, USER32_CS & ~3}, /* a limit */
		{{.cs = 0x6b, .ss = USER_DS}, VECTOR_NP, 0x68},
		{{.cs = USER_CS, .ss = 0x73}, VECTOR_SS, 0x70},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		guest_setup(state);
		guest_descriptor(0x68, UINT64_C(0x00af7b000000ffff)); /* code, not present */
		guest_descriptor(0x70, UINT64_C(0x00cf73000000ffff)); /* data, not present */
		put_frame(&cases[i].frame);
		IRETQ;
		assert_raised(cases[i].vector, cases[i].error);
		assert_int_equal(guest_frame(true).rip, KERNEL + CODE_AT);
		assert_int_equal(guest_frame(true).rsp, KERNEL + STACK_AT - 40);
	}
}

static void test_iret_stack_fault(void **state)
{
	(void)state;
	guest_gate(VECTOR_PF, 14, 0, 1);
	vcpu.regs.gpr[RSP] = KERNEL + HOLE - 16;
	IRETQ;
	assert_raised(VECTOR_PF, 0);
	assert_int_equal(vcpu.cr2, KERNEL + HOLE);
}

static void test_iret_nested_task(void **state)
{
	(void)state;
	put_frame(&to_user);
	flags_set(FLAG_NT);
	IRETQ;
	assert_raised(VECTOR_GP, 0);
}

/* Applications cannot change IF or IOPL by iret to themselves. */
static void test_iret_in_application(void **state)
{
	struct frame frame = {.rip = USER + 8,
			      .cs = USER_CS,
			      .rflags = FLAG_IOPL | FLAG_AC,
			      .rsp = USER + 0x100,
			      .ss = USER_DS};

	(void)state;
	guest_enter_user();
	vcpu.regs.gpr[RSP] = USER + 0x200;
	assert_true(guest_poke(gva(USER + 0x200), &frame.rip, 40));
	IRETQ;
	assert_int_equal(vcpu.regs.rip, USER + 8);
	assert_int_equal(vcpu.regs.rflags, FLAG_IF | FLAG_AC | FLAG_ONE);
}

/* How head_64.S of Linux comes to its own code segment. */
static void test_lretq(void **state)
{
	mword frame[2] = {KERNEL + 0x19000, KERNEL_CS};

	(void)state;
	vcpu.segment[SEG_CS] = 0x30;
	memcpy(guest_ram + STACK_AT - 16, frame, 16);
	vcpu.regs.gpr[RSP] = KERNEL + STACK_AT - 16;
	EXECUTE(0x48, 0xcb);
	assert_int_equal(vcpu.regs.rip, KERNEL + 0x19000);
	assert_int_equal(vcpu.segment[SEG_CS], KERNEL_CS);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT);
}

static void test_lret_outer(void **state)
{
	mword frame[5] = {USER + 4, USER_CS, 0, USER + 0x300, USER_DS};

	(void)state;
	memcpy(guest_ram + STACK_AT - 40, frame, 40);
	vcpu.regs.gpr[RSP] = KERNEL + STACK_AT - 40;
	EXECUTE(0x48, 0xca, 0x08, 0x00); /* 8 bytes of parameters */
	assert_int_equal(vcpu.cpl, 3);
	assert_int_equal(vcpu.regs.rip, USER + 4);
	assert_int_equal(vcpu.regs.gpr[RSP], USER + 0x308);
	assert_int_equal(vcpu.segment[SEG_SS], USER_DS);
}

static void test_far_jump_and_call(void **state)
{
	mword target = KERNEL + 0x19100;
	uint16_t selector = KERNEL_CS;
	mword back[2];

	(void)state;
	memcpy(guest_ram + 0x28000, &target, 8);
	memcpy(guest_ram + 0x28008, &selector, 2);
	vcpu.regs.gpr[RBX] = KERNEL + 0x28000;
	EXECUTE(0x48, 0xff, 0x2b); /* ljmpq *(%rbx) */
	assert_int_equal(vcpu.regs.rip, KERNEL + 0x19100);
	EXECUTE(0x48, 0xff, 0x1b); /* lcallq *(%rbx) */
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT - 16);
	memcpy(back, guest_ram + STACK_AT - 16, 16);
	assert_int_equal(back[0], KERNEL + 0x19103);
	assert_int_equal(back[1], KERNEL_CS);
	selector = KERNEL_DS;
	memcpy(guest_ram + 0x28008, &selector, 2);
	EXECUTE(0x48, 0xff, 0x2b);
	assert_raised(VECTOR_GP, KERNEL_DS);
}

static void test_syscall(void **state)
{
	(void)state;
	guest_enter_user();
	flags_set(FLAG_IF | FLAG_DF | FLAG_CF);
	vcpu.regs.rflags |= FLAG_RF;
	vcpu.regs.rip = USER + 2;
	vmm_syscall();
	assert_int_equal(vcpu.regs.rip, vcpu.lstar);
	assert_int_equal(vcpu.regs.gpr[RCX], USER + 2);
	assert_int_equal(vcpu.regs.gpr[R11], FLAG_IF | FLAG_DF | FLAG_CF | FLAG_ONE);
	assert_int_equal(vcpu.regs.gpr[RSP], USER + 0x8000);
	assert_int_equal(vcpu.regs.rflags, FLAG_CF | FLAG_ONE);
	assert_int_equal(vcpu.masked, 1);
	assert_int_equal(vcpu.cpl, 0);
	assert_int_equal(vcpu.segment[SEG_CS], KERNEL_CS);
	assert_int_equal(vcpu.segment[SEG_SS], KERNEL_DS);
}

static void test_syscall_disabled(void **state)
{
	(void)state;
	guest_enter_user();
	vcpu.efer &= ~EFER_SCE;
	vmm_syscall();
	assert_raised(VECTOR_UD, 0);
}

static void test_sysret(void **state)
{
	(void)state;
	vcpu.regs.gpr[RCX] = USER + 0x10;
	vcpu.regs.gpr[R11] = FLAG_IF | FLAG_ZF | FLAG_RF;
	EXECUTE(0x48, 0x0f, 0x07);
	assert_int_equal(vcpu.cpl, 3);
	assert_int_equal(vcpu.regs.rip, USER + 0x10);
	assert_int_equal(vcpu.segment[SEG_CS], USER_CS);
	assert_int_equal(vcpu.segment[SEG_SS], USER_DS);
	assert_int_equal(vcpu.regs.rflags, FLAG_IF | FLAG_ZF | FLAG_ONE);
	assert_int_equal(vcpu.masked, 0);
}

static void test_sysret_faults(void **state)
{
	(void)state;
	vcpu.regs.gpr[RCX] = CANONICAL_NOT;
	EXECUTE(0x48, 0x0f, 0x07);
	assert_raised(VECTOR_GP, 0);
	guest_setup(state);
	guest_enter_user();
	EXECUTE(0x48, 0x0f, 0x07);
	assert_raised(VECTOR_GP, 0);
}

static void test_sysenter_sysexit(void **state)
{
	(void)state;
	guest_enter_user();
	EXECUTE(0x0f, 0x34);
	assert_raised(VECTOR_GP, 0); /* SYSENTER_CS is 0 */
	guest_setup(state);
	vcpu.sysenter_cs = KERNEL_CS;
	vcpu.sysenter_eip = KERNEL + 0x19200;
	vcpu.sysenter_esp = KERNEL + 0x29000;
	guest_enter_user();
	EXECUTE(0x0f, 0x34);
	assert_int_equal(vcpu.regs.rip, KERNEL + 0x19200);
	assert_int_equal(vcpu.cpl, 0);
	assert_int_equal(vcpu.masked, 1);
	vcpu.regs.gpr[RCX] = USER + 0x40;
	vcpu.regs.gpr[RDX] = USER + 0x50;
	EXECUTE(0x48, 0x0f, 0x35);
	assert_int_equal(vcpu.regs.rip, USER + 0x50);
	assert_int_equal(vcpu.regs.gpr[RSP], USER + 0x40);
	assert_int_equal(vcpu.segment[SEG_CS], KERNEL_CS + 32 + 3);
}

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_iret_to_application),
		TEST(test_iret_same_level),
		TEST(test_round_trip),
		TEST(test_iret_faults),
		TEST(test_iret_stack_fault),
		TEST(test_iret_nested_task),
		TEST(test_iret_in_application),
		TEST(test_lretq),
		TEST(test_lret_outer),
		TEST(test_far_jump_and_call),
		TEST(test_syscall),
		TEST(test_syscall_disabled),
		TEST(test_sysret),
		TEST(test_sysret_faults),
		TEST(test_sysenter_sysexit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
