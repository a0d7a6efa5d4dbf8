/* SPDX-License-Identifier: BSD-2-Clause */
/* Large pages of the guest's as host mappings; fake_host.c is the host, and the guest has
 * three frames of 2 MiB for them.
 */
#include "backends/linux/code.h"
#include "backends/linux/shadow.h"
#include "test/unit/linux/fake_guest.h"
#include "test/unit/linux/fake_host.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define USER   UINT64_C(0x40000000)
#define KERNEL (LAYOUT_KERNEL + 0x40000000)

#define LARGE (PTE_P | PTE_A | PTE_PS)
#define USED  (PTE_P | PTE_A)
#define WRITE (PTE_W | PTE_D)
#define DATA  (PTE_U | WRITE | PTE_NX)

#define WHOLE BLOCK_SIZE
#define MIB   (UINT64_C(1) << 20)

static struct shadow_tables tables, twins;
struct shadow_tables *shadow;
struct shadow_tables *const shadow_own = &tables, *const shadow_twin = &twins;
static struct fake_process process;
static uint8_t watched[FAKE_MEMORY / PAGE_SIZE];

static uint64_t *large_entry(mword va)
{
	return fake_entry(va, BLOCK_SHIFT);
}

/* Frame n of three. */
static uint64_t frame(unsigned n)
{
	return (1 + n % 3) * BLOCK_SIZE;
}

static void assert_calls(unsigned maps, unsigned unmaps, unsigned protects, uint64_t populated)
{
	assert_int_equal(fake_calls.maps, maps);
	assert_int_equal(fake_calls.unmaps, unmaps);
	assert_int_equal(fake_calls.protects, protects);
	assert_int_equal(fake_calls.populated, populated);
	memset(&fake_calls, 0, sizeof(fake_calls));
}

static int set_up(enum isolation isolation)
{
	fake_guest_start();
	memset(&tables, 0, sizeof(tables));
	memset(&twins, 0, sizeof(twins));
	process.count = fake_twin.count = 0;
	shared->isolation = isolation;
	code_frames = NULL;
	fake_process = &process;
	shadow_start();
	memset(&fake_calls, 0, sizeof(fake_calls));
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return set_up(ISOLATION_NONE);
}

static int setup_keys(void **state)
{
	set_up(ISOLATION_KEYS);
	memset(watched, 0, sizeof(watched));
	code_frames = watched;
	(void)state;
	return 0;
}

static int setup_twin(void **state)
{
	(void)state;
	return set_up(ISOLATION_PROCESSES);
}

static void allow(mword va, int rights)
{
	for (uint64_t at = 0; at < BLOCK_SIZE; at += PAGE_SIZE)
		assert_int_equal(rights_of(va + at), rights);
}

/* --- how many host calls ---------------------------------------------------------------- */

static void one_mapping(void **state)
{
	(void)state;
	*large_entry(USER) = frame(0) | LARGE | DATA;
	assert_true(touch(USER + 77 * PAGE_SIZE + 5, ACCESS_USER | ACCESS_WRITE));
	assert_calls(1, 0, 0, WHOLE);
	allow(USER, PROT_READ | PROT_WRITE);
	assert_int_equal(fake_mapped(USER + 3 * PAGE_SIZE)->offset, frame(0) + 3 * PAGE_SIZE);
	shadow_flush_user();
	shadow_flush_page(gva(USER + 9 * PAGE_SIZE));
	assert_calls(0, 0, 0, 0); /* nothing has changed */
	*large_entry(USER) = 0;
	shadow_flush_page(gva(USER + 9 * PAGE_SIZE));
	assert_calls(0, 1, 0, 0);
	assert_int_equal(process.count, 0);
}

/* What is only read the host fills in by itself. */
static void read_only_is_not_filled_in(void **state)
{
	(void)state;
	*large_entry(USER) = frame(0) | LARGE | PTE_U;
	assert_true(touch(USER, ACCESS_USER));
	assert_calls(1, 0, 0, 0);
}

static void applications_get_one_at_a_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		*large_entry(USER + i * BLOCK_SIZE) = frame(i) | LARGE | DATA;
		*large_entry(KERNEL + i * BLOCK_SIZE) = frame(i) | LARGE | WRITE;
	}
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_calls(1, 0, 0, WHOLE);
	assert_int_equal(process.count, BLOCK_PAGES);
	assert_true(touch(KERNEL + 2 * BLOCK_SIZE, ACCESS_WRITE));
	assert_true(touch(KERNEL, ACCESS_WRITE)); /* and the next, and not the third again */
	assert_calls(2, 0, 0, 0);
	assert_int_equal(process.count, 4 * BLOCK_PAGES);
}

static void fork_unmaps_nothing(void **state)
{
	(void)state;
	*large_entry(USER) = frame(1) | LARGE | DATA;
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_calls(1, 0, 0, WHOLE);
	*large_entry(USER) &= ~PTE_W;
	shadow_flush_user();
	assert_calls(0, 0, 1, 0);
	allow(USER, PROT_READ);
	assert_false(touch(USER, ACCESS_USER | ACCESS_WRITE));
	*large_entry(USER) |= PTE_W; /* the other process is gone */
	assert_true(touch(USER + PAGE_SIZE, ACCESS_USER | ACCESS_WRITE));
	assert_calls(0, 0, 1, 0);
	allow(USER, PROT_READ | PROT_WRITE);
}

static void before_the_guest_retries(void **state)
{
	(void)state;
	*large_entry(USER) = frame(1) | LARGE | DATA;
	shadow_prefill(gva(USER + 3));
	assert_calls(1, 0, 0, WHOLE);
	shadow_prefill(gva(USER + 5 * PAGE_SIZE));
	assert_calls(0, 0, 0, 0);
}

/* --- always right ------------------------------------------------------------------------- */

static void split_and_collapsed(void **state)
{
	uint64_t small;

	(void)state;
	for (unsigned i = 0; i < BLOCK_PAGES; i++)
		*fake_entry(USER + i * PAGE_SIZE, PAGE_SHIFT) =
			(frame(2) + i * PAGE_SIZE) | USED | (i == 40 ? PTE_U | PTE_NX : DATA);
	small = *large_entry(USER);
	*large_entry(USER) = frame(2) | LARGE | DATA;
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	*large_entry(USER) = small;
	shadow_flush_page(gva(USER));
	assert_int_equal(process.count, 0);
	assert_false(touch(USER + 40 * PAGE_SIZE, ACCESS_USER | ACCESS_WRITE));
	assert_true(touch(USER + 40 * PAGE_SIZE, ACCESS_USER));
	assert_int_equal(rights_of(USER + 40 * PAGE_SIZE), PROT_READ);
	assert_true(touch(USER + 41 * PAGE_SIZE, ACCESS_USER | ACCESS_WRITE));
	*large_entry(USER) = frame(0) | LARGE | DATA;
	shadow_flush_user();
	assert_int_equal(process.count, 0);
	assert_true(touch(USER + 41 * PAGE_SIZE, ACCESS_USER));
	assert_int_equal(fake_mapped(USER + 40 * PAGE_SIZE)->offset, frame(0) + 40 * PAGE_SIZE);
}

/* Split and merged without a flush, as hardware allows where nothing else changes. */
static void no_mixture(void **state)
{
	uint64_t *entry = fake_entry(USER + 7 * PAGE_SIZE, PAGE_SHIFT), small = *large_entry(USER);

	(void)state;
	*large_entry(USER) = frame(2) | LARGE | PTE_U | PTE_NX;
	assert_true(touch(USER, ACCESS_USER));
	*entry = frame(0) | USED | DATA;
	*large_entry(USER) = small;
	assert_true(touch(USER + 7 * PAGE_SIZE, ACCESS_USER | ACCESS_WRITE));
	assert_int_equal(fake_mapped(USER + 7 * PAGE_SIZE)->offset, frame(0));
	assert_int_equal(process.count, 1);
	assert_int_equal(block_find(USER)->large, 0);
	*large_entry(USER) = frame(2) | LARGE | DATA;
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	allow(USER, PROT_READ | PROT_WRITE);
	assert_int_equal(fake_mapped(USER + 7 * PAGE_SIZE)->offset, frame(2) + 7 * PAGE_SIZE);
	assert_int_equal(block_find(USER)->leaf, 0);
}

static void one_flush_drops_a_gigabyte(void **state)
{
	uint64_t *entry = fake_entry(USER, 30);

	(void)state;
	*entry = LARGE | DATA; /* from address 0 on; there are 8 MiB */
	for (unsigned i = 0; i < 4; i++)
		assert_true(touch(USER + i * BLOCK_SIZE, ACCESS_USER | ACCESS_WRITE));
	assert_calls(4, 0, 0, 4 * WHOLE);
	*entry = 0;
	shadow_flush_page(gva(USER + 100 * BLOCK_SIZE));
	assert_int_equal(process.count, 0);
}

/* With keys what may be executed is mapped page by page: nobody else writes to it. */
static void executable_in_pieces(void **state)
{
	(void)state;
	*large_entry(USER) = frame(0) | LARGE | PTE_U | WRITE;
	for (unsigned i = 0; i < 3; i++)
		assert_true(touch(USER + i * 9 * PAGE_SIZE, ACCESS_USER | ACCESS_FETCH));
	assert_int_equal(rights_of(USER + 9 * PAGE_SIZE), PROT_READ | PROT_EXEC);
	*large_entry(KERNEL) = frame(0) | LARGE | WRITE | PTE_NX;
	assert_true(touch(KERNEL, ACCESS_WRITE));
	assert_int_equal(rights_of(KERNEL + 9 * PAGE_SIZE), PROT_READ);
	assert_int_equal(rights_of(KERNEL + 10 * PAGE_SIZE), PROT_READ | PROT_WRITE);
	*large_entry(USER) = 0;
	shadow_flush_page(gva(USER + 100 * PAGE_SIZE));
	assert_int_equal(rights_of(USER), -1);
	assert_int_equal(rights_of(USER + 9 * PAGE_SIZE), -1);
}

/* Rights come back, but not to frames that applications execute somewhere else. */
static void watched_frames_stay_read_only(void **state)
{
	(void)state;
	*large_entry(USER) = frame(0) | LARGE | DATA;
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	*fake_entry(USER + 9 * MIB, PAGE_SHIFT) = (frame(0) + 5 * PAGE_SIZE) | USED | PTE_U;
	assert_true(touch(USER + 9 * MIB, ACCESS_USER | ACCESS_FETCH));
	assert_int_equal(rights_of(USER + 5 * PAGE_SIZE), PROT_READ);
	*large_entry(USER) &= ~PTE_W;
	shadow_flush_user();
	*large_entry(USER) |= PTE_W;
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_int_equal(rights_of(USER), PROT_READ | PROT_WRITE);
	assert_int_equal(rights_of(USER + 5 * PAGE_SIZE), PROT_READ);
	assert_true(touch(USER + 5 * PAGE_SIZE, ACCESS_USER | ACCESS_WRITE));
	assert_int_equal(rights_of(USER + 9 * MIB), -1); /* executable no more */
	allow(USER, PROT_READ | PROT_WRITE);
}

static void the_twins_are_filled_in(void **state)
{
	(void)state;
	*large_entry(USER) = frame(0) | LARGE | DATA;
	assert_true(touch(USER, ACCESS_WRITE)); /* the kernel, for the application */
	assert_calls(1, 0, 0, 0);
	vcpu.cpl = 3;
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_calls(1, 0, 0, WHOLE);
	*large_entry(USER) = 0;
	shadow_flush_page(gva(USER + 8 * PAGE_SIZE));
	assert_int_equal(process.count + fake_twin.count, 0);
}

/* Nothing is mapped that the guest's tables would not allow. */
static void assert_sound(void)
{
	for (unsigned i = 0; i < process.count; i++) {
		const struct fake_page *page = &process.pages[i];
		struct translation now;

		assert_true(mmu_probe(gva(page->va), &now));
		assert_int_equal(now.address.v & PAGE_MASK, page->offset);
		assert_false((page->protection & PROT_WRITE) && !(now.writable && now.dirty));
		assert_false((page->protection & PROT_EXEC) && !now.executable);
		assert_true(leaf_with(page->va) || shadow_large_entry(page->va));
	}
}

#define PLACES 4

static mword place(unsigned n)
{
	return (n % 2 ? USER : KERNEL) + n / 2 * BLOCK_SIZE;
}

/* Large or a table, other rights, nothing; with the table's pages here and there. */
static void change_something(unsigned n)
{
	static const uint64_t some[] = {USED, USED | WRITE, USED | PTE_W | PTE_NX,
					USED | WRITE | PTE_NX};
	static uint64_t table[PLACES];
	uint64_t flags = some[(unsigned)rand() % 4] | (n % 2 ? PTE_U : 0);
	unsigned page = (unsigned)rand() % BLOCK_PAGES;
	uint64_t *large = large_entry(place(n));

	if (!(*large & PTE_PS) && *large)
		table[n] = *large;
	switch (rand() % 4) {
	case 0:
		*large = frame((unsigned)rand()) | flags | PTE_PS;
		break;
	case 1:
		*large ^= *large & PTE_PS ? PTE_W : 0;
		break;
	case 2:
		*large = 0;
		break;
	default:
		*large = table[n];
		*fake_entry(place(n) + page * PAGE_SIZE, PAGE_SHIFT) =
			(frame(n) + page * PAGE_SIZE) | flags;
	}
}

static void any_order(void **state)
{
	(void)state;
	srand(7);
	for (unsigned step = 0; step < 6000; step++) {
		unsigned n = (unsigned)rand() % PLACES;
		mword va = place(n) + (unsigned)rand() % 16 * PAGE_SIZE;

		if (rand() % 3) {
			touch(va, (n % 2 ? ACCESS_USER : 0) | (rand() % 2 ? ACCESS_WRITE : 0));
			continue;
		}
		change_something(n);
		if (n % 2 == 0)
			shadow_flush_kernel();
		else if (rand() % 2)
			shadow_flush_user();
		else
			for (uint64_t at = 0; at < BLOCK_SIZE; at += PAGE_SIZE)
				shadow_flush_page(gva(place(n) + at));
		assert_sound();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_mapping, setup),
		cmocka_unit_test_setup(read_only_is_not_filled_in, setup),
		cmocka_unit_test_setup(applications_get_one_at_a_time, setup),
		cmocka_unit_test_setup(fork_unmaps_nothing, setup),
		cmocka_unit_test_setup(before_the_guest_retries, setup),
		cmocka_unit_test_setup(split_and_collapsed, setup),
		cmocka_unit_test_setup(no_mixture, setup),
		cmocka_unit_test_setup(one_flush_drops_a_gigabyte, setup),
		cmocka_unit_test_setup(executable_in_pieces, setup_keys),
		cmocka_unit_test_setup(watched_frames_stay_read_only, setup_keys),
		cmocka_unit_test_setup(the_twins_are_filled_in, setup_twin),
		cmocka_unit_test_setup(any_order, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
