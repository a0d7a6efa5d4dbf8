/* SPDX-License-Identifier: BSD-2-Clause */
/* Who was interrupted by a host signal, as its frame tells.
 *
 * With protection keys, the rights in force say whether an application was; they
 * cannot be had by jumping somewhere. Else, and for the kernel, where the instruction
 * pointer was decides everything, and it is exact:
 *   in a stub of a rewritten site: the stub starts over (rewrite_restart), guest
 *   in the last instructions of vmm_resume: vcpu.regs still holds all, leave again
 *   elsewhere in the VMM's text: the VMM goes on, the event stays pending
 *   in a trampoline or the gate of a system call: guest, at an address that it
 *       knows (gates_settle)
 *   anywhere else: guest code, kernel or application by vcpu.cpl
 */
#ifndef AFTERBURN_BACKENDS_LINUX_FRAME_H
#define AFTERBURN_BACKENDS_LINUX_FRAME_H

#include "vmm/types.h"

struct sigcontext;

enum frame_who {
	FRAME_GUEST,   /* kernel or application, perhaps where gates_settle() knows */
	FRAME_STUB,    /* a stub of a rewritten site */
	FRAME_LEAVING, /* the VMM, leaving: vcpu.regs is the guest's, and complete */
	FRAME_VMM,     /* the VMM, which goes on */
	FRAME_BUG,     /* the VMM, which cannot go on */
	FRAME_RIGHTS,  /* an application, with the VMM's rights */
};

/* `application`: its rights were in force (keys_application). Of an interruption by the
 * launcher: GUEST, STUB, LEAVING or VMM. An application that was being entered is put back
 * in `at` to where that begins, which is a STUB. */
enum frame_who frame_interruption(struct sigcontext *at, bool application);

/* Of an exception or a system call. VMM: at load_state, which was refused what an application
 * gave; `at` goes on behind it. */
enum frame_who frame_exception(struct sigcontext *at, bool application);

/* The exception that signal `number` tells of, in at->trapno. The host has none for some, such
 * as for a tile instruction that it was not asked to allow: then the frame has that of an
 * earlier signal. */
void frame_set_trap(int number, struct sigcontext *at);

#endif
