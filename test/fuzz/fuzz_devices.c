/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole platform under random accesses, steps of time, interrupts and input.
 *
 * An input is a list of steps: a byte that says what (bits 0 to 2), how wide (3, 4)
 * and 8 ports further up (5), then what that needs. Ports come from a list of the claimed ones and
 * their neighbours, so that few accesses go to nobody. */
#include "vmm/backend.h"
#include "vmm/memory.h"
#include "vmm/platform.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step { IN, OUT, OUT_SMALL, WAIT, DEADLINE, INTERRUPT, CONSOLE, BUTTON };

struct guest_memory guest_memory;
static struct platform platform, before;
static uint64_t now;
static jmp_buf end;
static const uint8_t *input;
static size_t left;

void backend_exit(enum backend_exit why, unsigned code)
{
	CHECK(why == BACKEND_EXIT_POWER_OFF || why == BACKEND_EXIT_RESET);
	CHECK(code < 128);
	longjmp(end, 1);
}

void backend_fatal(const char *reason)
{
	CHECK(reason && *reason);
	longjmp(end, 1);
}

void backend_console_write(const char *text, size_t length)
{
	CHECK(text && length);
}

size_t backend_console_read(char *text, size_t room)
{
	CHECK(room && room <= I16550_FIFO);
	memset(text, 'x', room);
	return room - (now & 7 ? 1 : 0);
}

static uint8_t next(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

static uint32_t next_value(unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)next() << 8 * i;
	return value;
}

static uint16_t next_port(uint8_t what)
{
	uint8_t choice = next();
	const struct port_range *range = &platform.bus.ranges[(choice >> 3) % platform.bus.count];

	return (uint16_t)(range->first + (choice & 7) + (what >> 2 & 8));
}

/* Up to hours in steps of any order of magnitude; never past 100 years. */
static void wait(void)
{
	uint8_t magnitude = next() % 44;
	uint64_t step = (UINT64_C(1) << magnitude) + next_value(2);

	if (now < UINT64_C(3155760000000000000))
		now += step;
}

static void step_to_deadline(void)
{
	uint64_t deadline = platform_deadline(&platform);

	if (deadline != DEVICE_NEVER && deadline > now && deadline < UINT64_C(3155760000000000000))
		now = deadline;
}

/* After a tick nothing is due any more, and a second one changes nothing. */
static void check_tick(void)
{
	platform_tick(&platform, now);
	CHECK(platform_deadline(&platform) > now);
	before = platform;
	platform_tick(&platform, now);
	CHECK(memcmp(&before, &platform, sizeof(platform)) == 0);
}

static void check_state(void)
{
	CHECK(platform.com1.count <= I16550_FIFO && platform.com1.first < I16550_FIFO);
	CHECK(platform.rtc.index < MC146818_BYTES);
	CHECK(platform.rtc.weekday_offset < 7);
	CHECK(platform.pic.master.lowest < 8 && platform.pic.slave.lowest < 8);
	for (unsigned i = 0; i < 3; i++) {
		const struct i8254_counter *counter = &platform.pit.counter[i];

		CHECK(counter->mode <= 5 && counter->access >= 1 && counter->access <= 3);
		CHECK(counter->count >= 1 && counter->count <= 65536);
		CHECK(counter->latched <= 2);
	}
}

static void interrupt(void)
{
	bool pending = platform_interrupt_pending(&platform);
	int vector = platform_acknowledge(&platform);

	CHECK(vector >= 0 && vector <= 255);
	CHECK(pending || (vector & 7) == 7);
}

static void one_step(void)
{
	uint8_t what = next();
	unsigned size = 1u << (what >> 3 & 3) % 3;
	uint16_t port;

	switch ((enum step)(what & 7)) {
	case IN:
		platform_in(&platform, next_port(what), size, now);
		break;
	case OUT:
		port = next_port(what);
		platform_out(&platform, port, size, next_value(size), now);
		break;
	case OUT_SMALL:
		port = next_port(what);
		platform_out(&platform, port, 1, next(), now);
		break;
	case WAIT:
		wait();
		break;
	case DEADLINE:
		step_to_deadline();
		check_tick();
		break;
	case INTERRUPT:
		interrupt();
		break;
	case CONSOLE:
		platform_receive_console(&platform, now);
		break;
	case BUTTON:
		platform_power_button(&platform);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	left = size;
	now = 0;
	guest_memory.size = 64 << 20;
	platform_init(&platform, 1767225600);
	CHECK(bus_valid(&platform.bus));
	if (setjmp(end))
		return 0;
	while (left) {
		one_step();
		check_state();
	}
	check_tick();
	return 0;
}
