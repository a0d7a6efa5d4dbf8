/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware (acpi.c) and the tables that describe it (acpi_tables.c). */
#ifndef AFTERBURN_VMM_DEVICES_ACPI_H
#define AFTERBURN_VMM_DEVICES_ACPI_H

#include "vmm/device.h"

#define ACPI_PORT     0x600 /* of the first register block */
#define ACPI_PORTS    12
#define ACPI_SCI_IRQ  9
#define ACPI_TIMER_HZ 3579545
#define ACPI_SLP_TYP5 5 /* SLP_TYP of S5: what \_S5 in the DSDT says */

/* Offsets of the register blocks. */
enum {
	ACPI_PM1_STATUS = 0,
	ACPI_PM1_ENABLE = 2,
	ACPI_PM1_CONTROL = 4,
	ACPI_PM_TIMER = 8,
};

struct acpi {
	struct device device;
	struct irq_line sci; /* level-triggered */
	uint16_t status, enable, control;
	uint64_t timer_seen; /* TMR_STS is right up to this count */
};

void acpi_init(struct acpi *acpi, struct irq_line sci);

/* Somebody presses the power button. */
void acpi_power_button(struct acpi *acpi);

/* Bytes that the tables take; they must lie below 4 GB, aligned to ACPI_TABLES_ALIGN. */
#define ACPI_TABLES_SIZE  1024
#define ACPI_TABLES_ALIGN 64

/* Write RSDP, XSDT, RSDT, FADT, FACS and DSDT to guest memory at `where`, the RSDP
 * first (Linux wants `where` in boot_params.acpi_rsdp_addr, or finds it in
 * 0xe0000 to 0xfffff; the memory map must say that the range is not free). false:
 * there is no memory, or it is not aligned or not below 4 GB. */
bool acpi_write_tables(gpa_t where);

#endif
