/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: made, made another program, and waited for.
 */
#include "bench.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_for(pid_t pid, const char *what)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail(what);
	if (status) {
		errno = ECHILD;
		fail(what);
	}
}

void run(const char *path, const char *a, const char *b, const char *c)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(path, a, b, c, NULL);
		_exit(126);
	}
	wait_for(pid, a);
}

void run_shell(const char *script)
{
	run(BUSYBOX, "sh", "-c", script);
}

static void fork_wait(long n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		wait_for(pid, "fork");
	}
}

static void exec(long n)
{
	while (n--)
		run(EXIT_ONLY, EXIT_ONLY, NULL, NULL);
}

static void exec_libc(long n)
{
	while (n--)
		run(SELF, SELF, EXIT_AT_ONCE, NULL);
}

static void shell(long n)
{
	while (n--)
		run_shell(EXIT_ONLY);
}

const struct row process_rows[] = {
	{"fork-wait", fork_wait}, {"exec", exec}, {"exec-libc", exec_libc}, {"sh", shell}, {0},
};
