/* SPDX-License-Identifier: BSD-2-Clause */
/*@230 Page tables for the processor, one for each table of the guest's in use
 *
 * The guest's page tables are plain memory with guest-physical addresses; what the
 * processor walks are copies of them with machine addresses. A copy is known by what it
 * is a copy of: the guest's frame, its level, and a kind. It stays for as long as there
 * is room, also when nothing refers to it any more: a kernel gives the same frames to its next
 * process, and then only what differs needs a hypercall.
 *
 * All pages of the pool that hold tables are pinned (public/xen.h, MMUEXT_PIN_L1_TABLE): Xen has
 * checked them once, and linking them into another table is one update. (Checking a new table costs
 * it 6 to 10 thousand instructions; XenoLinux pays that for each table of each process.)
 */
#ifndef AFTERBURN_BACKENDS_XEN_TABLES_H
#define AFTERBURN_BACKENDS_XEN_TABLES_H

#include "backends/xen/memory.h"
#include "vmm/types.h"

#define TABLE_ENTRIES 512

enum table_kind {
	TABLE_PLAIN,
	TABLE_USER,   /* the half that applications see, of a top-level table, and all below it:
		       * in a frame that the guest used elsewhere before, it shows nothing yet */
	TABLE_WINDOW, /* on the way to the VMM's image, which it has besides the guest's entries */
	TABLE_SPLIT,  /* pieces of a large page: `gfn` is its first frame; full, and never compared
		       */
	TABLE_KINDS
};

#define NO_FRAME UINT32_MAX /* of a guest's table that is not there: a copy of nothing */

/* `seen[i]`: the guest's entry that ours was made of; 0: ours is empty. */
struct table {
	uint32_t gfn;
	uint8_t level, kind;
	bool kernel;	 /* maps the guest's kernel half: always complete */
	bool supervisor; /* top-level: has shown the kernel's pages in the applications' half */
	bool trusted;	 /* the guest's is write-protected, and has been compared (protect.h) */
	uint32_t spent;	 /* instructions, comparing what had not changed */
	uint32_t refs;	 /* entries of other tables that point here, and loaded roots */
	uint32_t next;	 /* in the hash chain, + 1 */
	uint32_t idle_next, idle_previous; /* + 1: in the list of those without refs */
	mword va;			   /* what entry 0 maps, where it was last linked */
	uint64_t mfn;
	uint64_t clean; /* top-level: all below the kernel's half was trusted in this protect_epoch
			 */
	uint64_t used[TABLE_ENTRIES / 64];
	uint64_t *seen;
	struct table **children; /* of links; level 1 has none */
};

/* Bytes of the VMM's heap that tables_start() takes for a pool of so many pages. */
uint64_t tables_heap_bytes(uint64_t pool_pages);
void tables_start(void);

/* NULL: there is none. */
struct table *table_find(uint32_t gfn, unsigned level, enum table_kind kind);

/* Of all tables: those whose number, from 1 on, is in a bucket of `gfn` and in the `next` of
 * others. */
#define TABLE_BUCKETS 4096
extern struct table *all_tables;
extern uint32_t *table_buckets;

static inline struct table *table_numbered(uint32_t n)
{
	return n ? &all_tables[n - 1] : NULL;
}

static inline uint32_t *table_bucket(uint32_t gfn)
{
	return &table_buckets[(gfn ^ gfn >> 12) & (TABLE_BUCKETS - 1)];
}

/* The copies of the guest's table in frame `gfn`: the first one, behind NULL, and so on; NULL: no
 * more. */
static inline struct table *table_of_frame(uint32_t gfn, const struct table *before)
{
	struct table *t = table_numbered(before ? before->next : *table_bucket(gfn));

	while (t && (t->gfn != gfn || t->kind == TABLE_SPLIT))
		t = table_numbered(t->next);
	return t;
}

/* A new one, empty but for what `fill` puts into `entries` (512 words to be hypervisor
 * entries; it sets table->seen and used through table_note()). It may take the place of
 * an idle one. No memory: fatal. */
struct table *table_make(uint32_t gfn, unsigned level, enum table_kind kind, mword va,
			 void (*fill)(struct table *table, uint64_t *entries));

/* Entry `index`: what it was made of. */
static inline void table_note(struct table *table, unsigned index, uint64_t seen)
{
	table->seen[index] = seen;
	if (seen)
		table->used[index / 64] |= BIT(index % 64);
	else
		table->used[index / 64] &= ~BIT(index % 64);
}

/* Count references; without any, a table may be taken for another purpose. */
void table_hold(struct table *table);
void table_release(struct table *table);

/* Called before a table is taken away: it lets go of what it refers to. shadow_link.c's. */
void shadow_unlink(struct table *table);

#endif
