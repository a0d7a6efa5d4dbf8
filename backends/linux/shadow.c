/* SPDX-License-Identifier: BSD-2-Clause */
/*@120 Host mappings as a translation look-aside buffer
 *
 * A page that the guest's tables map is mapped into this process when it is first
 * touched, from the file of guest-physical memory, with the rights the guest's entry
 * gives (writable only once the entry is dirty, so that the walker sees first
 * writes). Like a hardware TLB these mappings may be stale until the guest says
 * invlpg or loads CR3: then they are compared with the guest's tables, and what
 * allows more than the tables do is unmapped or protected. Upgrades cost nothing:
 * the next access faults and is filled again.
 *
 * What is mapped is remembered per 2 MiB: one large mapping, or 512 entries in a leaf
 * (address of the frame | rights). Tables and leaves are private to the process, as
 * the mappings are. Leaves are visited in the order of addresses, so that one
 * system call covers neighbours.
 *
 * The kernel's half is the same in all guest address spaces but is filled in each
 * process by itself. Its invalidations are logged (kernel_log) and replayed
 * when a process gets its turn.
 */
#include "backends/linux/host.h"
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#include <linux/errno.h>
#include <linux/mman.h>

#define BLOCK_SHIFT   21
#define BLOCK_SIZE    BIT(BLOCK_SHIFT)
#define BLOCK_PAGES   512
#define BLOCKS	      8192  /* in each half */
#define HASH_SLOTS    16384 /* a power of two, twice BLOCKS */
#define LEAVES	      4096
#define FILL_MOST     16      /* pages around a fault that are mapped with it */
#define RUN_MOST      BIT(30) /* bytes mapped at once where the guest has large pages */
#define MAPPINGS_MOST 40000   /* below the host's vm.max_map_count of 65530 */

/* rights, in the low bits of an entry */
#define MAY_READ  UINT64_C(1)
#define MAY_WRITE UINT64_C(2)
#define MAY_EXEC  UINT64_C(4)
#define RIGHTS	  UINT64_C(7)

struct leaf {
	uint64_t used[BLOCK_PAGES / 64];
	uint64_t entry[BLOCK_PAGES];
	uint64_t guest[BLOCK_PAGES]; /* the guest's entry when this was made of it */
	uint64_t path;		     /* and the page table it was in (mmu_page_table) */
};

struct block {
	uint64_t number; /* address >> BLOCK_SHIFT */
	uint64_t large;	 /* entry of one 2 MiB mapping, or 0 */
	uint32_t leaf;	 /* index + 1, or 0 */
};

/* Dense, for comparing all of them; found by address through the hash. */
struct half {
	uint32_t count;
	struct block blocks[BLOCKS];
	uint32_t hash[HASH_SLOTS]; /* index + 1 */
};

static struct {
	struct half half[2]; /* the kernel's, the applications' */
	struct leaf leaves[LEAVES];
	uint32_t free_leaf[LEAVES];
	uint32_t free_leaves;
	uint32_t mappings; /* upper bound of the host's, between evictions */
	uint64_t replayed; /* position in kernel_log */
	uint64_t last_fault, repeated;
} *const shadow = (void *)LAYOUT_SHADOW;

/* Kernel addresses whose translation is stale, for all processes. */
#define LOG_SIZE 256
static struct {
	uint64_t next;
	uint64_t all; /* position of the last "everything" */
	uint64_t va[LOG_SIZE];
} kernel_log;

/* Gathers neighbouring pages that need the same host call. */
struct batch {
	mword start, end;
	uint64_t rights; /* 0: unmap */
};

/* --- host calls --------------------------------------------------------------- */

static int protection(uint64_t entry)
{
	return (entry & MAY_READ ? PROT_READ : 0) | (entry & MAY_WRITE ? PROT_WRITE : 0) |
	       (entry & MAY_EXEC ? PROT_EXEC : 0);
}

static void evict_user(void);

/* Map [va, va + bytes) to guest-physical `entry`'s frame. When the host has no
 * mapping left, what is easily filled again goes first. */
static void map(mword va, uint64_t bytes, uint64_t entry, int flags)
{
	long result = host_call6(__NR_mmap, (long)va, (long)bytes, protection(entry),
				 MAP_SHARED | MAP_FIXED | flags, FD_RAM, (long)(entry & PTE_ADDR));

	if (result == -ENOMEM) {
		evict_user();
		result = host_call6(__NR_mmap, (long)va, (long)bytes, protection(entry),
				    MAP_SHARED | MAP_FIXED | flags, FD_RAM,
				    (long)(entry & PTE_ADDR));
	}
	if (result < 0)
		end_machine(END_HOST, (int)-result, "mapping guest memory");
	shadow->mappings++;
}

static void unmap(mword va, uint64_t bytes)
{
	long result = host_call2(__NR_munmap, va, bytes);

	if (result < 0)
		end_machine(END_HOST, (int)-result, "unmapping guest memory");
	count(COUNT_UNMAPS);
}

static void batch_flush(struct batch *batch)
{
	if (batch->start == batch->end)
		return;
	if (!batch->rights)
		unmap(batch->start, batch->end - batch->start);
	else if (host_call3(__NR_mprotect, batch->start, batch->end - batch->start,
			    protection(batch->rights)) < 0)
		unmap(batch->start, batch->end - batch->start);
	batch->start = batch->end = 0;
}

static void batch_add(struct batch *batch, mword va, uint64_t bytes, uint64_t rights)
{
	if (batch->end != va || batch->rights != rights) {
		batch_flush(batch);
		batch->start = va;
		batch->rights = rights;
	}
	batch->end = va + bytes;
}

/* --- the tables of blocks ------------------------------------------------------ */

static bool is_user(mword va)
{
	return va < LAYOUT_USER_END;
}

static struct half *half_of(mword va)
{
	return &shadow->half[is_user(va)];
}

/* The place in the hash where the block of `va` is, or would be. */
static uint32_t *block_slot(struct half *half, mword va)
{
	uint64_t number = va >> BLOCK_SHIFT;
	uint32_t at = (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 40) % HASH_SLOTS;

	while (half->hash[at] && half->blocks[half->hash[at] - 1].number != number)
		at = (at + 1) % HASH_SLOTS;
	return &half->hash[at];
}

static struct block *block_find(mword va)
{
	struct half *half = half_of(va);
	uint32_t index = *block_slot(half, va);

	return index ? &half->blocks[index - 1] : NULL;
}

static mword block_address(const struct block *block)
{
	return block->number << BLOCK_SHIFT;
}

static void block_forget(struct block *block)
{
	block->large = 0;
	if (block->leaf)
		shadow->free_leaf[shadow->free_leaves++] = block->leaf;
	block->leaf = 0;
}

static void forget_half(struct half *half)
{
	for (uint32_t i = 0; i < half->count; i++)
		block_forget(&half->blocks[i]);
	half->count = 0;
	__builtin_memset(half->hash, 0, sizeof(half->hash));
}

void shadow_drop_user(void)
{
	unmap(0, LAYOUT_USER_END);
	forget_half(&shadow->half[true]);
	shadow->mappings = 0;
}

static void evict_user(void)
{
	count(COUNT_EVICTIONS);
	shadow_drop_user();
}

/* Everything, also the kernel's half: only the VMM's own stays. */
static void evict_all(void)
{
	evict_user();
	unmap(LAYOUT_KERNEL, LAYOUT_VMM - LAYOUT_KERNEL);
	unmap(LAYOUT_VMM_END, LAYOUT_GUEST_END - LAYOUT_VMM_END);
	forget_half(&shadow->half[false]);
}

static struct block *block_make(mword va)
{
	struct half *half = half_of(va);
	struct block *block = block_find(va);

	if (block)
		return block;
	if (half->count == BLOCKS)
		evict_all();
	block = &half->blocks[half->count];
	*block = (struct block){.number = va >> BLOCK_SHIFT};
	*block_slot(half, va) = ++half->count;
	return block;
}

static struct leaf *leaf_of(const struct block *block)
{
	return &shadow->leaves[block->leaf - 1];
}

static struct leaf *leaf_make(struct block **block)
{
	mword va = block_address(*block);
	struct leaf *leaf;

	if (!(*block)->leaf) {
		if (!shadow->free_leaves) {
			evict_all();
			*block = block_make(va);
		}
		(*block)->leaf = shadow->free_leaf[--shadow->free_leaves];
		leaf = leaf_of(*block);
		leaf->path = 0;
		for (size_t i = 0; i < BLOCK_PAGES / 64; i++)
			leaf->used[i] = 0;
	}
	return leaf_of(*block);
}

/* --- filling --------------------------------------------------------------------- */

/* Addresses that guest translations may be shown at: not the VMM's, not the host's. */
static bool may_map(mword va)
{
	return is_user(va) || (va >= LAYOUT_KERNEL && va < LAYOUT_VMM) ||
	       (va >= LAYOUT_VMM_END && va < LAYOUT_GUEST_END);
}

static uint64_t entry_for(const struct translation *translation, uint64_t frame)
{
	return frame | MAY_READ | (translation->writable && translation->dirty ? MAY_WRITE : 0) |
	       (translation->executable ? MAY_EXEC : 0);
}

/* A read of physical memory that is not there gives all ones, as an empty bus does. */
static void fill_open_bus(mword va, bool write)
{
	long result;

	if (write)
		end_machine(END_GUEST, 0, "write to physical memory that does not exist");
	result = host_call6(__NR_mmap, (long)va, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (result < 0)
		end_machine(END_HOST, (int)-result, "mapping a page");
	__builtin_memset((void *)va, 0xff, PAGE_SIZE);
	host_call3(__NR_mprotect, va, PAGE_SIZE, PROT_READ);
}

static bool same_page_neighbour(mword va, const struct translation *first, mword first_va,
				struct translation *out)
{
	if (!mmu_probe(gva(va), out) || out->shift != PAGE_SHIFT || !(out->entry & PTE_A))
		return false;
	return (out->address.v & PAGE_MASK) - (first->address.v & PAGE_MASK) == va - first_va &&
	       out->writable == first->writable && out->dirty == first->dirty &&
	       out->executable == first->executable;
}

/* One page, and the neighbours behind it that lie side by side in guest-physical
 * memory and were used before. */
static void fill_small(mword va, const struct translation *translation)
{
	struct block *block = block_make(va);
	struct leaf *leaf = leaf_make(&block);
	uint64_t frame = translation->address.v & PAGE_MASK;
	unsigned index = (va >> PAGE_SHIFT) % BLOCK_PAGES, pages = 1;
	struct translation next = *translation;

	leaf->guest[index] = translation->entry;
	if (translation->shift == PAGE_SHIFT)
		while (pages < FILL_MOST && index + pages < BLOCK_PAGES &&
		       frame + (pages + 1) * PAGE_SIZE <= guest_memory.size &&
		       same_page_neighbour(va + pages * PAGE_SIZE, translation, va, &next))
			leaf->guest[index + pages++] = next.entry;
	map(va, pages * PAGE_SIZE, entry_for(translation, frame), MAP_POPULATE);
	for (unsigned i = 0; i < pages; i++) {
		leaf->used[(index + i) / 64] |= BIT((index + i) % 64);
		leaf->entry[index + i] = entry_for(translation, frame + i * PAGE_SIZE);
	}
}

static bool large_neighbour(mword va, uint64_t frame, uint64_t rights)
{
	struct translation next;

	if (!may_map(va) || frame + BLOCK_SIZE > guest_memory.size || !mmu_probe(gva(va), &next))
		return false;
	if (next.shift == PAGE_SHIFT || entry_for(&next, 0) != rights)
		return false;
	return (next.address.v & ~(BLOCK_SIZE - 1)) == frame;
}

static void mark_large(mword va, uint64_t entry)
{
	struct block *block = block_make(va);

	block_forget(block);
	block->large = entry;
}

/* 2 MiB, and as much behind it as the guest maps on with large pages: all
 * memory that the kernel maps linearly becomes a few host mappings. */
static void fill_large(mword va, const struct translation *translation)
{
	uint64_t frame = translation->address.v & ~(BLOCK_SIZE - 1);
	uint64_t rights = entry_for(translation, 0), bytes = BLOCK_SIZE;

	va &= ~(BLOCK_SIZE - 1);
	while (bytes < RUN_MOST && large_neighbour(va + bytes, frame + bytes, rights))
		bytes += BLOCK_SIZE;
	map(va, bytes, frame | rights, 0);
	for (uint64_t at = 0; at < bytes; at += BLOCK_SIZE)
		mark_large(va + at, (frame + at) | rights);
}

/* What the fault needs was mapped already. Once that may be: another process of the
 * machine has changed the tables, or the host has dropped a page. For ever, it is a
 * bug here: say so instead of spinning. */
static void check_progress(mword va, uint64_t entry)
{
	const struct block *block = block_find(va);
	unsigned index = (va >> PAGE_SHIFT) % BLOCK_PAGES;
	bool known = block && block->leaf && leaf_of(block)->used[index / 64] & BIT(index % 64) &&
		     leaf_of(block)->entry[index] == entry;

	shadow->repeated = known && shadow->last_fault == va ? shadow->repeated + 1 : 0;
	shadow->last_fault = va;
	if (shadow->repeated > 64)
		end_machine(END_VMM, 0, "page fault that filling does not resolve");
}

static void fill(mword va, const struct translation *translation, bool write)
{
	uint64_t frame = translation->address.v & PAGE_MASK;
	uint64_t block_frame = translation->address.v & ~(BLOCK_SIZE - 1);

	if (!may_map(va))
		end_machine(END_GUEST, 0, "the guest maps memory at the VMM's addresses");
	if (shadow->mappings > MAPPINGS_MOST)
		evict_user();
	if (frame >= guest_memory.size)
		fill_open_bus(va, write);
	else if (translation->shift > PAGE_SHIFT && block_frame + BLOCK_SIZE <= guest_memory.size)
		fill_large(va, translation);
	else
		fill_small(va, translation);
}

void shadow_fill(gva_t va, const struct translation *translation, bool write)
{
	check_progress(va.v & PAGE_MASK,
		       entry_for(translation, translation->address.v & PAGE_MASK));
	count(COUNT_FILLS);
	fill(va.v & PAGE_MASK, translation, write);
}

/* Before the guest retries an access that its own page-fault handler just made
 * possible: saves the fault of the retry, 1.4 us. */
void shadow_prefill(gva_t va)
{
	struct translation translation;

	if (!is_user(va.v) || !mmu_probe(va, &translation) || !(translation.entry & PTE_A))
		return;
	if (translation.shift != PAGE_SHIFT ||
	    (translation.address.v & PAGE_MASK) + PAGE_SIZE > guest_memory.size)
		return;
	count(COUNT_PREFILLS);
	fill(va.v & PAGE_MASK, &translation, false);
}

/* --- invalidating ---------------------------------------------------------------- */

/* What the guest's tables allow for a mapping now: the same entry with as many or
 * fewer rights, or 0. */
static uint64_t allowed_now(mword va, uint64_t entry, bool large)
{
	struct translation translation;
	uint64_t mask = large ? ~(BLOCK_SIZE - 1) : PAGE_MASK;

	if (!mmu_probe(gva(va), &translation) || (large && translation.shift == PAGE_SHIFT))
		return 0;
	if ((translation.address.v & mask) != (entry & PTE_ADDR))
		return 0;
	return entry & (entry_for(&translation, 0) | ~RIGHTS);
}

/* Accessed bits come and go without any invalidation. */
static bool same_guest_entry(uint64_t a, uint64_t b)
{
	return !((a ^ b) & ~PTE_A);
}

static void compare_page(struct leaf *leaf, unsigned index, mword va, struct batch *batch)
{
	uint64_t had = leaf->entry[index];
	uint64_t now = allowed_now(va, had, false);

	if (now == had)
		return;
	batch_add(batch, va, PAGE_SIZE, now & RIGHTS);
	leaf->entry[index] = now;
	if (!now)
		leaf->used[index / 64] &= ~BIT(index % 64);
}

static void compare_block(struct block *block, struct batch *batch)
{
	mword va = block_address(block);
	struct page_table table;
	struct leaf *leaf;
	bool known;

	if (block->large && allowed_now(va, block->large, true) != block->large) {
		batch_add(batch, va, BLOCK_SIZE, 0);
		block->large = 0;
	}
	if (!block->leaf)
		return;
	leaf = leaf_of(block);
	if (!mmu_page_table(gva(va), &table))
		table.path = 0;
	known = table.path && table.path == leaf->path;
	for (unsigned word = 0; word < BLOCK_PAGES / 64; word++)
		for (uint64_t bits = leaf->used[word]; bits; bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);

			if (known && same_guest_entry(table.entries[index], leaf->guest[index]))
				continue;
			compare_page(leaf, index, va + index * PAGE_SIZE, batch);
			leaf->guest[index] = table.path ? table.entries[index] : 0;
		}
	leaf->path = table.path;
}

static void compare_half(bool user)
{
	struct half *half = &shadow->half[user];
	struct batch batch = {0};

	for (uint32_t i = 0; i < half->count; i++)
		compare_block(&half->blocks[i], &batch);
	batch_flush(&batch);
}

static void compare_one(mword va)
{
	struct block *block = block_find(va);
	struct batch batch = {0};
	unsigned index = (va >> PAGE_SHIFT) % BLOCK_PAGES;

	if (!block)
		return;
	if (block->large)
		compare_block(block, &batch);
	else if (block->leaf && leaf_of(block)->used[index / 64] & BIT(index % 64))
		compare_page(leaf_of(block), index, va & PAGE_MASK, &batch);
	batch_flush(&batch);
}

void shadow_flush_user(void)
{
	compare_half(true);
}

void shadow_flush_page(gva_t va)
{
	if (!is_user(va.v)) {
		kernel_log.va[kernel_log.next % LOG_SIZE] = va.v;
		shadow->replayed = ++kernel_log.next;
	}
	compare_one(va.v);
}

/* What the processor's control bits say about rights may have changed, too: no entry
 * may be taken for compared because the guest's is the same. */
static void doubt_all(struct half *half)
{
	for (uint32_t i = 0; i < half->count; i++)
		if (half->blocks[i].leaf)
			leaf_of(&half->blocks[i])->path = 0;
}

void shadow_flush_kernel(void)
{
	doubt_all(&shadow->half[false]);
	doubt_all(&shadow->half[true]);
	kernel_log.all = ++kernel_log.next;
	shadow->replayed = kernel_log.next;
	compare_half(false);
}

/* What other processes invalidated while this one waited. */
void space_replay(void)
{
	uint64_t at = shadow->replayed;

	shadow->replayed = kernel_log.next;
	if (at < kernel_log.all || kernel_log.next - at > LOG_SIZE) {
		compare_half(false);
		return;
	}
	for (; at < kernel_log.next; at++)
		compare_one(kernel_log.va[at % LOG_SIZE]);
}

void shadow_start(void)
{
	long result = host_call6(__NR_mmap, LAYOUT_SHADOW, sizeof(*shadow), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
				 -1, 0);

	if (result < 0)
		end_machine(END_HOST, (int)-result, "mapping the shadow tables");
	for (uint32_t i = 0; i < LEAVES; i++)
		shadow->free_leaf[shadow->free_leaves++] = LEAVES - i;
}
