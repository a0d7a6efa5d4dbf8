/* SPDX-License-Identifier: BSD-2-Clause */
/* What is put off until an application runs: vmm_user_exit (signal.S) comes here if
 * there is any.
 */
#include "backends/linux/keys.h"
#include "backends/linux/private.h"

uint8_t exit_work;
static gva_t prefill_at;

void exit_prefill(gva_t va)
{
	prefill_at = va;
	exit_work |= EXIT_PREFILL;
}

void exit_wipe(void)
{
	if (exit_work & EXIT_KEYS)
		exit_work |= EXIT_WIPE;
}

void exit_work_now(void);
void exit_work_now(void)
{
	uint8_t work = exit_work;

	exit_work &= EXIT_ALWAYS;
	if (work & EXIT_PREFILL)
		shadow_prefill(prefill_at);
	if (work & EXIT_WIPE)
		altstack_wipe();
	if (work & EXIT_TWIN)
		twin_run();
}
