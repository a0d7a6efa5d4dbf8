/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the host tools: "file:line: reason", the offending text, a caret. */
#ifndef AFTERBURN_DIAG_H
#define AFTERBURN_DIAG_H

#include <stddef.h>

/* Exit codes of `as` and `afterburn`; 0 and 1 are those of the program run. */
enum ab_exit {
	AB_EXIT_OK = 0,
	AB_EXIT_FAIL = 1,    /* the check failed; or the real assembler's own failure */
	AB_EXIT_USAGE = 2,   /* afterburn: bad command line */
	AB_EXIT_ENV = 101,   /* bad AFTERBURN_* value, or a guest command line we cannot serve */
	AB_EXIT_RULES = 102, /* rule file unreadable or malformed */
	AB_EXIT_INPUT = 103, /* input unreadable, or text we must not rewrite */
	AB_EXIT_ASSEMBLER = 104, /* real assembler missing or not executable */
	AB_EXIT_RECURSION = 105, /* the "real assembler" is this program again */
	AB_EXIT_HANDOVER = 106,	 /* rewritten text could not be handed over (memory, /proc) */
};

/* A place in a text, for a message with a caret. `col` counts bytes from 0. */
struct ab_place {
	const char *file;  /* name to print */
	unsigned line;	   /* from 1; 0: no line, message only */
	const char *text;  /* the line's text, not NUL-terminated; NULL: no caret */
	size_t text_len;   /* bytes */
	size_t col, width; /* caret position and length in bytes */
};

/* Print "PROGRAM: message" / "file:line: message" with caret to stderr. */
void ab_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void ab_error_at(const struct ab_place *at, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ab_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Name printed before messages without a place ("as", "afterburn"). */
extern const char *ab_program;

#endif
