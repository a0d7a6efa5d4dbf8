/* SPDX-License-Identifier: BSD-2-Clause */
/* Can this host keep guest applications from the guest's kernel and from the machine's
 * process? Where it cannot, the user has to say that it need not.
 */
#include "asrewrite/diag.h"
#include "backends/linux/launcher/run.h"

#include <sys/mman.h>

/* Asking for a key is the only test of processor, kernel and policy at once. */
bool run_host_isolates(void)
{
	int key = pkey_alloc(0, 0);

	if (key < 0)
		return false;
	pkey_free(key);
	return true;
}

int run_isolation(struct run *run)
{
	run->shared->isolation = !run->no_isolation && run_host_isolates();
	if (run->shared->isolation)
		return RUN_EXIT_OK;
	if (run->no_isolation) {
		ab_note("no isolation: the guest's applications can reach its kernel, and what "
			"this user may do here");
		return RUN_EXIT_OK;
	}
	ab_error("this host has no memory protection keys (`pku' and `ospke' in /proc/cpuinfo): "
		 "nothing would keep the guest's applications from its kernel and from this "
		 "process; if you trust them, say --no-isolation");
	return RUN_EXIT_HOST;
}
