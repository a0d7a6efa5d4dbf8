/* SPDX-License-Identifier: BSD-2-Clause */
/* What firmware leaves in the clock's memory: where software looks for the size of
 * memory and for drives, and a checksum (IBM PC AT Technical Reference, "CMOS RAM
 * Map"). There are no drives. */
#include "vmm/devices/cmos.h"

enum {
	CMOS_EQUIPMENT = 0x14,
	CMOS_EQUIPMENT_FPU = 0x02,
	CMOS_BASE_KB = 0x15,
	CMOS_EXTENDED_KB = 0x17,
	CMOS_SUM_FIRST = 0x10,
	CMOS_SUM_LAST = 0x2d,
	CMOS_SUM = 0x2e, /* high byte first */
	CMOS_EXTENDED_KB_2 = 0x30,
	CMOS_ABOVE_16M = 0x34, /* in units of 64 KB */
};

static void put16(uint8_t *ram, unsigned reg, uint64_t value)
{
	uint16_t capped = value > 0xffff ? 0xffff : (uint16_t)value;

	ram[reg] = (uint8_t)capped;
	ram[reg + 1] = (uint8_t)(capped >> 8);
}

void cmos_fill(uint8_t *ram, uint64_t memory)
{
	uint64_t above_1m = memory > 1 << 20 ? memory - (1 << 20) : 0;
	uint64_t above_16m = memory > 16 << 20 ? memory - (16 << 20) : 0;
	uint16_t sum = 0;

	ram[CMOS_EQUIPMENT] = CMOS_EQUIPMENT_FPU;
	put16(ram, CMOS_BASE_KB, 640);
	put16(ram, CMOS_EXTENDED_KB, above_1m >> 10);
	put16(ram, CMOS_EXTENDED_KB_2, above_1m >> 10);
	put16(ram, CMOS_ABOVE_16M, above_16m >> 16);
	for (unsigned i = CMOS_SUM_FIRST; i <= CMOS_SUM_LAST; i++)
		sum = (uint16_t)(sum + ram[i]);
	ram[CMOS_SUM] = (uint8_t)(sum >> 8);
	ram[CMOS_SUM + 1] = (uint8_t)sum;
}
