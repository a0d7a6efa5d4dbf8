/* SPDX-License-Identifier: BSD-2-Clause */
/* The first process of test/keys/host: mount what programs expect, run the command of
 * /command (its arguments, each ended by a NUL) as an ordinary user, write its exit
 * status to the second serial line, power off.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define STATUS	  3 /* descriptor */
#define USER	  61234
#define ARGUMENTS 64

static void mount_all(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mkdir("/tmp", 01777);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	chmod("/tmp", 01777);
}

/* What is written comes out as it is: no carriage returns, no echo. */
static void open_line(const char *name, int fd)
{
	int line = open(name, O_RDWR | O_NOCTTY);
	struct termios raw;

	if (tcgetattr(line, &raw) == 0) {
		cfmakeraw(&raw);
		tcsetattr(line, TCSANOW, &raw);
	}
	if (line != fd) {
		dup2(line, fd);
		close(line);
	}
}

static void read_command(char *argv[ARGUMENTS + 1])
{
	static char text[65536];
	int fd = open("/command", O_RDONLY), n = 0;
	ssize_t size = read(fd, text, sizeof(text) - 1);

	for (char *at = text; at < text + size && n < ARGUMENTS; at += strlen(at) + 1)
		argv[n++] = at;
	close(fd);
}

static _Noreturn void run(char *const argv[])
{
	static char *const envp[] = {"PATH=/bin", "HOME=/tmp", "LC_ALL=C", NULL};

	close(STATUS);
	open_line("/dev/null", STDIN_FILENO);
	chdir("/tmp");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (access("/as-root", F_OK) && (setgroups(0, NULL) || setgid(USER) || setuid(USER)))
		_exit(126);
	execvpe(argv[0], argv, envp);
	perror(argv[0]);
	_exit(127);
}

int main(void)
{
	char *argv[ARGUMENTS + 1] = {NULL};
	int status = 0;
	pid_t child, ended;

	mount_all();
	open_line("/dev/ttyS0", STDOUT_FILENO);
	dup2(STDOUT_FILENO, STDERR_FILENO);
	open_line("/dev/ttyS1", STATUS);
	read_command(argv);
	child = fork();
	if (child == 0)
		run(argv);
	do
		ended = wait(&status);
	while (ended != child && ended > 0);
	dprintf(STATUS, "%d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	tcdrain(STDOUT_FILENO);
	tcdrain(STATUS);
	reboot(RB_POWER_OFF);
}
