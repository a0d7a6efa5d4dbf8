/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI: registers, power off, power button, and the tables byte by byte and as the
 * ACPI compiler reads them. */
#include "vmm/devices/acpi.h"

#include "vmm/devices/clock.h"
#include "vmm/memory.h"

#include "double.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct acpi acpi;
static struct wire wire;

static uint32_t in(uint16_t offset, unsigned size, uint64_t now)
{
	uint64_t mask = (UINT64_C(1) << 8 * size) - 1;

	return (uint32_t)(acpi.device.ops->in(&acpi.device, offset, size, now) & mask);
}

static void out(uint16_t offset, unsigned size, uint32_t value)
{
	acpi.device.ops->out(&acpi.device, offset, size, value, 0);
}

static int setup(void **state)
{
	(void)state;
	wire = (struct wire){0};
	acpi_init(&acpi, wire_line(&wire));
	return 0;
}

/* --- fixed hardware --- */

static void always_in_acpi_mode(void **state)
{
	(void)state;
	assert_int_equal(in(4, 2, 0), 0x0001);
	out(4, 2, 0x0002);
	assert_int_equal(in(4, 2, 0), 0x0003);
	out(4, 2, 0x0000);
	assert_int_equal(in(4, 2, 0), 0x0001);
}

static void power_button_raises_the_sci(void **state)
{
	(void)state;
	acpi_power_button(&acpi);
	assert_false(wire.level); /* not enabled */
	assert_int_equal(in(0, 2, 0), 0x0100);
	out(0, 2, 0x0100);
	assert_int_equal(in(0, 2, 0), 0);
	out(2, 2, 0x0100);
	acpi_power_button(&acpi);
	assert_true(wire.level);
	out(0, 2, 0x0020); /* another bit: stays */
	assert_true(wire.level);
	out(2, 2, 0x0000);
	assert_false(wire.level);
	out(2, 2, 0x0100);
	assert_true(wire.level);
	out(0, 2, 0x0100); /* writing 1 clears */
	assert_false(wire.level);
}

/* ACPICA writes an enable bit and reads it back. */
static void enables_can_be_read(void **state)
{
	(void)state;
	out(2, 2, 0xffff);
	assert_int_equal(in(2, 2, 0), 0x0721);
	out(3, 1, 0x01);
	assert_int_equal(in(2, 2, 0), 0x0121);
	out(2, 1, 0x00);
	assert_int_equal(in(2, 2, 0), 0x0100);
	assert_int_equal(in(3, 1, 0), 0x01);
	acpi_power_button(&acpi);
	assert_int_equal(in(0, 4, 0), 0x01000100);
	assert_int_equal(in(1, 2, 0), 0x0001);
	out(1, 1, 0x01); /* status by bytes */
	assert_int_equal(in(0, 4, 0), 0x01000000);
	acpi_power_button(&acpi);
	out(3, 2, 0x0201); /* crosses into the control register */
	assert_int_equal(in(4, 2, 0), 0x0003);
	assert_int_equal(in(3, 2, 0), 0x0301);
	out(0, 4, 0x00200100);
	assert_int_equal(in(0, 4, 0), 0x00200000);
}

/* ACPICA's acpi_hw_legacy_sleep: SLP_TYP first, then SLP_EN with it. */
static void sleep_type_5_turns_off(void **state)
{
	(void)state;
	out(4, 2, 5 << 10 | 1);
	assert_int_equal(in(4, 2, 0), 5 << 10 | 1);
	ENDS(out(4, 2, 5 << 10 | 1 | 0x2000));
	assert_false(ending.fatal);
	assert_int_equal(ending.why, BACKEND_EXIT_POWER_OFF);
	assert_int_equal(ending.code, 0);
	assert_int_equal(in(4, 2, 0) & 0x2000, 0); /* write-only */
	setup(NULL);
	out(4, 1, 0x00);
	ENDS(out(5, 1, (5 << 10 | 0x2000) >> 8)); /* by bytes */
	ENDS(out(4, 2, 3 << 10 | 0x2000));
	assert_true(ending.fatal);
}

static void timer_counts(void **state)
{
	(void)state;
	assert_int_equal(in(8, 4, 0), 0);
	assert_int_equal(in(8, 4, SECOND_NS), 3579545);
	assert_int_equal(in(8, 4, 1200 * SECOND_NS), (uint32_t)(UINT64_C(3579545) * 1200));
	assert_int_equal(in(9, 1, SECOND_NS), 3579545 >> 8 & 0xff);
	out(8, 4, 0); /* read-only */
	assert_int_equal(in(8, 4, SECOND_NS), 3579545);
}

static void timer_status(void **state)
{
	uint64_t half = clock_time(UINT64_C(1) << 31, ACPI_TIMER_HZ);

	(void)state;
	assert_int_equal(dev_deadline(&acpi.device), DEVICE_NEVER);
	out(2, 2, 0x0001);
	assert_int_equal(dev_deadline(&acpi.device), half);
	dev_tick(&acpi.device, half - 1);
	assert_false(wire.level);
	dev_tick(&acpi.device, half);
	assert_true(wire.level);
	assert_int_equal(dev_deadline(&acpi.device), DEVICE_NEVER);
	acpi.device.ops->out(&acpi.device, 0, 2, 1, half);
	assert_false(wire.level);
	assert_int_equal(dev_deadline(&acpi.device), clock_time(UINT64_C(1) << 32, ACPI_TIMER_HZ));
	acpi.device.ops->out(&acpi.device, 2, 2, 0x0101, 3 * half); /* finds it by itself */
	assert_true(wire.level);
}

/* --- tables --- */

#define WHERE 0xe0000
static uint8_t memory[1 << 20];

static uint64_t value(uint64_t address, unsigned size)
{
	uint64_t result = 0;

	memcpy(&result, memory + address, size);
	return result;
}

static uint8_t sum(uint64_t address, size_t length)
{
	uint8_t total = 0;

	while (length--)
		total = (uint8_t)(total + memory[address++]);
	return total;
}

/* The address of a table with this signature, sum checked. */
static uint64_t table(const char *signature, uint64_t address)
{
	assert_memory_equal(memory + address, signature, 4);
	assert_int_equal(sum(address, value(address + 4, 4)), 0);
	return address;
}

static int setup_tables(void **state)
{
	(void)state;
	memset(memory, 0xaa, sizeof(memory));
	guest_memory.base = memory;
	guest_memory.size = sizeof(memory);
	assert_true(acpi_write_tables(gpa(WHERE)));
	return 0;
}

static uint64_t fadt_address(void)
{
	return table("FACP", value(table("XSDT", value(WHERE + 24, 8)) + 36, 8));
}

static void roots(void **state)
{
	(void)state;
	assert_memory_equal(memory + WHERE, "RSD PTR ", 8);
	assert_int_equal(sum(WHERE, 20), 0);
	assert_int_equal(sum(WHERE, 36), 0);
	assert_int_equal(memory[WHERE + 15], 2);
	assert_int_equal(value(WHERE + 20, 4), 36);
	assert_int_equal(value(table("RSDT", value(WHERE + 16, 4)) + 36, 4), fadt_address());
	assert_int_equal(memory[WHERE - 1], 0xaa);
	assert_int_equal(memory[WHERE + ACPI_TABLES_SIZE], 0xaa);
}

/* Offsets from the specification's table 5-34, not from our structure. */
static void fadt(void **state)
{
	static const struct {
		unsigned offset, size;
		uint64_t value;
	} fields[] = {
		{4, 4, 276},	      {8, 1, 6},
		{46, 2, 9},	      {48, 4, 0},
		{56, 4, 0x600},	      {64, 4, 0x604},
		{76, 4, 0x608},	      {80, 4, 0},
		{88, 1, 4},	      {89, 1, 2},
		{91, 1, 4},	      {92, 2, 0},
		{96, 2, 0x65},	      {98, 2, 0x3e9},
		{106, 2, 0},	      {108, 1, 0x32},
		{109, 2, 0x0d},	      {112, 4, 0x1565},
		{116, 4, 0x01000801}, {120, 8, 0xcf9},
		{128, 1, 6},	      {148, 4, 0x02002001},
		{152, 8, 0x600},      {172, 4, 0x02001001},
		{176, 8, 0x604},      {208, 4, 0x03002001},
		{212, 8, 0x608},      {220, 8, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		assert_int_equal(value(fadt_address() + fields[i].offset, fields[i].size),
				 fields[i].value);
	assert_int_equal(value(fadt_address() + 40, 4), value(fadt_address() + 140, 8));
}

static void facs_and_dsdt(void **state)
{
	static const uint8_t s5[] = {0x08, '_',	 'S', '5',  '_', 0x12, 0x08,
				     0x04, 0x0a, 5,   0x0a, 5,	 0x00, 0x00};
	uint64_t facs = value(fadt_address() + 36, 4);
	uint64_t dsdt = table("DSDT", value(fadt_address() + 40, 4));

	(void)state;
	assert_memory_equal(memory + facs, "FACS", 4);
	assert_int_equal(value(facs + 4, 4), 64);
	assert_int_equal(facs % 64, 0);
	assert_true(value(dsdt + 4, 4) >= 36 + sizeof(s5));
	assert_memory_equal(memory + dsdt + 36, s5, sizeof(s5));
}

static void tables_need_their_place(void **state)
{
	(void)state;
	assert_false(acpi_write_tables(gpa(WHERE + 16)));
	assert_false(acpi_write_tables(gpa(sizeof(memory))));
	assert_false(acpi_write_tables(gpa(sizeof(memory) - 64)));
	assert_false(acpi_write_tables(gpa(UINT64_MAX & ~UINT64_C(63))));
}

/* Let iasl, where there is one, disassemble `address`; 0: it had nothing to say. */
static int disassemble(const char *directory, const char *name, uint64_t address)
{
	char path[256], command[600];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.aml", directory, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	fwrite(memory + address, 1, value(address + 4, 4), file);
	fclose(file);
	snprintf(command, sizeof(command),
		 "cd %s && iasl -d %s.aml >%s.log 2>&1 && ! grep -E 'Warning|Error|Invalid' %s.log "
		 "%s.dsl",
		 directory, name, name, name, name);
	return system(command);
}

static void iasl_agrees(void **state)
{
	char directory[] = "/tmp/afterburn-acpi-XXXXXX", command[300];
	uint64_t fadt_at = fadt_address();

	(void)state;
	if (system("iasl -v >/dev/null 2>&1") != 0) {
		print_message("skipped: no iasl (Debian: acpica-tools)\n");
		skip();
	}
	assert_non_null(mkdtemp(directory));
	assert_int_equal(disassemble(directory, "facp", fadt_at), 0);
	assert_int_equal(disassemble(directory, "dsdt", value(fadt_at + 40, 4)), 0);
	assert_int_equal(disassemble(directory, "xsdt", value(WHERE + 24, 8)), 0);
	assert_int_equal(disassemble(directory, "facs", value(fadt_at + 36, 4)), 0);
	/* What it read compiles again, to the same object. */
	snprintf(command, sizeof(command),
		 "cd %s && grep -q 'Name (_S5, Package' dsdt.dsl && grep -q PNP0A03 dsdt.dsl && "
		 "iasl -p again dsdt.dsl >again.log 2>&1 && "
		 "cmp <(tail -c +37 dsdt.aml) <(tail -c +37 again.aml)",
		 directory);
	assert_int_equal(setenv("AB_COMMAND", command, 1), 0);
	assert_int_equal(system("bash -c \"$AB_COMMAND\""), 0);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

#define T(name)	       cmocka_unit_test_setup(name, setup)
#define T_TABLES(name) cmocka_unit_test_setup(name, setup_tables)

TESTS(T(always_in_acpi_mode), T(power_button_raises_the_sci), T(enables_can_be_read),
      T(sleep_type_5_turns_off), T(timer_counts), T(timer_status), T_TABLES(roots), T_TABLES(fadt),
      T_TABLES(facs_and_dsdt), T_TABLES(tables_need_their_place), T_TABLES(iasl_agrees))
