/* SPDX-License-Identifier: BSD-2-Clause */
/* What is handed to Linux, read back as Linux reads it. */
#include "kernel.h"

static uint8_t ram[RAM_SIZE];
static struct boot_request request;
static struct boot_result result;
static struct load_failure failure;

static int setup(void **state)
{
	(void)state;
	memset(ram, 0xee, sizeof(ram));
	request = (struct boot_request){.ram = ram,
					.ram_size = RAM_SIZE,
					.kernel = gpa(0x200000),
					.kernel_end = gpa(0x280000),
					.command_line = "console=ttyS0 nokaslr",
					.rsdp = gpa(0xe0010)};
	return 0;
}

static uint64_t zero_page(unsigned offset, unsigned width)
{
	uint64_t value = 0;

	memcpy(&value, ram + BOOT_ZERO_PAGE + offset, width);
	return value;
}

static void expect(enum load_error error)
{
	bool ok = boot_setup(&request, &result, &failure);

	if (ok != (error == LOAD_E_NONE) || failure.error != error)
		fail_msg("got: %s; want: %s", load_error_text(failure.error),
			 load_error_text(error));
}

static void check_e820(unsigned i, uint64_t start, uint64_t size, uint32_t type)
{
	assert_int_equal(zero_page(0x2d0 + i * 20, 8), start);
	assert_int_equal(zero_page(0x2d0 + i * 20 + 8, 8), size);
	assert_int_equal(zero_page(0x2d0 + i * 20 + 16, 4), type);
}

static void test_zero_page(void **state)
{
	const struct boot_range reserved[] = {{gpa(0x300000), 0x1000}};

	(void)state;
	request.reserved = reserved;
	request.reserved_count = 1;
	expect(LOAD_E_NONE);
	assert_int_equal(result.zero_page.v, BOOT_ZERO_PAGE);
	assert_memory_equal(ram + BOOT_ZERO_PAGE + 0x202, "HdrS", 4);
	assert_int_equal(zero_page(0x1fe, 2), 0xaa55);
	assert_int_equal(zero_page(0x206, 2), 0x20f);
	assert_int_equal(zero_page(0x210, 2), 0x01ff);
	assert_int_equal(zero_page(0x1ef, 1), 0); /* sentinel */
	assert_int_equal(zero_page(0x70, 8), 0xe0010);
	assert_int_equal(zero_page(0x228, 4), BOOT_COMMAND_LINE);
	assert_string_equal((char *)ram + BOOT_COMMAND_LINE, "console=ttyS0 nokaslr");
	assert_int_equal(zero_page(0x218, 4), 0);
	assert_int_equal(zero_page(0x1e8, 1), 4);
	check_e820(0, 0, 0x9fc00, 1);
	check_e820(1, 0x9fc00, 0x60400, 2);
	check_e820(2, 0x100000, RAM_SIZE - 0x100000, 1);
	check_e820(3, 0x300000, 0x1000, 2);
	assert_int_equal(ram[BOOT_END], 0xee);
	assert_int_equal(ram[BOOT_ZERO_PAGE - 1], 0xee);
}

/* Walk the tables as a processor does. */
static uint64_t translate(uint64_t va)
{
	uint64_t table = result.root.v, entry = 0;

	for (int shift = 39; shift >= 21; shift -= 9) {
		memcpy(&entry, ram + table + (va >> shift & 511) * 8, 8);
		if (!(entry & 1))
			return UINT64_MAX;
		assert_int_equal(entry & 3, 3);
		table = entry & 0xffffffffff000;
	}
	assert_true(entry & 0x80);
	return table | (va & 0x1fffff);
}

static void test_page_tables(void **state)
{
	(void)state;
	expect(LOAD_E_NONE);
	for (uint64_t va = 0; va < UINT64_C(1) << 30; va += 0x1ff000)
		assert_int_equal(translate(va), va);
	assert_int_equal(translate(UINT64_C(1) << 30), UINT64_MAX);
	assert_int_equal(translate(UINT64_C(1) << 39), UINT64_MAX);
}

static void test_command_line(void **state)
{
	char line[2050];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[2047] = 0;
	request.command_line = line;
	expect(LOAD_E_NONE);
	assert_string_equal((char *)ram + BOOT_COMMAND_LINE, line);
	line[2047] = 'x', line[2048] = 0;
	expect(LOAD_E_BOOT_COMMAND_LINE);
	request.command_line = NULL;
	expect(LOAD_E_NONE);
	assert_int_equal(ram[BOOT_COMMAND_LINE], 0);
}

static void test_initrd(void **state)
{
	static uint8_t initrd[0x180000];
	struct boot_range reserved[] = {{gpa(0x3f0000), 0x10000}, {gpa(0x3a0800), 0x100}};

	(void)state;
	for (size_t i = 0; i < sizeof(initrd); i++)
		initrd[i] = (uint8_t)(i * 7);
	request.initrd = initrd;
	request.initrd_size = 0x12345;
	expect(LOAD_E_NONE);
	assert_int_equal(result.initrd.v, (RAM_SIZE - 0x12345) & ~0xfff);
	assert_memory_equal(ram + result.initrd.v, initrd, 0x12345);
	assert_int_equal(zero_page(0x218, 4), result.initrd.v);
	assert_int_equal(zero_page(0x21c, 4), 0x12345);
	assert_int_equal(zero_page(0xc0, 8), 0);
	/* below one reserved range, then below the other */
	request.reserved = reserved;
	request.reserved_count = 2;
	expect(LOAD_E_NONE);
	assert_int_equal(result.initrd.v, (0x3f0000 - 0x12345) & ~0xfff);
	request.initrd_size = 0x50000;
	expect(LOAD_E_NONE);
	assert_int_equal(result.initrd.v, (0x3a0800 - 0x50000) & ~0xfff);
	/* between the kernel and 1 MiB, then nowhere */
	request.reserved_count = 0;
	request.kernel = gpa(0x200000);
	request.kernel_end = gpa(0x380000);
	request.initrd_size = 0x100000;
	expect(LOAD_E_NONE);
	assert_int_equal(result.initrd.v, 0x100000);
	request.initrd_size = 0x100001;
	expect(LOAD_E_BOOT_INITRD);
	request.initrd_size = UINT64_MAX;
	expect(LOAD_E_BOOT_INITRD);
}

static void test_bad_requests(void **state)
{
	struct boot_range reserved[BOOT_RANGES + 1] = {{gpa(0x300000), 0}};

	(void)state;
	request.reserved = reserved;
	request.reserved_count = 1;
	expect(LOAD_E_BOOT_RESERVED);
	reserved[0] = (struct boot_range){gpa(UINT64_MAX - 10), 100};
	expect(LOAD_E_BOOT_RESERVED);
	reserved[0] = (struct boot_range){gpa(0x27f000), 0x1001};
	expect(LOAD_E_BOOT_RESERVED);
	request.reserved_count = BOOT_RANGES + 1;
	expect(LOAD_E_BOOT_RANGES);
	for (unsigned i = 0; i < BOOT_RANGES; i++)
		reserved[i] = (struct boot_range){gpa(0x300000 + i * 0x2000), 0x1000};
	request.reserved_count = BOOT_RANGES;
	expect(LOAD_E_NONE);
	assert_int_equal(zero_page(0x1e8, 1), BOOT_RANGES + 3);
	request.reserved_count = 0;
	request.kernel = gpa(0x14000);
	expect(LOAD_E_BOOT_KERNEL);
	request.kernel = gpa(0x200000);
	request.kernel_end = gpa(RAM_SIZE + 1);
	expect(LOAD_E_BOOT_KERNEL);
	request.ram_size = 0x100000;
	expect(LOAD_E_BOOT_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_zero_page, setup),
		cmocka_unit_test_setup(test_page_tables, setup),
		cmocka_unit_test_setup(test_command_line, setup),
		cmocka_unit_test_setup(test_initrd, setup),
		cmocka_unit_test_setup(test_bad_requests, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
