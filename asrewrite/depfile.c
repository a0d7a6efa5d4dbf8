/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/depfile.h"

#include "asrewrite/diag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void replace(FILE *out, const char *text, char *const *handed, const struct ab_input *inputs,
		    int n)
{
	while (*text) {
		int i = 0;

		while (i < n &&
		       (!handed[i] || strncmp(text, handed[i], strlen(handed[i])) != 0 ||
			(text[strlen(handed[i])] >= '0' && text[strlen(handed[i])] <= '9')))
			i++;
		if (i < n) {
			fputs(inputs[i].name, out);
			text += strlen(handed[i]);
		} else {
			fputc(*text++, out);
		}
	}
}

int ab_depfile_fix(const char *path, char *const *handed, const struct ab_input *inputs, int n)
{
	struct ab_input file;
	FILE *out;
	int status = ab_input_read(&file, path);

	if (status || file.missing)
		return status; /* the assembler failed before it wrote one */
	out = fopen(path, "we");
	if (out)
		replace(out, file.text, handed, inputs, n);
	if (!out || fclose(out) != 0) {
		ab_error("cannot write %s: %s", path, strerror(errno));
		status = AB_EXIT_HANDOVER;
	}
	ab_input_free(&file);
	return status;
}
