/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables: what acpi.c and the platform are, in the words of the ACPI
 * specification 6.0 (5.2). No MADT: the interrupt controllers are the two 8259As.
 *
 * Tables are packed structures of little-endian values, built in place in guest
 * memory, each with a checksum. The AML objects are \_S5, without which no system
 * knows what to write to turn the machine off.
 */
#include "vmm/devices/acpi.h"
#include "vmm/devices/mc146818.h"
#include "vmm/devices/reset.h"
#include "vmm/memory.h"
#include "vmm/string.h"

#define PACKED __attribute__((packed))

struct rsdp { /* table 5-27 */
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes, ACPI 1.0 */
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} PACKED;

struct header { /* table 5-28 */
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} PACKED;

struct generic_address { /* table 5-25 */
	uint8_t space, bits, first_bit, access;
	uint64_t address;
} PACKED;

enum { SPACE_IO = 1, ACCESS_BYTE = 1, ACCESS_16 = 2, ACCESS_32 = 3 };

struct fadt { /* table 5-34 */
	struct header header;
	uint32_t facs, dsdt;
	uint8_t reserved_1, profile;
	uint16_t sci_irq;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate_control;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
	uint32_t gpe0, gpe1;
	uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	uint8_t gpe0_length, gpe1_length, gpe1_base, cst_control;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved_2;
	uint32_t flags;
	struct generic_address reset_register;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_version;
	uint64_t x_facs, x_dsdt;
	struct generic_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct generic_address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct generic_address sleep_control, sleep_status;
	uint64_t hypervisor;
} PACKED;

struct facs { /* table 5-37 */
	char signature[4];
	uint32_t length, hardware_signature, waking_vector, global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved_1[3];
	uint32_t ospm_flags;
	uint8_t reserved_2[24];
} PACKED;

struct rsdt {
	struct header header;
	uint32_t entry[1];
} PACKED;

struct xsdt {
	struct header header;
	uint64_t entry[1];
} PACKED;

_Static_assert(sizeof(struct rsdp) == 36, "ACPI 6.0, 5.2.5.3");
_Static_assert(sizeof(struct header) == 36, "ACPI 6.0, 5.2.6");
_Static_assert(sizeof(struct fadt) == 268 + 8, "ACPI 6.0, 5.2.9");
_Static_assert(sizeof(struct facs) == 64, "ACPI 6.0, 5.2.10");

/* IA-PC boot architecture flags (table 5-36). */
enum {
	BOOT_LEGACY_DEVICES = 0x01, /* there are devices that only ISA probing finds */
	BOOT_8042 = 0x02,
	BOOT_NO_VGA = 0x04,
	BOOT_NO_MSI = 0x08,
	BOOT_NO_CMOS_RTC = 0x20,
	BOOT_FLAGS = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_MSI,
};

/* Fixed feature flags (table 5-35). PWR_BUTTON, bit 4, is clear: the power button is
 * fixed hardware. SLP_BUTTON and FIX_RTC set say that those are not. */
enum {
	FIXED_WBINVD = 0x0001,
	FIXED_PROC_C1 = 0x0004,
	FIXED_NO_SLEEP_BUTTON = 0x0020,
	FIXED_NO_RTC_WAKE = 0x0040,
	FIXED_TIMER_32 = 0x0100,
	FIXED_RESET_REGISTER = 0x0400,
	FIXED_HEADLESS = 0x1000,
	FIXED_FLAGS = FIXED_WBINVD | FIXED_PROC_C1 | FIXED_NO_SLEEP_BUTTON | FIXED_NO_RTC_WAKE |
		      FIXED_TIMER_32 | FIXED_RESET_REGISTER | FIXED_HEADLESS,
};

enum { PROFILE_DESKTOP = 1, NO_C2 = 0x65, NO_C3 = 0x3e9 }; /* latencies above the limits */

static const uint8_t aml[] = {
	0x08,		     /* NameOp */
	'_', 'S', '5', '_',  /* NameSeg _S5_; at the top level it is \_S5 */
	0x12,		     /* PackageOp */
	0x08,		     /* PkgLength: from itself to the package's end */
	0x04,		     /* NumElements */
	0x0a, ACPI_SLP_TYP5, /* BytePrefix: SLP_TYP for PM1a_CNT */
	0x0a, ACPI_SLP_TYP5, /* BytePrefix: SLP_TYP for PM1b_CNT */
	0x00, 0x00,	     /* ZeroOp, twice: reserved */

	/* The root of PCI bus 0: with ACPI, Linux looks at no bus that is not here. */
	0x5b, 0x82,				     /* ExtOpPrefix, DeviceOp */
	0x48, 0x04,				     /* PkgLength, two bytes: 0x48 */
	'.', '_', 'S', 'B', '_', 'P', 'C', 'I', '0', /* DualNamePrefix: \_SB.PCI0 */
	0x08, '_', 'H', 'I', 'D',		     /* NameOp _HID */
	0x0c, 0x41, 0xd0, 0x0a, 0x03,		     /* DWordPrefix: EISA id PNP0A03 */
	0x08, '_', 'C', 'R', 'S',		     /* NameOp _CRS */
	0x11, 0x2d,				     /* BufferOp, PkgLength */
	0x0a, 0x2a,				     /* BytePrefix: size in bytes */
	0x88, 0x0d, 0x00,			     /* word address space descriptor, 13 bytes */
	0x02, 0x0c, 0x00,			     /* bus numbers, fixed range, produced */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00,	     /* granularity, first and last: bus 0 */
	0x00, 0x00, 0x01, 0x00,			     /* translation, length */
	0x47, 0x01,				     /* I/O port descriptor, 16-bit decode */
	0xf8, 0x0c, 0xf8, 0x0c, 0x01, 0x08,	     /* 8 ports at 0xcf8: configuration */
	0x88, 0x0d, 0x00,			     /* word address space descriptor */
	0x01, 0x0c, 0x03,			     /* I/O ports, fixed range, entire */
	0x00, 0x00, 0x00, 0x10, 0xff, 0xff,	     /* granularity, 0x1000 to 0xffff */
	0x00, 0x00, 0x00, 0xf0,			     /* translation, length */
	0x79, 0x00,				     /* end tag, checksum not used */
};

/* Where each table lies; the FACS needs 64 bytes' alignment. */
struct tables {
	struct rsdp rsdp;
	uint8_t pad_1[64 - sizeof(struct rsdp)];
	struct facs facs;
	struct fadt fadt;
	struct xsdt xsdt;
	struct rsdt rsdt;
	struct header dsdt;
	uint8_t aml[sizeof(aml)];
} PACKED;

_Static_assert(sizeof(struct tables) <= ACPI_TABLES_SIZE, "tables fit");

#define AT(where, member) ((uint32_t)((where).v + offsetof(struct tables, member)))

/* The byte that makes the sum of all bytes 0. */
static uint8_t checksum(const void *table, size_t length)
{
	const uint8_t *byte = table;
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + byte[i]);
	return (uint8_t)-sum;
}

/* Call it last: it adds the checksum. */
static void seal(struct header *header, const char *signature, uint8_t revision, size_t length)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	memcpy(header->oem, "AFTERB", sizeof(header->oem));
	memcpy(header->oem_table, "PLATFORM", sizeof(header->oem_table));
	memcpy(header->creator, "AFTB", sizeof(header->creator));
	header->length = (uint32_t)length;
	header->revision = revision;
	header->oem_revision = header->creator_revision = 1;
	header->checksum = 0;
	header->checksum = checksum(header, length);
}

static struct generic_address io_port(uint16_t port, uint8_t bits, uint8_t access)
{
	return (struct generic_address){
		.space = SPACE_IO, .bits = bits, .access = access, .address = port};
}

/* The 32-bit addresses are those of ACPI 1.0, the x_ ones say the same again. */
static void fill_registers(struct fadt *fadt)
{
	fadt->pm1a_event = ACPI_PORT + ACPI_PM1_STATUS;
	fadt->pm1_event_length = 4;
	fadt->x_pm1a_event = io_port(ACPI_PORT + ACPI_PM1_STATUS, 32, ACCESS_16);
	fadt->pm1a_control = ACPI_PORT + ACPI_PM1_CONTROL;
	fadt->pm1_control_length = 2;
	fadt->x_pm1a_control = io_port(ACPI_PORT + ACPI_PM1_CONTROL, 16, ACCESS_16);
	fadt->pm_timer = ACPI_PORT + ACPI_PM_TIMER;
	fadt->pm_timer_length = 4;
	fadt->x_pm_timer = io_port(ACPI_PORT + ACPI_PM_TIMER, 32, ACCESS_32);
	fadt->reset_register = io_port(RESET_CONTROL_PORT, 8, ACCESS_BYTE);
	fadt->reset_value = RESET_CONTROL_VALUE;
}

static void fill_fadt(struct fadt *fadt, gpa_t where)
{
	fadt->facs = AT(where, facs); /* x_facs stays 0: only one of the two may be set */
	fadt->dsdt = AT(where, dsdt);
	fadt->x_dsdt = AT(where, dsdt);
	fadt->profile = PROFILE_DESKTOP;
	fadt->sci_irq = ACPI_SCI_IRQ;
	fadt->c2_latency = NO_C2;
	fadt->c3_latency = NO_C3;
	fadt->century = MC146818_CENTURY;
	fadt->boot_flags = BOOT_FLAGS;
	fadt->flags = FIXED_FLAGS;
	fill_registers(fadt);
	seal(&fadt->header, "FACP", 6, sizeof(*fadt));
}

static void fill_rsdp(struct rsdp *rsdp, gpa_t where)
{
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem, "AFTERB", sizeof(rsdp->oem));
	rsdp->revision = 2;
	rsdp->rsdt = AT(where, rsdt);
	rsdp->xsdt = AT(where, xsdt);
	rsdp->length = sizeof(*rsdp);
	rsdp->checksum = checksum(rsdp, offsetof(struct rsdp, length));
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

bool acpi_write_tables(gpa_t where)
{
	struct tables *tables = memory_at(where, sizeof(*tables));

	if (!tables || where.v % ACPI_TABLES_ALIGN ||
	    where.v > UINT32_MAX - (uint64_t)ACPI_TABLES_SIZE)
		return false;
	memset(tables, 0, sizeof(*tables));
	fill_rsdp(&tables->rsdp, where);
	tables->xsdt.entry[0] = AT(where, fadt);
	seal(&tables->xsdt.header, "XSDT", 1, sizeof(tables->xsdt));
	tables->rsdt.entry[0] = AT(where, fadt);
	seal(&tables->rsdt.header, "RSDT", 1, sizeof(tables->rsdt));
	memcpy(tables->facs.signature, "FACS", sizeof(tables->facs.signature));
	tables->facs.length = sizeof(tables->facs);
	tables->facs.version = 2;
	fill_fadt(&tables->fadt, where);
	memcpy(tables->aml, aml, sizeof(aml));
	seal(&tables->dsdt, "DSDT", 2, sizeof(tables->dsdt) + sizeof(aml));
	return true;
}
