/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and the timer. Time is the processor's time-stamp counter, which guest and
 * VMM read alike; the launcher has measured its frequency. The timer is a timerfd
 * that the launcher polls and every process of the machine may set: no timer moves
 * when the guest moves to another process.
 */
#include "backends/linux/host.h"
#include "backends/linux/private.h"
#include "vmm/backend.h"
#include "vmm/device.h"
#include "vmm/frontend.h"
#include "vmm/vcpu.h"

#include <linux/time_types.h>

#define IDLE_LONG UINT64_C(1000000) /* ns: the launcher's visit would be longer than disarming */

struct host_itimerspec {
	struct __kernel_timespec interval, value;
};

static uint64_t deadline = DEVICE_NEVER; /* what the front-end asked for */
static uint64_t armed = DEVICE_NEVER;	 /* what the host will do */

uint64_t backend_now(void)
{
	uint64_t tsc = __builtin_ia32_rdtsc() - shared->tsc_start;

	return (uint64_t)((unsigned __int128)tsc * shared->tsc_mult >> 32);
}

uint64_t backend_wall_clock(void)
{
	return shared->wall_clock + backend_now() / 1000000000;
}

void backend_set_timer(uint64_t at)
{
	deadline = at;
}

/* `delay` 0: no alarm at all. */
static void set_alarm(uint64_t delay)
{
	struct host_itimerspec spec = {0};

	spec.value.tv_sec = (long long)(delay / 1000000000);
	spec.value.tv_nsec = (long long)(delay % 1000000000);
	host_call4(__NR_timerfd_settime, FD_TIMER, 0, &spec, NULL);
}

/* Setting the host's timer costs a system call: only when the guest is about to run
 * with a deadline that the host does not know. A later one may wait: the earlier
 * alarm comes, finds nothing to do, and the later one is set then. */
void time_arm(void)
{
	uint64_t now;

	if (deadline >= armed)
		return;
	now = backend_now();
	set_alarm(deadline > now ? deadline - now : 1);
	armed = deadline;
}

/* Who sleeps until the deadline needs nobody to wake it. For a short sleep the alarm may
 * come: it is for the guest that goes on, too. */
static void disarm(uint64_t now)
{
	if (armed == DEVICE_NEVER || deadline < now + IDLE_LONG)
		return;
	set_alarm(0);
	armed = DEVICE_NEVER;
}

bool event_taken(void)
{
	if (!__atomic_load_n(&shared->event, __ATOMIC_RELAXED) ||
	    !__atomic_exchange_n(&shared->event, 0, __ATOMIC_SEQ_CST))
		return false;
	armed = DEVICE_NEVER; /* perhaps it was the timer */
	if (__atomic_exchange_n(&shared->power_button, 0, __ATOMIC_SEQ_CST))
		vmm_power_button();
	return true;
}

/* The front-end looks at the devices itself when this returns. */
void backend_idle(void)
{
	uint64_t now;

	console_flush();
	count(COUNT_IDLE);
	__atomic_store_n(&shared->idle, 1, __ATOMIC_SEQ_CST);
	now = backend_now();
	disarm(now);
	while (!__atomic_load_n(&shared->event, __ATOMIC_SEQ_CST) && now < deadline) {
		host_futex_wait(&shared->event, 0,
				deadline == DEVICE_NEVER ? UINT64_MAX : deadline - now);
		now = backend_now();
	}
	__atomic_store_n(&shared->idle, 0, __ATOMIC_SEQ_CST);
	event_taken();
}
