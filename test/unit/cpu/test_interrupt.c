/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts and idling: when they are delivered, and that none is lost. */
#include "test/unit/cpu/guest.h"

static void put_site(mword start, unsigned total, const uint8_t *bytes, size_t length)
{
	fake_site = (struct site){.start = start, .total = (uint8_t)total};
	assert_true(insn_decode(&fake_site.insn, bytes, length, 64));
}

/* --- interrupts
 * ----------------------------------------------------------------------------------- */

static void test_event_with_interrupts_off(void **state)
{
	(void)state;
	fake_machine.vector = 0x30;
	fake_machine.deadline = 500;
	vmm_event();
	assert_int_equal(vcpu.pending, 1);
	assert_int_equal(stub_last("set_timer")->arguments[0], 500);
	vmm_before_resume();
	assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT);
	/* the stub of sti finds it pending and calls */
	put_site(KERNEL + CODE_AT, 6, (uint8_t[]){0xfb}, 1);
	vmm_site(KERNEL + CODE_AT + 6);
	vmm_before_resume();
	assert_raised(0x30, 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT + 6);
	assert_true(guest_frame(false).rflags & FLAG_IF);
	assert_int_equal(vcpu.pending, 0);
}

static void test_event_while_application_runs(void **state)
{
	(void)state;
	guest_enter_user();
	fake_machine.vector = 0x30;
	vmm_event();
	vmm_before_resume();
	assert_raised(0x30, 0);
	assert_int_equal(guest_frame(false).cs, USER_CS);
}

/* A trapped sti shields the next instruction, whatever it is. */
static void test_shadow_of_sti(void **state)
{
	(void)state;
	fake_machine.vector = 0x30;
	vmm_event();
	EXECUTE(0xfb);
	vmm_before_resume();
	assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT + 1);
	assert_int_equal(vcpu.pending, 1);
	EXECUTE(0x0f, 0x20, 0xc0);
	vmm_before_resume();
	assert_raised(0x30, 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT + 4);
}

static void test_masked_meanwhile(void **state)
{
	(void)state;
	fake_machine.vector = 0x30;
	vmm_event();
	fake_machine.vector = -1;
	vcpu.masked = 0;
	vmm_before_resume();
	assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT);
	assert_int_equal(vcpu.pending, 0);
}

static void test_timer_is_told_of_changes_only(void **state)
{
	(void)state;
	fake_machine.deadline = 700;
	EXECUTE(0xe6, 0x43);
	EXECUTE(0xe6, 0x40);
	assert_int_equal(stub_count("set_timer"), 1);
	fake_machine.deadline = 900;
	EXECUTE(0xe6, 0x40);
	assert_int_equal(stub_count("set_timer"), 2);
	vmm_event(); /* the timer may have fired: again */
	assert_int_equal(stub_count("set_timer"), 3);
	fake_machine.vector = 0x21; /* an end of interrupt uncovers the next one */
	EXECUTE(0xe6, 0x20);
	assert_int_equal(vcpu.pending, 1);
}

/* --- idling
 * ------------------------------------------------------------------------------------------ */

static void idle_three_times(void)
{
	if (stub_count("idle") == 3)
		fake_machine.vector = 0x31;
}

static void test_hlt(void **state)
{
	(void)state;
	vcpu.masked = 0;
	stub.idle = idle_three_times;
	EXECUTE(0xf4);
	assert_int_equal(stub_count("idle"), 3);
	assert_raised(0x31, 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT + 1);
	assert_int_equal(vcpu.halted, 0);
	assert_true(fake_machine.ticks >= 4);
}

/* The interrupt is there already: no wait. Traps: the shadow of sti keeps it for hlt. */
static void test_no_lost_wake_up(void **state)
{
	(void)state;
	fake_machine.vector = 0x31;
	vmm_event();
	EXECUTE(0xfb);
	vmm_before_resume();
	EXECUTE(0xf4);
	assert_raised(0x31, 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT + 2);
	assert_int_equal(stub_count("idle"), 0);
	guest_setup(state);
	fake_machine.vector = 0x31;
	put_site(KERNEL + CODE_AT, 8, (uint8_t[]){0xf4}, 1);
	fake_site.insn.class = AB_CLASS_STI_HLT;
	vmm_site(KERNEL + CODE_AT + 8);
	assert_raised(0x31, 0);
	assert_int_equal(stub_count("idle"), 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT + 8);
	assert_true(guest_frame(false).rflags & FLAG_IF);
}

static void halt(void *argument)
{
	(void)argument;
	EXECUTE(0xf4);
}

static void test_halt_for_ever(void **state)
{
	(void)state;
	assert_true(stub_ends(halt, NULL));
	assert_int_equal(stub.why, BACKEND_EXIT_HALTED);
}

static void resume(void *argument)
{
	(void)argument;
	vmm_before_resume();
}

static void test_task_switched_application(void **state)
{
	(void)state;
	vcpu.cr0 |= CR0_TS;
	vmm_before_resume(); /* the kernel may */
	guest_enter_user();
	assert_true(stub_ends(resume, NULL));
	assert_int_equal(stub.end, STUB_FATAL);
}

static void test_flush_page(void **state)
{
	(void)state;
	vcpu.regs.gpr[RBX] = KERNEL + 0x1000;
	EXECUTE(0x0f, 0x01, 0x7b, 0x10); /* invlpg 0x10(%rbx) */
	assert_int_equal(stub_last("flush_page")->arguments[0], KERNEL + 0x1010);
	vcpu.regs.gpr[RBX] = CANONICAL_NOT;
	EXECUTE(0x0f, 0x01, 0x3b);
	assert_int_equal(stub_count("flush_page"), 1);
	EXECUTE(0x0f, 0x09); /* wbinvd */
	assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT + 9);
}

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_event_with_interrupts_off),
		TEST(test_event_while_application_runs),
		TEST(test_shadow_of_sti),
		TEST(test_masked_meanwhile),
		TEST(test_timer_is_told_of_changes_only),
		TEST(test_hlt),
		TEST(test_no_lost_wake_up),
		TEST(test_halt_for_ever),
		TEST(test_task_switched_application),
		TEST(test_flush_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
