/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Process 1 of a Debian root file system in an initramfs (mkdebian): mounts, runs one
 * program, reports its exit status as the machine's result. It is the first word
 * behind `--` on the kernel's command line, with the others as arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEBUG_EXIT_PORT 0xf4 /* QEMU: -device isa-debug-exit,iobase=0xf4 */

static void mount_all(void)
{
	static const char *const mounts[][2] = {
		{"proc", "/proc"},	{"sysfs", "/sys"},     {"devtmpfs", "/dev"},
		{"devpts", "/dev/pts"}, {"tmpfs", "/dev/shm"}, {"tmpfs", "/tmp"},
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i][1], 0755);
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL) && errno != EBUSY)
			printf("init: mount %s: %s\n", mounts[i][1], strerror(errno));
	}
	chmod("/tmp", 01777);
	chmod("/dev/shm", 01777);
}

/* Programs of the tests die on purpose, and the kernel must not write into the middle of
 * their lines: the console is theirs, but for a panic. */
static void be_quiet(void)
{
	int fd = open("/proc/sys/kernel/printk", O_WRONLY);

	if (fd >= 0 && write(fd, "1", 1) < 0)
		perror("init: printk");
	close(fd);
}

static int run(char **argv)
{
	pid_t pid = fork(), ended;
	int status = 0;

	if (pid == 0) {
		setsid();
		execv(argv[0], argv);
		fprintf(stderr, "init: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	do
		ended = wait(&status);
	while (ended != pid && (ended > 0 || errno == EINTR));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
					    "TERM=dumb", "LC_ALL=C"};
	static char *by_default[] = {"/userland/run", NULL};
	int result;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
		putenv(environment[i]);
	mount_all();
	be_quiet();
	/* Words that the kernel does not know come first. */
	for (argv++; argc > 1 && *argv && **argv != '/'; argv++)
		;
	result = run(argc > 1 && *argv ? argv : by_default);
	printf("afterburn-result: %d\n", result);
	fflush(stdout);
	sync();
	if (iopl(3) == 0)
		outb((unsigned char)result, DEBUG_EXIT_PORT);
	reboot(RB_POWER_OFF);
	return 1;
}
