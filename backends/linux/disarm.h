/* SPDX-License-Identifier: BSD-2-Clause */
/*@147 Code with WRPKRU and XRSTOR in it
 *
 * A page that holds one of these (scan.h) is not executable where keys isolate, and going
 * through it instruction by instruction (step.h) is slow. The C library has
 * them: XRSTOR where the dynamic linker resolves a symbol, WRPKRU in pkey_set(). So where
 * all of a page's are instructions, and not parts of others or data (boundary.h), a
 * copy of the page is shown (copies.h) in which they are `ud2`. What its trap means is
 * decided by the frame, where they still stand: XRSTOR is emulated, WRPKRU is undefined
 * on the guest's processor anyway.
 *
 * A wrong guess about a program's bytes is no hole: the copy holds neither. It would be a
 * wrong constant of that program's.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_DISARM_H
#define AFTERBURN_BACKENDS_LINUX_DISARM_H

#include "vmm/mmu.h"
#include "vmm/types.h"

/* The page that applications execute at `va` (translated) holds what they must not: have a
 * copy of it without, if that can be. shadow_copy_for() finds it. */
void disarm_page(mword va, const struct translation *translation);

/* An application's #UD: is it at an XRSTOR that was replaced, and is to be emulated? */
bool disarm_trapped(void);

#endif
