/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Huge pages, transparent and of hugetlbfs: made, split, moved, shared, merged. Every
 * check looks at every page's words, and asks the kernel whether the page was huge.
 */
#define _GNU_SOURCE /* mremap */
#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE /* Linux 6.1 */
#define MADV_COLLAPSE 25
#endif

#define PAGE  4096
#define HUGE  ((size_t)2 << 20)
#define PAGES (HUGE / PAGE)
#define MANY  3 /* huge pages in an area */
#define SYS   "/sys/kernel/mm/transparent_hugepage/"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return ok;
}

/* Room for `count` huge pages at an address that fits, and nothing there yet. */
static char *room(size_t count, int protection)
{
	size_t bytes = (count + 1) * HUGE;
	char *area = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *start = (char *)(((uintptr_t)area + HUGE - 1) & ~(HUGE - 1));

	if (area == MAP_FAILED)
		return NULL;
	munmap(start + count * HUGE, (size_t)(area + bytes - (start + count * HUGE)));
	if (start > area)
		munmap(area, (size_t)(start - area));
	return start;
}

/* How much of [area, area + bytes) is in huge pages, in KiB. */
static long huge_kilobytes(const char *area, size_t bytes)
{
	unsigned long from = 0, to = 0;
	long sum = 0, kilobytes;
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			continue;
		if (from < (uintptr_t)area + bytes && to > (uintptr_t)area &&
		    sscanf(line, "AnonHugePages: %ld", &kilobytes) == 1)
			sum += kilobytes;
	}
	if (f)
		fclose(f);
	return sum;
}

/* Two words of each page, so that one that shows another is found. */
static void fill(char *area, size_t from, size_t to, uint32_t mark)
{
	for (size_t i = from; i < to; i++) {
		*(uint32_t *)(area + i * PAGE) = mark + (uint32_t)i;
		*(uint32_t *)(area + i * PAGE + PAGE - 4) = ~(mark + (uint32_t)i);
	}
}

static int holds(const char *area, size_t from, size_t to, uint32_t mark)
{
	int ok = 1;

	for (size_t i = from; i < to; i++)
		ok &= *(const uint32_t *)(area + i * PAGE) == mark + (uint32_t)i &&
		      *(const uint32_t *)(area + i * PAGE + PAGE - 4) == ~(mark + (uint32_t)i);
	return ok;
}

static int empty(const char *area, size_t from, size_t to)
{
	int ok = 1;

	for (size_t i = from; i < to; i++)
		ok &= *(const uint32_t *)(area + i * PAGE) == 0;
	return ok;
}

/* An area of MANY huge pages, filled; NULL if they are not huge. */
static char *make(uint32_t mark)
{
	char *area = room(MANY, PROT_READ | PROT_WRITE);

	if (!area || madvise(area, MANY * HUGE, MADV_HUGEPAGE))
		return NULL;
	fill(area, 0, MANY * PAGES, mark);
	return huge_kilobytes(area, MANY * HUGE) == (long)(MANY * HUGE >> 10) ? area : NULL;
}

static int check_made(void)
{
	char *area = make(1);
	int ok = area && holds(area, 0, MANY * PAGES, 1);

	return ok && munmap(area, MANY * HUGE) == 0;
}

static int writes(void *at)
{
	*(volatile char *)at = 1;
	return 0;
}

static int may_write(char *at)
{
	int status = in_child(writes, at);

	return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* One page read-only in the middle, and back; two pages gone; the first one emptied. */
static int check_split(void)
{
	char *area = make(100), *middle;

	if (!area)
		return 0;
	middle = area + HUGE + 7 * PAGE;
	int ok = mprotect(middle, PAGE, PROT_READ) == 0 && !may_write(middle) &&
		 may_write(middle + PAGE) && holds(area, 0, MANY * PAGES, 100) &&
		 huge_kilobytes(area, MANY * HUGE) == (long)((MANY - 1) * HUGE >> 10);

	ok &= mprotect(middle, PAGE, PROT_READ | PROT_WRITE) == 0;
	fill(area, PAGES, 2 * PAGES, 5000);
	ok &= holds(area, PAGES, 2 * PAGES, 5000);
	ok &= munmap(middle, 2 * PAGE) == 0 && !may_write(middle + PAGE);
	ok &= holds(area, PAGES, PAGES + 7, 5000) && holds(area, PAGES + 9, 2 * PAGES, 5000);
	ok &= madvise(area, PAGE, MADV_DONTNEED) == 0 && empty(area, 0, 1);
	ok &= holds(area, 1, PAGES, 100) && holds(area, 2 * PAGES, MANY * PAGES, 100);
	return munmap(area, MANY * HUGE) == 0 && ok;
}

/* Whole, rights change without a split. */
static int check_protect(void)
{
	char *area = make(200);
	int ok = area && mprotect(area, MANY * HUGE, PROT_READ) == 0;

	ok = ok && !may_write(area + 5 * PAGE) && holds(area, 0, MANY * PAGES, 200);
	ok = ok && mprotect(area, MANY * HUGE, PROT_READ | PROT_WRITE) == 0;
	if (ok)
		fill(area, 0, MANY * PAGES, 201);
	return ok && holds(area, 0, MANY * PAGES, 201) &&
	       huge_kilobytes(area, MANY * HUGE) == (long)(MANY * HUGE >> 10) &&
	       munmap(area, MANY * HUGE) == 0;
}

/* To a place where it stays huge, then one page further, where it cannot. */
static int check_moved(void)
{
	char *area = make(300), *to = room(MANY + 1, PROT_NONE), *at;

	if (!area || !to)
		return 0;
	at = mremap(area, MANY * HUGE, MANY * HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	int ok = at == to && holds(at, 0, MANY * PAGES, 300) && !may_write(area) &&
		 huge_kilobytes(at, MANY * HUGE) == (long)(MANY * HUGE >> 10);

	at = ok ? mremap(at, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + PAGE) : MAP_FAILED;
	ok = ok && at == area + PAGE && holds(at, 0, PAGES, 300) && !may_write(to) &&
	     holds(to, PAGES, MANY * PAGES, 300);
	munmap(area, HUGE + PAGE);
	return munmap(to, (MANY + 1) * HUGE) == 0 && ok;
}

/* The child sees what was there, changes it, and nobody else sees that. */
static int child_changes(void *area)
{
	int ok = holds(area, 0, MANY * PAGES, 400);

	fill(area, PAGES / 2, PAGES, 401);
	return !(ok && holds(area, 0, PAGES / 2, 400) && holds(area, PAGES / 2, PAGES, 401) &&
		 holds(area, PAGES, MANY * PAGES, 400));
}

static int check_fork(void)
{
	char *area = make(400);
	int ok = area && in_child(child_changes, area) == 0 && holds(area, 0, MANY * PAGES, 400);

	if (ok)
		fill(area, 0, MANY * PAGES, 402);
	ok = ok && holds(area, 0, MANY * PAGES, 402);
	return ok && munmap(area, MANY * HUGE) == 0;
}

/* Small pages become a huge one, under the same contents. */
static int check_collapsed(void)
{
	char *area = room(MANY, PROT_READ | PROT_WRITE);

	if (!area || madvise(area, MANY * HUGE, MADV_NOHUGEPAGE))
		return 0;
	fill(area, 0, MANY * PAGES, 500);
	int ok = huge_kilobytes(area, MANY * HUGE) == 0 &&
		 madvise(area, MANY * HUGE, MADV_HUGEPAGE) == 0 &&
		 madvise(area, MANY * HUGE, MADV_COLLAPSE) == 0 &&
		 huge_kilobytes(area, MANY * HUGE) == (long)(MANY * HUGE >> 10);

	ok &= holds(area, 0, MANY * PAGES, 500);
	fill(area, 0, MANY * PAGES, 501);
	return holds(area, 0, MANY * PAGES, 501) && munmap(area, MANY * HUGE) == 0 && ok;
}

/* Read before it is written: all share one page of zeros until then. */
static int check_zeros(void)
{
	char *area = room(MANY, PROT_READ | PROT_WRITE);

	if (!area || madvise(area, MANY * HUGE, MADV_HUGEPAGE))
		return 0;
	int ok = empty(area, 0, MANY * PAGES);

	fill(area, PAGES + 9, PAGES + 10, 600);
	ok &= holds(area, PAGES + 9, PAGES + 10, 600) && empty(area, 0, PAGES + 9) &&
	      empty(area, PAGES + 10, MANY * PAGES);
	return munmap(area, MANY * HUGE) == 0 && ok;
}

/* The kernel reads and writes there, too. */
static int check_copied(void)
{
	char *area = make(700);
	int fd = open("/tmp/huge", O_RDWR | O_CREAT, 0600);
	int ok = area && fd >= 0 && write(fd, area, HUGE) == (ssize_t)HUGE;

	if (ok)
		memset(area, 0, MANY * HUGE);
	ok = ok && pread(fd, area + HUGE, HUGE, 0) == (ssize_t)HUGE && empty(area, 0, PAGES) &&
	     holds(area + HUGE, 0, PAGES, 700) && empty(area, 2 * PAGES, MANY * PAGES);
	close(fd);
	unlink("/tmp/huge");
	return ok && munmap(area, MANY * HUGE) == 0;
}

/* mov $number, %eax; ret */
static void put_code(char *at, uint32_t number)
{
	static const unsigned char code[] = {0xb8, 0, 0, 0, 0, 0xc3};

	memcpy(at, code, sizeof(code));
	memcpy(at + 1, &number, 4);
}

/* Code in some pages of a huge one, changed while it is there; data in the others. */
static int check_executed(void)
{
	char *area = room(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	int ok = area && madvise(area, HUGE, MADV_HUGEPAGE) == 0;

	for (uint32_t round = 0; ok && round < 4; round++) {
		fill(area, 0, PAGES, round);
		ok = huge_kilobytes(area, HUGE) == (long)(HUGE >> 10);
		for (size_t i = 3; i < PAGES; i += 100) {
			char *at = area + i * PAGE;
			uint32_t (*run)(void);

			put_code(at, round * 1000 + (uint32_t)i);
			memcpy(&run, &at, sizeof(run));
			ok &= run() == round * 1000 + i;
			ok &= holds(area, i - 1, i, round) && holds(area, i + 1, i + 2, round);
		}
	}
	return ok && munmap(area, HUGE) == 0;
}

/* hugetlbfs's, of a pool that is made for it. */
static int check_pool(void)
{
	size_t bytes = 2 * HUGE;
	char *area;

	if (!write_file("/proc/sys/vm/nr_hugepages", "4"))
		return 0;
	area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		    -1, 0);
	int ok = area != MAP_FAILED &&
		 mprotect(area + PAGE, PAGE, PROT_READ) != 0; /* whole ones only */

	if (ok)
		fill(area, 0, 2 * PAGES, 800);
	ok = ok && holds(area, 0, 2 * PAGES, 800) && mprotect(area + HUGE, HUGE, PROT_READ) == 0 &&
	     !may_write(area + HUGE + PAGE) && may_write(area) &&
	     holds(area, PAGES, 2 * PAGES, 800) && munmap(area, HUGE) == 0 && !may_write(area) &&
	     holds(area, PAGES, 2 * PAGES, 800) && munmap(area + HUGE, HUGE) == 0;
	return write_file("/proc/sys/vm/nr_hugepages", "0") && ok;
}

/* A kernel with less than 512 MiB switches them off, whatever it was built with. */
static int switched_on(void)
{
	char mode[64] = "";
	int fd = open(SYS "enabled", O_RDONLY);
	int ok = fd >= 0 && read(fd, mode, sizeof(mode) - 1) > 0;

	close(fd);
	if (ok && strstr(mode, "[never]"))
		ok = write_file(SYS "enabled", "madvise") && write_file(SYS "defrag", "madvise") &&
		     write_file(SYS "use_zero_page", "1");
	return ok;
}

int run_huge(void)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} checks[] = {
		{"made", check_made},	   {"split", check_split},   {"protect", check_protect},
		{"moved", check_moved},	   {"fork", check_fork},     {"collapsed", check_collapsed},
		{"zeros", check_zeros},	   {"copied", check_copied}, {"executed", check_executed},
		{"hugetlbfs", check_pool},
	};
	int failures = 0;

	if (access(SYS "enabled", F_OK)) {
		printf("result: huge pages skipped (not in this kernel)\n");
		return 0;
	}
	int on = switched_on();

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int ok = on && checks[i].fn();

		report("huge", checks[i].name, ok);
		failures += !ok;
	}
	return failures;
}
