/* SPDX-License-Identifier: BSD-2-Clause */
/* The process in which applications run, as the VMM drives it: what it is told to map and run,
 * and what becomes of that when it fails, is interrupted, or dies at any moment.
 */
#include "backends/linux/private.h"
#include "backends/linux/twin.h"
#include "test/unit/linux/fake_host.h"
#include "vmm/backend.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cmocka.h>

#define ZYGOTE 50
#define TWIN   (100 + 10 * host_self) /* another in each test */
#define SELF   7		      /* the process of the VMM */
#define KEY    UINT64_C(0x0123456789abcdef)

/* --- what the host says, one after the other ---------------------------------------------- */

struct event {
	long result; /* of the call, if negative */
	uint32_t pid;
	uint64_t args[3];
};

static struct event events[16];
static unsigned event_count, event_at;
static uint64_t last_id;

/* Answers since the test began, and the command at the last one. */
static uint64_t answers[128];
static unsigned answer_count;
static struct twin_command told;

static unsigned spawned, dropped, reported, raised;
static uint64_t report_args[3];
static uint32_t active_then;

static void then(uint32_t pid, uint64_t a, uint64_t b, uint64_t c)
{
	events[event_count++] = (struct event){0, pid, {a, b, c}};
}

static void then_error(long error)
{
	events[event_count++] = (struct event){.result = error};
}

static uint8_t areas[HOST_PROCESSES * TWIN_AREA_BYTES] __attribute__((aligned(4096)));
static struct shared the_shared;
static jmp_buf ending;
static enum end ended;
static int end_code;

uint8_t *const twin_areas = areas;
struct shared *const shared = &the_shared;
struct vcpu vcpu;
uint64_t twin_key = KEY;
uint32_t twin_zygote_pid = ZYGOTE;

static uint8_t *area(void)
{
	return areas + (size_t)(host_self - 1) * TWIN_AREA_BYTES;
}

static struct twin_command *command(void)
{
	return (struct twin_command *)(void *)area();
}

long fake_host_call(long nr, long a, long b, long c, long d, long e, long f)
{
	struct seccomp_notif *got = (void *)c;
	const struct seccomp_notif_resp *response = (void *)c;

	(void)d, (void)e, (void)f;
	assert_int_equal(nr, __NR_ioctl);
	assert_int_equal(a, FD_TWINS);
	if ((unsigned long)b == SECCOMP_IOCTL_NOTIF_SEND) {
		assert_int_equal(response->id, last_id);
		answers[answer_count++ % 128] = (uint64_t)response->val;
		told = *command();
		active_then = the_shared.active_pid;
		return 0;
	}
	assert_true((unsigned long)b == SECCOMP_IOCTL_NOTIF_RECV && event_at < event_count);
	assert_int_equal(got->id | got->pid, 0); /* the host wants zeros */
	const struct event *event = &events[event_at++];

	got->id = ++last_id;
	got->pid = event->pid;
	memcpy(got->data.args, event->args, sizeof(event->args));
	return event->result;
}

/* --- doubles -------------------------------------------------------------------------------- */

void end_machine(enum end why, int code, const char *reason)
{
	(void)reason;
	ended = why;
	end_code = code;
	longjmp(ending, 1);
}

void twin_spawn(uint32_t slot)
{
	assert_int_equal(slot, host_self - 1);
	spawned++;
}

void shadow_drop_twin(void)
{
	dropped++;
	twin_unmap(0, LAYOUT_USER_END);
}

void twin_reported(const struct seccomp_notif *got)
{
	reported++;
	memcpy(report_args, got->data.args, sizeof(report_args));
	if (got->data.args[0])
		twin_changed();
	else if (twin_changes())
		twin_settle();
}

void trap_raise(unsigned vector, mword error)
{
	assert_int_equal(vector, VECTOR_GP);
	assert_int_equal(error, 0);
	raised++;
}

void fpu_save(void *to)
{
	*(uint8_t *)to = 0x77;
}

static void map(mword va)
{
	twin_map(va, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, FD_RAM, 0x5000);
}

/* Each test is a process of the machine that has no twin yet. */
static int setup(void **state)
{
	(void)state;
	host_self++;
	event_count = event_at = answer_count = 0;
	spawned = dropped = reported = raised = 0;
	the_shared = (struct shared){.active_pid = SELF};
	vcpu = (struct vcpu){.masked = 1, .cpl = 3, .regs.gpr[RSI] = 5, .iret_frame = {0x401000}};
	ended = NOT_ENDED;
	return 0;
}

/* A twin that has run an application once. */
static int setup_born(void **state)
{
	setup(state);
	then(TWIN, 0, 0, 0);
	then(TWIN, SIGUSR1, 1, 2);
	twin_run();
	event_count = event_at = answer_count = 0;
	spawned = dropped = reported = raised = 0;
	return 0;
}

static enum end ends(void (*act)(void))
{
	if (!setjmp(ending))
		act();
	return ended;
}

/* --- born, run ------------------------------------------------------------------------------ */

static void a_new_one_begins_with_nothing(void **state)
{
	(void)state;
	memset(area() + TWIN_COMMAND_BYTES, 0xee, TWIN_STACK_BYTES); /* the key of the last one */
	map(0x1000);
	assert_false(twin_changes());
	then(TWIN, 0, 0, 0);
	then(TWIN, SIGSEGV, 0x11, 0x22);
	twin_run();
	assert_int_equal(spawned, 1);
	assert_int_equal(dropped, 1);
	assert_int_equal(answer_count, 1);
	assert_int_equal(answers[0], 0);
	assert_int_equal(told.run, 1);
	assert_int_equal(told.count, 0);
	assert_int_equal(told.gpr[RSI], 5);
	assert_int_equal(told.frame[0], 0x401000);
	assert_int_equal(area()[TWIN_FPU], 0x77);
	for (unsigned i = 0; i < TWIN_STACK_BYTES; i++)
		assert_int_equal(area()[TWIN_COMMAND_BYTES + i], 0);
	assert_int_equal(active_then, TWIN);
	assert_int_equal(the_shared.active_pid, SELF);
	assert_int_equal(reported, 1);
	assert_int_equal(report_args[2], 0x22);
}

static void the_key_comes_with_changes(void **state)
{
	(void)state;
	map(0x1000);
	twin_protect(0x2000, PAGE_SIZE, PROT_READ);
	twin_unmap(0x3000, PAGE_SIZE);
	then(TWIN, SIGSEGV, 0, 0);
	twin_run();
	assert_int_equal(answers[0], KEY);
	assert_int_equal(told.count, 3);
	assert_int_equal(told.ops[0].nr, __NR_mmap);
	assert_int_equal(told.ops[0].file, FD_RAM);
	assert_int_equal(told.ops[0].offset, 0x5000);
	assert_int_equal(told.ops[1].nr, __NR_mprotect);
	assert_int_equal(told.ops[2].nr, __NR_munmap);
	then(TWIN, SIGSEGV, 0, 0);
	twin_run();
	assert_int_equal(answers[1], 0);
	map(0x1000);
	twin_unmap(0, LAYOUT_USER_END); /* in place of all that */
	assert_int_equal(command()->count, 2);
}

/* An event that came before the launcher could know whom to interrupt. */
static void not_now(void **state)
{
	(void)state;
	the_shared.event = 1;
	twin_run();
	the_shared.event = 0;
	vcpu.pending = 1;
	vcpu.masked = 0;
	twin_run();
	assert_int_equal(answer_count + reported, 0);
	assert_int_equal(the_shared.active_pid, SELF);
	vcpu.shadow = 1;
	then(TWIN, SIGSEGV, 0, 0);
	twin_run();
	assert_int_equal(reported, 1);
}

static void waits_again(void **state)
{
	(void)state;
	then_error(-EINTR);
	then_error(-ENOENT); /* the one who reported has died */
	then(TWIN, SIGSEGV, 0, 0);
	twin_run();
	assert_int_equal(reported, 1);
	then_error(-EBADF);
	assert_int_equal(ends(twin_run), END_HOST);
	assert_int_equal(end_code, EBADF);
}

/* --- death ---------------------------------------------------------------------------------- */

/* The dead one's successor begins with nothing. */
static void the_next_one_runs(void)
{
	then(TWIN + 1, 0, 0, 0);
	then(TWIN + 1, SIGSEGV, 0, 0);
	twin_run();
	assert_int_equal(spawned, 1);
	assert_int_equal(dropped, 1);
	assert_int_equal(told.count, 0);
}

static void dies_in_the_application(void **state)
{
	(void)state;
	map(0x1000);
	then(ZYGOTE, TWIN, 0, 0);
	twin_run();
	assert_int_equal(raised, 1);
	assert_int_equal(reported, 0);
	assert_int_equal(the_shared.active_pid, SELF);
	assert_int_equal(answers[1], 0); /* the zygote's report */
	the_next_one_runs();
	assert_int_equal(raised, 1);
}

/* In the middle of its changes, which are then nobody's. */
static void dies_mapping(void **state)
{
	(void)state;
	then(ZYGOTE, TWIN, 0, 0);
	for (unsigned i = 0; i < 3 * TWIN_OPS_MOST; i++) {
		map(i * PAGE_SIZE);
		assert_in_range(command()->count, 1, TWIN_OPS_MOST);
	}
	assert_int_equal(event_at, 1);
	assert_int_equal(told.run, 0);
	the_next_one_runs();
	assert_int_equal(raised, 0);
	assert_int_equal(reported, 1);
}

static void dies_when_asked_what_failed(void **state)
{
	(void)state;
	map(0x1000);
	then(TWIN, 0, (uint64_t)-ENOMEM, 0);
	then(ZYGOTE, TWIN, 0, 0);
	twin_run();
	assert_int_equal(reported, 1);
	assert_int_equal(raised, 0);
	then(TWIN + 1, 0, 0, 0);
	then(TWIN + 1, SIGSEGV, 0, 0);
	twin_run();
	assert_int_equal(told.count, 0);
	assert_int_equal(spawned, 1);
}

/* One that died when it was not its turn, or none that is known. */
static void others_die(void **state)
{
	(void)state;
	then(ZYGOTE, TWIN + 70, 0, 0);
	then(ZYGOTE, 0, 0, 0);
	then(TWIN, SIGSEGV, 0, 0);
	twin_run();
	assert_int_equal(raised, 0);
	assert_int_equal(reported, 1);
	assert_int_equal(answer_count, 3);
}

static void dies_at_once(void **state)
{
	(void)state;
	then(ZYGOTE, TWIN, 0, 0); /* unknown as yet */
	assert_int_equal(ends(twin_run), END_HOST);
	ended = NOT_ENDED;
	then(ZYGOTE, 0, 0, 0);
	assert_int_equal(ends(twin_run), END_HOST);
}

/* --- changes that fail ---------------------------------------------------------------------- */

/* It fails; and is asked to start over, and to say what. */
static void then_fails(long error, uint64_t index)
{
	then(TWIN, 0, (uint64_t)error, index);
}

static void run_failing(long error, uint64_t index)
{
	then_fails(error, 0);
	then_fails(error, index);
	then(TWIN, 0, 0, 0);
	twin_run();
}

static void rights_that_fail(void **state)
{
	(void)state;
	map(0x1000);
	twin_protect(0x2000, PAGE_SIZE, PROT_READ);
	run_failing(-ENOMEM, 1);
	assert_int_equal(answers[1], KEY);
	assert_int_equal(answers[2], KEY);
	assert_int_equal(told.run, 0);
	assert_int_equal(told.ops[0].nr, __NR_mmap);
	assert_int_equal(told.ops[1].nr, __NR_munmap);
	assert_false(twin_changes());
	assert_int_equal(raised, 0);
}

/* Below the host's vm.mmap_min_addr: the application's fault. */
static void pages_that_are_refused(void **state)
{
	(void)state;
	map(0x1000);
	run_failing(-EPERM, 0);
	assert_int_equal(told.ops[0].nr, __NR_munmap);
	assert_int_equal(raised, 1);
	twin_protect(0x2000, PAGE_SIZE, PROT_READ);
	run_failing(-ENOMEM, 0);
	assert_int_equal(raised, 1); /* once */
}

static void run_again(void)
{
	map(0x3000);
	then_fails(-ENOMEM, 0);
	then_fails(-ENOMEM, 0);
	then_fails(-ENOMEM, 2); /* all are gone, and still no room */
	twin_run();
}

static void no_more_mappings(void **state)
{
	(void)state;
	map(0x1000);
	map(0x2000);
	run_failing(-ENOMEM, 1);
	assert_int_equal(told.count, 5); /* all out, tried once more, and out */
	assert_int_equal(told.ops[2].nr, __NR_mmap);
	assert_int_equal(told.ops[2].address, 0x2000);
	for (unsigned i = 0; i < 5; i += 1 + (i == 1)) {
		assert_int_equal(told.ops[i].nr, __NR_munmap);
		assert_int_equal(told.ops[i].length, LAYOUT_USER_END / 2);
	}
	assert_int_equal(dropped, 0);
	then(TWIN, SIGSEGV, 0, 0);
	twin_run();
	assert_int_equal(dropped, 1); /* what is remembered of it, too */
	assert_int_equal(ends(run_again), END_HOST);
	assert_int_equal(end_code, ENOMEM);
}

static void fail_otherwise(void)
{
	run_failing(-EIO, 0);
}

static void the_host_fails(void **state)
{
	(void)state;
	map(0x1000);
	assert_int_equal(ends(fail_otherwise), END_HOST);
	assert_int_equal(end_code, EIO);
}

/* An index that an application made up lies in the command. */
static void wild_index(void **state)
{
	(void)state;
	map(0x1000);
	run_failing(-EPERM, 3 * TWIN_OPS_MOST);
	assert_int_equal(told.ops[0].nr, __NR_munmap);
}

/* --- signals with the key in hand ----------------------------------------------------------- */

static void signals_between(void **state)
{
	static const int numbers[] = {SIGUSR1, SIGTRAP};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		event_count = event_at = answer_count = 0;
		map(0x1000);
		memset(area() + TWIN_COMMAND_BYTES, 0xee, TWIN_STACK_BYTES);
		then_fails(-EPERM, 0);
		then(TWIN, (uint64_t)numbers[i], 1, 2);
		then(TWIN, 0, 0, 0);
		twin_run();
		assert_int_equal(area()[TWIN_COMMAND_BYTES], 0);
		assert_int_equal(area()[TWIN_AREA_BYTES - 1], 0);
		assert_int_equal(answers[2], KEY); /* once more */
	}
	map(0x1000);
	then_fails(-EPERM, 0);
	then(TWIN, SIGSEGV, 1, 2);
	assert_int_equal(ends(twin_run), END_VMM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_new_one_begins_with_nothing, setup),
		cmocka_unit_test_setup(the_key_comes_with_changes, setup_born),
		cmocka_unit_test_setup(not_now, setup_born),
		cmocka_unit_test_setup(waits_again, setup_born),
		cmocka_unit_test_setup(dies_in_the_application, setup_born),
		cmocka_unit_test_setup(dies_mapping, setup_born),
		cmocka_unit_test_setup(dies_when_asked_what_failed, setup_born),
		cmocka_unit_test_setup(others_die, setup_born),
		cmocka_unit_test_setup(dies_at_once, setup),
		cmocka_unit_test_setup(rights_that_fail, setup_born),
		cmocka_unit_test_setup(pages_that_are_refused, setup_born),
		cmocka_unit_test_setup(no_more_mappings, setup_born),
		cmocka_unit_test_setup(the_host_fails, setup_born),
		cmocka_unit_test_setup(wild_index, setup_born),
		cmocka_unit_test_setup(signals_between, setup_born),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
