/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and the timer. Xen publishes system time with the time-stamp counter at which
 * it was right (public/xen.h, struct vcpu_time_info): a clock is that and the counter's
 * difference since.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "vmm/backend.h"
#include "vmm/device.h"
#include "vmm/frontend.h"

static uint64_t start;			 /* system time at which this domain's begins */
static uint64_t deadline = DEVICE_NEVER; /* what the front-end asked for */
static uint64_t armed = DEVICE_NEVER;	 /* what Xen will do */

static uint64_t scale(uint64_t ticks, uint32_t multiplier, int8_t shift)
{
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return (uint64_t)((unsigned __int128)ticks * multiplier >> 32);
}

/* An odd version: Xen is at it. */
static uint64_t system_time(void)
{
	const volatile struct vcpu_time_info *time = &vcpu_info()->time;
	uint64_t now;
	uint32_t version;

	do {
		version = time->version;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		now = time->system_time + scale(__builtin_ia32_rdtsc() - time->tsc_timestamp,
						time->tsc_to_system_mul, time->tsc_shift);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != time->version);
	return now;
}

uint64_t backend_now(void)
{
	return system_time() - start;
}

uint64_t backend_wall_clock(void)
{
	const volatile shared_info_t *info = &shared_page.info;
	uint64_t seconds, nanoseconds;
	uint32_t version;

	do {
		version = info->wc_version;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		seconds = info->wc_sec;
		nanoseconds = info->wc_nsec;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != info->wc_version);
	return seconds + (nanoseconds + system_time()) / 1000000000;
}

void backend_set_timer(uint64_t at)
{
	deadline = at;
}

/* Later deadlines wait: the earlier alarm comes, finds nothing to do, and the later one
 * is set then. */
void time_arm(void)
{
	if (deadline >= armed)
		return;
	xen_set_timer_op(deadline + start);
	armed = deadline;
}

void time_fired(void)
{
	armed = DEVICE_NEVER;
}

/* Xen opens events when it blocks, and does not block if one is pending; ours are masked
 * again by whoever called: the guest's flag was on. */
void backend_idle(void)
{
	console_flush();
	while (!vcpu_info()->evtchn_pending_sel && backend_now() < deadline) {
		armed = deadline;
		xen_set_timer_op(deadline == DEVICE_NEVER ? 0 : deadline + start);
		vcpu.pending = 0;
		if (vcpu_info()->evtchn_pending_sel)
			break;
		xen_sched_op(SCHEDOP_block, NULL);
	}
	if (events_taken())
		time_fired();
}

/* The counter's frequency is what makes its ticks nanoseconds. */
static uint64_t tsc_khz(const struct vcpu_time_info *time)
{
	uint64_t khz = UINT64_C(1000000) << 32;

	khz /= time->tsc_to_system_mul;
	return time->tsc_shift < 0 ? khz << -time->tsc_shift : khz >> time->tsc_shift;
}

void time_start(void)
{
	xen_vcpu_op(VCPUOP_stop_periodic_timer, NULL);
	events_bind(VIRQ_TIMER);
	start = system_time();
	vmm_tsc_khz = tsc_khz(&vcpu_info()->time);
}
