/* SPDX-License-Identifier: BSD-2-Clause */
/* The test, and its own init: as process 1 it ends the machine. */
#include "gates.h"

#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEBUG_EXIT_PORT 0xf4

/* What `executed` starts: calls from the first one on. */
static int calls(void)
{
	long pid = syscall(SYS_getpid);
	char byte;
	int ok = 1;

	for (int i = 0; i < 20; i++)
		ok &= site_window() == pid && read(-1, &byte, 1) == -1;
	return !ok;
}

static int everything(const char *self)
{
	int failures = storm_checks();

	failures += process_checks(self);
	failures += entry_checks();
	failures += pages_checks();
	failures += trace_checks();
	return failures != 0;
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1)
		return calls();
	if (getpid() != 1)
		return everything(argv[0]);
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	if (fork() == 0)
		_exit(everything("/init"));
	wait(&status);
	if (iopl(3) == 0)
		outb(WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : 1, DEBUG_EXIT_PORT);
	return 1;
}
