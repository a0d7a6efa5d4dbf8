/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmark rows after lmbench's. A row runs its operation a fixed number of
 * times, several rounds; the cheapest round counts, which leaves out what the
 * timer interrupt adds to the others.
 */
#include "init.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9

static int fds[2], back[2];
static uint32_t sum; /* what the rows computed: part of their result lines */
static char byte;

static void note(long value)
{
	int32_t v = (int32_t)value;

	sum = checksum(sum, &v, sizeof(v));
}

/* No kernel at all: padding must not show here. */
static void row_compute(int n)
{
	volatile uint32_t x = 1;

	for (int i = 0; i < n; i++)
		x = x * 1103515245u + 12345u;
	note(x);
}

static void row_null_syscall(int n)
{
	while (n--)
		note(syscall(SYS_getppid));
}

static void row_read_zero(int n)
{
	int fd = open("/dev/zero", O_RDONLY);

	while (n--)
		note(read(fd, &byte, 1));
	close(fd);
}

static void row_stat(int n)
{
	struct stat st;

	while (n--)
		note(stat("/proc/self", &st));
}

static void row_open_close(int n)
{
	while (n--)
		note(close(open("/dev/null", O_RDONLY)));
}

static void row_pipe(int n)
{
	while (n--) {
		note(write(fds[1], "x", 1));
		note(read(fds[0], &byte, 1));
	}
}

static void ignore_signal(int number)
{
	(void)number;
}

static void row_signal(int n)
{
	signal(SIGUSR1, ignore_signal);
	while (n--)
		note(raise(SIGUSR1));
}

static char *fault_page;

static void on_fault(int number)
{
	(void)number;
	mprotect(fault_page, 4096, PROT_READ | PROT_WRITE);
}

static void row_protection_fault(int n)
{
	fault_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	signal(SIGSEGV, on_fault);
	while (n--) {
		*(volatile char *)fault_page = (char)n;
		note(mprotect(fault_page, 4096, PROT_NONE));
	}
	signal(SIGSEGV, SIG_DFL);
	munmap(fault_page, 4096);
}

static void row_page_fault(int n)
{
	size_t size = (size_t)n * 4096;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < n; i++)
		*(volatile char *)(p + (size_t)i * 4096) = 1;
	note(munmap(p, size));
}

static void row_fork_wait(int n)
{
	int status = -1;

	while (n--) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(7);
		waitpid(pid, &status, 0);
		note(status);
	}
}

static void row_exec(int n)
{
	static char *const argv[] = {"init", "--exit", NULL};
	int status = -1;

	while (n--) {
		pid_t pid = vfork();

		if (pid == 0) {
			execv("/init", argv);
			_exit(126);
		}
		waitpid(pid, &status, 0);
		note(status);
	}
}

/* A process answers each byte: two context switches per operation. */
static void row_context_switch(int n)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < n; i++)
			if (read(fds[0], &byte, 1) != 1 || write(back[1], "y", 1) != 1)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < n; i++) {
		note(write(fds[1], "x", 1));
		note(read(back[0], &byte, 1));
	}
	waitpid(pid, NULL, 0);
}

/* Programs a timer, sleeps in hlt and wakes by interrupt: mostly waiting. */
static void row_sleep(int n)
{
	struct timespec short_time = {.tv_nsec = 100000};

	while (n--)
		note(clock_nanosleep(CLOCK_MONOTONIC, 0, &short_time, NULL));
}

static void row_files(int n)
{
	while (n--) {
		int fd = open("/tmp/f", O_CREAT | O_RDWR, 0600);

		note(write(fd, "data", 4));
		close(fd);
		note(unlink("/tmp/f"));
	}
}

static void row_port_io(int n)
{
	if (iopl(3))
		return;
	while (n--)
		outb(0, 0x80);
	note(1);
}

/* Most of a real load is user code: words made, piped, counted and filed. */
static void make_words(int n)
{
	static char block[4096];
	uint32_t x = 1;

	for (int i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(block); k++) {
			x = x * 1664525u + 1013904223u;
			block[k] = "etaoin shrdlu\n"[(x >> 24) % 14];
		}
		if (write(fds[1], block, sizeof(block)) != sizeof(block))
			_exit(1);
	}
	_exit(0);
}

static void row_pipeline(int n)
{
	static char block[4096];
	long words = 0, left = n * (long)sizeof(block);
	int file = open("/tmp/words", O_CREAT | O_RDWR | O_TRUNC, 0600);
	pid_t pid = fork();

	if (pid == 0)
		make_words(n);
	while (left > 0) {
		ssize_t got = read(fds[0], block, sizeof(block));

		if (got <= 0 || write(file, block, (size_t)got) != got)
			break;
		for (ssize_t k = 0; k < got; k++)
			words += block[k] == ' ' || block[k] == '\n';
		sum = checksum(sum, block, (size_t)got);
		left -= got;
	}
	waitpid(pid, NULL, 0);
	close(file);
	note(words);
	note(left);
}

struct row {
	const char *name;
	void (*fn)(int n);
	int n; /* operations per round, a few million instructions at most */
};

static const struct row rows[] = {
	{"compute", row_compute, 100000},
	{"null-syscall", row_null_syscall, 2000},
	{"read-zero", row_read_zero, 1000},
	{"stat", row_stat, 500},
	{"open-close", row_open_close, 500},
	{"pipe", row_pipe, 500},
	{"signal", row_signal, 500},
	{"protection-fault", row_protection_fault, 200},
	{"page-fault", row_page_fault, 400},
	{"context-switch", row_context_switch, 200},
	{"fork-wait", row_fork_wait, 20},
	{"exec", row_exec, 20},
	{"file-create-delete", row_files, 200},
	{"port-io", row_port_io, 2000},
	{"pipeline", row_pipeline, 32},
	{"sleep", row_sleep, 20},
};

/* The cheapest round; *total grows by all of them. */
static uint64_t run_row(const struct row *row, uint64_t *total)
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = instructions();

		row->fn(row->n);
		uint64_t spent = instructions() - start;

		*total += spent;
		if (spent < best)
			best = spent;
	}
	return best;
}

static void report_row(const struct row *row, uint64_t best)
{
	printf("bench: %s %llu\n", row->name, (unsigned long long)best);
	printf("result: row %s rounds %d operations %d checksum %08x\n", row->name, ROUNDS, row->n,
	       sum);
}

int run_bench(void)
{
	uint64_t total = 0, waiting = 0;

	if (pipe(fds) || pipe(back))
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sum = CHECKSUM_START;
		report_row(&rows[i],
			   run_row(&rows[i], rows[i].fn == row_sleep ? &waiting : &total));
	}
	/* Interrupts of the rounds included, but not the time the sleep row waited. */
	printf("bench: all-rows %llu\n", (unsigned long long)total);
	return 0;
}
