/* SPDX-License-Identifier: BSD-2-Clause */
/* The alternate stack, which signal handlers begin on.
 *
 * A stack pointer that lies in the alternate stack makes the host take its owner for a
 * handler, and put the next frame below; if there is no room, it kills the process. An
 * application's stack pointer is anything, and the guest's kernel has it, too, in its first
 * and last instructions: all of the machine would end. So the host takes the alternate stack
 * away with each frame and does not look at stack pointers (SS_AUTODISARM), and
 * the handler gives it the next part: its own, and those of the handlers that it
 * interrupted, are in use. Costs a host call. Without isolation, applications have simpler ways
 * to end the machine, and the stack is one.
 */
#include "backends/linux/host.h"
#include "backends/linux/keys.h"
#include "backends/linux/private.h"
#include "vmm/backend.h"

#include <linux/signal.h>

/* Stack of a handler below its frame, and more: it does not go deep before it leaves
 * the alternate stack. */
#define HANDLER_BYTES 8192

uint8_t altstack[ALTSTACK_BYTES] OPEN __attribute__((aligned(4096)));

/* The parts were used from here; 0: not. */
static mword used_from[ALTSTACK_PARTS] PRIVATE;
static unsigned nested PRIVATE; /* handlers */

void altstack_set(void *stack, size_t bytes, int flags)
{
	stack_t alternate = {.ss_sp = stack, .ss_size = bytes, .ss_flags = flags};
	long result = host_call2(__NR_sigaltstack, &alternate, NULL);

	if (result < 0)
		end_machine(END_HOST, (int)-result, "sigaltstack");
}

static void set_part(mword part)
{
	altstack_set(altstack + part % ALTSTACK_PARTS * ALTSTACK_PART, ALTSTACK_PART,
		     (int)SS_AUTODISARM);
}

void altstack_start(void)
{
	if (shared->isolation == ISOLATION_NONE)
		altstack_set(altstack, ALTSTACK_BYTES, 0);
	else
		set_part(0);
}

static void give_next(mword part)
{
	uint8_t door = host_selector; /* a call of the host's may have been interrupted */

	if (++nested == ALTSTACK_PARTS)
		end_machine(END_VMM, 0, "too many signals at a time");
	set_part(part + 1);
	host_selector = door;
}

void altstack_enter(const void *frame)
{
	mword offset = (mword)frame - (mword)altstack, part = offset / ALTSTACK_PART;
	mword room = offset % ALTSTACK_PART;
	mword lowest = (mword)frame - (room < HANDLER_BYTES ? room : HANDLER_BYTES);
	mword *from = &used_from[part % ALTSTACK_PARTS];

	if (shared->isolation != ISOLATION_NONE)
		give_next(part);
	if (!*from || lowest < *from)
		*from = lowest;
}

void altstack_leave(bool guest)
{
	nested = guest || !nested ? 0 : nested - 1;
}

void altstack_wipe(void)
{
	for (unsigned i = 0; i < ALTSTACK_PARTS; i++) {
		mword end = (mword)altstack + (i + 1) * ALTSTACK_PART;

		if (used_from[i])
			__builtin_memset((void *)used_from[i], 0, end - used_from[i]);
		used_from[i] = 0;
	}
}
