/* SPDX-License-Identifier: BSD-2-Clause */
/* How a machine ends: the first reason is written down for the launcher, which
 * prints it with the guest's symbols; then this process goes, and the others with it.
 */
#include "backends/linux/host.h"
#include "backends/linux/private.h"
#include "vmm/backend.h"
#include "vmm/emulate.h"
#include "vmm/vcpu.h"

static void keep(const char *reason)
{
	size_t i = 0;

	for (; reason[i] && i < sizeof(shared->reason) - 1; i++)
		shared->reason[i] = reason[i];
	shared->reason[i] = 0;
}

void count_host_calls(void)
{
	shared->counts[COUNT_HOST_CALLS] += host_call_count;
	host_call_count = 0;
}

static void keep_counts(void)
{
	size_t n;
	const struct class_count *classes = emulate_counts(&n);

	count_host_calls();
	for (size_t i = 0; i < n && i < SHARED_COUNTS; i++)
		shared->classes[i] =
			(struct class_stat){classes[i].class, classes[i].sites, classes[i].traps};
	shared->class_count = (uint32_t)n;
}

_Noreturn void end_machine(enum end why, int code, const char *reason)
{
	uint32_t expected = NOT_ENDED;

	if (__atomic_compare_exchange_n(&shared->ended, &expected, why, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST)) {
		shared->end_code = code;
		shared->last = vcpu;
		keep(reason);
		console_flush();
		keep_counts();
	}
	for (;;)
		host_call1(__NR_exit_group, 0);
}

_Noreturn void backend_exit(enum backend_exit why, unsigned code)
{
	static const uint8_t ends[] = {
		[BACKEND_EXIT_POWER_OFF] = END_POWER_OFF,
		[BACKEND_EXIT_RESET] = END_RESET,
		[BACKEND_EXIT_TRIPLE] = END_TRIPLE,
		[BACKEND_EXIT_HALTED] = END_HALTED,
	};

	end_machine(ends[why], (int)code, "");
}

_Noreturn void backend_fatal(const char *reason)
{
	end_machine(END_GUEST, 0, reason);
}

void backend_log(const char *text, size_t length)
{
	host_call3(__NR_write, FD_LOG, text, length);
}
