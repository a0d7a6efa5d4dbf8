/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of page tables in batches: what is asked of Xen, when, in which order. */
#include "backends/xen/updates.h"

#include "backends/xen/memory.h"
#include "backends/xen/stats.h"
#include "test/unit/xen/fake_end.h"
#include "test/unit/xen/fake_run.h"
#include "test/unit/xen/fake_xen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BATCH 128

/* A pinned level-1 table, another that is loaded, and frames to map. */
#define TABLE 5
#define ROOT  9
#define FIRST 100

static uint64_t leaf(unsigned n)
{
	return (uint64_t)(FIRST + n) << PAGE_SHIFT | ENTRY_READ;
}

static int setup(void **state)
{
	(void)state;
	fake_xen_start();
	assert_int_equal(frame_pin(TABLE, 1), 0);
	for (unsigned i = 0; i < 3; i++)
		frames_words[ROOT + i][0] = (ROOT + i + 1) << PAGE_SHIFT | ENTRY_TABLE;
	assert_int_equal(frame_use(ROOT, 4), 0);
	fake_domain.root = ROOT;
	return 0;
}

/* Nothing is left over for the next test. */
static int teardown(void **state)
{
	(void)state;
	updates_do();
	return 0;
}

static void assert_kinds(unsigned single, unsigned extended, unsigned multicalls)
{
	assert_int_equal(fake_log.by_number[__HYPERVISOR_mmu_update], single);
	assert_int_equal(fake_log.by_number[__HYPERVISOR_mmuext_op], extended);
	assert_int_equal(fake_log.by_number[__HYPERVISOR_multicall], multicalls);
}

static void nothing_costs_nothing(void **state)
{
	(void)state;
	updates_do();
	assert_int_equal(fake_log.count, 0);
	assert_false(updates_must());
}

static void order_is_kept(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		updates_set(TABLE, (i * 37) % 512, leaf(i));
	updates_set(TABLE, 37, leaf(300)); /* once more: the last counts */
	assert_int_equal(fake_log.count, 0);
	updates_do();
	assert_kinds(1, 0, 0);
	assert_int_equal(fake_log.updates, 101);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(fake_log.update[i].ptr, TABLE * PAGE_SIZE + i * 37 % 512 * 8);
		assert_int_equal(fake_log.update[i].val, leaf(i));
	}
	assert_int_equal(frames_words[TABLE][37], leaf(300));
	assert_int_equal(stats[STAT_UPDATES], 101);
	assert_int_equal(stats[STAT_BATCHES], 1);
}

static void batches_have_bounds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BATCH; i++)
		updates_set(TABLE, i, leaf(i));
	assert_int_equal(fake_log.count, 0);
	updates_set(TABLE, BATCH, leaf(BATCH));
	assert_int_equal(fake_log.updates, BATCH);
	updates_do();
	assert_kinds(2, 0, 0);
	assert_int_equal(fake_log.updates, BATCH + 1);
	for (unsigned i = 0; i <= BATCH; i++)
		assert_int_equal(frames_words[TABLE][i], leaf(i));
	for (unsigned i = 0; i < 2 * BATCH; i++)
		updates_set(TABLE, i, 0);
	updates_do();
	assert_kinds(4, 0, 0);
	assert_int_equal(fake_log.updates, 3 * BATCH + 1);
}

/* A change and its flush are one hypercall; a flush alone is one, too. */
static void flushes_come_along(void **state)
{
	(void)state;
	updates_set(TABLE, 0, leaf(0));
	updates_need_flush();
	assert_true(updates_must());
	updates_do();
	assert_false(updates_must());
	assert_kinds(1, 1, 1);
	assert_true(fake_log.calls[1].inner && fake_log.calls[2].inner);
	assert_int_equal(fake_log.calls[1].number, __HYPERVISOR_mmu_update);
	assert_int_equal(fake_log.flushes, 1);
	fake_clear_calls();
	updates_need_flush();
	updates_do();
	assert_kinds(0, 1, 0);
	assert_int_equal(fake_log.flushes, 1);
	fake_clear_calls();
	updates_set(TABLE, 0, leaf(1));
	updates_do();
	assert_kinds(1, 0, 0);
	assert_int_equal(fake_log.flushes, 0);
}

/* What takes rights away in a batch that is full is flushed no later than the rest. */
static void a_full_batch_forgets_no_flush(void **state)
{
	unsigned index;
	mword va = 7 * PAGE_SIZE;

	(void)state;
	assert_int_equal(fake_table_at(va, 1, &index), ROOT + 3);
	updates_set(ROOT + 3, 7, leaf(0));
	updates_do();
	assert_true(fake_access(va, 0));
	updates_set(ROOT + 3, 7, 0);
	updates_need_flush();
	for (unsigned i = 0; i < BATCH + 1; i++)
		updates_set(TABLE, i, leaf(i));
	updates_do();
	assert_false(fake_sees(va, false).present);
}

static void one_page(void **state)
{
	mword va = 7 * PAGE_SIZE;

	(void)state;
	updates_page(va, leaf(1));
	assert_int_equal(fake_log.by_number[__HYPERVISOR_update_va_mapping], 1);
	assert_true(fake_access(va, 0));
	updates_set(ROOT + 3, 7, leaf(2));
	updates_page(va, leaf(3)); /* collected ones go first */
	assert_int_equal(fake_log.calls[1].number, __HYPERVISOR_mmu_update);
	assert_int_equal(fake_log.calls[2].number, __HYPERVISOR_update_va_mapping);
	assert_int_equal(fake_sees(va, false).mfn, FIRST + 3);
	assert_int_equal(fake_log.flushes, 0);
	assert_int_equal(stats[STAT_UPDATES], 3);
}

static void refused_entries_are_named(void **state)
{
	(void)state;
	updates_set(TABLE, 0, leaf(0));
	updates_set(TABLE, 1, (uint64_t)FRAMES << PAGE_SHIFT | ENTRY_READ);
	updates_set(TABLE, 2, leaf(2));
	assert_ends(updates_do(), "Xen refuses a page-table entry");
	assert_non_null(strstr(fake_reason, "value=0x8000000004000025"));
}

static void tables_are_not_mapped_writable(void **state)
{
	(void)state;
	updates_set(TABLE, 0, TABLE << PAGE_SHIFT | ENTRY_WRITE);
	updates_need_flush();
	assert_ends(updates_do(), "a page table is mapped writable");
	assert_non_null(strstr(fake_reason, "value=0x8000000000005067"));
}

static void no_memory_is_another_reason(void **state)
{
	(void)state;
	updates_set(TABLE, 0, leaf(0));
	fake_refuse(__HYPERVISOR_mmu_update, -ENOMEM, 0);
	assert_ends(updates_do(), "Xen has no memory for a page table");
}

static void failed_hypercalls_are_named(void **state)
{
	(void)state;
	updates_set(TABLE, 0, leaf(0));
	updates_need_flush();
	fake_refuse(__HYPERVISOR_multicall, -EFAULT, 0);
	assert_ends(updates_do(), "multicall, error 14");
	fake_refuse(__HYPERVISOR_mmuext_op, -EINVAL, 0);
	assert_ends(updates_do(), "flushing, error 22");
	assert_ends(updates_page(UINT64_C(1) << 39, leaf(0)), "update_va_mapping, error 22");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_costs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(order_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(batches_have_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(flushes_come_along, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_batch_forgets_no_flush, setup, teardown),
		cmocka_unit_test_setup_teardown(one_page, setup, teardown),
		/* the domain ends, and with it what it had collected */
		cmocka_unit_test_setup(refused_entries_are_named, setup),
		cmocka_unit_test_setup(tables_are_not_mapped_writable, setup),
		cmocka_unit_test_setup(no_memory_is_another_reason, setup),
		cmocka_unit_test_setup(failed_hypercalls_are_named, setup),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
