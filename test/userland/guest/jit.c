/* SPDX-License-Identifier: BSD-2-Clause */
/* Code that programs make: written, made executable, run, changed, run again. */
#define _GNU_SOURCE
#include "check.h"

typedef int (*function)(void);

static void emit(unsigned char *at, uint32_t value)
{
	at[0] = 0xb8; /* mov $value, %eax; ret */
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

static int write_xor_execute(void)
{
	unsigned char *code =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ok = 1;

	for (uint32_t i = 0; i < 500; i++) {
		unsigned char *at = code + (i * 517) % (4 * PAGE - 6);

		mprotect(code, 4 * PAGE, PROT_READ | PROT_WRITE);
		emit(at, i);
		mprotect(code, 4 * PAGE, PROT_READ | PROT_EXEC);
		ok &= ((function)at)() == (int)i;
	}
	return ok;
}

static int writable_and_executable(void)
{
	unsigned char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ok = 1;

	for (uint32_t i = 0; i < 5000; i++) {
		emit(code, i);
		ok &= ((function)code)() == (int)i;
	}
	return ok;
}

/* Two views of the same memory: one to write, one to run. */
static int two_views(void)
{
	int fd = memfd_create("code", 0), ok = 1;
	unsigned char *write_at;
	function run_at;

	if (fd < 0 || ftruncate(fd, PAGE))
		return NOTE("memfd");
	write_at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	run_at = (function)mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	for (uint32_t i = 0; i < 5000; i++) {
		emit(write_at, i);
		ok &= run_at() == (int)i;
	}
	return ok;
}

/* Code with system calls in it, at every offset to the page's end, and over it. */
static int system_calls_anywhere(void)
{
	static const unsigned char getpid_code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
	unsigned char *code = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ok = 1;

	for (unsigned i = 0; i < 80; i++) {
		unsigned char *at = code + PAGE - 40 + i / 2;

		memcpy(at, getpid_code, sizeof(getpid_code));
		ok &= ((function)at)() == getpid();
	}
	return ok;
}

/* A fork's copy of the code is changed alone. */
static int after_fork(void)
{
	unsigned char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status, ok = 1;

	for (uint32_t i = 0; i < 20; i++) {
		emit(code, 1000 + i);
		pid_t pid = fork();

		if (pid == 0) {
			emit(code, 7);
			_exit(((function)code)());
		}
		waitpid(pid, &status, 0);
		ok &= exits(status, 7) && ((function)code)() == (int)(1000 + i);
	}
	return ok;
}

int main(void)
{
	check("jit-protect", write_xor_execute());
	check("jit-writable", writable_and_executable());
	check("jit-two-views", two_views());
	check("jit-system-calls", system_calls_anywhere());
	check("jit-fork", after_fork());
	return failures != 0;
}
