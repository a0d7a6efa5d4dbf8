/* SPDX-License-Identifier: BSD-2-Clause */
/* 8254 interval timer and the PC's port 0x61. See i8254.c. */
#ifndef AFTERBURN_VMM_DEVICES_I8254_H
#define AFTERBURN_VMM_DEVICES_I8254_H

#include "vmm/device.h"

#define I8254_HZ 1193182

/* Offsets: 0 to 2 the counters (ports 0x40 to 0x42), 3 the control word (0x43), 4
 * system control port B (0x61). */
enum {
	I8254_CONTROL = 3,
	I8254_PORT_B = 4,
};

/* Times are in clocks of I8254_HZ since the machine was started. */
struct i8254_counter {
	uint8_t mode;	/* 0 to 5 */
	uint8_t access; /* 1 low byte, 2 high byte, 3 low then high */
	bool bcd;
	bool gate;
	bool write_high, read_high; /* access 3: next is the high byte */
	uint8_t low;		    /* access 3: the low byte that was written */
	bool loaded;		    /* there is a count since the last control word */
	bool running;
	uint32_t count;	 /* 1 to 65536 */
	uint32_t next;	 /* a count that waits for the period's end or a trigger; 0: none */
	uint64_t start;	 /* running: when the counter held `count` */
	uint64_t paused; /* not running: clocks it had counted */
	uint64_t change; /* next != 0 in a periodic mode: the period's end */
	uint64_t seen;	 /* edges of OUT up to here were delivered */
	uint16_t latch;
	uint8_t latched; /* bytes of `latch` that are still to be read */
	bool status_latched;
	uint8_t status;
};

struct i8254 {
	struct device device;
	struct irq_line irq; /* OUT of counter 0 */
	struct i8254_counter counter[3];
	uint8_t port_b; /* the bits that the guest wrote */
};

void i8254_init(struct i8254 *pit, struct irq_line irq);

#endif
