/* SPDX-License-Identifier: BSD-2-Clause */
/* 8254: modes, reading back, exact times, no storms; port 0x61. */
#include "vmm/devices/i8254.h"

#include "vmm/devices/clock.h"

#include "double.h"

static struct i8254 pit;
static struct wire wire;

/* The first nanosecond of clock `n`. */
static uint64_t at(uint64_t n)
{
	return clock_time(n, I8254_HZ);
}

static uint8_t in(uint16_t offset, uint64_t clock)
{
	return dev_in(&pit.device, offset, at(clock));
}

static void out(uint16_t offset, uint8_t value, uint64_t clock)
{
	dev_out(&pit.device, offset, value, at(clock));
}

static void tick(uint64_t clock)
{
	dev_tick(&pit.device, at(clock));
}

static int setup(void **state)
{
	(void)state;
	wire = (struct wire){0};
	i8254_init(&pit, wire_line(&wire));
	wire.edges = 0;
	return 0;
}

/* Control word and both bytes of a count, in one clock. */
static void program(unsigned counter, unsigned mode, uint16_t count, uint64_t clock)
{
	out(3, (uint8_t)(counter << 6 | 0x30 | mode << 1), clock);
	out((uint16_t)counter, (uint8_t)count, clock);
	out((uint16_t)counter, (uint8_t)(count >> 8), clock);
}

static uint16_t latched(unsigned counter, uint64_t clock)
{
	uint8_t low;

	out(3, (uint8_t)(counter << 6), clock);
	low = in((uint16_t)counter, clock);
	return (uint16_t)(in((uint16_t)counter, clock) << 8 | low);
}

static uint8_t status(unsigned counter, uint64_t clock)
{
	out(3, (uint8_t)(0xe0 | 2u << counter), clock);
	return in((uint16_t)counter, clock);
}

static void clock_arithmetic_is_exact(void **state)
{
	static const uint64_t counts[] = {
		0,	 1,	  2,	   11931,
		1193181, 1193182, 1193183, UINT64_C(1193182) * 3600 * 24 * 365 * 100 + 1};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint64_t time = clock_time(counts[i], I8254_HZ);

		assert_int_equal(clock_count(time, I8254_HZ), counts[i]);
		if (time)
			assert_int_equal(clock_count(time - 1, I8254_HZ), counts[i] - 1);
	}
	assert_int_equal(clock_count(3600 * SECOND_NS, I8254_HZ), UINT64_C(1193182) * 3600);
	assert_int_equal(clock_time(UINT64_MAX - 1, I8254_HZ), DEVICE_NEVER);
	clock_count(UINT64_MAX, I8254_HZ);
}

static void nothing_is_due_at_power_on(void **state)
{
	(void)state;
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
	tick(UINT64_C(1) << 40);
	assert_int_equal(wire.edges, 0);
	assert_true(wire.level);
}

/* Linux: pit_set_periodic, HZ=100. */
static void periodic_ticks_do_not_drift(void **state)
{
	(void)state;
	program(0, 2, 11932, 1000);
	for (uint64_t i = 1; i <= 1000; i++) {
		uint64_t due = at(1001 + i * 11932);

		assert_int_equal(dev_deadline(&pit.device), due);
		dev_tick(&pit.device, due - 1);
		assert_int_equal(wire.edges, i - 1);
		dev_tick(&pit.device, due);
		assert_int_equal(wire.edges, i);
		assert_true(wire.level);
		dev_tick(&pit.device, due); /* idempotent */
		assert_int_equal(wire.edges, i);
	}
}

static void missed_ticks_are_one(void **state)
{
	(void)state;
	program(0, 2, 1000, 0);
	tick(1 + 1000 * 500 + 1);
	assert_int_equal(wire.edges, 1);
	assert_int_equal(dev_deadline(&pit.device), at(1 + 1000 * 501));
	tick(1 + 1000 * 501);
	assert_int_equal(wire.edges, 2);
}

static void access_delivers_what_is_due(void **state)
{
	(void)state;
	program(0, 2, 1000, 0);
	in(0, 1500);
	assert_int_equal(wire.edges, 1);
	tick(1500);
	assert_int_equal(wire.edges, 1);
}

static void reprogramming_delivers_what_is_due(void **state)
{
	(void)state;
	program(0, 2, 1000, 0);
	out(3, 0x34, 1500);
	assert_int_equal(wire.edges, 1);
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
}

static void largest_counts(void **state)
{
	(void)state;
	program(0, 2, 0, 0);
	assert_int_equal(dev_deadline(&pit.device), at(1 + 65536));
	assert_int_equal(latched(0, 1), 0);
	assert_int_equal(latched(0, 2), 65535);
	out(3, 0x35, 10); /* BCD */
	out(0, 0, 10), out(0, 0, 10);
	assert_int_equal(dev_deadline(&pit.device), at(11 + 10000));
	assert_int_equal(latched(0, 12), 0x9999);
	assert_int_equal(latched(0, 11 + 9999), 0x0001);
}

static void bcd_counts(void **state)
{
	(void)state;
	out(3, 0x31, 0); /* mode 0 */
	out(0, 0x34, 0), out(0, 0x12, 0);
	assert_int_equal(dev_deadline(&pit.device), at(1 + 1234));
	assert_int_equal(latched(0, 1 + 1), 0x1233);
	assert_int_equal(latched(0, 1 + 1234), 0x0000);
	assert_int_equal(latched(0, 1 + 1235), 0x9999); /* goes on in decimal */
	assert_int_equal(latched(0, 1 + 1234 + 10000), 0x0000);
}

static void mode_2_counts_down_and_reloads(void **state)
{
	(void)state;
	program(2, 2, 5, 0);
	out(4, 1, 0);
	program(2, 2, 5, 0);
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(latched(2, 1 + i), 5 - i % 5);
		assert_int_equal(in(4, 1 + i) & 0x20, i % 5 == 4 ? 0 : 0x20);
	}
}

static void new_count_waits_for_the_period(void **state)
{
	(void)state;
	program(0, 2, 100, 0);
	tick(1 + 100);
	out(0, 50, 150), out(0, 0, 150);
	assert_int_equal(status(0, 150) & 0x40, 0x40);
	assert_int_equal(latched(0, 151), 100 - 50);
	assert_int_equal(dev_deadline(&pit.device), at(201));
	tick(201);
	assert_int_equal(wire.edges, 2);
	assert_int_equal(status(0, 201) & 0x40, 0);
	assert_int_equal(dev_deadline(&pit.device), at(251));
	tick(251);
	assert_int_equal(wire.edges, 3);
	out(0, 37, 260), out(0, 0, 260);
	tick(10000); /* long after: in phase with the end of its last period of 50 */
	assert_int_equal(dev_deadline(&pit.device), at(301 + 37 * 263));
	assert_int_equal(latched(0, 10000), 37 - (10000 - 301) % 37);
}

static void count_of_one_is_no_storm(void **state)
{
	(void)state;
	program(0, 2, 1, 0);
	assert_int_equal(dev_deadline(&pit.device), at(3));
	program(0, 3, 1, 100);
	assert_int_equal(dev_deadline(&pit.device), at(103));
}

static void mode_3_is_a_square_wave(void **state)
{
	(void)state;
	out(4, 1, 0);
	program(2, 3, 4, 0);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(latched(2, 1 + i), i % 2 ? 2 : 4);
		assert_int_equal(in(4, 1 + i) & 0x20, i % 4 < 2 ? 0x20 : 0);
	}
	program(2, 3, 5, 100); /* high for 3, low for 2 */
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(in(4, 101 + i) & 0x20, i % 5 < 3 ? 0x20 : 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(latched(2, 101 + i),
				 i % 5 < 3 ? 4 - 2 * (i % 5) : 4 - 2 * (i % 5 - 3));
	program(0, 3, 1000, 0);
	assert_int_equal(dev_deadline(&pit.device), at(1001));
}

/* Mode 0: N + 1 clocks after the count, once, and OUT stays. */
static void mode_0_is_exact(void **state)
{
	(void)state;
	program(0, 0, 1000, 77);
	assert_false(wire.level);
	assert_int_equal(status(0, 78), 0x30);
	assert_int_equal(dev_deadline(&pit.device), at(78 + 1000));
	tick(78 + 999);
	assert_int_equal(wire.edges, 0);
	assert_int_equal(latched(0, 78 + 999), 1);
	tick(78 + 1000);
	assert_int_equal(wire.edges, 1);
	assert_int_equal(status(0, 78 + 1000), 0xb0);
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
	assert_int_equal(latched(0, 78 + 1001), 0xffff); /* goes on counting */
	tick(78 + 1000 + 65536 * 3);
	assert_int_equal(wire.edges, 1);
	assert_true(wire.level);
	assert_int_equal(latched(0, 399000), (uint16_t)(1000 - (399000 - 78)));
	out(0, 10, 400000);
	assert_int_equal(latched(0, 400003), (uint16_t)(1000 - (400000 - 78)));
	assert_false(wire.level); /* the first byte */
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
	out(0, 0, 400005);
	assert_int_equal(dev_deadline(&pit.device), at(400006 + 10));
}

/* Linux: pit_set_oneshot and pit_next_event. */
static void mode_4_is_exact(void **state)
{
	(void)state;
	out(3, 0x38, 50);
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
	assert_true(wire.level);
	out(0, 0xe8, 100), out(0, 0x03, 101);
	assert_int_equal(dev_deadline(&pit.device), at(102 + 1000 + 1));
	out(0, 0xd0, 600); /* the first byte has no effect in this mode */
	assert_int_equal(dev_deadline(&pit.device), at(102 + 1000 + 1));
	out(0, 0x07, 601);
	assert_int_equal(dev_deadline(&pit.device), at(602 + 2000 + 1));
	tick(602 + 2000);
	assert_int_equal(wire.edges, 0);
	assert_int_equal(status(0, 602 + 2000) & 0x80, 0);
	tick(602 + 2001);
	assert_int_equal(wire.edges, 1);
	assert_int_equal(status(0, 602 + 2001) & 0x80, 0x80);
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
	tick(602 + 2001 + 65536 * 2);
	assert_int_equal(wire.edges, 1);
	out(0, 1, 500000), out(0, 0, 500000);
	tick(500002 + 1);
	assert_int_equal(wire.edges, 2);
}

static void late_one_shot_is_delivered(void **state)
{
	(void)state;
	out(3, 0x38, 0);
	out(0, 10, 0), out(0, 0, 0);
	tick(1000000);
	assert_int_equal(wire.edges, 1);
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
}

/* Linux: pit_shutdown. */
static void shutdown_fires_at_most_once(void **state)
{
	(void)state;
	program(0, 2, 100, 0);
	program(0, 0, 0, 50);
	assert_false(wire.level);
	assert_int_equal(wire.edges, 0);
	assert_int_equal(dev_deadline(&pit.device), at(51 + 65536));
	tick(1 << 30);
	assert_int_equal(wire.edges, 1);
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
}

static void modes_1_and_5_wait_for_the_gate(void **state)
{
	(void)state;
	program(0, 1, 10, 0);
	assert_int_equal(dev_deadline(&pit.device), DEVICE_NEVER);
	program(2, 1, 10, 0);
	assert_int_equal(in(4, 5) & 0x20, 0x20);
	out(4, 1, 100);
	assert_int_equal(in(4, 101) & 0x20, 0);
	assert_int_equal(in(4, 101 + 9) & 0x20, 0);
	assert_int_equal(in(4, 101 + 10) & 0x20, 0x20);
	out(4, 0, 200), out(4, 1, 201); /* again */
	assert_int_equal(in(4, 202) & 0x20, 0);
	program(2, 5, 10, 300);
	assert_int_equal(in(4, 301 + 10) & 0x20, 0x20); /* the gate is high, but no edge */
	assert_int_equal(status(2, 320) & 0x40, 0x40);
	out(4, 0, 300), out(4, 1, 300);
	assert_int_equal(in(4, 301 + 9) & 0x20, 0x20);
	assert_int_equal(in(4, 301 + 10) & 0x20, 0);
	assert_int_equal(in(4, 301 + 11) & 0x20, 0x20);
}

/* Linux: pit_calibrate_tsc counts how often OUT of counter 2 is still low. */
static void counter_2_calibrates_tsc(void **state)
{
	(void)state;
	out(4, (uint8_t)((in(4, 0) & ~0x02) | 0x01), 0);
	program(2, 0, 59659, 0);
	assert_int_equal(in(4, 59659) & 0x20, 0);
	assert_int_equal(in(4, 59660) & 0x20, 0x20);
	assert_int_equal(wire.edges, 0);
}

/* Linux: quick_pit_calibrate reads without a latch, low byte then high. */
static void unlatched_reads_alternate(void **state)
{
	(void)state;
	out(4, 1, 0);
	program(2, 0, 0xffff, 0);
	in(2, 1);
	assert_int_equal(in(2, 1), 0xff);
	in(2, 1 + 0x101);
	assert_int_equal(in(2, 1 + 0x101), 0xfe);
}

static void gate_pauses_and_restarts(void **state)
{
	(void)state;
	program(2, 0, 100, 0); /* gate low: does not count */
	assert_int_equal(latched(2, 50), 100);
	out(4, 1, 50);
	out(4, 3, 55); /* no edge */
	assert_int_equal(latched(2, 51 + 10), 90);
	out(4, 0, 51 + 10);
	assert_int_equal(latched(2, 1000), 90);
	out(4, 1, 1000);
	assert_int_equal(latched(2, 1001), 90);
	assert_int_equal(in(4, 1001 + 90) & 0x20, 0x20);
	program(2, 4, 100, 1500); /* mode 4 pauses, too */
	out(4, 0, 1501 + 30);
	assert_int_equal(latched(2, 1900), 70);
	out(4, 1, 1900);
	assert_int_equal(in(4, 1901 + 70) & 0x20, 0);
	program(2, 2, 100, 2000);
	out(4, 0, 2050);
	assert_int_equal(in(4, 2100) & 0x20, 0x20); /* OUT is high at once */
	out(4, 1, 3000);
	assert_int_equal(latched(2, 3001), 100); /* starts anew */
}

static void latch_keeps_until_read(void **state)
{
	(void)state;
	program(0, 2, 1000, 0);
	out(3, 0x00, 1);
	out(3, 0x00, 101); /* ignored */
	assert_int_equal(in(0, 200), 1000 & 0xff);
	assert_int_equal(in(0, 300), 1000 >> 8);
	in(0, 1); /* a low byte alone: a latch starts with the low one again */
	assert_int_equal(latched(0, 101), 900);
	out(3, 0xc4, 201); /* counter 1 only */
	in(0, 301);
	assert_int_equal(in(0, 301), (1000 - 300) >> 8);
}

static void single_byte_access(void **state)
{
	(void)state;
	out(3, 0x14, 0); /* low byte, mode 2 */
	out(0, 200, 0);
	assert_int_equal(dev_deadline(&pit.device), at(201));
	assert_int_equal(in(0, 11), 190);
	assert_int_equal(in(0, 21), 180);
	out(3, 0x24, 1000); /* high byte */
	out(0, 2, 1000);
	assert_int_equal(dev_deadline(&pit.device), at(1001 + 512));
	assert_int_equal(in(0, 1002), 1);
	out(3, 0x00, 1002);
	assert_int_equal(in(0, 1400), 1);
}

static void read_back_latches_several(void **state)
{
	(void)state;
	out(4, 1, 0);
	program(0, 2, 1000, 0);
	program(2, 3, 500, 0);
	out(3, 0xca, 101); /* status and count of 0 and 2 */
	assert_int_equal(in(0, 900), 0xb4);
	assert_int_equal(in(0, 900), 900 & 0xff);
	assert_int_equal(in(0, 900), 900 >> 8);
	assert_int_equal(in(2, 900), 0xb6);
	assert_int_equal(in(2, 900), 300 & 0xff);
	assert_int_equal(in(2, 900), 300 >> 8);
}

static void status_tells_null_count(void **state)
{
	(void)state;
	out(3, 0xe2, 0); /* a latched status stays until it is read, too */
	out(3, 0x30, 0);
	out(3, 0x36, 0);
	out(3, 0xe2, 0), out(3, 0xe2, 1);
	out(0, 2, 0), out(0, 0, 0);
	out(3, 0xe2, 1);
	assert_int_equal(in(0, 2), 0xf6);
	assert_int_equal(in(0, 2), 2);
	assert_int_equal(in(0, 2), 0);
	out(3, 0x34, 0);
	assert_int_equal(status(0, 1), 0xf4);
	out(0, 100, 10);
	assert_int_equal(status(0, 10), 0xf4);
	out(0, 0, 10);
	assert_int_equal(status(0, 10), 0xf4);
	assert_int_equal(status(0, 11), 0xb4);
	out(3, 0x3e, 20); /* mode 7 is 3 */
	assert_int_equal(status(0, 20), 0xf6);
	out(3, 0x3c, 20); /* and 6 is 2 */
	assert_int_equal(status(0, 20), 0xf4);
}

static void control_word_sets_out(void **state)
{
	(void)state;
	out(3, 0x30, 0);
	assert_false(wire.level);
	out(3, 0x34, 1); /* from low to high: an edge, as on the chip */
	assert_true(wire.level);
	assert_int_equal(wire.edges, 1);
	out(3, 0x38, 2);
	assert_int_equal(wire.edges, 1);
}

static void port_b(void **state)
{
	unsigned changes = 0;

	(void)state;
	out(4, 0xff, 0);
	assert_int_equal(in(4, 0) & 0xcf, 0x0f);
	out(4, 0x00, 0);
	assert_int_equal(in(4, 0) & 0xcf, 0x00);
	for (unsigned i = 1; i <= 1800; i++)
		changes += (in(4, i) & 0x10) != (in(4, i - 1) & 0x10);
	assert_int_equal(changes, 100);
	assert_int_equal(in(3, 0), 0xff);
}

#define T(name) cmocka_unit_test_setup(name, setup)

TESTS(T(clock_arithmetic_is_exact), T(nothing_is_due_at_power_on), T(periodic_ticks_do_not_drift),
      T(missed_ticks_are_one), T(access_delivers_what_is_due),
      T(reprogramming_delivers_what_is_due), T(largest_counts), T(bcd_counts),
      T(mode_2_counts_down_and_reloads), T(new_count_waits_for_the_period),
      T(count_of_one_is_no_storm), T(mode_3_is_a_square_wave), T(mode_0_is_exact),
      T(mode_4_is_exact), T(late_one_shot_is_delivered), T(shutdown_fires_at_most_once),
      T(modes_1_and_5_wait_for_the_gate), T(counter_2_calibrates_tsc), T(unlatched_reads_alternate),
      T(gate_pauses_and_restarts), T(latch_keeps_until_read), T(single_byte_access),
      T(read_back_latches_several), T(status_tells_null_count), T(control_word_sets_out), T(port_b))
