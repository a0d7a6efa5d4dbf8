/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's memory as Xen sees it: each frame of the domain's has a type while it is
 * used as one, a page table of some level or a page that is mapped writable, and is
 * never two of them (public/xen.h). Tables are checked entry by entry when a frame
 * becomes one.
 */
#ifndef TEST_UNIT_XEN_FAKE_FRAMES_H
#define TEST_UNIT_XEN_FAKE_FRAMES_H

#include "vmm/types.h"

#define FRAMES	       16384
#define FRAME_WRITABLE 5 /* types 1 to 4 are tables of that level */

struct frame {
	uint8_t type;
	bool pinned, foreign; /* foreign: another domain's */
	uint32_t users;	      /* as `type` */
};

extern struct frame frames[FRAMES];
extern int frames_file;		      /* their contents, for mmap() */
extern uint64_t (*frames_words)[512]; /* and for the fake itself */

/* All empty, of no type, the domain's. */
void frames_start(void);

/* These return 0 or -errno as Xen does. */
long frame_use(uint64_t mfn, unsigned type);
void frame_unuse(uint64_t mfn);
long frame_pin(uint64_t mfn, unsigned type);
long frame_unpin(uint64_t mfn);
/* Entry `index` of the table in frame `mfn` becomes `value`. */
long frame_change(uint64_t mfn, unsigned index, uint64_t value);

#endif
