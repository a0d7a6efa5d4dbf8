/* SPDX-License-Identifier: BSD-2-Clause */
/*@145 What applications execute
 *
 * With protection keys an application that can execute WRPKRU or XRSTOR owns its kernel
 * (scan.h). So a page that the guest lets applications execute is mapped executable
 * only while it is known to hold neither, at any offset, and while nobody can write
 * to its frame through any mapping: neither this application (W^X, whatever the guest's
 * tables say), nor another one that shares the frame, nor the guest's kernel, whose
 * linear mapping of all memory gets a hole there. Such a frame is *watched*.
 *
 * Writing to a watched frame faults; then it is watched no more, and executable nowhere.
 * Executing it faults again, and it is looked at again. Other processes of the machine
 * learn of both when they get their turn (code_catch_up), by a log as for invalidations:
 * also of frames that are watched as before, but were written in between.
 *
 * A page that does hold such bytes, be they an instruction, a part of one, or data, is
 * never executable for longer than one instruction, which has been looked at: step.c.
 * So is the second of two neighbours that make one together. And so is an instruction
 * that writes to the page it stands in.
 *
 * Without isolation nothing is watched, and all of this costs one comparison.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_CODE_H
#define AFTERBURN_BACKENDS_LINUX_CODE_H

#include "vmm/memory.h"
#include "vmm/mmu.h"
#include "vmm/types.h"

void code_start(void);

/* One byte for each frame; NULL without isolation. */
extern uint8_t *code_frames;

static inline bool code_watched(uint64_t frame)
{
	return code_frames && frame < guest_memory.size && code_frames[frame >> PAGE_SHIFT];
}

/* How many pages from `va` and `frame` on, where the guest lets applications execute them,
 * may be executable together, at most `pages`. They are watched then. */
unsigned code_run(mword va, uint64_t frame, unsigned pages);

/* The guest writes to this frame. */
void code_written(uint64_t frame);

/* May this copy of a page (copies.h) that may be executable be so too? */
struct copy;
bool code_copy(mword va, const struct copy *copy);

/* [va, va + bytes) was mapped as `entry` says, large: watched frames in it are read-only. */
void code_protect(mword va, uint64_t bytes, uint64_t entry);

/* This process may go on with the guest: what others have watched and written. */
void code_catch_up(void);

/* Is this page executable in this process? */
bool code_executable(mword va);

/* For one instruction: a page as the guest has it. Then not mapped again. */
bool code_open(mword va);
void code_close(mword va);

#endif
