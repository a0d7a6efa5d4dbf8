/* SPDX-License-Identifier: BSD-2-Clause */
/* The debug-exit port: a guest ends the machine with a number. See debugexit.c. */
#ifndef AFTERBURN_VMM_DEVICES_DEBUGEXIT_H
#define AFTERBURN_VMM_DEVICES_DEBUGEXIT_H

#include "vmm/device.h"

#define DEBUGEXIT_PORTS 4 /* 0xf4 to 0xf7 */

struct debugexit {
	struct device device;
};

void debugexit_init(struct debugexit *debugexit);

#endif
