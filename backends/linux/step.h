/* SPDX-License-Identifier: BSD-2-Clause */
/* One instruction of an application, in a page that it may not execute (code.h). */
#ifndef AFTERBURN_BACKENDS_LINUX_STEP_H
#define AFTERBURN_BACKENDS_LINUX_STEP_H

#include "vmm/types.h"

/* An application's access at `va` was made possible, as far as code.h allows; `unwatched` is
 * the frame that is executable no more for that, or 0. Can its instruction go on so, or
 * does it take a step: is it in that frame itself? */
void step_look(mword va, mword error, uint64_t unwatched);

/* The application was interrupted, by a debug exception or by something else. true: by
 * nothing but the end of a step. */
bool step_end(bool debug);

#endif
