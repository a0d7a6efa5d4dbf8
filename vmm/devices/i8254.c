/* SPDX-License-Identifier: BSD-2-Clause */
/* 8254 programmable interval timer, and port 0x61 that shows and gates counter 2.
 *
 * From the data sheet, Intel 231164-005. Nothing counts here: a counter is the clock
 * at which it was loaded, and its value and OUT follow from the clock of the access.
 * A count that is written becomes the counter's with the next clock; so mode 0 ends
 * N + 1 clocks after the write, as the data sheet says.
 *
 * Interrupts are the rising edges of counter 0's OUT. A host process may be away for
 * many of them; policy: all edges since the last look are one edge, and the next one
 * comes at its own exact time. The guest loses ticks, which it makes up from the
 * time-stamp counter, and never gets a storm of old ones.
 *
 * M: the low clock of modes 2, 4 and 5 cannot be seen at the interrupt controller:
 *    the line falls and rises at once.
 * M: a new count in mode 3 waits for the end of the period, not of the half.
 * M: the speaker makes no sound.
 */
#include "vmm/devices/i8254.h"

#include "vmm/devices/clock.h"

enum {
	CONTROL_COUNTER_SHIFT = 6,
	CONTROL_READ_BACK = 3,
	CONTROL_ACCESS_SHIFT = 4,
	CONTROL_MODE_SHIFT = 1,
	CONTROL_BCD = 0x01,
	READ_BACK_NO_COUNT = 0x20,
	READ_BACK_NO_STATUS = 0x10,
	ACCESS_LATCH = 0,
	ACCESS_LOW = 1,
	ACCESS_HIGH = 2,
	ACCESS_BOTH = 3,
	STATUS_OUT = 0x80,
	STATUS_NULL_COUNT = 0x40,
};

enum {
	PORT_B_GATE2 = 0x01,
	PORT_B_WRITABLE = 0x0f, /* gate, speaker, two NMI enables */
	PORT_B_REFRESH = 0x10,
	PORT_B_OUT2 = 0x20,
	REFRESH_CLOCKS = 18, /* what firmware programs counter 1 to: 15 us */
};

/* What the six modes have in common and what not (data sheet, "Mode Definitions"). */
static const struct mode {
	bool periodic;
	bool triggered; /* starts by the gate's rising edge only */
	bool pauses;	/* counts while the gate is high */
	uint8_t extra;	/* one-shot: clocks from count 0 to the rising edge */
} modes[] = {
	[0] = {.pauses = true},
	[1] = {.triggered = true},
	[2] = {.periodic = true},
	[3] = {.periodic = true},
	[4] = {.pauses = true, .extra = 1},
	[5] = {.triggered = true, .extra = 1},
};

static const struct mode *mode_of(const struct i8254_counter *counter)
{
	return &modes[counter->mode];
}

static uint32_t modulus(const struct i8254_counter *counter)
{
	return counter->bcd ? 10000 : 65536;
}

static uint64_t elapsed(const struct i8254_counter *counter, uint64_t t)
{
	if (!counter->running)
		return counter->paused;
	return t < counter->start ? 0 : t - counter->start;
}

/* The level of OUT. */
static bool out_level(const struct i8254_counter *counter, uint64_t t)
{
	uint64_t passed = elapsed(counter, t), count = counter->count;

	switch (counter->mode) {
	case 0:
		return counter->loaded && passed >= count;
	case 1:
		return !counter->running || passed >= count;
	case 2:
		return !counter->running || passed % count != count - 1;
	case 3:
		return !counter->running || passed % count < (count + 1) / 2;
	default:
		return !counter->running || passed != count;
	}
}

/* The counter's value as a number. Mode 3 counts by two, odd counts from one less. */
static uint32_t current_count(const struct i8254_counter *counter, uint64_t t)
{
	uint64_t passed = elapsed(counter, t), count = counter->count;

	if (counter->mode == 3) {
		uint64_t half = passed % count, first = (count + 1) / 2;

		half -= half >= first ? first : 0;
		return (uint32_t)((count & ~UINT64_C(1)) - 2 * half);
	}
	if (counter->mode == 2)
		return (uint32_t)(count - passed % count);
	return (uint32_t)((count + modulus(counter) - passed % modulus(counter)) %
			  modulus(counter));
}

static uint32_t from_bcd(uint32_t value)
{
	return (value >> 12) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 +
	       (value & 15);
}

static uint32_t to_bcd(uint32_t value)
{
	return value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
}

static uint16_t read_count(const struct i8254_counter *counter, uint64_t t)
{
	uint32_t count = current_count(counter, t);

	return (uint16_t)(counter->bcd ? to_bcd(count) : count);
}

/* The clock of the first rising edge of OUT after counter->seen; DEVICE_NEVER: none. */
static uint64_t next_edge(const struct i8254_counter *counter)
{
	const struct mode *mode = mode_of(counter);
	uint64_t edge = counter->start + counter->count + mode->extra;

	if (!counter->running)
		return DEVICE_NEVER;
	if (mode->periodic) {
		uint64_t since =
			counter->seen < counter->start ? 0 : counter->seen - counter->start;

		return counter->start + (since / counter->count + 1) * counter->count;
	}
	return edge > counter->seen ? edge : DEVICE_NEVER;
}

/* The counter takes its new count with the next clock. */
static void load(struct i8254_counter *counter, uint32_t count, uint64_t t)
{
	counter->count = count;
	counter->next = 0;
	counter->start = t + 1;
	counter->paused = 0;
	counter->running = true;
}

/* A periodic counter takes a new count at the end of its period. */
static void take_next(struct i8254_counter *counter, uint64_t t)
{
	if (!counter->next || !mode_of(counter)->periodic || !counter->running ||
	    t < counter->change)
		return;
	counter->start = counter->change;
	counter->count = counter->next;
	counter->next = 0;
}

/* Everything up to `t`: at most one edge, see above. */
static void settle(struct i8254 *pit, uint64_t t)
{
	if (next_edge(&pit->counter[0]) <= t)
		irq_pulse(&pit->irq);
	for (unsigned i = 0; i < 3; i++) {
		if (t > pit->counter[i].seen)
			pit->counter[i].seen = t;
		take_next(&pit->counter[i], t);
	}
}

/* OUT was set by a control word or, in mode 0, by a count; not by counting. */
static void show_level(struct i8254 *pit, const struct i8254_counter *counter, uint64_t t)
{
	if (counter == &pit->counter[0])
		irq_set(&pit->irq, out_level(counter, t));
}

/* A count is complete. 0 is the largest; 1 is not allowed in modes 2 and 3, where
 * OUT could not be low for a clock and high for another. */
static void new_count(struct i8254_counter *counter, uint16_t value, uint64_t t)
{
	const struct mode *mode = mode_of(counter);
	uint32_t count = counter->bcd ? from_bcd(value) % modulus(counter) : value;

	if (!count)
		count = modulus(counter);
	if (mode->periodic && count == 1)
		count = 2;
	if (mode->triggered || (mode->periodic && (counter->loaded || !counter->gate))) {
		counter->next = count;
		counter->change = counter->start +
				  (elapsed(counter, t) / counter->count + 1) * counter->count;
	} else {
		load(counter, count, t);
		counter->running = counter->gate;
	}
	counter->loaded = true;
}

static void write_count(struct i8254_counter *counter, uint8_t value, uint64_t t)
{
	switch (counter->access) {
	case ACCESS_LOW:
		new_count(counter, value, t);
		break;
	case ACCESS_HIGH:
		new_count(counter, (uint16_t)(value << 8), t);
		break;
	default:
		counter->write_high = !counter->write_high;
		if (!counter->write_high) {
			new_count(counter, (uint16_t)(value << 8 | counter->low), t);
			break;
		}
		counter->low = value;
		if (counter->mode == 0) { /* "the first byte disables counting" */
			counter->paused = elapsed(counter, t);
			counter->running = counter->loaded = false;
		}
	}
}

static uint8_t read_byte(struct i8254_counter *counter, uint64_t t)
{
	uint16_t count = counter->latched ? counter->latch : read_count(counter, t);
	bool high = counter->access == ACCESS_HIGH;

	if (counter->status_latched) {
		counter->status_latched = false;
		return counter->status;
	}
	if (counter->access == ACCESS_BOTH) {
		high = counter->read_high;
		counter->read_high = !high;
	}
	if (counter->latched)
		counter->latched--;
	return (uint8_t)(high ? count >> 8 : count);
}

/* A latched count stays until it is read: a second command is ignored. */
static void latch_count(struct i8254_counter *counter, uint64_t t)
{
	if (counter->latched)
		return;
	counter->latch = read_count(counter, t);
	counter->latched = counter->access == ACCESS_BOTH ? 2 : 1;
	counter->read_high = false;
}

static void latch_status(struct i8254_counter *counter, uint64_t t)
{
	bool null = !counter->loaded || counter->next || (counter->running && t < counter->start);

	if (counter->status_latched)
		return;
	counter->status_latched = true;
	counter->status =
		(uint8_t)((out_level(counter, t) ? STATUS_OUT : 0) |
			  (null ? STATUS_NULL_COUNT : 0) | counter->access << CONTROL_ACCESS_SHIFT |
			  counter->mode << CONTROL_MODE_SHIFT | counter->bcd);
}

static void read_back(struct i8254 *pit, uint8_t command, uint64_t t)
{
	for (unsigned i = 0; i < 3; i++) {
		if (!(command & 2u << i))
			continue;
		if (!(command & READ_BACK_NO_COUNT))
			latch_count(&pit->counter[i], t);
		if (!(command & READ_BACK_NO_STATUS))
			latch_status(&pit->counter[i], t);
	}
}

/* Modes 6 and 7 are 2 and 3: the highest bit of the mode is ignored then. */
static void write_control(struct i8254 *pit, uint8_t value, uint64_t t)
{
	unsigned number = value >> CONTROL_COUNTER_SHIFT;
	uint8_t access = value >> CONTROL_ACCESS_SHIFT & 3;
	uint8_t mode = value >> CONTROL_MODE_SHIFT & 7;
	struct i8254_counter *counter;

	if (number == CONTROL_READ_BACK) {
		read_back(pit, value, t);
		return;
	}
	counter = &pit->counter[number];
	if (access == ACCESS_LATCH) {
		latch_count(counter, t);
		return;
	}
	*counter = (struct i8254_counter){
		.mode = mode > 5 ? mode - 4 : mode,
		.access = access,
		.bcd = value & CONTROL_BCD,
		.gate = counter->gate,
		.count = counter->count,
		.seen = t,
	};
	show_level(pit, counter, t);
}

/* The gate of counter 2; those of the others are wired high. */
static void set_gate(struct i8254_counter *counter, bool level, uint64_t t)
{
	const struct mode *mode = mode_of(counter);

	if (level == counter->gate)
		return;
	counter->gate = level;
	if (!counter->loaded || (!level && mode->triggered))
		return;
	if (!level) {
		counter->paused = elapsed(counter, t);
		counter->running = false;
	} else if (mode->pauses) {
		uint64_t passed = counter->paused;

		load(counter, counter->count, t);
		counter->start -= passed;
	} else {
		load(counter, counter->next ? counter->next : counter->count, t);
	}
}

static uint8_t read_port_b(const struct i8254 *pit, uint64_t t)
{
	return (uint8_t)(pit->port_b | (t / REFRESH_CLOCKS & 1 ? PORT_B_REFRESH : 0) |
			 (out_level(&pit->counter[2], t) ? PORT_B_OUT2 : 0));
}

static uint32_t i8254_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	struct i8254 *pit = DEVICE_STATE(struct i8254, device);
	uint64_t t = clock_count(now, I8254_HZ);

	(void)size;
	settle(pit, t);
	if (offset == I8254_PORT_B)
		return read_port_b(pit, t);
	if (offset == I8254_CONTROL) /* "no operation": nobody drives the bus */
		return 0xff;
	return read_byte(&pit->counter[offset], t);
}

static void i8254_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
		      uint64_t now)
{
	struct i8254 *pit = DEVICE_STATE(struct i8254, device);
	uint64_t t = clock_count(now, I8254_HZ);

	(void)size;
	settle(pit, t);
	if (offset == I8254_PORT_B) {
		pit->port_b = value & PORT_B_WRITABLE;
		set_gate(&pit->counter[2], value & PORT_B_GATE2, t);
	} else if (offset == I8254_CONTROL) {
		write_control(pit, (uint8_t)value, t);
	} else {
		write_count(&pit->counter[offset], (uint8_t)value, t);
		if (pit->counter[offset].mode == 0)
			show_level(pit, &pit->counter[offset], t);
	}
}

static void i8254_tick(struct device *device, uint64_t now)
{
	settle(DEVICE_STATE(struct i8254, device), clock_count(now, I8254_HZ));
}

static uint64_t i8254_deadline(const struct device *device)
{
	uint64_t edge = next_edge(&DEVICE_CONST_STATE(struct i8254, device)->counter[0]);

	return edge == DEVICE_NEVER ? DEVICE_NEVER : clock_time(edge, I8254_HZ);
}

static const struct device_ops i8254_ops = {
	.name = "8254",
	.width = 1,
	.in = i8254_in,
	.out = i8254_out,
	.tick = i8254_tick,
	.deadline = i8254_deadline,
};

/* After power-on a counter has no mode: counter 0 stands still with OUT high, so
 * that the guest's first control word cannot make an edge that nobody expects. */
void i8254_init(struct i8254 *pit, struct irq_line irq)
{
	*pit = (struct i8254){.device.ops = &i8254_ops, .irq = irq};
	for (unsigned i = 0; i < 3; i++)
		pit->counter[i] = (struct i8254_counter){
			.mode = 3, .access = ACCESS_BOTH, .count = 65536, .gate = i != 2};
	irq_set(&pit->irq, true);
}
