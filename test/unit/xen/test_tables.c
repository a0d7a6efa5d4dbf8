/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of page tables: finding, holding, taking the one that nobody needs. */
#include "backends/xen/shadow.h"
#include "backends/xen/tables.h"

#include "backends/xen/stats.h"
#include "test/unit/xen/fake_guest.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define POOL 16

static const struct table *unlinked[POOL * 4]; /* the last ones */
static unsigned unlink_count;

struct table *shadow_leaf_table(mword va)
{
	(void)va;
	return NULL;
}

void shadow_unlink(struct table *table)
{
	unlinked[unlink_count++ % (POOL * 4)] = table;
}

static int setup(void **state)
{
	(void)state;
	fake_guest_start(POOL);
	tables_start();
	fake_clear_calls();
	return 0;
}

static void fill_nothing(struct table *table, uint64_t *entries)
{
	(void)table;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		assert_int_equal(entries[i], 0);
}

static void fill_one(struct table *table, uint64_t *entries)
{
	fill_nothing(table, entries);
	entries[table->gfn % TABLE_ENTRIES] = machine_memory.p2m[7] << PAGE_SHIFT | ENTRY_READ;
	table_note(table, table->gfn % TABLE_ENTRIES, 0x7001);
}

static struct table *make(uint32_t gfn, unsigned level)
{
	return table_make(gfn, level, TABLE_PLAIN, 0, level == 1 ? fill_one : fill_nothing);
}

static void tables_are_found(void **state)
{
	struct table *one = make(5, 1), *top = make(5, 4), *far = make(5 + 4096, 1);
	struct table *user = table_make(5, 4, TABLE_USER, 0, fill_nothing);

	(void)state;
	assert_ptr_equal(table_find(5, 1, TABLE_PLAIN), one);
	assert_ptr_equal(table_find(5, 4, TABLE_PLAIN), top);
	assert_ptr_equal(table_find(5, 4, TABLE_USER), user);
	assert_ptr_equal(table_find(5 + 4096, 1, TABLE_PLAIN), far);
	assert_null(table_find(5, 2, TABLE_PLAIN));
	assert_null(table_find(6, 1, TABLE_PLAIN));
	assert_null(table_find(5, 1, TABLE_SPLIT));
	assert_true(one != top && top != user && user != far);
}

static void all_copies_of_a_frame(void **state)
{
	const struct table *one = make(5, 1), *top = make(5, 4), *first, *second;

	(void)state;
	make(6, 1);
	make(5 + 4096, 1);
	table_make(5, 1, TABLE_SPLIT, 0, fill_nothing); /* no copy of a table */
	first = table_of_frame(5, NULL);
	second = table_of_frame(5, first);
	assert_true((first == one && second == top) || (first == top && second == one));
	assert_null(table_of_frame(5, second));
	assert_null(table_of_frame(7, NULL));
}

static bool writable_here(const struct table *table)
{
	unsigned index;
	uint64_t mfn;

	for (unsigned i = 0; i < POOL; i++)
		if (machine_memory.pool[i] == table->mfn) {
			mfn = fake_table_at((LAYOUT_POOL + i * PAGE_SIZE) | 0xffff800000000000, 1,
					    &index);
			return frames_words[mfn][index] & ENTRY_W;
		}
	fail();
	return false;
}

static void tables_are_pinned_and_read_only(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		const struct table *table = make(40 + level, level);

		assert_int_equal(frames[table->mfn].type, level);
		assert_true(frames[table->mfn].pinned);
		assert_false(writable_here(table));
	}
	assert_int_equal(fake_log.by_number[__HYPERVISOR_mmuext_op], 4);
	assert_int_equal(fake_log.by_number[__HYPERVISOR_update_va_mapping], 4);
	assert_int_equal(stats[STAT_TABLES_MADE], 4);
}

static void what_is_noted_is_used(void **state)
{
	struct table *table = make(70, 1);

	(void)state;
	assert_int_equal(table->seen[70], 0x7001);
	assert_int_equal(table->used[1], BIT(6));
	table_note(table, 511, 1);
	assert_int_equal(table->used[7], BIT(63));
	table_note(table, 70, 0);
	table_note(table, 511, 0);
	for (unsigned i = 0; i < TABLE_ENTRIES / 64; i++)
		assert_int_equal(table->used[i], 0);
}

/* All of the pool, without references. */
static void fill_pool(struct table *made[POOL])
{
	for (unsigned i = 0; i < POOL; i++)
		made[i] = make(100 + i, 1);
}

static void the_longest_idle_goes(void **state)
{
	struct table *made[POOL], *next;

	(void)state;
	fill_pool(made);
	table_hold(made[0]);
	table_hold(made[1]);
	table_hold(made[1]);
	table_release(made[1]); /* still held */
	table_hold(made[2]);
	table_release(made[2]); /* idle, but not for long */
	for (unsigned i = 3; i < POOL; i++)
		assert_ptr_equal(make(200 + i, 1), made[i]);
	next = make(300, 2);
	assert_ptr_equal(next, made[2]);
	assert_int_equal(frames[next->mfn].type, 2);
	assert_int_equal(frames[next->mfn].users, 1);
	assert_null(table_find(102, 1, TABLE_PLAIN));
	assert_ptr_equal(table_find(100, 1, TABLE_PLAIN), made[0]);
	assert_int_equal(unlink_count, POOL - 2);
	assert_ptr_equal(unlinked[0], made[3]);
	assert_int_equal(stats[STAT_TABLES_DROPPED], POOL - 2);
}

static void what_is_taken_is_empty(void **state)
{
	struct table *made[POOL], *again;

	(void)state;
	fill_pool(made);
	again = table_make(7, 3, TABLE_WINDOW, UINT64_C(0xffffff8000000000), fill_nothing);
	assert_ptr_equal(again, made[0]);
	assert_int_equal(again->seen[100], 0);
	assert_int_equal(again->used[1], 0);
	assert_int_equal(again->refs, 0);
	assert_true(again->kernel);
	assert_int_equal(again->level, 3);
	assert_int_equal(again->kind, TABLE_WINDOW);
}

static void no_table_is_left(void **state)
{
	struct table *made[POOL];

	(void)state;
	fill_pool(made);
	for (unsigned i = 0; i < POOL; i++)
		table_hold(made[i]);
	assert_ends(make(9, 1), "no page for another page table; give the domain more memory");
	assert_non_null(strstr(fake_reason, "tables=0x10"));
	table_release(made[5]);
	assert_ptr_equal(make(9, 1), made[5]);
}

/* A quarter of the pool has room for links, and who needs it gets it. */
static void upper_levels_find_room(void **state)
{
	struct table *top;

	(void)state;
	for (unsigned i = 0; i < POOL * 4; i++)
		assert_non_null(make(100 + i, 2 + i % 3)->children);
	for (unsigned i = 0; i < POOL * 4; i++)
		assert_null(make(300 + i, 1)->children);
	for (unsigned i = 0; i < POOL / 4; i++)
		table_hold(top = make(100 + i, 3));
	assert_ends(make(200, 2), "no page for another page table");
	table_release(top);
	assert_ptr_equal(make(200, 2), top);
	make(400, 1);
}

/* Few of upper levels, so that there is room for their links. */
static unsigned level_of(unsigned n)
{
	return n % 16 ? 1 : 2 + n / 32;
}

/* As any of them is taken, others stay where they were. */
static void random_use(void **state)
{
	static unsigned refs[64];
	static struct table *where[64];
	unsigned held = 0;

	(void)state;
	srand(1);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned n = (unsigned)rand() % 64;
		uint32_t gfn = n % 2 ? n : n << 12; /* few buckets */

		where[n] = table_find(gfn, level_of(n), TABLE_PLAIN);
		assert_true(where[n] || !refs[n]);
		unlink_count = 0;
		if (refs[n] && rand() % 2) {
			table_release(where[n]);
			held -= --refs[n] == 0;
			continue;
		}
		if (!where[n] && held < POOL)
			where[n] = table_make(gfn, level_of(n), TABLE_PLAIN, 0, fill_nothing);
		if (where[n] && where[n]->gfn == gfn && held < POOL - 1) {
			assert_int_equal(where[n]->refs, refs[n]);
			table_hold(where[n]);
			held += refs[n]++ == 0;
		}
	}
}

static void refused_tables_are_named(void **state)
{
	(void)state;
	fake_refuse(__HYPERVISOR_mmuext_op, -12, 0);
	assert_ends(make(1, 1), "pinning a page table, error 12");
	fake_refuse(__HYPERVISOR_update_va_mapping, -22, 0);
	assert_ends(make(2, 1), "changing the protection of a page table, error 22");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tables_are_found, setup),
		cmocka_unit_test_setup(all_copies_of_a_frame, setup),
		cmocka_unit_test_setup(tables_are_pinned_and_read_only, setup),
		cmocka_unit_test_setup(what_is_noted_is_used, setup),
		cmocka_unit_test_setup(the_longest_idle_goes, setup),
		cmocka_unit_test_setup(what_is_taken_is_empty, setup),
		cmocka_unit_test_setup(no_table_is_left, setup),
		cmocka_unit_test_setup(upper_levels_find_room, setup),
		cmocka_unit_test_setup(random_use, setup),
		cmocka_unit_test_setup(refused_tables_are_named, setup),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
