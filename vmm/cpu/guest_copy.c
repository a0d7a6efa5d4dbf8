/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies between the VMM and guest-virtual memory, page by page. */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/memory.h"
#include "vmm/string.h"

/* How much of `length` bytes from `va` lies on the page of `va`. */
static size_t on_page(mword va, size_t length)
{
	size_t rest = PAGE_SIZE - (va & (PAGE_SIZE - 1));

	return length < rest ? length : rest;
}

/* CR2 is what a #PF for this would show; a #GP or #SS leaves it alone. */
static bool find(mword va, mword access, void **bytes, mword *error)
{
	if (tlb_bytes(va, access, bytes, error))
		return true;
	if (*error != MMU_NOT_CANONICAL)
		vcpu.cr2 = va;
	return false;
}

/* Descriptors and frames are words; `rep movsb` takes longer to begin than to copy them. */
static void copy(void *to, const void *from, size_t length)
{
	size_t words = length / 8;

	if (length % 8 || words > 8) {
		memcpy(to, from, length);
		return;
	}
	for (size_t i = 0; i < words; i++)
		__builtin_memcpy((uint8_t *)to + 8 * i, (const uint8_t *)from + 8 * i, 8);
}

static void load(const void *from, void *to, size_t length)
{
	if (from)
		copy(to, from, length);
	else
		memset(to, 0xff, length);
}

static void store(void *to, const void *from, size_t length)
{
	if (!to)
		return;
	backend_before_store(memory_address(to), length);
	copy(to, from, length);
}

bool guest_read(gva_t va, void *to, size_t length, mword access, mword *error)
{
	uint8_t *bytes = to;
	void *from;

	for (size_t done = 0, part; done < length; done += part) {
		part = on_page(va.v + done, length - done);
		if (!find(va.v + done, access, &from, error))
			return false;
		load(from, bytes + done, part);
	}
	return true;
}

static bool writable(mword va, size_t length, mword access, mword *error)
{
	void *to;

	for (size_t done = 0; done < length; done += on_page(va + done, length - done))
		if (!find(va + done, access, &to, error))
			return false;
	return true;
}

bool guest_write(gva_t va, const void *from, size_t length, mword access, mword *error)
{
	const uint8_t *bytes = from;
	void *to;

	access |= ACCESS_WRITE;
	if (on_page(va.v, length) < length && !writable(va.v, length, access, error))
		return false;
	for (size_t done = 0, part; done < length; done += part) {
		part = on_page(va.v + done, length - done);
		if (!find(va.v + done, access, &to, error))
			return false;
		store(to, bytes + done, part);
	}
	return true;
}

bool guest_peek(gva_t va, void *to, size_t length)
{
	struct translation translation;
	uint8_t *bytes = to;

	for (size_t done = 0, part; done < length; done += part) {
		part = on_page(va.v + done, length - done);
		if (!mmu_probe(gva(va.v + done), &translation))
			return false;
		load(memory_at(translation.address, part), bytes + done, part);
	}
	return true;
}

bool guest_poke(gva_t va, const void *from, size_t length)
{
	struct translation translation;
	const uint8_t *bytes = from;

	for (size_t done = 0, part; done < length; done += part) {
		part = on_page(va.v + done, length - done);
		if (!mmu_probe(gva(va.v + done), &translation))
			return false;
		store(memory_at(translation.address, part), bytes + done, part);
	}
	return true;
}
