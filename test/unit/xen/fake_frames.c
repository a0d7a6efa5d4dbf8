/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_frames.h explains. */
#include "test/unit/xen/fake_frames.h"

#include "backends/xen/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ADDRESS	   UINT64_C(0x000ffffffffff000)
#define DISALLOWED UINT64_C(0x198) /* PWT, PCD, PS or PAT, G (asm-x86's BASE_DISALLOW_MASK) */

struct frame frames[FRAMES];
int frames_file = -1;
uint64_t (*frames_words)[512];

void frames_start(void)
{
	size_t bytes = FRAMES * PAGE_SIZE;

	memset(frames, 0, sizeof(frames));
	if (frames_file < 0) {
		frames_file = memfd_create("frames", MFD_CLOEXEC);
		if (frames_file < 0 || ftruncate(frames_file, (off_t)bytes))
			_exit(99);
		frames_words =
			mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, frames_file, 0);
	}
	madvise(frames_words, bytes, MADV_REMOVE);
}

static struct frame *known(uint64_t mfn)
{
	return mfn < FRAMES && !frames[mfn].foreign ? &frames[mfn] : NULL;
}

static bool is_xens(unsigned level, unsigned index)
{
	return level == 4 && index >= 256 && index < 272;
}

/* --- entries ---------------------------------------------------------------------------- */

static uint64_t frame_of(uint64_t entry)
{
	return (entry & ADDRESS) >> PAGE_SHIFT;
}

static long entry_take(unsigned level, uint64_t entry)
{
	if (!(entry & ENTRY_P))
		return 0;
	if (entry & DISALLOWED || !known(frame_of(entry)))
		return -EINVAL;
	if (level > 1)
		return frame_use(frame_of(entry), level - 1);
	return entry & ENTRY_W ? frame_use(frame_of(entry), FRAME_WRITABLE) : 0;
}

static void entry_drop(unsigned level, uint64_t entry)
{
	if (entry & ENTRY_P && (level > 1 || entry & ENTRY_W))
		frame_unuse(frame_of(entry));
}

static void drop_entries(uint64_t mfn, unsigned level, unsigned end)
{
	for (unsigned i = 0; i < end; i++)
		if (!is_xens(level, i))
			entry_drop(level, frames_words[mfn][i]);
}

static long take_entries(uint64_t mfn, unsigned level)
{
	for (unsigned i = 0; i < 512; i++) {
		long result = is_xens(level, i) ? 0 : entry_take(level, frames_words[mfn][i]);

		if (result) {
			drop_entries(mfn, level, i);
			return result;
		}
	}
	return 0;
}

/* --- frames -------------------------------------------------------------------------------- */

long frame_use(uint64_t mfn, unsigned type)
{
	struct frame *frame = known(mfn);
	long result = 0;

	if (!frame || (frame->users && frame->type != type))
		return -EINVAL;
	frame->type = (uint8_t)type;
	if (frame->users++ == 0 && type != FRAME_WRITABLE)
		result = take_entries(mfn, type);
	if (result)
		frame->users--;
	return result;
}

void frame_unuse(uint64_t mfn)
{
	struct frame *frame = &frames[mfn];

	if (--frame->users == 0 && frame->type != FRAME_WRITABLE)
		drop_entries(mfn, frame->type, 512);
}

long frame_pin(uint64_t mfn, unsigned type)
{
	long result = frame_use(mfn, type);

	if (result)
		return result;
	if (frames[mfn].pinned) {
		frame_unuse(mfn);
		return -EINVAL;
	}
	frames[mfn].pinned = true;
	return 0;
}

long frame_unpin(uint64_t mfn)
{
	if (!known(mfn) || !frames[mfn].pinned)
		return -EINVAL;
	frames[mfn].pinned = false;
	frame_unuse(mfn);
	return 0;
}

/* The new one is checked before the old one goes. */
long frame_change(uint64_t mfn, unsigned index, uint64_t value)
{
	const struct frame *frame = known(mfn);
	uint64_t old;
	long result;

	if (!frame || !frame->users || frame->type == FRAME_WRITABLE || is_xens(frame->type, index))
		return -EINVAL;
	result = entry_take(frame->type, value);
	if (result)
		return result;
	old = frames_words[mfn][index];
	frames_words[mfn][index] = value;
	entry_drop(frame->type, old);
	return 0;
}
