/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_guest.h explains. */
#include "test/unit/xen/fake_guest.h"

#include "backends/xen/memory.h"
#include "vmm/frontend.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

uint8_t fake_ram[GUEST_PAGES * 4096] __attribute__((aligned(4096)));
struct machine_memory machine_memory;
struct watched vmm_watched;
uint64_t fake_spare[256];
unsigned fake_spare_count;
void (*fake_on_store)(uint64_t physical);
static uint64_t next_table, next_frame;
static uint64_t p2m[GUEST_PAGES], pool[4096];
static uint64_t m2p[FRAMES]; /* + 1 */

static uint64_t new_frame(void)
{
	return (next_frame++ * 4099 + 17) % FRAMES;
}

uint64_t memory_frame_of(const void *image)
{
	(void)image; /* one page is asked for */
	return new_frame();
}

static void *heap[4096];
static unsigned heap_count;

void *heap_take(uint64_t bytes)
{
	void *taken = aligned_alloc(64, (bytes + 63) & ~UINT64_C(63));

	assert_true(heap_count < sizeof(heap) / sizeof(heap[0]));
	heap[heap_count++] = taken;
	memset(taken, 0, bytes);
	return taken;
}

/* Of an earlier domain, when many begin in one process. */
static void forget(void)
{
	while (heap_count)
		free(heap[--heap_count]);
	memset(m2p, 0, sizeof(m2p));
	next_frame = fake_spare_count = 0;
}

/* --- the VMM's own tables ------------------------------------------------------------------- */

static void own_leaf(uint64_t root, mword va, uint64_t entry)
{
	uint64_t mfn = root;

	for (unsigned shift = 39; shift > 12; shift -= 9) {
		uint64_t *at = &frames_words[mfn][va >> shift & 511];

		if (!*at)
			*at = new_frame() << PAGE_SHIFT | ENTRY_TABLE;
		mfn = (*at & PTE_ADDR) >> PAGE_SHIFT;
	}
	frames_words[mfn][va >> 12 & 511] = entry;
}

static void map_pool(uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++)
		assert_true(mmap((void *)(LAYOUT_POOL + i * PAGE_SIZE), PAGE_SIZE,
				 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, frames_file,
				 (off_t)(pool[i] << PAGE_SHIFT)) != MAP_FAILED);
}

static uint64_t entry_at(uint64_t mfn, unsigned index)
{
	return frames_words[mfn][index];
}

/* The image's second level, with a page in each of its first tables. */
static void make_tables(uint64_t pages)
{
	uint64_t root = new_frame(), third, second;

	for (uint64_t i = 0; i < GUEST_PAGES; i++)
		own_leaf(root, LAYOUT_RAM | 0xffff800000000000 | i << PAGE_SHIFT,
			 p2m[i] << PAGE_SHIFT | ENTRY_WRITE);
	for (uint64_t i = 0; i < pages; i++)
		own_leaf(root, LAYOUT_POOL | 0xffff800000000000 | i << PAGE_SHIFT,
			 pool[i] << PAGE_SHIFT | ENTRY_WRITE);
	for (unsigned i = 0; i < LAYOUT_WINDOW_L2S; i++)
		own_leaf(root, LAYOUT_VMM + (mword)i * 0x200000 - 0x100000,
			 new_frame() << PAGE_SHIFT | ENTRY_READ);
	machine_memory.root = root;
	machine_memory.slot = entry_at(root, LAYOUT_SLOT);
	third = (entry_at(root, LAYOUT_WINDOW) & PTE_ADDR) >> PAGE_SHIFT;
	second = (entry_at(third, LAYOUT_WINDOW_L3) & PTE_ADDR) >> PAGE_SHIFT;
	memcpy(machine_memory.window, frames_words[second], sizeof(machine_memory.window));
	assert_int_equal(frame_pin(root, 4), 0);
	assert_int_equal(frame_use(root, 4), 0);
	fake_domain.root = root;
}

void fake_guest_start(uint64_t pool_pages)
{
	fake_xen_start();
	forget();
	for (unsigned i = 0; i < GUEST_PAGES; i++) {
		p2m[i] = new_frame();
		m2p[p2m[i]] = i + 1;
	}
	assert_true(pool_pages <= sizeof(pool) / sizeof(pool[0]));
	for (uint64_t i = 0; i < pool_pages; i++)
		pool[i] = new_frame();
	machine_memory = (struct machine_memory){
		.guest_pages = GUEST_PAGES, .p2m = p2m, .pool_pages = pool_pages, .pool = pool};
	make_tables(pool_pages);
	map_pool(pool_pages);
	guest_memory = (struct guest_memory){fake_ram, sizeof(fake_ram)};
	next_table = GUEST_TABLES;
	vcpu = (struct vcpu){.cr0 = CR0_PE | CR0_PG | CR0_WP,
			     .cr4 = CR4_PAE | CR4_PGE,
			     .efer = EFER_LME | EFER_LMA | EFER_NXE};
	vcpu.cr3 = fake_new_table();
}

/* --- the guest's --------------------------------------------------------------------------------
 */

uint64_t *fake_word(uint64_t physical)
{
	return (uint64_t *)(void *)(fake_ram + physical);
}

uint64_t fake_new_table(void)
{
	uint64_t table = next_table;

	if (fake_spare_count)
		table = fake_spare[--fake_spare_count];
	else
		next_table += PAGE_SIZE;
	assert_true(table < GUEST_FRAMES);
	if (fake_on_store)
		fake_on_store(table);
	memset(fake_ram + table, 0, PAGE_SIZE);
	return table;
}

void fake_free_table(uint64_t table)
{
	fake_spare[fake_spare_count++] = table;
}

uint64_t *fake_entry_in(uint64_t root, mword va, unsigned shift)
{
	uint64_t table = root & PTE_ADDR;

	for (unsigned level = 39; level > shift; level -= 9) {
		uint64_t *entry = fake_word(table + (va >> level & 511) * 8);

		if (!*entry) {
			uint64_t new = fake_new_table();

			if (fake_on_store)
				fake_on_store((uint64_t)((uint8_t *)entry - fake_ram));
			*entry = new | PTE_P | PTE_W | PTE_U;
		}
		table = *entry & PTE_ADDR;
	}
	return fake_word(table + (va >> shift & 511) * 8);
}

uint64_t *fake_entry(mword va, unsigned shift)
{
	return fake_entry_in(vcpu.cr3, va, shift);
}

uint64_t fake_guest_frame(uint64_t mfn)
{
	return m2p[mfn] ? (m2p[mfn] - 1) << PAGE_SHIFT : UINT64_MAX;
}
