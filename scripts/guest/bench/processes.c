/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes, and whole programs of busybox: the same file on host and guest.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUSYBOX "/bin/busybox"

static void wait_for(pid_t pid, const char *what)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail(what);
	if (status) {
		errno = ECHILD;
		fail(what);
	}
}

static void run(const char *path, const char *a, const char *b, const char *c)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(path, a, b, c, NULL);
		_exit(126);
	}
	wait_for(pid, a);
}

static void run_shell(const char *script)
{
	run(BUSYBOX, "sh", "-c", script);
}

static void fork_wait(long n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		wait_for(pid, "fork");
	}
}

static void exec(long n)
{
	while (n--)
		run(EXIT_ONLY, EXIT_ONLY, NULL, NULL);
}

static void exec_libc(long n)
{
	while (n--)
		run(SELF, SELF, EXIT_AT_ONCE, NULL);
}

static void shell(long n)
{
	while (n--)
		run_shell(EXIT_ONLY);
}

/* Two commands per iteration, each its own process and program. */
static void shell_loop(long n)
{
	char script[256];

	snprintf(script, sizeof(script),
		 "i=0; while [ $i -lt %ld ]; do " EXIT_ONLY "; " BUSYBOX " true; i=$((i+1)); done",
		 n);
	run_shell(script);
}

/* --- programs that work on a file ---------------------------------------------------- */

/* Lines of made-up words, always the same. */
static void fill(char *block, size_t size, uint32_t *seed)
{
	for (size_t i = 0; i < size; i++) {
		*seed = *seed * 1664525u + 1013904223u;
		block[i] = "etaoin shrdlu e\n"[*seed >> 28];
	}
}

static void make_text(const char *path, long kilobytes)
{
	static char block[1024];
	uint32_t seed = 1;
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	if (fd < 0 && errno == EEXIST)
		return;
	while (kilobytes--) {
		fill(block, sizeof(block), &seed);
		if (write(fd, block, sizeof(block)) != sizeof(block))
			fail(path);
	}
	close(fd);
}

static void gzip_sha256(long n)
{
	make_text("text-8M", 8192);
	while (n--)
		run_shell(BUSYBOX " gzip -c text-8M | " BUSYBOX " sha256sum >/dev/null");
}

static void sort_pipeline(long n)
{
	make_text("text-2M", 2048);
	while (n--)
		run_shell(BUSYBOX " tr ' ' '\\n' <text-2M | " BUSYBOX " sort | " BUSYBOX
				  " uniq -c | " BUSYBOX " sort -n | " BUSYBOX
				  " tail -1 >/dev/null");
}

const struct row process_rows[] = {
	{"fork-wait", fork_wait},   {"exec", exec},
	{"exec-libc", exec_libc},   {"sh", shell},
	{"shell-loop", shell_loop}, {"gzip-sha256", gzip_sha256},
	{"sort", sort_pipeline},    {0},
};
