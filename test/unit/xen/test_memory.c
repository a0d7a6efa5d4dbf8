/* SPDX-License-Identifier: BSD-2-Clause */
/* How a domain's frames are divided, with the test's program as the VMM's image. */
#include "backends/xen/memory.h"

#include "backends/xen/private.h"
#include "backends/xen/shadow.h"
#include "backends/xen/tables.h"
#include "test/unit/xen/fake_end.h"
#include "test/unit/xen/fake_run.h"
#include "test/unit/xen/fake_xen.h"
#include "vmm/entry.h"
#include "vmm/frontend.h"
#include "vmm/memory.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOW	   256 /* pages below the image */
#define PAGES	   8192
#define PAYLOAD	   77
#define BOOT_PAGES 300 /* behind the payload: the builder's */
#define SHARED	   (FRAMES - 1)
#define RING	   (FRAMES - 2)
#define UPPER	   0xffff800000000000

extern char vmm_text_end[];

start_info_t start_info;
struct watched vmm_watched;
union shared_page shared_page __attribute__((aligned(4096)));
union ring_page console_ring __attribute__((aligned(4096)));
unsigned char vmm_thunks[VMM_THUNK_BYTES] __attribute__((aligned(4096)));

/* Xen's list, in a place of the image for want of a builder's; written before the tables change. */
static uint64_t list[FRAMES] __attribute__((aligned(4096)));
static uint64_t next_table; /* pfn of the builder's next page table */

struct table *shadow_leaf_table(mword va)
{
	(void)va;
	return NULL;
}

void shadow_unlink(struct table *table)
{
	(void)table;
}

static uint64_t pfn_of(const void *image)
{
	return ((mword)image - LAYOUT_BASE) >> PAGE_SHIFT;
}

static uint64_t image_end(void)
{
	return pfn_of(vmm_end + PAGE_SIZE - 1);
}

static uint64_t boot_end(void)
{
	return image_end() + PAYLOAD + BOOT_PAGES;
}

/* --- the domain builder --------------------------------------------------------------------- */

static void boot_leaf(uint64_t root, mword va, uint64_t entry)
{
	uint64_t mfn = root;

	for (unsigned shift = 39; shift > 12; shift -= 9) {
		uint64_t *at = &frames_words[mfn][va >> shift & 511];

		if (!*at)
			*at = list[next_table++] << PAGE_SHIFT | ENTRY_TABLE;
		mfn = *at >> PAGE_SHIFT & (FRAMES - 1);
	}
	frames_words[mfn][va >> 12 & 511] = entry;
}

/* Page tables are mapped read-only. */
static uint64_t boot_tables(void)
{
	uint64_t first = image_end() + PAYLOAD + 1, root;

	next_table = first;
	root = list[next_table++];
	for (uint64_t pfn = 0; pfn < boot_end(); pfn++)
		boot_leaf(root, LAYOUT_VMM - LOW * PAGE_SIZE + pfn * PAGE_SIZE,
			  list[pfn] << PAGE_SHIFT |
				  (pfn < first || pfn > first + 40 ? ENTRY_WRITE : ENTRY_READ));
	assert_true(next_table < first + 40);
	start_info.pt_base = LAYOUT_BASE + (first << PAGE_SHIFT);
	return root;
}

static void domain(uint64_t pages, bool first)
{
	uint64_t root;

	assert_true(image_end() < LAYOUT_WINDOW_L2S * 512);
	fake_xen_start();
	fake_image = (mword)vmm_start;
	fake_image_end = (mword)vmm_end;
	for (uint64_t pfn = 0; pfn < FRAMES - 16; pfn++)
		list[pfn] = (pfn * 4099 + 17) % (FRAMES - 16);
	root = boot_tables();
	for (uint64_t i = 0; i < sizeof(list) / PAGE_SIZE; i++)
		memcpy(frames_words[list[pfn_of(list) + i]], (char *)list + i * PAGE_SIZE,
		       PAGE_SIZE);
	assert_int_equal(frame_pin(root, 4), 0);
	assert_int_equal(frame_use(root, 4), 0);
	fake_domain.root = root;
	start_info.nr_pages = pages;
	start_info.mfn_list = (mword)list;
	start_info.shared_info = (uint64_t)SHARED << PAGE_SHIFT;
	start_info.flags = first ? SIF_INITDOMAIN : 0;
	start_info.console.domU.mfn = RING;
}

/* What the VMM itself uses comes to the test's process with the tables. */
static void show_areas(void)
{
	for (mword at = LAYOUT_HEAP; fake_show(at); at += PAGE_SIZE)
		;
	for (mword at = LAYOUT_LIST; fake_show(at); at += PAGE_SIZE)
		;
}

static void start(uint64_t pages, bool first)
{
	domain(pages, first);
	fake_on_root = show_areas;
	memory_start(LAYOUT_BASE + boot_end() * PAGE_SIZE, 0x1000000, 0x100000,
		     PAYLOAD * PAGE_SIZE);
	tables_start(); /* has its part of the heap */
}

/* --- the tests
 * ------------------------------------------------------------------------------------ */

enum use { FREE, GUEST, POOL, IMAGE, FOREIGN };
static uint8_t uses[FRAMES];

static void use(uint64_t mfn, enum use as)
{
	assert_true(mfn < FRAMES);
	assert_int_equal(uses[mfn], FREE);
	uses[mfn] = (uint8_t)as;
}

/* Each frame has one use at most, and only frames of the domain's have any. */
static void check_uses(void)
{
	memset(uses, FOREIGN, sizeof(uses));
	for (uint64_t pfn = 0; pfn < start_info.nr_pages; pfn++)
		uses[list[pfn]] = FREE;
	for (uint64_t pfn = LOW; pfn < image_end(); pfn++)
		use(list[pfn], IMAGE);
	for (uint64_t i = 0; i < machine_memory.pool_pages; i++)
		use(machine_memory.pool[i], POOL);
	for (uint64_t gfn = 0; gfn < machine_memory.guest_pages; gfn++)
		use(machine_memory.p2m[gfn], GUEST);
	for (mword at = LAYOUT_HEAP | UPPER; fake_walk(at, false).present; at += PAGE_SIZE)
		use(fake_walk(at, false).mfn, IMAGE);
	for (unsigned mfn = 0; mfn < FRAMES; mfn++) /* our tables are nobody's else */
		if (frames[mfn].users && frames[mfn].type != FRAME_WRITABLE)
			use(mfn, IMAGE);
}

static void check_area(mword base, const uint64_t *mfns, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		struct fake_page page = fake_walk((base | UPPER) + i * PAGE_SIZE, false);

		assert_true(page.present && page.writable && !page.executable);
		assert_int_equal(page.mfn, mfns[i]);
	}
	assert_false(fake_walk((base | UPPER) + pages * PAGE_SIZE, false).present);
}

static void every_frame_has_one_use(void **state)
{
	uint64_t payload, kept = 0;

	(void)state;
	start(PAGES, true);
	payload = machine_memory.payload;
	check_uses();
	check_area(LAYOUT_RAM, machine_memory.p2m, machine_memory.guest_pages);
	check_area(LAYOUT_POOL, machine_memory.pool, machine_memory.pool_pages);
	assert_int_equal(guest_memory.size, machine_memory.guest_pages * PAGE_SIZE);
	for (unsigned i = 0; i < LOW; i++)
		assert_int_equal(machine_memory.p2m[i], list[i]);
	assert_int_equal(payload, 0x1000000 >> PAGE_SHIFT); /* behind the kernel */
	for (unsigned i = 0; i < PAYLOAD; i++)
		assert_int_equal(machine_memory.p2m[payload + i], list[image_end() + i]);
	for (uint64_t pfn = 0; pfn < PAGES; pfn++)
		kept += uses[list[pfn]] == FREE;
	assert_true(kept < BOOT_PAGES + 64); /* the rest is lost */
}

static void new_tables_are_in_force(void **state)
{
	(void)state;
	start(PAGES, true);
	assert_int_equal(fake_domain.root, machine_memory.root);
	assert_int_equal(frames_words[machine_memory.root][LAYOUT_SLOT], machine_memory.slot);
	for (unsigned i = 0; i < 512; i++)
		assert_true(i == LAYOUT_SLOT || i == LAYOUT_WINDOW ||
			    !frames_words[machine_memory.root][i]);
	for (unsigned i = 0; i < LAYOUT_WINDOW_L2S; i++) {
		unsigned index;
		uint64_t second = fake_table_at(LAYOUT_VMM, 2, &index);

		assert_int_equal(frames_words[second][i], machine_memory.window[i]);
	}
	for (uint64_t pfn = image_end() + PAYLOAD + 1; pfn < next_table; pfn++)
		assert_true(!frames[list[pfn]].users); /* the builder's */
	assert_int_equal(fake_log.flushes, 0);
}

static struct fake_page in_image(const void *at)
{
	return fake_walk(LAYOUT_VMM + ((mword)at - (mword)vmm_start), false);
}

static void the_image_has_its_rights(void **state)
{
	struct fake_page page;

	(void)state;
	start(PAGES, true);
	page = in_image(vmm_start);
	assert_true(page.present && page.executable && !page.writable);
	assert_int_equal(page.mfn, list[LOW]);
	page = in_image(list);
	assert_true(page.present && page.writable && !page.executable);
	assert_int_equal(memory_frame_of(list), page.mfn);
	page = in_image(vmm_thunks);
	assert_true(page.writable && page.executable);
	assert_int_equal(in_image(&shared_page).mfn, SHARED);
	assert_int_equal(in_image(&console_ring).mfn, memory_frame_of(&console_ring));
	assert_false(fake_walk(LAYOUT_VMM - 1, false).present);
	assert_false(in_image(vmm_end + PAGE_SIZE).present);
}

static void others_have_a_ring(void **state)
{
	(void)state;
	start(PAGES, false);
	assert_int_equal(in_image(&console_ring).mfn, RING);
	assert_int_equal(in_image(&shared_page).mfn, SHARED);
	check_uses();
}

static void failures_are_named(void **state)
{
	(void)state;
	domain(PAGES, true);
	fake_refuse(__HYPERVISOR_mmuext_op, -22, 0);
	assert_ends(memory_start(LAYOUT_BASE + boot_end() * PAGE_SIZE, 0x1000000, 0, PAGE_SIZE),
		    "pinning the VMM's page tables, error 22");
}

static void large_payloads_are_refused(void **state)
{
	(void)state;
	domain(PAGES, true);
	assert_ends(memory_start(LAYOUT_BASE + boot_end() * PAGE_SIZE, PAGES * PAGE_SIZE, 0,
				 PAYLOAD * PAGE_SIZE),
		    "too little memory for kernel and initial RAM disk");
}

static void large_disks_are_refused(void **state)
{
	(void)state;
	domain(PAGES, true);
	assert_ends(memory_start(LAYOUT_BASE + boot_end() * PAGE_SIZE, 0x1000000,
				 (PAGES - 0x1000 - LOW) * PAGE_SIZE, PAYLOAD * PAGE_SIZE),
		    "too little memory for kernel and initial RAM disk");
}

/* Too little, or enough: never something in between. */
static void any_size(void **state)
{
	uint64_t pages = *(const uint64_t *)*state;

	if (!ENDS(start(pages, true))) {
		check_uses();
		return;
	}
	assert_non_null(strstr(fake_reason, "the domain has too little memory for"));
}

#define SIZES 24

static int run_sizes(void)
{
	static uint64_t sizes[SIZES];
	struct CMUnitTest tests[SIZES];

	for (unsigned i = 0; i < SIZES; i++) {
		sizes[i] = boot_end() + i * i * 20 + i % 3;
		tests[i] = (struct CMUnitTest){"any_size", any_size, NULL, NULL, &sizes[i]};
	}
	return fake_run(tests, SIZES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_has_one_use),
		cmocka_unit_test(new_tables_are_in_force),
		cmocka_unit_test(the_image_has_its_rights),
		cmocka_unit_test(others_have_a_ring),
		cmocka_unit_test(failures_are_named),
		cmocka_unit_test(large_payloads_are_refused),
		cmocka_unit_test(large_disks_are_refused),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0])) | run_sizes();
}
