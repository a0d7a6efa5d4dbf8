/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/memory.h"

#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "backends/xen/tables.h"
#include "vmm/entry.h"
#include "vmm/memory.h"
#include "vmm/string.h"

#define ENTRIES	     512
#define LOW_PAGES    256 /* below the VMM's image */
#define WINDOW_PAGES (LAYOUT_WINDOW_L2S * ENTRIES)
#define POOL_LEAST   640
#define POOL_SHARE   64 /* one page table for so many pages */

extern char vmm_start[], vmm_text_end[], vmm_end[];

struct machine_memory machine_memory;

/* What is known before our tables are in force. */
static struct {
	const uint64_t *list; /* Xen's: pfn to mfn */
	uint64_t pages;
	uint64_t boot_end; /* pfns below are the builder's */
	uint64_t next;	   /* pfns from here on are taken, downwards */
	uint64_t payload;  /* pfn */
	uint64_t payload_pages;
	uint64_t heap_pages, heap, pool; /* first pfns */
	uint64_t heap_used;		 /* bytes */
} boot;

/* A page of the VMM's image through which others are written. */
static uint8_t scratch[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t buffers[5][ENTRIES];

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static uint64_t entry_of(uint64_t pfn, uint64_t flags)
{
	return boot.list[pfn] << PAGE_SHIFT | flags;
}

/* --- who has which frame ------------------------------------------------------------ */

static uint64_t take_pages(uint64_t count)
{
	if (boot.next < boot.boot_end + count)
		die("the domain has too little memory for its VMM; give it more", "pages",
		    boot.pages);
	boot.next -= count;
	return boot.next;
}

static uint64_t guest_pfn(uint64_t gfn)
{
	uint64_t payload = machine_memory.payload;

	if (gfn < LOW_PAGES)
		return gfn;
	if (gfn >= payload && gfn < payload + boot.payload_pages)
		return boot.payload + (gfn - payload);
	if (gfn >= payload)
		gfn -= boot.payload_pages;
	return boot.boot_end + (gfn - LOW_PAGES);
}

static uint64_t guest_leaf(uint64_t gfn)
{
	return gfn < machine_memory.guest_pages ? entry_of(guest_pfn(gfn), ENTRY_WRITE) : 0;
}

static uint64_t heap_leaf(uint64_t page)
{
	return page < boot.heap_pages ? entry_of(boot.heap + page, ENTRY_WRITE) : 0;
}

static uint64_t pool_leaf(uint64_t page)
{
	return page < machine_memory.pool_pages ? entry_of(boot.pool + page, ENTRY_WRITE) : 0;
}

/* Xen's own list: in its boot memory, which is mapped no more then. */
static uint64_t list_leaf(uint64_t page)
{
	uint64_t first = (start_info.mfn_list - LAYOUT_BASE) >> PAGE_SHIFT;

	return page < pages_of(boot.pages * sizeof(*boot.list)) ? entry_of(first + page, ENTRY_READ)
								: 0;
}

static uint64_t window_leaf(uint64_t page)
{
	mword va = LAYOUT_BASE + page * PAGE_SIZE;

	if (va < (mword)vmm_start || va >= (mword)vmm_end)
		return 0;
	if (va == (mword)&shared_page)
		return start_info.shared_info | ENTRY_WRITE;
	if (va == (mword)&console_ring && !is_dom0())
		return (uint64_t)start_info.console.domU.mfn << PAGE_SHIFT | ENTRY_WRITE;
	if (va < (mword)vmm_text_end)
		return entry_of(page, ENTRY_P | ENTRY_U | ENTRY_A);
	return entry_of(page, va >= (mword)vmm_thunks && va < (mword)vmm_thunks + VMM_THUNK_BYTES
				      ? ENTRY_TABLE | ENTRY_D
				      : ENTRY_WRITE);
}

/* --- page tables, while Xen's are still in force ---------------------------------------- */

static void map_scratch(uint64_t entry)
{
	long result = xen_update_va_mapping((mword)scratch, entry, UVMF_INVLPG);

	if (result)
		die_hypercall("update_va_mapping", result);
}

/* The entry of a new page table with these entries. */
static uint64_t emit(const uint64_t *table)
{
	uint64_t pfn = take_pages(1);

	map_scratch(entry_of(pfn, ENTRY_WRITE));
	memcpy(scratch, table, PAGE_SIZE);
	return entry_of(pfn, ENTRY_TABLE);
}

/* A table of `level` for the leaves from `first` on; 0 if none of them is there. */
static uint64_t build(unsigned level, uint64_t first, uint64_t (*leaf)(uint64_t))
{
	uint64_t *table = buffers[level], any = 0;

	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t at = first + ((uint64_t)i << 9 * (level - 1));

		table[i] = level == 1 ? leaf(at) : build(level - 1, at, leaf);
		any |= table[i];
	}
	return any ? emit(table) : 0;
}

/* Areas of slot LAYOUT_SLOT, by GiB. */
static void build_area(uint64_t *table, mword va, uint64_t pages, uint64_t (*leaf)(uint64_t))
{
	unsigned first = va >> 30 & (ENTRIES - 1);

	for (unsigned i = 0; (uint64_t)i << 18 < pages; i++)
		table[first + i] = build(2, (uint64_t)i << 18, leaf);
}

static uint64_t build_slot(void)
{
	uint64_t *table = buffers[3];

	memset(table, 0, PAGE_SIZE);
	build_area(table, LAYOUT_RAM, machine_memory.guest_pages, guest_leaf);
	build_area(table, LAYOUT_HEAP, boot.heap_pages, heap_leaf);
	build_area(table, LAYOUT_POOL, machine_memory.pool_pages, pool_leaf);
	build_area(table, LAYOUT_LIST, pages_of(boot.pages * sizeof(*boot.list)), list_leaf);
	return emit(table);
}

static uint64_t build_window(void)
{
	uint64_t *second = buffers[2], *third = buffers[3];

	memset(third, 0, PAGE_SIZE);
	for (unsigned i = 0; i < LAYOUT_WINDOW_L2S; i++)
		machine_memory.window[i] = build(1, (uint64_t)i * ENTRIES, window_leaf);
	memset(second, 0, PAGE_SIZE);
	memcpy(second, machine_memory.window, sizeof(machine_memory.window));
	third[LAYOUT_WINDOW_L3] = emit(second);
	return emit(third);
}

static void extended(unsigned command, uint64_t mfn, const char *what)
{
	struct mmuext_op operation = {.cmd = command, .arg1.mfn = mfn};
	long result = xen_mmuext_op(&operation, 1, NULL);

	if (result && what)
		die_hypercall(what, result);
}

static void switch_tables(void)
{
	uint64_t old = boot.list[(start_info.pt_base - LAYOUT_BASE) >> PAGE_SHIFT];
	uint64_t *top = buffers[4];

	machine_memory.slot = build_slot();
	top[LAYOUT_SLOT] = machine_memory.slot;
	top[LAYOUT_WINDOW] = build_window();
	machine_memory.root = emit(top) >> PAGE_SHIFT;
	map_scratch(0);
	extended(MMUEXT_PIN_L4_TABLE, machine_memory.root, "pinning the VMM's page tables");
	extended(MMUEXT_NEW_BASEPTR, machine_memory.root, "loading the VMM's page tables");
	extended(MMUEXT_UNPIN_TABLE, old, NULL); /* domain 0's are not pinned */
}

/* --- the heap ------------------------------------------------------------------------------ */

void *heap_take(uint64_t bytes)
{
	void *taken = (void *)(LAYOUT_HEAP + boot.heap_used);

	boot.heap_used += (bytes + 63) & ~UINT64_C(63);
	if (boot.heap_used > boot.heap_pages * PAGE_SIZE)
		die("the VMM's heap was estimated too small", "bytes", boot.heap_used);
	memset(taken, 0, bytes);
	return taken;
}

uint64_t memory_frame_of(const void *image)
{
	return boot.list[((mword)image - LAYOUT_BASE) >> PAGE_SHIFT];
}

/* --- in order --------------------------------------------------------------------------------- */

/* Page tables take their pages after this; what they may need is left. */
static void divide(void)
{
	struct machine_memory *m = &machine_memory;
	uint64_t tables;

	m->pool_pages = boot.pages / POOL_SHARE + POOL_LEAST;
	boot.heap_pages = pages_of(boot.pages * 10 + tables_heap_bytes(m->pool_pages)) + 2;
	boot.pool = take_pages(m->pool_pages);
	boot.heap = take_pages(boot.heap_pages);
	tables = boot.pages / ENTRIES + boot.pages / ENTRIES / ENTRIES + 32;
	if (boot.next < boot.boot_end + tables)
		take_pages(tables);
	m->guest_pages = LOW_PAGES + (boot.next - tables - boot.boot_end) + boot.payload_pages;
}

static void place_payload(uint64_t kernel_end, uint64_t initrd)
{
	struct machine_memory *m = &machine_memory;
	uint64_t first = pages_of(kernel_end);

	m->payload = first > LOW_PAGES ? first : LOW_PAGES;
	if (m->payload + boot.payload_pages + pages_of(initrd) + 1 > m->guest_pages)
		die("the domain has too little memory for kernel and initial RAM disk; give it "
		    "more",
		    "pages", boot.pages);
}

static void fill_tables(void)
{
	struct machine_memory *m = &machine_memory;

	boot.list = (const uint64_t *)LAYOUT_LIST;
	m->p2m = heap_take(m->guest_pages * sizeof(*m->p2m));
	for (uint64_t gfn = 0; gfn < m->guest_pages; gfn++)
		m->p2m[gfn] = boot.list[guest_pfn(gfn)];
	m->pool = heap_take(m->pool_pages * sizeof(*m->pool));
	for (uint64_t i = 0; i < m->pool_pages; i++)
		m->pool[i] = boot.list[boot.pool + i];
}

void memory_start(mword boot_end, uint64_t kernel_end, uint64_t initrd, uint64_t payload_bytes)
{
	boot.list = (const uint64_t *)start_info.mfn_list;
	boot.pages = boot.next = start_info.nr_pages;
	boot.boot_end = pages_of(boot_end - LAYOUT_BASE);
	boot.payload = pages_of((mword)vmm_end - LAYOUT_BASE);
	boot.payload_pages = pages_of(payload_bytes);
	divide();
	place_payload(kernel_end, initrd);
	switch_tables();
	fill_tables();
	guest_memory.base = (uint8_t *)LAYOUT_RAM;
	guest_memory.size = machine_memory.guest_pages * PAGE_SIZE;
}
