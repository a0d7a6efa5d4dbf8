/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks that must be shown before they are used. */
#include "backends/xen/shadow.h"
#include "backends/xen/shadow_private.h"

#include "backends/xen/updates.h"
#include "vmm/memory.h"

/* Whoever is interrupted must have a stack that is shown: Xen writes to it. Kernels
 * initialise a task's stack before they use it, so it was touched. Others are not: the first
 * ones, which are in the image, at both of its addresses; and those of the processor entry
 * area, so all of the kernel's half that is mapped page by page is shown before an
 * application first runs. */
static struct {
	uint64_t start, end; /* guest-physical */
	mword base;	     /* where it is linked */
} stacks;

void shadow_stacks(gpa_t start, gpa_t end, mword base)
{
	stacks.start = start.v & ~(span(2) - 1);
	stacks.end = end.v;
	stacks.base = base - (start.v - stacks.start);
}

/* Written to, as far as the guest's tables can say. */
static void show_stack(mword va)
{
	struct translation translation;
	mword error;

	if (mmu_translate(gva(va), ACCESS_WRITE, &translation, &error))
		shadow_connect_path(va);
}

static void show_first(void)
{
	for (uint64_t at = stacks.start; at < stacks.end; at += span(2)) {
		show_stack(at);
		show_stack(stacks.base + (at - stacks.start));
	}
	show_stack(0);
}

/* Linux has a table for each of the 64 slots of its vmalloc area: nearly all stay empty. */
static bool is_empty(uint64_t guest)
{
	const uint64_t *entries = memory_at(gpa(guest & PTE_ADDR), PAGE_SIZE);

	for (unsigned i = 0; entries && i < TABLE_ENTRIES; i++)
		if (entries[i] & PTE_P)
			return false;
	return true;
}

static void complete(struct table *table, unsigned first)
{
	for (unsigned i = first; i < TABLE_ENTRIES; i++) {
		uint64_t guest = entry_guest_value(table, i);
		struct table *child;

		if (!entry_leads(table, i, guest) || entry_is_large(table, guest) ||
		    entry_is_fixed(table, i) || (table->level == TOP && is_empty(guest)))
			continue;
		child = shadow_connect(table, i, guest, address_of(table, i));
		if (child->level > 1)
			complete(child, 0);
	}
}

void shadow_show_stacks(void)
{
	show_first();
	complete(shadow_current.kernel, USER_SLOTS);
	updates_do(); /* shadow_enter() may find this space loaded, and nothing that must be done */
}
