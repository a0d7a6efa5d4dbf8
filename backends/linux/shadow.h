/* SPDX-License-Identifier: BSD-2-Clause */
/* This process's mappings of guest memory, as shadow*.c remember them. */
#ifndef AFTERBURN_BACKENDS_LINUX_SHADOW_H
#define AFTERBURN_BACKENDS_LINUX_SHADOW_H

#include "backends/linux/copies.h"
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "vmm/mmu.h"

#define BLOCK_SHIFT   21
#define BLOCK_SIZE    BIT(BLOCK_SHIFT)
#define BLOCK_PAGES   512
#define BLOCKS	      8192  /* in each half */
#define HASH_SLOTS    16384 /* a power of two, twice BLOCKS */
#define LEAVES	      4096
#define MAPPINGS_MOST 40000 /* below the host's vm.max_map_count of 65530 */

/* rights, in the low bits of an entry */
#define MAY_READ  UINT64_C(1)
#define MAY_WRITE UINT64_C(2)
#define MAY_EXEC  UINT64_C(4)
#define RIGHTS	  UINT64_C(7)
/* no right: the frame's copy is mapped, read-only and executable (copies.h) */
#define SHOWS_COPY UINT64_C(8)

/* What is looked at for one page lies together: after a change of address space each
 * page of ours that is touched costs a miss of the real TLB. */
struct leaf {
	uint64_t used[BLOCK_PAGES / 64];
	uint64_t path; /* the guest's page table (mmu_page_table) of all `guest` below */
	struct {
		uint64_t entry;
		uint64_t guest; /* the guest's entry when this was made of it */
	} page[BLOCK_PAGES];
};

struct block {
	uint64_t number; /* address >> BLOCK_SHIFT */
	uint64_t large;	 /* entry of one 2 MiB mapping, or 0 */
	uint32_t leaf;	 /* index + 1, or 0; then nothing is large */
};

/* Dense, for comparing all of them; found by address through the hash. */
struct half {
	uint32_t count;
	struct block blocks[BLOCKS];
	uint16_t hash[HASH_SLOTS]; /* index + 1; small, for all of it is touched in time */
	mword pieces, pieces_end;  /* see shadow_note_pieces() */
};
_Static_assert(BLOCKS < UINT16_MAX, "an index and one more fits");

struct shadow_tables {
	struct half half[2]; /* the kernel's, the applications' */
	struct leaf leaves[LEAVES];
	uint32_t free_leaf[LEAVES];
	uint32_t free_leaves;
	uint32_t mappings; /* upper bound of the host's, between evictions */
	uint64_t replayed; /* position in kernel_log */
	uint32_t warmed;   /* position in kernel_fills */
	uint64_t last_fault, repeated;
	uint64_t copies_seen; /* copies_generation of the last shadow_catch_up() */
	uint64_t code_seen;   /* position in code.c's log of the last code_catch_up() */
	bool pointers;	      /* LAYOUT_POINTERS are mapped */
};

/* The tables in hand: of this process, or of the one that runs its applications
 * (twin.c), of which there is only an applications' half. */
extern struct shadow_tables *shadow;
extern struct shadow_tables *const shadow_own, *const shadow_twin; /* at fixed addresses */

static inline bool has_twin(void)
{
	return shared->isolation == ISOLATION_PROCESSES;
}

static inline bool of_twin(void)
{
	return shadow == shadow_twin;
}

static inline bool is_user(mword va)
{
	return va < LAYOUT_USER_END;
}

static inline mword block_address(const struct block *block)
{
	return block->number << BLOCK_SHIFT;
}

static inline struct leaf *leaf_of(const struct block *block)
{
	return &shadow->leaves[block->leaf - 1];
}

static inline unsigned page_index(mword va)
{
	return (va >> PAGE_SHIFT) % BLOCK_PAGES;
}

/* --- shadow_tables.c ------------------------------------------------------------ */

/* NULL: nothing is mapped in these 2 MiB. */
struct block *block_find(mword va);

/* The leaf in which the page at `va` is mapped; NULL: it is not. */
struct leaf *leaf_with(mword va);

/* The block of `va`, its leaf: made if need be. Both may have to evict everything
 * for that; what is in hand of other blocks is then void. */
struct block *block_make(mword va);
struct leaf *leaf_make(mword va);
/* Of all pages that are mapped by themselves, in one half. */
void shadow_each_page(bool user, void (*visit)(struct leaf *leaf, unsigned index, mword va));

void block_forget(struct block *block); /* not what it has mapped */
void block_remove(struct block *block); /* the same, and out of the tables */

/* Map [va, va + bytes) to the frame in `entry`, with its rights; `flags`: MAP_POPULATE
 * or 0. When the host has no mapping left, what is easily filled again goes first. So
 * map first, and remember afterwards. */
bool map_guest(mword va, uint64_t bytes, uint64_t entry, int flags);
void unmap_guest(mword va, uint64_t bytes);
/* Other rights for what is mapped. false: the host cannot. */
bool protect_guest(mword va, uint64_t bytes, uint64_t entry);

void evict_user(void);

/* --- shadow_copies.c ------------------------------------------------------------- */

/* The copy to map at `va` instead of the frame, or NULL. */
const struct copy *shadow_copy_for(mword va, const struct translation *translation);
void shadow_showing(mword va, const struct copy *copy); /* it was mapped */

/* [va, va + bytes) was mapped as `entry` says: frames with a copy are not for writing. */
void shadow_protect_run(mword va, uint64_t entry, uint64_t bytes);

/* A write fault in a large mapping, at a page without a copy (any more): true if that was
 * all. */
bool shadow_unprotect(mword va, const struct translation *translation);

/* The guest maps something here: are the gates' pointers in the way? */
void shadow_give_way(mword va, uint64_t bytes);

/* --- shadow_large.c -------------------------------------------------------------- */

/* A fault in a large page of the guest's. false: the host cannot map there. */
bool shadow_fill_large(mword va, const struct translation *translation, bool write);

/* What is mapped at `va` with a large page, as a page's entry; 0: nothing is. */
uint64_t shadow_large_entry(mword va);

/* Before a page at `va` is mapped by itself: a block has a large mapping or a leaf. */
void shadow_drop_large(mword va);

/* The guest's page of 1 << shift bytes is mapped in several pieces, all of which one invlpg
 * drops: those of 1 GiB, and where applications execute (code.h). */
void shadow_note_pieces(mword va, unsigned shift);
bool shadow_in_pieces(mword va); /* perhaps */

/* --- shadow.c -------------------------------------------------------------------- */

/* Addresses that guest translations may be shown at: not the VMM's, not the host's. */
bool shadow_may_map(mword va);

/* For an access of the guest's at `va`: whose tables are in hand until shadow = shadow_own. */
void shadow_choose(gva_t va);

/* What a translation allows, as an entry for guest-physical `frame`. */
uint64_t entry_for(const struct translation *translation, uint64_t frame);

#endif
