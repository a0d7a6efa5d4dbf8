/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way to have WRPKRU or XRSTOR in memory that may be executed. */
#define _GNU_SOURCE
#include "attacks.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW  (PROT_READ | PROT_WRITE)
#define RX  (PROT_READ | PROT_EXEC)
#define RWX (RW | PROT_EXEC)
#define RET 0xc3

static uint8_t area[4096] __attribute__((aligned(64))); /* for xrstor: all zeros */

static void *pages(size_t count, int protection, int flags, int fd)
{
	void *at =
		mmap(NULL, count * PAGE, protection, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (at == MAP_FAILED)
		unable("mmap");
	return at;
}

static int file(size_t count)
{
	int fd = memfd_create("code", 0);

	if (fd < 0 || ftruncate(fd, (off_t)(count * PAGE)))
		unable("memfd");
	return fd;
}

static void put(void *at)
{
	memcpy(at, gadget_code, (size_t)(gadget_code_end - gadget_code));
}

static void call(const void *at)
{
	((gadget *)(uintptr_t)at)(area);
}

/* The gadget itself: what are the rights behind it? A signal of the host's in between
 * would put them right. */
static void fire(const void *at)
{
	for (int i = 0; i < 5; i++)
		judge_rights(((gadget *)(uintptr_t)at)(area));
}

/* A page that was looked at when it was harmless. */
static void *looked_at(void *at)
{
	*(volatile uint8_t *)at = RET;
	call(at);
	return at;
}

static void protect(void *at, size_t count, int protection)
{
	if (mprotect(at, count * PAGE, protection))
		unable("mprotect");
}

/* --- in the program -------------------------------------------------------------------- */

static void in_text(void)
{
	fire((void *)gadget_text);
}

static void in_immediate(void)
{
	fire((void *)gadget_immediate);
}

static void restore_in_text(void)
{
	fire((void *)restore_text);
}

/* --- made at run time -------------------------------------------------------------------- */

static void jit(void)
{
	void *at = pages(1, RW, MAP_PRIVATE, -1);

	put(at);
	protect(at, 1, RX);
	fire(at);
}

static void jit_again(void)
{
	void *at = looked_at(pages(1, RWX, MAP_PRIVATE, -1));

	protect(at, 1, RX);
	call(at);
	protect(at, 1, RW);
	put(at);
	protect(at, 1, RX);
	fire(at);
}

static void writable_and_executable(void)
{
	void *at = looked_at(pages(1, RWX, MAP_PRIVATE, -1));

	put(at);
	fire(at);
}

static void restore_jit(void)
{
	void *at = pages(1, RWX, MAP_PRIVATE, -1);

	memcpy(at, restore_code, (size_t)(restore_code_end - restore_code));
	fire(at);
}

static void on_stack(void)
{
	uint8_t room[2 * PAGE];
	void *at = (void *)(((uintptr_t)room + PAGE - 1) & ~(uintptr_t)(PAGE - 1));

	put(at);
	protect(at, 1, RWX);
	fire(at);
}

static void two_views(void)
{
	int fd = file(1);
	void *writable = pages(1, RW, MAP_SHARED, fd), *executable = pages(1, RX, MAP_SHARED, fd);

	*(uint8_t *)writable = RET;
	call(executable);
	put(writable);
	fire(executable);
}

static void written_file(void)
{
	int fd = file(1);
	void *executable = pages(1, RX, MAP_SHARED, fd);

	if (pwrite(fd, "\xc3", 1, 0) != 1)
		unable("pwrite");
	call(executable);
	if (pwrite(fd, gadget_code, (size_t)(gadget_code_end - gadget_code), 0) < 0)
		unable("pwrite");
	fire(executable);
}

static void read_into(void)
{
	void *at = looked_at(pages(1, RWX, MAP_PRIVATE, -1));
	int fds[2];

	if (pipe(fds) || write(fds[1], gadget_code, 32) != 32 || read(fds[0], at, 32) != 32)
		unable("pipe");
	fire(at);
}

static void proc_mem(void)
{
	void *at = looked_at(pages(1, RWX, MAP_PRIVATE, -1));
	int fd = open("/proc/self/mem", O_RDWR);

	protect(at, 1, RX);
	call(at);
	if (fd < 0 || pwrite(fd, gadget_code, 32, (off_t)(uintptr_t)at) != 32)
		unable("/proc/self/mem");
	fire(at);
}

/* A child writes into what this process executes. */
static void let_child(void (*write_it)(void *, pid_t), void *at)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		write_it(at, parent);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	fire(at);
}

static void child_writes(void *at, pid_t parent)
{
	(void)parent;
	put(at);
}

static void shared_with_child(void)
{
	let_child(child_writes, looked_at(pages(1, RWX, MAP_SHARED, -1)));
}

static void child_writes_remotely(void *at, pid_t parent)
{
	struct iovec from = {(void *)(uintptr_t)gadget_code, 32}, to = {at, 32};

	if (process_vm_writev(parent, &from, 1, &to, 1, 0) != 32)
		unable("process_vm_writev");
}

static void remote_write(void)
{
	let_child(child_writes_remotely, looked_at(pages(1, RWX, MAP_PRIVATE, -1)));
}

/* A debugger puts it into what it traces, twice: the first writing copies the page. */
static void traced(void)
{
	void *at = pages(1, RX, MAP_PRIVATE, -1);
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		for (int i = 0; i < 2; i++) {
			raise(SIGSTOP);
			call(at);
		}
		raise(SIGSTOP);
		fire(at);
		verdict();
	}
	for (int i = 0; i < 3; i++) {
		static const long first = RET;

		waitpid(pid, &status, 0);
		for (long word = 0; word < 4; word++)
			ptrace(PTRACE_POKETEXT, pid, (char *)at + 8 * word,
			       i < 2 ? (void *)first
				     : ((void *const *)(const void *)gadget_code)[word]);
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 10);
}

/* --- two pages ------------------------------------------------------------------------------ */

/* The gadget with `head` of its three bytes in the first page. */
static uint8_t *split(int fd, unsigned head)
{
	uint8_t *at = pages(2, RW, MAP_SHARED, fd), *start = at + PAGE - 6 - head;

	put(start);
	at[0] = RET;
	at[PAGE + 64] = RET;
	return start;
}

static void across(unsigned head, bool first, bool second)
{
	int fd = file(2);
	uint8_t *start = split(fd, head), *at = pages(2, RX, MAP_SHARED, fd);

	if (first)
		call(at);
	if (second)
		call(at + PAGE + 64);
	if (first && !second)
		call(at + PAGE + 64);
	munmap((void *)((uintptr_t)start & ~(uintptr_t)(PAGE - 1)), 2 * PAGE);
	fire(at + PAGE - 6 - head);
}

static void across_2(void)
{
	across(2, false, false);
}

static void across_1(void)
{
	across(1, false, false);
}

static void across_first_known(void)
{
	across(2, true, false);
}

static void across_second_known(void)
{
	across(1, false, true);
}

/* Both halves are known as harmless at other places, then become neighbours. */
static void moved_together(void)
{
	int fd = file(2);
	uint8_t *start = split(fd, 2), *room = pages(4, PROT_NONE, MAP_PRIVATE, -1);
	uint8_t *one = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
	uint8_t *two = mmap(NULL, PAGE, RX, MAP_SHARED, fd, PAGE);

	(void)start;
	call(one);
	call(two + 64);
	if (mremap(two, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + PAGE) == MAP_FAILED ||
	    mremap(one, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room) == MAP_FAILED)
		unable("mremap");
	call(room + PAGE + 64);
	call(room);
	fire(room + PAGE - 8);
}

/* Over the end of a page, without its second half's first byte, which is returned; and both
 * pages were executed. */
static uint8_t put_harmless(uint8_t *writable, const uint8_t *at)
{
	uint8_t keep;

	put(writable + PAGE - 8);
	keep = writable[PAGE];
	writable[0] = writable[PAGE + 64] = RET;
	writable[PAGE] = 0x90;
	call(at);
	call(at + PAGE + 64);
	return keep;
}

/* The second half changes after both were looked at side by side. */
static void second_half_later(void)
{
	int fd = file(2);
	uint8_t *writable = pages(2, RW, MAP_SHARED, fd), *at = pages(2, RX, MAP_SHARED, fd);
	uint8_t keep;

	keep = put_harmless(writable, at);
	writable[PAGE] = keep;
	fire(at + PAGE - 8);
}

/* The same while this process waits: another one changes the second half, and executes it
 * where it has no neighbour, and is as harmless as before. */
static void second_half_elsewhere(void)
{
	int fd = file(2);
	uint8_t *writable = pages(2, RW, MAP_SHARED, fd), *at = pages(2, RX, MAP_SHARED, fd);
	uint8_t keep;
	pid_t pid;

	keep = put_harmless(writable, at);
	pid = fork();
	if (pid == 0) {
		writable[PAGE] = keep;
		call((uint8_t *)mmap(NULL, PAGE, RX, MAP_SHARED, fd, PAGE) + 64);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	fire(at + PAGE - 8);
}

/* Another page, where an innocent one was executed. */
static void replaced(void)
{
	void *at = looked_at(pages(1, RWX, MAP_PRIVATE, -1)),
	     *other = pages(1, RW, MAP_PRIVATE, -1);

	put(other);
	if (mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at)
		unable("mremap");
	protect(at, 1, RX);
	fire(at);
}

const struct attack gadgets[] = {
	{"text", in_text},
	{"immediate", in_immediate},
	{"restore-text", restore_in_text},
	{"jit", jit},
	{"jit-again", jit_again},
	{"writable-and-executable", writable_and_executable},
	{"restore-jit", restore_jit},
	{"stack", on_stack},
	{"two-views", two_views},
	{"written-file", written_file},
	{"read-into", read_into},
	{"proc-mem", proc_mem},
	{"shared-with-child", shared_with_child},
	{"remote-write", remote_write},
	{"traced", traced},
	{"across-2", across_2},
	{"across-1", across_1},
	{"across-first-known", across_first_known},
	{"across-second-known", across_second_known},
	{"moved-together", moved_together},
	{"second-half-later", second_half_later},
	{"second-half-elsewhere", second_half_elsewhere},
	{"replaced", replaced},
};
const size_t gadget_count = sizeof(gadgets) / sizeof(gadgets[0]);
