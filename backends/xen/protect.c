/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/protect.h"

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

static void set_protection(const struct table *pieces, uint64_t gfn, bool on)
{
	uint64_t flags = ENTRY_P | ENTRY_U | ENTRY_A | (on ? 0 : ENTRY_W | ENTRY_D);

	updates_set(pieces->mfn, gfn % TABLE_ENTRIES,
		    machine_memory.p2m[gfn] << PAGE_SHIFT | flags);
	if (on)
		updates_need_flush();
}

/* The pieces of the large page by which the guest maps all memory around `gfn`. */
static struct table *pieces_of(uint64_t gfn)
{
	return table_find((uint32_t)(gfn & ~(TABLE_ENTRIES - UINT64_C(1))), 1, TABLE_SPLIT);
}

void protect_spent(struct table *table, unsigned instructions)
{
	struct table *pieces;

	table->spent += instructions;
	if (table->spent < PRICE)
		return;
	table->spent = 0;
	pieces = pieces_of(table->gfn);
	if (!pieces || writers[table->gfn] != 1)
		return;
	set_protection(pieces, table->gfn, true);
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

void protect_end(uint64_t gfn)
{
	struct table *pieces;

	if (!is_protected(gfn))
		return;
	protect_marks[gfn] &= (uint8_t)~MARK_PROTECTED;
	distrust(gfn, TABLE_PLAIN);
	distrust(gfn, TABLE_USER);
	pieces = pieces_of(gfn);
	if (pieces)
		set_protection(pieces, gfn, false);
}
