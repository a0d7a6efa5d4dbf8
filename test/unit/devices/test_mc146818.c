/* SPDX-License-Identifier: BSD-2-Clause */
/* MC146818: calendar, formats, setting the time, alarm, periodic and update flags. */
#include "vmm/devices/mc146818.h"

#include "vmm/devices/calendar.h"

#include "double.h"

#include <string.h>
#include <time.h>

enum { A = 10, B = 11, C = 12, D = 13, CENTURY = 0x32 };

#define BASE UINT64_C(1767225599) /* 2025-12-31 23:59:59, a Wednesday */

static struct mc146818 rtc;
static struct wire wire;

static uint8_t get(uint8_t reg, uint64_t now)
{
	dev_out(&rtc.device, 0, reg, now);
	return dev_in(&rtc.device, 1, now);
}

static void set(uint8_t reg, uint8_t value, uint64_t now)
{
	dev_out(&rtc.device, 0, reg, now);
	dev_out(&rtc.device, 1, value, now);
}

static int setup(void **state)
{
	(void)state;
	wire = (struct wire){0};
	mc146818_init(&rtc, wire_line(&wire), BASE, 256 << 20, 0);
	return 0;
}

/* seconds, minutes, hours, weekday, day, month, year, century */
static void assert_time(const char *hex, uint64_t now)
{
	static const uint8_t regs[] = {CENTURY, 9, 8, 7, 6, 4, 2, 0};
	char text[32];

	for (unsigned i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", get(regs[i], now));
	assert_string_equal(text, hex);
}

static void calendar_agrees_with_libc(void **state)
{
	int64_t seconds = -INT64_C(62000000000);

	(void)state;
	for (; seconds < INT64_C(250000000000); seconds += 86400 * 13 + 12345) {
		struct calendar calendar;
		time_t t = (time_t)seconds;
		struct tm tm;

		gmtime_r(&t, &tm);
		calendar_from_seconds(&calendar, seconds);
		assert_int_equal(calendar.second, tm.tm_sec);
		assert_int_equal(calendar.minute, tm.tm_min);
		assert_int_equal(calendar.hour, tm.tm_hour);
		assert_int_equal(calendar.weekday, tm.tm_wday);
		assert_int_equal(calendar.day, tm.tm_mday);
		assert_int_equal(calendar.month, tm.tm_mon + 1);
		assert_int_equal(calendar.year, tm.tm_year + 1900);
		assert_int_equal(calendar_to_seconds(&calendar), seconds);
	}
}

static void time_in_bcd(void **state)
{
	(void)state;
	assert_int_equal(get(B, 0), 0x02);
	assert_time("2025123104235959", 0);
	assert_time("2025123104235959", SECOND_NS - 1);
	assert_time("2026010105000000", SECOND_NS);
	assert_time("2026010206000000", SECOND_NS * 86401);
}

static void time_in_binary_and_12_hours(void **state)
{
	(void)state;
	set(B, 0x06, 0);
	assert_time("14190c1f04173b3b", 0);
	set(B, 0x04, 0);
	assert_int_equal(get(4, 0), 0x80 | 11);
	assert_int_equal(get(4, SECOND_NS), 12);
	assert_int_equal(get(4, SECOND_NS * 3601), 1);
	assert_int_equal(get(4, SECOND_NS * (12 * 3600 + 1)), 0x80 | 12);
	set(B, 0x00, 0);
	assert_int_equal(get(4, 0), 0x91);
	assert_int_equal(get(4, SECOND_NS), 0x12);
}

/* Register D, and the index that cannot be read; NMI mask in bit 7. */
/* Each by itself, a day and a century later, without others having been read. */
static void every_register_is_up_to_date(void **state)
{
	static const uint8_t regs[] = {0, 2, 4, 6, 7, 8, 9, CENTURY};
	static const uint8_t values[] = {0x01, 0x01, 0x02, 0x01, 0x03, 0x05, 0x01, 0x21};
	struct calendar then = {
		.second = 1, .minute = 1, .hour = 2, .day = 3, .month = 5, .year = 2101};
	uint64_t passed = (uint64_t)calendar_to_seconds(&then) - BASE;

	for (unsigned i = 0; i < sizeof(regs); i++) {
		setup(state);
		assert_int_equal(get(regs[i], passed * SECOND_NS), regs[i] == 6 ? 0x03 : values[i]);
	}
}

static void fixed_registers(void **state)
{
	(void)state;
	assert_int_equal(get(D, 0), 0x80);
	set(D, 0x00, 0);
	assert_int_equal(get(D, 0), 0x80);
	assert_int_equal(get(A, 0), 0x26);
	assert_int_equal(dev_in(&rtc.device, 0, 0), 0xff);
	assert_int_equal(get(0x80 | D, 0), 0x80);
	set(A, 0xa6, 0);
	assert_int_equal(get(A, 0), 0x26); /* UIP cannot be written */
}

static void uip_precedes_the_update(void **state)
{
	(void)state;
	assert_int_equal(get(A, 0) & 0x80, 0);
	assert_int_equal(get(A, 997 * MS) & 0x80, 0);
	assert_int_equal(get(A, 998 * MS) & 0x80, 0x80);
	assert_int_equal(get(A, SECOND_NS - 1) & 0x80, 0x80);
	assert_int_equal(get(A, SECOND_NS) & 0x80, 0);
	set(B, 0x82, SECOND_NS);
	assert_int_equal(get(A, 2 * SECOND_NS - 1) & 0x80, 0);
}

static void write_time(uint64_t now)
{
	static const uint8_t regs[] = {0, 2, 4, 6, 7, 8, 9, CENTURY};
	static const uint8_t values[] = {0x58, 0x59, 0x23, 0x05, 0x29, 0x02, 0x24, 0x20};

	for (unsigned i = 0; i < sizeof(regs); i++)
		set(regs[i], values[i], now);
}

/* SET alone: the seconds go on in their old phase. */
static void set_keeps_the_phase(void **state)
{
	(void)state;
	set(B, 0x82, 300 * MS);
	assert_time("2025123104235959", 5 * SECOND_NS); /* stands */
	write_time(5 * SECOND_NS);
	assert_time("2024022905235958", 6 * SECOND_NS);
	set(B, 0x02, 6 * SECOND_NS + 300 * MS);
	assert_time("2024022905235958", 7 * SECOND_NS - 1);
	assert_time("2024022905235959", 7 * SECOND_NS);
	assert_time("2024030106000000", 8 * SECOND_NS);
}

/* Linux: mc146818_set_time resets the divider; the first update is 500 ms later. */
static void set_as_linux_does(void **state)
{
	uint64_t now = 10 * SECOND_NS + 123 * MS;

	(void)state;
	set(B, 0x82, now);
	set(A, 0x76, now);
	write_time(now);
	set(B, 0x02, now);
	assert_time("2024022905235958", now + 10 * SECOND_NS); /* in reset */
	now += 10 * SECOND_NS;
	set(A, 0x26, now);
	assert_time("2024022905235958", now + 499 * MS);
	assert_time("2024022905235959", now + 500 * MS);
	assert_time("2024030106000000", now + 1500 * MS);
}

static void registers_can_be_set_while_it_runs(void **state)
{
	(void)state;
	set(4, 0x12, 400 * MS);
	assert_time("2025123104125959", 500 * MS);
	assert_time("2025123104130000", SECOND_NS);
	set(6, 0x01, SECOND_NS); /* the weekday is only a number */
	assert_time("2025123101130000", SECOND_NS);
	assert_time("2026010102130000", SECOND_NS * 86401);
}

static void update_interrupt(void **state)
{
	(void)state;
	set(A, 0x20, 0); /* no periodic flag, no alarm at midnight */
	set(5, 0x25, 0);
	assert_int_equal(dev_deadline(&rtc.device), DEVICE_NEVER);
	assert_int_equal(get(C, 100 * MS), 0);
	assert_int_equal(get(C, SECOND_NS), 0x10); /* the flag comes without enable */
	assert_int_equal(get(C, SECOND_NS), 0);	   /* reading clears it */
	set(B, 0x12, SECOND_NS);
	assert_int_equal(dev_deadline(&rtc.device), 2 * SECOND_NS);
	dev_tick(&rtc.device, 2 * SECOND_NS - 1);
	assert_false(wire.level);
	dev_tick(&rtc.device, 2 * SECOND_NS);
	assert_true(wire.level);
	assert_int_equal(dev_deadline(&rtc.device), DEVICE_NEVER); /* asserted until C is read */
	dev_tick(&rtc.device, 9 * SECOND_NS);
	assert_int_equal(wire.edges, 1);
	assert_int_equal(get(C, 9 * SECOND_NS), 0x90);
	assert_false(wire.level);
	assert_int_equal(dev_deadline(&rtc.device), 10 * SECOND_NS);
	set(B, 0x92, 9 * SECOND_NS); /* SET clears UIE */
	assert_int_equal(get(B, 9 * SECOND_NS), 0x82);
	assert_int_equal(dev_deadline(&rtc.device), DEVICE_NEVER);
	assert_int_equal(get(C, 20 * SECOND_NS), 0);
}

static void periodic_interrupt(void **state)
{
	static const uint32_t hz[] = {0,   256, 128, 8192, 4096, 2048, 1024, 512,
				      256, 128, 64,  32,   16,	 8,    4,    2};

	(void)state;
	set(B, 0x42, 0);
	for (uint8_t rate = 0; rate < 16; rate++) {
		set(A, 0x20 | rate, 0);
		assert_int_equal(dev_deadline(&rtc.device),
				 rate ? (SECOND_NS + hz[rate] - 1) / hz[rate] : DEVICE_NEVER);
	}
	set(A, 0x26, 0);
	for (unsigned i = 1; i <= 5000; i++) {
		dev_tick(&rtc.device, dev_deadline(&rtc.device));
		assert_int_equal(wire.edges, i);
		assert_int_equal(get(C, rtc.settled) & 0xc0, 0xc0);
	}
	assert_int_equal(rtc.settled, (5000 * SECOND_NS + 1023) / 1024); /* no drift */
	dev_tick(&rtc.device, 100 * SECOND_NS);				 /* away: one */
	assert_int_equal(wire.edges, 5001);
	assert_int_equal(get(C, 100 * SECOND_NS) & 0xc0, 0xc0);
	assert_int_equal(get(C, 100 * SECOND_NS), 0);
	set(A, 0x76, 100 * SECOND_NS);
	assert_int_equal(dev_deadline(&rtc.device), DEVICE_NEVER);
}

static void set_alarm(uint8_t hour, uint8_t minute, uint8_t second, uint64_t now)
{
	set(5, hour, now), set(3, minute, now), set(1, second, now);
}

static void alarm_interrupt(void **state)
{
	(void)state;
	set(A, 0x20, 0);
	set_alarm(0x00, 0x01, 0x05, 0);
	assert_int_equal(dev_deadline(&rtc.device), DEVICE_NEVER);
	set(B, 0x22, 0);
	assert_int_equal(dev_deadline(&rtc.device), 66 * SECOND_NS);
	dev_tick(&rtc.device, 66 * SECOND_NS - 1);
	assert_false(wire.level);
	dev_tick(&rtc.device, 66 * SECOND_NS);
	assert_true(wire.level);
	assert_int_equal(get(C, 66 * SECOND_NS), 0xb0);
	assert_int_equal(dev_deadline(&rtc.device), (66 + 86400) * SECOND_NS);
	set_alarm(0xff, 0xff, 0xff, 67 * SECOND_NS); /* every second */
	assert_int_equal(dev_deadline(&rtc.device), 68 * SECOND_NS);
	set_alarm(0xff, 0xff, 0x30, 67 * SECOND_NS); /* every minute */
	assert_int_equal(dev_deadline(&rtc.device), (60 + 31) * SECOND_NS);
	set_alarm(0xff, 0x00, 0x00, 67 * SECOND_NS); /* every hour */
	assert_int_equal(dev_deadline(&rtc.device), 3601 * SECOND_NS);
	set_alarm(0x25, 0x00, 0x00, 67 * SECOND_NS); /* never */
	assert_int_equal(dev_deadline(&rtc.device), DEVICE_NEVER);
	set_alarm(0x12, 0x00, 0x00, 67 * SECOND_NS);
	set(B, 0x20, 67 * SECOND_NS); /* 12 hours, so midnight: known when the time is written */
	set_alarm(0x12, 0x02, 0x00, 67 * SECOND_NS);
	assert_int_equal(dev_deadline(&rtc.device), 121 * SECOND_NS);
	set_alarm(0x92, 0x02, 0x00, 67 * SECOND_NS);
	assert_int_equal(dev_deadline(&rtc.device), (121 + 43200) * SECOND_NS);
}

static void alarm_follows_the_time(void **state)
{
	(void)state;
	set_alarm(0x12, 0x00, 0x00, 0);
	set(B, 0x22, 0);
	set(4, 0x11, 0); /* 11:59:59 */
	assert_int_equal(dev_deadline(&rtc.device), SECOND_NS);
	set(B, 0xa2, 0);
	assert_int_equal(dev_deadline(&rtc.device), DEVICE_NEVER);
	set(B, 0x22, 500 * MS);
	assert_int_equal(dev_deadline(&rtc.device), SECOND_NS);
}

static void access_finds_what_happened(void **state)
{
	(void)state;
	set(B, 0x12, 3 * SECOND_NS); /* no tick before: UF is there already */
	assert_true(wire.level);
	assert_int_equal(get(C, 3 * SECOND_NS), 0xf0);
	mc146818_init(&rtc, wire_line(&wire), BASE, 0, 100 * MS); /* later than 0 */
	assert_time("2025123104235959", SECOND_NS + 99 * MS);
	assert_time("2026010105000000", SECOND_NS + 100 * MS);
}

static void enabling_shows_an_old_flag(void **state)
{
	(void)state;
	dev_tick(&rtc.device, SECOND_NS);
	assert_false(wire.level);
	set(B, 0x12, SECOND_NS);
	assert_true(wire.level);
	set(B, 0x02, SECOND_NS);
	assert_false(wire.level);
}

static void memory_tells_of_memory(void **state)
{
	uint16_t sum = 0;

	(void)state;
	assert_int_equal(get(0x15, 0) | get(0x16, 0) << 8, 640);
	assert_int_equal(get(0x17, 0) | get(0x18, 0) << 8, 0xffff);
	assert_int_equal(get(0x34, 0) | get(0x35, 0) << 8, (256 - 16) * 16);
	assert_int_equal(get(0x0f, 0), 0); /* shutdown status: cold */
	assert_int_equal(get(0x10, 0), 0); /* no floppy disk */
	for (uint8_t i = 0x10; i <= 0x2d; i++)
		sum = (uint16_t)(sum + get(i, 0));
	assert_int_equal(get(0x2e, 0) << 8 | get(0x2f, 0), sum);
	for (unsigned i = 0x0e; i < 128; i++) {
		if (i == CENTURY)
			continue;
		set((uint8_t)i, (uint8_t)(i ^ 0x5a), 0);
	}
	for (unsigned i = 0x0e; i < 128; i++) {
		if (i == CENTURY)
			continue;
		assert_int_equal(get((uint8_t)i, 0), i ^ 0x5a);
	}
}

static void nonsense_is_survived(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		set((uint8_t)i, 0xff, 0);
	set(CENTURY, 0xff, 0);
	set(B, 0x06, 0);
	set(8, 0, 0), set(7, 0, 0), set(9, 0, 0), set(CENTURY, 0, 0);
	get(0, 0);
	dev_tick(&rtc.device, UINT64_C(1) << 62);
	get(CENTURY, UINT64_C(1) << 62);
}

#define T(name) cmocka_unit_test_setup(name, setup)

TESTS(T(calendar_agrees_with_libc), T(time_in_bcd), T(time_in_binary_and_12_hours),
      T(every_register_is_up_to_date), T(fixed_registers), T(uip_precedes_the_update),
      T(set_keeps_the_phase), T(set_as_linux_does), T(registers_can_be_set_while_it_runs),
      T(update_interrupt), T(periodic_interrupt), T(alarm_interrupt), T(alarm_follows_the_time),
      T(access_finds_what_happened), T(enabling_shows_an_old_flag), T(memory_tells_of_memory),
      T(nonsense_is_survived))
