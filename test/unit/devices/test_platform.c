/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus, the real table of ports, the wiring, and the small devices. */
#include "vmm/platform.h"

#include "vmm/memory.h"

#include "double.h"

#include <string.h>

static struct platform platform;

static uint32_t in(uint16_t port, unsigned size)
{
	return platform_in(&platform, port, size, 0);
}

static void out(uint16_t port, unsigned size, uint32_t value)
{
	platform_out(&platform, port, size, value, 0);
}

static int setup(void **state)
{
	(void)state;
	guest_memory.size = 256 << 20;
	console_output_length = 0;
	console_input = "";
	platform_init(&platform, 1767225599);
	out(0x20, 1, 0x11), out(0x21, 1, 0x30), out(0x21, 1, 4), out(0x21, 1, 1);
	out(0xa0, 1, 0x11), out(0xa1, 1, 0x38), out(0xa1, 1, 2), out(0xa1, 1, 1);
	return 0;
}

/* --- bus --- */

static uint32_t log_in[8], log_count;

static uint32_t recorder_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	(void)device, (void)now;
	log_in[log_count++ % 8] = (uint32_t)(offset << 8 | size);
	return 0xdeadbe00u + offset;
}

static void recorder_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
			 uint64_t now)
{
	(void)device, (void)now;
	log_in[log_count++ % 8] = (uint32_t)(offset << 8 | size) | value << 16;
}

static const struct device_ops narrow_ops = {
	.name = "narrow", .width = 1, .in = recorder_in, .out = recorder_out};
static const struct device_ops wide_ops = {
	.name = "wide", .width = 4, .in = recorder_in, .out = recorder_out};
static const struct device_ops mute_ops = {.name = "mute", .width = 1};

static void bus_splits_what_does_not_fit(void **state)
{
	static const struct port_range table[] = {
		{0x10, 4, 0, 0}, {0x14, 2, 1, 0x20}, {0xffff, 1, 2, 0}};
	struct device narrow = {&narrow_ops}, wide = {&wide_ops}, mute = {&mute_ops};
	struct device *const devices[] = {&narrow, &wide, &mute};
	struct bus bus = {table, 3, devices, 3};

	(void)state;
	assert_true(bus_valid(&bus));
	log_count = 0;
	assert_int_equal(bus_in(&bus, 0x10, 4, 0), 0x03020100);
	assert_int_equal(log_count, 4);
	log_count = 0;
	assert_int_equal(bus_in(&bus, 0x14, 2, 0), 0xbe20); /* masked to its size */
	assert_int_equal(log_count, 1);
	assert_int_equal(bus_in(&bus, 0x14, 4, 0), 0xffff2120); /* crosses the end */
	assert_int_equal(bus_in(&bus, 0x0f, 2, 0), 0x00ff);	/* and the start */
	assert_int_equal(bus_in(&bus, 0x12, 4, 0), 0x21200302);
	assert_int_equal(bus_in(&bus, 0xffff, 1, 0), 0xff);
	assert_int_equal(bus_in(&bus, 0xfffe, 4, 0), 0xffffffff);
	log_count = 0;
	bus_out(&bus, 0x13, 4, 0x44332211, 0);
	assert_int_equal(log_count, 3);
	assert_int_equal(log_in[0], 0x110301);
	assert_int_equal(log_in[1], 0x222001);
	assert_int_equal(log_in[2], 0x332101);
	bus_out(&bus, 0xffff, 1, 0, 0);
	bus_tick(&bus, 0);
	assert_int_equal(bus_deadline(&bus), DEVICE_NEVER);
}

static void bus_knows_bad_tables(void **state)
{
	static const struct port_range tables[][2] = {
		{{0x20, 2, 0, 0}, {0x10, 2, 0, 0}},   {{0x10, 2, 0, 0}, {0x11, 2, 0, 0}},
		{{0x10, 0, 0, 0}, {0x11, 2, 0, 0}},   {{0x10, 1, 1, 0}, {0x11, 2, 0, 0}},
		{{0x10, 1, 0, 0}, {0xffff, 2, 0, 0}},
	};
	struct device device = {&mute_ops};
	struct device *const devices[] = {&device};

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_false(bus_valid(&(struct bus){tables[i], 2, devices, 1}));
}

/* --- the machine --- */

static void table_of_ports_is_valid(void **state)
{
	bool used[PLATFORM_DEVICES] = {0};

	(void)state;
	assert_true(bus_valid(&platform.bus));
	for (size_t i = 0; i < platform.bus.count; i++)
		used[platform.bus.ranges[i].device] = true;
	for (unsigned i = 0; i < PLATFORM_DEVICES; i++) {
		const struct device_ops *ops = platform.devices[i]->ops;

		assert_true(used[i]);
		assert_non_null(ops->name);
		assert_true(ops->width == 1 || ops->width == 2 || ops->width == 4);
		assert_int_equal(!ops->tick, !ops->deadline);
	}
}

static void what_is_not_there_reads_as_ones(void **state)
{
	static const uint16_t ports[] = {0x00,	0x0f,  0xc0,  0x2f8, 0x3e8, 0x2e8, 0x3c0, 0x3d5,
					 0x3da, 0x1f7, 0x3f7, 0x279, 0x378, 0x60,  0x64,  0xb2};

	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		out(ports[i], 1, 0x55);
		assert_int_equal(in(ports[i], 1), 0xff);
	}
	assert_int_equal(in(0x2f8, 4), 0xffffffff);
}

static void every_port_answers(void **state)
{
	(void)state;
	for (unsigned port = 0; port < 0x10000; port++)
		for (unsigned size = 1; size <= 4; size *= 2)
			in((uint16_t)port, size);
}

static void page_registers_keep(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++)
		out((uint16_t)(0x80 + i), 1, 0x10 + i);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in((uint16_t)(0x80 + i), 1), 0x10 + i);
}

static void timer_interrupts(void **state)
{
	uint64_t due;

	(void)state;
	assert_int_equal(platform_deadline(&platform), DEVICE_NEVER);
	assert_false(platform_interrupt_pending(&platform));
	out(0x43, 1, 0x34), out(0x40, 1, 0x9c), out(0x40, 1, 0x2e);
	due = platform_deadline(&platform);
	assert_in_range(due, 9999000, 10002000);
	platform_tick(&platform, due - 1);
	assert_false(platform_interrupt_pending(&platform));
	platform_tick(&platform, due);
	assert_true(platform_interrupt_pending(&platform));
	assert_int_equal(platform_acknowledge(&platform), 0x30);
	assert_false(platform_interrupt_pending(&platform));
	assert_true(platform_deadline(&platform) > due);
	platform_tick(&platform, platform_deadline(&platform));
	assert_false(platform_interrupt_pending(&platform)); /* in service */
	out(0x20, 1, 0x60);
	assert_true(platform_interrupt_pending(&platform));
}

static void clock_interrupts(void **state)
{
	(void)state;
	out(0x70, 1, 0x0b), out(0x71, 1, 0x12);
	assert_int_equal(platform_deadline(&platform), SECOND_NS);
	platform_tick(&platform, SECOND_NS);
	assert_int_equal(platform_acknowledge(&platform), 0x38);
	platform_out(&platform, 0x70, 1, 0x09, SECOND_NS);
	assert_int_equal(platform_in(&platform, 0x71, 1, SECOND_NS), 0x26);
	out(0x70, 2, 0x5a40); /* index and data in one access */
	assert_int_equal(in(0x71, 1), 0x5a);
}

static void serial_port_and_console(void **state)
{
	(void)state;
	out(0x3f8, 1, 'o'), out(0x3f8, 1, 'k');
	assert_memory_equal(console_output, "ok", 2);
	out(0x3fa, 1, 0x01), out(0x3fc, 1, 0x0b), out(0x3f9, 1, 0x01);
	console_input = "0123456789abcdefXYZ";
	platform_receive_console(&platform, 0);
	assert_string_equal(console_input, "XYZ"); /* no room: stays with the host */
	assert_true(platform_interrupt_pending(&platform));
	assert_int_equal(platform_acknowledge(&platform), 0x34);
	platform_receive_console(&platform, 0);
	assert_string_equal(console_input, "XYZ");
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(0x3f8, 1), "0123456789abcdef"[i]);
	assert_int_equal(in(0x3fd, 1), 0x60);
	platform_receive_console(&platform, 0);
	assert_int_equal(in(0x3f8, 1), 'X');
	platform_receive_console(&platform, 0);
	assert_int_equal(in(0x3fd, 1), 0x61);
}

static void power_button_is_level_triggered(void **state)
{
	(void)state;
	out(ACPI_PORT + ACPI_PM1_ENABLE, 2, 0x0100);
	platform_power_button(&platform);
	assert_int_equal(platform_acknowledge(&platform), 0x39);
	out(0xa0, 1, 0x61), out(0x20, 1, 0x62);
	assert_true(platform_interrupt_pending(&platform));
	out(ACPI_PORT, 2, 0x0100);
	assert_false(platform_interrupt_pending(&platform));
}

static void assert_ends(uint16_t port, unsigned size, uint32_t value, enum backend_exit why,
			unsigned code)
{
	ENDS(out(port, size, value));
	assert_false(ending.fatal);
	assert_int_equal(ending.why, why);
	assert_int_equal(ending.code, code);
}

static void debug_exit_gives_the_result(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 128; n++) /* the guest's init: outl */
		assert_ends(0xf4, 4, n, BACKEND_EXIT_POWER_OFF, n);
	assert_ends(0xf4, 1, 3, BACKEND_EXIT_POWER_OFF, 3);
	/* as in QEMU's exit status, 8 bits of 2 N + 1 */
	assert_ends(0xf4, 2, 0x101, BACKEND_EXIT_POWER_OFF, 1);
	assert_int_equal(in(0xf4, 1), 0);
}

static void power_off_and_resets(void **state)
{
	(void)state;
	assert_ends(0x604, 2, 5 << 10 | 0x2000, BACKEND_EXIT_POWER_OFF, 0);
	assert_ends(0x64, 1, 0xfe, BACKEND_EXIT_RESET, 0);
	assert_ends(0x92, 1, 0x01, BACKEND_EXIT_RESET, 0);
	assert_ends(0xcf9, 1, 0x06, BACKEND_EXIT_RESET, 0);
	out(0x64, 1, 0xff), out(0x60, 1, 0xfe);
	out(0x92, 1, 0x00);
	assert_int_equal(in(0x92, 1), 0x02);
}

static void host_bridge_is_on_the_bus(void **state)
{
	(void)state;
	out(0xcf8, 4, 0x80000000);
	assert_int_equal(in(0xcf8, 4), 0x80000000);
	assert_int_equal(in(0xcfc, 4), 0x12378086);
	assert_int_equal(in(0xcfe, 2), 0x1237);
	assert_int_equal(in(0xcfb, 2), 0x86ff); /* split: the register, then data */
}

/* Initialized anew it is as new: nothing is left of before. */
static void init_is_complete(void **state)
{
	static struct platform other;

	(void)state;
	platform_init(&platform, 5);
	memset(&other, 0x5a, sizeof(other));
	platform_init(&other, 5);
	assert_memory_equal(other.rtc.ram, platform.rtc.ram, sizeof(other.rtc.ram));
	assert_memory_equal(&other.pic.master, &platform.pic.master, sizeof(other.pic.master));
	assert_memory_equal(other.pit.counter, platform.pit.counter, sizeof(other.pit.counter));
	assert_memory_equal(other.com1.fifo, platform.com1.fifo, sizeof(other.com1.fifo));
	assert_int_equal(other.acpi.status, 0);
	assert_int_equal(other.pci.count, 1);
}

#define T(name) cmocka_unit_test_setup(name, setup)

TESTS(T(bus_splits_what_does_not_fit), T(bus_knows_bad_tables), T(table_of_ports_is_valid),
      T(what_is_not_there_reads_as_ones), T(every_port_answers), T(page_registers_keep),
      T(timer_interrupts), T(clock_interrupts), T(serial_port_and_console),
      T(power_button_is_level_triggered), T(debug_exit_gives_the_result), T(power_off_and_resets),
      T(host_bridge_is_on_the_bus), T(init_is_complete))
