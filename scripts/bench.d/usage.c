/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs its arguments as a command; prints CPU microseconds and peak resident
 * bytes on standard error. Small on purpose: a process inherits the peak of
 * the image that it was before exec, so a large parent hides it.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long long microseconds(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 126;
	fprintf(stderr, "%lld %lld\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
		usage.ru_maxrss * 1024LL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
