/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/protect.h"

#include "backends/xen/shadow.h"
#include "backends/xen/stats.h"
#include "backends/xen/updates.h"
#include "vmm/frontend.h"

#define PRICE	  4000 /* instructions */
#define SATURATED UINT8_MAX

uint8_t *protect_marks;
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
	if (table->spent < PRICE)
		return;
	table->spent = 0;
	alias = writers[table->gfn] == 1 ? alias_of(table->gfn) : NULL;
	if (!alias)
		return;
	set_protection(alias, table->gfn, true);
	protect_marks[table->gfn] |= MARK_PROTECTED;
	table->trusted = true;
	count(STAT_PROTECTED);
}

static void distrust(uint64_t gfn, enum table_kind kind)
{
	struct table *table = table_find((uint32_t)gfn, 1, kind);

	if (table)
		table->trusted = false;
}

/* An alias that is not shown now is written again when it is (shadow_fill()). */
void protect_end(uint64_t gfn)
{
	struct table *alias;

	if (!is_protected(gfn))
		return;
	protect_marks[gfn] &= (uint8_t)~MARK_PROTECTED;
	distrust(gfn, TABLE_PLAIN);
	distrust(gfn, TABLE_USER);
	alias = alias_of(gfn);
	if (alias && alias->seen[gfn % TABLE_ENTRIES] & PTE_W)
		set_protection(alias, gfn, false);
}
