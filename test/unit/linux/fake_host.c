/* SPDX-License-Identifier: BSD-2-Clause */
/* A host that maps, page by page, in an array. */
#include "test/unit/linux/fake_host.h"

#include "backends/linux/gate.h"
#include "backends/linux/gates.h"
#include "backends/linux/keys.h"
#include "backends/linux/private.h"

#include <linux/errno.h>
#include <linux/mman.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fake_process *fake_process;
struct fake_process fake_twin;
struct fake_calls fake_calls;

const struct fake_page *fake_mapped(mword va)
{
	for (unsigned i = 0; i < fake_process->count; i++)
		if (fake_process->pages[i].va == (va & PAGE_MASK))
			return &fake_process->pages[i];
	return NULL;
}

static bool within(const struct fake_page *page, mword va, uint64_t bytes)
{
	return page->va >= va && page->va - va < bytes;
}

static void unmap(mword va, uint64_t bytes)
{
	struct fake_process *p = fake_process;

	for (unsigned i = p->count; i-- > 0;)
		if (within(&p->pages[i], va, bytes))
			p->pages[i] = p->pages[--p->count];
}

static void map(mword va, uint64_t bytes, int protection, int file, uint64_t offset)
{
	struct fake_process *p = fake_process;

	unmap(va, bytes);
	for (uint64_t at = 0; at < bytes; at += PAGE_SIZE) {
		assert_true(p->count < sizeof(p->pages) / sizeof(p->pages[0]));
		p->pages[p->count++] = (struct fake_page){va + at, offset + at, protection, file};
	}
}

/* As the host does: what comes before the first hole is changed. */
static long protect(mword va, uint64_t bytes, int protection)
{
	for (uint64_t at = 0; at < bytes; at += PAGE_SIZE) {
		struct fake_page *page = (struct fake_page *)fake_mapped(va + at);

		if (!page)
			return -ENOMEM;
		page->protection = protection;
	}
	return 0;
}

long fake_host_call(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == __NR_mmap && e < 0)
		return a; /* the tables themselves */
	assert_true(((a | b) & ~PAGE_MASK) == 0);
	switch (nr) {
	case __NR_mmap:
		fake_calls.maps++;
		assert_int_equal(d & ~MAP_POPULATE, MAP_SHARED | MAP_FIXED);
		fake_calls.populated += d & MAP_POPULATE ? (uint64_t)b : 0;
		map((mword)a, (uint64_t)b, (int)c, (int)e, (uint64_t)f);
		return a;
	case __NR_munmap:
		fake_calls.unmaps++;
		unmap((mword)a, (uint64_t)b);
		return 0;
	case __NR_mprotect:
		fake_calls.protects++;
		return protect((mword)a, (uint64_t)b, (int)c);
	default:
		fail_msg("host call %ld", nr);
		return -ENOSYS;
	}
}

/* --- what else the back-end has ------------------------------------------------------ */

static struct shared the_shared;
struct shared *const shared = &the_shared;

void end_machine(enum end why, int code, const char *reason)
{
	fprintf(stderr, "end %d, %d: %s\n", why, code, reason);
	abort();
}

/* Gates do nothing here but remember where a copy is. */
mword fake_placed;

void gates_place(const struct copy *copy, mword page)
{
	(void)copy;
	fake_placed = page;
}

void gates_drop(struct copy *copy)
{
	copy->first_site = 0;
}

void gate_serialize(void)
{
}

bool kernel_code_clean(mword va, uint64_t bytes, uint64_t frame)
{
	(void)va, (void)bytes, (void)frame;
	return true;
}

void keys_protect(mword va, uint64_t bytes, int protection)
{
	assert_int_equal(protect(va, bytes, protection), 0);
}

/* What waits for the twin is done at once. */
static void in_twin(long nr, mword va, uint64_t bytes, int protection, int flags, int file,
		    uint64_t offset)
{
	struct fake_process *own = fake_process;

	fake_process = &fake_twin;
	fake_host_call(nr, (long)va, (long)bytes, protection, MAP_SHARED | MAP_FIXED | flags, file,
		       (long)offset);
	fake_process = own;
}

void twin_map(mword va, uint64_t bytes, int protection, int flags, int file, uint64_t offset)
{
	in_twin(__NR_mmap, va, bytes, protection, flags, file, offset);
}

void twin_protect(mword va, uint64_t bytes, int protection)
{
	in_twin(__NR_mprotect, va, bytes, protection, 0, 0, 0);
}

void twin_unmap(mword va, uint64_t bytes)
{
	in_twin(__NR_munmap, va, bytes, 0, 0, 0, 0);
}
