/* SPDX-License-Identifier: BSD-2-Clause */
/*@121 Large pages of the guest's: one host mapping for 2 MiB, or for more
 *
 * The kernel maps all memory linearly with them. That becomes a few host mappings, and
 * the host fills in what is used. Applications have theirs cleared whole, and mean to
 * use them: filling in 512 pages at once costs 50 us; one by one, when they are
 * written, 1.1 us each; when they are read, which the host does by 16, 77 us
 * together. So what may be written is filled in at once where applications run, and
 * mapping more than one large page for a fault would not pay.
 *
 * Neither fork, which takes the right to write away, nor the first write after it unmap
 * what was filled in.
 */
#include "backends/linux/code.h"
#include "backends/linux/host.h"
#include "backends/linux/shadow.h"
#include "vmm/memory.h"

#include <linux/mman.h>

#define RUN_MOST BIT(30) /* bytes mapped at once */

/* Does the kernel map on with `entry`'s memory at `va`? What is there already stays, with
 * all that the host has filled in. */
static bool goes_on(mword va, uint64_t entry)
{
	const struct block *block = block_find(va);
	uint64_t frame = entry & PTE_ADDR;
	struct translation next;

	if (block && block->large == entry)
		return false;
	if (!shadow_may_map(va) || frame + BLOCK_SIZE > guest_memory.size ||
	    !mmu_probe(gva(va), &next))
		return false;
	if (next.shift == PAGE_SHIFT || entry_for(&next, 0) != (entry & RIGHTS))
		return false;
	return (next.address.v & ~(BLOCK_SIZE - 1)) == frame;
}

static void mark(mword va, uint64_t entry)
{
	struct block *block = block_make(va);

	block_forget(block);
	block->large = entry;
}

/* Frames that have a copy, or that applications execute, are not for writing here. */
static void protect_parts(mword va, uint64_t bytes, uint64_t entry)
{
	shadow_protect_run(va, entry, bytes);
	code_protect(va, bytes, entry);
}

static int populate(mword va, uint64_t entry)
{
	bool run_here = has_twin() == of_twin();

	return is_user(va) && entry & MAY_WRITE && run_here ? MAP_POPULATE : 0;
}

static bool map(mword va, uint64_t entry)
{
	uint64_t bytes = BLOCK_SIZE;

	while (!is_user(va) && bytes < RUN_MOST && goes_on(va + bytes, entry + bytes))
		bytes += BLOCK_SIZE;
	if (!map_guest(va, bytes, entry, populate(va, entry)))
		return false;
	for (uint64_t at = 0; at < bytes; at += BLOCK_SIZE)
		mark(va + at, entry + at);
	protect_parts(va, bytes, entry);
	return true;
}

/* The same memory with other rights, as when it is written first after a fork: 10 us less
 * than a new mapping, and what the host has filled in stays. */
static bool change_rights(mword va, uint64_t entry)
{
	struct block *block = block_find(va);
	uint64_t had = block ? block->large : 0;

	if (!had || ((had ^ entry) & ~RIGHTS) || had == entry || (entry & MAY_EXEC) ||
	    !protect_guest(va, BLOCK_SIZE, entry))
		return false;
	block->large = entry;
	protect_parts(va, BLOCK_SIZE, entry);
	return true;
}

bool shadow_fill_large(mword va, const struct translation *translation, bool write)
{
	uint64_t frame = translation->address.v & ~(BLOCK_SIZE - 1);
	uint64_t entry = frame | entry_for(translation, 0);
	mword start = va & ~(BLOCK_SIZE - 1);

	return (write && shadow_unprotect(va, translation)) || change_rights(start, entry) ||
	       map(start, entry);
}

uint64_t shadow_large_entry(mword va)
{
	const struct block *block = block_find(va);

	return block && block->large ? block->large + (va & (BLOCK_SIZE - 1) & PAGE_MASK) : 0;
}

void shadow_drop_large(mword va)
{
	struct block *block = block_find(va);

	if (!block || !block->large)
		return;
	unmap_guest(block_address(block), BLOCK_SIZE);
	block_forget(block);
}

/* --- large pages in pieces ---------------------------------------------------------------- */

void shadow_note_pieces(mword va, unsigned shift)
{
	struct half *half = &shadow->half[is_user(va)];
	mword start = va & ~(BIT(shift) - 1), end = start + BIT(shift);

	if (!half->pieces_end || start < half->pieces)
		half->pieces = start;
	if (end > half->pieces_end)
		half->pieces_end = end;
}

bool shadow_in_pieces(mword va)
{
	const struct half *half = &shadow->half[is_user(va)];

	return va >= half->pieces && va < half->pieces_end;
}
