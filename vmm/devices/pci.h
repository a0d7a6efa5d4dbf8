/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI bus 0: configuration mechanism #1 and a host bridge. See pci.c. */
#ifndef AFTERBURN_VMM_DEVICES_PCI_H
#define AFTERBURN_VMM_DEVICES_PCI_H

#include "vmm/devices/reset.h"

/* Offsets: 0 to 3 the address register (ports 0xcf8 to 0xcfb), 4 to 7 the data. */
enum {
	PCI_ADDRESS = 0,
	PCI_DATA = 4,
};

#define PCI_CONFIG_BYTES	    256
#define PCI_FUNCTIONS		    8
#define PCI_DEVFN(device, function) ((device) << 3 | (function))

/* Registers of the configuration header, type 0 (PCI 2.2, figure 6-1). */
enum {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS = 0x0a, /* sub-class, then class */
	PCI_HEADER = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR = 0x2c,
	PCI_SUBSYSTEM = 0x2e,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
};

struct pci_function;

/* What a function adds to its configuration bytes. Any may be NULL. */
struct pci_function_ops {
	const char *name;
	/* Before the guest reads `config`: bring [reg, reg + size) up to date. */
	void (*reading)(struct pci_function *function, unsigned reg, unsigned size);
	/* The guest has written [reg, reg + size); masked already. */
	void (*written)(struct pci_function *function, unsigned reg, unsigned size);
};

/* First member of a PCI device's state; its owner fills `config` and `writable`. */
struct pci_function {
	const struct pci_function_ops *ops;
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES]; /* 1: the guest may change this bit */
};

struct pci {
	struct device device;
	struct reset *reset; /* port 0xcf9 lies between the address register's bytes */
	uint32_t address;
	unsigned count;
	struct {
		uint8_t devfn;
		struct pci_function *function;
	} slot[PCI_FUNCTIONS];
	struct pci_function host_bridge;
};

void pci_init(struct pci *pci, struct reset *reset);

/* Put a function on bus 0 at `devfn` (PCI_DEVFN). A full or occupied bus is the
 * caller's bug, and fatal. */
void pci_add(struct pci *pci, unsigned devfn, struct pci_function *function);

/* Little-endian values in `config`, for the owner. */
void pci_put16(struct pci_function *function, unsigned reg, uint16_t value);
void pci_put32(struct pci_function *function, unsigned reg, uint32_t value);

#endif
