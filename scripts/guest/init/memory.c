/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in many pieces. A VMM that keeps a mapping of its host for each page of
 * the guest runs out of them (Linux allows 65530 in an address space, and so this
 * program uses more, page by page and never two that are neighbours in memory).
 */
#include "init.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	      4096
#define PIECES	      70000
#define WRITE_EVERY   97 /* the others stay the one page of zeros: no memory is needed */
#define PROTECT_EVERY 1024

static uint32_t *piece(char *area, size_t i)
{
	return (uint32_t *)(area + i * PAGE);
}

/* Of the pages from the first on, every `step`-th. */
static int as_written(char *area, size_t step)
{
	for (size_t i = 0; i < PIECES; i += step)
		if (*piece(area, i) != (i % WRITE_EVERY ? 0 : (uint32_t)i + 1))
			return 0;
	return 1;
}

static int child_sees_all(void *area)
{
	return !as_written(area, WRITE_EVERY);
}

/* All pages are touched twice: what was dropped in between must come back. */
int check_scattered(void)
{
	char *area = mmap(NULL, (size_t)PIECES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int ok = area != MAP_FAILED;

	if (!ok)
		return 0;
	for (size_t i = 0; i < PIECES; i += WRITE_EVERY)
		*piece(area, i) = (uint32_t)i + 1;
	for (size_t i = 0; i < PIECES; i += PROTECT_EVERY)
		ok &= mprotect(piece(area, i), PAGE, PROT_READ) == 0;
	ok &= as_written(area, 1) && as_written(area, 1);
	ok &= in_child(child_sees_all, area) == 0;
	return munmap(area, (size_t)PIECES * PAGE) == 0 && ok;
}
