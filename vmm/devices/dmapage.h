/* SPDX-License-Identifier: BSD-2-Clause */
/* The DMA page registers, of which port 0x80 is everybody's delay. See dmapage.c. */
#ifndef AFTERBURN_VMM_DEVICES_DMAPAGE_H
#define AFTERBURN_VMM_DEVICES_DMAPAGE_H

#include "vmm/device.h"

#define DMAPAGE_PORTS 16 /* 0x80 to 0x8f */

struct dmapage {
	struct device device;
	uint8_t page[DMAPAGE_PORTS];
};

void dmapage_init(struct dmapage *dmapage);

#endif
