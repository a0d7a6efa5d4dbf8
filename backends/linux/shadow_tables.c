/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of what is mapped, and the host calls that map. shadow.c explains. */
#include "backends/linux/shadow.h"

#include "backends/linux/host.h"

#include <linux/errno.h>
#include <linux/mman.h>

/* --- the tables of blocks ------------------------------------------------------ */

static struct half *half_of(mword va)
{
	return &shadow->half[is_user(va)];
}

static uint32_t hash_of(uint64_t number)
{
	return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 40) % HASH_SLOTS;
}

/* How far slot `at` is from where its block belongs. */
static uint32_t distance(const struct half *half, uint32_t at)
{
	return (at - hash_of(half->blocks[half->hash[at] - 1].number)) % HASH_SLOTS;
}

/* The place in the hash where the block of `va` is, or would be. */
static uint16_t *block_slot(struct half *half, mword va)
{
	uint64_t number = va >> BLOCK_SHIFT;
	uint32_t at = hash_of(number);

	while (half->hash[at] && half->blocks[half->hash[at] - 1].number != number)
		at = (at + 1) % HASH_SLOTS;
	return &half->hash[at];
}

struct block *block_find(mword va)
{
	struct half *half = half_of(va);
	uint32_t index = *block_slot(half, va);

	return index ? &half->blocks[index - 1] : NULL;
}

struct leaf *leaf_with(mword va)
{
	struct block *block = block_find(va);
	struct leaf *leaf = block && block->leaf ? leaf_of(block) : NULL;

	return leaf && leaf->used[page_index(va) / 64] & BIT(page_index(va) % 64) ? leaf : NULL;
}

void shadow_each_page(bool user, void (*visit)(struct leaf *leaf, unsigned index, mword va))
{
	struct half *half = &shadow->half[user];

	for (uint32_t i = 0; i < half->count; i++) {
		struct leaf *leaf = half->blocks[i].leaf ? leaf_of(&half->blocks[i]) : NULL;
		mword va = block_address(&half->blocks[i]);

		for (unsigned word = 0; leaf && word < BLOCK_PAGES / 64; word++)
			for (uint64_t bits = leaf->used[word]; bits; bits &= bits - 1) {
				unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);

				visit(leaf, index, va + index * PAGE_SIZE);
			}
	}
}

void block_forget(struct block *block)
{
	block->large = 0;
	if (block->leaf)
		shadow->free_leaf[shadow->free_leaves++] = block->leaf;
	block->leaf = 0;
}

/* Empties `at` in the hash. What was put behind it because its place was taken moves up:
 * a search ends at the first empty slot. */
static void hash_remove(struct half *half, uint32_t at)
{
	uint32_t next = at;

	for (;;) {
		half->hash[at] = 0;
		do {
			next = (next + 1) % HASH_SLOTS;
			if (!half->hash[next])
				return;
		} while (distance(half, next) < (next - at) % HASH_SLOTS);
		half->hash[at] = half->hash[next];
		at = next;
	}
}

/* The last one takes its place in the array: whoever walks it goes backwards. */
void block_remove(struct block *block)
{
	mword va = block_address(block);
	struct half *half = half_of(va);
	struct block *last = &half->blocks[half->count - 1];

	block_forget(block);
	hash_remove(half, (uint32_t)(block_slot(half, va) - half->hash));
	if (block != last) {
		*block_slot(half, block_address(last)) = (uint16_t)(block - half->blocks + 1);
		*block = *last;
	}
	half->count--;
}

static void forget_half(struct half *half)
{
	while (half->count)
		block_remove(&half->blocks[half->count - 1]);
}

static void drop_user(void)
{
	if (shadow->half[true].count || shadow->pointers)
		unmap_guest(0, LAYOUT_USER_END);
	forget_half(&shadow->half[true]);
	shadow->mappings = 0;
	shadow->pointers = false;
}

/* Nor are they the same applications afterwards. */
static void leave_user(void)
{
	drop_user();
	shadow->half[true].pieces = shadow->half[true].pieces_end = 0;
}

void shadow_drop_twin(void)
{
	shadow = shadow_twin;
	leave_user();
	shadow = shadow_own;
}

void shadow_drop_user(void)
{
	leave_user();
	if (has_twin())
		shadow_drop_twin();
}

void evict_user(void)
{
	count(COUNT_EVICTIONS);
	drop_user();
}

/* Everything, also the kernel's half: only the VMM's own stays. */
static void evict_all(void)
{
	evict_user();
	if (of_twin())
		return;
	unmap_guest(LAYOUT_KERNEL, LAYOUT_VMM - LAYOUT_KERNEL);
	unmap_guest(LAYOUT_VMM_END, LAYOUT_GUEST_END - LAYOUT_VMM_END);
	forget_half(&shadow->half[false]);
}

struct block *block_make(mword va)
{
	struct half *half = half_of(va);
	struct block *block = block_find(va);

	if (block)
		return block;
	if (half->count == BLOCKS)
		evict_all();
	block = &half->blocks[half->count];
	*block = (struct block){.number = va >> BLOCK_SHIFT};
	*block_slot(half, va) = (uint16_t)++half->count;
	return block;
}

struct leaf *leaf_make(mword va)
{
	struct block *block = block_make(va);
	struct leaf *leaf;

	if (block->leaf)
		return leaf_of(block);
	if (!shadow->free_leaves) {
		evict_all();
		block = block_make(va);
	}
	block->leaf = shadow->free_leaf[--shadow->free_leaves];
	leaf = leaf_of(block);
	leaf->path = 0;
	for (size_t i = 0; i < BLOCK_PAGES / 64; i++)
		leaf->used[i] = 0;
	return leaf;
}

/* --- host calls ---------------------------------------------------------------- */

static int host_protection(uint64_t entry)
{
	return (entry & MAY_READ ? PROT_READ : 0) | (entry & MAY_WRITE ? PROT_WRITE : 0) |
	       (entry & MAY_EXEC ? PROT_EXEC : 0);
}

static long try_map(mword va, uint64_t bytes, uint64_t entry, int flags)
{
	uint64_t frame = entry & PTE_ADDR;
	bool copy = entry & SHOWS_COPY;
	uint64_t offset = copy ? copies_offset(copies_find(frame)) : frame;
	int protection = host_protection(entry), file = copy ? FD_COPIES : FD_RAM;

	flags |= MAP_SHARED | MAP_FIXED;
	if (!of_twin())
		return host_call6(__NR_mmap, (long)va, (long)bytes, protection, flags, file,
				  (long)offset);
	twin_map(va, bytes, protection, flags, file, offset);
	return 0;
}

bool map_guest(mword va, uint64_t bytes, uint64_t entry, int flags)
{
	long result;

	if (!is_user(va) && entry & MAY_EXEC && !kernel_code_clean(va, bytes, entry & PTE_ADDR))
		entry &= ~MAY_EXEC;
	result = try_map(va, bytes, entry, flags);
	if (result == -ENOMEM) {
		evict_user();
		result = try_map(va, bytes, entry, flags);
	}
	if (result == -ENOMEM) {
		evict_all();
		result = try_map(va, bytes, entry, flags);
	}
	if (result == -EPERM && is_user(va))
		return false;
	if (result < 0)
		end_machine(END_HOST, (int)-result, "mapping guest memory");
	if (!is_user(va))
		keys_protect(va, bytes, host_protection(entry));
	shadow->mappings++;
	return true;
}

bool protect_guest(mword va, uint64_t bytes, uint64_t entry)
{
	int protection = host_protection(entry);

	if (!of_twin())
		return host_call3(__NR_mprotect, va, bytes, protection) >= 0;
	twin_protect(va, bytes, protection);
	return true;
}

void unmap_guest(mword va, uint64_t bytes)
{
	long result = 0;

	if (of_twin())
		twin_unmap(va, bytes);
	else
		result = host_call2(__NR_munmap, va, bytes);
	if (result < 0)
		end_machine(END_HOST, (int)-result, "unmapping guest memory");
	count(COUNT_UNMAPS);
}

static void make_tables(struct shadow_tables *at)
{
	long result = host_call6(__NR_mmap, (long)at, sizeof(*at), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
				 -1, 0);

	if (result < 0)
		end_machine(END_HOST, (int)-result, "mapping the shadow tables");
	for (uint32_t i = 0; i < LEAVES; i++)
		at->free_leaf[at->free_leaves++] = LEAVES - i;
}

void shadow_start(void)
{
	shadow = shadow_own;
	make_tables(shadow_own);
	if (has_twin())
		make_tables(shadow_twin);
}
