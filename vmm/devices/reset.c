/* SPDX-License-Identifier: BSD-2-Clause */
/* Reset: by the keyboard controller's output line, port 0x92, or port 0xcf9.
 *
 * There is no i8042: its ports read as an empty bus, which is how drivers find that
 * out. But its pulse command is the reset that every PC kernel falls back to, and
 * answering it costs nothing. Port 0x92 is the PS/2's (fast A20 and reset), 0xcf9
 * the chip set's (82371AB data sheet, 4.2.4.3).
 */
#include "vmm/devices/reset.h"

#include "vmm/backend.h"

enum {
	I8042_PULSE_RESET = 0xfe, /* pulse output line 0 */
	PORT_A_RESET = 0x01,
	PORT_A_A20 = 0x02,    /* always on here */
	CONTROL_TYPE = 0x02,  /* of the whole machine; the processor alone is the same here */
	CONTROL_RESET = 0x04, /* on its rising edge */
};

_Static_assert(RESET_CONTROL_VALUE == (CONTROL_TYPE | CONTROL_RESET), "as the FADT says");

uint8_t reset_control_read(const struct reset *reset)
{
	return reset->control;
}

void reset_control_write(struct reset *reset, uint8_t value)
{
	bool rising = value & ~reset->control & CONTROL_RESET;

	reset->control = value & (CONTROL_TYPE | CONTROL_RESET);
	if (rising)
		backend_exit(BACKEND_EXIT_RESET, 0);
}

static uint32_t reset_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	(void)device, (void)size, (void)now;
	return offset == RESET_PORT_A ? PORT_A_A20 : 0xff;
}

static void reset_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
		      uint64_t now)
{
	(void)device, (void)size, (void)now;
	if ((offset == RESET_I8042_COMMAND && value == I8042_PULSE_RESET) ||
	    (offset == RESET_PORT_A && value & PORT_A_RESET))
		backend_exit(BACKEND_EXIT_RESET, 0);
}

static const struct device_ops reset_ops = {
	.name = "reset",
	.width = 1,
	.in = reset_in,
	.out = reset_out,
};

void reset_init(struct reset *reset)
{
	*reset = (struct reset){.device.ops = &reset_ops};
}
