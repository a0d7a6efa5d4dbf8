/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of sites: every one is found again, also when it is full, and when modules
 * come and go. */
#include "text.h"

#include <string.h>

static void test_lookup(void **state)
{
	(void)state;
	text_put(10, &cli);
	text_put(17, &cpuid);
	text_put(40, &sti);
	expect_ok();
	for (unsigned i = 0; i < 64; i++) {
		const struct site *site = rewrite_site_at(TEXT + i);
		mword start = i >= 10 && i < 17 ? 10 : i >= 17 && i < 24 ? 17 : 40;

		if (i < 10 || (i >= 24 && i < 40) || i >= 47)
			assert_null(site);
		else
			assert_int_equal(site->start, TEXT + start);
	}
	assert_int_equal(rewrite_site_before(TEXT + 17)->start, TEXT + 10);
	assert_null(rewrite_site_before(TEXT + 16));
	rewrite_forget(TEXT + 17, 23);
	assert_null(rewrite_site_at(TEXT + 17));
	assert_non_null(rewrite_site_at(TEXT + 10));
	assert_non_null(rewrite_site_at(TEXT + 40));
}

/* `count` sites 8 bytes apart; the text repeats. */
static void many(unsigned first, unsigned count, const struct sample *sample)
{
	record_count = 0;
	for (unsigned i = 0; i < TEXT_BYTES / 8; i++)
		text_put(i * 8, sample);
	record_count = 0;
	for (unsigned i = 0; i < count; i++)
		text_put((first + i) * 8 + TEXT_BYTES, sample);
}

static void test_full_of_sites(void **state)
{
	(void)state;
	many(0, SITES_MAX + 1, &cli);
	assert_int_equal(text_rewrite(), REWRITE_FULL);
	assert_null(rewrite_site_at(TEXT + TEXT_BYTES));
	many(0, SITES_MAX, &cli);
	expect_ok();
	many(SITES_MAX, 1, &cli);
	assert_int_equal(text_rewrite(), REWRITE_FULL);
	rewrite_forget(TEXT + TEXT_BYTES + 80, 8);
	many(SITES_MAX, 1, &cli);
	expect_ok();
	for (unsigned i = 0; i <= SITES_MAX; i++) {
		const struct site *site = rewrite_site_at(TEXT + TEXT_BYTES + i * 8 + 3);

		assert_true(i == 10 ? !site : site && site->start == TEXT + TEXT_BYTES + i * 8);
	}
}

/* Somewhere in 256 bytes of its own: evenly spaced keys would hardly ever collide. */
static unsigned scattered(unsigned i)
{
	return TEXT_BYTES + i * 256 + (i * 2654435761u >> 24 & 0xf8);
}

/* A full table has runs of buckets: taking one out must not hide another. */
static void test_holes(void **state)
{
	(void)state;
	many(0, 0, &cli);
	for (unsigned i = 0; i < SITES_MAX; i++)
		text_put(scattered(i), &cli);
	expect_ok();
	for (unsigned step = 2; step <= 5; step += 3) {
		for (unsigned i = 0; i < SITES_MAX / 8; i += step)
			rewrite_forget(TEXT + scattered(i), 8);
		for (unsigned i = 0; i < SITES_MAX; i++) {
			bool gone = i < SITES_MAX / 8 && (i % 2 == 0 || (step == 5 && i % 5 == 0));

			assert_int_equal(!rewrite_site_before(TEXT + scattered(i) + 7), gone);
		}
	}
}

static void test_full_of_thunks(void **state)
{
	(void)state;
	many(0, 257, &swapgs);
	assert_int_equal(text_rewrite(), REWRITE_FULL);
	assert_int_equal(failure.class, AB_CLASS_SWAPGS);
	many(0, 256, &swapgs);
	expect_ok();
	many(256, 1, &swapgs);
	assert_int_equal(text_rewrite(), REWRITE_FULL);
	rewrite_forget(TEXT + TEXT_BYTES, 8);
	many(256, 1, &swapgs);
	expect_ok();
}

/* Modules come and go: the table against a plain array. */
static void test_table_churn(void **state)
{
	static bool there[512];
	uint32_t random = 1;

	(void)state;
	memset(there, 0, sizeof(there));
	for (unsigned round = 0; round < 20000; round++) {
		random = random * 1103515245 + 12345;
		unsigned slot = random >> 16 & 511;

		record_count = 0;
		if (there[slot])
			rewrite_forget(TEXT + slot * 8, 8);
		else
			text_put(slot * 8, &cli);
		assert_int_equal(text_rewrite(), REWRITE_OK);
		there[slot] = !there[slot];
		slot = random >> 8 & 511;
		assert_int_equal(!!rewrite_site_before(TEXT + slot * 8 + 7), there[slot]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lookup, text_reset),
		cmocka_unit_test_setup(test_full_of_sites, text_reset),
		cmocka_unit_test_setup(test_holes, text_reset),
		cmocka_unit_test_setup(test_full_of_thunks, text_reset),
		cmocka_unit_test_setup(test_table_churn, text_reset),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
