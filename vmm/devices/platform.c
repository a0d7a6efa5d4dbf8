/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine: which devices there are, at which ports, and their interrupt lines. */
#include "vmm/platform.h"

#include "vmm/backend.h"
#include "vmm/memory.h"
#include "vmm/string.h"

enum {
	IRQ_TIMER = 0,
	IRQ_COM1 = 4,
	IRQ_RTC = 8,
};

/* Sorted and disjoint: bus_valid(), and a unit test. */
static const struct port_range ranges[] = {
	/* first, count, device, offset */
	{0x0020, 2, PLATFORM_PIC, I8259_MASTER},
	{0x0040, 4, PLATFORM_PIT, 0},
	{0x0060, 1, PLATFORM_RESET, RESET_I8042_DATA},
	{0x0061, 1, PLATFORM_PIT, I8254_PORT_B},
	{0x0064, 1, PLATFORM_RESET, RESET_I8042_COMMAND},
	{0x0070, 2, PLATFORM_RTC, 0},
	{0x0080, DMAPAGE_PORTS, PLATFORM_DMAPAGE, 0},
	{0x0092, 1, PLATFORM_RESET, RESET_PORT_A},
	{0x00a0, 2, PLATFORM_PIC, I8259_SLAVE},
	{0x00f4, DEBUGEXIT_PORTS, PLATFORM_DEBUGEXIT, 0},
	{0x03f8, I16550_PORTS, PLATFORM_COM1, 0},
	{0x04d0, 2, PLATFORM_PIC, I8259_ELCR},
	{ACPI_PORT, ACPI_PORTS, PLATFORM_ACPI, 0},
	{0x0cf8, 4, PLATFORM_PCI, PCI_ADDRESS},
	{0x0cfc, 4, PLATFORM_PCI, PCI_DATA},
};

static struct irq_line line(struct platform *platform, unsigned irq)
{
	return (struct irq_line){.set = i8259_set, .controller = &platform->pic, .irq = irq};
}

static void connect_bus(struct platform *platform)
{
	struct device **devices = platform->devices;

	devices[PLATFORM_PIC] = &platform->pic.device;
	devices[PLATFORM_PIT] = &platform->pit.device;
	devices[PLATFORM_RTC] = &platform->rtc.device;
	devices[PLATFORM_COM1] = &platform->com1.device;
	devices[PLATFORM_ACPI] = &platform->acpi.device;
	devices[PLATFORM_PCI] = &platform->pci.device;
	devices[PLATFORM_RESET] = &platform->reset.device;
	devices[PLATFORM_DEBUGEXIT] = &platform->debugexit.device;
	devices[PLATFORM_DMAPAGE] = &platform->dmapage.device;
	platform->bus = (struct bus){
		.ranges = ranges,
		.count = sizeof(ranges) / sizeof(ranges[0]),
		.devices = devices,
		.device_count = PLATFORM_DEVICES,
	};
}

void platform_init(struct platform *platform, uint64_t wall_clock)
{
	memset(platform, 0, sizeof(*platform));
	i8259_init(&platform->pic); /* first: the others set their lines */
	i8254_init(&platform->pit, line(platform, IRQ_TIMER));
	mc146818_init(&platform->rtc, line(platform, IRQ_RTC), wall_clock, guest_memory.size, 0);
	i16550_init(&platform->com1, line(platform, IRQ_COM1), backend_console_write);
	acpi_init(&platform->acpi, line(platform, ACPI_SCI_IRQ));
	reset_init(&platform->reset);
	pci_init(&platform->pci, &platform->reset);
	debugexit_init(&platform->debugexit);
	dmapage_init(&platform->dmapage);
	connect_bus(platform);
}

uint32_t platform_in(struct platform *platform, uint16_t port, unsigned size, uint64_t now)
{
	return bus_in(&platform->bus, port, size, now);
}

void platform_out(struct platform *platform, uint16_t port, unsigned size, uint32_t value,
		  uint64_t now)
{
	bus_out(&platform->bus, port, size, value, now);
}

void platform_tick(struct platform *platform, uint64_t now)
{
	bus_tick(&platform->bus, now);
}

uint64_t platform_deadline(const struct platform *platform)
{
	return bus_deadline(&platform->bus);
}

bool platform_interrupt_pending(const struct platform *platform)
{
	return i8259_pending(&platform->pic);
}

int platform_acknowledge(struct platform *platform)
{
	return i8259_acknowledge(&platform->pic);
}

void platform_receive_console(struct platform *platform, uint64_t now)
{
	char text[I16550_FIFO];
	size_t room = i16550_receive_room(&platform->com1);
	size_t length = room ? backend_console_read(text, room) : 0;

	i16550_receive(&platform->com1, text, length, now);
}

void platform_power_button(struct platform *platform)
{
	acpi_power_button(&platform->acpi);
}
