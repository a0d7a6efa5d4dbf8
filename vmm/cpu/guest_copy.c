/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies between the VMM and guest-virtual memory, page by page. */
#include "vmm/backend.h"
#include "vmm/memory.h"
#include "vmm/mmu.h"
#include "vmm/string.h"
#include "vmm/vcpu.h"

/* How much of `length` bytes from `va` lies on the page of `va`. */
static size_t on_page(mword va, size_t length)
{
	size_t rest = PAGE_SIZE - (va & (PAGE_SIZE - 1));

	return length < rest ? length : rest;
}

/* CR2 is what a #PF for this would show; a #GP or #SS leaves it alone. */
static bool translate(mword va, mword access, gpa_t *address, mword *error)
{
	struct translation translation;

	if (mmu_translate(gva(va), access, &translation, error)) {
		*address = translation.address;
		return true;
	}
	if (*error != MMU_NOT_CANONICAL)
		vcpu.cr2 = va;
	return false;
}

static void load(gpa_t address, void *to, size_t length)
{
	const void *from = memory_at(address, length);

	if (from)
		memcpy(to, from, length);
	else
		memset(to, 0xff, length);
}

static void store(gpa_t address, const void *from, size_t length)
{
	void *to = memory_at(address, length);

	if (to)
		memcpy(to, from, length);
}

bool guest_read(gva_t va, void *to, size_t length, mword access, mword *error)
{
	uint8_t *bytes = to;

	for (size_t done = 0, part; done < length; done += part) {
		gpa_t address;

		part = on_page(va.v + done, length - done);
		if (!translate(va.v + done, access, &address, error))
			return false;
		load(address, bytes + done, part);
	}
	return true;
}

bool guest_write(gva_t va, const void *from, size_t length, mword access, mword *error)
{
	const uint8_t *bytes = from;
	size_t done, part;
	gpa_t address;

	access |= ACCESS_WRITE;
	for (done = 0; done < length; done += part) {
		part = on_page(va.v + done, length - done);
		if (!translate(va.v + done, access, &address, error))
			return false;
	}
	for (done = 0; done < length; done += part) {
		part = on_page(va.v + done, length - done);
		if (translate(va.v + done, access, &address, error))
			store(address, bytes + done, part);
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
		load(translation.address, bytes + done, part);
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
		store(translation.address, bytes + done, part);
	}
	return true;
}
