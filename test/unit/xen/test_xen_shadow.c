/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of the guest's page tables under Xen: what the processor sees, and when. */
#include "backends/xen/memory.h"
#include "backends/xen/shadow.h"
#include "backends/xen/stats.h"
#include "test/unit/xen/fake_shadow.h"
#include "vmm/backend.h"
#include "vmm/vcpu.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define USER   UINT64_C(0x400000)
#define KERNEL UINT64_C(0xffff888000000000)
#define IMAGE  UINT64_C(0xffffffff81000000) /* beside the VMM's */

#define TABLE (PTE_P | PTE_W | PTE_U | PTE_A)
#define USED  (PTE_P | PTE_A)
#define WRITE (PTE_W | PTE_D)

#define BLOCK UINT64_C(0x200000)

static int setup(void **state)
{
	(void)state;
	fake_shadow_start(256, 0);
	return 0;
}

static void guest_maps(mword va, uint64_t at, uint64_t flags)
{
	*fake_entry(va, 12) = at | flags;
}

static void assert_sees(mword va, bool user, uint64_t at)
{
	struct fake_page page = fake_sees(va, user);

	assert_true(page.present);
	assert_int_equal(fake_guest_frame(page.mfn), at);
}

static void assert_nothing(mword va)
{
	assert_false(fake_sees(va, false).present);
	assert_false(fake_sees(va, true).present);
}

static void flush_page(mword va)
{
	backend_flush_page(gva(va));
	fake_resume(0);
}

static void flush_all(bool global)
{
	backend_flush_all(global);
	fake_resume(0);
}

/* --- what is always there ------------------------------------------------------------------- */

static void the_vmm_stays(void **state)
{
	uint64_t *top, *third, other;

	(void)state;
	assert_vmm_is_there();
	guest_maps(IMAGE, fake_frame(1), USED | WRITE);
	assert_true(fake_touch(IMAGE, ACCESS_WRITE));
	assert_vmm_is_there();
	assert_sees(IMAGE, false, fake_frame(1));
	top = fake_entry(IMAGE, 39), third = fake_entry(IMAGE, 30);
	other = fake_new_table();
	*third = other | TABLE; /* another second level */
	flush_all(true);
	assert_vmm_is_there();
	assert_nothing(IMAGE);
	*third = 0;
	flush_all(true);
	assert_vmm_is_there();
	*third = other | TABLE;
	guest_maps(IMAGE, fake_frame(2), USED);
	assert_true(fake_touch(IMAGE, ACCESS_READ));
	assert_vmm_is_there();
	*top = 0;
	flush_all(true);
	assert_vmm_is_there();
	assert_nothing(IMAGE);
	*top = fake_new_table() | TABLE;
	flush_all(true);
	guest_maps(IMAGE, fake_frame(3), USED);
	assert_true(fake_touch(IMAGE, ACCESS_READ));
	assert_vmm_is_there();
	for (unsigned i = 0; i < 3; i++) {
		fake_load(fake_new_table());
		fake_resume(0);
		assert_vmm_is_there();
		assert_nothing(IMAGE);
	}
}

static void large_pages_do_not_hide_it(void **state)
{
	(void)state;
	guest_maps(IMAGE, fake_frame(1), USED | WRITE);
	assert_true(fake_touch(IMAGE, ACCESS_WRITE));
	*fake_entry(IMAGE, 30) = USED | WRITE | PTE_PS; /* 1 GiB, around the VMM */
	flush_all(true);
	fake_load(vcpu.cr3);
	fake_resume(0);
	assert_vmm_is_there();
	assert_nothing(IMAGE);
}

/* Nor does anything that the guest has there, on any level, get into its way. */
static void the_guest_cannot_reach_it(void **state)
{
	uint64_t before = fake_walk(LAYOUT_VMM, false).mfn;

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		guest_maps(LAYOUT_VMM + i * BLOCK / 2, fake_frame(i), USED | WRITE);
	guest_maps(LAYOUT_RAM | 0xffff800000000000, fake_frame(20), USED | WRITE);
	flush_all(true);
	fake_load(vcpu.cr3);
	fake_resume(0);
	assert_int_equal(fake_walk(LAYOUT_VMM, false).mfn, before);
	assert_int_equal(fake_walk(LAYOUT_RAM | 0xffff800000000000, false).mfn,
			 machine_memory.p2m[0]);
	assert_vmm_is_there();
}

static void touch_other(mword va)
{
	struct translation translation;
	mword error;

	guest_maps(va, fake_frame(1), USED);
	assert_true(mmu_translate(gva(va), ACCESS_READ, &translation, &error));
	assert_ends(shadow_fill(gva(va), &translation, false),
		    "the VMM's part of the address space");
	fake_load(vcpu.cr3);
	fake_resume(0);
}

/* Nor Xen's own slots: it would refuse the entry. */
static void using_other_parts_is_an_end(void **state)
{
	(void)state;
	touch_other(LAYOUT_POOL | 0xffff800000000000);
	touch_other(LAYOUT_VMM);
	touch_other(0xffff800000000000);
	touch_other(0xffff87fffffff000);
	assert_vmm_is_there();
}

static void applications_have_no_kernel(void **state)
{
	(void)state;
	guest_maps(KERNEL, fake_frame(0), USED | WRITE | PTE_U);
	guest_maps(USER, fake_frame(1), USED | WRITE | PTE_U);
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_false(fake_sees(KERNEL, true).present);
	assert_sees(USER, true, fake_frame(1));
	assert_sees(USER, false, fake_frame(1));
	assert_vmm_is_there();
	assert_ends(fake_touch(KERNEL, ACCESS_USER), "a page in the kernel's half: not modelled");
}

/* --- rights -------------------------------------------------------------------------------------
 */

static void rights_are_the_leafs(void **state)
{
	static const struct {
		uint64_t flags;
		mword access;
		bool writable, executable;
	} cases[] = {
		{PTE_P, ACCESS_READ, false, true},
		{PTE_P | PTE_W, ACCESS_READ, false, true}, /* the guest wants to see D */
		{PTE_P | PTE_W, ACCESS_WRITE, true, true},
		{USED | WRITE, ACCESS_READ, true, true},
		{PTE_P | WRITE | PTE_NX, ACCESS_READ, true, false},
		{PTE_P | PTE_NX, ACCESS_READ, false, false},
		{USED | PTE_D, ACCESS_READ, false, true},
		{USED | WRITE | PTE_PWT | PTE_PCD | PTE_PS | PTE_G, ACCESS_READ, true, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned user = 0; user < 2; user++) {
			mword va = (user ? USER : KERNEL) + i * 16 * PAGE_SIZE;
			struct fake_page page;

			guest_maps(va, fake_frame(i), cases[i].flags | (user ? PTE_U : 0));
			assert_true(fake_touch(va, cases[i].access | (user ? ACCESS_USER : 0)));
			page = fake_sees(va, user);
			assert_int_equal(page.writable, cases[i].writable);
			assert_int_equal(page.executable, cases[i].executable);
			assert_int_equal(fake_guest_frame(page.mfn), fake_frame(i));
			assert_true(*fake_entry(va, 12) & PTE_A);
		}
}

static void writing_makes_dirty_first(void **state)
{
	(void)state;
	guest_maps(USER, fake_frame(0), PTE_P | PTE_W | PTE_U);
	assert_true(fake_touch(USER, ACCESS_USER));
	assert_false(*fake_entry(USER, 12) & PTE_D);
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_true(*fake_entry(USER, 12) & PTE_D);
	assert_true(fake_sees(USER, true).writable);
}

static void upper_levels_restrict(void **state)
{
	(void)state;
	for (unsigned shift = 21; shift <= 39; shift += 9) {
		mword va = USER + (mword)shift * BIT(39);

		guest_maps(va, fake_frame(shift), USED | WRITE | PTE_U);
		*fake_entry(va, shift) &= ~PTE_W;
		assert_true(fake_touch(va, ACCESS_USER));
		assert_false(fake_touch(va, ACCESS_USER | ACCESS_WRITE));
		*fake_entry(va, shift) |= PTE_W | PTE_NX;
		assert_true(fake_touch(va, ACCESS_USER | ACCESS_WRITE)); /* more: at once */
		flush_page(va);
		assert_false(fake_sees(va, true).executable);
		assert_false(fake_touch(va, ACCESS_USER | ACCESS_FETCH));
		*fake_entry(va, shift) &= ~PTE_NX;
		assert_true(fake_touch(va, ACCESS_USER | ACCESS_FETCH));
		*fake_entry(va, shift) &= ~PTE_W;
		flush_page(va);
		assert_false(fake_sees(va, true).writable);
		assert_true(fake_touch(va, ACCESS_USER));
	}
}

static void neighbours_come_along(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++)
		guest_maps(USER + i * PAGE_SIZE, fake_frame(i), PTE_P | PTE_W | PTE_U);
	guest_maps(USER + 1 * PAGE_SIZE, fake_frame(1), PTE_P | PTE_W); /* the kernel's */
	guest_maps(USER + 2 * PAGE_SIZE, 0, 0);
	assert_true(fake_touch(USER + 4 * PAGE_SIZE, ACCESS_USER));
	for (unsigned i = 0; i < 8; i++) {
		bool comes = i != 1 && i != 2;

		assert_int_equal(fake_sees(USER + i * PAGE_SIZE, true).present, comes);
		assert_int_equal((*fake_entry(USER + i * PAGE_SIZE, 12) & PTE_A) != 0, comes);
		assert_false(fake_sees(USER + i * PAGE_SIZE, true).writable);
	}
	assert_nothing(USER + 8 * PAGE_SIZE);
	assert_int_equal(fake_log.by_number[__HYPERVISOR_mmu_update], 1);
}

/* --- large pages --------------------------------------------------------------------------------
 */

static void large_pages_are_split(void **state)
{
	uint64_t *entry = fake_entry(USER, 21);

	(void)state;
	*entry = BLOCK | PTE_P | PTE_W | PTE_U | PTE_PS;
	assert_true(fake_touch(USER + 5 * PAGE_SIZE, ACCESS_USER));
	assert_true(*entry & PTE_A);
	assert_false(*entry & PTE_D);
	assert_sees(USER + 5 * PAGE_SIZE, true, BLOCK + 5 * PAGE_SIZE);
	assert_sees(USER + 511 * PAGE_SIZE, true, BLOCK + 511 * PAGE_SIZE); /* one fault for all */
	assert_false(fake_sees(USER, true).writable);
	assert_true(fake_touch(USER + 6 * PAGE_SIZE, ACCESS_USER | ACCESS_WRITE));
	assert_true(*entry & PTE_D);
	assert_true(fake_touch(USER + 7 * PAGE_SIZE, ACCESS_USER | ACCESS_WRITE));
	*entry |= PTE_NX;
	*entry &= ~PTE_W;
	flush_page(USER + 9 * PAGE_SIZE); /* any address in it */
	assert_false(fake_sees(USER, true).writable);
	assert_false(fake_sees(USER, true).executable);
	*entry = 0;
	flush_page(USER);
	assert_nothing(USER + 5 * PAGE_SIZE);
}

static void pieces_are_shared(void **state)
{
	uint64_t made;

	(void)state;
	*fake_entry(KERNEL, 21) = BLOCK | USED | WRITE | PTE_PS;
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	made = stats[STAT_TABLES_MADE];
	*fake_entry(KERNEL + BLOCK, 21) = BLOCK | USED | PTE_W | PTE_PS | PTE_NX;
	assert_true(fake_touch(KERNEL + BLOCK, ACCESS_READ));
	assert_int_equal(stats[STAT_TABLES_MADE], made);
	assert_true(fake_sees(KERNEL, false).writable);
	assert_true(fake_sees(KERNEL, false).executable);
	assert_false(fake_sees(KERNEL + BLOCK, false).writable);
	assert_false(fake_sees(KERNEL + BLOCK, false).executable);
	assert_sees(KERNEL + BLOCK + 3 * PAGE_SIZE, false, BLOCK + 3 * PAGE_SIZE);
}

/* Bit 12 of a large page's entry is no address but PAT (SDM 3A table 4-17). */
static void large_pages_have_a_cache_type(void **state)
{
	(void)state;
	*fake_entry(USER, 21) = BLOCK | BIT(12) | USED | WRITE | PTE_U | PTE_PS;
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_sees(USER, true, BLOCK);
	assert_sees(USER + PAGE_SIZE, true, BLOCK + PAGE_SIZE);
}

/* 1 GiB: more than there is, the rest is no memory. */
static void huge_pages_are_split_twice(void **state)
{
	mword va = UINT64_C(0x40000000);

	(void)state;
	*fake_entry(va, 30) = USED | WRITE | PTE_U | PTE_PS;
	assert_true(fake_touch(va + BLOCK, ACCESS_USER | ACCESS_WRITE));
	assert_sees(va + BLOCK + PAGE_SIZE, true, BLOCK + PAGE_SIZE);
	assert_true(fake_touch(va + 300 * BLOCK, ACCESS_USER));
	assert_int_equal(fake_guest_frame(fake_sees(va + 300 * BLOCK, true).mfn), UINT64_MAX);
}

/* The processor would refuse such entries: so do we, wherever they point. */
static void reserved_bits_show_nothing(void **state)
{
	mword va = KERNEL + 16 * BLOCK;

	(void)state;
	guest_maps(va, fake_frame(0), USED | WRITE);
	guest_maps(va + PAGE_SIZE, fake_frame(1) | BIT(46), USED | WRITE);
	assert_true(fake_touch(va, ACCESS_WRITE));
	assert_nothing(va + PAGE_SIZE);
	for (unsigned shift = 21; shift <= 39; shift += 9) {
		uint64_t *entry = fake_entry(va, shift), kept = *entry;

		*entry |= BIT(44); /* beyond 32 bits of frame number */
		flush_all(true);
		assert_nothing(va);
		*entry = kept | BIT(50);
		flush_all(true);
		assert_nothing(va);
		assert_false(fake_touch(va, ACCESS_READ));
		*entry = kept;
		flush_all(true);
		assert_true(fake_touch(va, ACCESS_READ));
	}
	*fake_entry(va, 21) = BLOCK | BIT(13) | USED | PTE_PS;
	flush_all(true);
	assert_nothing(va);
	assert_vmm_is_there();
}

/* --- when ----------------------------------------------------------------------------------- */

static void annotated_writes_save_faults(void **state)
{
	(void)state;
	guest_maps(KERNEL, fake_frame(0), USED | WRITE);
	guest_maps(USER, fake_frame(1), USED | WRITE | PTE_U);
	assert_true(fake_touch(KERNEL, ACCESS_READ));
	assert_true(fake_touch(USER, ACCESS_USER));
	fake_resume(0);
	fake_write(fake_entry(KERNEL + 9 * PAGE_SIZE, 12), fake_frame(2) | USED | WRITE);
	fake_write(fake_entry(USER + 9 * PAGE_SIZE, 12), fake_frame(3) | USED | PTE_U);
	fake_write(fake_entry(USER + 19 * PAGE_SIZE, 12), fake_frame(4) | PTE_P | PTE_U);
	fake_write(fake_entry(USER + 29 * PAGE_SIZE, 12), fake_frame(5) | USED);
	fake_resume(0);
	assert_sees(KERNEL + 9 * PAGE_SIZE, false, fake_frame(2));
	fake_leave();
	assert_sees(USER + 9 * PAGE_SIZE, true, fake_frame(3));
	assert_nothing(USER + 19 * PAGE_SIZE); /* the guest would miss the accessed bit */
	assert_nothing(USER + 29 * PAGE_SIZE); /* the kernel's page: when it is touched */
}

static void a_batch_of_writes_is_one_hypercall(void **state)
{
	(void)state;
	guest_maps(USER, fake_frame(1), USED | WRITE | PTE_U);
	assert_true(fake_touch(USER, ACCESS_USER));
	fake_clear_calls();
	vcpu.cpl = 0;
	for (unsigned i = 1; i < 100; i++)
		fake_write(fake_entry(USER + i * PAGE_SIZE, 12), fake_frame(i) | USED | PTE_U);
	assert_int_equal(fake_log.count, 0);
	fake_leave();
	assert_int_equal(fake_log.count, 1);
	assert_int_equal(fake_log.updates, 99);
}

/* A new process's tables are written without any work of the VMM's. */
static void tables_that_nothing_shows_cost_nothing(void **state)
{
	uint64_t root = fake_new_table();

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		fake_write(fake_entry_in(root, USER + i * PAGE_SIZE, 12),
			   fake_frame(i) | USED | PTE_U);
	fake_resume(3);
	assert_int_equal(fake_log.count, 0);
	assert_int_equal(stats[STAT_WRITES_SHOWN], 0);
}

static void restrictions_wait_for_the_flush(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		guest_maps(USER + i * PAGE_SIZE, fake_frame(i), USED | WRITE | PTE_U);
		assert_true(fake_touch(USER + i * PAGE_SIZE, ACCESS_USER | ACCESS_WRITE));
	}
	fake_resume(0);
	fake_clear_calls();
	for (unsigned i = 0; i < 30; i++)
		fake_write(fake_entry(USER + i * PAGE_SIZE, 12),
			   i % 3 ? fake_frame(i) | USED | PTE_U : 0);
	assert_int_equal(fake_log.count, 0);
	flush_all(false);
	assert_int_equal(fake_log.by_number[__HYPERVISOR_multicall], 1);
	assert_int_equal(fake_log.updates, 30);
	assert_int_equal(fake_log.flushes, 1);
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(fake_sees(USER + i * PAGE_SIZE, true).present, i % 3 != 0);
		assert_false(fake_sees(USER + i * PAGE_SIZE, true).writable);
	}
	fake_clear_calls();
	flush_all(false);
	assert_int_equal(fake_log.count, 0); /* nothing differs */
}

static void one_page_is_one_hypercall(void **state)
{
	(void)state;
	guest_maps(USER, fake_frame(0), USED | WRITE | PTE_U);
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
	fake_resume(0);
	fake_clear_calls();
	*fake_entry(USER, 12) &= ~PTE_W;
	flush_page(USER);
	assert_int_equal(fake_log.count, 1);
	assert_int_equal(fake_log.by_number[__HYPERVISOR_update_va_mapping], 1);
	assert_true(fake_sees(USER, true).present);
	assert_false(fake_sees(USER, true).writable);
	fake_clear_calls();
	*fake_entry(USER, 12) |= PTE_G; /* nothing that the processor would see */
	flush_page(USER);
	flush_page(USER + BIT(40));
	assert_int_equal(fake_log.count, 0);
}

/* The guest changed what a page shows, and touched it before it said so. */
static void another_frame(void **state)
{
	(void)state;
	guest_maps(USER, fake_frame(0), USED | PTE_U);
	assert_true(fake_touch(USER, ACCESS_USER));
	guest_maps(USER, fake_frame(1), USED | WRITE | PTE_U);
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_sees(USER, true, fake_frame(1));
}

/* --- address spaces
 * ------------------------------------------------------------------------------- */

static void spaces_are_kept(void **state)
{
	uint64_t one = vcpu.cr3, other = fake_new_table(), made;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		*fake_entry_in(one, USER + i * PAGE_SIZE, 12) = fake_frame(i) | USED | PTE_U;
		*fake_entry_in(other, USER + i * PAGE_SIZE, 12) = fake_frame(i + 20) | USED | PTE_U;
	}
	for (unsigned turn = 0; turn < 2; turn++) {
		fake_load(turn ? other : one);
		fake_resume(0);
		for (unsigned i = 0; i < 20; i++) {
			assert_true(fake_touch(USER + i * PAGE_SIZE, ACCESS_USER));
			assert_sees(USER + i * PAGE_SIZE, true, fake_frame(i + turn * 20));
		}
	}
	made = stats[STAT_TABLES_MADE];
	*fake_entry_in(one, USER, 12) = 0; /* while it is not loaded */
	fake_clear_calls();
	fake_load(one);
	fake_resume(0);
	assert_nothing(USER);
	assert_sees(USER + PAGE_SIZE, true, fake_frame(1));
	assert_int_equal(stats[STAT_TABLES_MADE], made);
	assert_int_equal(fake_log.updates, 1);
	assert_vmm_is_there();
}

static void the_same_space_again(void **state)
{
	(void)state;
	guest_maps(USER, fake_frame(0), USED | WRITE | PTE_U);
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
	fake_resume(0);
	fake_clear_calls();
	fake_load(vcpu.cr3);
	fake_resume(3);
	assert_int_equal(fake_log.count, 0);
	*fake_entry(USER, 12) &= ~PTE_W;
	fake_load(vcpu.cr3);
	fake_resume(3);
	assert_false(fake_sees(USER, true).writable);
}

static void the_kernel_is_in_all_spaces(void **state)
{
	uint64_t other = fake_new_table();

	(void)state;
	guest_maps(KERNEL, fake_frame(0), USED | WRITE);
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	*fake_word(other + 273 * 8) = *fake_entry(KERNEL, 39);
	fake_load(other);
	fake_resume(0);
	assert_sees(KERNEL, false, fake_frame(0)); /* its stack may be there */
	*fake_entry(KERNEL, 12) = fake_frame(1) | USED;
	flush_page(KERNEL);
	assert_sees(KERNEL, false, fake_frame(1));
	assert_false(fake_sees(KERNEL, false).writable);
}

static void without_global_pages_loading_is_a_flush(void **state)
{
	(void)state;
	guest_maps(KERNEL, fake_frame(0), USED | WRITE);
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	*fake_entry(KERNEL, 12) = 0;
	fake_load(vcpu.cr3);
	fake_resume(0);
	assert_true(fake_sees(KERNEL, false).present);
	vcpu.cr4 &= ~CR4_PGE;
	fake_load(vcpu.cr3);
	fake_resume(0);
	assert_nothing(KERNEL);
}

/* A batch that is full, and is made known with its flush in the middle. */
static void what_comes_behind_a_full_batch_is_flushed_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 128; i++)
		guest_maps(KERNEL + i * PAGE_SIZE, fake_frame(i), USED | WRITE);
	guest_maps(KERNEL + BLOCK, fake_frame(128), USED | WRITE);
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	assert_true(fake_touch(KERNEL + BLOCK, ACCESS_WRITE));
	for (unsigned i = 0; i < 128; i++)
		*fake_entry(KERNEL + i * PAGE_SIZE, 12) = 0;
	*fake_entry(KERNEL + BLOCK, 21) = fake_new_table() | TABLE;
	guest_maps(KERNEL + BLOCK, fake_frame(129), USED | WRITE);
	fake_clear_calls();
	flush_all(true);
	assert_int_equal(fake_log.updates, 129);
	assert_sees(KERNEL + BLOCK, false, fake_frame(129));
}

/* Xen writes an exception's frame to the kernel's stack: that cannot fault. */
static void stacks_are_there_before_they_are_used(void **state)
{
	mword low = 2 * BLOCK; /* where the image lies, and its first stacks */

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		*fake_entry(IMAGE + i * BLOCK, 21) = (low + i * BLOCK) | PTE_P | PTE_W | PTE_PS;
		*fake_entry(low + i * BLOCK, 21) = (low + i * BLOCK) | PTE_P | PTE_W | PTE_PS;
	}
	guest_maps(KERNEL, fake_frame(1), USED | WRITE);
	shadow_stacks(gpa(low + PAGE_SIZE), gpa(low + 2 * BLOCK), IMAGE + PAGE_SIZE);
	fake_load(vcpu.cr3);
	fake_resume(0);
	for (unsigned i = 0; i < 2 * BLOCK / PAGE_SIZE; i += 31) {
		assert_sees(IMAGE + i * PAGE_SIZE, false, low + i * PAGE_SIZE);
		assert_true(fake_sees(IMAGE + i * PAGE_SIZE, false).writable);
		assert_true(fake_sees(low + i * PAGE_SIZE, false).writable);
	}
	assert_true(fake_sees(KERNEL, false).writable); /* all that is mapped by pages */
	fake_load(fake_new_table());
	*fake_word(vcpu.cr3 + 511 * 8) = fake_word(GUEST_TABLES)[511];
	fake_load(vcpu.cr3);
	fake_resume(0);
	assert_true(fake_sees(IMAGE, false).writable); /* in each space, until one has run */
}

/* A page table's frame becomes a page, then another level's table. */
static void frames_change_their_use(void **state)
{
	uint64_t *upper, table;

	(void)state;
	guest_maps(USER, fake_frame(0), USED | WRITE | PTE_U);
	guest_maps(KERNEL, fake_frame(1), USED | WRITE);
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_true(fake_touch(KERNEL, ACCESS_READ));
	upper = fake_entry(USER, 21);
	table = *upper & PTE_ADDR;
	*upper = 0;
	flush_all(false);
	memset(fake_word(table), 0xa5, PAGE_SIZE); /* anything */
	fake_write(fake_entry(KERNEL + PAGE_SIZE, 12), table | USED | WRITE);
	assert_true(fake_touch(KERNEL + PAGE_SIZE, ACCESS_WRITE));
	assert_nothing(USER);
	memset(fake_word(table), 0, PAGE_SIZE);
	*fake_word(table) = *fake_entry(KERNEL, 21); /* a second level, now */
	*fake_entry(USER + BIT(30), 30) = table | TABLE;
	*fake_entry(KERNEL, 12) |= PTE_U;
	*fake_entry(KERNEL, 21) |= PTE_U;
	assert_true(fake_touch((USER & ~(BIT(30) - 1)) + BIT(30), ACCESS_USER));
	assert_sees(BIT(30), true, fake_frame(1));
	*upper =
		fake_entry_in(vcpu.cr3, USER + BIT(39), 12) ? table | TABLE : 0; /* and as it was */
	memset(fake_word(table), 0, PAGE_SIZE);
	*fake_word(table) = fake_frame(9) | USED | PTE_U;
	flush_all(true);
	assert_true(fake_touch(USER, ACCESS_USER));
	assert_sees(USER, true, fake_frame(9));
	assert_nothing(USER + PAGE_SIZE);
}

/* --- the pool is smaller than what the guest has
 * --------------------------------------------------- */

#define SPACES 120

static void old_spaces_make_room(void **state)
{
	uint64_t roots[SPACES];

	(void)state;
	fake_shadow_start(64, 0);
	for (unsigned i = 0; i < SPACES; i++) {
		roots[i] = i < 40 ? fake_new_table() : roots[i % 40];
		*fake_entry_in(roots[i], USER, 12) = fake_frame(i % 40) | USED | WRITE | PTE_U;
		fake_load(roots[i]);
		fake_resume(0);
		assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
		assert_sees(USER, true, fake_frame(i % 40));
		assert_vmm_is_there();
	}
	assert_true(stats[STAT_TABLES_DROPPED] > 0);
}

/* --- what is not modelled
 * ------------------------------------------------------------------------- */

static void supervisor_pages_below(void **state)
{
	(void)state;
	guest_maps(USER, fake_frame(0), USED | WRITE);
	guest_maps(USER + 64 * PAGE_SIZE, fake_frame(1), USED | PTE_U);
	assert_true(fake_touch(USER, ACCESS_WRITE)); /* the kernel may */
	assert_ends(fake_leave(), "supervisor pages below the kernel's half");
}

/* An address space without such pages comes in between. */
static void supervisor_pages_come_back(void **state)
{
	uint64_t first = vcpu.cr3;

	(void)state;
	guest_maps(USER, fake_frame(0), USED | WRITE);
	assert_true(fake_touch(USER, ACCESS_WRITE));
	fake_load(fake_new_table());
	fake_resume(3);
	fake_load(first);
	if (!ENDS(fake_resume(3)))
		assert_nothing(USER);
}

/* An application's page becomes the kernel's. */
static void pages_are_taken_from_applications(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		guest_maps(USER + i * PAGE_SIZE, fake_frame(i), USED | WRITE | PTE_U);
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
	fake_resume(0);
	*fake_entry(USER, 12) &= ~PTE_U;
	flush_page(USER);
	*fake_entry(USER + PAGE_SIZE, 12) &= ~PTE_U;
	flush_all(false);
	fake_resume(3);
	assert_nothing(USER);
	assert_nothing(USER + PAGE_SIZE);
	assert_false(fake_touch(USER, ACCESS_USER));
	assert_sees(USER + 2 * PAGE_SIZE, true, fake_frame(2));
	fake_resume(0);
	*fake_entry(USER, 21) &= ~PTE_U;
	flush_all(false);
	fake_resume(3);
	assert_nothing(USER + 2 * PAGE_SIZE);
}

/* A table of the kernel's becomes one of an application's, with the same entries. */
static void tables_are_given_to_applications(void **state)
{
	uint64_t table;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		guest_maps(KERNEL + i * PAGE_SIZE, fake_frame(i), USED | WRITE | (i % 2) * PTE_U);
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	table = *fake_entry(KERNEL, 21) & PTE_ADDR;
	*fake_entry(KERNEL, 21) = 0;
	flush_all(true);
	*fake_entry(BLOCK, 21) = table | TABLE;
	assert_true(fake_touch(BLOCK + PAGE_SIZE, ACCESS_USER));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(fake_sees(BLOCK + i * PAGE_SIZE, true).present, i % 2);
}

static void no_memory_reads_as_ones(void **state)
{
	mword va = USER + 8 * PAGE_SIZE;

	(void)state;
	guest_maps(USER, (uint64_t)GUEST_PAGES << PAGE_SHIFT, USED | PTE_U | PTE_W);
	assert_true(fake_touch(USER, ACCESS_USER));
	assert_int_equal(fake_guest_frame(fake_sees(USER, true).mfn), UINT64_MAX);
	assert_false(fake_sees(USER, true).writable);
	assert_true(fake_touch(USER, ACCESS_USER | ACCESS_FETCH)); /* ones are no instruction */
	guest_maps(va, UINT64_C(0xfee00000), USED | WRITE | PTE_U);
	assert_true(fake_touch(va, ACCESS_USER));
	assert_int_equal(fake_sees(va, true).mfn, fake_sees(USER, true).mfn);
	assert_ends(fake_touch(va, ACCESS_USER | ACCESS_WRITE),
		    "write to physical memory that does not exist");
	assert_non_null(strstr(fake_reason, "0xfee00000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_vmm_stays, setup),
		cmocka_unit_test_setup(large_pages_do_not_hide_it, setup),
		cmocka_unit_test_setup(the_guest_cannot_reach_it, setup),
		cmocka_unit_test_setup(using_other_parts_is_an_end, setup),
		cmocka_unit_test_setup(applications_have_no_kernel, setup),
		cmocka_unit_test_setup(rights_are_the_leafs, setup),
		cmocka_unit_test_setup(writing_makes_dirty_first, setup),
		cmocka_unit_test_setup(upper_levels_restrict, setup),
		cmocka_unit_test_setup(neighbours_come_along, setup),
		cmocka_unit_test_setup(large_pages_are_split, setup),
		cmocka_unit_test_setup(pieces_are_shared, setup),
		cmocka_unit_test_setup(large_pages_have_a_cache_type, setup),
		cmocka_unit_test_setup(huge_pages_are_split_twice, setup),
		cmocka_unit_test_setup(reserved_bits_show_nothing, setup),
		cmocka_unit_test_setup(annotated_writes_save_faults, setup),
		cmocka_unit_test_setup(a_batch_of_writes_is_one_hypercall, setup),
		cmocka_unit_test_setup(tables_that_nothing_shows_cost_nothing, setup),
		cmocka_unit_test_setup(restrictions_wait_for_the_flush, setup),
		cmocka_unit_test_setup(one_page_is_one_hypercall, setup),
		cmocka_unit_test_setup(another_frame, setup),
		cmocka_unit_test_setup(spaces_are_kept, setup),
		cmocka_unit_test_setup(the_same_space_again, setup),
		cmocka_unit_test_setup(the_kernel_is_in_all_spaces, setup),
		cmocka_unit_test_setup(without_global_pages_loading_is_a_flush, setup),
		cmocka_unit_test_setup(what_comes_behind_a_full_batch_is_flushed_too, setup),
		cmocka_unit_test_setup(stacks_are_there_before_they_are_used, setup),
		cmocka_unit_test_setup(frames_change_their_use, setup),
		cmocka_unit_test(old_spaces_make_room),
		cmocka_unit_test_setup(supervisor_pages_below, setup),
		cmocka_unit_test_setup(supervisor_pages_come_back, setup),
		cmocka_unit_test_setup(pages_are_taken_from_applications, setup),
		cmocka_unit_test_setup(tables_are_given_to_applications, setup),
		cmocka_unit_test_setup(no_memory_reads_as_ones, setup),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
