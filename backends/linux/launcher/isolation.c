/* SPDX-License-Identifier: BSD-2-Clause */
/* How guest applications are kept from the guest's kernel and from the machine's
 * process: as the user says, or else by the fastest way that this host has.
 */
#include "asrewrite/diag.h"
#include "backends/linux/launcher/run.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int run_parse_isolation(const char *text, int *isolation)
{
	static const char *const names[] = {
		[ISOLATION_NONE] = "none",
		[ISOLATION_KEYS] = "keys",
		[ISOLATION_PROCESSES] = "processes",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			*isolation = (int)i;
			return 0;
		}
	return EINVAL;
}

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
	bool keys = run_host_isolates();

	if (run->isolation == RUN_ISOLATION_BEST)
		run->isolation = keys ? ISOLATION_KEYS : ISOLATION_PROCESSES;
	run->shared->isolation = (uint32_t)run->isolation;
	if (run->isolation == ISOLATION_NONE)
		ab_note("no isolation: the guest's applications can reach its kernel, and what "
			"this user may do here");
	if (run->isolation != ISOLATION_KEYS || keys)
		return RUN_EXIT_OK;
	ab_error("this host has no memory protection keys (`pku' and `ospke' in /proc/cpuinfo): "
		 "use --isolation=processes");
	return RUN_EXIT_HOST;
}
