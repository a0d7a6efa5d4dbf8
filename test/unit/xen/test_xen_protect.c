/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables that stay as they are: write-protected, and address spaces that are loaded without a look
 * at them. In the guest as in Linux all memory is mapped in the kernel's half, by large pages.
 */
#include "backends/xen/protect.h"
#include "backends/xen/stats.h"
#include "test/unit/xen/fake_shadow.h"
#include "vmm/backend.h"
#include "vmm/vcpu.h"

#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define USER   UINT64_C(0x400000)
#define KERNEL UINT64_C(0xffffc90000000000)
#define DIRECT UINT64_C(0xffff888080000000)
#define BLOCK  UINT64_C(0x200000)

#define TABLE (PTE_P | PTE_W | PTE_U | PTE_A)
#define USED  (PTE_P | PTE_A)
#define WRITE (PTE_W | PTE_D)

static uint64_t one, other; /* roots */

static uint64_t physical(const uint64_t *entry)
{
	return (uint64_t)((const uint8_t *)entry - fake_ram);
}

/* The guest's own store. */
static void store(uint64_t *entry, uint64_t value)
{
	assert_true(fake_touch(DIRECT + physical(entry), ACCESS_WRITE));
	*entry = value;
}

static bool is_writable(const uint64_t *entry)
{
	return fake_sees(DIRECT + physical(entry), false).writable;
}

static uint64_t *entry_of(uint64_t root, unsigned shift)
{
	return fake_entry_in(root, USER, shift);
}

/* Two spaces with a page each, and the kernel's half in common. */
static int setup(void **state)
{
	(void)state;
	fake_shadow_start(256, DIRECT);
	one = vcpu.cr3;
	other = fake_new_table();
	for (unsigned i = 0; i < 4; i++)
		*fake_entry(DIRECT + i * BLOCK, 21) = i * BLOCK | USED | WRITE | PTE_PS;
	*entry_of(one, 12) = fake_frame(0) | USED | WRITE | PTE_U;
	*entry_of(other, 12) = fake_frame(1) | USED | WRITE | PTE_U;
	*fake_entry_in(other, DIRECT, 39) = *fake_entry(DIRECT, 39);
	for (uint64_t at = 0; at < 4 * BLOCK; at += PAGE_SIZE)
		assert_true(fake_touch(DIRECT + at, ACCESS_WRITE));
	for (unsigned i = 0; i < 2; i++) {
		fake_load(i ? other : one);
		fake_resume(0);
		assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
		fake_resume(0);
	}
	return 0;
}

/* Until their tables are worth protecting. `b` is loaded then. */
static void switch_between(uint64_t a, uint64_t b)
{
	for (unsigned i = 0; i < 200; i++) {
		fake_load(i % 2 ? b : a);
		fake_resume(0);
	}
}

static void switch_often(void)
{
	switch_between(one, other);
}

static void all_levels_are_protected(void **state)
{
	(void)state;
	for (unsigned shift = 12; shift <= 39; shift += 9)
		assert_true(is_writable(entry_of(one, shift)));
	switch_often();
	for (unsigned shift = 12; shift <= 39; shift += 9) {
		assert_false(is_writable(entry_of(one, shift)));
		assert_false(is_writable(entry_of(other, shift)));
	}
	assert_int_equal(stats[STAT_PROTECTED], 8);
	assert_vmm_is_there();
}

static void writing_ends_it(void **state)
{
	(void)state;
	switch_often();
	for (unsigned shift = 12; shift <= 39; shift += 9) {
		uint64_t trapped = stats[STAT_TRAPPED_WRITES];

		store(entry_of(one, shift), *entry_of(one, shift));
		assert_int_equal(stats[STAT_TRAPPED_WRITES], trapped + 1);
		assert_true(is_writable(entry_of(one, shift)));
		assert_false(is_writable(entry_of(other, shift)));
		store(entry_of(one, shift), *entry_of(one, shift));
		assert_int_equal(stats[STAT_TRAPPED_WRITES], trapped + 1);
	}
}

static void trusted_spaces_are_loaded_as_they_are(void **state)
{
	uint64_t trusted;

	(void)state;
	switch_often();
	trusted = stats[STAT_ROOTS_TRUSTED];
	assert_true(trusted > 0);
	switch_often();
	assert_int_equal(stats[STAT_ROOTS_TRUSTED], trusted + 200);
}

/* At any level, while the space is loaded and while it is not; before an invalidation nothing
 * is promised. */
static void what_is_taken_away_goes(void **state)
{
	(void)state;
	for (unsigned shift = 12; shift <= 39; shift += 9)
		for (unsigned loaded = 0; loaded < 2; loaded++) {
			uint64_t *entry = entry_of(one, shift), before = *entry;

			switch_often(); /* `other' is loaded then */
			if (loaded)
				fake_load(one);
			fake_resume(0);
			store(entry, before & ~PTE_U);
			fake_load(one);
			fake_resume(0);
			assert_false(fake_sees(USER, true).present);
			store(entry, before);
			assert_true(fake_touch(USER, ACCESS_USER));
			store(entry, before & ~PTE_W);
			backend_flush_all(false);
			fake_resume(0);
			assert_false(fake_sees(USER, true).writable);
			store(entry, before);
			assert_true(fake_touch(USER, ACCESS_USER | ACCESS_WRITE));
			fake_resume(0);
		}
}

/* A table that is linked where nothing was may change, whatever else is trusted. */
static void new_tables_are_looked_at(void **state)
{
	uint64_t *entry;

	(void)state;
	switch_often();
	fake_load(one);
	fake_resume(0);
	entry = fake_entry_in(one, USER + BLOCK, 12);
	*entry = fake_frame(2) | USED | WRITE | PTE_U; /* a table of the guest's, new */
	assert_true(fake_touch(USER + BLOCK, ACCESS_USER | ACCESS_WRITE));
	store(entry, 0);
	fake_load(one);
	fake_resume(0);
	assert_false(fake_sees(USER + BLOCK, true).present);
}

/* What a trusted space has not shown yet, but the one before did: a stack may be there. */
static void the_kernel_is_there_all_the_same(void **state)
{
	uint64_t third = fake_new_table(), trusted;

	(void)state;
	*fake_entry_in(one, KERNEL, 12) = fake_frame(8) | USED | WRITE;
	*fake_entry_in(other, KERNEL, 39) = *fake_entry_in(one, KERNEL, 39);
	*fake_word(third + 273 * 8) = *fake_entry_in(one, DIRECT, 39);
	fake_load(one);
	fake_resume(0);
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	fake_load(third); /* has it not */
	switch_between(third, other);
	assert_false(fake_sees(KERNEL, false).present);
	fake_load(one);
	trusted = stats[STAT_ROOTS_TRUSTED];
	fake_load(other);
	assert_int_equal(stats[STAT_ROOTS_TRUSTED], trusted); /* that was news */
	fake_resume(0);
	assert_true(fake_sees(KERNEL, false).writable);
}

/* Mapped writable elsewhere, a table may be written unseen. */
static void aliases_are_no_protection(void **state)
{
	uint64_t protected, trusted;

	(void)state;
	*fake_entry(KERNEL, 12) = (*entry_of(other, 21) & PTE_ADDR) | USED | WRITE;
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	switch_often();
	assert_true(is_writable(entry_of(other, 12)));
	protected = stats[STAT_PROTECTED];
	assert_int_equal(protected, 7);
	trusted = stats[STAT_ROOTS_TRUSTED];
	fake_load(other);
	assert_int_equal(stats[STAT_ROOTS_TRUSTED], trusted);
	fake_load(one);
	assert_int_equal(stats[STAT_ROOTS_TRUSTED], trusted + 1);
	fake_resume(0);
	*fake_entry(KERNEL, 12) = (*entry_of(one, 21) & PTE_ADDR) | USED | WRITE;
	backend_flush_page(gva(KERNEL));
	assert_true(fake_touch(KERNEL, ACCESS_WRITE)); /* ends the protection of that one */
	assert_true(is_writable(entry_of(one, 12)));
	*entry_of(one, 12) = 0;
	fake_load(one);
	fake_resume(0);
	assert_false(fake_sees(USER, true).present);
}

/* The one writer is not where all memory is mapped: protecting there would protect nothing. */
static void the_writer_must_be_the_one(void **state)
{
	uint64_t victim = *entry_of(one, 21) & PTE_ADDR, pieces = fake_new_table();

	(void)state;
	for (unsigned i = 0; i < 512; i++)
		fake_word(pieces)[i] = i * PAGE_SIZE | USED | WRITE;
	fake_word(pieces)[victim / PAGE_SIZE] = victim | USED | PTE_W; /* not dirty */
	*fake_entry(DIRECT, 21) = pieces | PTE_P | PTE_W | PTE_A;
	*fake_entry(KERNEL, 12) = victim | USED | WRITE;
	backend_flush_all(true);
	fake_resume(0);
	assert_true(fake_touch(KERNEL, ACCESS_WRITE));
	assert_true(fake_touch(DIRECT + victim, ACCESS_READ));
	switch_often();
	assert_false(is_protected(victim >> PAGE_SHIFT));
	fake_word(victim)[USER >> 12 & 511] = 0; /* by the other mapping */
	fake_load(one);
	fake_resume(0);
	assert_false(fake_sees(USER, true).present);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_levels_are_protected, setup),
		cmocka_unit_test_setup(writing_ends_it, setup),
		cmocka_unit_test_setup(trusted_spaces_are_loaded_as_they_are, setup),
		cmocka_unit_test_setup(what_is_taken_away_goes, setup),
		cmocka_unit_test_setup(new_tables_are_looked_at, setup),
		cmocka_unit_test_setup(the_kernel_is_there_all_the_same, setup),
		cmocka_unit_test_setup(aliases_are_no_protection, setup),
		cmocka_unit_test_setup(the_writer_must_be_the_one, setup),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
