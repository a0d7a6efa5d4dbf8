/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI configuration: what direct probing does, an empty bus, added functions. */
#include "vmm/devices/pci.h"

#include "double.h"

static struct reset reset;
static struct pci pci;

static uint32_t in(uint16_t offset, unsigned size)
{
	return pci.device.ops->in(&pci.device, offset, size, 0);
}

static void out(uint16_t offset, unsigned size, uint32_t value)
{
	pci.device.ops->out(&pci.device, offset, size, value, 0);
}

static uint32_t config(unsigned devfn, unsigned reg, unsigned size)
{
	out(PCI_ADDRESS, 4, 0x80000000 | devfn << 8 | (reg & ~3u));
	return in((uint16_t)(PCI_DATA + (reg & 3)), size);
}

static void configure(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
{
	out(PCI_ADDRESS, 4, 0x80000000 | devfn << 8 | (reg & ~3u));
	out((uint16_t)(PCI_DATA + (reg & 3)), size, value);
}

static int setup(void **state)
{
	(void)state;
	reset_init(&reset);
	pci_init(&pci, &reset);
	return 0;
}

/* Linux 6.1, arch/x86/pci/direct.c: pci_check_type1, pci_sanity_check. */
static void linux_finds_mechanism_1(void **state)
{
	(void)state;
	out(3, 1, 0x01);
	out(0, 4, 0x80000000);
	assert_int_equal(in(0, 4), 0x80000000);
	assert_int_equal(config(0, PCI_CLASS, 2), 0x0600);
	assert_int_equal(config(0, PCI_VENDOR, 4), 0x12378086);
	assert_int_equal(config(0, PCI_HEADER, 1), 0); /* one function */
}

/* pci_check_type2 wants zeros back from 0xcf8 and 0xcfa. */
static void there_is_no_mechanism_2(void **state)
{
	(void)state;
	out(3, 1, 0), out(0, 1, 0), out(2, 1, 0);
	assert_int_equal(in(0, 1) & 0xff, 0xff);
	assert_int_equal(in(2, 1) & 0xff, 0xff);
}

static void the_rest_of_the_bus_is_empty(void **state)
{
	(void)state;
	for (unsigned devfn = 1; devfn < 256; devfn++) {
		assert_int_equal(config(devfn, PCI_VENDOR, 4), 0xffffffff);
		configure(devfn, PCI_COMMAND, 2, 0xffff);
	}
	out(0, 4, 0x80010000); /* bus 1 */
	assert_int_equal(in(4, 4), 0xffffffff);
	out(0, 4, 0x00000000); /* not enabled */
	assert_int_equal(in(4, 4), 0xffffffff);
	out(0, 4, 0xffffffff); /* reserved bits are 0 */
	assert_int_equal(in(0, 4), 0x80fffffc);
}

static void small_accesses_pass_the_address_by(void **state)
{
	(void)state;
	out(0, 4, 0x80000008);
	out(0, 1, 0xff), out(0, 2, 0xffff), out(2, 2, 0xffff), out(3, 1, 0xff);
	assert_int_equal(in(0, 4), 0x80000008);
}

static void host_bridge_is_read_only(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 256; reg += 4) {
		uint32_t before = config(0, reg, 4);

		configure(0, reg, 4, ~before);
		assert_int_equal(config(0, reg, 4), before);
	}
}

static struct {
	unsigned count, reg, size;
} written;

static void on_written(struct pci_function *function, unsigned reg, unsigned size)
{
	(void)function;
	written.count++;
	written.reg = reg, written.size = size;
}

static void on_reading(struct pci_function *function, unsigned reg, unsigned size)
{
	(void)reg, (void)size;
	function->config[0x40]++;
}

static const struct pci_function_ops added_ops = {
	.name = "added",
	.reading = on_reading,
	.written = on_written,
};

static void added_function(void **state)
{
	static struct pci_function function = {.ops = &added_ops};

	(void)state;
	pci_put32(&function, PCI_VENDOR, 0x0022100b);
	for (unsigned i = 0; i < 4; i++)
		function.writable[PCI_BAR0 + i] = (uint8_t)(0xfffff000u >> 8 * i);
	pci_add(&pci, PCI_DEVFN(3, 0), &function);
	assert_int_equal(config(PCI_DEVFN(3, 0), PCI_VENDOR, 4), 0x0022100b);
	assert_int_equal(config(PCI_DEVFN(3, 0), PCI_DEVICE, 2), 0x0022);
	assert_int_equal(config(PCI_DEVFN(3, 0), PCI_DEVICE + 1, 1), 0x00);
	configure(PCI_DEVFN(3, 0), PCI_BAR0, 4, 0xffffffff); /* how BARs are sized */
	assert_int_equal(config(PCI_DEVFN(3, 0), PCI_BAR0, 4), 0xfffff000);
	assert_int_equal(written.count, 1);
	assert_int_equal(written.reg, PCI_BAR0);
	assert_int_equal(written.size, 4);
	configure(PCI_DEVFN(3, 0), PCI_BAR0 + 3, 1, 0x12);
	assert_int_equal(config(PCI_DEVFN(3, 0), PCI_BAR0, 4), 0x12fff000);
	assert_int_equal(function.config[0x40], 5);
	ENDS(pci_add(&pci, PCI_DEVFN(3, 0), &function));
	assert_true(ending.fatal);
}

static void the_bus_has_an_end(void **state)
{
	static struct pci_function function[PCI_FUNCTIONS];

	(void)state;
	for (unsigned i = 1; i < PCI_FUNCTIONS; i++)
		pci_add(&pci, PCI_DEVFN(i, 0), &function[i]);
	assert_int_equal(config(PCI_DEVFN(7, 0), PCI_VENDOR, 4), 0); /* without ops */
	ENDS(pci_add(&pci, PCI_DEVFN(9, 0), &function[0]));
	assert_string_equal(ending.reason, "PCI: no room for a function");
}

/* Port 0xcf9: the bits of its type first, then the edge of the reset bit. */
static void reset_control_register(void **state)
{
	(void)state;
	assert_int_equal(in(1, 1), 0);
	out(1, 1, 0x02);
	assert_int_equal(in(1, 1), 0x02);
	ENDS(out(1, 1, 0x06));
	assert_false(ending.fatal);
	assert_int_equal(ending.why, BACKEND_EXIT_RESET);
	setup(NULL);
	ENDS(out(1, 1, RESET_CONTROL_VALUE)); /* ACPI writes it at once */
	out(1, 1, 0x06);		      /* no edge any more */
}

#define T(name) cmocka_unit_test_setup(name, setup)

TESTS(T(linux_finds_mechanism_1), T(there_is_no_mechanism_2), T(the_rest_of_the_bus_is_empty),
      T(small_accesses_pass_the_address_by), T(host_bridge_is_read_only), T(added_function),
      T(the_bus_has_an_end), T(reset_control_register))
