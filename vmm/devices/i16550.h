/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550A serial port. See i16550.c. */
#ifndef AFTERBURN_VMM_DEVICES_I16550_H
#define AFTERBURN_VMM_DEVICES_I16550_H

#include "vmm/device.h"

#define I16550_PORTS 8
#define I16550_FIFO  16

struct i16550 {
	struct device device;
	struct irq_line irq;
	void (*transmit)(const char *text, size_t length);
	uint8_t ier, fcr, lcr, mcr, scratch;
	uint8_t lsr_errors; /* until LSR is read */
	uint8_t msr_deltas; /* until MSR is read */
	uint16_t divisor;
	bool thr_interrupt; /* THR became empty, and nobody was told */
	bool timeout;	    /* received bytes have waited for long enough */
	uint64_t timeout_at;
	uint8_t fifo[I16550_FIFO]; /* received bytes; one entry without FIFO mode */
	uint8_t first, count;
};

void i16550_init(struct i16550 *uart, struct irq_line irq,
		 void (*transmit)(const char *text, size_t length));

/* How many bytes can be received without overrun. 0 in loopback mode. */
size_t i16550_receive_room(const struct i16550 *uart);

/* `length` bytes arrive on the line at once. Beyond the room it is an overrun: a full
 * FIFO keeps what it has, a single receive register is overwritten. */
void i16550_receive(struct i16550 *uart, const char *text, size_t length, uint64_t now);

#endif
