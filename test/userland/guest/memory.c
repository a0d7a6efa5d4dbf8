/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces: random operations against a model, copy on write, files in memory. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <setjmp.h>

/* --- a region under random operations -------------------------------------------------- */

#define PAGES 256

/* What the model knows of each page: where it is readable its first and last word. */
static struct {
	int mapped, protection;
	uint64_t value;
} model[PAGES];

static char *region;
static sigjmp_buf back;

static void on_fault(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static int readable(volatile uint64_t *word)
{
	if (sigsetjmp(back, 1))
		return 0;
	(void)*word;
	return 1;
}

static int writable(volatile uint64_t *word)
{
	if (sigsetjmp(back, 1))
		return 0;
	*word = *word;
	return 1;
}

static volatile uint64_t *first(unsigned page)
{
	return (uint64_t *)(region + page * PAGE);
}

static volatile uint64_t *last(unsigned page)
{
	return first(page) + PAGE / 8 - 1;
}

static int verify(unsigned page)
{
	int may_read = model[page].mapped && model[page].protection & PROT_READ;
	int may_write = may_read && model[page].protection & PROT_WRITE;

	if (readable(first(page)) != may_read || readable(last(page)) != may_read)
		return NOTE("page %u: readable is not %d", page, may_read);
	if (may_read && (*first(page) != model[page].value || *last(page) != model[page].value))
		return NOTE("page %u: %lx %lx, not %lx", page, *first(page), *last(page),
			    model[page].value);
	if (may_read && writable(last(page)) != may_write)
		return NOTE("page %u: writable is not %d", page, may_write);
	return 1;
}

static int verify_all(void)
{
	int ok = 1;

	for (unsigned page = 0; page < PAGES; page++)
		ok &= verify(page);
	return ok;
}

static void set(unsigned from, unsigned n, int mapped, int protection)
{
	for (unsigned page = from; page < from + n; page++) {
		model[page].mapped = mapped;
		model[page].protection = protection;
		model[page].value = 0;
	}
}

static int do_map(unsigned from, unsigned n)
{
	int rw = PROT_READ | PROT_WRITE;

	set(from, n, 1, rw);
	return MUST(mmap(region + from * PAGE, n * PAGE, rw,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
}

static int do_unmap(unsigned from, unsigned n)
{
	set(from, n, 0, 0);
	return MUST(munmap(region + from * PAGE, n * PAGE) == 0);
}

static int all_mapped(unsigned from, unsigned n)
{
	for (unsigned page = from; page < from + n; page++)
		if (!model[page].mapped)
			return 0;
	return 1;
}

static int do_protect(unsigned from, unsigned n)
{
	static const int kinds[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_EXEC};
	int protection = kinds[next_random() % COUNT(kinds)];

	if (!all_mapped(from, n))
		return 1;
	for (unsigned page = from; page < from + n; page++)
		model[page].protection = protection;
	return MUST(mprotect(region + from * PAGE, n * PAGE, protection) == 0);
}

static int do_write(unsigned from, unsigned n)
{
	for (unsigned page = from; page < from + n; page++) {
		if (!model[page].mapped || !(model[page].protection & PROT_WRITE))
			continue;
		model[page].value = next_random();
		*first(page) = model[page].value;
		*last(page) = model[page].value;
	}
	return 1;
}

static int do_forget(unsigned from, unsigned n)
{
	if (!all_mapped(from, n))
		return 1;
	for (unsigned page = from; page < from + n; page++)
		model[page].value = 0;
	return MUST(madvise(region + from * PAGE, n * PAGE, MADV_DONTNEED) == 0);
}

/* Move a run of pages to another place; EFAULT if they are more than one mapping. */
static int do_move(unsigned from, unsigned n)
{
	unsigned to = (unsigned)(next_random() % (PAGES - n + 1));

	if (!all_mapped(from, n) || (to < from + n && from < to + n))
		return 1;
	for (unsigned i = 1; i < n; i++) /* mremap wants one mapping */
		if (model[from + i].protection != model[from].protection)
			return 1;
	if (!do_unmap(to, n)) /* kernels differ in whether a failed mremap has done it */
		return 0;
	if (mremap(region + from * PAGE, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   region + to * PAGE) == MAP_FAILED)
		return errno == EFAULT ? 1 : NOTE("mremap: errno %d", errno);
	for (unsigned i = 0; i < n; i++)
		model[to + i] = model[from + i];
	set(from, n, 0, 0);
	return 1;
}

/* The other process sees the same, and what it writes is not seen here. */
static int do_fork(unsigned from, unsigned n)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int ok = verify_all();

		do_write(from, n);
		do_protect(from, n);
		do_write(0, PAGES / 2);
		_exit(!(ok && verify_all()));
	}
	/* meanwhile write here */
	do_write(from, n);
	waitpid(pid, &status, 0);
	return exits(status, 0) ? 1 : NOTE("child's status %x", status);
}

static int resident(unsigned from, unsigned n)
{
	unsigned char vector[PAGES];

	for (unsigned page = from; page < from + n; page++)
		if (!model[page].mapped)
			return mincore(region + from * PAGE, n * PAGE, vector) < 0 &&
			       errno == ENOMEM;
	if (mincore(region + from * PAGE, n * PAGE, vector))
		return NOTE("mincore: errno %d", errno);
	for (unsigned i = 0; i < n; i++)
		if (model[from + i].value && !(vector[i] & 1))
			return NOTE("page %u is not resident", from + i);
	return 1;
}

static int random_operations(void)
{
	static int (*const operations[])(unsigned, unsigned) = {
		do_map,	  do_unmap,  do_protect, do_protect, do_write, do_write,
		do_write, do_forget, do_move,	 do_move,    resident,
	};
	long rounds = scaled(8000);
	int ok = 1;

	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	region = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(region, PAGES * PAGE);
	do_map(0, PAGES);
	for (long i = 0; ok && i < rounds; i++) {
		unsigned from = (unsigned)(next_random() % PAGES);
		unsigned n = 1 + (unsigned)(next_random() % 24);
		unsigned which = (unsigned)(next_random() % COUNT(operations));

		if (n > PAGES - from)
			n = PAGES - from;
		ok &= operations[which](from, n);
		ok &= verify(from) & verify(from + n - 1);
		if (i % 64 == 0)
			ok &= verify_all();
		if (i % 256 == 0)
			ok &= do_fork(from, n) && verify_all();
		if (!ok)
			NOTE("operation %ld: %u on %u pages from %u", i, which, n, from);
	}
	ok = ok && verify_all();
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	return ok;
}

/* --- copy on write -------------------------------------------------------------------- */

#define COW_PAGES 4096

static int cow(void)
{
	uint64_t *memory = mmap(NULL, COW_PAGES * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ok = 1, status;
	pid_t pids[4];

#define WORD(i) memory[(i) * (PAGE / 8) + ((i)*37) % 512]
	for (uint64_t i = 0; i < COW_PAGES; i++)
		WORD(i) = i * 3;
	for (uint64_t child = 0; child < 4; child++) {
		pids[child] = fork();
		if (pids[child] == 0) {
			for (int round = 0; round < 3; round++) {
				for (uint64_t i = child; i < COW_PAGES; i += child + 1)
					WORD(i) += child + 1;
				usleep(100);
			}
			for (uint64_t i = 0; i < COW_PAGES; i++) {
				uint64_t mine = i >= child && (i - child) % (child + 1) == 0;

				if (WORD(i) != i * 3 + mine * 3 * (child + 1))
					_exit(1);
			}
			_exit(0);
		}
	}
	for (uint64_t i = 0; i < COW_PAGES; i++)
		WORD(i) += 1000000;
	for (int child = 0; child < 4; child++) {
		waitpid(pids[child], &status, 0);
		ok &= exits(status, 0) ? 1 : NOTE("child %d: %x", child, status);
	}
	for (uint64_t i = 0; i < COW_PAGES; i++)
		ok &= WORD(i) == i * 3 + 1000000;
	munmap(memory, COW_PAGES * PAGE);
	return ok;
}

/* The page of zeros is not written by anybody. */
static int zero_page(void)
{
	volatile char *a =
		mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ok = 1;

	for (unsigned i = 0; i < 64; i++)
		ok &= a[i * PAGE + 9] == 0;
	for (unsigned i = 0; i < 64; i += 2)
		a[i * PAGE + 9] = 1;
	for (unsigned i = 0; i < 64; i++)
		ok &= a[i * PAGE + 9] == (i % 2 == 0);
	return ok;
}

/* The kernel writes into a page that the program has only read: read() into it. */
static int kernel_writes(void)
{
	int pipes[2], ok = 1;
	char *page =
		mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pipe(pipes))
		return 0;
	for (unsigned i = 0; i < 32; i++) {
		volatile char *at = page + i * PAGE;
		char sent = (char)(i + 1);

		ok &= *at == 0;
		if (i % 2 && fork() == 0) {
			usleep(1000);
			_exit(0);
		}
		ok &= write(pipes[1], &sent, 1) == 1 && read(pipes[0], page + i * PAGE, 1) == 1;
		ok &= *at == sent;
		if (i % 2)
			wait(NULL);
		/* and faults on what it may not */
		mprotect(page + i * PAGE, PAGE, PROT_READ);
		ok &= write(pipes[1], &sent, 1) == 1 &&
		      MUST(read(pipes[0], page + i * PAGE, 1) < 0 && errno == EFAULT);
		mprotect(page + i * PAGE, PAGE, PROT_NONE);
		ok &= MUST(write(pipes[1], page + i * PAGE, 1) < 0 && errno == EFAULT);
		munmap(page + i * PAGE, PAGE);
		ok &= MUST(write(pipes[1], page + i * PAGE, 1) < 0 && errno == EFAULT);
		if (read(pipes[0], &sent, 1) != 1) /* a failed read took nothing */
			ok = 0;
	}
	return ok;
}

/* --- files ---------------------------------------------------------------------------- */

static int files(void)
{
	char name[] = "/tmp/memoryXXXXXX", byte;
	int fd = mkstemp(name), ok = 1;
	volatile char *shared[2], *private_;

	unlink(name);
	if (ftruncate(fd, 64 * PAGE))
		return NOTE("ftruncate");
	for (int i = 0; i < 2; i++)
		shared[i] = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private_ = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	for (unsigned i = 0; i < 64; i++) {
		char value = (char)(i + 1);

		shared[0][i * PAGE] = value;
		ok &= shared[1][i * PAGE] == value && private_[i * PAGE] == value;
		ok &= pread(fd, &byte, 1, i * PAGE) == 1 && byte == value;
		private_[i * PAGE] = (char)(value + 100);
		ok &= shared[0][i * PAGE] == value && private_[i * PAGE] == (char)(value + 100);
		byte = (char)(value + 50);
		ok &= pwrite(fd, &byte, 1, i * PAGE) == 1 && shared[1][i * PAGE] == byte;
		ok &= private_[i * PAGE] == (char)(value + 100);
		if (fork() == 0) {
			shared[1][i * PAGE + 1] = value;
			private_[i * PAGE + 1] = value;
			_exit(0);
		}
		wait(NULL);
		ok &= MUST(shared[0][i * PAGE + 1] == value && private_[i * PAGE + 1] == 0);
	}
	ok &= MUST(msync((void *)shared[0], 64 * PAGE, MS_SYNC) == 0);
	/* shorter, longer: zeros */
	ok &= MUST(ftruncate(fd, 10 * PAGE) == 0 && ftruncate(fd, 64 * PAGE) == 0);
	ok &= MUST(shared[0][20 * PAGE] == 0 && shared[1][20 * PAGE + 1] == 0 &&
		   shared[0][9 * PAGE] == 60);
	close(fd);
	return ok;
}

/* The same file page at many addresses. */
static int aliases(void)
{
	int fd = memfd_create("aliases", 0), ok = 1;
	volatile uint64_t *at[200];

	if (fd < 0 || ftruncate(fd, PAGE))
		return NOTE("memfd");
	for (unsigned i = 0; i < COUNT(at); i++)
		at[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t value = next_random();

		*at[value % COUNT(at)] = value;
		ok &= *at[(value >> 20) % COUNT(at)] == value;
	}
	close(fd);
	return ok;
}

/* Many pages with holes between, of different rights. */
static int scattered(void)
{
	unsigned n = (unsigned)scaled(20000);
	char *memory = mmap(NULL, n * 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int ok = 1;

	for (unsigned i = 0; i < n; i++)
		*(unsigned *)(memory + 2 * i * PAGE) = i;
	for (unsigned i = 0; i < n; i += 3)
		if (mprotect(memory + 2 * i * PAGE, PAGE, PROT_READ))
			break; /* the guest's own limit of mappings */
	for (unsigned i = 0; i < n; i++)
		ok &= *(unsigned *)(memory + 2 * i * PAGE) == i;
	munmap(memory, n * 2 * PAGE);
	return ok;
}

static int break_grows(void)
{
	char *start = sbrk(0), *at;
	int ok = 1;

	for (int i = 0; i < 200; i++) {
		at = sbrk(3 * (long)PAGE + 16);
		at[5] = (char)i;
		ok &= at[3 * PAGE] == 0;
	}
	return ok & (brk(start) == 0);
}

/* /proc/self/maps tells of a mapping as mprotect and munmap change it. */
static int in_maps(const void *address, const char *rights)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512], shown[8] = "none";

	while (file && fgets(line, sizeof(line), file)) {
		char found[8];

		if (sscanf(line, "%lx-%lx %4s", &from, &to, found) == 3 &&
		    from <= (unsigned long)address && (unsigned long)address < to)
			strcpy(shown, found);
	}
	if (file)
		fclose(file);
	return strcmp(shown, rights) == 0 ? 1 : NOTE("%s, not %s", shown, rights);
}

static int maps(void)
{
	char *at = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ok = in_maps(at, "rw-p");

	mprotect(at + PAGE, PAGE, PROT_READ | PROT_EXEC);
	ok &= in_maps(at + PAGE, "r-xp") & in_maps(at + 2 * PAGE, "rw-p");
	munmap(at + 3 * PAGE, PAGE);
	return ok & in_maps(at + 3 * PAGE, "none");
}

/* /proc/self/mem and process_vm_readv: another process's pages through the kernel. */
static int foreign_memory(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/mem", O_RDWR), ok;
	volatile char *at = page;

	ok = at[1] == 0 && pwrite(fd, "abc", 3, (off_t)(uintptr_t)page) == 3 && at[1] == 'b';
	close(fd);
	return ok;
}

int main(void)
{
	check("memory-model", random_operations());
	check("memory-cow", cow());
	check("memory-zero-page", zero_page());
	check("memory-kernel-writes", kernel_writes());
	check("memory-files", files());
	check("memory-aliases", aliases());
	check("memory-scattered", scattered());
	check("memory-break", break_grows());
	check("memory-maps", maps());
	check("memory-foreign", foreign_memory());
	return failures != 0;
}
