/* SPDX-License-Identifier: BSD-2-Clause */
/* Every complaint about a file names it. */
#include "backends/hosted/input.h"

#include "asrewrite/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int input_open(struct input *input, const char *name)
{
	struct stat status;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	void *bytes = NULL;

	if (fd < 0 || fstat(fd, &status)) {
		ab_error("%s: %s", name, strerror(errno));
		return RUN_EXIT_INPUT;
	}
	if (S_ISREG(status.st_mode) && status.st_size)
		bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (!bytes || bytes == MAP_FAILED) {
		ab_error("%s: not a regular file with something in it", name);
		return RUN_EXIT_INPUT;
	}
	*input = (struct input){name, bytes, (uint64_t)status.st_size};
	return RUN_EXIT_OK;
}

void input_close(struct input *input)
{
	if (input->bytes)
		munmap((void *)(uintptr_t)input->bytes, input->size);
	*input = (struct input){0};
}

int input_complain(const struct load_failure *failure, const char *file)
{
	char bytes[3 * sizeof(failure->bytes) + 1] = "";

	for (unsigned i = 0; i < failure->count; i++)
		snprintf(bytes + 3 * i, 4, " %02x", failure->bytes[i]);
	ab_error("%s: %s", file, load_error_text(failure->error));
	if (failure->section || failure->address || failure->offset || failure->value)
		ab_note("section %u, record %" PRIu64 ", address 0x%" PRIx64
			", file offset 0x%" PRIx64 ", value 0x%" PRIx64 "%s%s",
			failure->section, failure->index, failure->address, failure->offset,
			failure->value, failure->count ? ", instruction" : "", bytes);
	return RUN_EXIT_INPUT;
}

int input_load(const struct input *kernel, struct load_request *request, struct load_result *result)
{
	struct load_failure failure;

	request->file = kernel->bytes;
	request->file_size = kernel->size;
	if (!load_kernel(request, result, &failure))
		return input_complain(&failure, kernel->name);
	if (!result->annotations.size) {
		ab_error("%s: no annotations: compile the kernel with `gcc -B' "
			 "(scripts/build-guest --afterburned does)",
			 kernel->name);
		return RUN_EXIT_INPUT;
	}
	return RUN_EXIT_OK;
}
