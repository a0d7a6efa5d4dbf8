/* SPDX-License-Identifier: BSD-2-Clause */
/* Invalidation: what is mapped is compared with what the guest's tables say now.
 * shadow.c explains.
 */
#include "backends/linux/shadow.h"

#include "backends/linux/host.h"

/* Kernel addresses whose translation is stale, for all processes. */
#define LOG_SIZE 256
static struct {
	uint64_t next;
	uint64_t all; /* position of the last "everything" */
	uint64_t va[LOG_SIZE];
} kernel_log;

/* Neighbouring pages that need the same host call are one piece; pieces are kept for
 * a while, because it may turn out that all of a half goes, with one call. */
#define PIECES 64
struct piece {
	mword start, end;
	uint64_t rights; /* 0: unmap */
};

struct batch {
	unsigned count;
	struct piece pieces[PIECES];
};

static void do_piece(const struct piece *piece)
{
	mword bytes = piece->end - piece->start;

	if (!piece->rights || !protect_guest(piece->start, bytes, piece->rights))
		unmap_guest(piece->start, bytes);
}

static void batch_flush(struct batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++)
		do_piece(&batch->pieces[i]);
	batch->count = 0;
}

static void batch_add(struct batch *batch, mword va, uint64_t bytes, uint64_t rights)
{
	struct piece *last = &batch->pieces[batch->count - 1];

	if (batch->count && last->end == va && last->rights == rights) {
		last->end += bytes;
		return;
	}
	if (batch->count == PIECES)
		batch_flush(batch);
	batch->pieces[batch->count++] = (struct piece){va, va + bytes, rights};
}

/* What the guest's tables allow for a mapping now: of the same memory, or 0. More
 * than before only where it saves a fault, and never execution, which is looked at
 * when it is asked for. *guest: the entry that this was made of. */
static uint64_t allowed_now(mword va, uint64_t entry, bool large, uint64_t *guest)
{
	struct translation translation;
	uint64_t mask = large ? ~(BLOCK_SIZE - 1) : PAGE_MASK, now;

	*guest = 0;
	if (!mmu_probe(gva(va), &translation) || (large && translation.shift == PAGE_SHIFT))
		return 0;
	*guest = translation.entry;
	if ((translation.address.v & mask) != (entry & PTE_ADDR))
		return 0;
	if (entry & SHOWS_COPY && !shadow_may_copy(&translation))
		return 0;
	now = entry_for(&translation, large ? 0 : entry & PTE_ADDR);
	if (large || (now & MAY_EXEC) || !(translation.entry & PTE_A))
		now &= entry;
	return (entry & ~RIGHTS) | (now & RIGHTS);
}

/* Accessed bits come and go without any invalidation. */
static bool same_guest_entry(uint64_t a, uint64_t b)
{
	return !((a ^ b) & ~PTE_A);
}

/* What the kernel executes is looked at where it is mapped (kernel_code.c). */
static bool maps_anew(mword va, uint64_t entry)
{
	return shared->isolation == ISOLATION_KEYS && !is_user(va) && entry & MAY_EXEC;
}

static void compare_page(struct leaf *leaf, unsigned index, mword va, struct batch *batch)
{
	uint64_t had = leaf->page[index].entry;
	uint64_t now = allowed_now(va, had, false, &leaf->page[index].guest);

	if (now == had)
		return;
	if (maps_anew(va, now))
		now = 0;
	batch_add(batch, va, PAGE_SIZE, now & RIGHTS);
	leaf->page[index].entry = now;
	if (!now)
		leaf->used[index / 64] &= ~BIT(index % 64);
}

/* Less is allowed: it becomes read-only, as by a fork, or goes. Rights to write are not for all
 * of its frames (shadow_large.c). */
static void compare_large(struct block *block, struct batch *batch)
{
	mword va = block_address(block);
	uint64_t guest, now = allowed_now(va, block->large, true, &guest);

	if (now == block->large)
		return;
	if (now & MAY_WRITE || maps_anew(va, now))
		now = 0;
	batch_add(batch, va, BLOCK_SIZE, now & RIGHTS);
	if (now & RIGHTS)
		block->large = now;
	else
		block_forget(block);
}

/* false: nothing of the block is left. */
static bool compare_block(struct block *block, struct batch *batch)
{
	mword va = block_address(block);
	struct page_table table;
	struct leaf *leaf;
	uint64_t left = 0;
	bool known;

	if (block->large)
		compare_large(block, batch);
	if (!block->leaf)
		return block->large;
	leaf = leaf_of(block);
	if (!mmu_page_table(gva(va), &table))
		table.path = 0;
	known = table.path && table.path == leaf->path;
	for (unsigned word = 0; word < BLOCK_PAGES / 64; word++) {
		for (uint64_t bits = leaf->used[word]; bits; bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);

			if (known &&
			    same_guest_entry(table.entries[index], leaf->page[index].guest))
				continue;
			compare_page(leaf, index, va + index * PAGE_SIZE, batch);
		}
		left |= leaf->used[word];
	}
	leaf->path = table.path;
	return left;
}

/* An address space that the guest has cleared goes with one call. */
static void compare_half(bool user)
{
	struct half *half = &shadow->half[user];
	struct batch batch;

	batch.count = 0;
	for (uint32_t i = half->count; i-- > 0;)
		if (!compare_block(&half->blocks[i], &batch))
			block_remove(&half->blocks[i]);
	if (user && !half->count && batch.count > 1) {
		unmap_guest(0, LAYOUT_USER_END);
		shadow->pointers = false;
	} else {
		batch_flush(&batch);
	}
}

static void compare_one(mword va)
{
	struct block *block = block_find(va);
	struct leaf *leaf = leaf_with(va);
	struct batch batch;

	if (shadow_in_pieces(va)) {
		compare_half(is_user(va));
		return;
	}
	batch.count = 0;
	if (block && block->large)
		compare_block(block, &batch);
	else if (leaf)
		compare_page(leaf, page_index(va), va & PAGE_MASK, &batch);
	batch_flush(&batch);
}

/* The twin's mappings as well. */
void shadow_flush_user(void)
{
	compare_half(true);
	if (!has_twin())
		return;
	shadow = shadow_twin;
	compare_half(true);
	shadow = shadow_own;
}

void shadow_flush_page(gva_t va)
{
	if (!is_user(va.v)) {
		kernel_log.va[kernel_log.next % LOG_SIZE] = va.v;
		shadow->replayed = ++kernel_log.next;
	}
	compare_one(va.v);
	if (!has_twin())
		return;
	shadow = shadow_twin;
	compare_one(va.v);
	shadow = shadow_own;
}

/* What the processor's control bits say about rights may have changed, too: no entry
 * may be taken for compared because the guest's is the same. */
static void doubt(struct shadow_tables *tables, bool user)
{
	const struct half *half = &tables->half[user];

	for (uint32_t i = 0; i < half->count; i++)
		if (half->blocks[i].leaf)
			tables->leaves[half->blocks[i].leaf - 1].path = 0;
}

static void doubt_all(void)
{
	doubt(shadow_own, false);
	doubt(shadow_own, true);
	if (has_twin())
		doubt(shadow_twin, true);
}

void shadow_flush_kernel(void)
{
	doubt_all();
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
		doubt_all(); /* applications' halves are compared on the way to the guest */
		compare_half(false);
		return;
	}
	for (; at < kernel_log.next; at++)
		compare_one(kernel_log.va[at % LOG_SIZE]);
}
