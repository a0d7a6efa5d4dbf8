/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between gas targets, as far as text is concerned: comments,
 * separators, prefixes, pads. Facts read off gas 2.40 (tc-*.c: comment_chars,
 * line_comment_chars, line_separator_chars; tc-*.h: DOUBLESLASH_LINE_COMMENTS,
 * TC_PREDICATE_START_CHAR) and checked against it by test/null.
 */
#ifndef AFTERBURN_TARGET_H
#define AFTERBURN_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Character classes of the statement scanner. */
enum ab_char {
	AB_CH_PLAIN,	    /* letters, digits, operators, blanks: nothing to stop for */
	AB_CH_NEWLINE,	    /* ends statement and line */
	AB_CH_SEPARATOR,    /* ends statement */
	AB_CH_COMMENT,	    /* comment up to the end of the line */
	AB_CH_LINE_COMMENT, /* the same, but only where a statement may start */
	AB_CH_SLASH,	    /* may open a comment of two characters */
	AB_CH_STRING,	    /* double quote */
	AB_CH_QUOTE,	    /* single quote: a character constant */
	AB_CH_NUL,	    /* the scanner's end marker; in the input, gas ends a statement there */
};

struct ab_target {
	const char *name;	   /* as in a rule file's `target` line */
	const char *comment;	   /* gas comment_chars */
	const char *line_comment;  /* gas line_comment_chars */
	const char *separator;	   /* gas line_separator_chars */
	bool double_slash;	   /* `//` is a comment */
	bool no_char_constants;	   /* a single quote is plain text */
	bool column_labels;	   /* a word in column 0 is a label without colon */
	bool no_string_escapes;	   /* a backslash in a string is plain text */
	char predicate[2];	   /* ia64 `(p6) insn`: the bracket pair; 0: none */
	char section_type;	   /* '@' or '%' in .section type words */
	uint8_t nop_len;	   /* bytes of the target's nop; 0: pads are not supported */
	const char *nop;	   /* statement of one nop; NULL: x86 encodes its own bytes */
	const char *short_options; /* target part of the assembler's getopt string */
};

/* Target by name ("x86", "ia64", ...), or NULL. */
const struct ab_target *ab_target_by_name(const char *name, size_t len);

/* Target of an assembler called `program` ("aarch64-linux-gnu-as"); the build's own without prefix.
 */
const struct ab_target *ab_target_of_program(const char *program);

/* True if an assembler called `program` ("i686-linux-gnu-as") assembles 32-bit x86 by default. */
bool ab_program_is_i386(const char *program);

/* Fill `map` with the target's character classes. */
void ab_target_chars(const struct ab_target *target, uint8_t map[static 256]);

size_t ab_target_count(void);
const struct ab_target *ab_target_at(size_t i);

#endif
