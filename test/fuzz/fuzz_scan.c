/* SPDX-License-Identifier: BSD-2-Clause */
/* The page scan on any page, against a comparison of every three bytes. */
#include "backends/linux/scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scan_hit hits[PAGE_SIZE];
	uint8_t *page = calloc(1, PAGE_SIZE); /* exact: what is read behind it is found */
	unsigned count, n = 0;

	if (!page)
		abort();
	for (size_t at = 0; size && at < PAGE_SIZE; at += size)
		memcpy(page + at, data, size < PAGE_SIZE - at ? size : PAGE_SIZE - at);
	count = scan_page(page, hits, PAGE_SIZE);
	for (unsigned at = 0; at + 3 <= PAGE_SIZE; at++) {
		enum scan_kind want = scan_at(page + at);

		if (want == SCAN_NOTHING)
			continue;
		if (n == count || hits[n].offset != at || hits[n].kind != want)
			abort();
		n++;
	}
	if (n != count)
		abort();
	free(page);
	return 0;
}
