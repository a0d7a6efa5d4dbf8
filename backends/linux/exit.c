/* SPDX-License-Identifier: BSD-2-Clause */
/* What is put off until an application runs: vmm_user_exit (signal.S) comes here if
 * there is any.
 */
#include "backends/linux/keys.h"
#include "backends/linux/private.h"

/* Stack of a handler below its frame, and more: it does not go deep before it leaves
 * the alternate stack. */
#define HANDLER_BYTES 8192

uint8_t exit_work;
static gva_t prefill_at;
static mword wipe_from PRIVATE; /* the alternate stack was used from here; 0: not */

void exit_prefill(gva_t va)
{
	prefill_at = va;
	exit_work |= EXIT_PREFILL;
}

void exit_frame(mword lowest)
{
	lowest -= HANDLER_BYTES;
	if (!wipe_from || lowest < wipe_from)
		wipe_from = lowest < (mword)altstack ? (mword)altstack : lowest;
}

void exit_wipe(void)
{
	if (exit_work & EXIT_KEYS)
		exit_work |= EXIT_WIPE;
}

static void wipe(void)
{
	if (wipe_from)
		__builtin_memset((void *)wipe_from, 0,
				 (mword)altstack + ALTSTACK_BYTES - wipe_from);
	wipe_from = 0;
}

void exit_work_now(void);
void exit_work_now(void)
{
	uint8_t work = exit_work;

	exit_work &= EXIT_ALWAYS;
	if (work & EXIT_PREFILL)
		shadow_prefill(prefill_at);
	if (work & EXIT_WIPE)
		wipe();
	if (work & EXIT_TWIN)
		twin_run();
}
