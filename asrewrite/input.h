/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading assembler inputs, and handing rewritten ones over without a file. */
#ifndef AFTERBURN_INPUT_H
#define AFTERBURN_INPUT_H

#include "asrewrite/edits.h"

#include <stdbool.h>
#include <stddef.h>

struct ab_input {
	const char *path; /* NULL: standard input */
	const char *name; /* as gas prints it */
	char *text;	  /* owned; text[len] is 0 */
	size_t len;
	bool missing; /* could not be read: the real assembler shall say so */
	struct ab_edits edits;
};

/* Read path (NULL or "-": standard input) whole. 0, or an enum ab_exit with a message. */
int ab_input_read(struct ab_input *input, const char *path);
void ab_input_free(struct ab_input *input);

/*
 * Put the edited text into a memory file and return a name for it that the
 * real assembler can open ("/proc/self/fd/N"), or NULL with a message. The
 * text is preceded by a line marker, so that messages and debug information
 * keep the input's own name and line numbers.
 */
char *ab_input_hand_over(const struct ab_input *input);

#endif
