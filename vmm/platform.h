/* SPDX-License-Identifier: BSD-2-Clause */
/*@071 The platform: an empty PC
 *
 * Two interrupt controllers, timer, clock, one serial port (the console), ACPI with a
 * power button, an empty PCI bus, and the ways to reset or end the machine. No
 * keyboard controller, no VGA, no ISA DMA, no disk: their ports are an empty bus.
 *
 * All state is in one structure. It points into itself and to constants: it may be
 * shared by processes that map it at one address, and must not be copied.
 */
#ifndef AFTERBURN_VMM_PLATFORM_H
#define AFTERBURN_VMM_PLATFORM_H

#include "vmm/devices/acpi.h"
#include "vmm/devices/debugexit.h"
#include "vmm/devices/dmapage.h"
#include "vmm/devices/i16550.h"
#include "vmm/devices/i8254.h"
#include "vmm/devices/i8259.h"
#include "vmm/devices/mc146818.h"
#include "vmm/devices/pci.h"
#include "vmm/devices/reset.h"

/* Indices of platform.devices, in the table of ports, too. */
enum platform_device {
	PLATFORM_PIC,
	PLATFORM_PIT,
	PLATFORM_RTC,
	PLATFORM_COM1,
	PLATFORM_ACPI,
	PLATFORM_PCI,
	PLATFORM_RESET,
	PLATFORM_DEBUGEXIT,
	PLATFORM_DMAPAGE,
	PLATFORM_DEVICES
};

struct platform {
	struct bus bus;
	struct device *devices[PLATFORM_DEVICES];
	struct i8259 pic;
	struct i8254 pit;
	struct mc146818 rtc;
	struct i16550 com1;
	struct acpi acpi;
	struct pci pci;
	struct reset reset;
	struct debugexit debugexit;
	struct dmapage dmapage;
};

/* The machine after power-on, at time 0 of backend_now(); `wall_clock` in seconds
 * since 1970. guest_memory must be set: the CMOS memory tells of its size. */
void platform_init(struct platform *platform, uint64_t wall_clock);

/* The guest's `in` and `out`, `size` 1, 2 or 4. May end the machine. */
uint32_t platform_in(struct platform *platform, uint16_t port, unsigned size, uint64_t now);
void platform_out(struct platform *platform, uint16_t port, unsigned size, uint32_t value,
		  uint64_t now);

/* Let the devices do what is due. The order with platform_in() and platform_out()
 * does not matter: an access brings its device up to date first. */
void platform_tick(struct platform *platform, uint64_t now);

/* When platform_tick() is next needed, in ns; may be past; DEVICE_NEVER: not. Any
 * access to a device may change it. */
uint64_t platform_deadline(const struct platform *platform);

/* Is an interrupt requested of the processor, and which vector is it? The second
 * call acknowledges it: the guest must take it. */
bool platform_interrupt_pending(const struct platform *platform);
int platform_acknowledge(struct platform *platform);

/* Take what was typed from backend_console_read(), as far as the serial port has
 * room; call it when the back-end tells of input, and again after the guest has
 * read some. */
void platform_receive_console(struct platform *platform, uint64_t now);

void platform_power_button(struct platform *platform);

#endif
