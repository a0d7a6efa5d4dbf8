/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes and threads that share patched code. */
#include "gates.h"
#include "test/userland/guest/check.h"

#include <execinfo.h>
#include <pthread.h>
#include <sys/time.h>
#include <time.h>

static int children(void)
{
	int ok = 1, status;

	for (int i = 0; i < 60; i++)
		if (fork() == 0) {
			pid_t pid = (pid_t)syscall(SYS_getpid);

			for (int k = 0; k < HOT; k++)
				ok &= site_window() == pid;
			_exit(!ok);
		}
	while (wait(&status) > 0)
		ok &= exits(status, 0);
	return MUST(ok);
}

static int vforks(void)
{
	int ok = 1;

	for (volatile int i = 0; i < 50 && ok; i++) {
		volatile long seen = 0;
		pid_t child = vfork();

		if (child == 0) {
			seen = site_window();
			_exit(0);
		}
		waitpid(child, NULL, 0);
		ok = MUST(seen == child) && MUST(site_window() == getpid());
	}
	return ok;
}

static int executed(const char *self)
{
	int ok = 1, status;

	for (int i = 0; i < 20; i++) {
		pid_t child = fork();

		if (child == 0) {
			execl(self, self, "--calls", (char *)NULL);
			_exit(1);
		}
		waitpid(child, &status, 0);
		ok &= exits(status, 0);
	}
	return MUST(ok);
}

/* --- threads: one address space, one place per site, many stacks ---------------------- */

static volatile int stop;

static void *thread(void *argument)
{
	long ok = 1, pid = getpid();
	char byte;

	(void)argument;
	while (!stop) {
		ok &= site_window() == pid && site_direct(SYS_getpid) == pid;
		ok &= read(-1, &byte, 1) == -1 && errno == EBADF;
	}
	return (void *)ok;
}

static void nothing(int number)
{
	(void)number;
}

static int threads(void)
{
	struct itimerval timer = {{0, 100}, {0, 100}}, off = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	pthread_t ids[6];
	int ok = 1;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (size_t i = 0; i < COUNT(ids); i++)
		ok &= pthread_create(&ids[i], NULL, thread, NULL) == 0;
	for (int i = 0; i < 1500; i++)
		usleep(1000);
	stop = 1;
	for (size_t i = 0; i < COUNT(ids); i++) {
		void *result;

		ok &= pthread_join(ids[i], &result) == 0 && result;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	return MUST(ok);
}

/* glibc's read: a flag decides which way, and threads set it. */
static int library_read(void)
{
	int pipes[2], ok = 1;
	char byte;

	if (pipe(pipes))
		return 0;
	for (int i = 0; i < HOT && ok; i++) {
		byte = 0;
		ok = MUST(write(pipes[1], "r", 1) == 1) && MUST(read(pipes[0], &byte, 1) == 1) &&
		     MUST(byte == 'r');
	}
	tell("read", (const uint8_t *)(uintptr_t)read);
	close(pipes[0]);
	close(pipes[1]);
	return ok;
}

/* Unwinders know the restorer's code by tables or by its bytes. */
static volatile int depth;

static void unwind(int number)
{
	void *frames[32];

	(void)number;
	depth = backtrace(frames, COUNT(frames));
}

static int backtraces(void)
{
	struct sigaction action = {.sa_handler = unwind};
	int first;

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	first = depth;
	for (int i = 0; i < HOT; i++)
		raise(SIGUSR1);
	return MUST(first > 3) && MUST(depth == first);
}

/* The vDSO does what it cannot do itself by a system call. */
static int vdso(void)
{
	struct timespec now, before = {0, 0};
	int ok = 1;

	for (int i = 0; i < HOT && ok; i++) {
		ok = MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0) &&
		     MUST(now.tv_sec > before.tv_sec ||
			  (now.tv_sec == before.tv_sec && now.tv_nsec >= before.tv_nsec));
		before = now;
	}
	return ok;
}

int process_checks(const char *self)
{
	check("library-read", library_read());
	check("children", children());
	check("vforks", vforks());
	check("executed", executed(self));
	check("backtraces", backtraces());
	check("vdso", vdso());
	check("threads", threads());
	check("library-read-threaded", library_read());
	return failures;
}
