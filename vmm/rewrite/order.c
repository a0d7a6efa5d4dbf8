/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of a module come in no order, and there is no allocator: ranges are sorted in
 * a static array, by heap sort (in place, n log n at worst), and neighbours compared.
 */
#include "vmm/rewrite/order.h"

static uint64_t ranges[ORDER_MAX]; /* offset << 8 | total */
static size_t count;

void order_begin(void)
{
	count = 0;
}

bool order_add(mword offset, uint8_t total)
{
	if (count == ORDER_MAX)
		return false;
	ranges[count++] = offset << 8 | total;
	return true;
}

static void swap(size_t a, size_t b)
{
	uint64_t kept = ranges[a];

	ranges[a] = ranges[b];
	ranges[b] = kept;
}

/* ranges[at] sinks until no child is larger; the heap is ranges[0 .. end). */
static void sink(size_t at, size_t end)
{
	for (size_t child = 2 * at + 1; child < end; child = 2 * at + 1) {
		if (child + 1 < end && ranges[child + 1] > ranges[child])
			child++;
		if (ranges[at] >= ranges[child])
			return;
		swap(at, child);
		at = child;
	}
}

static void sort(void)
{
	for (size_t at = count / 2; at-- > 0;)
		sink(at, count);
	for (size_t end = count; end-- > 1;) {
		swap(0, end);
		sink(0, end);
	}
}

bool order_disjoint(mword *offset)
{
	sort();
	for (size_t i = 1; i < count; i++) {
		if ((ranges[i - 1] >> 8) + (ranges[i - 1] & 0xff) > ranges[i] >> 8) {
			*offset = ranges[i] >> 8;
			return false;
		}
	}
	return true;
}
