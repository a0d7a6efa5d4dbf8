/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/edits.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static void *checked_realloc(void *block, size_t size)
{
	block = realloc(block, size);
	if (!block)
		abort();
	return block;
}

void ab_edits_append(struct ab_edits *edits, size_t at, const char *text, size_t len)
{
	assert(!edits->count || edits->list[edits->count - 1].at <= at);
	if (edits->count == edits->room) {
		edits->room = edits->room ? edits->room * 2 : 64;
		edits->list = checked_realloc(edits->list, edits->room * sizeof(*edits->list));
	}
	while (edits->used + len > edits->pieces_room) {
		edits->pieces_room = edits->pieces_room ? edits->pieces_room * 2 : 4096;
		edits->pieces = checked_realloc(edits->pieces, edits->pieces_room);
	}
	memcpy(edits->pieces + edits->used, text, len);
	edits->list[edits->count++] = (struct ab_edit){at, edits->used, len};
	edits->used += len;
}

void ab_edits_insert(struct ab_edits *edits, size_t at, const char *fmt, ...)
{
	char text[2048];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	assert(len >= 0 && (size_t)len < sizeof(text));
	ab_edits_append(edits, at, text, (size_t)len);
}

void ab_edits_optional(struct ab_edits *edits)
{
	edits->optional++;
}

void ab_edits_free(struct ab_edits *edits)
{
	free(edits->list);
	free(edits->pieces);
	*edits = (struct ab_edits){0};
}

size_t ab_edits_size(const struct ab_edits *edits, size_t input_len)
{
	return input_len + edits->used;
}

static int write_all(int fd, struct iovec *iov, int count)
{
	while (count) {
		ssize_t done = writev(fd, iov, count);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		for (; count && (size_t)done >= iov->iov_len; iov++, count--)
			done -= (ssize_t)iov->iov_len;
		if (count) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

int ab_edits_write(const struct ab_edits *edits, const char *input, size_t input_len, int fd)
{
	struct iovec iov[256];
	int n = 0;
	size_t pos = 0;

	for (size_t i = 0; i < edits->count; i++) {
		const struct ab_edit *edit = &edits->list[i];

		if (edit->at > pos)
			iov[n++] = (struct iovec){(char *)input + pos, edit->at - pos};
		iov[n++] = (struct iovec){edits->pieces + edit->text, edit->len};
		pos = edit->at;
		if (n + 2 > 256) {
			if (write_all(fd, iov, n) < 0)
				return -1;
			n = 0;
		}
	}
	if (input_len > pos)
		iov[n++] = (struct iovec){(char *)input + pos, input_len - pos};
	return write_all(fd, iov, n);
}
