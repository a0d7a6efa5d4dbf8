/* SPDX-License-Identifier: BSD-2-Clause */
/* Payloads as `afterburn image --xen` makes them, and as nobody should. */
#include "backends/xen/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGES 4
#define ROOM  (PAGES * PAGE_SIZE)

/* On the heap, exactly as large as said: ASan sees what is read behind it. */
static uint8_t *bytes;
static struct xen_payload good, checked;

static int setup(void **state)
{
	(void)state;
	bytes = calloc(1, ROOM);
	good = (struct xen_payload){.version = XEN_PAYLOAD_VERSION,
				    .header_bytes = sizeof(good),
				    .kernel_offset = PAGE_SIZE,
				    .kernel_bytes = PAGE_SIZE - 1,
				    .initrd_offset = 2 * PAGE_SIZE,
				    .initrd_bytes = PAGE_SIZE,
				    .command_line_offset = 3 * PAGE_SIZE,
				    .command_line_bytes = 8,
				    .total_bytes = ROOM};
	memcpy(good.magic, XEN_PAYLOAD_MAGIC, sizeof(good.magic));
	memcpy(bytes + 3 * PAGE_SIZE, "verbose", 8);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(bytes);
	return 0;
}

static void expect(struct xen_payload payload, enum xen_payload_error want)
{
	enum xen_payload_error got;

	memcpy(bytes, &payload, sizeof(payload));
	got = xen_payload_check(bytes, ROOM, &checked);
	if (got != want)
		fail_msg("got: %s; want: %s", xen_payload_error_text(got),
			 xen_payload_error_text(want));
}

static void test_good(void **state)
{
	struct xen_payload bare = good;

	(void)state;
	expect(good, XEN_PAYLOAD_E_NONE);
	assert_memory_equal(&checked, &good, sizeof(good));
	bare.initrd_offset = bare.initrd_bytes = 0;
	expect(bare, XEN_PAYLOAD_E_NONE);
}

/* One field of a good header, changed. */
#define WITH(field, value, error)                                                                  \
	{                                                                                          \
		offsetof(struct xen_payload, field), value, XEN_PAYLOAD_E_##error                  \
	}

static void test_fields(void **state)
{
	static const struct {
		size_t field;
		uint64_t value;
		enum xen_payload_error error;
	} cases[] = {
		WITH(total_bytes, ROOM - 1, TOTAL),
		WITH(total_bytes, ROOM + PAGE_SIZE, ROOM),
		WITH(total_bytes, PAGE_MASK, ROOM),
		WITH(total_bytes, 0, OUTSIDE),
		WITH(total_bytes, ROOM - PAGE_SIZE, OUTSIDE),
		WITH(kernel_bytes, 0, NO_KERNEL),
		WITH(kernel_bytes, ROOM - PAGE_SIZE + 1, OUTSIDE),
		WITH(kernel_bytes, UINT64_MAX, OUTSIDE),
		WITH(kernel_bytes, -PAGE_SIZE, OUTSIDE),
		WITH(kernel_bytes, PAGE_SIZE + 1, OVERLAP),
		WITH(kernel_offset, PAGE_SIZE + 1, ALIGNMENT),
		WITH(kernel_offset, 0, OVERLAP),
		WITH(kernel_offset, 2 * PAGE_SIZE, OVERLAP),
		WITH(kernel_offset, ROOM, OUTSIDE),
		WITH(kernel_offset, PAGE_MASK, OUTSIDE),
		WITH(initrd_offset, 2 * PAGE_SIZE + 8, ALIGNMENT),
		WITH(initrd_offset, 3 * PAGE_SIZE, OVERLAP),
		WITH(initrd_offset, UINT64_C(1) << 63, OUTSIDE),
		WITH(initrd_bytes, UINT64_C(1) << 63, OUTSIDE),
		WITH(initrd_bytes, 0, NONE),
		WITH(command_line_offset, 3 * PAGE_SIZE - 1, ALIGNMENT),
		WITH(command_line_offset, PAGE_SIZE, OVERLAP),
		WITH(command_line_offset, ROOM, OUTSIDE),
		WITH(command_line_bytes, 0, COMMAND_LINE),
		WITH(command_line_bytes, 7, COMMAND_LINE),
		WITH(command_line_bytes, PAGE_SIZE + 1, OUTSIDE),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct xen_payload payload = good;

		memcpy((char *)&payload + cases[i].field, &cases[i].value, sizeof(uint64_t));
		expect(payload, cases[i].error);
	}
}

static void test_identity(void **state)
{
	struct xen_payload payload = good;

	(void)state;
	payload.magic[7] ^= 1;
	expect(payload, XEN_PAYLOAD_E_MAGIC);
	payload = good;
	payload.version++;
	expect(payload, XEN_PAYLOAD_E_VERSION);
	payload = good;
	payload.header_bytes += 8;
	expect(payload, XEN_PAYLOAD_E_HEADER);
}

static void test_cut(void **state)
{
	uint8_t *torn = malloc(sizeof(good));

	(void)state;
	memcpy(torn, &good, sizeof(good));
	assert_int_equal(xen_payload_check(torn, sizeof(good) - 1, &checked), XEN_PAYLOAD_E_CUT);
	assert_int_equal(xen_payload_check(torn, sizeof(good), &checked), XEN_PAYLOAD_E_ROOM);
	assert_int_equal(xen_payload_check(NULL, 0, &checked), XEN_PAYLOAD_E_CUT);
	free(torn);
}

static void test_texts(void **state)
{
	(void)state;
	for (enum xen_payload_error e = XEN_PAYLOAD_E_NONE; e < XEN_PAYLOAD_ERROR_COUNT; e++)
		assert_non_null(xen_payload_error_text(e));
	assert_string_equal(xen_payload_error_text(XEN_PAYLOAD_ERROR_COUNT), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
