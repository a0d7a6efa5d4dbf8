/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/protect.h"

#include "backends/xen/shadow.h"
#include "backends/xen/stats.h"
#include "backends/xen/updates.h"
#include "vmm/frontend.h"

#define PRICE	  4000 /* instructions */
#define SATURATED UINT8_MAX

uint8_t *protect_marks;
uint64_t protect_epoch = 1;
static uint8_t *writers; /* of guest frames: entries that map it writable */

void protect_start(void)
{
	protect_marks = heap_take(machine_memory.guest_pages);
	writers = heap_take(machine_memory.guest_pages);
	vmm_watched.marks = protect_marks;
	vmm_watched.frames = machine_memory.guest_pages;
}

/* A count that was too high to keep stays so: the frame is compared for ever. */
void protect_writer(uint64_t gfn, bool more)
{
	if (writers[gfn] == SATURATED)
		return;
	if (more)
		writers[gfn]++;
	else
		writers[gfn]--;
}

/* The pieces of a large page are all writable, while somebody shows them. */
void protect_pieces(const struct table *pieces, bool shown)
{
	for (uint64_t gfn = pieces->gfn; gfn < pieces->gfn + (uint64_t)TABLE_ENTRIES; gfn++) {
		if (gfn >= machine_memory.guest_pages)
			return;
		protect_writer(gfn, shown);
		if (shown)
			protect_end(gfn);
	}
}

/* The copy by which the guest maps frame `gfn` among all its memory; NULL: it is not shown. */
static struct table *alias_of(uint64_t gfn)
{
	struct table *alias = NULL;

	if (vmm_watched.direct_map)
		alias = shadow_leaf_table(vmm_watched.direct_map + gfn * PAGE_SIZE);
	if (!alias || (alias->seen[gfn % TABLE_ENTRIES] & PTE_ADDR) >> PAGE_SHIFT != gfn)
		return NULL;
	return alias;
}

/* Is that where it is written? */
static bool is_writable(const struct table *alias, uint64_t gfn)
{
	const uint64_t all = PTE_P | PTE_A | PTE_W | PTE_D;

	return (alias->seen[gfn % TABLE_ENTRIES] & all) == all;
}

static void set_protection(const struct table *alias, uint64_t gfn, bool on)
{
	uint64_t nx = alias->seen[gfn % TABLE_ENTRIES] & PTE_NX;
	uint64_t flags = ENTRY_P | ENTRY_U | ENTRY_A | nx | (on ? 0 : ENTRY_W | ENTRY_D);

	updates_set(alias->mfn, gfn % TABLE_ENTRIES, machine_memory.p2m[gfn] << PAGE_SHIFT | flags);
	if (on)
		updates_need_flush();
}

void protect_spent(struct table *table, unsigned instructions)
{
	struct table *alias;

	table->spent += instructions;
	if (table->spent < PRICE || table->gfn >= machine_memory.guest_pages)
		return;
	table->spent = 0;
	if (!is_protected(table->gfn)) {
		alias = writers[table->gfn] == 1 ? alias_of(table->gfn) : NULL;
		if (!alias || !is_writable(alias, table->gfn))
			return;
		set_protection(alias, table->gfn, true);
		protect_marks[table->gfn] |= MARK_PROTECTED;
		count(STAT_PROTECTED);
	}
	table->trusted = true;
}

/* An alias that is not shown now is written again when it is (shadow_fill()). */
void protect_end_now(uint64_t gfn)
{
	struct table *alias, *table = NULL;

	protect_marks[gfn] &= (uint8_t)~MARK_PROTECTED;
	while ((table = table_of_frame((uint32_t)gfn, table)))
		table->trusted = false;
	protect_epoch++;
	alias = alias_of(gfn);
	if (alias && is_writable(alias, gfn))
		set_protection(alias, gfn, false);
}
