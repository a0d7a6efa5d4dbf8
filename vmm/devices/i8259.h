/* SPDX-License-Identifier: BSD-2-Clause */
/* Two 8259A interrupt controllers, as a PC has them. See i8259.c. */
#ifndef AFTERBURN_VMM_DEVICES_I8259_H
#define AFTERBURN_VMM_DEVICES_I8259_H

#include "vmm/device.h"

/* Offsets: 0, 1 the master (ports 0x20, 0x21); 2, 3 the slave (0xa0, 0xa1); 4, 5
 * the edge/level registers (0x4d0, 0x4d1). */
enum {
	I8259_MASTER = 0,
	I8259_SLAVE = 2,
	I8259_ELCR = 4,
};

/* Bit n of a register is input n. */
struct i8259_chip {
	uint8_t lines;	       /* levels of the inputs */
	uint8_t latch;	       /* edges that were seen and not acknowledged */
	uint8_t in_service;    /* ISR */
	uint8_t mask;	       /* IMR */
	uint8_t level;	       /* ELCR: 1 is level-triggered */
	uint8_t level_capable; /* the ELCR bits that exist */
	uint8_t vector;	       /* ICW2: vector of input 0 */
	uint8_t wiring;	       /* what ICW3 must be on this board */
	uint8_t lowest;	       /* the input of lowest priority */
	uint8_t next_icw;      /* 2, 3, 4 during initialization; 0 outside */
	bool auto_eoi;
	bool rotate; /* on automatic EOI */
	bool special_mask;
	bool special_nested; /* special fully nested mode */
	bool poll;	     /* the next read is an acknowledge */
	bool read_in_service;
};

struct i8259 {
	struct device device;
	struct i8259_chip master, slave;
};

/* The state after power-on; everything masked, IRQ9 level-triggered for ACPI's
 * SCI, as firmware leaves it. */
void i8259_init(struct i8259 *pic);

/* struct irq_line.set; `controller` is a struct i8259. */
void i8259_set(void *controller, unsigned irq, bool level);

/* Is INTR asserted? */
bool i8259_pending(const struct i8259 *pic);

/* The processor's acknowledge cycle: the vector. Without a request it is that of
 * IRQ7, or of IRQ15 if the request vanished at the slave. */
int i8259_acknowledge(struct i8259 *pic);

#endif
