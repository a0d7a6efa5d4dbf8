/* SPDX-License-Identifier: BSD-2-Clause */
/* MC146818 real-time clock with CMOS memory. See mc146818.c. */
#ifndef AFTERBURN_VMM_DEVICES_MC146818_H
#define AFTERBURN_VMM_DEVICES_MC146818_H

#include "vmm/device.h"

/* Offsets: 0 the index (port 0x70), 1 the data (0x71). */
#define MC146818_BYTES	 128
#define MC146818_CENTURY 0x32 /* register of the century; the FADT names it */

struct mc146818 {
	struct device device;
	struct irq_line irq;
	uint8_t index;
	uint8_t ram[MC146818_BYTES]; /* time registers: valid while the clock stands */
	/* The clock: `seconds` since 1970 were complete `fraction` ns before `at`. */
	int64_t seconds;
	uint64_t fraction, at;
	uint8_t weekday_offset; /* what the guest set differs from the calendar by */
	uint64_t settled;	/* flags of register C are right up to here */
	uint64_t alarm;		/* when the alarm is due next, or DEVICE_NEVER */
};

/* `seconds` since 1970 at `now`; `memory` bytes of RAM, for the CMOS memory. */
void mc146818_init(struct mc146818 *rtc, struct irq_line irq, uint64_t seconds, uint64_t memory,
		   uint64_t now);

#endif
