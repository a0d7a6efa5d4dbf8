/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels: which are open, and taking what has come. */
#include "backends/xen/private.h"
#include "backends/xen/stats.h"
#include "test/unit/xen/fake_end.h"
#include "test/unit/xen/fake_run.h"
#include "test/unit/xen/fake_xen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

union shared_page shared_page __attribute__((aligned(4096)));

static int setup(void **state)
{
	(void)state;
	fake_xen_start();
	vcpu = (struct vcpu){.masked = 1};
	events_start();
	return 0;
}

/* As Xen does: what is masked does not reach the selector. */
static void come(unsigned port)
{
	shared_page.info.evtchn_pending[port / 64] |= BIT(port % 64);
	if (!(shared_page.info.evtchn_mask[port / 64] & BIT(port % 64))) {
		vcpu_info()->evtchn_pending_sel |= BIT(port / 64);
		vcpu.pending = 1;
	}
}

static void all_begin_closed(void **state)
{
	(void)state;
	for (unsigned port = 0; port < 4096; port++)
		come(port);
	assert_false(events_taken());
}

static void open_ones_are_taken(void **state)
{
	(void)state;
	events_open(3);
	events_open(64);
	events_open(4095);
	come(3);
	come(4);
	come(4095);
	assert_true(events_taken());
	assert_int_equal(shared_page.info.evtchn_pending[0], BIT(4));
	assert_int_equal(shared_page.info.evtchn_pending[63], 0);
	assert_false(events_taken());
	come(64);
	assert_true(events_taken());
	assert_int_equal(stats[STAT_EVENTS], 2);
}

static void others_keep_their_bits(void **state)
{
	(void)state;
	events_open(3);
	assert_int_equal(shared_page.info.evtchn_mask[0], ~BIT(3));
	come(3);
	come(70);
	assert_true(events_taken());
	assert_int_equal(shared_page.info.evtchn_pending[1], BIT(6));
	assert_true(vcpu.masked); /* the front-end's affair */
}

static void binding_opens(void **state)
{
	unsigned port;

	(void)state;
	port = events_bind(VIRQ_TIMER);
	assert_int_equal(port, fake_domain.port_of[VIRQ_TIMER]);
	come(port);
	assert_true(events_taken());
	assert_ends(events_bind(VIRQ_TIMER), "binding a virtual interrupt, error 17");
	events_send(9);
	assert_int_equal(fake_log.events, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_begin_closed, setup),
		cmocka_unit_test_setup(open_ones_are_taken, setup),
		cmocka_unit_test_setup(others_keep_their_bits, setup),
		cmocka_unit_test_setup(binding_opens, setup),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
