/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI configuration space by mechanism #1 (PCI 2.2, 3.2.2.3.2).
 *
 * The address register answers 32-bit accesses only; smaller ones to its ports pass
 * it by, which is why port 0xcf9, the reset control register, can lie there. What
 * nobody claims reads as ones and ignores writes (master abort), so probing finds a
 * bus with a host bridge and whatever pci_add() put there.
 */
#include "vmm/devices/pci.h"

#include "vmm/backend.h"
#include "vmm/string.h"

enum {
	ADDRESS_REGISTER = 0xfc,
	ADDRESS_DEVFN_SHIFT = 8,
	ADDRESS_BUS_SHIFT = 16,
};
#define ADDRESS_ENABLE	 UINT32_C(0x80000000)
#define ADDRESS_WRITABLE UINT32_C(0x80fffffc)

/* The plainest host bridge that every system knows: Intel's 82441FX. */
enum {
	VENDOR_INTEL = 0x8086,
	DEVICE_82441FX = 0x1237,
	CLASS_HOST_BRIDGE = 0x0600,
	REVISION_82441FX = 0x02,
	COMMAND_MEMORY_AND_MASTER = 0x0006, /* wired on (82441FX data sheet, 3.2.3) */
};

static struct pci_function *find(const struct pci *pci, unsigned devfn)
{
	for (unsigned i = 0; i < pci->count; i++)
		if (pci->slot[i].devfn == devfn)
			return pci->slot[i].function;
	return NULL;
}

/* The function that the address register selects; NULL: none. */
static struct pci_function *selected(const struct pci *pci)
{
	if (!(pci->address & ADDRESS_ENABLE) || pci->address >> ADDRESS_BUS_SHIFT & 0xff)
		return NULL;
	return find(pci, pci->address >> ADDRESS_DEVFN_SHIFT & 0xff);
}

static uint32_t read_config(struct pci_function *function, unsigned reg, unsigned size)
{
	uint32_t value = 0;

	if (function->ops && function->ops->reading)
		function->ops->reading(function, reg, size);
	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)function->config[reg + i] << (8 * i);
	return value;
}

static void write_config(struct pci_function *function, unsigned reg, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size; i++) {
		uint8_t mask = function->writable[reg + i];
		uint8_t *byte = &function->config[reg + i];

		*byte = (uint8_t)((*byte & ~mask) | (value >> (8 * i) & mask));
	}
	if (function->ops && function->ops->written)
		function->ops->written(function, reg, size);
}

static uint32_t pci_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	struct pci *pci = DEVICE_STATE(struct pci, device);
	struct pci_function *function = selected(pci);

	(void)now;
	if (offset >= PCI_DATA)
		return function ? read_config(function,
					      (pci->address & ADDRESS_REGISTER) + offset - PCI_DATA,
					      size)
				: UINT32_MAX;
	if (size == 4)
		return pci->address;
	if (size == 1 && offset == RESET_CONTROL_PORT - 0xcf8)
		return reset_control_read(pci->reset);
	return UINT32_MAX;
}

static void pci_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
		    uint64_t now)
{
	struct pci *pci = DEVICE_STATE(struct pci, device);
	struct pci_function *function = selected(pci);

	(void)now;
	if (offset >= PCI_DATA) {
		if (function)
			write_config(function,
				     (pci->address & ADDRESS_REGISTER) + offset - PCI_DATA, size,
				     value);
	} else if (size == 4) {
		pci->address = value & ADDRESS_WRITABLE;
	} else if (size == 1 && offset == RESET_CONTROL_PORT - 0xcf8) {
		reset_control_write(pci->reset, (uint8_t)value);
	}
}

void pci_put16(struct pci_function *function, unsigned reg, uint16_t value)
{
	function->config[reg] = (uint8_t)value;
	function->config[reg + 1] = (uint8_t)(value >> 8);
}

void pci_put32(struct pci_function *function, unsigned reg, uint32_t value)
{
	pci_put16(function, reg, (uint16_t)value);
	pci_put16(function, reg + 2, (uint16_t)(value >> 16));
}

void pci_add(struct pci *pci, unsigned devfn, struct pci_function *function)
{
	if (pci->count == PCI_FUNCTIONS || devfn > 0xff || find(pci, devfn))
		backend_fatal("PCI: no room for a function");
	pci->slot[pci->count].devfn = (uint8_t)devfn;
	pci->slot[pci->count].function = function;
	pci->count++;
}

static const struct pci_function_ops host_bridge_ops = {.name = "82441FX"};

static void init_host_bridge(struct pci_function *bridge)
{
	bridge->ops = &host_bridge_ops;
	pci_put16(bridge, PCI_VENDOR, VENDOR_INTEL);
	pci_put16(bridge, PCI_DEVICE, DEVICE_82441FX);
	pci_put16(bridge, PCI_COMMAND, COMMAND_MEMORY_AND_MASTER);
	pci_put16(bridge, PCI_REVISION, REVISION_82441FX);
	pci_put16(bridge, PCI_CLASS, CLASS_HOST_BRIDGE);
}

static const struct device_ops pci_ops = {
	.name = "PCI",
	.width = 4,
	.in = pci_in,
	.out = pci_out,
};

void pci_init(struct pci *pci, struct reset *reset)
{
	memset(pci, 0, sizeof(*pci));
	pci->device.ops = &pci_ops;
	pci->reset = reset;
	init_host_bridge(&pci->host_bridge);
	pci_add(pci, PCI_DEVFN(0, 0), &pci->host_bridge);
}
