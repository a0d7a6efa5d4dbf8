/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Process 1 of the test guest: one static program for every guest, so that
 * nothing but the kernel differs between two runs.
 *
 * Its console output has three kinds of lines for scripts:
 *   result: ...            the same on a stock and an afterburned kernel
 *   bench: NAME N          instructions, when QEMU counts (see init.h)
 *   afterburn-result: N    the last one; 0 is success
 *
 * The kernel's command line gives it arguments behind `--`:
 *   --wait      nothing but wait for the power button: success when it is pressed
 *   --quick     all but the benchmark
 *   --stress=N  all but the benchmark, then N seconds of load of every kind
 *   --reset     nothing but reset the machine
 *   --halt      nothing but halt it
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEBUG_EXIT_PORT 0xf4 /* QEMU: -device isa-debug-exit,iobase=0xf4 */

void report(const char *kind, const char *name, int ok)
{
	printf("result: %s %s %s\n", kind, name, ok ? "ok" : "FAILED");
}

uint32_t checksum(uint32_t sum, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		sum = (sum ^ *p++) * 16777619u;
	return sum;
}

int in_child(int (*fn)(void *), void *argument)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(argument));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static void mount_all(void)
{
	static const char *const mounts[][2] = {
		{"proc", "/proc"},
		{"sysfs", "/sys"},
		{"devtmpfs", "/dev"},
		{"tmpfs", "/tmp"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i][1], 0755);
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL) && errno != EBUSY)
			printf("init: mount %s: %s\n", mounts[i][1], strerror(errno));
	}
}

/* The checks fault on purpose: no console line for each. */
static void be_quiet(void)
{
	int fd = open("/proc/sys/debug/exception-trace", O_WRONLY);

	if (fd >= 0 && write(fd, "0", 1) < 0)
		perror("init: exception-trace");
	close(fd);
}

/*
 * The kernel's clock, in microseconds since it found its time-stamp counter
 * early in setup_arch(): it stamps each message with it, ours too.
 */
static long kernel_microseconds(void)
{
	static const char mark[] = "init: first line\n";
	char record[512];
	long us = -1;
	int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK);

	if (fd < 0 || lseek(fd, 0, SEEK_END) < 0 || write(fd, mark, sizeof(mark) - 1) < 0)
		return -1;
	for (;;) {
		ssize_t n = read(fd, record, sizeof(record) - 1);

		if (n <= 0)
			break;
		record[n] = '\0';
		if (strstr(record, "init: first line"))
			sscanf(record, "%*d,%*d,%ld", &us);
	}
	close(fd);
	return us;
}

static void report_boot(uint64_t at_first_line)
{
	long us = kernel_microseconds();

	printf("bench: reset-to-init %llu\n", (unsigned long long)at_first_line);
	printf("bench: boot %lld\n", us * 1000LL);
}

/* Where address-space randomization has put the kernel: its first symbol. */
static void report_base(void)
{
	char address[17] = "";
	int fd = open("/proc/kallsyms", O_RDONLY);

	if (fd >= 0 && read(fd, address, sizeof(address) - 1) > 0)
		printf("init: kernel at %s\n", strtok(address, " "));
	close(fd);
}

/* A shell where there is one: pipes, redirection and exec as users know them. */
static int run_shell(void)
{
	static char *const argv[] = {"sh", "/shell-test", NULL};

	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		execv("/bin/busybox", argv);
		_exit(errno == ENOENT ? 77 : 126);
	}
	int status = -1;

	waitpid(pid, &status, 0);
	int skipped = WIFEXITED(status) && WEXITSTATUS(status) == 77;

	if (skipped)
		printf("result: check shell skipped (no busybox)\n");
	else
		report("check", "shell", status == 0);
	return !skipped && status != 0;
}

__attribute__((noreturn)) static void end(int failures)
{
	printf("afterburn-result: %d\n", failures != 0);
	fflush(stdout);
	sync();
	if (iopl(3) == 0)
		outl(failures != 0, DEBUG_EXIT_PORT);
	/* No such port: the last line above has told the result. */
	power_off();
}

/* Words that the kernel does not know come first: not always argv[1]. */
static int has_argument(char **argv, const char *word)
{
	while (*argv && strcmp(*argv, word) != 0)
		argv++;
	return *argv != NULL;
}

/* The number behind a word like "--stress=", or 0. */
static int number_after(char **argv, const char *word)
{
	for (; *argv; argv++)
		if (strncmp(*argv, word, strlen(word)) == 0)
			return atoi(*argv + strlen(word));
	return 0;
}

/* What is done instead of the checks. */
static void run_mode(char **argv)
{
	if (has_argument(argv, "--reset"))
		restart();
	if (has_argument(argv, "--halt"))
		halt();
	if (has_argument(argv, "--wait")) {
		wait_for_power_button("init: waiting\n");
		end(0);
	}
}

int main(int argc, char **argv)
{
	uint64_t now = instructions();
	int failures = 0;

	/* The benchmark's exec row runs this file again. */
	if (argc > 1 && strcmp(argv[1], "--exit") == 0)
		return 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_all();
	run_mode(argv);
	watch_power_button();
	report_boot(now);
	report_base();
	be_quiet();
	failures += run_checks();
	failures += run_huge();
	failures += run_modules();
	failures += run_shell();
	int seconds = number_after(argv, "--stress=");

	if (seconds > 0)
		failures += run_stress(seconds);
	else if (!has_argument(argv, "--quick"))
		failures += run_bench();
	end(failures);
}
