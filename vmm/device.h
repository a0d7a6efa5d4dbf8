/* SPDX-License-Identifier: BSD-2-Clause */
/*@070 Platform devices: real device interfaces, by function call
 *
 * A device model is one file: register and bit names, one state structure, one
 * access callback, init. It is reached by port number through a table (bus.c) and
 * talks to three neighbours only: the interrupt controller by irq_set(), time by
 * the `now` of its arguments, and the world outside by backend.h. State lives in
 * the caller's structure, so that every device has unit tests without a machine.
 *
 * Time is in nanoseconds of the back-end's monotonic clock. Devices never wait and
 * never call back later by themselves: device_deadline() says when the device next
 * has something to do, and device_tick() lets it do it. Registers show the time of
 * the access, not that of the last tick.
 */
#ifndef AFTERBURN_VMM_DEVICE_H
#define AFTERBURN_VMM_DEVICE_H

#include "vmm/types.h"

#define DEVICE_NEVER UINT64_MAX

struct device;

/* What a model provides. Functions may be NULL where a device has no such thing. */
struct device_ops {
	const char *name; /* for errors and --stats */
	/* Bytes of the widest access that the device decodes: 1, 2, 4. Wider ones
	 * arrive as bytes, low address first, as on an ISA bus. */
	unsigned width;
	/* Read or write `size` (1, 2, 4) bytes at port first + offset. A device sees
	 * only accesses that lie inside of its range. */
	uint32_t (*in)(struct device *device, uint16_t offset, unsigned size, uint64_t now);
	void (*out)(struct device *device, uint16_t offset, unsigned size, uint32_t value,
		    uint64_t now);
	/* Do what is due at `now`: expire counters, raise interrupts. Idempotent. */
	void (*tick)(struct device *device, uint64_t now);
	/* When tick() is next needed, in ns; DEVICE_NEVER when nothing is due. */
	uint64_t (*deadline)(const struct device *device);
};

/* First member of every device's state structure. */
struct device {
	const struct device_ops *ops;
};

/* A line in the table of ports: [first, first + count). The table is constant: it
 * names devices by their index in bus.devices. */
struct port_range {
	uint16_t first;
	uint16_t count;
	uint16_t device;
	uint16_t offset; /* added to the offset, for a device with several ranges */
};

/* bus.c: the machine's table of ports, sorted by `first`, disjoint. */
struct bus {
	const struct port_range *ranges;
	size_t count;
	struct device *const *devices; /* each once, for tick and deadline */
	size_t device_count;
};

/* Reads of unclaimed ports give all ones, writes vanish, as on an empty ISA bus.
 * An access that crosses the end of a range is split into bytes. */
uint32_t bus_in(const struct bus *bus, uint16_t port, unsigned size, uint64_t now);
void bus_out(const struct bus *bus, uint16_t port, unsigned size, uint32_t value, uint64_t now);
void bus_tick(const struct bus *bus, uint64_t now);
/* The earliest deadline of all devices. */
uint64_t bus_deadline(const struct bus *bus);
/* Is the table sorted, disjoint, and does it name only devices that are there? */
bool bus_valid(const struct bus *bus);

/* An interrupt line: a device raises and lowers `irq` (0..15) of a controller. */
struct irq_line {
	void (*set)(void *controller, unsigned irq, bool level);
	void *controller;
	unsigned irq;
};

static inline void irq_set(const struct irq_line *line, bool level)
{
	line->set(line->controller, line->irq, level);
}

/* A low and a high again: what an edge-triggered input needs of a line that was
 * already high. */
static inline void irq_pulse(const struct irq_line *line)
{
	irq_set(line, false);
	irq_set(line, true);
}

/* The device structure is the first member of the state that contains it. */
#define DEVICE_STATE(type, device)	 ((type *)(void *)(device))
#define DEVICE_CONST_STATE(type, device) ((const type *)(const void *)(device))

#endif
