/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/tables.h"

#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "backends/xen/protect.h"
#include "backends/xen/stats.h"
#include "backends/xen/updates.h"
#include "vmm/string.h"

#define LINK_SHARE 4 /* so many page tables, one with links */
#define LINK_BYTES (TABLE_ENTRIES * sizeof(struct table *))

struct table *all_tables;
static struct table **spare_links; /* places for links, the first word of each leads to the next */
uint32_t *table_buckets;
static uint64_t fresh;		       /* pages from here on were never tables */
static uint32_t idle_first, idle_last; /* + 1; the longest idle first */

static uint32_t number(const struct table *table)
{
	return (uint32_t)(table - all_tables) + 1;
}

uint64_t tables_heap_bytes(uint64_t pool_pages)
{
	uint64_t links = pool_pages / LINK_SHARE * LINK_BYTES;

	return pool_pages * (sizeof(struct table) + PAGE_SIZE + 8) + links + TABLE_BUCKETS * 4 +
	       1024;
}

static void give_links(struct table **links)
{
	links[0] = (void *)spare_links;
	spare_links = links;
}

static struct table **take_links(void)
{
	struct table **links = spare_links;

	spare_links = (void *)links[0];
	links[0] = NULL;
	return links;
}

void tables_start(void)
{
	uint64_t *seen;

	all_tables = heap_take(machine_memory.pool_pages * sizeof(*all_tables));
	table_buckets = heap_take(TABLE_BUCKETS * sizeof(*table_buckets));
	seen = heap_take(machine_memory.pool_pages * PAGE_SIZE);
	for (uint64_t i = 0; i < machine_memory.pool_pages / LINK_SHARE; i++)
		give_links(heap_take(LINK_BYTES));
	for (uint64_t i = 0; i < machine_memory.pool_pages; i++) {
		all_tables[i].mfn = machine_memory.pool[i];
		all_tables[i].seen = seen + i * TABLE_ENTRIES;
	}
	protect_start();
}

struct table *table_find(uint32_t gfn, unsigned level, enum table_kind kind)
{
	for (struct table *t = table_numbered(*table_bucket(gfn)); t; t = table_numbered(t->next))
		if (t->gfn == gfn && t->level == level && t->kind == kind)
			return t;
	return NULL;
}

/* --- idle ones ------------------------------------------------------------------------- */

static void idle_remove(struct table *table)
{
	struct table *next = table_numbered(table->idle_next),
		     *previous = table_numbered(table->idle_previous);

	*(previous ? &previous->idle_next : &idle_first) = table->idle_next;
	*(next ? &next->idle_previous : &idle_last) = table->idle_previous;
	table->idle_next = table->idle_previous = 0;
}

static void idle_append(struct table *table)
{
	struct table *last = table_numbered(idle_last);

	table->idle_previous = idle_last;
	table->idle_next = 0;
	*(last ? &last->idle_next : &idle_first) = number(table);
	idle_last = number(table);
}

/* Writes to a table of the guest's matter while its copy is part of an address space. */
static void watch(const struct table *table, bool on)
{
	if (table->level == 1 && table->kind == TABLE_SPLIT)
		protect_pieces(table, on);
	if (table->level > 1 || table->kind == TABLE_SPLIT ||
	    table->gfn >= machine_memory.guest_pages)
		return;
	if (on)
		protect_marks[table->gfn] |= MARK_WATCHED;
	else
		protect_marks[table->gfn] &= (uint8_t)~MARK_WATCHED;
}

void table_hold(struct table *table)
{
	if (table->refs++)
		return;
	idle_remove(table);
	watch(table, true);
}

void table_release(struct table *table)
{
	if (--table->refs)
		return;
	idle_append(table);
	watch(table, false);
}

/* --- pages to tables and back ------------------------------------------------------------- */

static const unsigned pin_commands[] = {
	[1] = MMUEXT_PIN_L1_TABLE,
	[2] = MMUEXT_PIN_L2_TABLE,
	[3] = MMUEXT_PIN_L3_TABLE,
	[4] = MMUEXT_PIN_L4_TABLE,
};

static void extended(unsigned command, uint64_t mfn, const char *what)
{
	struct mmuext_op operation = {.cmd = command, .arg1.mfn = mfn};
	long result = xen_mmuext_op(&operation, 1, NULL);

	if (result)
		die_hypercall(what, result);
}

static uint64_t *page_of(const struct table *table)
{
	return (uint64_t *)(LAYOUT_POOL + (uint64_t)(table - all_tables) * PAGE_SIZE);
}

static void map_pool(const struct table *table, uint64_t flags)
{
	long result = xen_update_va_mapping((mword)page_of(table), table->mfn << PAGE_SHIFT | flags,
					    UVMF_INVLPG | UVMF_LOCAL);

	if (result)
		die_hypercall("changing the protection of a page table", result);
}

static void hash_insert(struct table *table)
{
	uint32_t *head = table_bucket(table->gfn);

	table->next = *head;
	*head = number(table);
}

static void hash_remove(struct table *table)
{
	uint32_t *link = table_bucket(table->gfn);

	while (*link != number(table))
		link = &table_numbered(*link)->next;
	*link = table->next;
}

/* Take the table that nobody has needed for longest, if `links` of those with a place for
 * links. Unlinking it may make others idle. */
static struct table *steal(bool links)
{
	struct table *table = table_numbered(idle_first);

	while (table && links && !table->children)
		table = table_numbered(table->idle_next);
	if (!table)
		die("no page for another page table; give the domain more memory", "tables",
		    machine_memory.pool_pages);
	idle_remove(table);
	hash_remove(table);
	shadow_unlink(table);
	updates_do();
	extended(MMUEXT_UNPIN_TABLE, table->mfn, "unpinning a page table");
	map_pool(table, ENTRY_WRITE);
	memset(table->used, 0, sizeof(table->used));
	memset(table->seen, 0, PAGE_SIZE);
	if (table->children)
		give_links(table->children);
	table->children = NULL;
	count(STAT_TABLES_DROPPED);
	return table;
}

static struct table *take_page(unsigned level)
{
	struct table *table;

	if (level > 1 && !spare_links)
		table = steal(true);
	else
		table = fresh < machine_memory.pool_pages ? &all_tables[fresh++] : steal(false);
	if (level > 1)
		table->children = take_links();
	return table;
}

struct table *table_make(uint32_t gfn, unsigned level, enum table_kind kind, mword va,
			 void (*fill)(struct table *table, uint64_t *entries))
{
	struct table *table = take_page(level);

	table->gfn = gfn;
	table->level = (uint8_t)level;
	table->kind = (uint8_t)kind;
	table->kernel = va >> 63;
	table->va = va;
	table->refs = 0;
	table->supervisor = false;
	table->trusted = false;
	table->clean = 0;
	table->spent = 0;
	memset(page_of(table), 0, PAGE_SIZE);
	fill(table, page_of(table));
	map_pool(table, ENTRY_READ);
	extended(pin_commands[level], table->mfn, "pinning a page table");
	hash_insert(table);
	idle_append(table);
	count(STAT_TABLES_MADE);
	return table;
}
