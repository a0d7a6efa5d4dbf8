/* SPDX-License-Identifier: BSD-2-Clause */
/* The console: Xen's own for the first domain, a ring for others. */
#include "backends/xen/private.h"
#include "test/unit/xen/fake_run.h"
#include "test/unit/xen/fake_xen.h"
#include "vmm/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING ((unsigned)sizeof(console_ring.ring.out))
#define PORT 5

union shared_page shared_page __attribute__((aligned(4096)));
start_info_t start_info;

static char got[8192];
static size_t got_count;

/* xenconsoled, when it gets its turn. */
static void consume(void)
{
	struct xencons_interface *ring = &console_ring.ring;

	assert_true(ring->out_prod - ring->out_cons <= RING);
	while (ring->out_cons != ring->out_prod)
		got[got_count++] = ring->out[MASK_XENCONS_IDX(ring->out_cons++, ring->out)];
}

static int setup_first(void **state)
{
	(void)state;
	fake_xen_start();
	start_info.flags = SIF_INITDOMAIN;
	console_start();
	return 0;
}

static int setup_other(void **state)
{
	(void)state;
	fake_xen_start();
	events_start();
	start_info.flags = 0;
	start_info.console.domU.evtchn = PORT;
	console_start();
	fake_on_yield = consume;
	return 0;
}

static void text(char *to, size_t length, unsigned from)
{
	for (size_t i = 0; i < length; i++)
		to[i] = (char)('a' + (from + i) % 23);
}

static void characters_are_collected(void **state)
{
	static char long_text[3000];

	(void)state;
	assert_int_not_equal(fake_domain.port_of[VIRQ_CONSOLE], 0);
	fake_clear_calls();
	backend_console_write("one ", 4);
	backend_console_write("two", 3);
	assert_int_equal(fake_log.count, 0);
	console_flush();
	console_flush();
	assert_int_equal(fake_log.count, 1);
	assert_string_equal(fake_console.text, "one two");
	text(long_text, sizeof(long_text), 0);
	backend_console_write(long_text, sizeof(long_text));
	console_flush();
	assert_int_equal(fake_log.count, 4);
	assert_memory_equal(fake_console.text + 7, long_text, sizeof(long_text));
}

static void the_first_domain_reads(void **state)
{
	char room[8];

	(void)state;
	assert_int_equal(backend_console_read(room, sizeof(room)), 0);
	fake_console.typed = "hello, world";
	assert_int_equal(backend_console_read(room, sizeof(room)), 8);
	assert_memory_equal(room, "hello, w", 8);
	assert_int_equal(backend_console_read(room, sizeof(room)), 4);
	fake_refuse(__HYPERVISOR_console_io, -1, 0);
	assert_int_equal(backend_console_read(room, sizeof(room)), 0);
}

/* `at`: where the ring's counters stand. */
static void write_from(XENCONS_RING_IDX at)
{
	static char out[600];

	console_ring.ring.out_prod = console_ring.ring.out_cons = at;
	got_count = 0;
	for (unsigned i = 0; i < 12; i++) {
		text(out, sizeof(out), i * (unsigned)sizeof(out));
		backend_console_write(out, sizeof(out));
		console_flush();
		consume();
	}
	assert_int_equal(got_count, 12 * sizeof(out));
	for (unsigned i = 0; i < got_count; i++)
		assert_int_equal(got[i], 'a' + i % 23);
}

static void rings_wrap(void **state)
{
	(void)state;
	assert_false(shared_page.info.evtchn_mask[0] & BIT(PORT));
	write_from(0);
	write_from(RING - 3);
	write_from(UINT32_MAX - 700); /* and so do the counters */
	assert_int_equal(fake_log.yields, 0);
	assert_int_equal(fake_log.events, 3 * 12);
	assert_int_equal(fake_log.by_number[__HYPERVISOR_console_io], 0);
}

static void full_rings_yield(void **state)
{
	static char out[5000];

	(void)state;
	text(out, sizeof(out), 0);
	backend_console_write(out, sizeof(out)); /* five times as much as is collected */
	console_flush();
	assert_true(fake_log.yields >= 2);
	consume();
	assert_int_equal(got_count, sizeof(out));
	assert_memory_equal(got, out, sizeof(out));
}

/* Nobody takes anything for a while: nothing is written over. */
static void patient(void)
{
	if (fake_log.yields % 10 == 0)
		consume();
}

static void slow_readers_lose_nothing(void **state)
{
	static char out[4000];

	(void)state;
	fake_on_yield = patient;
	text(out, sizeof(out), 0);
	backend_console_write(out, sizeof(out));
	console_flush();
	consume();
	assert_memory_equal(got, out, sizeof(out));
}

static void typed_text_wraps(void **state)
{
	struct xencons_interface *ring = &console_ring.ring;
	unsigned size = sizeof(ring->in);
	char room[256];

	(void)state;
	assert_int_equal(backend_console_read(room, sizeof(room)), 0);
	assert_int_equal(fake_log.events, 0);
	ring->in_cons = ring->in_prod = UINT32_MAX - 9;
	for (unsigned i = 0; i < 20; i++)
		ring->in[(ring->in_prod++) % size] = (char)('a' + i);
	assert_int_equal(backend_console_read(room, 12), 12);
	assert_memory_equal(room, "abcdefghijkl", 12);
	assert_int_equal(backend_console_read(room, sizeof(room)), 8);
	assert_memory_equal(room, "mnopqrst", 8);
	assert_int_equal(ring->in_cons, 10);
	assert_int_equal(fake_log.events, 2); /* there is room again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(characters_are_collected, setup_first),
		cmocka_unit_test_setup(the_first_domain_reads, setup_first),
		cmocka_unit_test_setup(rings_wrap, setup_other),
		cmocka_unit_test_setup(full_rings_yield, setup_other),
		cmocka_unit_test_setup(slow_readers_lose_nothing, setup_other),
		cmocka_unit_test_setup(typed_text_wraps, setup_other),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
