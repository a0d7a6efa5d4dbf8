/* SPDX-License-Identifier: BSD-2-Clause */
/* disarm.h explains. */
#include "backends/linux/disarm.h"

#include "backends/linux/boundary.h"
#include "backends/linux/copies.h"
#include "backends/linux/private.h"
#include "backends/linux/scan.h"
#include "vmm/load/x86.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#define MOST	    32	 /* of one page; libc has two at most */
#define SECOND_BYTE 0x0b /* of ud2, 0f 0b: the first one is that of all three */

/* Pages that were refused, by frame | offset of the first hit. Such a page is asked for again with
 * each instruction that is stepped through, and decoding takes longer than the step. */
#define REFUSED 64
static uint64_t refused[REFUSED];

/* What stands around a place: up to `lead` bytes in front of it, some of them perhaps of the
 * page before, and an instruction's behind. */
struct surroundings {
	uint8_t bytes[BOUNDARY_LEAD + X86_MAX];
	unsigned lead, length;
};

static void look_around(mword va, struct surroundings *around)
{
	unsigned at = va % PAGE_SIZE, behind = (unsigned)PAGE_SIZE - at;

	around->lead = BOUNDARY_LEAD;
	if (at < BOUNDARY_LEAD && !guest_peek(gva(va - BOUNDARY_LEAD), around->bytes, 1))
		around->lead = at;
	around->length = around->lead + (behind < X86_MAX ? behind : X86_MAX);
	if (!guest_peek(gva(va - around->lead), around->bytes, around->length))
		around->length = 0;
}

static bool is_rex(uint8_t byte)
{
	return (byte & 0xf0) == 0x40;
}

/* Does an instruction begin at `va`, or at a REX prefix in front of it? */
static bool is_instruction(mword va)
{
	struct surroundings around;
	struct x86 insn;
	unsigned at;

	look_around(va, &around);
	at = around.lead;
	if (!x86_decode(&insn, around.bytes + at, around.length - at))
		return false;
	if (boundary_before(around.bytes, around.length, at))
		return true;
	return at && is_rex(around.bytes[at - 1]) &&
	       boundary_before(around.bytes, around.length, at - 1);
}

static bool all_instructions(mword page, const struct scan_hit *hits, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!is_instruction(page + hits[i].offset))
			return false;
	return true;
}

/* Of applications' page `page`, which is `frame`. A refusal for want of the page in front is
 * not kept. */
static bool replaceable(mword page, uint64_t frame, const struct scan_hit *hits, unsigned n)
{
	uint64_t *last = &refused[(frame >> PAGE_SHIFT) % REFUSED];

	if (*last == (frame | hits[0].offset))
		return false;
	if (all_instructions(page, hits, n))
		return true;
	if (hits[0].offset >= BOUNDARY_LEAD)
		*last = frame | hits[0].offset;
	return false;
}

static struct copy *copy_of(uint64_t frame)
{
	struct copy *copy = copies_find(frame);

	return copy ? copy : copies_make(frame);
}

void disarm_page(mword va, const struct translation *translation)
{
	uint64_t frame = translation->address.v & PAGE_MASK;
	const uint8_t *page = memory_at(gpa(frame), PAGE_SIZE);
	struct scan_hit hits[MOST];
	struct copy *copy;
	unsigned n;

	if (shared->no_gates || !page || !shadow_may_copy(translation))
		return;
	n = scan_page(page, hits, MOST);
	if (!n || n > MOST || !replaceable(va & PAGE_MASK, frame, hits, n))
		return;
	copy = copy_of(frame);
	if (!copy || copies_bytes(copy)[hits[0].offset + 1] == SECOND_BYTE)
		return;
	for (unsigned i = 0; i < n; i++)
		copies_bytes(copy)[hits[i].offset + 1] = SECOND_BYTE;
	copies_generation++;
	count(COUNT_DISARMED);
	shadow_catch_up();
}

bool disarm_trapped(void)
{
	mword rip = vcpu.regs.rip;
	uint8_t bytes[4] = {0};

	if (shared->isolation != ISOLATION_KEYS || vcpu.cpl != 3 || !shadow_shown(gva(rip)) ||
	    !guest_peek(gva(rip), bytes, sizeof(bytes)))
		return false;
	return scan_at(bytes + is_rex(bytes[0])) == SCAN_XRSTOR;
}
