/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware: power off, power button, timer.
 *
 * From the ACPI specification 6.0, 4.8: the PM1a event and control blocks and the PM
 * timer. There is no SMI command port, so the machine is always in ACPI mode: SCI_EN
 * reads as 1 and cannot be cleared (5.2.9, SMI_CMD). No general-purpose events. The
 * SCI is level-triggered: asserted as long as an enabled status bit is set.
 *
 * M: only S5; another sleep type with SLP_EN is fatal.
 */
#include "vmm/devices/acpi.h"

#include "vmm/backend.h"
#include "vmm/devices/clock.h"

/* PM1 status and enable registers (tables 4-13 and 4-14). */
enum {
	PM1_TIMER = 0x0001,
	PM1_GLOBAL = 0x0020,
	PM1_POWER_BUTTON = 0x0100,
	PM1_SLEEP_BUTTON = 0x0200,
	PM1_RTC = 0x0400,
	PM1_ENABLES = PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_SLEEP_BUTTON | PM1_RTC,
};

/* PM1 control register (table 4-15). */
enum {
	CONTROL_SCI_EN = 0x0001,
	CONTROL_BM_RLD = 0x0002,
	CONTROL_SLP_TYP = 0x1c00,
	CONTROL_SLP_TYP_SHIFT = 10,
	CONTROL_SLP_EN = 0x2000, /* write-only */
	CONTROL_KEPT = CONTROL_BM_RLD | CONTROL_SLP_TYP,
};

enum { TIMER_TOP_BIT = 31 }; /* a 32-bit timer: FADT flag TMR_VAL_EXT */

static void update_sci(struct acpi *acpi)
{
	irq_set(&acpi->sci, acpi->status & acpi->enable);
}

/* TMR_STS is set when the timer's top bit changes (4.8.3.3). */
static void settle(struct acpi *acpi, uint64_t now)
{
	uint64_t count = clock_count(now, ACPI_TIMER_HZ);

	if (count >> TIMER_TOP_BIT != acpi->timer_seen >> TIMER_TOP_BIT)
		acpi->status |= PM1_TIMER;
	acpi->timer_seen = count;
	update_sci(acpi);
}

/* The aligned 32 bits of registers at `offset`. */
static uint32_t read_block(const struct acpi *acpi, unsigned offset)
{
	switch (offset) {
	case ACPI_PM1_STATUS:
		return (uint32_t)acpi->enable << 16 | acpi->status;
	case ACPI_PM1_CONTROL:
		return acpi->control | CONTROL_SCI_EN;
	default:
		return (uint32_t)acpi->timer_seen;
	}
}

/* SLP_EN puts the machine into the state that SLP_TYP names. */
static void enter_sleep(const struct acpi *acpi)
{
	if ((acpi->control & CONTROL_SLP_TYP) >> CONTROL_SLP_TYP_SHIFT != ACPI_SLP_TYP5)
		backend_fatal("ACPI: a sleep type other than that of S5");
	backend_exit(BACKEND_EXIT_POWER_OFF, 0);
}

/* Write those bits of the aligned 32 at `offset` that `lanes` has. */
static void write_block(struct acpi *acpi, unsigned offset, uint32_t value, uint32_t lanes)
{
	uint16_t low = (uint16_t)lanes, high = (uint16_t)(lanes >> 16);

	if (offset == ACPI_PM1_STATUS) {
		acpi->status &= (uint16_t) ~(value & low); /* cleared by writing 1 */
		acpi->enable =
			(uint16_t)((acpi->enable & ~high) | (value >> 16 & high)) & PM1_ENABLES;
	} else if (offset == ACPI_PM1_CONTROL) {
		acpi->control = (uint16_t)((acpi->control & ~low) | (value & low)) & CONTROL_KEPT;
		if (value & low & CONTROL_SLP_EN)
			enter_sleep(acpi);
	}
}

/* Registers may be accessed by bytes; a value that crosses into the next 32 bits is
 * not one that any register has. */
static uint32_t acpi_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	struct acpi *acpi = DEVICE_STATE(struct acpi, device);
	uint64_t value;

	(void)size;
	settle(acpi, now);
	value = read_block(acpi, offset & ~3u);
	if ((offset & 3) + size > 4)
		value |= (uint64_t)read_block(acpi, (offset & ~3u) + 4) << 32;
	return (uint32_t)(value >> 8 * (offset & 3));
}

static void acpi_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
		     uint64_t now)
{
	struct acpi *acpi = DEVICE_STATE(struct acpi, device);
	unsigned shift = 8 * (offset & 3);
	uint64_t lanes = ((UINT64_C(1) << 8 * size) - 1) << shift;
	uint64_t shifted = (uint64_t)value << shift;

	settle(acpi, now);
	write_block(acpi, offset & ~3u, (uint32_t)shifted, (uint32_t)lanes);
	if (lanes >> 32)
		write_block(acpi, (offset & ~3u) + 4, (uint32_t)(shifted >> 32),
			    (uint32_t)(lanes >> 32));
	update_sci(acpi);
}

static void acpi_tick(struct device *device, uint64_t now)
{
	settle(DEVICE_STATE(struct acpi, device), now);
}

static uint64_t acpi_deadline(const struct device *device)
{
	const struct acpi *acpi = DEVICE_CONST_STATE(struct acpi, device);
	uint64_t next = ((acpi->timer_seen >> TIMER_TOP_BIT) + 1) << TIMER_TOP_BIT;

	if (!(acpi->enable & PM1_TIMER) || acpi->status & PM1_TIMER)
		return DEVICE_NEVER;
	return clock_time(next, ACPI_TIMER_HZ);
}

void acpi_power_button(struct acpi *acpi)
{
	acpi->status |= PM1_POWER_BUTTON;
	update_sci(acpi);
}

static const struct device_ops acpi_ops = {
	.name = "ACPI",
	.width = 4,
	.in = acpi_in,
	.out = acpi_out,
	.tick = acpi_tick,
	.deadline = acpi_deadline,
};

void acpi_init(struct acpi *acpi, struct irq_line sci)
{
	*acpi = (struct acpi){.device.ops = &acpi_ops, .sci = sci};
}
