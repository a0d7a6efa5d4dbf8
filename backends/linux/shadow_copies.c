/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process shows of changed copies (copies.h), and that it cannot write to
 * frames that have one.
 */
#include "backends/linux/copies.h"
#include "backends/linux/gate.h"
#include "backends/linux/gates.h"
#include "backends/linux/host.h"
#include "backends/linux/shadow.h"

#include <linux/mman.h>

/* Where this process last mapped a copy. One place per process: gates know one address. */
static mword shown_at[LAYOUT_COPY_COUNT] PRIVATE;

bool shadow_may_copy(const struct translation *translation)
{
	return translation->user && translation->executable && !translation->writable &&
	       !translation->dirty && translation->shift == PAGE_SHIFT;
}

/* The entry of a page that is mapped, or 0. */
static uint64_t entry_of(mword va)
{
	const struct block *block = block_find(va);
	unsigned index = (va >> PAGE_SHIFT) % BLOCK_PAGES;

	if (!block || !block->leaf || !(leaf_of(block)->used[index / 64] & BIT(index % 64)))
		return 0;
	return leaf_of(block)->page[index].entry;
}

struct copy *shadow_shown(gva_t va)
{
	uint64_t entry = is_user(va.v) ? entry_of(va.v) : 0;

	return entry & SHOWS_COPY ? copies_find(entry & PTE_ADDR) : NULL;
}

/* --- the pointers ------------------------------------------------------------------------- */

/* The guest's root may map there, by force. Then this process goes without gates. */
static bool guest_maps_pointers(void)
{
	struct translation translation;

	for (mword va = LAYOUT_POINTERS; va < LAYOUT_POINTERS_END; va += PAGE_SIZE)
		if (mmu_probe(gva(va), &translation))
			return true;
	return false;
}

static bool have_pointers(void)
{
	long result;

	if (shadow->pointers)
		return true;
	if (guest_maps_pointers())
		return false;
	result = host_call6(__NR_mmap, LAYOUT_POINTERS, LAYOUT_POINTER_BYTES, PROT_READ,
			    MAP_SHARED | MAP_FIXED | MAP_POPULATE, FD_COPIES, LAYOUT_GATE_BYTES);
	shadow->pointers = result == LAYOUT_POINTERS;
	return shadow->pointers;
}

static void unshow_all(void);

void shadow_give_way(mword va, uint64_t bytes)
{
	if (!shadow->pointers || va >= LAYOUT_POINTERS_END || va + bytes <= LAYOUT_POINTERS)
		return;
	shadow->pointers = false;
	unmap_guest(LAYOUT_POINTERS, LAYOUT_POINTER_BYTES);
	unshow_all();
}

/* In a twin there are no gates, and beside one nothing is executed. */
static bool may_show(void)
{
	return has_twin() ? of_twin() : have_pointers();
}

/* --- showing -------------------------------------------------------------------------------- */

const struct copy *shadow_copy_for(mword va, const struct translation *translation)
{
	const struct copy *copy = copies_find(translation->address.v & PAGE_MASK);
	mword at;

	if (!copy || !shadow_may_copy(translation) || !may_show())
		return NULL;
	at = shown_at[copies_index(copy)];
	if (at != va && (entry_of(at) & ~RIGHTS) == (copy->frame | SHOWS_COPY))
		return NULL;
	return copy;
}

void shadow_showing(mword va, const struct copy *copy)
{
	shown_at[copies_index(copy)] = va;
	gates_place(copy, va);
}

void shadow_show(gva_t va, const struct translation *translation)
{
	bool needed;

	shadow_choose(va);
	needed = !shadow_shown(va) && shadow_copy_for(va.v & PAGE_MASK, translation);
	shadow = shadow_own;
	if (needed)
		shadow_fill(va, translation, false);
}

/* --- catching up ----------------------------------------------------------------------------- */

/* `frame` becomes read-only in a large mapping that begins with `entry` at `va`. */
static void protect_in(mword va, uint64_t entry, uint64_t bytes, uint64_t frame)
{
	uint64_t offset = frame - (entry & PTE_ADDR);

	if (!(entry & MAY_WRITE) || offset >= bytes)
		return;
	if (!protect_guest(va + offset, PAGE_SIZE, entry & ~MAY_WRITE))
		end_machine(END_HOST, 0, "write-protecting a page that has a copy");
	shadow->mappings += 2;
}

void shadow_protect_run(mword va, uint64_t entry, uint64_t bytes)
{
	for (unsigned i = 0; i < copies_end; i++)
		if (copies[i].frame)
			protect_in(va, entry, bytes, copies[i].frame);
}

bool shadow_unprotect(mword va, const struct translation *translation)
{
	const struct block *block = block_find(va);
	uint64_t frame = translation->address.v & PAGE_MASK;

	if (!block || !(block->large & MAY_WRITE) ||
	    (block->large & PTE_ADDR) + va % BLOCK_SIZE != frame)
		return false;
	return protect_guest(va, PAGE_SIZE, block->large);
}

static void unshow(struct leaf *leaf, unsigned index, mword va)
{
	unmap_guest(va, PAGE_SIZE);
	leaf->used[index / 64] &= ~BIT(index % 64);
}

static void catch_up_page(struct leaf *leaf, unsigned index, mword va)
{
	uint64_t *entry = &leaf->page[index].entry;
	const struct copy *copy;

	if (!(*entry & (MAY_WRITE | SHOWS_COPY)))
		return;
	copy = copies_find(*entry & PTE_ADDR);
	if (*entry & SHOWS_COPY) {
		if (copy && copy->generation <= shadow->copies_seen)
			gates_place(copy, va);
		else
			unshow(leaf, index, va);
	} else if (copy) {
		*entry &= ~MAY_WRITE;
		if (!protect_guest(va, PAGE_SIZE, *entry))
			unshow(leaf, index, va);
	}
}

static void unshow_page(struct leaf *leaf, unsigned index, mword va)
{
	if (leaf->page[index].entry & SHOWS_COPY)
		unshow(leaf, index, va);
}

static void unshow_all(void)
{
	shadow_each_page(true, unshow_page);
}

static void protect_everywhere(uint64_t frame)
{
	for (int user = 0; user < 2; user++) {
		struct half *half = &shadow->half[user];

		for (uint32_t i = 0; i < half->count; i++)
			protect_in(block_address(&half->blocks[i]), half->blocks[i].large,
				   BLOCK_SIZE, frame);
	}
}

static void catch_up(void)
{
	for (unsigned i = 0; i < copies_end; i++)
		if (copies[i].frame && copies[i].generation > shadow->copies_seen)
			protect_everywhere(copies[i].frame);
	shadow_each_page(false, catch_up_page);
	shadow_each_page(true, catch_up_page);
	shadow->copies_seen = copies_generation;
}

void shadow_catch_up(void)
{
	if (shadow->copies_seen == copies_generation)
		return;
	catch_up();
	if (has_twin()) {
		shadow = shadow_twin;
		catch_up();
		shadow = shadow_own;
	}
	gate_serialize();
}
