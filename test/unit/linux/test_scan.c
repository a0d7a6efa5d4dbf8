/* SPDX-License-Identifier: BSD-2-Clause */
/* The page scan against a naive one that knows the encodings by their own list. */
#include "backends/linux/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t page[PAGE_SIZE], next[PAGE_SIZE];

/* xrstor with every operand in memory has one of these for its third byte. */
static bool is_xrstor_modrm(uint8_t byte)
{
	return (byte >= 0x28 && byte <= 0x2f) || (byte >= 0x68 && byte <= 0x6f) ||
	       (byte >= 0xa8 && byte <= 0xaf);
}

static enum scan_kind naive(const uint8_t *at)
{
	if (at[0] == 0x0f && at[1] == 0x01 && at[2] == 0xef)
		return SCAN_WRPKRU;
	if (at[0] == 0x0f && at[1] == 0xae && is_xrstor_modrm(at[2]))
		return SCAN_XRSTOR;
	return SCAN_NOTHING;
}

static void compare(void)
{
	static struct scan_hit got[PAGE_SIZE];
	unsigned count = scan_page(page, got, PAGE_SIZE), n = 0;

	for (unsigned at = 0; at + 3 <= PAGE_SIZE; at++) {
		enum scan_kind want = naive(page + at);

		if (want == SCAN_NOTHING)
			continue;
		assert_true(n < count);
		assert_int_equal(got[n].offset, at);
		assert_int_equal(got[n].kind, want);
		n++;
	}
	assert_int_equal(n, count);
}

static void test_every_three_bytes(void **state)
{
	(void)state;
	for (uint32_t value = 0; value < 1u << 24; value++) {
		uint8_t bytes[3] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};

		if (scan_at(bytes) != naive(bytes))
			fail_msg("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
	}
}

static void test_every_offset(void **state)
{
	static const uint8_t codes[][3] = {
		{0x0f, 0x01, 0xef}, {0x0f, 0xae, 0x2f}, {0x0f, 0xae, 0xac}};
	static const uint8_t fills[] = {0x00, 0x90, 0x0f, 0x10, 0x0e, 0x01, 0xae, 0xef, 0xff};

	(void)state;
	for (size_t fill = 0; fill < sizeof(fills); fill++)
		for (size_t code = 0; code < 3; code++)
			for (unsigned at = 0; at + 3 <= PAGE_SIZE; at++) {
				memset(page, fills[fill], sizeof(page));
				memcpy(page + at, codes[code], 3);
				if (at % 64 < 17 || at > PAGE_SIZE - 32)
					compare();
			}
}

/* Bytes that matter, in any order: dense with candidates and hits. */
static void test_dense(void **state)
{
	static const uint8_t bytes[] = {0x0f, 0x0f, 0x01, 0xae, 0xef, 0x2f, 0xef, 0x0e, 0x10, 0x6c};

	(void)state;
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < PAGE_SIZE; i++)
			page[i] = bytes[(size_t)rand() % sizeof(bytes)];
		compare();
	}
}

static void test_room(void **state)
{
	struct scan_hit hits[3] = {{0, 0}, {0, 0}, {7, 7}};

	(void)state;
	memset(page, 0, sizeof(page));
	for (unsigned at = 100; at < 150; at += 10)
		memcpy(page + at, "\x0f\x01\xef", 3);
	assert_int_equal(scan_page(page, hits, 2), 5);
	assert_int_equal(hits[0].offset, 100);
	assert_int_equal(hits[1].offset, 110);
	assert_int_equal(hits[2].offset, 7);
	assert_int_equal(scan_page(page, NULL, 0), 5);
}

static void test_across(void **state)
{
	static const uint8_t bytes[] = {0x0f, 0x01, 0xae, 0xef, 0x2f, 0x00, 0xe8};
	size_t n = sizeof(bytes);

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		uint8_t edge[4] = {bytes[i % n], bytes[i / n % n], bytes[i / n / n % n],
				   bytes[i / n / n / n]};

		memcpy(page + PAGE_SIZE - 2, edge, 2);
		memcpy(next, edge + 2, 2);
		assert_int_equal(scan_across(page, next), naive(edge) || naive(edge + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_three_bytes),
		cmocka_unit_test(test_every_offset),
		cmocka_unit_test(test_dense),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_across),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
