/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the shadow tables share; nobody else includes this.
 *
 *      shadow_entry.c    what an entry of ours should be, by the guest's
 *      shadow_link.c     tables linked to tables
 *      shadow_compare.c  in step again when the guest invalidates
 *      shadow_stack.c    stacks that must be shown before they are used
 *      shadow.c          faults, annotated writes, address spaces
 */
#ifndef AFTERBURN_BACKENDS_XEN_SHADOW_PRIVATE_H
#define AFTERBURN_BACKENDS_XEN_SHADOW_PRIVATE_H

#include "backends/xen/layout.h"
#include "backends/xen/memory.h"
#include "backends/xen/tables.h"
#include "vmm/mmu.h"

#define USER_SLOTS 256 /* of the top-level table: the lower half */
#define TOP	   4

/* The pair of an address space. */
struct space {
	struct table *kernel, *user;
};

extern struct space shadow_current; /* what the guest loaded */
extern struct space shadow_loaded;  /* what Xen knows */

static inline unsigned index_of(mword va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & (TABLE_ENTRIES - 1);
}

static inline mword span(unsigned level)
{
	return PAGE_SIZE << 9 * (level - 1);
}

/* What entry `index` maps, canonical. */
static inline mword address_of(const struct table *table, unsigned index)
{
	mword va = table->va + index * span(table->level);

	return (mword)((int64_t)(va << 16) >> 16);
}

static inline bool is_kernel(mword va)
{
	return va >> 63;
}

/* --- shadow_entry.c -------------------------------------------------------------------- */

void entry_start(void);

/* The guest's table of which `table`, no TABLE_SPLIT, is a copy, 512 entries: zeros if it is no
 * memory. */
const uint64_t *entry_guests(const struct table *table);
/* One of them, to be written; NULL if it is no memory. */
uint64_t *entry_guest(const struct table *table, unsigned index);
/* Its value, also of a piece of a large page. */
uint64_t entry_guest_value(const struct table *table, unsigned index);

/* Of level 1: would ours be present; what it is (0: nothing), which depends on what is protected;
 * and entry `index` is made of `guest`, or empty (0), from now on. */
bool entry_is_shown(uint64_t guest);
uint64_t entry_leaf(uint64_t guest);
void entry_note(struct table *table, unsigned index, uint64_t guest);

/* Of upper levels: does the guest's lead anywhere; to pieces of a large page; what ours is, and
 * what is remembered of the guest's. */
bool entry_leads(const struct table *parent, unsigned index, uint64_t guest);
bool entry_is_large(const struct table *parent, uint64_t guest);
uint64_t entry_link(const struct table *parent, uint64_t guest, const struct table *child);
uint64_t entry_link_seen(const struct table *parent, uint64_t guest);

/* On the way to the VMM's image, where ours is present always; and the VMM's alone. */
bool entry_is_window(const struct table *parent, unsigned index);
bool entry_is_fixed(const struct table *table, unsigned index);

/* --- shadow_link.c --------------------------------------------------------------------- */

/* The copy of a table, found or made; make entry `index` of `parent` lead where the guest's,
 * `guest`, leads; or nowhere. */
struct table *shadow_make(uint32_t gfn, unsigned level, enum table_kind kind, mword va);
struct table *shadow_connect(struct table *parent, unsigned index, uint64_t guest, mword va);
void shadow_cut(struct table *parent, unsigned index);

/* --- shadow_compare.c ------------------------------------------------------------------ */

/* All that `table` shows, and what it leads to, allows no more than the guest's tables. true: and
 * none of these can change unseen. */
bool shadow_compare(struct table *table);

/* The address space that is loaded now: the applications' half, and all that `before` showed of
 * the kernel's. */
void shadow_compare_space(const struct table *before);

/* --- shadow_stack.c -------------------------------------------------------------------- */

/* Before an application first runs, at each CR3 load. */
void shadow_show_stacks(void);

/* --- shadow.c -------------------------------------------------------------------------- */

/* The level-1 table for `va`, connected; NULL: the guest's tables do not lead there. */
struct table *shadow_connect_path(mword va);

#endif
