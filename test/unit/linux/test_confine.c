/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine's processes may ask of the host: the rules against an oracle that is
 * written out here, every system call number against the host itself.
 */
#include "backends/linux/confine.h"
#include "backends/linux/host.h"
#include "backends/linux/private.h"
#include "test/unit/linux/filter_run.h"

#include <linux/audit.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define X32	0x40000000u
#define NUMBERS 1024

struct shared *const shared = NULL;

void end_machine(enum end why, int code, const char *reason)
{
	(void)why;
	(void)code;
	(void)reason;
	_exit(99);
}

static struct sock_filter machine[FILTER_MOST];
static unsigned machine_length;

static int build(void **state)
{
	(void)state;
	machine_length =
		filter_build(confine_rules, confine_count, SECCOMP_RET_KILL_PROCESS, machine);
	return machine_length == 0;
}

static bool fixed_map(const uint64_t *args)
{
	bool shared_fixed = args[3] == 0x11 || args[3] == 0x8011;
	bool ram = (uint32_t)args[4] == 4 && shared_fixed && args[2] < 8;
	bool copies = (uint32_t)args[4] == 8 && shared_fixed && !(args[2] & ~5ull);
	bool bus = (uint32_t)args[4] == 3 && args[3] == 0x11 && args[2] == PROT_READ;

	return ram || copies || bus;
}

static bool start_prctl(const uint64_t *args)
{
	switch ((uint32_t)args[0]) {
	case 1: /* PR_SET_PDEATHSIG */
		return args[1] == SIGKILL || args[1] == SIGUSR2;
	case 15: /* PR_SET_NAME */
		return true;
	case 59: /* PR_SET_SYSCALL_USER_DISPATCH */
		return args[1] == 1;
	default:
		return false;
	}
}

static uint32_t oracle(uint32_t nr, const uint64_t *args)
{
	bool yes = false;

	switch (nr) {
	case 96: /* gettimeofday, time, getcpu */
	case 201:
	case 309:
		return SECCOMP_RET_TRAP;
	case 9:
		yes = fixed_map(args);
		break;
	case 202:
		yes = args[1] < 2;
		break;
	case 286:
		yes = (uint32_t)args[0] == 6 && (uint32_t)args[1] == 0;
		break;
	case 1:
		yes = (uint32_t)args[0] == 1 || (uint32_t)args[0] == 2;
		break;
	case 10: /* mprotect, munmap, restart_syscall, exit_group, pkey_mprotect, sigaltstack */
	case 11:
	case 329:
	case 131:
	case 219:
	case 231:
	case 39: /* getpid, getppid, wait4 */
	case 110:
	case 61:
		yes = true;
		break;
	case 56:
		yes = args[0] == SIGCHLD && args[1] == 0;
		break;
	case 157:
		yes = start_prctl(args);
		break;
	case 317:
		yes = (uint32_t)args[0] == 1 && (uint32_t)args[1] == 0;
		break;
	case 16:
		yes = ((uint32_t)args[0] == 7 && (uint32_t)args[1] == 0x5402) ||
		      ((uint32_t)args[0] == 9 &&
		       ((uint32_t)args[1] == 0xc0502100 || (uint32_t)args[1] == 0xc0182101));
		break;
	default:
		break;
	}
	return yes ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS;
}

static void compare(struct seccomp_data *data)
{
	uint32_t want = data->arch == AUDIT_ARCH_X86_64
				? oracle((uint32_t)data->nr, (void *)data->args)
				: SECCOMP_RET_KILL_PROCESS;
	uint32_t got = filter_run(machine, machine_length, data);

	if (got != want)
		fail_msg("call %d(%#llx, %#llx, %#llx, %#llx, %#llx): %#x, not %#x", data->nr,
			 data->args[0], data->args[1], data->args[2], data->args[3], data->args[4],
			 got, want);
}

/* Each argument in turn takes each of these, the others stay what is allowed. */
static const uint64_t values[] = {0,
				  1,
				  2,
				  3,
				  4,
				  5,
				  6,
				  7,
				  8,
				  9,
				  15,
				  16,
				  0x10,
				  0x11,
				  0x12,
				  0x22,
				  0x32,
				  0x8011,
				  0x8010,
				  0x9011,
				  0x40011,
				  12,
				  17,
				  59,
				  0x5402,
				  0x5412,
				  0xc0502100,
				  0xc0182101,
				  0xc0182103,
				  128,
				  0x1000,
				  1ull << 32,
				  (1ull << 32) + 1,
				  (1ull << 32) | 0x11,
				  (1ull << 63) | 4,
				  UINT32_MAX,
				  UINT64_MAX};

static void test_arguments(void **state)
{
	static const uint64_t bases[][6] = {
		{0},
		{0x400000, 4096, 3, 0x8011, 4, 0},
		{0x400000, 4096, PROT_READ, 0x11, 3, 0},
		{SIGCHLD},
		{6},
		{7, 0x5402},
		{59, 1},
		{1, SIGKILL},
	};
	struct seccomp_data data = {.arch = AUDIT_ARCH_X86_64};

	(void)state;
	for (int nr = 0; nr < NUMBERS; nr++)
		for (size_t b = 0; b < sizeof(bases) / sizeof(bases[0]); b++)
			for (int arg = 0; arg < 6; arg++)
				for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
					data.nr = nr;
					memcpy(data.args, bases[b], sizeof(data.args));
					data.args[arg] = values[v];
					compare(&data);
				}
}

static void test_random(void **state)
{
	size_t n = sizeof(values) / sizeof(values[0]);

	(void)state;
	for (int i = 0; i < 2000000; i++) {
		struct seccomp_data data = {.arch = AUDIT_ARCH_X86_64};

		data.nr = (int)(confine_rules[(size_t)rand() % confine_count].nr);
		for (int arg = 0; arg < 6; arg++)
			data.args[arg] = values[(size_t)rand() % n];
		compare(&data);
	}
}

static void test_other_conventions(void **state)
{
	struct seccomp_data data = {.arch = AUDIT_ARCH_I386};

	(void)state;
	for (int nr = 0; nr < NUMBERS; nr++) {
		data.nr = nr;
		compare(&data);
	}
	data.arch = AUDIT_ARCH_X86_64;
	for (uint32_t nr = X32; nr < X32 + NUMBERS; nr++) {
		data.nr = (int)nr;
		compare(&data);
	}
}

/* --- the host ------------------------------------------------------------------------- */

enum stage { ZYGOTE, ADDRESS_SPACE };

static long raw(long nr, const long *args)
{
	return host_call6(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* A process that is confined makes this call: its wait status. */
static int status_of(enum stage stage, long nr, const long *args)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		confine_machine();
		if (stage == ADDRESS_SPACE)
			confine_address_space();
		raw(nr, args);
		host_call1(__NR_exit_group, 42);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* uretprobe and uprobe: hosts that have them let them through every filter, and accept
 * them from code that the host itself has mapped. */
static bool is_probe(long nr)
{
	return nr == 335 || nr == 336;
}

static void every_number(enum stage stage, long from)
{
	static const long args[6];

	for (long nr = from; nr < from + NUMBERS; nr++) {
		uint32_t want = oracle((uint32_t)nr, (const uint64_t *)(const void *)args);
		int status;

		if (nr == __NR_exit_group || is_probe(nr))
			continue;
		for (size_t i = 0; i < confine_count; i++)
			if (stage == ADDRESS_SPACE && confine_rules[i].once &&
			    confine_rules[i].nr == (uint32_t)nr)
				want = SECCOMP_RET_KILL_PROCESS;
		status = status_of(stage, nr, args);
		if (killed(status) != (want != SECCOMP_RET_ALLOW))
			fail_msg("stage %d, call %ld: status %#x", stage, nr, status);
	}
}

static void test_host(void **state)
{
	(void)state;
	every_number(ZYGOTE, 0);
	every_number(ADDRESS_SPACE, 0);
	every_number(ZYGOTE, X32);
}

/* What somebody who runs code of his choice would try first. */
static void test_escapes(void **state)
{
	static char page[4096] __attribute__((aligned(4096)));
	static const struct {
		long call[7];
	} escapes[] = {
		{{__NR_open, (long)"/proc/self/mem", 2}},
		{{__NR_openat, -100, (long)"/proc/self/mem", 2}},
		{{__NR_execve, (long)"/bin/sh"}},
		{{__NR_socket, 2, 1}},
		{{__NR_dup, 1}},
		{{__NR_fcntl, 1, 0}},
		{{__NR_ptrace, 16, 1}},
		{{__NR_process_vm_readv, 1}},
		{{__NR_kill, 1, SIGKILL}},
		{{__NR_tgkill, 1, 1, SIGKILL}},
		{{__NR_setpgid, 0, 0}},
		{{__NR_setsid, 0}},
		{{__NR_ftruncate, FD_RAM, 1l << 40}},
		{{__NR_fallocate, FD_RAM, 0, 0, 1l << 40}},
		{{__NR_mremap, (long)page, 4096, 1 << 20, 1}},
		{{__NR_mmap, 0, 1l << 30, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
		{{__NR_mmap, (long)page, 4096, 3, MAP_SHARED | MAP_FIXED, FD_CONSOLE}},
		{{__NR_mmap, (long)page, 4096, 3, MAP_PRIVATE | MAP_FIXED, FD_RAM}},
		{{__NR_mmap, (long)page, 4096, 3, MAP_SHARED | MAP_FIXED | MAP_HUGETLB, FD_RAM}},
		{{__NR_mmap, (long)page, 4096, 3, MAP_SHARED | MAP_FIXED, FD_SHARED}},
		{{__NR_mmap, (long)page, 4096, 3, MAP_SHARED | MAP_FIXED, FD_COPIES}},
		{{__NR_brk, 1l << 30}},
		{{__NR_futex, (long)page, FUTEX_LOCK_PI}},
		{{__NR_futex, (long)page, FUTEX_CMP_REQUEUE, 1, 1, (long)page}},
		{{__NR_write, FD_SHARED, (long)page, 1}},
		{{__NR_ioctl, FD_CONSOLE, 0x5412, (long)page}}, /* TIOCSTI */
		{{__NR_ioctl, FD_TERMINAL, 0x5412, (long)page}},
		{{__NR_clone, SIGCHLD}},
		{{__NR_clone, 0x10000000 | SIGCHLD}}, /* CLONE_NEWUSER */
		{{__NR_clone3, (long)page, 88}},
		{{__NR_unshare, 0x10000000}},
		{{__NR_prctl, 1, 0}}, /* outlive the parent */
		{{__NR_prctl, 4, 1}},
		{{__NR_rt_sigreturn, 0}},
		{{__NR_rt_sigaction, SIGSYS}},
		{{__NR_io_uring_setup, 8, (long)page}},
		{{__NR_bpf, 0}},
		{{__NR_userfaultfd, 0}},
		{{__NR_perf_event_open, (long)page}},
		{{__NR_seccomp, 1, 0, 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		int status = status_of(ADDRESS_SPACE, escapes[i].call[0], escapes[i].call + 1);

		if (!killed(status))
			fail_msg("escape %zu, call %ld: status %#x", i, escapes[i].call[0], status);
	}
}

/* The same numbers by the old way in. A host without it: SIGSEGV. */
static void test_int80(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		confine_machine();
		__asm__ volatile("int $0x80" ::"a"(1), "b"(42) : "memory");
		_exit(42);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* What is needed works, in the order in which a machine does it. */
static void test_needed(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		uint32_t word = 0;

		confine_machine();
		host_call2(__NR_prctl, 1, SIGKILL);
		if (host_call5(__NR_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
			confine_address_space();
			host_futex_wake(&word);
			host_futex_wait(&word, 0, 1000);
			host_call3(__NR_write, FD_LOG, "", 0);
			host_call1(__NR_exit_group, 7);
		}
		host_call4(__NR_wait4, -1, &status, 0, 0);
		host_call1(__NR_exit_group, WEXITSTATUS(status));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_other_conventions),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_int80),
		cmocka_unit_test(test_needed),
	};

	return cmocka_run_group_tests(tests, build, NULL);
}
