/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's part of fake_xen.h: page walks, and a look-aside buffer that forgets nothing
 * by itself. */
#include "test/unit/xen/fake_mmu.h"

#include "backends/xen/memory.h"
#include "test/unit/xen/fake_xen.h"
#include "vmm/mmu.h"

#define CACHED 4096

static struct cached {
	mword key; /* page | 1; | 2: an application's */
	struct fake_page page;
} cache[CACHED];

static mword key_of(mword va, bool user)
{
	return (va & PAGE_MASK) | 1 | (user ? 2 : 0);
}

/* Collisions forget: a buffer may. */
static struct cached *slot(mword key)
{
	return &cache[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
}

void fake_tlb_flush(void)
{
	for (unsigned i = 0; i < CACHED; i++)
		cache[i].key = 0;
}

void fake_tlb_flush_page(mword va)
{
	slot(key_of(va, false))->key = 0;
	slot(key_of(va, true))->key = 0;
}

static unsigned index_at(mword va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & 511;
}

uint64_t fake_table_at(mword va, unsigned level, unsigned *index)
{
	uint64_t mfn = fake_domain.root;

	for (unsigned at = 4; at > level; at--) {
		uint64_t entry = frames_words[mfn][index_at(va, at)];

		if (!(entry & ENTRY_P))
			return 0;
		mfn = (entry & PTE_ADDR) >> PAGE_SHIFT;
	}
	*index = index_at(va, level);
	return mfn;
}

/* Xen makes every entry a user's: both modes are ring 3. */
struct fake_page fake_walk(mword va, bool user)
{
	struct fake_page page = {.writable = true,
				 .executable = true,
				 .mfn = user ? fake_domain.user_root : fake_domain.root};

	if (!page.mfn)
		return (struct fake_page){0};
	for (unsigned level = 4; level > 0; level--) {
		uint64_t entry = frames_words[page.mfn][index_at(va, level)];

		if (!(entry & ENTRY_P))
			return (struct fake_page){0};
		page.writable &= (entry & ENTRY_W) != 0;
		page.executable &= !(entry & ENTRY_NX);
		page.mfn = (entry & PTE_ADDR) >> PAGE_SHIFT;
	}
	page.present = true;
	return page;
}

struct fake_page fake_sees(mword va, bool user)
{
	const struct cached *cached = slot(key_of(va, user));

	return cached->key == key_of(va, user) ? cached->page : fake_walk(va, user);
}

/* A fault takes what was cached with it (SDM 3A 4.10.4.1). */
bool fake_access(mword va, mword access)
{
	bool user = access & ACCESS_USER;
	struct fake_page page = fake_sees(va, user);
	struct cached *cached = slot(key_of(va, user));

	cached->key = 0;
	if (!page.present || (access & ACCESS_WRITE && !page.writable) ||
	    (access & ACCESS_FETCH && !page.executable))
		return false;
	*cached = (struct cached){key_of(va, user), page};
	return true;
}
