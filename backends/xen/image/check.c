/* SPDX-License-Identifier: BSD-2-Clause */
/* The wedge loads the kernel with the loader of `afterburn run`. What that would
 * refuse is refused here, where the user sees it: the kernel is loaded for once, as linked,
 * into memory of this process. */
#include "asrewrite/diag.h"
#include "backends/xen/image/image.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define SCRATCH (UINT64_C(1) << 30) /* addresses; only what the kernel fills is taken */

/* Whether the initial RAM disk fits depends on the domain's memory, which is not known here. */
static int check_boot(const struct parts *parts, uint8_t *ram, const struct load_result *loaded)
{
	struct boot_request request = {
		.ram = ram,
		.ram_size = SCRATCH,
		.kernel = loaded->lowest,
		.kernel_end = loaded->end,
		.command_line = parts->command_line,
	};
	struct boot_result result;
	struct load_failure failure;

	return boot_setup(&request, &result, &failure)
		       ? RUN_EXIT_OK
		       : input_complain(&failure, parts->kernel.name);
}

int image_check(const struct parts *parts)
{
	struct load_request request = {.ram_size = SCRATCH};
	struct load_result loaded;
	void *ram = mmap(NULL, SCRATCH, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int result;

	if (ram == MAP_FAILED) {
		ab_error("no addresses to load the kernel at for a check: %s", strerror(errno));
		return RUN_EXIT_HOST;
	}
	request.ram = ram;
	result = input_load(&parts->kernel, &request, &loaded);
	if (!result)
		result = check_boot(parts, ram, &loaded);
	munmap(ram, SCRATCH);
	return result;
}
