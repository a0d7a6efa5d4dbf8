/* SPDX-License-Identifier: BSD-2-Clause */
/* Nanoseconds to clocks of a device's crystal and back, without drift.
 *
 * Both are exact: they start from zero each time, and split off whole seconds, so
 * that 64 bits are enough (no 128-bit division: freestanding code has no libgcc).
 * clock_count(clock_time(n)) == n for every n.
 */
#ifndef AFTERBURN_VMM_DEVICES_CLOCK_H
#define AFTERBURN_VMM_DEVICES_CLOCK_H

#include "vmm/device.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* Clocks of `hz` (at most 1 GHz) that have passed at `ns`. */
static inline uint64_t clock_count(uint64_t ns, uint32_t hz)
{
	return ns / NS_PER_SECOND * hz + ns % NS_PER_SECOND * hz / NS_PER_SECOND;
}

/* The first nanosecond at which `count` clocks have passed; DEVICE_NEVER: later
 * than 64 bits can tell (584 years). */
static inline uint64_t clock_time(uint64_t count, uint32_t hz)
{
	uint64_t seconds = count / hz;

	if (seconds >= UINT64_MAX / NS_PER_SECOND)
		return DEVICE_NEVER;
	return seconds * NS_PER_SECOND + (count % hz * NS_PER_SECOND + hz - 1) / hz;
}

#endif
