/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lmbench asks of a kernel, one operation per row: system calls, signals,
 * memory, pipes, files. Everything happens in the working directory, a tmpfs
 * on host and guest alike.
 */
#include "bench.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static int open_or_fail(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0)
		fail(path);
	return fd;
}

/* --- system calls ------------------------------------------------------------------ */

static void null_call(long n)
{
	while (n--)
		result = syscall(SYS_getppid);
}

/* Reads and writes of one byte in turn. */
static void null_io(long n)
{
	int zero = open_or_fail("/dev/zero", O_RDONLY), null = open_or_fail("/dev/null", O_WRONLY);
	char byte = 0;

	for (long i = 0; i < n; i++)
		if ((i & 1 ? write(null, &byte, 1) : read(zero, &byte, 1)) != 1)
			fail("null-io");
	close(zero);
	close(null);
}

static void stat_file(long n)
{
	struct stat st;

	while (n--)
		if (stat(SELF, &st))
			fail("stat");
}

static void open_close(long n)
{
	while (n--)
		close(open_or_fail(SELF, O_RDONLY));
}

static void create_delete(long n)
{
	while (n--) {
		close(open_or_fail("file", O_CREAT | O_EXCL | O_WRONLY));
		if (unlink("file"))
			fail("unlink");
	}
}

/* --- signals ------------------------------------------------------------------------ */

static volatile long caught, wanted;
static sigjmp_buf enough;

static void handler(int number)
{
	(void)number;
	caught++;
}

/* Returns to the instruction that faulted, which faults again, until it is enough
 * (once at least). */
static void fault_handler(int number)
{
	(void)number;
	if (++caught >= wanted)
		siglongjmp(enough, 1);
}

static void handle(int number, void (*function)(int))
{
	struct sigaction action = {.sa_handler = function};

	if (sigaction(number, &action, NULL))
		fail("sigaction");
}

static void signal_install(long n)
{
	while (n--)
		handle(SIGUSR1, handler);
}

static void signal_handler(long n)
{
	pid_t self = getpid();

	handle(SIGUSR1, handler);
	caught = 0;
	for (long i = 0; i < n; i++)
		kill(self, SIGUSR1);
	if (caught != n)
		fail("signal");
}

static void count_faults(long n, int number)
{
	caught = 0;
	wanted = n;
	handle(number, fault_handler);
}

static void protection_fault(long n)
{
	char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		fail("mmap");
	result = *page;
	count_faults(n, SIGSEGV);
	if (sigsetjmp(enough, 1) == 0)
		*(volatile char *)page = 1;
	handle(SIGSEGV, SIG_DFL);
	munmap(page, PAGE);
}

static void divide_by_zero(long n)
{
	count_faults(n, SIGFPE);
	if (sigsetjmp(enough, 1) == 0)
		__asm__ volatile("cltd; idivl %0" ::"r"(0), "a"(1) : "edx", "cc");
	handle(SIGFPE, SIG_DFL);
}

/* --- memory ------------------------------------------------------------------------- */

/* 1 MiB at a time, without huge pages: the guests have none. */
static void page_fault(long n)
{
	const long chunk = 256;

	while (n > 0) {
		long pages = n < chunk ? n : chunk;
		char *p = mmap(NULL, chunk * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			fail("mmap");
		madvise(p, chunk * PAGE, MADV_NOHUGEPAGE);
		for (long i = 0; i < pages; i++)
			*(volatile char *)(p + i * PAGE) = 1;
		munmap(p, chunk * PAGE);
		n -= pages;
	}
}

/* Protect a page, give it back, write to it. */
static void ptemod(long n)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		fail("mmap");
	*(volatile char *)page = 1;
	while (n--) {
		if (mprotect(page, PAGE, PROT_READ) || mprotect(page, PAGE, PROT_READ | PROT_WRITE))
			fail("mprotect");
		*(volatile char *)page = 1;
	}
	munmap(page, PAGE);
}

/* --- pipes -------------------------------------------------------------------------- */

static void pass_byte(int in, int out)
{
	char byte = 0;

	if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
		fail("pipe");
}

static void pipe_to_self(long n)
{
	int fds[2];

	if (pipe(fds))
		fail("pipe");
	while (n--)
		pass_byte(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void answer(int in, int out)
{
	char byte;

	while (read(in, &byte, 1) == 1)
		if (write(out, &byte, 1) != 1)
			_exit(1);
	_exit(0);
}

/* To another process and back: two context switches. */
static void context_switch(long n)
{
	int there[2], back[2];
	pid_t pid;

	if (pipe(there) || pipe(back))
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		close(there[1]);
		answer(there[0], back[1]);
	}
	while (n--)
		pass_byte(back[0], there[1]);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	waitpid(pid, NULL, 0);
}

const struct row kernel_rows[] = {
	{"null-call", null_call},
	{"null-io", null_io},
	{"stat", stat_file},
	{"open-close", open_close},
	{"signal-install", signal_install},
	{"signal-handler", signal_handler},
	{"protection-fault", protection_fault},
	{"divide-by-zero", divide_by_zero},
	{"page-fault", page_fault},
	{"ptemod", ptemod},
	{"pipe", pipe_to_self},
	{"context-switch", context_switch},
	{"create-delete", create_delete},
	{0},
};
