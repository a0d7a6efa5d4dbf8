/* SPDX-License-Identifier: BSD-2-Clause */
/* Who was interrupted: the judgement of signal frames (frame.c), for every kind of place and
 * rights, and at each instruction of the way out to an application.
 */
#include "backends/linux/frame.h"

#include "test/unit/linux/doors.h"
#include "vmm/trap.h"

#include <string.h>

extern const char vmm_text_start[], vmm_text_end[];
extern const char load_state[], load_state_refused[];
extern const char a_gate[], a_gate_end[];
bool gates_inside(mword rip);

__asm__(".text\n"
	".globl load_state, load_state_refused, a_gate, a_gate_end\n"
	"load_state: nop\nload_state_refused: nop\n"
	"a_gate: nop\n nop\na_gate_end: nop\n");

bool gates_inside(mword rip)
{
	return !vcpu.in_vmm && rip - (mword)a_gate < (mword)(a_gate_end - a_gate);
}

/* --- places --------------------------------------------------------------------------------- */

enum { NONE = ISOLATION_NONE, KEYS = ISOLATION_KEYS, PROCESSES = ISOLATION_PROCESSES };

struct row {
	const char *what;
	const char *rip;
	bool application; /* its rights */
	uint8_t cpl;
	bool in_vmm;
	uint32_t isolation;
	enum frame_who interruption, exception;
};

#define CODE		 ((const char *)CODE_AT)
#define LAST		 ((const char *)LAYOUT_USER_LAST)
#define LAYOUT_USER_LAST UINT64_C(0x07ffffffffff)

static const struct row rows[] = {
	{"the kernel", CODE, false, 0, false, NONE, FRAME_GUEST, FRAME_GUEST},
	{"the kernel, low", CODE, false, 0, false, KEYS, FRAME_GUEST, FRAME_GUEST},
	{"the kernel, keys", LAST + 1, false, 0, false, KEYS, FRAME_GUEST, FRAME_GUEST},
	{"an application", CODE, false, 3, false, NONE, FRAME_GUEST, FRAME_GUEST},
	{"an application, processes", CODE, false, 3, false, PROCESSES, FRAME_GUEST, FRAME_GUEST},
	{"an application, keys", CODE, true, 3, false, KEYS, FRAME_GUEST, FRAME_GUEST},
	{"an open application", CODE, false, 3, false, KEYS, FRAME_GUEST, FRAME_RIGHTS},
	{"its last address", LAST, false, 3, false, KEYS, FRAME_GUEST, FRAME_RIGHTS},
	{"behind it", LAST + 1, false, 3, false, KEYS, FRAME_GUEST, FRAME_GUEST},
	{"in front of the VMM", vmm_text_start - 1, false, 0, true, NONE, FRAME_GUEST, FRAME_GUEST},
	{"the VMM's first", vmm_text_start, false, 0, true, NONE, FRAME_VMM, FRAME_BUG},
	{"the VMM's last", vmm_text_end - 1, false, 0, true, NONE, FRAME_VMM, FRAME_BUG},
	{"behind the VMM", vmm_text_end, false, 0, true, NONE, FRAME_GUEST, FRAME_GUEST},
	{"the VMM for an application", vmm_text_start, false, 3, true, NONE, FRAME_VMM, FRAME_BUG},
	{"the kernel's jump to it", vmm_text_start, false, 0, false, NONE, FRAME_VMM, FRAME_BUG},
	{"a jump to it", vmm_text_start, false, 3, false, NONE, FRAME_VMM, FRAME_GUEST},
	{"a jump to it, keys", vmm_text_start, true, 3, false, KEYS, FRAME_GUEST, FRAME_GUEST},
	{"leaving", vmm_resume_commit, false, 0, false, NONE, FRAME_LEAVING, FRAME_BUG},
	{"leaving, at last", vmm_resume_end - 1, false, 3, false, NONE, FRAME_LEAVING, FRAME_BUG},
	{"a jump there", vmm_resume_commit, true, 3, false, KEYS, FRAME_GUEST, FRAME_GUEST},
	{"in front of it", vmm_resume_commit - 1, false, 0, true, NONE, FRAME_VMM, FRAME_BUG},
	{"a stub", vmm_pushf, false, 0, false, NONE, FRAME_STUB, FRAME_STUB},
	{"a jump to a stub", vmm_pushf, true, 3, false, KEYS, FRAME_GUEST, FRAME_GUEST},
	{"the gate", a_gate, false, 3, false, NONE, FRAME_GUEST, FRAME_GUEST},
	{"the gate's last", a_gate_end - 1, false, 0, false, NONE, FRAME_GUEST, FRAME_GUEST},
	{"behind the gate", a_gate_end, false, 0, false, NONE, FRAME_VMM, FRAME_BUG},
	{"the VMM at the gate", a_gate, false, 3, true, NONE, FRAME_VMM, FRAME_BUG},
};

static struct sigcontext at_row(const struct row *row)
{
	vcpu.cpl = row->cpl;
	vcpu.in_vmm = row->in_vmm;
	shared->isolation = row->isolation;
	return (struct sigcontext){.rip = (mword)row->rip, .rax = 1, .trapno = VECTOR_GP};
}

static void places(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct sigcontext at = at_row(row), kept = at;

		if (frame_interruption(&at, row->application) != row->interruption ||
		    frame_exception(&at, row->application) != row->exception)
			fail_msg("%s", row->what);
		assert_memory_equal(&at, &kept, sizeof(at));
	}
}

/* The VMM's xrstor of a state that an application made, and its alone. */
static void refused_states(void **state)
{
	static const struct {
		bool in_vmm, application;
		unsigned trap;
		enum frame_who who;
	} cases[] = {
		{true, false, VECTOR_GP, FRAME_VMM},	{true, false, VECTOR_PF, FRAME_BUG},
		{false, false, VECTOR_GP, FRAME_GUEST}, {false, true, VECTOR_GP, FRAME_GUEST},
		{true, true, VECTOR_GP, FRAME_GUEST},
	};

	(void)state;
	shared->isolation = NONE;
	vcpu.cpl = 3;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sigcontext at = {.rip = (mword)load_state, .trapno = cases[i].trap};

		vcpu.in_vmm = cases[i].in_vmm;
		assert_int_equal(frame_exception(&at, cases[i].application), cases[i].who);
		assert_int_equal(at.rip, (mword)(cases[i].who == FRAME_VMM ? load_state_refused
									   : load_state));
	}
}

/* --- on the way out ------------------------------------------------------------------------- */

static struct machine_state expected;

static void to_application(mword flags)
{
	machine_end(CODE_AT);
	doors_jump(CODE_AT + 16, vmm_user_exit);
	machine_registers(CODE_AT + 16, 0);
	expected = before;
	expected.rip = CODE_AT;
	expected.rflags = flags | FLAG_ONE | FLAG_IF;
	before.gpr[RSP] = (mword)vmm_stack_top;
	vcpu.cpl = 3;
	vcpu.iret_frame[0] = expected.rip;
	vcpu.iret_frame[1] = vcpu.host_cs;
	vcpu.iret_frame[2] = expected.rflags;
	vcpu.iret_frame[3] = expected.gpr[RSP];
	vcpu.iret_frame[4] = vcpu.host_ss;
}

static void assert_arrived(void)
{
	assert_false(refused);
	assert_same_registers(&after, &expected, FLAGS_ALL);
}

/* As signal.c's interrupted(). */
static void interrupt(greg_t *regs)
{
	struct sigcontext *at = (struct sigcontext *)regs;

	assert_int_equal(frame_interruption(at, rights == APPLICATION_RIGHTS), FRAME_STUB);
	machine_take_registers(regs);
	assert_true(rewrite_restart(&vcpu.regs.rip, &vcpu.regs.gpr[RSP], &vcpu));
	assert_int_equal(vcpu.regs.rip, expected.rip);
	for (unsigned i = 0; i < GPR_COUNT; i++)
		assert_int_equal(vcpu.regs.gpr[i], expected.gpr[i]);
	assert_false((vcpu.regs.rflags ^ expected.rflags) & FLAGS_ALL);
	vcpu.regs.rip = (mword)vmm_user_exit; /* and once more */
	regs[REG_RIP] = (greg_t)(mword)vmm_user_exit;
}

static void out_without_interruption(void **state)
{
	static const mword flags[] = {FLAG_CF | FLAG_OF, FLAG_DF | FLAG_ZF, FLAG_TF};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		to_application(flags[i]);
		rights = 0;
		doors_run(0, NULL);
		assert_arrived();
		assert_int_equal(rights, APPLICATION_RIGHTS);
		assert_int_equal(stepped, 0);
	}
}

static void out_interrupted_anywhere(void **state)
{
	unsigned step = 1;

	(void)state;
	for (;; step++) {
		to_application(FLAG_CF | FLAG_SF);
		rights = 0;
		if (!doors_run(step, interrupt))
			break;
		assert_arrived();
		assert_int_equal(rights, APPLICATION_RIGHTS);
	}
	assert_in_range(step, 20, 40); /* as many instructions as there are */
	assert_arrived();
}

/* Without isolation the way out is another, and two instructions of this one. */
static void out_without_keys(void **state)
{
	(void)state;
	exit_work = 0;
	shared->isolation = NONE;
	rights = APPLICATION_RIGHTS;
	for (unsigned step = 1; step <= 3; step++) {
		to_application(FLAG_CF);
		assert_int_equal(doors_run(step, interrupt), step < 3);
		assert_arrived();
	}
}

/* A signal that the host has no exception for comes with an earlier one's. */
static void stale_traps(void **state)
{
	static const struct {
		int number;
		unsigned has, gets;
	} with[] = {
		{SIGSEGV, VECTOR_PF, VECTOR_PF}, {SIGSEGV, VECTOR_GP, VECTOR_GP},
		{SIGSEGV, VECTOR_UD, VECTOR_GP}, {SIGSEGV, 32, VECTOR_GP},
		{SIGBUS, VECTOR_SS, VECTOR_SS},	 {SIGBUS, VECTOR_AC, VECTOR_AC},
		{SIGBUS, VECTOR_PF, VECTOR_PF},	 {SIGBUS, VECTOR_UD, VECTOR_GP},
		{SIGFPE, VECTOR_DE, VECTOR_DE},	 {SIGFPE, VECTOR_PF, VECTOR_XM},
		{SIGILL, VECTOR_UD, VECTOR_UD},	 {SIGILL, VECTOR_PF, VECTOR_UD},
		{SIGILL, VECTOR_DB, VECTOR_UD},	 {SIGTRAP, VECTOR_BP, VECTOR_BP},
		{SIGTRAP, VECTOR_DB, VECTOR_DB}, {SIGTRAP, VECTOR_PF, VECTOR_DB},
		{SIGSYS, VECTOR_PF, VECTOR_PF},	 {SIGUSR1, VECTOR_PF, VECTOR_PF},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		struct sigcontext at = {.trapno = with[i].has, .err = 6};

		frame_set_trap(with[i].number, &at);
		assert_int_equal(at.trapno, with[i].gets);
		assert_int_equal(at.err, with[i].has == with[i].gets ? 6 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(places, doors_reset),
		cmocka_unit_test_setup(refused_states, doors_reset),
		cmocka_unit_test_setup(out_without_interruption, doors_reset),
		cmocka_unit_test_setup(out_interrupted_anywhere, doors_reset),
		cmocka_unit_test_setup(out_without_keys, doors_reset),
		cmocka_unit_test(stale_traps),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
