/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The userland test: programs that gcc compiles in the guest. Each prints a line
 * `result: NAME ok` or `result: NAME FAILED` per check, nothing else on standard output,
 * and the same on every machine. Amounts are multiplied by $SCALE percent (default 100).
 */
#ifndef USERLAND_CHECK_H
#define USERLAND_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE	 4096ul

static int failures;

/* Why a check failed, to standard error; 0. */
__attribute__((format(printf, 2, 3), unused)) static int note(int line, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s, line %d: ", program_invocation_short_name, line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return 0;
}

#define NOTE(...)	note(__LINE__, __VA_ARGS__)
#define MUST(condition) ((condition) ? 1 : NOTE("%s (errno %d)", #condition, errno))

static void check(const char *name, int ok)
{
	printf("result: %s %s\n", name, ok ? "ok" : "FAILED");
	fflush(stdout);
	failures += !ok;
}

static inline long scaled(long amount)
{
	const char *text = getenv("SCALE");
	long percent = text ? atol(text) : 100;

	amount = amount * percent / 100;
	return amount ? amount : 1;
}

/* Run fn in a child; its wait status. A child must not end in the parent's stead. */
static inline int in_child(int (*fn)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(fn());
	waitpid(pid, &status, 0);
	return status;
}

static inline int exits(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static inline int dies(int status, int number)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == number;
}

/* xorshift64*: the same numbers everywhere. */
static uint64_t random_state = 88172645463325252ull;

static inline uint64_t next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 2685821657736338717ull;
}

#endif
