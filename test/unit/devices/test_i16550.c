/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550A: what the Linux 8250 driver probes and relies on, FIFO, interrupts. */
#include "vmm/devices/i16550.h"

#include "double.h"

#include <string.h>

enum { DATA = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum { OUT2 = 0x08, LOOP = 0x10 };

static struct i16550 uart;
static struct wire wire;

static uint8_t in(uint16_t offset)
{
	return dev_in(&uart.device, offset, 0);
}

static void out(uint16_t offset, uint8_t value)
{
	dev_out(&uart.device, offset, value, 0);
}

static void receive(const char *text, uint64_t now)
{
	i16550_receive(&uart, text, strlen(text), now);
}

static int setup(void **state)
{
	(void)state;
	wire = (struct wire){0};
	console_output_length = 0;
	i16550_init(&uart, wire_line(&wire), backend_console_write);
	return 0;
}

/* 115200 baud, 8N1, FIFO with trigger level 8, OUT2: as Linux opens it. */
static int setup_open(void **state)
{
	setup(state);
	out(LCR, 0x83), out(0, 1), out(1, 0), out(LCR, 0x03);
	out(FCR, 0x81);
	out(MCR, 0x0b);
	return 0;
}

static void reset_state(void **state)
{
	(void)state;
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(LCR), 0);
	assert_int_equal(in(MCR), 0);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	assert_int_equal(dev_deadline(&uart.device), DEVICE_NEVER);
}

/* Linux 6.1, drivers/tty/serial/8250/8250_port.c, autoconfig(). */
static void autoconfig_finds_a_16550a(void **state)
{
	(void)state;
	out(IER, 0x00);
	assert_int_equal(in(IER)&0x0f, 0);
	out(IER, 0x0f);
	assert_int_equal(in(IER)&0x0f, 0x0f);
	out(IER, 0x00);
	out(MCR, LOOP | 0x0a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0);
	out(LCR, 0xbf), out(2, 0), out(LCR, 0);
	out(FCR, 0x01);
	assert_int_equal(in(IIR) >> 6, 3);
}

/* autoconfig_16550a(): no EFR, no 64-byte FIFO, no UUE bit, no MCR or DLD tricks. */
static void autoconfig_finds_nothing_newer(void **state)
{
	(void)state;
	out(FCR, 0x01);
	out(LCR, 0x80);
	assert_int_not_equal(in(2), 0); /* an EFR would be 0 */
	out(LCR, 0xbf);
	assert_int_not_equal(in(2), 0);
	out(LCR, 0), out(FCR, 0x01);
	assert_int_equal(in(IIR) >> 5, 6);
	out(FCR, 0x00), out(LCR, 0x80), out(FCR, 0x21);
	assert_int_equal(in(IIR) >> 5, 6); /* 7: a 16750 */
	out(FCR, 0x00), out(LCR, 0);
	out(IER, 0x40);
	assert_int_equal(in(IER), 0);
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(MCR, 0xff);
	assert_int_equal(in(MCR), 0x1f);
}

/* serial8250_do_startup(): the THRE test, and the test for BUG_TXEN. */
static void startup_trusts_the_transmitter_interrupt(void **state)
{
	(void)state;
	out(IER, 0x02);
	assert_int_equal(in(IIR), 0x02);
	out(IER, 0x00);
	out(IER, 0x02);
	assert_int_equal(in(IIR), 0x02);
	out(IER, 0x00);
	out(IER, 0x02);
	assert_int_equal(in(LSR)&0x40, 0x40);
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x01);
}

static void scratch_and_divisor(void **state)
{
	(void)state;
	out(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
	out(LCR, 0x83);
	out(0, 0x34), out(1, 0x12);
	assert_int_equal(in(0), 0x34);
	assert_int_equal(in(1), 0x12);
	out(LCR, 0x03);
	assert_int_equal(uart.divisor, 0x1234);
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(LCR), 0x03);
	assert_int_equal(console_output_length, 0);
	out(LSR, 0xff), out(MSR, 0xff);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
}

static void transmits_at_once(void **state)
{
	(void)state;
	out(DATA, 'h'), out(DATA, 'i');
	assert_int_equal(console_output_length, 2);
	assert_memory_equal(console_output, "hi", 2);
	assert_int_equal(in(LSR), 0x60);
}

/* Every write of THR is a new edge, whether IIR was read or not. */
static void transmitter_interrupts_are_edges(void **state)
{
	(void)state;
	out(IER, 0x02);
	assert_int_equal(wire.edges, 1);
	for (unsigned i = 2; i < 20; i++) {
		out(DATA, 'x');
		assert_int_equal(wire.edges, i);
		assert_true(wire.level);
	}
	assert_int_equal(in(IIR), 0xc2);
	assert_false(wire.level);
	out(DATA, 'x');
	assert_int_equal(wire.edges, 20);
	out(IER, 0x00);
	assert_false(wire.level);
	out(IER, 0x02);
	assert_true(wire.level);
	assert_int_equal(in(IIR), 0xc2);
	out(IER, 0x03); /* already enabled: no new event */
	assert_int_equal(in(IIR), 0xc1);
}

static void trigger_levels(void **state)
{
	static const uint8_t levels[] = {1, 4, 8, 14};

	(void)state;
	out(IER, 0x01);
	for (unsigned i = 0; i < 4; i++) {
		out(FCR, (uint8_t)(i << 6 | 0x03));
		for (unsigned n = 1; n < levels[i]; n++) {
			receive("x", 0);
			assert_false(wire.level);
		}
		receive("x", 0);
		assert_true(wire.level);
		assert_int_equal(in(IIR), 0xc4);
		in(DATA);
		assert_false(wire.level);
	}
}

static void fifo_is_in_order(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		receive("0123456789", 0);
		for (unsigned i = 0; i < 10; i++) {
			assert_int_equal(in(LSR)&1, 1);
			assert_int_equal(in(DATA), '0' + i);
		}
		assert_int_equal(in(LSR)&1, 0);
		assert_int_equal(in(DATA), '9'); /* empty: the last one again */
	}
}

static void timeout_after_four_characters(void **state)
{
	uint64_t four = (4 * 10 * SECOND_NS + 115199) / 115200;

	(void)state;
	receive("a", 0);
	assert_int_equal(dev_deadline(&uart.device), DEVICE_NEVER); /* not enabled */
	out(IER, 0x01);
	assert_int_equal(dev_deadline(&uart.device), four);
	receive("b", 100 * US); /* starts anew */
	assert_int_equal(dev_deadline(&uart.device), 100 * US + four);
	dev_tick(&uart.device, 100 * US + four - 1);
	assert_false(wire.level);
	dev_tick(&uart.device, 100 * US + four);
	assert_true(wire.level);
	assert_int_equal(dev_deadline(&uart.device), DEVICE_NEVER);
	assert_int_equal(dev_in(&uart.device, IIR, 500 * US), 0xcc);
	assert_int_equal(dev_in(&uart.device, DATA, 500 * US), 'a');
	assert_false(wire.level); /* a read ends it, and it starts anew */
	assert_int_equal(dev_deadline(&uart.device), 500 * US + four);
	assert_int_equal(dev_in(&uart.device, IIR, 2 * MS), 0xcc);
	assert_int_equal(dev_in(&uart.device, DATA, 2 * MS), 'b');
	assert_int_equal(dev_deadline(&uart.device), DEVICE_NEVER);
}

static void timeout_depends_on_the_line(void **state)
{
	(void)state;
	out(IER, 0x01);
	out(LCR, 0x83), out(0, 12), out(1, 0), out(LCR, 0x1f); /* 9600, 8E2 */
	receive("a", 0);
	assert_int_equal(dev_deadline(&uart.device), (4 * 12 * 12 * SECOND_NS + 115199) / 115200);
	out(LCR, 0x83), out(0, 0), out(LCR, 0x03); /* divisor 0 divides nothing */
	receive("a", 0);
	assert_int_not_equal(dev_deadline(&uart.device), 0);
}

static void overrun_with_fifo_keeps_the_old(void **state)
{
	(void)state;
	assert_int_equal(i16550_receive_room(&uart), 16);
	receive("0123456789abcdef", 0);
	assert_int_equal(i16550_receive_room(&uart), 0);
	out(IER, 0x05);
	assert_int_equal(in(IIR), 0xc4);
	receive("X", 0);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(LSR), 0x61); /* reading clears it */
	assert_int_equal(in(IIR), 0xc4);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(DATA), "0123456789abcdef"[i]);
	assert_int_equal(in(LSR), 0x60);
}

static void overrun_without_fifo_takes_the_new(void **state)
{
	(void)state;
	out(FCR, 0);
	assert_int_equal(i16550_receive_room(&uart), 1);
	out(IER, 0x01);
	receive("a", 0);
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(dev_deadline(&uart.device), DEVICE_NEVER);
	receive("b", 0);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(DATA), 'b');
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IIR), 0x01);
}

static void fcr_clears(void **state)
{
	(void)state;
	receive("abc", 0);
	out(FCR, 0x85); /* the transmitter only */
	assert_int_equal(in(LSR)&1, 1);
	out(FCR, 0x83);
	assert_int_equal(in(LSR)&1, 0);
	receive("abc", 0);
	out(FCR, 0x00); /* turning it off clears too */
	assert_int_equal(in(LSR)&1, 0);
	assert_int_equal(in(IIR), 0x01);
	receive("a", 0);
	out(FCR, 0xc0); /* without the enable bit the others do not count */
	assert_int_equal(in(IIR) >> 6, 0);
	out(FCR, 0x01);
	assert_int_equal(in(LSR)&1, 0);
}

/* Line status before received data before timeout before THR before modem. */
static void interrupts_have_priorities(void **state)
{
	(void)state;
	out(IER, 0x0f);
	out(MCR, LOOP | 0x08), out(MCR, 0x0b);
	receive("0123456789abcdefX", 0);
	assert_int_equal(in(IIR), 0xc6);
	in(LSR);
	assert_int_equal(in(IIR), 0xc4);
	while (uart.count)
		in(DATA);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc0);
	assert_true(wire.level);
	assert_int_equal(in(IIR), 0xc0); /* until MSR is read */
	in(MSR);
	assert_int_equal(in(IIR), 0xc1);
	assert_false(wire.level);
}

static void disabled_causes_do_not_interrupt(void **state)
{
	(void)state;
	out(MCR, LOOP | 0x08), out(MCR, 0x0b);
	receive("0123456789abcdefX", 0);
	out(DATA, 'x');
	dev_tick(&uart.device, SECOND_NS);
	for (unsigned i = 0; i < 16; i++) {
		static const uint8_t causes[] = {0xc4, 0xc2, 0xc6, 0xc0};
		static const uint8_t order[] = {2, 0, 1, 3};
		uint8_t expected = 0xc1;

		for (unsigned k = 4; k--;)
			if (i & 1u << order[k])
				expected = causes[order[k]];
		out(IER, 0x00), out(IER, (uint8_t)i);
		assert_int_equal(wire.level, i != 0);
		assert_int_equal(in(IIR), expected);
	}
	uart.count = 1;
	out(IER, 0x02);
	in(IIR);
	assert_int_equal(in(IIR), 0xc1); /* nor does a timeout */
}

static void timeout_ends_with_the_fifo(void **state)
{
	(void)state;
	out(IER, 0x01);
	receive("a", 0);
	out(FCR, 0x83); /* cleared while it waits */
	assert_int_equal(dev_deadline(&uart.device), DEVICE_NEVER);
	receive("a", 0);
	dev_tick(&uart.device, SECOND_NS);
	assert_true(wire.level);
	dev_out(&uart.device, FCR, 0x83, SECOND_NS); /* and afterwards */
	assert_false(wire.level);
	dev_out(&uart.device, MCR, LOOP, SECOND_NS);
	dev_out(&uart.device, DATA, 'L', SECOND_NS);
	assert_true(dev_deadline(&uart.device) > SECOND_NS);
	assert_true(dev_deadline(&uart.device) < SECOND_NS + MS);
	dev_out(&uart.device, MCR, 0x0b, 2 * SECOND_NS); /* any access finds it due */
	assert_true(wire.level);
	dev_out(&uart.device, FCR, 0x40, 2 * SECOND_NS); /* trigger bits without enable */
	dev_out(&uart.device, FCR, 0x01, 2 * SECOND_NS);
	assert_int_equal(uart.fcr, 0x01);
}

static void reading_iir_clears_only_what_it_reports(void **state)
{
	(void)state;
	out(IER, 0x03);
	receive("01234567", 0);
	assert_int_equal(in(IIR), 0xc4);
	assert_int_equal(in(IIR), 0xc4);
	while (uart.count)
		in(DATA);
	assert_int_equal(in(IIR), 0xc2);
}

static void out2_connects_the_interrupt(void **state)
{
	(void)state;
	out(IER, 0x02);
	assert_true(wire.level);
	out(MCR, 0x03);
	assert_false(wire.level);
	out(MCR, 0x0b);
	assert_true(wire.level);
	out(MCR, 0x1b);
	assert_false(wire.level); /* loopback disconnects it */
}

static void loopback_of_data(void **state)
{
	(void)state;
	out(MCR, LOOP);
	assert_int_equal(i16550_receive_room(&uart), 0);
	receive("outside", 0);
	out(DATA, 'L');
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'L');
	assert_int_equal(console_output_length, 0);
	for (unsigned i = 0; i < 17; i++)
		out(DATA, (uint8_t)i);
	assert_int_equal(in(LSR), 0x63);
}

static void loopback_of_modem_lines(void **state)
{
	static const uint8_t pairs[][2] = {{0x01, 0x20}, {0x02, 0x10}, {0x04, 0x40}, {0x08, 0x80}};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		out(MCR, LOOP);
		in(MSR);
		out(MCR, LOOP | pairs[i][0]);
		/* RI counts when it ends */
		assert_int_equal(in(MSR), pairs[i][1] | (i == 2 ? 0 : pairs[i][1] >> 4));
		assert_int_equal(in(MSR), pairs[i][1]);
		out(MCR, LOOP);
		assert_int_equal(in(MSR), pairs[i][1] >> 4);
		assert_int_equal(in(MSR), 0);
	}
	out(MCR, 0);
	assert_int_equal(in(MSR), 0xbb);
}

#define T(name)	     cmocka_unit_test_setup(name, setup)
#define T_OPEN(name) cmocka_unit_test_setup(name, setup_open)

TESTS(T(reset_state), T(autoconfig_finds_a_16550a), T(autoconfig_finds_nothing_newer),
      T(startup_trusts_the_transmitter_interrupt), T(scratch_and_divisor), T(transmits_at_once),
      T_OPEN(transmitter_interrupts_are_edges), T_OPEN(trigger_levels), T_OPEN(fifo_is_in_order),
      T_OPEN(timeout_after_four_characters), T_OPEN(timeout_depends_on_the_line),
      T_OPEN(overrun_with_fifo_keeps_the_old), T_OPEN(overrun_without_fifo_takes_the_new),
      T_OPEN(fcr_clears), T_OPEN(interrupts_have_priorities),
      T_OPEN(disabled_causes_do_not_interrupt), T_OPEN(timeout_ends_with_the_fifo),
      T_OPEN(reading_iir_clears_only_what_it_reports), T_OPEN(out2_connects_the_interrupt),
      T(loopback_of_data), T(loopback_of_modem_lines))
