/* SPDX-License-Identifier: BSD-2-Clause */
/* A file appears under its name when all of it is written. Until then it has another
 * name in the same directory, and the signals that would leave it there wait. */
#include "asrewrite/diag.h"
#include "backends/xen/image/image.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, const struct piece *piece)
{
	const char *from = piece->bytes;

	for (uint64_t done = 0; done < piece->size;) {
		ssize_t some =
			pwrite(fd, from + done, piece->size - done, (off_t)(piece->offset + done));

		if (some < 0 && errno != EINTR)
			return false;
		if (some > 0)
			done += (uint64_t)some;
	}
	return true;
}

static bool fill(int fd, const struct piece *pieces, unsigned count, uint64_t bytes)
{
	mode_t mask = umask(0);

	umask(mask);
	if (ftruncate(fd, (off_t)bytes) || fchmod(fd, 0666 & ~mask))
		return false;
	for (unsigned i = 0; i < count; i++)
		if (!write_all(fd, &pieces[i]))
			return false;
	return true;
}

/* errno says why if it fails, and no file is left. */
static bool make(const char *name, char *partial, const struct piece *pieces, unsigned count,
		 uint64_t bytes)
{
	int fd = mkstemp(partial), reason;
	bool good;

	if (fd < 0)
		return false;
	good = fill(fd, pieces, count, bytes);
	reason = errno;
	if (close(fd) && good) {
		good = false;
		reason = errno;
	}
	if (good && rename(partial, name)) {
		good = false;
		reason = errno;
	}
	if (!good)
		unlink(partial);
	errno = reason;
	return good;
}

static int refuse(const char *name, const char *why)
{
	ab_error("%s: %s", name, why);
	return RUN_EXIT_HOST;
}

int image_write(const char *name, const struct piece *pieces, unsigned count, uint64_t bytes)
{
	struct stat status;
	sigset_t ends, before;
	char *partial;
	bool good;

	if (!stat(name, &status) && !S_ISREG(status.st_mode))
		return refuse(name, "is there and no regular file");
	if (asprintf(&partial, "%s.XXXXXX", name) < 0)
		abort();
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	good = make(name, partial, pieces, count, bytes);
	free(partial);
	if (!good)
		refuse(name, strerror(errno));
	sigprocmask(SIG_SETMASK, &before, NULL);
	return good ? RUN_EXIT_OK : RUN_EXIT_HOST;
}
