/* SPDX-License-Identifier: BSD-2-Clause */
/* Interruptions inside of stubs: at every instruction boundary of every stub and thunk
 * the guest is interrupted, as a back-end does it, and must then be found exactly at
 * its site, nothing done, or exactly behind it, all done. Run on from there, it must
 * end as if nothing had happened.
 */
#include "samples.h"

#include "vmm/rewrite/restart.h"

#include <string.h>

#define SITE   (CODE_AT + 0x100)
#define TARGET (CODE_AT + 0x800)

/* All that an interrupted guest could tell. */
struct world {
	struct machine_state cpu;
	mword stack[STACK_WORDS];
	uint8_t masked, vcpl;
	uint32_t segment[SEG_COUNT];
	mword kernel_gs_base, gs_base;
	unsigned site_calls;
};

/* A run: an instruction and what it finds. */
struct scenario {
	const struct sample *sample;
	const char *name;
	void (*prepare)(void);
	mword flags;
	bool flags_dead; /* the instruction loads all flags: a stub may use them before */
	bool masks;	 /* the instruction sets the interrupt flag: off before, it may be */
	unsigned steps;	 /* at least */
};

static const struct scenario *scenario;
static struct world initial, final;
static mword after_site;
static unsigned backs, forwards;

static mword gs_base(void)
{
	mword base;

	__asm__ volatile("rdgsbase %0" : "=r"(base));
	return base;
}

static void take_world(struct world *world, const struct machine_state *cpu)
{
	memset(world, 0, sizeof(*world));
	world->cpu = *cpu;
	memcpy(world->stack, guest_stack, sizeof(guest_stack));
	world->stack[STACK_WORDS / 2 - 1] &= ~FLAG_TF; /* the test's own, in pushf */
	world->masked = vcpu.masked;
	world->vcpl = vcpu.cpl;
	memcpy(world->segment, vcpu.segment, sizeof(vcpu.segment));
	world->kernel_gs_base = vcpu.kernel_gs_base;
	world->gs_base = gs_base();
	world->site_calls = site_calls;
}

/* The stack from rsp up; below it is nobody's. */
static void assert_same_stack(const struct world *now, const struct world *expected)
{
	mword offset = expected->cpu.gpr[RSP] - (mword)guest_stack;

	if (offset < sizeof(guest_stack))
		assert_memory_equal((const char *)now->stack + offset,
				    (const char *)expected->stack + offset,
				    sizeof(guest_stack) - offset);
}

static void assert_same_world(const struct world *now, const struct world *expected, mword flags)
{
	assert_same_registers(&now->cpu, &expected->cpu, flags);
	assert_same_stack(now, expected);
	assert_int_equal(now->masked, expected->masked);
	assert_int_equal(now->vcpl, expected->vcpl);
	assert_memory_equal(now->segment, expected->segment, sizeof(now->segment));
	assert_int_equal(now->kernel_gs_base, expected->kernel_gs_base);
	assert_int_equal(now->gs_base, expected->gs_base);
}

static void at_boundary(const struct machine_state *cpu)
{
	struct world now;

	take_world(&now, cpu);
	assert_int_equal(cpu->rflags & FLAG_IF, interrupt_flag(&vcpu));
	if (cpu->rip == SITE) {
		if (scenario->masks && now.masked)
			now.masked = initial.masked;
		backs++;
		assert_int_equal(site_calls, 0);
		assert_same_world(&now, &initial,
				  scenario->flags_dead ? FLAG_DF | FLAG_ID : FLAGS_ALL);
	} else {
		forwards++;
		assert_true(cpu->rip == after_site || cpu->rip == TARGET);
		assert_same_world(&now, &final, FLAGS_ALL);
	}
}

static void set_up(const struct scenario *this)
{
	machine_reset(NULL);
	scenario = this;
	after_site = machine_place(SITE, this->sample);
	machine_end(TARGET);
	machine_registers(SITE, this->flags);
	vcpu.segment[SEG_DS] = 0;
	__asm__ volatile("wrgsbase %0" : : "r"(UINT64_C(0x1000)));
	if (this->prepare)
		this->prepare();
	take_world(&initial, &before);
}

static void run_scenario(const struct scenario *this)
{
	struct world now;
	unsigned step = 0;

	set_up(this);
	machine_run();
	take_world(&final, &after);
	do {
		set_up(this);
		if (!machine_run_interrupted(++step, at_boundary))
			break;
		take_world(&now, &after);
		assert_same_world(&now, &final, FLAGS_ALL);
		if (!this->masks || site_calls) /* else it was rolled forward: delivered */
			assert_int_equal(site_calls, final.site_calls);
	} while (step < 1000);
	if (step <= this->steps)
		fail_msg("%s: only %u steps", this->name, step);
}

/* --- what the instructions find ----------------------------------------------------------- */

static void interrupts_on(void)
{
	vcpu.masked = 0;
}

static void handle_pending(void)
{
	vcpu.pending = 0;
	vcpu.masked = 0;
}

static void interrupt_pending(void)
{
	vcpu.pending = 1;
	site_action = handle_pending;
}

static void popf_on(void)
{
	*STACK_MIDDLE = FLAG_ONE | FLAG_IF | FLAG_CF | FLAG_OF;
}

static void popf_off(void)
{
	vcpu.masked = 0;
	*STACK_MIDDLE = FLAG_ONE | FLAG_ZF;
}

static void load_flags(mword flags)
{
	vcpu.regs.rflags = flags;
	vcpu.masked = !(flags & FLAG_IF);
	vcpu.pending = 0;
}

static void emulate_popf(void)
{
	load_flags(*(const mword *)vcpu.regs.gpr[RSP]);
	vcpu.regs.gpr[RSP] += 8;
}

static void popf_pending(void)
{
	popf_on();
	interrupt_pending();
	site_action = emulate_popf;
}

static void popf_pending_off(void)
{
	popf_off();
	vcpu.pending = 1;
}

static void popf_pending_on(void)
{
	popf_pending();
	interrupts_on();
}

static void sti_pending_on(void)
{
	interrupt_pending();
	interrupts_on();
}

static void frame(mword cs, mword rflags, mword ss)
{
	STACK_MIDDLE[0] = TARGET;
	STACK_MIDDLE[1] = cs;
	STACK_MIDDLE[2] = rflags;
	STACK_MIDDLE[3] = (mword)(STACK_MIDDLE + 9);
	STACK_MIDDLE[4] = ss;
}

static void iret_kernel(void)
{
	frame(0x10, FLAG_ONE | FLAG_IF | FLAG_SF | FLAG_PF, 0x18);
}

static void iret_kernel_off(void)
{
	vcpu.masked = 0;
	frame(0x10, FLAG_ONE | FLAG_SF | FLAG_PF, 0x18);
}

static void emulate_iret(void)
{
	const mword *from = (const mword *)vcpu.regs.gpr[RSP];

	load_flags(from[2]);
	vcpu.regs.rip = from[0];
	vcpu.regs.gpr[RSP] = from[3];
}

static void iret_kernel_pending(void)
{
	iret_kernel();
	interrupt_pending();
	site_action = emulate_iret;
}

static void iret_kernel_pending_on(void)
{
	iret_kernel_pending();
	interrupts_on();
}

static void iret_kernel_pending_off(void)
{
	iret_kernel_off();
	vcpu.pending = 1;
}

static void iret_user(void)
{
	frame(0x33, FLAG_ONE | FLAG_IF | FLAG_CF, 0x2b);
}

static void iret_pending(void)
{
	iret_user();
	interrupt_pending();
}

static void iret_odd(void)
{
	frame(0x08, FLAG_ONE | FLAG_IF, 0x18);
}

static void iret_odd_user(void)
{
	iret_user();
	vcpu.segment[SEG_DS] = 0x18;
}

static void application_stack(void)
{
	before.gpr[RSP] = 0x7ffe0000dead;
}

static void sysret(void)
{
	application_stack();
	before.gpr[RCX] = TARGET;
	before.gpr[R11] = FLAG_IF | FLAG_ZF;
}

static void sysret_pending(void)
{
	sysret();
	interrupt_pending();
}

static void sysret_odd(void)
{
	sysret();
	before.gpr[R11] |= FLAG_NT;
}

#define FLAGS_SOME (FLAG_CF | FLAG_OF | FLAG_AF | FLAG_DF)

static const struct scenario scenarios[] = {
	{&sti, "sti", NULL, FLAGS_SOME, false, false, 6},
	{&sti, "sti, on already", interrupts_on, 0, false, false, 6},
	{&sti, "sti, pending", interrupt_pending, FLAGS_SOME, false, true, 7},
	{&sti, "sti, pending, on already", sti_pending_on, FLAGS_SOME, false, true, 7},
	{&pushfq, "pushf, off", NULL, FLAGS_ALL, false, false, 12},
	{&pushfq, "pushf, on", interrupts_on, 0, false, false, 12},
	{&popfq, "popf, on", popf_on, FLAGS_SOME, true, false, 11},
	{&popfq, "popf, off", popf_off, FLAGS_SOME, true, false, 11},
	{&popfq, "popf, pending", popf_pending, FLAGS_SOME, true, true, 15},
	{&popfq, "popf, pending, on already", popf_pending_on, FLAGS_SOME, true, true, 15},
	{&popfq, "popf, off, pending", popf_pending_off, FLAGS_SOME, true, false, 15},
	{&iretq, "iret to the kernel", iret_kernel, FLAGS_SOME, false, false, 38},
	{&iretq, "iret, interrupts off", iret_kernel_off, FLAGS_SOME, false, false, 38},
	{&iretq, "iret to the kernel, pending", iret_kernel_pending, FLAGS_SOME, false, true, 38},
	{&iretq, "iret, pending, on already", iret_kernel_pending_on, FLAGS_SOME, false, true, 38},
	{&iretq, "iret, off, pending", iret_kernel_pending_off, FLAGS_SOME, false, false, 40},
	{&iretq, "iret to an application", iret_user, FLAGS_SOME, false, false, 50},
	{&iretq, "iret, pending", iret_pending, FLAGS_SOME, false, false, 14},
	{&iretq, "iret, other segments", iret_odd, FLAGS_SOME, false, false, 30},
	{&iretq, "iret, data segments", iret_odd_user, FLAGS_SOME, false, false, 40},
	{&sysretq, "sysret", sysret, FLAGS_SOME, false, false, 34},
	{&sysretq, "sysret, pending", sysret_pending, FLAGS_SOME, false, false, 10},
	{&sysretq, "sysret, odd flags", sysret_odd, FLAGS_SOME, false, false, 18},
	{&swapgs, "swapgs", application_stack, FLAGS_ALL, false, false, 9},
	{&verw, "verw", application_stack, FLAGS_ALL, false, false, 3},
	{&cpuid, "cpuid", NULL, FLAGS_SOME, false, false, 1},
};

static void test_every_step(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		run_scenario(&scenarios[i]);
	assert_true(backs > 200);
	assert_true(forwards > 40);
}

/* --- a hypervisor that only marks --------------------------------------------------------- */

static void emulate_sti(void)
{
	load_flags(vcpu.regs.rflags | FLAG_IF);
}

static void sti_marked(void)
{
	site_action = emulate_sti;
}

static void popf_marked(void)
{
	popf_on();
	site_action = emulate_popf;
}

static void iret_marked(void)
{
	iret_kernel();
	site_action = emulate_iret;
}

/* It does not call when the mask is cleared: what it has marked before is seen by who clears
 * it, and what is there with nothing masked has been delivered. */
static void test_marked(void **state)
{
	static const struct scenario marked[] = {
		{&sti, "sti", sti_marked, FLAGS_SOME, false, false, 1},
		{&popfq, "popf", popf_marked, FLAGS_SOME, true, false, 7},
		{&popfq, "popf, off", popf_off, FLAGS_SOME, true, false, 7},
		{&iretq, "iret", iret_marked, FLAGS_SOME, false, false, 26},
		{&iretq, "iret, off", iret_kernel_off, FLAGS_SOME, false, false, 26},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(marked) / sizeof(marked[0]); i++) {
		const struct scenario *this = &marked[i];
		unsigned step = 0, slow = 0;
		struct world now;

		set_up(this);
		machine_run();
		take_world(&final, &after);
		do {
			set_up(this);
			if (!machine_run_marked(++step))
				break;
			take_world(&now, &after);
			assert_same_world(&now, &final, FLAGS_ALL);
			assert_true(vcpu.masked || !vcpu.pending);
			slow += site_calls;
		} while (step < 1000);
		assert_int_equal(slow > 0, !vcpu.masked);
		assert_true(step > this->steps);
	}
}

/* Every byte of the stubs is in one line of the table, and in one only. */
static void test_table_is_complete(void **state)
{
	(void)state;
	for (const char *byte = vmm_stubs_start; byte < vmm_stubs_end; byte++) {
		unsigned lines = 0;

		for (const struct restart *at = vmm_restarts; at < vmm_restarts_end; at++) {
			const char *first = (const char *)&at->first + at->first;

			/* vmm_user_exit is vmm_leave here, and has a line of its own */
			if (byte - first >= 0 && byte - first < at->length &&
			    !(first == vmm_user_exit && at->length == 1))
				lines++;
			assert_true(at->action < RESTART_ACTIONS && at->length > 0);
		}
		if (lines != 1)
			fail_msg("%u lines for stubs + %#lx", lines,
				 (mword)(byte - vmm_stubs_start));
	}
}

/* --- swapgs in place: there is no stub to be in --------------------------------------------- */

static void test_swapgs_kept(void **state)
{
	(void)state;
	keeps_bases = true;
	after_site = machine_place(SITE, &swapgs);
	machine_registers(SITE, FLAGS_SOME);
	assert_false(machine_run_interrupted(1, at_boundary));
	assert_int_equal(vcpu.swapped, 0xff);
	assert_same_registers(&after, &before, FLAGS_ALL);
}

/* --- what is no stub ------------------------------------------------------------------------- */

static void expect_refused(mword rip)
{
	mword at = rip, rsp = (mword)STACK_MIDDLE;
	struct vcpu kept = vcpu;

	assert_false(rewrite_restart(&at, &rsp, &vcpu));
	assert_int_equal(at, rip);
	assert_int_equal(rsp, (mword)STACK_MIDDLE);
	assert_memory_equal(&kept, &vcpu, sizeof(vcpu));
}

static void test_refused(void **state)
{
	(void)state;
	expect_refused(SITE);
	expect_refused((mword)vmm_resume);
	expect_refused((mword)vmm_site_entry + 7);
	expect_refused((mword)vmm_stubs_start - 1);
	expect_refused((mword)vmm_stubs_end);
	expect_refused((mword)vmm_thunks + VMM_THUNK_BYTES);
	expect_refused((mword)vmm_thunks); /* no site has it */
	*STACK_MIDDLE = 0x1234;		   /* a return address behind no site */
	expect_refused((mword)vmm_sti);
	vcpu.scratch[3] = 0x1234;
	expect_refused((mword)vmm_iret);
	machine_place(SITE, &sti);
	*STACK_MIDDLE = SITE + 7;
	vcpu.in_vmm = 1;
	expect_refused((mword)vmm_sti);
	vcpu.in_vmm = 0;
	vcpu.cpl = 3; /* an application that jumped there */
	expect_refused((mword)vmm_sti);
	assert_false(rewrite_in_stub((mword)vmm_sti, &vcpu));
	vcpu.cpl = 0;
	assert_true(rewrite_in_stub((mword)vmm_sti, &vcpu));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_step, machine_reset),
		cmocka_unit_test_setup(test_marked, machine_reset),
		cmocka_unit_test_setup(test_table_is_complete, machine_reset),
		cmocka_unit_test_setup(test_swapgs_kept, machine_reset),
		cmocka_unit_test_setup(test_refused, machine_reset),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
