/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_end.h explains. */
#include "test/unit/xen/fake_end.h"

#include "backends/xen/private.h"
#include "vmm/backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

jmp_buf fake_end;
bool fake_end_expected;
char fake_reason[256];

_Noreturn void backend_fatal(const char *reason)
{
	if (reason != fake_reason)
		snprintf(fake_reason, sizeof(fake_reason), "%s", reason);
	if (fake_end_expected)
		longjmp(fake_end, 1);
	fail_msg("the domain ends: %s", fake_reason);
	abort();
}

_Noreturn void die(const char *reason, const char *name, uint64_t value)
{
	snprintf(fake_reason, sizeof(fake_reason), "%s %s=%#lx", reason, name, value);
	backend_fatal(fake_reason);
}

_Noreturn void die_hypercall(const char *what, long result)
{
	snprintf(fake_reason, sizeof(fake_reason), "hypercall failed: %s, error %ld", what,
		 -result);
	backend_fatal(fake_reason);
}
