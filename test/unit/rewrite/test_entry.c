/* SPDX-License-Identifier: BSD-2-Clause */
/* In and out of the VMM: what C sees of the guest, what the guest sees of C, and
 * interruptions on the way out.
 */
#include "samples.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define SITE   (CODE_AT + 0x100)
#define TARGET (CODE_AT + 0x800)

static mword next;

static int reset(void **state)
{
	machine_reset(state);
	next = machine_place(SITE, &cpuid);
	machine_end(TARGET);
	machine_registers(SITE, FLAG_CF | FLAG_DF | FLAG_OF);
	return 0;
}

static void assert_seen(void)
{
	assert_int_equal(site_calls, 1);
	assert_int_equal(site_next, next);
	assert_memory_equal(site_regs.gpr, before.gpr, sizeof(before.gpr));
}

/* The virtual IF, never the real one. */
static void test_registers_in(void **state)
{
	(void)state;
	for (vcpu.masked = 0; vcpu.masked < 2; vcpu.masked++) {
		site_calls = 0;
		machine_run();
		assert_seen();
		assert_int_equal(site_regs.rflags,
				 (before.rflags & ~FLAG_IF) | interrupt_flag(&vcpu));
		assert_same_registers(&after, &before, FLAGS_ALL);
	}
}

static void change_all(void)
{
	for (unsigned i = 0; i < GPR_COUNT; i++)
		vcpu.regs.gpr[i] = ~before.gpr[i];
	vcpu.regs.gpr[RSP] = (mword)(STACK_MIDDLE + 3);
	vcpu.regs.rip = TARGET;
	vcpu.regs.rflags = FLAG_ONE | FLAG_ZF | FLAG_ID;
}

static void test_registers_out(void **state)
{
	struct machine_state expected;

	(void)state;
	site_action = change_all;
	machine_run();
	assert_seen();
	for (unsigned i = 0; i < GPR_COUNT; i++)
		expected.gpr[i] = ~before.gpr[i];
	expected.gpr[RSP] = (mword)(STACK_MIDDLE + 3);
	expected.rflags = FLAG_ZF | FLAG_ID;
	assert_same_registers(&after, &expected, FLAGS_ALL);
	assert_int_equal(vcpu.in_vmm, 0);
	assert_int_equal(resume_calls, 1);
}

/* AC and NT are the application's alone; IOPL, VM, VIF and VIP are nobody's. */
static void odd_flags(void)
{
	vcpu.regs.rflags =
		FLAG_ONE | FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_VM | FLAG_VIF | FLAG_VIP | FLAG_CF;
	vcpu.regs.rip = TARGET;
}

static void test_flags_out(void **state)
{
	const mword mask = FLAGS_ALL | FLAG_IOPL | FLAG_NT | FLAG_AC;

	(void)state;
	site_action = odd_flags;
	machine_run();
	assert_int_equal(after.rflags & mask, FLAG_CF);
	/* NT would make the next iret fault: not executed here */
	assert_int_equal(vcpu.iret_frame[2], FLAG_ONE | FLAG_IF | FLAG_CF);
}

static void to_application(void)
{
	vcpu.cpl = 3;
	vcpu.regs.rflags = FLAG_ONE | FLAG_AC | FLAG_IOPL | FLAG_IF | FLAG_SF;
	vcpu.regs.rip = TARGET;
}

static void test_application_flags(void **state)
{
	(void)state;
	site_action = to_application;
	machine_run();
	assert_int_equal(after.rflags & (FLAGS_ALL | FLAG_AC | FLAG_IOPL), FLAG_AC | FLAG_SF);
}

static void new_bases(void)
{
	assert_int_equal(vcpu.gs_base, 0x5000);
	vcpu.gs_base = 0x6000;
}

static void test_bases(void **state)
{
	mword gs, fs_before, fs_after;

	(void)state;
	site_action = new_bases;
	__asm__ volatile("wrgsbase %0" : : "r"(UINT64_C(0x5000)));
	__asm__ volatile("rdfsbase %0" : "=r"(fs_before));
	machine_run();
	__asm__ volatile("rdgsbase %0" : "=r"(gs));
	__asm__ volatile("rdfsbase %0" : "=r"(fs_after));
	assert_int_equal(gs, 0x6000);
	assert_int_equal(vcpu.fs_base, fs_before);
	assert_int_equal(fs_after, fs_before);
}

static void kept_bases(void)
{
	assert_int_equal(vcpu.gs_base, 0x8000);
	assert_int_equal(vcpu.kernel_gs_base, 0x7000);
	assert_int_equal(vcpu.swapped, 0);
	vcpu.fs_base = 0x9000;
}

/* The back-end keeps them: the real ones are neither read nor written. */
static void test_bases_kept(void **state)
{
	mword gs, fs_before, fs_after;

	(void)state;
	keeps_bases = true;
	vcpu.gs_base = 0x7000;
	vcpu.kernel_gs_base = 0x8000;
	vcpu.swapped = 0xff;
	site_action = kept_bases;
	__asm__ volatile("wrgsbase %0" : : "r"(UINT64_C(0x5000)));
	__asm__ volatile("rdfsbase %0" : "=r"(fs_before));
	machine_run();
	__asm__ volatile("rdgsbase %0" : "=r"(gs));
	__asm__ volatile("rdfsbase %0" : "=r"(fs_after));
	assert_seen();
	assert_int_equal(gs, 0x5000);
	assert_int_equal(fs_after, fs_before);
	assert_int_equal(vcpu.gs_base, 0x8000);
	assert_same_registers(&after, &before, FLAGS_ALL);
}

/* --- pending interrupts ------------------------------------------------------------------- */

enum shadow { NO_SHADOW, SHADOW, SHADOW_LEFT };

static enum shadow shadow;

static void mark_pending(void)
{
	vcpu.shadow = shadow != NO_SHADOW;
	vcpu.shadow_rip = vcpu.regs.rip + (shadow == SHADOW_LEFT);
	if (resume_calls == 1)
		vcpu.pending = 1;
	else
		vcpu.pending = 0;
}

/* Marked behind the first look: seen before the guest runs, if it may be interrupted. */
static void run_pending(uint8_t masked, uint8_t cpl, enum shadow now, unsigned looks)
{
	reset(NULL);
	vcpu.masked = masked;
	vcpu.cpl = cpl;
	shadow = now;
	resume_action = mark_pending;
	machine_run();
	assert_int_equal(resume_calls, looks);
	assert_int_equal(vcpu.pending, looks == 1);
	assert_same_registers(&after, &before, FLAGS_ALL);
}

static void test_pending(void **state)
{
	(void)state;
	run_pending(1, 0, NO_SHADOW, 1);
	run_pending(0, 0, NO_SHADOW, 2);
	run_pending(1, 3, NO_SHADOW, 1);
	run_pending(0, 3, NO_SHADOW, 2);
	run_pending(0, 0, SHADOW, 1);
	run_pending(0, 3, SHADOW, 1);
	run_pending(0, 0, SHADOW_LEFT, 2);
	run_pending(0, 3, SHADOW_LEFT, 2);
}

/* --- interrupted on the way out ----------------------------------------------------------- */

static unsigned steps_left;

static void on_step(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	mword rip = (mword)regs[REG_RIP];

	(void)number;
	(void)info;
	if (rip == (mword)guest_done)
		regs[REG_EFL] &= ~(greg_t)FLAG_TF;
	if (rip < (mword)vmm_resume_commit || rip >= (mword)vmm_resume_end)
		return;
	if (!steps_left || --steps_left)
		return;
	/* what a back-end does: mark, and start over with vcpu.regs untouched */
	vcpu.pending = 1;
	regs[REG_RIP] = (greg_t)vmm_resume;
	regs[REG_EFL] &= ~(greg_t)(FLAG_TF | FLAG_DF);
}

static void trap_on(void)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
}

static void step_out(void)
{
	vcpu.pending = 0;
	if (resume_calls == 1)
		trap_on();
}

static void test_interrupted_out(void **state)
{
	struct sigaction old,
		action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	unsigned step = 0;

	(void)state;
	sigaction(SIGTRAP, &action, &old);
	do {
		reset(NULL);
		vcpu.masked = 0;
		site_action = change_all;
		resume_action = step_out;
		steps_left = ++step;
		machine_run();
		assert_int_equal(resume_calls, steps_left ? 1 : 2);
		assert_int_equal(after.gpr[RAX], ~before.gpr[RAX]);
		assert_int_equal(after.gpr[R15], ~before.gpr[R15]);
		assert_int_equal(after.gpr[RSP], (mword)(STACK_MIDDLE + 3));
		assert_int_equal(after.rflags & FLAGS_ALL, FLAG_ZF | FLAG_ID);
	} while (!steps_left && step < 1000);
	assert_true(step > 40);
	sigaction(SIGTRAP, &old, NULL);
}

/* The last instructions, behind the way out's last look: the guest is behind its site, with
 * all its registers, whichever of them is interrupted. */
static unsigned left;

static void on_leaving(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct machine_state now;

	(void)number;
	(void)info;
	if (regs[REG_RIP] == (greg_t)guest_done) {
		regs[REG_EFL] &= ~(greg_t)FLAG_TF;
		return;
	}
	regs[REG_EFL] |= (greg_t)FLAG_TF; /* popfq loads it */
	if (!rewrite_in_stub((mword)regs[REG_RIP], &vcpu))
		return;
	left++;
	machine_take_registers(regs);
	assert_true(rewrite_restart(&vcpu.regs.rip, &vcpu.regs.gpr[RSP], &vcpu));
	memcpy(now.gpr, vcpu.regs.gpr, sizeof(now.gpr));
	now.rflags = vcpu.regs.rflags;
	assert_int_equal(vcpu.regs.rip, next);
	assert_same_registers(&now, &before, FLAGS_ALL);
}

static void test_interrupted_leaving(void **state)
{
	struct sigaction old,
		action = {.sa_sigaction = on_leaving, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	(void)state;
	sigaction(SIGTRAP, &action, &old);
	left = 0;
	resume_action = trap_on;
	machine_run();
	assert_same_registers(&after, &before, FLAGS_ALL);
	assert_true(left >= 6);
	sigaction(SIGTRAP, &old, NULL);
}

/* The same address with another stack is no return. */
static void other_stack(void)
{
	vcpu.regs.gpr[RSP] -= 16;
}

static void test_other_stack(void **state)
{
	(void)state;
	site_action = other_stack;
	STACK_MIDDLE[-3] = 0; /* where a return address would be */
	machine_run();
	assert_int_equal(after.gpr[RSP], before.gpr[RSP] - 16);
	assert_int_equal(after.gpr[RBX], before.gpr[RBX]);
	assert_int_equal(after.gpr[R12], before.gpr[R12]);
}

/* --- single-stepped guests ------------------------------------------------------------ */

static mword first_trap;

static void on_guest_step(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	(void)info;
	first_trap = (mword)regs[REG_RIP];
	regs[REG_EFL] &= ~(greg_t)FLAG_TF;
}

static void step_guest(void)
{
	vcpu.regs.rip = TARGET;
	vcpu.regs.rflags |= FLAG_TF;
}

/* The trap comes behind the guest's first instruction, not inside of the VMM. */
static void test_trap_flag(void **state)
{
	struct sigaction old,
		action = {.sa_sigaction = on_guest_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	(void)state;
	sigaction(SIGTRAP, &action, &old);
	for (vcpu.cpl = 0; vcpu.cpl < 4; vcpu.cpl += 3) {
		*(uint8_t *)TARGET = 0x90; /* nop */
		machine_end(TARGET + 1);
		site_action = step_guest;
		first_trap = 0;
		machine_run();
		assert_int_equal(first_trap, TARGET + 1);
		assert_same_registers(&after, &before, FLAGS_ALL);
	}
	sigaction(SIGTRAP, &old, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers_in, reset),
		cmocka_unit_test_setup(test_registers_out, reset),
		cmocka_unit_test_setup(test_flags_out, reset),
		cmocka_unit_test_setup(test_application_flags, reset),
		cmocka_unit_test_setup(test_bases, reset),
		cmocka_unit_test_setup(test_bases_kept, reset),
		cmocka_unit_test_setup(test_pending, reset),
		cmocka_unit_test_setup(test_interrupted_out, reset),
		cmocka_unit_test_setup(test_interrupted_leaving, reset),
		cmocka_unit_test_setup(test_other_stack, reset),
		cmocka_unit_test_setup(test_trap_flag, reset),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
