/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables linked to tables, as the guest's are; on the way to the VMM's image always. */
#include "backends/xen/shadow_private.h"

#include "backends/xen/protect.h"
#include "backends/xen/updates.h"
#include "vmm/memory.h"
#include "vmm/string.h"

/* --- making tables ------------------------------------------------------------------------- */

static void link_to(struct table *parent, unsigned index, struct table *child)
{
	table_hold(child);
	parent->children[index] = child;
}

static struct table *window_child(unsigned level)
{
	return shadow_make(NO_FRAME, level, TABLE_WINDOW,
			   level == 3 ? UINT64_C(0xffffff8000000000) : LAYOUT_BASE);
}

static void fill_leaves(struct table *table, uint64_t *entries)
{
	if (!table->kernel && table->kind != TABLE_SPLIT)
		return;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t guest = entry_guest_value(table, i);

		if (table->kind == TABLE_SPLIT &&
		    (guest & PTE_ADDR) >> PAGE_SHIFT >= machine_memory.guest_pages)
			continue;
		if (!entry_is_shown(guest))
			continue;
		entry_note(table, i, guest);
		entries[i] = entry_leaf(guest);
	}
}

static void fill_window(struct table *table, uint64_t *entries)
{
	if (table->level == 2) {
		memcpy(entries, machine_memory.window, sizeof(machine_memory.window));
		return;
	}
	if (table->level == 3) {
		struct table *child = window_child(2);

		link_to(table, LAYOUT_WINDOW_L3, child);
		entries[LAYOUT_WINDOW_L3] = child->mfn << PAGE_SHIFT | ENTRY_TABLE;
	}
}

/* Until the guest's own entry is seen, the way to the image leads through copies of nothing. */
static void fill_top(struct table *table, uint64_t *entries)
{
	struct table *child;

	if (table->kind == TABLE_USER)
		return;
	child = window_child(3);
	link_to(table, LAYOUT_WINDOW, child);
	entries[LAYOUT_WINDOW] = child->mfn << PAGE_SHIFT | ENTRY_TABLE;
	entries[LAYOUT_SLOT] = machine_memory.slot;
}

static void fill(struct table *table, uint64_t *entries)
{
	if (table->level == 1)
		fill_leaves(table, entries);
	else if (table->level == TOP)
		fill_top(table, entries);
	else if (table->kind == TABLE_WINDOW)
		fill_window(table, entries);
}

struct table *shadow_make(uint32_t gfn, unsigned level, enum table_kind kind, mword va)
{
	struct table *table = table_find(gfn, level, kind);

	return table ? table : table_make(gfn, level, kind, va, fill);
}

/* --- links ------------------------------------------------------------------------------------ */

static enum table_kind child_kind(const struct table *parent, unsigned index, uint64_t guest)
{
	bool user = parent->level == TOP ? index < USER_SLOTS : parent->kind == TABLE_USER;

	if (entry_is_large(parent, guest))
		return TABLE_SPLIT;
	if (user)
		return TABLE_USER;
	return entry_is_window(parent, index) ? TABLE_WINDOW : TABLE_PLAIN;
}

/* Of a large page the first frame: below is PAT. What is no memory is all alike. */
static uint32_t child_gfn(const struct table *parent, uint64_t guest)
{
	uint64_t below = entry_is_large(parent, guest) ? span(parent->level) - 1 : 0;
	uint64_t gfn = (guest & PTE_ADDR & ~below) >> PAGE_SHIFT;

	return gfn < machine_memory.guest_pages ? (uint32_t)gfn : NO_FRAME;
}

static void let_go(struct table *parent, unsigned index)
{
	struct table *child = parent->children[index];

	if (child)
		table_release(child);
	parent->children[index] = NULL;
	table_note(parent, index, 0);
}

/* Entry `index` goes. The VMM's image stays reachable. */
void shadow_cut(struct table *parent, unsigned index)
{
	let_go(parent, index);
	if (entry_is_window(parent, index)) {
		struct table *child = window_child(parent->level - 1u);

		link_to(parent, index, child);
		updates_set(parent->mfn, index, child->mfn << PAGE_SHIFT | ENTRY_TABLE);
	} else {
		updates_set(parent->mfn, index, 0);
	}
	updates_need_flush();
}

static void protect_end_of(const struct table *table)
{
	if (table->gfn < machine_memory.guest_pages)
		protect_end(table->gfn);
}

void shadow_unlink(struct table *table)
{
	if (table->kind != TABLE_SPLIT)
		protect_end_of(table);
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (table->level > 1)
			let_go(table, i);
		else
			entry_note(table, i, 0);
}

/* Make entry `index` say what the guest's, `guest`, present, says now. */
struct table *shadow_connect(struct table *parent, unsigned index, uint64_t guest, mword va)
{
	uint64_t seen = entry_link_seen(parent, guest);
	enum table_kind kind = child_kind(parent, index, guest);
	bool another = parent->seen[index];
	struct table *child;

	if (parent->seen[index] == seen)
		return parent->children[index];
	child = shadow_make(child_gfn(parent, guest), parent->level - 1u, kind,
			    va & ~(span(parent->level) - 1));
	table_hold(child); /* it may be the one that is let go */
	let_go(parent, index);
	parent->children[index] = child;
	child->va = va & ~(span(parent->level) - 1);
	table_note(parent, index, seen);
	protect_epoch++;
	updates_set(parent->mfn, index, entry_link(parent, guest, child));
	if (another)
		updates_need_flush();
	shadow_compare(child);
	return child;
}
