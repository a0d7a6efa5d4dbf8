/* SPDX-License-Identifier: BSD-2-Clause */
/* How a domain ends: the reason that Xen's tools show, and what it says before. */
#include "backends/xen/private.h"
#include "backends/xen/stats.h"
#include "test/unit/xen/fake_run.h"
#include "test/unit/xen/fake_xen.h"
#include "vmm/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static jmp_buf end;
static char said[4096];
static size_t said_count;

void console_flush(void)
{
	fake_log.events++; /* before the domain is gone */
}

void backend_console_write(const char *text, size_t length)
{
	assert_true(said_count + length < sizeof(said));
	memcpy(said + said_count, text, length);
	said_count += length;
}

void stats_print(void)
{
}

static void on_shutdown(void)
{
	assert_true(fake_log.events > 0);
	longjmp(end, 1);
}

static int setup(void **state)
{
	(void)state;
	fake_xen_start();
	vcpu = (struct vcpu){.cpl = 3, .cr2 = 0x1234};
	vcpu.regs.rip = 0xabcdef;
	fake_on_shutdown = on_shutdown;
	memset(said, 0, sizeof(said));
	said_count = 0;
	return 0;
}

static void exits(enum backend_exit why, unsigned code, unsigned reason, const char *text)
{
	setup(NULL);
	if (!setjmp(end))
		backend_exit(why, code);
	assert_int_equal(fake_domain.reason, reason);
	assert_non_null(strstr(said, text));
}

static void ends_have_reasons(void **state)
{
	(void)state;
	exits(BACKEND_EXIT_POWER_OFF, 0, SHUTDOWN_poweroff, "afterburn: power off, code 0\n");
	exits(BACKEND_EXIT_POWER_OFF, 7, SHUTDOWN_crash, "afterburn: power off, code 7\n");
	exits(BACKEND_EXIT_RESET, 0, SHUTDOWN_reboot, "afterburn: reset\n");
	exits(BACKEND_EXIT_TRIPLE, 0, SHUTDOWN_crash, "afterburn: triple fault\n");
	exits(BACKEND_EXIT_HALTED, 0, SHUTDOWN_crash, "afterburn: halted with interrupts off\n");
}

static void failures_show_the_guest(void **state)
{
	(void)state;
	if (!setjmp(end))
		die("something is wrong", "address", 0x5678);
	assert_int_equal(fake_domain.reason, SHUTDOWN_crash);
	assert_non_null(strstr(said, "afterburn: something is wrong"));
	assert_non_null(strstr(said, "5678"));
	assert_non_null(strstr(said, "abcdef"));
	assert_non_null(strstr(said, "1234"));
}

/* The first reason counts. */
static void failures_of_failures_are_silent(void **state)
{
	(void)state;
	if (!setjmp(end))
		die_hypercall("flushing", -22);
	assert_non_null(strstr(said, "hypercall failed: flushing, error 22"));
	said_count = 0;
	memset(said, 0, sizeof(said));
	if (!setjmp(end))
		backend_fatal("another");
	assert_string_equal(said, "");
	assert_int_equal(fake_domain.reason, SHUTDOWN_crash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_have_reasons),
		cmocka_unit_test_setup(failures_show_the_guest, setup),
		cmocka_unit_test_setup(failures_of_failures_are_silent, setup),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
