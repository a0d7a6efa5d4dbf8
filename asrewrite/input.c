/* SPDX-License-Identifier: BSD-2-Clause */
/*@034 Hand-over: the rewritten text never becomes a file
 *
 * It is written to a memfd that the real assembler inherits and opens by its
 * /proc name. Nothing is left behind when anyone is killed, and a full disk is
 * the real assembler's own affair.
 */
#include "asrewrite/input.h"

#include "asrewrite/diag.h"
#include "asrewrite/emit.h"
#include "asrewrite/lexer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_READ (64 * 1024)

static int fail_read(const struct ab_input *input)
{
	ab_error("cannot read %s: %s", input->name, strerror(errno));
	return AB_EXIT_INPUT;
}

static int read_fd(struct ab_input *input, int fd, size_t expected)
{
	size_t room = expected ? expected + 1 : FIRST_READ;
	ssize_t got;

	input->text = malloc(room + 1);
	for (;;) {
		if (!input->text) {
			errno = ENOMEM;
			return fail_read(input);
		}
		got = read(fd, input->text + input->len, room - input->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_read(input);
		if (got == 0)
			break;
		input->len += (size_t)got;
		if (input->len == room) {
			char *larger = realloc(input->text, room * 2 + 1);
			if (!larger)
				free(input->text);
			input->text = larger;
			room *= 2;
		}
	}
	input->text[input->len] = '\0';
	return 0;
}

int ab_input_read(struct ab_input *input, const char *path)
{
	struct stat st;
	int fd = 0, status;

	*input = (struct ab_input){.path = path, .name = path};
	if (!path || strcmp(path, "-") == 0 || !*path) {
		input->path = NULL;
		input->name = "{standard input}"; /* gas's word for it */
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		input->missing = true;
		if (fd > 0)
			close(fd);
		return 0;
	}
	status = read_fd(input, fd, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0);
	if (fd > 0)
		close(fd);
	return status;
}

void ab_input_free(struct ab_input *input)
{
	free(input->text);
	ab_edits_free(&input->edits);
}

static size_t line_marker(char *out, const char *name)
{
	size_t len = (size_t)sprintf(out, "# 1 \"");

	len += ab_quote(out + len, name);
	return len + (size_t)sprintf(out + len, "\"\n");
}

static int write_all(int fd, const struct ab_input *input)
{
	char marker[2 * PATH_MAX + 16];
	size_t len;

	/* #NO_APP on the first line switches gas's scrubber off: then nothing may precede it */
	if (ab_text_is_no_app(input->text, input->len))
		return ab_edits_write(&input->edits, input->text, input->len, fd);
	if (strlen(input->name) > PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	len = line_marker(marker, input->name);
	if (write(fd, marker, len) != (ssize_t)len)
		return -1;
	return ab_edits_write(&input->edits, input->text, input->len, fd);
}

char *ab_input_hand_over(const struct ab_input *input)
{
	static char name[32];
	int fd = memfd_create("afterburn", 0); /* no close-on-exec: the assembler opens it */
	char *copy;

	signal(SIGXFSZ, SIG_IGN); /* a file size limit holds for memory files too: EFBIG instead */
	if (fd < 0 || write_all(fd, input) < 0) {
		ab_error("cannot hand over %s: %s", input->name, strerror(errno));
		return NULL;
	}
	signal(SIGXFSZ, SIG_DFL);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (access(name, R_OK) < 0) {
		ab_error("cannot hand over %s: %s is not there (is /proc mounted?)", input->name,
			 name);
		return NULL;
	}
	copy = strdup(name);
	if (!copy)
		abort();
	return copy;
}
