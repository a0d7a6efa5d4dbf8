/* SPDX-License-Identifier: BSD-2-Clause */
/* The zygote: processes for address spaces are made, refused by the host, and die, by an
 * application's fault or for other reasons. This test is all of the processes in turn.
 */
#include "backends/linux/code.h"
#include "backends/linux/confine.h"
#include "backends/linux/gates.h"
#include "backends/linux/private.h"
#include "backends/linux/twin.h"
#include "test/unit/linux/fake_host.h"
#include "vmm/backend.h"
#include "vmm/mmu.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LAUNCHER 10
#define ZYGOTE	 20
#define TWINS	 30
#define ROOT	 0x5000

/* Where control leaves what is tested. */
enum way { RESUMED = 1, WAITS, ENDED, EXITED };
static jmp_buf leaving;

static struct shared the_shared;
static uint8_t loaded_fpu[32], *fpu_area;
static char reason[256];
static enum end ended;
static int end_code;
static unsigned forks, raised, restored, told_twins;
static long clone_result; /* 0: control goes on in the child */
static long zygote_parent, child_parent;
static long guest; /* the last child */
static struct {
	long pid;
	int status;
} deaths[4];
static unsigned death_count, death_at;

struct shared *const shared = &the_shared;
struct vcpu vcpu;
uint32_t twin_zygote_pid = TWINS, twin_zygote_self;

/* --- the host ------------------------------------------------------------------------------- */

static long wait_for(int *status)
{
	if (death_at == death_count)
		return 0;
	memset(fpu_area, 0xee, sizeof(loaded_fpu)); /* the dead one's */
	*status = deaths[death_at].status;
	return deaths[death_at++].pid;
}

long fake_host_call(long nr, long a, long b, long c, long d, long e, long f)
{
	(void)c, (void)d, (void)e, (void)f;
	switch (nr) {
	case __NR_futex:
		if (b == FUTEX_WAIT)
			longjmp(leaving, WAITS);
		return 0;
	case __NR_clone:
		assert_int_equal(a, SIGCHLD);
		forks++;
		guest += clone_result == 0;
		return clone_result;
	case __NR_getppid:
		return host_self ? child_parent : zygote_parent;
	case __NR_getpid:
		return host_self ? guest : ZYGOTE;
	case __NR_wait4:
		return wait_for((int *)b);
	case __NR_ioctl:
		assert_int_equal(a, FD_TERMINAL);
		assert_int_equal(b, TCSETS);
		restored++;
		return 0;
	case __NR_exit_group:
		longjmp(leaving, EXITED);
	default:
		assert_int_equal(nr, __NR_prctl);
		return 0;
	}
}

/* --- doubles -------------------------------------------------------------------------------- */

void end_machine(enum end why, int code, const char *text)
{
	ended = why;
	end_code = code;
	strncpy(reason, text, sizeof(reason) - 1);
	longjmp(leaving, ENDED);
}

void resume_guest(void)
{
	longjmp(leaving, RESUMED);
}

void fpu_restore(const void *area)
{
	memcpy(loaded_fpu, area, sizeof(loaded_fpu));
	fpu_area = (uint8_t *)(uintptr_t)area;
}

void trap_raise(unsigned vector, mword error)
{
	assert_int_equal(vector, VECTOR_GP);
	assert_int_equal(error, 0);
	raised++;
}

void twin_zygote_signal(void)
{
	told_twins++;
}

bool mmu_empty(gpa_t root, gva_t end)
{
	(void)root, (void)end;
	return false;
}

#define NOTHING(name)                                                                              \
	void name(void)                                                                            \
	{                                                                                          \
	}

NOTHING(space_replay)
NOTHING(shadow_catch_up)
NOTHING(shadow_warm)
NOTHING(shadow_flush_user)
NOTHING(shadow_flush_kernel)
NOTHING(shadow_drop_user)
NOTHING(code_catch_up)
NOTHING(exit_wipe)
NOTHING(gates_wipe)
NOTHING(count_host_calls)
NOTHING(signal_thread_start)
NOTHING(confine_address_space)

void shadow_flush_page(gva_t va)
{
	(void)va;
}

void backend_log(const char *text, size_t length)
{
	(void)text, (void)length;
}

void fpu_save(void *area)
{
	(void)area;
}

/* --- one process after the other ------------------------------------------------------------ */

static enum way run_zygote(void)
{
	int way = setjmp(leaving);

	if (!way) {
		host_self = 0;
		space_zygote();
	}
	return (enum way)way;
}

/* There is one process, in which an application of the guest runs. */
static int setup(void **state)
{
	(void)state;
	the_shared = (struct shared){.launcher_pid = LAUNCHER};
	zygote_parent = LAUNCHER;
	child_parent = ZYGOTE;
	guest = guest ? guest : 100;
	clone_result = 0;
	death_count = death_at = 0;
	twin_zygote_self = 0;
	backend_load_root(gpa(ROOT));
	run_zygote();
	the_shared.active_pid = (uint32_t)guest;
	vcpu = (struct vcpu){.cpl = 3, .gs_base = 7, .iret_frame = {0x401000, 0, 0, 0x7000}};
	vcpu.regs.gpr[RAX] = 9;
	ended = NOT_ENDED;
	forks = raised = restored = told_twins = 0;
	return 0;
}

static void died(long pid, int status)
{
	deaths[death_count].pid = pid;
	deaths[death_count++].status = status;
	space_zygote_signal(true);
}

/* --- the application's own fault ------------------------------------------------------------ */

static void an_application_goes_on(void **state)
{
	const uint16_t control = 0x37f;
	const uint32_t mxcsr = 0x1f80;
	long before = guest;

	(void)state;
	died(guest, SIGSEGV);
	assert_int_equal(run_zygote(), RESUMED);
	assert_int_equal(forks, 1);
	assert_int_equal(guest, before + 1);
	assert_int_equal(the_shared.active_pid, guest);
	assert_int_equal(the_shared.counts[COUNT_SPAWNS] >= 1, true);
	assert_int_equal(raised, 1);
	assert_int_equal(vcpu.in_vmm, 1);
	assert_int_equal(vcpu.regs.rip, 0x401000);
	assert_int_equal(vcpu.regs.gpr[RSP], 0x7000);
	assert_int_equal(vcpu.regs.gpr[RAX], 0); /* nobody knows it */
	assert_int_equal(vcpu.gs_base, 0);
	assert_int_equal(vcpu.regs.rflags, FLAG_ONE | FLAG_IF);
	assert_memory_equal(loaded_fpu, &control, 2);
	assert_memory_equal(loaded_fpu + 24, &mxcsr, 4);
}

/* The host has no process for it any more. */
static void and_is_refused(void **state)
{
	(void)state;
	died(guest, SIGSEGV);
	clone_result = -EAGAIN;
	assert_int_equal(run_zygote(), ENDED);
	assert_int_equal(ended, END_HOST);
	assert_int_equal(end_code, EAGAIN);
	assert_int_equal(raised, 1);
}

/* --- other deaths --------------------------------------------------------------------------- */

static void assert_killed(long pid, int status, int code)
{
	died(pid, status);
	assert_int_equal(run_zygote(), ENDED);
	assert_int_equal(ended, END_KILLED);
	assert_int_equal(end_code, code);
	assert_int_equal(raised + forks, 0);
	ended = NOT_ENDED;
}

static void killed(void **state)
{
	(void)state;
	assert_killed(guest, SIGKILL, SIGKILL);
	assert_killed(guest, SIGBUS, SIGBUS);
	assert_killed(guest + 5, SIGSEGV, SIGSEGV); /* nobody's */
	the_shared.active_pid = 1;		    /* it was not its turn */
	assert_killed(guest, SIGSEGV, SIGSEGV);
}

static void killed_in_the_vmm(void **state)
{
	(void)state;
	vcpu.in_vmm = 1;
	assert_killed(guest, SIGSEGV, SIGSEGV);
	vcpu.in_vmm = 0;
	vcpu.cpl = 0;
	assert_killed(guest, SIGSEGV, SIGSEGV);
}

/* That of applications' processes says by its exit code how one of those died. */
static void the_other_zygote(void **state)
{
	(void)state;
	assert_killed(TWINS, SIGKILL << 8, SIGKILL);
	assert_killed(TWINS, SIGTERM, SIGTERM);
}

static void forbidden_calls(void **state)
{
	(void)state;
	host_last_call[1] = 77;
	died(guest, SIGSYS);
	assert_int_equal(run_zygote(), ENDED);
	assert_int_equal(ended, END_VMM);
	assert_string_equal(reason, "system call 77, which the machine's filter forbids");
	died(TWINS, SIGSYS);
	assert_int_equal(run_zygote(), ENDED);
	assert_non_null(strstr(reason, "of the process that makes those for applications"));
}

/* Nothing more is said, and nothing done for it. */
static void after_the_end(void **state)
{
	(void)state;
	the_shared.ended = END_POWER_OFF;
	died(guest, SIGSEGV);
	assert_int_equal(run_zygote(), EXITED);
	assert_int_equal(raised + forks, 0);
}

static void all_at_once(void **state)
{
	(void)state;
	died(guest, SIGSEGV);
	died(TWINS, SIGKILL << 8);
	assert_int_equal(run_zygote(), ENDED);
	assert_int_equal(ended, END_KILLED);
	assert_int_equal(end_code, SIGKILL);
}

/* --- without a parent ----------------------------------------------------------------------- */

static void the_launcher_dies(void **state)
{
	(void)state;
	zygote_parent = 1;
	the_shared.terminal_raw = 1;
	assert_int_equal(run_zygote(), ENDED);
	assert_int_equal(ended, END_KILLED);
	assert_int_equal(end_code, SIGKILL);
	assert_int_equal(restored, 1);
	the_shared.terminal_raw = 0;
	ended = NOT_ENDED;
	if (!setjmp(leaving))
		space_zygote_signal(false);
	assert_int_equal(ended, END_KILLED);
	assert_int_equal(restored, 1);
}

static void the_zygote_dies(void **state)
{
	(void)state;
	died(guest, SIGSEGV);
	child_parent = 1;
	assert_int_equal(run_zygote(), ENDED);
	assert_int_equal(ended, END_KILLED);
	child_parent = ZYGOTE;
	run_zygote();
}

static void signals_of_the_other_zygote(void **state)
{
	(void)state;
	twin_zygote_self = 1;
	space_zygote_signal(true);
	space_zygote_signal(false);
	assert_int_equal(told_twins, 2);
	twin_zygote_self = 0;
	assert_int_equal(run_zygote(), WAITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_application_goes_on, setup),
		cmocka_unit_test_setup(and_is_refused, setup),
		cmocka_unit_test_setup(killed, setup),
		cmocka_unit_test_setup(killed_in_the_vmm, setup),
		cmocka_unit_test_setup(the_other_zygote, setup),
		cmocka_unit_test_setup(forbidden_calls, setup),
		cmocka_unit_test_setup(after_the_end, setup),
		cmocka_unit_test_setup(all_at_once, setup),
		cmocka_unit_test_setup(the_launcher_dies, setup),
		cmocka_unit_test_setup(the_zygote_dies, setup),
		cmocka_unit_test_setup(signals_of_the_other_zygote, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
