/* SPDX-License-Identifier: BSD-2-Clause */
/* What must go on working beside all that is forbidden. */
#define _GNU_SOURCE
#include "attacks.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *name, bool ok)
{
	printf("result: works %s %s\n", name, ok ? "ok" : "FAILED");
	fflush(stdout);
}

/* The same code in the page of the gadgets, where it takes step by step, and elsewhere. */
static bool in_steps(void)
{
	for (int i = 0; i < 20; i++) {
		uint8_t one[64] = {0}, other[64] = {0};

		if (exercise_here(one) != exercise_there(other) || memcmp(one, other, 64))
			return false;
	}
	return neighbour(41) == 42;
}

/* Code that keeps its data in its own page. */
static bool writes_to_itself(void)
{
	static const uint8_t code[] = {
		0xff, 0x05, 0x7a, 0x00, 0x00, 0x00, /* incl 0x7a(%rip) */
		0x8b, 0x05, 0x74, 0x00, 0x00, 0x00, /* movl 0x74(%rip), %eax */
		0xc3,				    /* ret */
	};
	uint8_t *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(at, code, sizeof(code));
	for (int i = 1; i < 200; i++)
		if (((int (*)(void))(uintptr_t)at)() != i)
			return false;
	return true;
}

/* The same through another view, in which nothing is executable. */
static bool writes_to_itself_elsewhere(void)
{
	static const uint8_t code[] = {
		0xff, 0x07, /* incl (%rdi) */
		0x8b, 0x07, /* movl (%rdi), %eax */
		0xc3,	    /* ret */
	};
	int fd = memfd_create("code", 0);
	uint8_t *writable, *at;

	if (ftruncate(fd, PAGE))
		return false;
	writable = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	at = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	memcpy(writable, code, sizeof(code));
	for (int i = 1; i < 200; i++)
		if (((int (*)(void *))(uintptr_t)at)(writable + 512) != i)
			return false;
	return true;
}

/* Many pages of code that follow one another, each made and changed by itself. */
static bool changes_often(void)
{
	uint8_t *at = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (uint32_t i = 0; i < 300; i++) {
		uint8_t *here = at + (i * 2049) % (16 * PAGE - 6);

		here[0] = 0xb8; /* movl $i, %eax; ret */
		memcpy(here + 1, &i, 4);
		here[5] = 0xc3;
		if (((uint32_t(*)(void))(uintptr_t)here)() != i)
			return false;
	}
	return true;
}

/* A program of the userland test, with its own lines of results. */
static void program(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(path, path, NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

void try_works(void)
{
	say("in-steps", in_steps());
	say("writes-to-itself", writes_to_itself());
	say("writes-to-itself-elsewhere", writes_to_itself_elsewhere());
	say("changes-often", changes_often());
	say("gate-of-comparison", gate_of_comparison());
	program("/jit");
	program("/trace");
}
