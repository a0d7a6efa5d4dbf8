/* SPDX-License-Identifier: BSD-2-Clause */
/* Code that changes: what executes is what was written last, however it was written;
 * and what is read of it by others is what the file has.
 */
#include "gates.h"
#include "test/userland/guest/check.h"

#include <fcntl.h>
#include <sys/time.h>

/* A page of NOPs with `mov $number, %eax; syscall; ret` at `offset`. */
#define STUB 8

struct code {
	int fd; /* of the file behind it, or -1 */
	uint8_t *page, *alias;
};

static void write_stub(uint8_t *page, size_t offset, uint32_t number)
{
	static const uint8_t stub[STUB] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};

	memset(page, 0x90, offset);
	memcpy(page + offset, stub, STUB);
	memcpy(page + offset + 1, &number, sizeof(number));
}

static long run(const uint8_t *page, size_t offset)
{
	return ((long (*)(void))(page + offset))();
}

static int all_are(const uint8_t *page, size_t offset, long result)
{
	for (int i = 0; i < HOT; i++)
		if (run(page, offset) != result)
			return NOTE("call %d is %ld, not %ld", i, run(page, offset), result);
	return 1;
}

/* A file of two pages, executable through `page` and writable through `alias`. */
static int map_code(struct code *code, int flags)
{
	code->fd = memfd_create("code", 0);
	if (code->fd < 0 || ftruncate(code->fd, 2 * PAGE))
		return 0;
	code->page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, flags, code->fd, 0);
	code->alias = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, code->fd, 0);
	return MUST(code->page != MAP_FAILED && code->alias != MAP_FAILED);
}

/* The file stays open: its frames are not the next one's. */
static void unmap_code(const struct code *code)
{
	munmap(code->page, 2 * PAGE);
	munmap(code->alias, 2 * PAGE);
}

/* uid and gid are 0 in the test's guest: results must differ for the test to tell. */
static long pid, parent;

/* A stub in mapped code, called until it is hot. A frame whose copy was dropped is left alone
 * for a while, and the kernel may give one that a process before had: other frames then. */
static int map_hot(struct code *code, int flags, size_t offset)
{
	for (int tries = 4;; unmap_code(code)) {
		if (!map_code(code, flags))
			return 0;
		write_stub(code->alias, offset, SYS_getpid);
		if (!all_are(code->page, offset, pid))
			return 0;
		if (patched(code->page + offset) || --tries == 0)
			return 1;
	}
}

static int dual_mapping(void)
{
	struct code code;
	int ok = map_hot(&code, MAP_SHARED, 100);

	tell("dual-mapping", code.page + 100);
	for (int i = 0; i < 4 && ok; i++) {
		code.alias[101] = SYS_getppid;
		ok = MUST(run(code.page, 100) == parent) && all_are(code.page, 100, parent);
		code.alias[101] = SYS_getpid;
		ok = ok && MUST(run(code.page, 100) == pid);
	}
	unmap_code(&code);
	return ok;
}

static int by_pwrite(int flags)
{
	const uint8_t number = SYS_getppid;
	struct code code;
	int ok = map_hot(&code, flags, 200);

	tell(flags == MAP_SHARED ? "pwrite-shared" : "pwrite-private", code.page + 200);
	ok = ok && MUST(pwrite(code.fd, &number, 1, 201) == 1) &&
	     MUST(run(code.page, 200) == parent) && all_are(code.page, 200, parent);
	unmap_code(&code);
	return ok;
}

/* Another process writes, in both ways, while this one sleeps with the page mapped. */
static int by_others(void)
{
	struct code code;
	int ok = map_code(&code, MAP_SHARED), go[2], done[2];
	uint8_t number;
	char byte = 0;

	if (!ok || pipe(go) || pipe(done))
		return 0;
	write_stub(code.alias, 300, SYS_getpid);
	if (fork() == 0) {
		close(go[1]);
		for (int i = 0; read(go[0], &byte, 1) == 1; i++) {
			number = i % 4 < 2 ? SYS_getppid : SYS_getpid;
			if (i & 1)
				code.alias[301] = number;
			else if (pwrite(code.fd, &number, 1, 301) != 1)
				_exit(1);
			if (write(done[1], &byte, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(go[0]);
	ok = all_are(code.page, 300, pid);
	for (int i = 0; i < 12 && ok; i++) {
		ok = MUST(write(go[1], &byte, 1) == 1) && MUST(read(done[0], &byte, 1) == 1) &&
		     all_are(code.page, 300, i % 4 < 2 ? parent : pid);
	}
	close(go[1]);
	wait(NULL);
	unmap_code(&code);
	return ok;
}

/* A just-in-time compiler that keeps W^X, and one that does not. The page stays, as above. */
static int jit(int flip)
{
	int writable = PROT_READ | PROT_WRITE, rights = flip ? writable : writable | PROT_EXEC,
	    ok = 1;
	uint8_t *page = mmap(NULL, PAGE, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 6 && ok; i++) {
		write_stub(page, 400, i & 1 ? SYS_getppid : SYS_getpid);
		if (flip)
			mprotect(page, PAGE, PROT_READ | PROT_EXEC);
		ok = all_are(page, 400, i & 1 ? parent : pid);
		if (flip)
			mprotect(page, PAGE, writable);
	}
	return ok;
}

/* Code that rewrites its own number before each call: mov %edi, 1(%rip, of the stub). */
static int self_modifying(void)
{
	static const uint8_t stub[] = {0x89, 0x3d, 1, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long (*call)(long) = (long (*)(long))(page + 500);
	int ok = 1;

	memset(page, 0x90, 500);
	memcpy(page + 500, stub, sizeof(stub));
	for (int i = 0; i < HOT && ok; i++)
		ok = MUST(call(SYS_getpid) == pid) && MUST(call(SYS_getppid) == parent);
	munmap(page, PAGE);
	return ok;
}

/* Window or system call across the end of a page, at every offset; a file for each, since a
 * page that was written is left alone. */
static int across(void)
{
	struct code code;
	int ok = 1;

	for (size_t offset = PAGE - 20; offset < PAGE + 12 && ok; offset++) {
		ok = map_hot(&code, MAP_SHARED, offset);
		if (offset == PAGE - STUB)
			tell("across-before", code.page + offset);
		if (offset == PAGE)
			tell("across-behind", code.page + offset);
		unmap_code(&code);
	}
	return ok;
}

/* The same page at two addresses: rcx tells which one was called. */
static int twice(void)
{
	struct code code;
	int ok = map_code(&code, MAP_SHARED);
	uint8_t *second = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, code.fd, 0);

	write_stub(code.alias, 600, SYS_getpid);
	for (int i = 0; i < 4 * HOT && ok; i++) {
		uint8_t *page = i % 3 ? code.page : second;
		long result, rcx;

		__asm__ volatile("call *%2"
				 : "=a"(result), "=c"(rcx)
				 : "r"(page + 600)
				 : "r11", "memory");
		ok = MUST(result == pid) && MUST(rcx == (long)page + 607);
	}
	munmap(code.page, PAGE);
	for (int i = 0; i < HOT && ok; i++) {
		long result, rcx;

		__asm__ volatile("call *%2"
				 : "=a"(result), "=c"(rcx)
				 : "r"(second + 600)
				 : "r11", "memory");
		ok = MUST(result == pid) && MUST(rcx == (long)second + 607);
	}
	munmap(code.alias, 2 * PAGE);
	return ok;
}

/* Moved within the process, with mremap, while hot. */
static int moved(void)
{
	struct code code;
	int ok = map_code(&code, MAP_SHARED);
	uint8_t *to = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	write_stub(code.alias, 700, SYS_getpid);
	ok = ok && all_are(code.page, 700, pid);
	code.page = mremap(code.page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE);
	ok = ok && MUST(code.page == to + PAGE) && all_are(code.page, 700, pid);
	ok = ok && MUST(mprotect(code.page, PAGE, PROT_READ) == 0) &&
	     MUST(code.page[700] == 0xb8) && MUST(code.page[705] == 0x0f);
	return ok;
}

/* What is in the file, and what a debugger reads, is what was written. */
static int read_back(void)
{
	struct code code;
	int ok = map_hot(&code, MAP_SHARED, 800), memory = open("/proc/self/mem", O_RDONLY);
	uint8_t file[STUB], mem[STUB];

	tell("read-back", code.page + 800);
	ok = ok && MUST(pread(code.fd, file, STUB, 800) == STUB) &&
	     MUST(pread(memory, mem, STUB, (off_t)(uintptr_t)code.page + 800) == STUB) &&
	     MUST(!memcmp(file, code.alias + 800, STUB)) && MUST(!memcmp(mem, file, STUB)) &&
	     MUST(file[0] == 0xb8 && file[1] == SYS_getpid && file[5] == 0x0f);
	close(memory);
	unmap_code(&code);
	return ok;
}

/* Where the gates keep pointers a program of root may map memory, by force. */
static int in_the_way(void)
{
	volatile uint64_t *page = mmap((void *)0x60000, 16 * PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	int ok = 1;

	if (page == MAP_FAILED)
		return 1; /* not root */
	for (size_t i = 0; i < 16 * PAGE / 8; i++)
		page[i] = i;
	for (int i = 0; i < HOT; i++)
		ok &= site_window() == pid;
	for (size_t i = 0; i < 16 * PAGE / 8 && ok; i++)
		ok = MUST(page[i] == i);
	munmap((void *)page, 16 * PAGE);
	for (int i = 0; i < HOT; i++)
		ok &= site_window() == pid;
	return MUST(ok);
}

/* More pages with hot sites than there are copies, sites, or counters. */
static int many(void)
{
	size_t pages = 1400;
	int fd = memfd_create("many", 0), ok = 1;
	uint8_t *code, *alias;

	if (ftruncate(fd, (off_t)(pages * PAGE)))
		return 0;
	code = mmap(NULL, pages * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	alias = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (size_t i = 0; i < pages; i++)
		write_stub(alias + i * PAGE, 900, SYS_getpid);
	for (size_t i = 0; i < pages && ok; i++)
		ok = all_are(code + i * PAGE, 900, pid);
	for (size_t i = 0; i < pages && ok; i += 7) {
		alias[i * PAGE + 901] = SYS_getppid;
		ok = MUST(run(code + i * PAGE, 900) == parent);
	}
	munmap(code, pages * PAGE);
	munmap(alias, pages * PAGE);
	close(fd);
	return ok;
}

int pages_checks(void)
{
	pid = getpid();
	parent = getppid();
	check("dual-mapping", dual_mapping());
	check("pwrite-shared", by_pwrite(MAP_SHARED));
	check("pwrite-private", by_pwrite(MAP_PRIVATE));
	check("others-write", by_others());
	check("jit", jit(1));
	check("jit-rwx", jit(0));
	check("self-modifying", self_modifying());
	check("across", across());
	check("twice", twice());
	check("moved", moved());
	check("read-back", read_back());
	check("in-the-way", in_the_way());
	check("many", many());
	return failures;
}
