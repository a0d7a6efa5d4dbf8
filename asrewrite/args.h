/* SPDX-License-Identifier: BSD-2-Clause */
/* The assembler's command line, as far as the wrapper must understand it. */
#ifndef AFTERBURN_ARGS_H
#define AFTERBURN_ARGS_H

#include "asrewrite/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ab_args {
	int argc;
	char **argv; /* response files expanded; argv[0] is the caller's */
	int *inputs; /* indices into argv of input files, in order; "-" and "--" are stdin */
	int ninputs;
	const char *output;  /* -o, default "a.out" */
	const char *depfile; /* --MD FILE, or NULL */
	uint8_t mode;	     /* AB_MODE_* selected by --32, --64, --x32 (or the target's default) */
	bool probe;	     /* --version, --help, ...: nothing is assembled */
	bool mri;	     /* -M: MRI syntax from the first line on */
};

/*
 * Classify argv for an assembler of `target`. Follows gas's own use of
 * getopt_long_only; options it does not know are taken as words of their own
 * and left for the real assembler to judge. Storage lives as long as the
 * process. Returns 0 or an enum ab_exit (a response file that cannot be read is
 * no error here: gas treats `@file` as a name then).
 */
int ab_args_parse(struct ab_args *args, int argc, char **argv, const struct ab_target *target);

#endif
