/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ab_program = "afterburn";

/* Longest line shown under a message; generated assembly has longer ones. */
#define SHOWN_MAX 160

static void vmessage(const char *prefix, const char *fmt, va_list args)
{
	fprintf(stderr, "%s: ", prefix);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void ab_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vmessage(ab_program, fmt, args);
	va_end(args);
}

void ab_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vmessage(ab_program, fmt, args);
	va_end(args);
}

/* The caret line copies the text's tabs, so that columns agree in any width. */
static void show_caret(const struct ab_place *at)
{
	size_t shown = at->text_len < SHOWN_MAX ? at->text_len : SHOWN_MAX;
	size_t width = at->width ? at->width : 1;

	fprintf(stderr, "  %.*s\n  ", (int)shown, at->text);
	if (at->col > shown)
		return (void)fputc('\n', stderr);
	for (size_t i = 0; i < at->col; i++)
		fputc(at->text[i] == '\t' ? '\t' : ' ', stderr);
	fputc('^', stderr);
	for (size_t i = 1; i < width && at->col + i < shown; i++)
		fputc('~', stderr);
	fputc('\n', stderr);
}

void ab_error_at(const struct ab_place *at, const char *fmt, ...)
{
	va_list args;

	if (at->line)
		fprintf(stderr, "%s:%u: ", at->file, at->line);
	else
		fprintf(stderr, "%s: ", at->file);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	if (at->text)
		show_caret(at);
}
