/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of text without a C library: for messages of the VMM itself. */
#ifndef AFTERBURN_VMM_FORMAT_H
#define AFTERBURN_VMM_FORMAT_H

#include "vmm/types.h"

/* Text that does not fit is cut off; `text` always ends with a NUL. */
struct line {
	size_t length;
	char text[240];
};

/* Each appends to `line` and returns it, so that calls nest. Start with { 0 }. */
struct line *line_text(struct line *line, const char *text);
struct line *line_hex(struct line *line, uint64_t value);
struct line *line_decimal(struct line *line, uint64_t value);
/* " name=0x..." */
struct line *line_field(struct line *line, const char *name, uint64_t value);

/* Append a newline and hand the line to backend_log(). */
void line_log(struct line *line);

#endif
