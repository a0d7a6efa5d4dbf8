/* SPDX-License-Identifier: BSD-2-Clause */
/* 74LS612 page registers: 16 bytes that keep what is written.
 *
 * No device of this machine does ISA DMA, so the two 8237A controllers behind them
 * are left out: ports 0x00 to 0x0f and 0xc0 to 0xdf are an empty bus. Port 0x80 is
 * the page register of no channel: firmware shows its progress there, and Linux's
 * outb_p() writes it to wait for a microsecond.
 */
#include "vmm/devices/dmapage.h"

static uint32_t dmapage_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	(void)size, (void)now;
	return DEVICE_STATE(struct dmapage, device)->page[offset];
}

static void dmapage_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
			uint64_t now)
{
	(void)size, (void)now;
	DEVICE_STATE(struct dmapage, device)->page[offset] = (uint8_t)value;
}

static const struct device_ops dmapage_ops = {
	.name = "DMA page registers",
	.width = 1,
	.in = dmapage_in,
	.out = dmapage_out,
};

void dmapage_init(struct dmapage *dmapage)
{
	*dmapage = (struct dmapage){.device.ops = &dmapage_ops};
}
