/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of changed copies. copies.h explains. */
#include "backends/linux/copies.h"

#include "backends/linux/code.h"
#include "backends/linux/gates.h"
#include "backends/linux/private.h"
#include "vmm/backend.h"
#include "vmm/memory.h"

#define HASH_SLOTS 4096 /* a power of two, four times the copies */
#define WRITTEN	   256

struct copy copies[LAYOUT_COPY_COUNT];
unsigned copies_end;
uint64_t copies_generation;
uint8_t *copies_memory;

static uint16_t hash[HASH_SLOTS]; /* index + 1 */
static unsigned next_victim;

/* Frames whose copy was dropped for a write: a page that is written every now and then
 * would cost a copy and a fault each time. Forgotten when others take the place. */
static uint64_t written[WRITTEN];

static unsigned scatter(uint64_t frame)
{
	return (unsigned)((frame >> PAGE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15) >> 52);
}

_Static_assert(HASH_SLOTS == 1 << (64 - 52), "scatter() gives 12 bits");

static uint16_t *slot_of(uint64_t frame)
{
	unsigned at = scatter(frame);

	while (hash[at] && copies[hash[at] - 1].frame != frame)
		at = (at + 1) % HASH_SLOTS;
	return &hash[at];
}

struct copy *copies_find(uint64_t frame)
{
	uint16_t index = *slot_of(frame);

	return index ? &copies[index - 1] : NULL;
}

uint8_t *copies_bytes(const struct copy *copy)
{
	return copies_memory + copies_offset(copy);
}

static void hash_all(void)
{
	__builtin_memset(hash, 0, sizeof(hash));
	for (unsigned i = 0; i < copies_end; i++)
		if (copies[i].frame)
			*slot_of(copies[i].frame) = (uint16_t)(i + 1);
}

void copies_drop(struct copy *copy, bool again)
{
	if (!again)
		written[scatter(copy->frame) % WRITTEN] = copy->frame;
	gates_drop(copy);
	copy->frame = 0;
	hash_all();
	copies_generation++;
	count(COUNT_COPIES_DROPPED);
}

void copies_evict(void)
{
	while (!copies[next_victim % copies_end].frame)
		next_victim++;
	copies_drop(&copies[next_victim++ % copies_end], true);
}

static struct copy *free_copy(void)
{
	for (unsigned i = 0; i < copies_end; i++)
		if (!copies[i].frame)
			return &copies[i];
	if (copies_end < LAYOUT_COPY_COUNT)
		return &copies[copies_end++];
	copies_evict();
	return free_copy();
}

struct copy *copies_make(uint64_t frame)
{
	const void *from = memory_at(gpa(frame), PAGE_SIZE);
	struct copy *copy;

	if (!from || !frame || written[scatter(frame) % WRITTEN] == frame)
		return NULL;
	copy = free_copy();
	*copy = (struct copy){.frame = frame, .generation = ++copies_generation};
	*slot_of(frame) = (uint16_t)(copies_index(copy) + 1);
	__builtin_memcpy(copies_bytes(copy), from, PAGE_SIZE);
	count(COUNT_COPIES);
	return copy;
}

void backend_before_store(gpa_t address, size_t length)
{
	uint64_t last = (address.v + length - 1) & PAGE_MASK;

	for (uint64_t frame = address.v & PAGE_MASK; frame <= last; frame += PAGE_SIZE) {
		struct copy *copy = copies_find(frame);

		code_written(frame);
		if (!copy)
			continue;
		copies_drop(copy, false);
		shadow_catch_up();
	}
}
