/* SPDX-License-Identifier: BSD-2-Clause */
/* Find WRPKRU and XRSTOR: see scan.h. */
#include "backends/linux/scan.h"

#define EACH(byte) ((uint64_t)(byte)*UINT64_C(0x0101010101010101))
#define WORD	   sizeof(uint64_t)

enum scan_kind scan_at(const uint8_t bytes[3])
{
	unsigned mod = bytes[2] >> 6, reg = bytes[2] >> 3 & 7;

	if (bytes[0] != 0x0f)
		return SCAN_NOTHING;
	if (bytes[1] == 0x01 && bytes[2] == 0xef)
		return SCAN_WRPKRU;
	return bytes[1] == 0xae && reg == 5 && mod != 3 ? SCAN_XRSTOR : SCAN_NOTHING;
}

static uint64_t load(const uint8_t *at)
{
	uint64_t word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

/* The top bit of every byte that is `byte`, and perhaps of some behind such a one. */
static uint64_t equal(uint64_t word, uint8_t byte)
{
	uint64_t different = word ^ EACH(byte);

	return (different - EACH(0x01)) & ~different & EACH(0x80);
}

/* Bytes of eight where one may begin, by their first two. */
static uint64_t candidates(const uint8_t *at)
{
	uint64_t second = load(at + 1);

	return equal(load(at), 0x0f) & (equal(second, 0x01) | equal(second, 0xae));
}

struct found {
	struct scan_hit *hits;
	unsigned room, count;
};

static void look(const uint8_t *page, unsigned offset, struct found *found)
{
	enum scan_kind kind = scan_at(page + offset);

	if (kind == SCAN_NOTHING)
		return;
	if (found->count < found->room)
		found->hits[found->count] = (struct scan_hit){(uint16_t)offset, (uint8_t)kind};
	found->count++;
}

unsigned scan_page(const uint8_t page[PAGE_SIZE], struct scan_hit *hits, unsigned room)
{
	struct found found = {hits, room, 0};
	unsigned at = 0;

	/* the second load of the last eight bytes would end outside */
	for (; at < PAGE_SIZE - WORD; at += WORD)
		for (uint64_t bits = candidates(page + at); bits; bits &= bits - 1)
			look(page, at + (unsigned)__builtin_ctzll(bits) / 8, &found);
	for (; at + 3 <= PAGE_SIZE; at++)
		look(page, at, &found);
	return found.count;
}

bool scan_across(const uint8_t page[PAGE_SIZE], const uint8_t next[PAGE_SIZE])
{
	const uint8_t edge[4] = {page[PAGE_SIZE - 2], page[PAGE_SIZE - 1], next[0], next[1]};

	return scan_at(edge) != SCAN_NOTHING || scan_at(edge + 1) != SCAN_NOTHING;
}
