/* SPDX-License-Identifier: BSD-2-Clause */
/* Changed copies of pages: who is shown them, and that nobody can write to their frames.
 * With the host of fake_host.c, and a guest of 8 MiB that maps what it likes.
 */
#include "backends/linux/copies.h"

#include "backends/linux/shadow.h"
#include "test/unit/linux/fake_guest.h"
#include "test/unit/linux/fake_host.h"
#include "vmm/backend.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define CODE   UINT64_C(0x10000000) /* where applications execute, */
#define ALIAS  UINT64_C(0x20000000) /* where they write */
#define LINEAR (LAYOUT_KERNEL + 0x40000000)

#define TEXT  (PTE_P | PTE_A | PTE_U)
#define WRITE (PTE_P | PTE_A | PTE_D | PTE_U | PTE_W | PTE_NX)

static uint8_t memory[LAYOUT_COPY_BYTES];

static struct shadow_tables tables, asleep, twins;
struct shadow_tables *shadow;
struct shadow_tables *const shadow_own = &tables, *const shadow_twin = &twins;
static struct fake_process processes[2];

static void guest_maps(mword base, unsigned n, uint64_t flags)
{
	*fake_entry(page_at(base, n), PAGE_SHIFT) = flags ? fake_frame(n) | flags : 0;
}

static struct copy *copy_of(unsigned n)
{
	struct copy *copy = copies_make(fake_frame(n));

	shadow_catch_up();
	return copy;
}

static bool shows(mword va, const struct copy *copy)
{
	const struct fake_page *at = fake_mapped(va);

	return at && at->file == FD_COPIES && at->offset == copies_offset(copy) &&
	       at->protection == (PROT_READ | PROT_EXEC);
}

static int set_up(enum isolation isolation)
{
	shared->isolation = ISOLATION_NONE;
	fake_no_copies();
	copies_memory = memory;
	fake_guest_start();
	memset(&tables, 0, sizeof(tables));
	memset(&twins, 0, sizeof(twins));
	memset(processes, 0, sizeof(processes));
	memset(&fake_twin, 0, sizeof(fake_twin));
	fake_process = &processes[0];
	shared->isolation = isolation;
	shadow_start();
	shadow->copies_seen = copies_generation;
	fake_linear(LINEAR);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return set_up(ISOLATION_NONE);
}

static int setup_twin(void **state)
{
	(void)state;
	return set_up(ISOLATION_PROCESSES);
}

static void code_shows_the_copy(void **state)
{
	struct copy *copy;

	(void)state;
	fake_ram[fake_frame(3) + 5] = 0x77;
	guest_maps(CODE, 3, TEXT);
	copy = copy_of(3);
	assert_int_equal(copies_bytes(copy)[5], 0x77);
	assert_true(touch(page_at(CODE, 3), ACCESS_USER | ACCESS_FETCH));
	assert_true(shows(page_at(CODE, 3), copy));
	assert_int_equal(fake_placed, page_at(CODE, 3));
	assert_int_equal(fake_mapped(LAYOUT_POINTERS)->file, FD_COPIES);
	assert_ptr_equal(shadow_shown(gva(page_at(CODE, 3) + 9)), copy);
}

/* Data, code that may be written or was, code of the kernel: the frame. */
static void others_show_the_frame(void **state)
{
	static const uint64_t flags[] = {TEXT | PTE_NX, TEXT | PTE_W, TEXT | PTE_D, PTE_P | PTE_A};

	(void)state;
	copy_of(3);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		guest_maps(CODE, 3, flags[i]);
		shadow_flush_user();
		assert_true(touch(page_at(CODE, 3), flags[i] & PTE_U ? ACCESS_USER : 0));
		assert_int_equal(fake_mapped(page_at(CODE, 3))->file, FD_RAM);
		assert_false(rights_of(page_at(CODE, 3)) & PROT_WRITE);
	}
}

static void a_copy_takes_rights_away(void **state)
{
	(void)state;
	guest_maps(ALIAS, 3, WRITE);
	guest_maps(ALIAS, 4, WRITE);
	assert_true(touch(page_at(ALIAS, 3), ACCESS_USER | ACCESS_WRITE));
	assert_true(touch(page_at(ALIAS, 4), ACCESS_USER | ACCESS_WRITE));
	assert_true(touch(page_at(LINEAR, 3), ACCESS_WRITE));
	copy_of(3);
	assert_int_equal(rights_of(page_at(ALIAS, 3)), PROT_READ);
	assert_int_equal(rights_of(page_at(ALIAS, 4)), PROT_READ | PROT_WRITE);
	assert_false(rights_of(page_at(LINEAR, 3)) & PROT_WRITE);
	assert_true(rights_of(page_at(LINEAR, 4)) & PROT_WRITE);
	shadow_flush_user(); /* what the tables allow is not given back */
	*fake_entry(page_at(ALIAS, 3), PAGE_SHIFT) ^= PTE_G;
	shadow_flush_page(gva(page_at(ALIAS, 3)));
	assert_int_equal(rights_of(page_at(ALIAS, 3)), PROT_READ);
}

static void a_write_drops_it(void **state)
{
	static const mword bases[] = {ALIAS, LINEAR};

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		guest_maps(CODE, n, TEXT);
		guest_maps(ALIAS, n, WRITE);
		copy_of(n);
		assert_true(touch(page_at(CODE, n), ACCESS_USER | ACCESS_FETCH));
		assert_true(touch(page_at(bases[n], n), ACCESS_READ));
		assert_false(rights_of(page_at(bases[n], n)) & PROT_WRITE);
		assert_non_null(copies_find(fake_frame(n)));
		assert_true(touch(page_at(bases[n], n), ACCESS_WRITE));
		assert_null(copies_find(fake_frame(n)));
		assert_true(rights_of(page_at(bases[n], n)) & PROT_WRITE);
		assert_null(fake_mapped(page_at(CODE, n)));
		assert_true(touch(page_at(CODE, n), ACCESS_USER | ACCESS_FETCH));
		assert_int_equal(fake_mapped(page_at(CODE, n))->file, FD_RAM);
		assert_null(copies_make(fake_frame(n))); /* not again soon */
	}
}

static void so_does_the_vmms(void **state)
{
	(void)state;
	copy_of(6);
	copy_of(7);
	backend_before_store(gpa(fake_frame(8)), 8);
	assert_non_null(copies_find(fake_frame(7)));
	backend_before_store(gpa(fake_frame(7) - 4), 8);
	assert_null(copies_find(fake_frame(6)));
	assert_null(copies_find(fake_frame(7)));
}

static void one_place_per_process(void **state)
{
	struct copy *copy;

	(void)state;
	guest_maps(CODE, 3, TEXT);
	*fake_entry(page_at(CODE, 9), PAGE_SHIFT) = fake_frame(3) | TEXT;
	copy = copy_of(3);
	assert_true(touch(page_at(CODE, 3), ACCESS_USER | ACCESS_FETCH));
	assert_true(touch(page_at(CODE, 9), ACCESS_USER | ACCESS_FETCH));
	assert_true(shows(page_at(CODE, 3), copy));
	assert_int_equal(fake_mapped(page_at(CODE, 9))->file, FD_RAM);
	guest_maps(CODE, 3, 0);
	shadow_flush_user();
	assert_true(touch(page_at(CODE, 9), ACCESS_USER | ACCESS_FETCH));
	assert_true(shows(page_at(CODE, 9), copy));
}

static void the_guest_maps_over_the_pointers(void **state)
{
	(void)state;
	guest_maps(CODE, 3, TEXT);
	copy_of(3);
	assert_true(touch(page_at(CODE, 3), ACCESS_USER | ACCESS_FETCH));
	*fake_entry(LAYOUT_POINTERS + 0x3000, PAGE_SHIFT) = fake_frame(8) | WRITE;
	assert_true(touch(LAYOUT_POINTERS + 0x3000, ACCESS_USER | ACCESS_WRITE));
	assert_null(fake_mapped(page_at(CODE, 3)));
	assert_null(fake_mapped(LAYOUT_POINTERS));
	assert_true(touch(page_at(CODE, 3), ACCESS_USER | ACCESS_FETCH));
	assert_int_equal(fake_mapped(page_at(CODE, 3))->file, FD_RAM);
}

static void rights_that_are_taken(void **state)
{
	(void)state;
	guest_maps(CODE, 3, TEXT);
	copy_of(3);
	assert_true(touch(page_at(CODE, 3), ACCESS_USER | ACCESS_FETCH));
	guest_maps(CODE, 3, TEXT | PTE_NX);
	for (unsigned i = 0; i < 2; i++) { /* it need not flush first */
		assert_true(touch(page_at(CODE, 3), ACCESS_USER));
		assert_int_equal(fake_mapped(page_at(CODE, 3))->file, FD_RAM);
		assert_int_equal(rights_of(page_at(CODE, 3)), PROT_READ);
		shadow_flush_user();
	}
}

/* --- any order ------------------------------------------------------------------------------ */

#define PAGES 12

/* The running process: no writable page of a frame that has a copy; copies where they may be
 * shown, and the living only. */
static void assert_sound(void)
{
	for (unsigned i = 0; i < fake_process->count; i++) {
		const struct fake_page *at = &fake_process->pages[i];
		struct translation now;

		if (at->file == FD_RAM) {
			assert_false(at->protection & PROT_WRITE && copies_find(at->offset));
			continue;
		}
		if (at->va >= LAYOUT_POINTERS && at->va < LAYOUT_POINTERS_END)
			continue;
		assert_true(mmu_probe(gva(at->va), &now) && shadow_may_copy(&now));
		assert_non_null(copies_find(now.address.v));
		assert_int_equal(at->offset, copies_offset(copies_find(now.address.v)));
	}
}

static void take_turns(void)
{
	fake_swap(&tables, &asleep);
	fake_process = fake_process == &processes[0] ? &processes[1] : &processes[0];
	space_replay();
	shadow_catch_up();
	shadow_flush_user();
}

/* While a process sleeps, another frame's copy takes the place of the one that it shows. */
static void places_are_taken(void **state)
{
	struct copy *first, *second;

	(void)state;
	memcpy(&asleep, &tables, sizeof(tables));
	guest_maps(CODE, 30, TEXT);
	first = copy_of(30);
	assert_true(touch(page_at(CODE, 30), ACCESS_USER | ACCESS_FETCH));
	assert_true(shows(page_at(CODE, 30), first));
	take_turns();
	copies_drop(first, true);
	second = copies_make(fake_frame(31));
	assert_ptr_equal(first, second);
	copies_make(fake_frame(30));
	shadow_catch_up();
	take_turns();
	assert_sound();
	assert_true(touch(page_at(CODE, 30), ACCESS_USER | ACCESS_FETCH));
	assert_true(shows(page_at(CODE, 30), copies_find(fake_frame(30))));
}

static void step(unsigned n)
{
	static const uint64_t code[] = {0, TEXT, TEXT, TEXT | PTE_D, TEXT | PTE_W, TEXT | PTE_NX};
	struct copy *copy = copies_find(fake_frame(n));

	switch (rand() % 9) {
	case 0:
		guest_maps(CODE, n, code[rand() % 6]);
		shadow_flush_page(gva(page_at(CODE, n)));
		break;
	case 1:
		guest_maps(ALIAS, n, rand() % 2 ? WRITE : 0);
		shadow_flush_page(gva(page_at(ALIAS, n)));
		break;
	case 2:
		if (!copy)
			copies_make(fake_frame(n));
		shadow_catch_up();
		break;
	case 3:
		touch(page_at(ALIAS, n), ACCESS_USER | (rand() % 4 ? 0 : ACCESS_WRITE));
		break;
	case 4:
		touch(page_at(LINEAR, n), rand() % 8 ? 0 : ACCESS_WRITE);
		break;
	case 5:
		if (copy && rand() % 4 == 0)
			copies_drop(copy, true);
		shadow_catch_up();
		break;
	case 6:
		take_turns();
		break;
	case 7:
		*fake_entry(page_at(LINEAR, n), BLOCK_SHIFT) ^= rand() % 2 ? PTE_W : PTE_NX;
		shadow_flush_kernel();
		break;
	default:
		touch(page_at(CODE, n), ACCESS_USER | ACCESS_FETCH);
		break;
	}
}

static void any_order(void **state)
{
	(void)state;
	srand(11);
	memcpy(&asleep, &tables, sizeof(tables));
	for (unsigned i = 0; i < 6000; i++) {
		step((unsigned)rand() % PAGES);
		assert_sound();
	}
}

/* Frames that others have not burnt. */
static void the_pool_turns_over(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 2 * LAYOUT_COPY_COUNT; n++) {
		unsigned which = PAGES + n % 1000;
		struct copy *copy = copies_find(fake_frame(which));

		if (!copy)
			copy = copy_of(which);
		assert_ptr_equal(copies_find(fake_frame(which)), copy);
		assert_true(copies_end <= LAYOUT_COPY_COUNT);
		if (n % 3 == 0)
			copies_drop(copy, true);
		else if (n > 1000 && n % 5 == 0)
			copies_evict();
	}
}

/* Where applications have a process of their own it is that one which executes them. */
static void the_twin_shows_it(void **state)
{
	struct fake_process *own = fake_process;
	struct translation at;
	struct copy *copy;

	(void)state;
	guest_maps(CODE, 3, TEXT);
	guest_maps(ALIAS, 3, WRITE);
	vcpu.cpl = 3;
	assert_true(touch(page_at(ALIAS, 3), ACCESS_USER | ACCESS_WRITE));
	assert_true(touch(page_at(CODE, 3), ACCESS_USER | ACCESS_FETCH));
	copy = copy_of(3);
	assert_true(mmu_probe(gva(page_at(CODE, 3)), &at));
	shadow_show(gva(page_at(CODE, 3)), &at);
	fake_process = &fake_twin;
	assert_true(shows(page_at(CODE, 3), copy));
	assert_int_equal(rights_of(page_at(ALIAS, 3)), PROT_READ);
	assert_null(fake_mapped(LAYOUT_POINTERS));
	fake_process = own;
	vcpu.cpl = 0;
	assert_true(touch(page_at(CODE, 3), ACCESS_READ));
	assert_int_equal(fake_mapped(page_at(CODE, 3))->file, FD_RAM);
	assert_int_equal(rights_of(page_at(CODE, 3)), PROT_READ);
	vcpu.cpl = 3;
	assert_true(touch(page_at(ALIAS, 3), ACCESS_USER | ACCESS_WRITE));
	assert_null(copies_find(fake_frame(3)));
	fake_process = &fake_twin;
	assert_null(fake_mapped(page_at(CODE, 3)));
	assert_true(rights_of(page_at(ALIAS, 3)) & PROT_WRITE);
	fake_process = own;
	vcpu.cpl = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(code_shows_the_copy, setup),
		cmocka_unit_test_setup(others_show_the_frame, setup),
		cmocka_unit_test_setup(a_copy_takes_rights_away, setup),
		cmocka_unit_test_setup(a_write_drops_it, setup),
		cmocka_unit_test_setup(so_does_the_vmms, setup),
		cmocka_unit_test_setup(one_place_per_process, setup),
		cmocka_unit_test_setup(the_guest_maps_over_the_pointers, setup),
		cmocka_unit_test_setup(rights_that_are_taken, setup),
		cmocka_unit_test_setup(places_are_taken, setup),
		cmocka_unit_test_setup(the_twin_shows_it, setup_twin),
		cmocka_unit_test_setup(any_order, setup),
		cmocka_unit_test_setup(the_pool_turns_over, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
