/* SPDX-License-Identifier: BSD-2-Clause */
/* What the launcher may ask of the host while a machine runs. */
#include "backends/linux/launcher/run.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
	const char *name;
	long nr, args[6];
	bool refused;
} calls[] = {
	{"fork", SYS_clone, {SIGCHLD}, true},
	{"execve", SYS_execve, {(long)"/bin/true"}, true},
	{"socket", SYS_socket, {AF_INET, SOCK_STREAM}, true},
	{"write a file", SYS_openat, {AT_FDCWD, (long)"/dev/null", O_WRONLY}, true},
	{"make a file", SYS_openat, {AT_FDCWD, (long)"/dev/null", O_CREAT}, true},
	{"read a file", SYS_openat, {AT_FDCWD, (long)"/dev/null", O_RDONLY | O_CLOEXEC}, false},
	{"make code", SYS_mmap, {0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1}, true},
	{"make memory", SYS_mmap, {0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1}, false},
	{"kill somebody", SYS_kill, {1, SIGKILL}, true},
	{"stop somebody", SYS_kill, {1, SIGSTOP}, true},
	{"ptrace", SYS_ptrace, {16, 1}, true},
	{"unlink", SYS_unlink, {(long)"/nowhere/at/all"}, true},
	{"a terminal's input", SYS_ioctl, {0, 0x5412, 0}, true},
};

/* 0: as wanted. Nothing but system calls: sanitizers would make their own. */
static int try(size_t i)
{
	const long *args = calls[i].args;
	long result = syscall(calls[i].nr, args[0], args[1], args[2], args[3], args[4], args[5]);

	return (result < 0 && errno == EPERM) != calls[i].refused;
}

static void test_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			struct run run = {.machine = getpid()};

			syscall(SYS_exit_group, run_confine(&run) ? 2 : try(i));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status)
			fail_msg("%s: status %#x", calls[i].name, status);
	}
}

static void test_may_end_the_machine(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct run run = {.machine = getpid()};

		run_confine(&run);
		kill(run.machine, SIGKILL);
		syscall(SYS_exit_group, 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_may_end_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
