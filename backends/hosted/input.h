/* SPDX-License-Identifier: BSD-2-Clause */
/* The user's files, for the commands of the back-ends: kernel and initial RAM disk. */
#ifndef AFTERBURN_BACKENDS_HOSTED_INPUT_H
#define AFTERBURN_BACKENDS_HOSTED_INPUT_H

#include "backends/hosted/exit.h"
#include "vmm/load.h"

struct input {
	const char *name; /* NULL: not opened */
	const uint8_t *bytes;
	uint64_t size;
};

/* Map a regular file that is not empty. Returns RUN_EXIT_OK, or says what is wrong
 * and returns RUN_EXIT_INPUT. */
int input_open(struct input *input, const char *name);
void input_close(struct input *input);

/* Say what the loader has against `file`; returns RUN_EXIT_INPUT. */
int input_complain(const struct load_failure *failure, const char *file);

/* load_kernel() of an afterburned kernel. Returns RUN_EXIT_OK, or says what is
 * wrong with `kernel`, also that it is not afterburned, and returns RUN_EXIT_INPUT. */
int input_load(const struct input *kernel, struct load_request *request,
	       struct load_result *result);

#endif
