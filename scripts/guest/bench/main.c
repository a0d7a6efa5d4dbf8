/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same static program is an ordinary process on the host and process 1 of a
 * guest. It reads commands and answers; who asks (scripts/bench.d/linux.py)
 * measures from outside what passes in between, because a guest's clock says
 * nothing about the processor time its machine takes.
 *
 *   at its start     bench: ready
 *   ROW N            does N operations:  bench: done ROW N in TICKS
 *   quit             ends, and the machine with it
 *   anything wrong   bench: failed ...
 *
 * Between answer and command it sleeps, so nothing runs when the clock is read.
 *
 * Where the time-stamp counter counts instructions (scripts/bench.d/xen.py) the TICKS are what is
 * measured, and nothing may come from outside: the commands stand in the file COMMANDS of the
 * guest.
 */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <x86intrin.h>

#define COMMANDS	"/commands"
#define DEBUG_EXIT_PORT 0xf4

volatile long result;

void fail(const char *what)
{
	printf("bench: failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static void nothing(long n)
{
	(void)n;
}

/* What a command and an answer cost by themselves. */
static const struct row no_rows[] = {{"nothing", nothing}, {NULL, NULL}};

static const struct row *find_row(const char *name)
{
	static const struct row *const tables[] = {no_rows, kernel_rows, process_rows, program_rows,
						   user_rows};

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct row *row = tables[t]; row->name; row++)
			if (strcmp(row->name, name) == 0)
				return row;
	errno = EINVAL;
	fail(name);
}

/* One byte at a time: no buffer may hold a part of the next command. */
static int read_command(char *line, size_t size)
{
	size_t length = 0;
	char c;

	while (length < size - 1 && read(STDIN_FILENO, &c, 1) == 1) {
		if (c == '\n') {
			line[length] = '\0';
			return 1;
		}
		line[length++] = c;
	}
	return 0;
}

/*
 * At an address that no other program has (machines.py links it there): a plugin of QEMU's knows by
 * it that a measurement begins or ends.
 */
__attribute__((noinline, section(".mark"))) static void mark(void)
{
	__asm__ volatile("");
}

static unsigned long long ticks_of(const struct row *row, long n)
{
	unsigned long long start;

	mark();
	start = __rdtsc();
	row->run(n);
	start = __rdtsc() - start;
	mark();
	return start;
}

/* A serial line sends by interrupts, which would fall into the next row. */
static void finish_sending(void)
{
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
}

static void obey(void)
{
	char line[128], name[64];
	long n;

	while (read_command(line, sizeof(line))) {
		if (strcmp(line, "quit") == 0)
			return;
		if (sscanf(line, "%63s %ld", name, &n) != 2)
			fail("command");
		printf("bench: done %s %ld in %llu\n", name, n, ticks_of(find_row(name), n));
		finish_sending();
	}
}

static void copy(const char *from, const char *to)
{
	static char block[65536];
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0755);
	ssize_t n;

	if (in < 0 || out < 0)
		fail(from);
	while ((n = read(in, block, sizeof(block))) > 0)
		if (write(out, block, (size_t)n) != n)
			fail(to);
	close(in);
	close(out);
}

/* What lies in the directory "programs" beside this one. */
static void copy_directory(const char *from)
{
	char path[2 * PATH_MAX];
	DIR *dir = opendir(from);
	struct dirent *entry;

	if (!dir)
		fail(from);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", from, entry->d_name);
			copy(path, entry->d_name);
		}
	closedir(dir);
}

/* So that exec finds the same file system everywhere. */
static void copy_programs(void)
{
	static const char beside[] = "/programs";
	char path[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(beside));

	if (n < 0)
		fail("/proc/self/exe");
	copy(path, SELF);
	strcpy(strrchr(path, '/'), beside);
	copy_directory(path);
}

/* A serial line is no keyboard: no echo, no editing. */
static void plain_input(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t))
		return;
	cfmakeraw(&t);
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void serve(void)
{
	copy_programs();
	obey();
}

__attribute__((noreturn)) static void power_off(int status)
{
	sync();
	if (iopl(3) == 0)
		outl((unsigned)status, DEBUG_EXIT_PORT);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void mount_all(void)
{
	static const char *const mounts[][2] = {
		{"proc", "/proc"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL) && errno != EBUSY)
			fail(mounts[i][1]);
}

/*
 * A machine without an entropy source makes its own when the first program asks for random
 * numbers: one bit per tick, spinning. That would be 2.5 s of whatever row comes first.
 */
static void seed_random_numbers(void)
{
	struct {
		struct rand_pool_info info;
		__u32 seed[16];
	} entropy = {.info = {.entropy_count = 8 * sizeof(entropy.seed),
			      .buf_size = sizeof(entropy.seed)}};
	int fd = open("/dev/random", O_WRONLY);

	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &entropy))
		fail("/dev/random");
	close(fd);
}

static void take_commands_from(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd >= 0)
		dup2(fd, STDIN_FILENO);
}

/* Process 1 is special to the kernel: the work is another's. */
static void be_init(void)
{
	int status = -1;
	pid_t pid;

	plain_input();
	take_commands_from(COMMANDS);
	mount_all();
	seed_random_numbers();
	if (chdir("/tmp"))
		fail("/tmp");
	pid = fork();
	if (pid == 0) {
		serve();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	power_off(status != 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], EXIT_AT_ONCE) == 0)
		return 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("bench: ready\n");
	if (getpid() == 1)
		be_init();
	serve();
	return 0;
}
