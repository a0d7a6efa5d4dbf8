/* SPDX-License-Identifier: BSD-2-Clause */
/* The PC's ways to reset itself, and the keyboard controller that is not there. */
#ifndef AFTERBURN_VMM_DEVICES_RESET_H
#define AFTERBURN_VMM_DEVICES_RESET_H

#include "vmm/device.h"

/* Offsets: the i8042's data (port 0x60) and command (0x64), system control port A
 * (0x92). The reset control register 0xcf9 lies inside of PCI's ports, see pci.c. */
enum {
	RESET_I8042_DATA = 0,
	RESET_I8042_COMMAND = 1,
	RESET_PORT_A = 2,
};

struct reset {
	struct device device;
	uint8_t control; /* port 0xcf9 */
};

void reset_init(struct reset *reset);

/* Port 0xcf9 and the value with which it resets; ACPI's FADT names both. */
#define RESET_CONTROL_PORT  0xcf9
#define RESET_CONTROL_VALUE 0x06
uint8_t reset_control_read(const struct reset *reset);
void reset_control_write(struct reset *reset, uint8_t value);

#endif
