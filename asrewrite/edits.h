/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Insertions into a text that otherwise stays as it is. The result is never
 * built in memory: an iovec alternates between spans of the input and inserted
 * pieces, and one writev hands it to the kernel.
 */
#ifndef AFTERBURN_EDITS_H
#define AFTERBURN_EDITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ab_edit {
	size_t at;	  /* offset in the input text */
	size_t text, len; /* span of ab_edits.pieces */
};

struct ab_edits {
	struct ab_edit *list; /* ascending `at`; equal ones in insertion order */
	size_t count, room;
	size_t optional; /* edits that are of no use on their own (ab_edits_optional) */
	char *pieces;
	size_t used, pieces_room;
};

/* Insert printf-formatted text at input offset `at`, which must not decrease between calls. */
void ab_edits_insert(struct ab_edits *edits, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ab_edits_append(struct ab_edits *edits, size_t at, const char *text, size_t len);
/* Count the newest edit as one that only other edits make necessary. */
void ab_edits_optional(struct ab_edits *edits);

/* True if the text must be handed over in its edited form. */
static inline bool ab_edits_needed(const struct ab_edits *edits)
{
	return edits->count > edits->optional;
}

void ab_edits_free(struct ab_edits *edits);

/* Bytes of the edited text. */
size_t ab_edits_size(const struct ab_edits *edits, size_t input_len);

/*
 * Write the edited text of `input` to `fd`, whole or not at all as far as the
 * caller can tell: 0, or -1 with errno.
 */
int ab_edits_write(const struct ab_edits *edits, const char *input, size_t input_len, int fd);

#endif
