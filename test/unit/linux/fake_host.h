/* SPDX-License-Identifier: BSD-2-Clause */
/* Included in front of what is tested: its system calls come to fake_host.c. */
#ifndef TEST_UNIT_LINUX_FAKE_HOST_H
#define TEST_UNIT_LINUX_FAKE_HOST_H

#include "backends/linux/host.h"

#define host_call6 fake_host_call
long fake_host_call(long nr, long a, long b, long c, long d, long e, long f);

/* A page that the host has mapped: from which offset of which file, with which rights. */
struct fake_page {
	mword va;
	uint64_t offset;
	int protection;
	int file; /* descriptor */
};

/* One host process. */
struct fake_process {
	unsigned count;
	struct fake_page pages[32768];
};

struct fake_calls {
	unsigned maps, unmaps, protects;
	uint64_t populated; /* bytes */
};

extern struct fake_process *fake_process; /* the one that calls */
extern struct fake_process fake_twin;
extern struct fake_calls fake_calls; /* since the test last cleared them */

extern mword fake_placed; /* the last gates_place() */

const struct fake_page *fake_mapped(mword va); /* NULL: not mapped */

#endif
