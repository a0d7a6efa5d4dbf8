/* SPDX-License-Identifier: BSD-2-Clause */
/* What is jumped to and not called: swapgs, iret, sysret and the like, executed. The
 * stack pointer may be an application's: nothing may touch it.
 */
#include "everywhere.h"

#include <string.h>

static mword gs_base(void)
{
	mword base;

	__asm__ volatile("rdgsbase %0" : "=r"(base));
	return base;
}

static void set_gs_base(mword base)
{
	__asm__ volatile("wrgsbase %0" : : "r"(base));
}

static void do_swapgs(mword next)
{
	mword other = vcpu.kernel_gs_base;

	(void)next;
	before.gpr[RSP] = 0x7ffe0000dead; /* an application's, not to be touched */
	set_gs_base(0x1000);
	machine_run();
	assert_int_equal(gs_base(), other);
	assert_int_equal(vcpu.kernel_gs_base, 0x1000);
	assert_same_registers(&after, &before, FLAGS_ALL);
	machine_run();
	assert_int_equal(gs_base(), 0x1000);
	assert_int_equal(vcpu.kernel_gs_base, other);
	assert_stack_unchanged(guest_stack, guest_stack + STACK_WORDS);
}

/* Noted only. */
static void do_swapgs_kept(mword next)
{
	(void)next;
	before.gpr[RSP] = 0x7ffe0000dead;
	set_gs_base(0x1000);
	machine_run();
	assert_int_equal(vcpu.swapped, 0xff);
	assert_same_registers(&after, &before, FLAGS_ALL);
	machine_run();
	assert_int_equal(vcpu.swapped, 0);
	assert_int_equal(gs_base(), 0x1000);
	assert_int_equal(site_calls, 0);
	assert_stack_unchanged(guest_stack, guest_stack + STACK_WORDS);
}

static void test_swapgs(void **state)
{
	(void)state;
	everywhere(&swapgs, do_swapgs);
	everywhere_kept(&swapgs, do_swapgs_kept);
}

/* An iret frame at STACK_MIDDLE; goes to guest code that ends at once. */
#define TARGET (CODE_AT + 2 * PAGE_SIZE + 0x80)
static void push_frame(mword cs, mword rflags, mword ss)
{
	machine_end(TARGET);
	STACK_MIDDLE[0] = TARGET;
	STACK_MIDDLE[1] = cs;
	STACK_MIDDLE[2] = rflags | FLAG_ONE;
	STACK_MIDDLE[3] = (mword)(STACK_MIDDLE + 9);
	STACK_MIDDLE[4] = ss;
}

static void run_iret(mword cs, mword rflags, mword ss)
{
	struct machine_state expected = before;

	push_frame(cs, rflags, ss);
	expected.gpr[RSP] = STACK_MIDDLE[3];
	expected.rflags = rflags;
	machine_run();
	assert_same_registers(&after, &expected, FLAGS_ALL);
	assert_int_equal(site_calls, 0);
	assert_int_equal(interrupt_flag(&vcpu), rflags & FLAG_IF);
	assert_stack_unchanged(guest_stack, STACK_MIDDLE); /* espfix: read-only below */
}

static void do_iret(mword next)
{
	(void)next;
	for (unsigned i = 0; i < FLAG_SETS; i++) {
		vcpu.cpl = 0;
		vcpu.segment[SEG_CS] = 0x10;
		vcpu.segment[SEG_SS] = i & 1 ? 0x18 : 0;
		vcpu.masked = 1;
		run_iret(0x10, flag_sets[i] | FLAG_IF, vcpu.segment[SEG_SS]);
		vcpu.pending = 1; /* masked: nothing to deliver */
		run_iret(0x10, flag_sets[i] | FLAG_RF, vcpu.segment[SEG_SS]);
		vcpu.pending = 0;
		assert_int_equal(vcpu.cpl, 0);
		run_iret(0x33, flag_sets[i] | FLAG_IF, 0x2b);
		assert_int_equal(vcpu.cpl, 3);
		assert_int_equal(vcpu.segment[SEG_CS], 0x33);
		assert_int_equal(vcpu.segment[SEG_SS], 0x2b);
	}
}

/* What iret must not do by itself. */
static const struct slow {
	const char *why;
	mword rip, cs, rflags, ss;
	uint8_t cpl, pending;
	uint32_t ds;
	uint64_t iopl;
} slow_irets[] = {
	{"IOPL of the virtual CPU", TARGET, 0x10, FLAG_IF, 0x18, 0, 0, 0, BIT(12)},
	{"pending", TARGET, 0x10, FLAG_IF, 0x18, 0, 1, 0, 0},
	{"pending", TARGET, 0x33, FLAG_IF, 0x2b, 0, 1, 0, 0},
	{"not in the kernel", TARGET, 0x10, FLAG_IF, 0x18, 3, 0, 0, 0},
	{"another kernel cs", TARGET, 0x08, FLAG_IF, 0x18, 0, 0, 0, 0},
	{"another kernel ss", TARGET, 0x10, FLAG_IF, 0x20, 0, 0, 0, 0},
	{"compatibility mode", TARGET, 0x23, FLAG_IF, 0x2b, 0, 0, 0, 0},
	{"another user ss", TARGET, 0x33, FLAG_IF, 0x23, 0, 0, 0, 0},
	{"user cs in the kernel's ring", TARGET, 0x30, FLAG_IF, 0x2b, 0, 0, 0, 0},
	{"user without IF", TARGET, 0x33, 0, 0x2b, 0, 0, 0, 0},
	{"kernel data segment", TARGET, 0x33, FLAG_IF, 0x2b, 0, 0, 0x18, 0},
	{"TF", TARGET, 0x33, FLAG_IF | FLAG_TF, 0x2b, 0, 0, 0, 0},
	{"NT", TARGET, 0x10, FLAG_IF | FLAG_NT, 0x18, 0, 0, 0, 0},
	{"IOPL", TARGET, 0x33, FLAG_IF | BIT(12), 0x2b, 0, 0, 0, 0},
	{"AC in the kernel", TARGET, 0x10, FLAG_IF | FLAG_AC, 0x18, 0, 0, 0, 0},
	{"VM", TARGET, 0x33, FLAG_IF | FLAG_VM, 0x2b, 0, 0, 0, 0},
	{"not canonical", UINT64_C(0x800000000000), 0x10, FLAG_IF, 0x18, 0, 0, 0, 0},
	{"not canonical", UINT64_C(0x800000000000), 0x33, FLAG_IF, 0x2b, 0, 0, 0, 0},
};

/* The emulation sees the guest exactly at the site. */
static void assert_at_site(mword next, const char *why)
{
	struct machine_state seen;

	memcpy(seen.gpr, site_regs.gpr, sizeof(seen.gpr));
	seen.rflags = site_regs.rflags;
	if (site_calls != 1 || site_next != next)
		fail_msg("%s: %u calls, next %#lx", why, site_calls, site_next);
	assert_same_registers(&seen, &before, FLAGS_ALL);
	assert_int_equal(site_regs.rflags & FLAG_IF, interrupt_flag(&vcpu));
}

static void clear_reasons(void)
{
	vcpu.pending = 0;
	vcpu.cpl = 0;
}

static void do_iret_slow(mword next)
{
	for (unsigned i = 0; i < sizeof(slow_irets) / sizeof(slow_irets[0]); i++) {
		const struct slow *slow = &slow_irets[i];

		push_frame(slow->cs, slow->rflags, slow->ss);
		STACK_MIDDLE[0] = slow->rip;
		vcpu.cpl = slow->cpl;
		vcpu.pending = slow->pending;
		vcpu.masked = i & 1;
		vcpu.segment[SEG_DS] = slow->ds;
		vcpu.iopl = slow->iopl;
		site_calls = 0;
		site_action = clear_reasons;
		machine_run();
		assert_at_site(next, slow->why);
		assert_int_equal(vcpu.segment[SEG_CS], 0x10);
	}
}

static void test_iret(void **state)
{
	(void)state;
	everywhere(&iretq, do_iret);
	everywhere(&iretq, do_iret_slow);
}

static void do_sysret(mword next)
{
	(void)next;
	machine_end(TARGET);
	for (unsigned i = 0; i < FLAG_SETS; i++) {
		struct machine_state expected;

		vcpu.cpl = 0;
		before.gpr[RSP] = 0x7ffe0000dead;
		before.gpr[RCX] = TARGET;
		before.gpr[R11] = flag_sets[i] | FLAG_IF;
		expected = before;
		expected.rflags = flag_sets[i];
		vcpu.segment[SEG_DS] = 0x18; /* sysret leaves it */
		machine_run();
		assert_same_registers(&after, &expected, FLAGS_ALL);
		assert_int_equal(site_calls, 0);
		assert_int_equal(vcpu.cpl, 3);
		assert_int_equal(vcpu.masked, 0);
		assert_int_equal(vcpu.segment[SEG_CS], 0x33);
		assert_int_equal(vcpu.segment[SEG_SS], 0x2b);
		assert_stack_unchanged(guest_stack, guest_stack + STACK_WORDS);
	}
}

static void do_sysret_slow(mword next)
{
	static const struct {
		const char *why;
		mword rcx, r11, efer;
		uint8_t cpl, pending;
		uint64_t iopl;
	} cases[] = {
		{"IOPL of the virtual CPU", TARGET, FLAG_IF, EFER_SCE, 0, 0, BIT(12)},
		{"pending", TARGET, FLAG_IF, EFER_SCE, 0, 1, 0},
		{"not in the kernel", TARGET, FLAG_IF, EFER_SCE, 3, 0, 0},
		{"no SCE", TARGET, FLAG_IF, 0, 0, 0, 0},
		{"IF off", TARGET, 0, EFER_SCE, 0, 0, 0},
		{"TF", TARGET, FLAG_IF | FLAG_TF, EFER_SCE, 0, 0, 0},
		{"IOPL", TARGET, FLAG_IF | BIT(13), EFER_SCE, 0, 0, 0},
		{"NT", TARGET, FLAG_IF | FLAG_NT, EFER_SCE, 0, 0, 0},
		{"RF", TARGET, FLAG_IF | FLAG_RF, EFER_SCE, 0, 0, 0},
		{"upper half", UINT64_C(0xffffffff81000000), FLAG_IF, EFER_SCE, 0, 0, 0},
		{"not canonical", UINT64_C(0x800000000000), FLAG_IF, EFER_SCE, 0, 0, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		before.gpr[RCX] = cases[i].rcx;
		before.gpr[R11] = cases[i].r11;
		before.gpr[RSP] = 0x7ffe0000dead;
		vcpu.efer = cases[i].efer;
		vcpu.iopl = cases[i].iopl;
		vcpu.cpl = cases[i].cpl;
		vcpu.pending = cases[i].pending;
		site_calls = 0;
		site_action = clear_reasons;
		machine_run();
		assert_at_site(next, cases[i].why);
		assert_int_equal(vcpu.segment[SEG_CS], 0x10);
	}
}

static void test_sysret(void **state)
{
	(void)state;
	everywhere(&sysretq, do_sysret);
	everywhere(&sysretq, do_sysret_slow);
}

/* The last bytes in front of a page that is not mapped: nothing behind them is read. */
static void test_page_end(void **state)
{
	mword site = CODE_AT + CODE_PAGES * PAGE_SIZE - 8;
	struct rewrite_report report;
	struct rewrite_failure failure;

	(void)state;
	assert_int_equal(machine_rewrite(site, &iretq, &report, &failure), REWRITE_OK);
	machine_registers(site, 0);
	run_iret(0x10, FLAG_IF | FLAG_CF, 0x18);
}

/* verw, 32-bit iret and sysret: jumped to, with an application's stack pointer. */
static void test_jumps(void **state)
{
	static const struct sample samples[] = {
		verw,
		FOLLOWED("iretl", IRET, 6, 0xcf),
		FOLLOWED("sysretl", SYSRET, 5, 0x0f, 0x07),
		FOLLOWED("sysexit", SYSEXIT, 5, 0x0f, 0x35),
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		machine_reset(NULL);
		mword next = machine_place(CODE_AT + 0x40, &samples[i]);
		machine_registers(CODE_AT + 0x40, flag_sets[i]);
		before.gpr[RSP] = 0x7ffe0000dead;
		machine_run();
		assert_at_site(next, samples[i].name);
		assert_same_registers(&after, &before, FLAGS_ALL);
		assert_stack_unchanged(guest_stack, guest_stack + STACK_WORDS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_swapgs, machine_reset),
		cmocka_unit_test_setup(test_iret, machine_reset),
		cmocka_unit_test_setup(test_sysret, machine_reset),
		cmocka_unit_test_setup(test_page_end, machine_reset),
		cmocka_unit_test_setup(test_jumps, machine_reset),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
