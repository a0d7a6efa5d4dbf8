/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/linux/host.h"

#include "backends/linux/private.h"

#include <linux/futex.h>
#include <linux/time_types.h>

volatile uint8_t host_selector READABLE;
uint64_t host_call_count PRIVATE;
uint32_t host_last_call[HOST_PROCESSES];
uint32_t host_self PRIVATE;

long host_futex_wait(uint32_t *word, uint32_t value, uint64_t ns)
{
	struct __kernel_timespec timeout = {
		.tv_sec = (long long)(ns / 1000000000),
		.tv_nsec = (long long)(ns % 1000000000),
	};

	return host_call4(__NR_futex, word, FUTEX_WAIT, value, ns == UINT64_MAX ? NULL : &timeout);
}

void host_futex_wake(uint32_t *word)
{
	host_call3(__NR_futex, word, FUTEX_WAKE, 1);
}
