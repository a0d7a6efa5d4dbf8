/* SPDX-License-Identifier: BSD-2-Clause */
/*@145 Changed copies of the guest's pages
 *
 * Code of applications that must be changed is changed in a copy: the frame itself may
 * be the guest's page cache, which goes to disk, to checksums and to other programs. A
 * pool of copies, found by guest frame, is shared by all processes of the machine.
 * Where the guest's tables map a frame for applications, executable, neither writable
 * nor dirty, the copy is mapped instead (shadow_copies.c); all else shows the frame.
 *
 * A copy is true as long as nobody writes to the frame. So while there is one, no process
 * has a writable mapping of the frame that it could use: who makes a copy takes the
 * right away in its own process at once (shadow_catch_up), the others do so when
 * they get their turn, by `copies_generation`. A write then faults, and drops the copy.
 * The VMM's own writes ask backend_before_store().
 */
#ifndef AFTERBURN_BACKENDS_LINUX_COPIES_H
#define AFTERBURN_BACKENDS_LINUX_COPIES_H

#include "backends/linux/layout.h"
#include "vmm/types.h"

struct copy {
	uint64_t frame;	     /* guest-physical; 0: free */
	uint64_t generation; /* in which it was made */
	uint16_t first_site; /* gates.c: index + 1 of its first patched system call */
};

extern struct copy copies[LAYOUT_COPY_COUNT];

/* All copies lie in front of this. */
extern unsigned copies_end;

/* Changes with every copy made or dropped. */
extern uint64_t copies_generation;

/* NULL: there is none. */
struct copy *copies_find(uint64_t frame);

/* A new copy of `frame`, with its contents. NULL: one was dropped lately because somebody
 * wrote. May drop another. shadow_catch_up() is to be called before the guest runs. */
struct copy *copies_make(uint64_t frame);

/* The frame was or will be written, or the copy is of no use: so `again` soon, or not. */
void copies_drop(struct copy *copy, bool again);

/* Make room: drop one, in turn. There is one. */
void copies_evict(void);

/* All of FD_COPIES, writable; set by gates_start(). */
extern uint8_t *copies_memory;

/* Its 4096 bytes, for changing. */
uint8_t *copies_bytes(const struct copy *copy);

static inline unsigned copies_index(const struct copy *copy)
{
	return (unsigned)(copy - copies);
}

/* Where in FD_COPIES it lies. */
static inline uint64_t copies_offset(const struct copy *copy)
{
	return LAYOUT_GATE_BYTES + LAYOUT_POINTER_BYTES + copies_index(copy) * 4096ul;
}

#endif
