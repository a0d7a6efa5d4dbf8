/* SPDX-License-Identifier: BSD-2-Clause */
/* MC146818 real-time clock: time, alarm, periodic interrupt, CMOS memory.
 *
 * From the data sheet, Motorola MC146818 (1984); the century register and the CMOS
 * memory's contents are the PC's. The clock is an offset to the host's monotonic
 * one; time registers live in `ram` only while the clock stands (SET, or the
 * divider in reset) and are computed otherwise.
 *
 * An update cycle is the last 2.2 ms of a second: UIP is set for all of it, the
 * registers change and the update-ended interrupt comes at its end. Flags are found
 * when somebody looks; a deadline exists only for an enabled interrupt that is not
 * asserted yet, so an idle guest is not woken for its clock.
 *
 * M: daylight saving (DSE) changes nothing; the square wave goes nowhere.
 * M: the other crystals (DV 0 and 1) count like the 32768 Hz one.
 */
#include "vmm/devices/mc146818.h"

#include "vmm/devices/calendar.h"
#include "vmm/devices/clock.h"
#include "vmm/devices/cmos.h"
#include "vmm/string.h"

enum {
	SECOND = 0x00,
	SECOND_ALARM = 0x01,
	MINUTE = 0x02,
	MINUTE_ALARM = 0x03,
	HOUR = 0x04,
	HOUR_ALARM = 0x05,
	WEEKDAY = 0x06, /* 1 is Sunday */
	DAY = 0x07,
	MONTH = 0x08,
	YEAR = 0x09,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,
	CENTURY = MC146818_CENTURY,
};

enum {
	A_UIP = 0x80,
	A_DIVIDER = 0x70,
	A_DIVIDER_32K = 0x20, /* and below: the clock runs */
	A_RATE = 0x0f,
	A_RATE_1024 = 0x06,
	B_SET = 0x80,
	B_ENABLES = 0x70, /* PIE, AIE, UIE: the bits of the flags in C */
	B_UIE = 0x10,
	B_BINARY = 0x04,
	B_24_HOURS = 0x02,
	C_IRQF = 0x80,
	C_PERIODIC = 0x40,
	C_ALARM = 0x20,
	C_UPDATE = 0x10,
	D_VALID = 0x80,
	HOUR_PM = 0x80,
	ALARM_ANY = 0xc0,  /* "don't care": both bits set */
	INDEX_MASK = 0x7f, /* bit 7 of port 0x70 masks NMIs, of which there are none */
};

enum {
	UPDATE_NS = 244000 + 1984000, /* from UIP to the end of the update, 32 kHz */
	SECONDS_OF_DAY = 86400,
	CRYSTAL_HZ = 32768,
};

static bool runs(const struct mc146818 *rtc)
{
	return !(rtc->ram[REG_B] & B_SET) && (rtc->ram[REG_A] & A_DIVIDER) <= A_DIVIDER_32K;
}

/* --- the clock --- */

static uint64_t since_second(const struct mc146818 *rtc, uint64_t now)
{
	uint64_t passed = now > rtc->at ? now - rtc->at : 0;

	return passed + rtc->fraction;
}

static int64_t clock_seconds(const struct mc146818 *rtc, uint64_t now)
{
	return rtc->seconds + (int64_t)(since_second(rtc, now) / NS_PER_SECOND);
}

/* When the second changes next after `now`. */
static uint64_t next_second(const struct mc146818 *rtc, uint64_t now)
{
	return now + NS_PER_SECOND - since_second(rtc, now) % NS_PER_SECOND;
}

/* --- registers in the format that register B asks for --- */

static uint8_t encode(const struct mc146818 *rtc, unsigned value)
{
	if (rtc->ram[REG_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static unsigned decode(const struct mc146818 *rtc, uint8_t value)
{
	if (rtc->ram[REG_B] & B_BINARY)
		return value;
	return (value >> 4) * 10 + (value & 15);
}

/* In 12-hour mode midnight and noon are 12 AM and 12 PM. */
static uint8_t encode_hour(const struct mc146818 *rtc, unsigned hour)
{
	if (rtc->ram[REG_B] & B_24_HOURS)
		return encode(rtc, hour);
	return (uint8_t)(encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0));
}

static unsigned decode_hour(const struct mc146818 *rtc, uint8_t value)
{
	if (rtc->ram[REG_B] & B_24_HOURS)
		return decode(rtc, value);
	return decode(rtc, value & (uint8_t)~HOUR_PM) % 12 + (value & HOUR_PM ? 12 : 0);
}

/* The running clock into the registers. */
static void show_time(struct mc146818 *rtc, uint64_t now)
{
	struct calendar time;

	calendar_from_seconds(&time, clock_seconds(rtc, now));
	rtc->ram[SECOND] = encode(rtc, time.second);
	rtc->ram[MINUTE] = encode(rtc, time.minute);
	rtc->ram[HOUR] = encode_hour(rtc, time.hour);
	rtc->ram[WEEKDAY] = encode(rtc, (time.weekday + rtc->weekday_offset) % 7 + 1);
	rtc->ram[DAY] = encode(rtc, time.day);
	rtc->ram[MONTH] = encode(rtc, time.month);
	rtc->ram[YEAR] = encode(rtc, time.year % 100);
	rtc->ram[CENTURY] = encode(rtc, time.year / 100);
}

/* The registers into the clock, which goes on from there. */
static void take_time(struct mc146818 *rtc, uint64_t fraction, uint64_t now)
{
	struct calendar time = {
		.second = decode(rtc, rtc->ram[SECOND]),
		.minute = decode(rtc, rtc->ram[MINUTE]),
		.hour = decode_hour(rtc, rtc->ram[HOUR]),
		.day = decode(rtc, rtc->ram[DAY]),
		.month = decode(rtc, rtc->ram[MONTH]),
		.year = decode(rtc, rtc->ram[CENTURY]) * 100 + decode(rtc, rtc->ram[YEAR]),
	};
	unsigned weekday = decode(rtc, rtc->ram[WEEKDAY]);

	rtc->seconds = calendar_to_seconds(&time);
	rtc->fraction = fraction;
	rtc->at = now;
	calendar_from_seconds(&time, rtc->seconds);
	rtc->weekday_offset = (uint8_t)((weekday + 13 - time.weekday) % 7);
}

/* --- the alarm --- */

static bool alarm_any(uint8_t value)
{
	return (value & ALARM_ANY) == ALARM_ANY;
}

static bool alarm_matches(const struct mc146818 *rtc, unsigned reg, unsigned value)
{
	uint8_t wanted = rtc->ram[reg];

	if (alarm_any(wanted))
		return true;
	return (reg == HOUR_ALARM ? decode_hour(rtc, wanted) : decode(rtc, wanted)) == value;
}

/* Seconds from `second` of the day to the first match, itself included; -1: none.
 * A field that does not match is skipped whole: at most 24 + 60 + 60 steps a day. */
static int64_t alarm_distance(const struct mc146818 *rtc, unsigned second)
{
	unsigned s = second;

	while (s < second + SECONDS_OF_DAY) {
		if (!alarm_matches(rtc, HOUR_ALARM, s / 3600 % 24))
			s += 3600 - s % 3600;
		else if (!alarm_matches(rtc, MINUTE_ALARM, s / 60 % 60))
			s += 60 - s % 60;
		else if (!alarm_matches(rtc, SECOND_ALARM, s % 60))
			s++;
		else
			return s - second;
	}
	return -1;
}

/* When the clock's second next changes to the alarm's time. */
static void set_alarm(struct mc146818 *rtc, uint64_t now)
{
	struct calendar time;
	int64_t distance;

	rtc->alarm = DEVICE_NEVER;
	if (!runs(rtc))
		return;
	calendar_from_seconds(&time, clock_seconds(rtc, now) + 1);
	distance = alarm_distance(rtc, time.hour * 3600 + time.minute * 60 + time.second);
	if (distance >= 0)
		rtc->alarm = next_second(rtc, now) + (uint64_t)distance * NS_PER_SECOND;
}

/* --- interrupts --- */

/* Rates 1 and 2 are 256 and 128 Hz, the others 32768 Hz / 2^(rate - 1). */
static uint32_t periodic_hz(const struct mc146818 *rtc)
{
	unsigned rate = rtc->ram[REG_A] & A_RATE;

	if (!rate || (rtc->ram[REG_A] & A_DIVIDER) > A_DIVIDER_32K)
		return 0;
	return CRYSTAL_HZ >> ((rate <= 2 ? rate + 7 : rate) - 1);
}

static void update_irq(struct mc146818 *rtc)
{
	uint8_t *flags = &rtc->ram[REG_C];

	*flags &= (uint8_t)~C_IRQF;
	if (*flags & rtc->ram[REG_B] & B_ENABLES)
		*flags |= C_IRQF;
	irq_set(&rtc->irq, *flags & C_IRQF);
}

/* Set the flags of what happened since the last look: once each, however often. */
static void settle(struct mc146818 *rtc, uint64_t now)
{
	uint32_t hz = periodic_hz(rtc);

	if (now <= rtc->settled)
		return;
	if (hz && clock_count(now, hz) != clock_count(rtc->settled, hz))
		rtc->ram[REG_C] |= C_PERIODIC;
	if (runs(rtc) && next_second(rtc, rtc->settled) <= now)
		rtc->ram[REG_C] |= C_UPDATE;
	if (rtc->alarm <= now) {
		rtc->ram[REG_C] |= C_ALARM;
		set_alarm(rtc, now);
	}
	rtc->settled = now;
	update_irq(rtc);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t mc146818_deadline(const struct device *device)
{
	const struct mc146818 *rtc = DEVICE_CONST_STATE(struct mc146818, device);
	uint8_t enabled = rtc->ram[REG_B];
	uint64_t deadline = DEVICE_NEVER;
	uint32_t hz = periodic_hz(rtc);

	if (rtc->ram[REG_C] & C_IRQF)
		return DEVICE_NEVER;
	if (enabled & C_PERIODIC && hz)
		deadline = clock_time(clock_count(rtc->settled, hz) + 1, hz);
	if (enabled & C_UPDATE && runs(rtc))
		deadline = earlier(deadline, next_second(rtc, rtc->settled));
	if (enabled & C_ALARM)
		deadline = earlier(deadline, rtc->alarm);
	return deadline;
}

static void mc146818_tick(struct device *device, uint64_t now)
{
	settle(DEVICE_STATE(struct mc146818, device), now);
}

/* --- registers --- */

static bool is_time(unsigned reg)
{
	return reg == SECOND || reg == MINUTE || reg == HOUR || reg == CENTURY ||
	       (reg >= WEEKDAY && reg <= YEAR);
}

static uint8_t read_register(struct mc146818 *rtc, unsigned reg, uint64_t now)
{
	uint8_t value;

	if (is_time(reg) && runs(rtc))
		show_time(rtc, now);
	value = rtc->ram[reg];
	if (reg == REG_A && runs(rtc) && next_second(rtc, now) - now <= UPDATE_NS)
		value |= A_UIP;
	if (reg == REG_C) {
		rtc->ram[REG_C] = 0;
		update_irq(rtc);
	}
	return value;
}

/* SET and the divider stop and start the clock. A divider that leaves reset makes
 * the first update half a second later; SET alone keeps the second's phase. */
static void write_control(struct mc146818 *rtc, unsigned reg, uint8_t value, uint64_t now)
{
	bool ran = runs(rtc), in_reset = (rtc->ram[REG_A] & A_DIVIDER) > A_DIVIDER_32K;

	if (ran)
		show_time(rtc, now);
	rtc->ram[reg] = value;
	if (in_reset && (rtc->ram[REG_A] & A_DIVIDER) <= A_DIVIDER_32K) {
		rtc->fraction = NS_PER_SECOND / 2;
		rtc->at = now;
	}
	if (!ran && runs(rtc))
		take_time(rtc, since_second(rtc, now) % NS_PER_SECOND, now);
}

static void write_register(struct mc146818 *rtc, unsigned reg, uint8_t value, uint64_t now)
{
	if (reg == REG_C || reg == REG_D)
		return;
	if (reg == REG_A) {
		write_control(rtc, reg, value & (uint8_t)~A_UIP, now);
	} else if (reg == REG_B) {
		write_control(rtc, reg, value & B_SET ? value & (uint8_t)~B_UIE : value, now);
	} else if (is_time(reg) && runs(rtc)) {
		show_time(rtc, now);
		rtc->ram[reg] = value;
		take_time(rtc, since_second(rtc, now) % NS_PER_SECOND, now);
	} else {
		rtc->ram[reg] = value;
	}
	if (reg <= REG_B || reg == CENTURY)
		set_alarm(rtc, now);
	update_irq(rtc);
}

static uint32_t mc146818_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	struct mc146818 *rtc = DEVICE_STATE(struct mc146818, device);

	(void)size;
	if (!offset) /* the index cannot be read */
		return 0xff;
	settle(rtc, now);
	return read_register(rtc, rtc->index, now);
}

static void mc146818_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
			 uint64_t now)
{
	struct mc146818 *rtc = DEVICE_STATE(struct mc146818, device);

	(void)size;
	if (!offset) {
		rtc->index = value & INDEX_MASK;
		return;
	}
	settle(rtc, now);
	write_register(rtc, rtc->index, (uint8_t)value, now);
}

static const struct device_ops mc146818_ops = {
	.name = "MC146818",
	.width = 1,
	.in = mc146818_in,
	.out = mc146818_out,
	.tick = mc146818_tick,
	.deadline = mc146818_deadline,
};

void mc146818_init(struct mc146818 *rtc, struct irq_line irq, uint64_t seconds, uint64_t memory,
		   uint64_t now)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->device.ops = &mc146818_ops;
	rtc->irq = irq;
	rtc->seconds = (int64_t)seconds;
	rtc->at = rtc->settled = now;
	rtc->ram[REG_A] = A_DIVIDER_32K | A_RATE_1024;
	rtc->ram[REG_B] = B_24_HOURS;
	rtc->ram[REG_D] = D_VALID;
	cmos_fill(rtc->ram, memory);
	set_alarm(rtc, now);
}
