/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's ports: a sorted table of disjoint ranges, searched by halves. */
#include "vmm/device.h"

static uint32_t ones(unsigned size)
{
	return size >= 4 ? UINT32_MAX : (UINT32_C(1) << (8 * size)) - 1;
}

/* The range that contains `port`; NULL: none. */
static const struct port_range *range_of(const struct bus *bus, uint16_t port)
{
	size_t low = 0, high = bus->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct port_range *range = &bus->ranges[middle];

		if (port < range->first)
			high = middle;
		else if (port - range->first >= range->count)
			low = middle + 1;
		else
			return range;
	}
	return NULL;
}

/* Can the device at `range` take the access in one piece? */
static bool fits(const struct bus *bus, const struct port_range *range, uint16_t port,
		 unsigned size)
{
	return port - range->first + size <= range->count &&
	       size <= bus->devices[range->device]->ops->width;
}

/* One access to one device. */
static uint32_t in_range(const struct bus *bus, const struct port_range *range, uint16_t port,
			 unsigned size, uint64_t now)
{
	struct device *device = bus->devices[range->device];
	uint16_t offset = (uint16_t)(port - range->first + range->offset);

	return device->ops->in ? device->ops->in(device, offset, size, now) & ones(size)
			       : ones(size);
}

uint32_t bus_in(const struct bus *bus, uint16_t port, unsigned size, uint64_t now)
{
	const struct port_range *range = range_of(bus, port);
	uint32_t value = 0;

	if (range && fits(bus, range, port, size))
		return in_range(bus, range, port, size, now);
	if (size == 1)
		return ones(size);
	for (unsigned i = 0; i < size; i++)
		value |= bus_in(bus, (uint16_t)(port + i), 1, now) << (8 * i);
	return value;
}

void bus_out(const struct bus *bus, uint16_t port, unsigned size, uint32_t value, uint64_t now)
{
	const struct port_range *range = range_of(bus, port);

	if (range && fits(bus, range, port, size)) {
		struct device *device = bus->devices[range->device];

		if (device->ops->out)
			device->ops->out(device, (uint16_t)(port - range->first + range->offset),
					 size, value & ones(size), now);
		return;
	}
	for (unsigned i = 0; size > 1 && i < size; i++)
		bus_out(bus, (uint16_t)(port + i), 1, value >> (8 * i) & 0xff, now);
}

void bus_tick(const struct bus *bus, uint64_t now)
{
	for (size_t i = 0; i < bus->device_count; i++)
		if (bus->devices[i]->ops->tick)
			bus->devices[i]->ops->tick(bus->devices[i], now);
}

uint64_t bus_deadline(const struct bus *bus)
{
	uint64_t earliest = DEVICE_NEVER;

	for (size_t i = 0; i < bus->device_count; i++) {
		const struct device *device = bus->devices[i];
		uint64_t deadline =
			device->ops->deadline ? device->ops->deadline(device) : DEVICE_NEVER;

		if (deadline < earliest)
			earliest = deadline;
	}
	return earliest;
}

bool bus_valid(const struct bus *bus)
{
	uint32_t end = 0;

	for (size_t i = 0; i < bus->count; i++) {
		const struct port_range *range = &bus->ranges[i];

		if (range->first < end || !range->count || range->device >= bus->device_count ||
		    !bus->devices[range->device])
			return false;
		end = (uint32_t)range->first + range->count;
	}
	return end <= 0x10000;
}
