/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that change the protection-key register, in memory that applications
 * may execute.
 *
 * An application that may execute WRPKRU (0f 01 ef) or XRSTOR (0f ae /5 with an operand
 * in memory) opens its kernel's memory to itself. It may jump anywhere, so both are
 * looked for at every offset, as bytes, not as instructions; what is found may be
 * part of others, or data. No prefix stands between the three bytes. XRSTORS
 * (0f c7 /3) is refused by the processor outside of ring 0, and so is harmless here.
 *
 * No floating-point registers: they are the guest's. Eight bytes at a time in general
 * ones take 0.72 us for a page of libc; byte by byte it is 2.6.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_SCAN_H
#define AFTERBURN_BACKENDS_LINUX_SCAN_H

#include "vmm/types.h"

enum scan_kind { SCAN_NOTHING, SCAN_WRPKRU, SCAN_XRSTOR };

struct scan_hit {
	uint16_t offset; /* of its first byte in the page */
	uint8_t kind;
};

/* What stands at these three bytes. */
enum scan_kind scan_at(const uint8_t bytes[3]);

/* All that lie within the page, by offset; the first `room` go to `hits`. Returns how
 * many there are. */
unsigned scan_page(const uint8_t page[PAGE_SIZE], struct scan_hit *hits, unsigned room);

/* Does one begin in the last two bytes of a page and end in the first two of the one
 * that is mapped behind it? */
bool scan_across(const uint8_t page[PAGE_SIZE], const uint8_t next[PAGE_SIZE]);

#endif
