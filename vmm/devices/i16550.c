/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550A universal asynchronous receiver/transmitter, as COM1 to COM4 of a PC.
 *
 * From the data sheet, National PC16550D (1995). Three things that drivers rely on:
 *
 * - Transmission takes no time: THR and the shift register are always empty when one
 *   looks. The interrupt for an empty THR is an event, not that level: it comes with
 *   every write of THR and when it is enabled, and goes when IIR has reported it or
 *   THR is written. The line falls in between: the interrupt controller needs an edge
 *   (Linux's 8250 driver tests for both).
 * - Received bytes below the FIFO's trigger level interrupt after four character times
 *   without another byte or a read.
 * - On a PC, OUT2 connects the interrupt line; in loopback mode it is disconnected.
 *
 * M: no line errors and no break: what is received is always good; the transmitter's
 *    break is ignored, also in loopback mode.
 * M: modem inputs of the outside are a terminal that is there: CTS, DSR, DCD. RTS and
 *    DTR hold nobody back (the 16550A has no automatic flow control).
 */
#include "vmm/devices/i16550.h"

#include "vmm/devices/clock.h"
#include "vmm/string.h"

/* Offsets; 0 and 1 are the divisor while LCR_DLAB is set. */
enum {
	DATA = 0, /* RBR, THR */
	IER = 1,
	IIR_FCR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7,
};

enum {
	IER_RECEIVED = 0x01,
	IER_THR_EMPTY = 0x02,
	IER_LINE = 0x04,
	IER_MODEM = 0x08,
	IER_ALL = 0x0f,
	IIR_NONE = 0x01,
	IIR_MODEM = 0x00,
	IIR_THR_EMPTY = 0x02,
	IIR_RECEIVED = 0x04,
	IIR_LINE = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFO = 0xc0,
};

enum {
	FCR_ENABLE = 0x01,
	FCR_CLEAR_RECEIVER = 0x02,
	FCR_TRIGGER_SHIFT = 6,
	LCR_BITS = 0x03, /* + 5 data bits */
	LCR_TWO_STOPS = 0x04,
	LCR_PARITY = 0x08,
	LCR_DLAB = 0x80,
	LSR_READY = 0x01,
	LSR_OVERRUN = 0x02,
	LSR_THR_EMPTY = 0x20,
	LSR_EMPTY = 0x40, /* the shift register, too */
};

enum {
	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_ALL = 0x1f,
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,
	MSR_DELTA_SHIFT = 4,
	MSR_DELTA_RI = MSR_RI >> MSR_DELTA_SHIFT,
};

enum { TIMEOUT_CHARACTERS = 4, BAUD_BASE = 115200 };

static const uint8_t trigger_levels[] = {1, 4, 8, 14};

static bool fifo_mode(const struct i16550 *uart)
{
	return uart->fcr & FCR_ENABLE;
}

static unsigned capacity(const struct i16550 *uart)
{
	return fifo_mode(uart) ? I16550_FIFO : 1;
}

static unsigned trigger_level(const struct i16550 *uart)
{
	return fifo_mode(uart) ? trigger_levels[uart->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

/* --- interrupts --- */

/* The pending interrupt of the highest priority, as IIR names it. */
static uint8_t pending(const struct i16550 *uart)
{
	if (uart->ier & IER_LINE && uart->lsr_errors)
		return IIR_LINE;
	if (uart->ier & IER_RECEIVED && uart->count >= trigger_level(uart))
		return IIR_RECEIVED;
	if (uart->ier & IER_RECEIVED && uart->timeout)
		return IIR_TIMEOUT;
	if (uart->ier & IER_THR_EMPTY && uart->thr_interrupt)
		return IIR_THR_EMPTY;
	if (uart->ier & IER_MODEM && uart->msr_deltas)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct i16550 *uart)
{
	bool connected = (uart->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	irq_set(&uart->irq, connected && pending(uart) != IIR_NONE);
}

/* Four characters of start, data, parity and stop bits, at the programmed rate. */
static uint64_t timeout_ns(const struct i16550 *uart)
{
	unsigned bits = 1 + 5 + (uart->lcr & LCR_BITS) + (uart->lcr & LCR_PARITY ? 1 : 0) +
			(uart->lcr & LCR_TWO_STOPS ? 2 : 1);
	unsigned divisor = uart->divisor ? uart->divisor : 1;

	return clock_time((uint64_t)TIMEOUT_CHARACTERS * bits * divisor, BAUD_BASE);
}

/* A byte came or went: the time without one starts anew. */
static void restart_timeout(struct i16550 *uart, uint64_t now)
{
	uart->timeout = false;
	uart->timeout_at = fifo_mode(uart) && uart->count ? now + timeout_ns(uart) : DEVICE_NEVER;
}

static void settle(struct i16550 *uart, uint64_t now)
{
	if (now < uart->timeout_at)
		return;
	uart->timeout = true;
	uart->timeout_at = DEVICE_NEVER;
	update_irq(uart);
}

/* --- receiver --- */

static void clear_receiver(struct i16550 *uart)
{
	uart->first = uart->count = 0;
	uart->timeout = false;
	uart->timeout_at = DEVICE_NEVER;
}

static void receive_byte(struct i16550 *uart, uint8_t byte)
{
	if (uart->count < capacity(uart)) {
		uart->fifo[(uart->first + uart->count) % I16550_FIFO] = byte;
		uart->count++;
		return;
	}
	uart->lsr_errors |= LSR_OVERRUN;
	if (!fifo_mode(uart))
		uart->fifo[uart->first] = byte;
}

/* An empty FIFO gives the byte that was read last. */
static uint8_t read_data(struct i16550 *uart, uint64_t now)
{
	uint8_t byte = uart->fifo[uart->first];

	if (!uart->count)
		return uart->fifo[(uart->first + I16550_FIFO - 1) % I16550_FIFO];
	uart->first = (uint8_t)((uart->first + 1) % I16550_FIFO);
	uart->count--;
	restart_timeout(uart, now);
	return byte;
}

size_t i16550_receive_room(const struct i16550 *uart)
{
	return uart->mcr & MCR_LOOP ? 0 : capacity(uart) - uart->count;
}

void i16550_receive(struct i16550 *uart, const char *text, size_t length, uint64_t now)
{
	if (!length || uart->mcr & MCR_LOOP) /* the input is disconnected */
		return;
	for (size_t i = 0; i < length; i++)
		receive_byte(uart, (uint8_t)text[i]);
	restart_timeout(uart, now);
	update_irq(uart);
}

/* --- transmitter --- */

static void write_data(struct i16550 *uart, uint8_t byte, uint64_t now)
{
	char text = (char)byte;

	uart->thr_interrupt = false;
	update_irq(uart);
	if (uart->mcr & MCR_LOOP) {
		receive_byte(uart, byte);
		restart_timeout(uart, now);
	} else {
		uart->transmit(&text, 1);
	}
	uart->thr_interrupt = true;
}

/* --- modem control --- */

/* In loopback mode the outputs are the inputs. */
static uint8_t modem_inputs(const struct i16550 *uart)
{
	static const uint8_t looped[][2] = {
		{MCR_DTR, MSR_DSR},
		{MCR_RTS, MSR_CTS},
		{MCR_OUT1, MSR_RI},
		{MCR_OUT2, MSR_DCD},
	};
	uint8_t inputs = 0;

	if (!(uart->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	for (unsigned i = 0; i < sizeof(looped) / sizeof(looped[0]); i++)
		if (uart->mcr & looped[i][0])
			inputs |= looped[i][1];
	return inputs;
}

/* RI counts at its trailing edge only, the others at both. */
static void write_mcr(struct i16550 *uart, uint8_t value)
{
	uint8_t before = modem_inputs(uart), changed;

	uart->mcr = value & MCR_ALL;
	changed = before ^ modem_inputs(uart);
	if (!(before & MSR_RI))
		changed &= (uint8_t)~MSR_RI;
	uart->msr_deltas |= changed >> MSR_DELTA_SHIFT;
}

/* --- registers --- */

/* Changing the FIFO mode clears the FIFOs; the other bits count only if it is on. */
static void write_fcr(struct i16550 *uart, uint8_t value)
{
	bool changes = (uart->fcr ^ value) & FCR_ENABLE;

	uart->fcr = value & FCR_ENABLE ? value : 0;
	if (changes || value & FCR_CLEAR_RECEIVER)
		clear_receiver(uart);
}

static void write_ier(struct i16550 *uart, uint8_t value)
{
	if (value & ~uart->ier & IER_THR_EMPTY)
		uart->thr_interrupt = true;
	uart->ier = value & IER_ALL;
}

static uint8_t read_iir(struct i16550 *uart)
{
	uint8_t cause = pending(uart);

	if (cause == IIR_THR_EMPTY)
		uart->thr_interrupt = false;
	return cause | (fifo_mode(uart) ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct i16550 *uart)
{
	uint8_t value = uart->lsr_errors | LSR_THR_EMPTY | LSR_EMPTY;

	uart->lsr_errors = 0;
	return value | (uart->count ? LSR_READY : 0);
}

static uint8_t read_msr(struct i16550 *uart)
{
	uint8_t value = uart->msr_deltas | modem_inputs(uart);

	uart->msr_deltas = 0;
	return value;
}

static uint8_t read_register(struct i16550 *uart, uint16_t offset, uint64_t now)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (offset) {
	case DATA:
		return dlab ? (uint8_t)uart->divisor : read_data(uart, now);
	case IER:
		return dlab ? (uint8_t)(uart->divisor >> 8) : uart->ier;
	case IIR_FCR:
		return read_iir(uart);
	case LCR:
		return uart->lcr;
	case MCR:
		return uart->mcr;
	case LSR:
		return read_lsr(uart);
	case MSR:
		return read_msr(uart);
	default:
		return uart->scratch;
	}
}

static void write_divisor(struct i16550 *uart, bool high, uint8_t value)
{
	uart->divisor = high ? (uint16_t)(value << 8 | (uart->divisor & 0xff))
			     : (uint16_t)((uart->divisor & 0xff00) | value);
}

static void write_register(struct i16550 *uart, uint16_t offset, uint8_t value, uint64_t now)
{
	if (offset <= IER && uart->lcr & LCR_DLAB)
		write_divisor(uart, offset == IER, value);
	else if (offset == DATA)
		write_data(uart, value, now);
	else if (offset == IER)
		write_ier(uart, value);
	else if (offset == IIR_FCR)
		write_fcr(uart, value);
	else if (offset == LCR)
		uart->lcr = value;
	else if (offset == MCR)
		write_mcr(uart, value);
	else if (offset == SCR)
		uart->scratch = value;
	/* LSR and MSR: writing is for factory tests */
}

static uint32_t i16550_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	struct i16550 *uart = DEVICE_STATE(struct i16550, device);
	uint8_t value;

	(void)size;
	settle(uart, now);
	value = read_register(uart, offset, now);
	update_irq(uart);
	return value;
}

static void i16550_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
		       uint64_t now)
{
	struct i16550 *uart = DEVICE_STATE(struct i16550, device);

	(void)size;
	settle(uart, now);
	write_register(uart, offset, (uint8_t)value, now);
	update_irq(uart);
}

static void i16550_tick(struct device *device, uint64_t now)
{
	settle(DEVICE_STATE(struct i16550, device), now);
}

/* A timeout that would not interrupt need not wake anybody: settle() finds it. */
static uint64_t i16550_deadline(const struct device *device)
{
	const struct i16550 *uart = DEVICE_CONST_STATE(struct i16550, device);

	if (!(uart->ier & IER_RECEIVED) || uart->count >= trigger_level(uart))
		return DEVICE_NEVER;
	return uart->timeout_at;
}

static const struct device_ops i16550_ops = {
	.name = "16550A",
	.width = 1,
	.in = i16550_in,
	.out = i16550_out,
	.tick = i16550_tick,
	.deadline = i16550_deadline,
};

void i16550_init(struct i16550 *uart, struct irq_line irq,
		 void (*transmit)(const char *text, size_t length))
{
	memset(uart, 0, sizeof(*uart));
	uart->device.ops = &i16550_ops;
	uart->irq = irq;
	uart->transmit = transmit;
	uart->thr_interrupt = true;
	uart->timeout_at = DEVICE_NEVER;
}
