/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks made of what Xen publishes, and the one timer. */
#include "backends/xen/private.h"
#include "test/unit/xen/fake_run.h"
#include "test/unit/xen/fake_xen.h"
#include "vmm/backend.h"
#include "vmm/device.h"
#include "vmm/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

union shared_page shared_page __attribute__((aligned(4096)));

static uint64_t tsc;
static void (*on_tsc)(void); /* Xen, while the counter is read */

unsigned long long fake_tsc(void)
{
	if (on_tsc)
		on_tsc();
	return tsc;
}

void console_flush(void)
{
}

#define BEGIN UINT64_C(5000000000)

static struct vcpu_time_info *times(void)
{
	return &vcpu_info()->time;
}

/* `mul` / 2^32 * 2^shift nanoseconds a tick; this domain begins at BEGIN of Xen's time. */
static void begin(uint32_t mul, int8_t shift)
{
	fake_xen_start();
	vcpu = (struct vcpu){.masked = 1};
	tsc = 1000;
	*times() = (struct vcpu_time_info){.version = 2,
					   .tsc_timestamp = 1000,
					   .system_time = BEGIN,
					   .tsc_to_system_mul = mul,
					   .tsc_shift = shift};
	events_start();
	time_start();
	fake_clear_calls();
}

static int setup(void **state)
{
	(void)state;
	begin(0x80000000, 1); /* 1 GHz */
	return 0;
}

static void ticks_become_nanoseconds(void **state)
{
	(void)state;
	assert_int_equal(fake_domain.stopped_timer, 1);
	assert_int_equal(vmm_tsc_khz, 1000000);
	assert_int_equal(backend_now(), 0);
	tsc += 12345;
	assert_int_equal(backend_now(), 12345);
	begin(0x80000000, 0);
	assert_int_equal(vmm_tsc_khz, 2000000);
	tsc += 1000;
	assert_int_equal(backend_now(), 500);
	begin(0x80000000, -2);
	assert_int_equal(vmm_tsc_khz, 8000000);
	tsc += 80003;
	assert_int_equal(backend_now(), 10000);
	begin(0xfa000000, 3); /* 128 MHz: 7.8125 */
	assert_int_equal(vmm_tsc_khz, 128000);
	tsc += 1000;
	assert_int_equal(backend_now(), 7812);
	tsc += UINT64_C(128000000) * 86400 * 300; /* nobody looked for 300 days */
	assert_int_equal(backend_now(), UINT64_C(1000000000) * 86400 * 300 + 7812);
}

static unsigned looks;

/* Xen is at it when we look first, and again behind our back the second time. */
static void change(void)
{
	looks++;
	if (looks == 1) {
		times()->version = 4;
	} else if (looks == 2) {
		times()->version = 6;
		times()->system_time = BEGIN + 500;
		times()->tsc_timestamp = tsc;
	}
}

static void half_written_times_are_read_again(void **state)
{
	(void)state;
	tsc += 700;
	times()->version = 3;
	times()->system_time = 0; /* nonsense, as yet */
	on_tsc = change;
	assert_int_equal(backend_now(), 500);
	assert_int_equal(looks, 3);
}

static void there_is_a_date(void **state)
{
	(void)state;
	shared_page.info.wc_version = 8;
	shared_page.info.wc_sec = 1700000000;
	shared_page.info.wc_nsec = 999999999;
	assert_int_equal(backend_wall_clock(), 1700000005);
	tsc++;
	assert_int_equal(backend_wall_clock(), 1700000006);
}

/* --- the timer -------------------------------------------------------------------------------- */

static unsigned settings(void)
{
	return fake_log.by_number[__HYPERVISOR_set_timer_op];
}

static void later_deadlines_wait(void **state)
{
	(void)state;
	time_arm();
	assert_int_equal(settings(), 0); /* never */
	backend_set_timer(1000);
	time_arm();
	assert_int_equal(fake_domain.deadline, BEGIN + 1000);
	backend_set_timer(2000);
	time_arm();
	assert_int_equal(settings(), 1);
	backend_set_timer(500);
	time_arm();
	assert_int_equal(fake_domain.deadline, BEGIN + 500);
	backend_set_timer(2000);
	time_arm();
	assert_int_equal(settings(), 2);
	time_fired();
	time_arm();
	assert_int_equal(fake_domain.deadline, BEGIN + 2000);
	assert_int_equal(settings(), 3);
}

static void go_off(void)
{
	unsigned port = fake_domain.port_of[VIRQ_TIMER];

	if (fake_log.blocks < 3)
		return; /* woken for nothing */
	assert_int_equal(vcpu.pending, 0);
	tsc = fake_domain.deadline - BEGIN + 1000;
	shared_page.info.evtchn_pending[port / 64] |= BIT(port % 64);
	vcpu_info()->evtchn_pending_sel |= BIT(port / 64);
	vcpu.pending = 1;
}

static void idling_waits_for_the_timer(void **state)
{
	(void)state;
	fake_on_block = go_off;
	backend_set_timer(4000);
	backend_idle();
	assert_int_equal(fake_log.blocks, 3);
	assert_int_equal(backend_now(), 4000);
	assert_int_equal(vcpu_info()->evtchn_pending_sel, 0); /* taken */
	backend_set_timer(9000);
	time_arm();
	assert_int_equal(fake_domain.deadline, BEGIN + 9000); /* Xen knows of none */
}

/* Such an alarm goes off at once, and whoever blocks then sleeps forever. */
static void stale_deadlines_do_not_block(void **state)
{
	(void)state;
	tsc += 5000;
	backend_set_timer(4999);
	backend_idle();
	backend_set_timer(5000);
	backend_idle();
	assert_int_equal(fake_log.blocks, 0);
	assert_int_equal(settings(), 0);
}

static void events_do_not_block(void **state)
{
	(void)state;
	vcpu_info()->evtchn_pending_sel = 1;
	backend_set_timer(1000000);
	backend_idle();
	assert_int_equal(fake_log.blocks, 0);
	assert_int_equal(vcpu_info()->evtchn_pending_sel, 0);
}

static void type_something(void)
{
	assert_int_equal(fake_domain.deadline, 0); /* none */
	vcpu_info()->evtchn_pending_sel = 1;
}

static void without_a_timer(void **state)
{
	(void)state;
	fake_on_block = type_something;
	backend_set_timer(DEVICE_NEVER);
	backend_idle();
	assert_int_equal(fake_log.blocks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ticks_become_nanoseconds, setup),
		cmocka_unit_test_setup(half_written_times_are_read_again, setup),
		cmocka_unit_test_setup(there_is_a_date, setup),
		cmocka_unit_test_setup(later_deadlines_wait, setup),
		cmocka_unit_test_setup(idling_waits_for_the_timer, setup),
		cmocka_unit_test_setup(stale_deadlines_do_not_block, setup),
		cmocka_unit_test_setup(events_do_not_block, setup),
		cmocka_unit_test_setup(without_a_timer, setup),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
