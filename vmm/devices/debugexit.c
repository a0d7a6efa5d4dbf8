/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's isa-debug-exit (iobase=0xf4,iosize=0x04): a write ends the machine.
 *
 * There, a write of N ends QEMU with the low byte of 2 N + 1, and scripts/run-native
 * halves that again: 7 bits of N arrive. Here they arrive without the detour, so
 * that one guest has one result on both.
 */
#include "vmm/devices/debugexit.h"

#include "vmm/backend.h"

enum { RESULT_MASK = 0x7f };

static uint32_t debugexit_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	(void)device, (void)offset, (void)size, (void)now;
	return 0;
}

static void debugexit_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
			  uint64_t now)
{
	(void)device, (void)offset, (void)size, (void)now;
	backend_exit(BACKEND_EXIT_POWER_OFF, value & RESULT_MASK);
}

static const struct device_ops debugexit_ops = {
	.name = "debug exit",
	.width = 4,
	.in = debugexit_in,
	.out = debugexit_out,
};

void debugexit_init(struct debugexit *debugexit)
{
	debugexit->device.ops = &debugexit_ops;
}
