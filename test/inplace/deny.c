/* SPDX-License-Identifier: BSD-2-Clause */
/* A host that refuses: run a command with one system call failing, as a container's
 * policy or a host without resources would make it fail.
 *
 * usage: deny NUMBER[:ARGUMENT0] ERRNO COMMAND...
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LOAD(field)	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))

int main(int argc, char **argv)
{
	if (argc < 4) {
		fputs("usage: deny NUMBER[:ARGUMENT0] ERRNO COMMAND...\n", stderr);
		return 2;
	}
	char *rest;
	unsigned number = (unsigned)strtoul(argv[1], &rest, 10);
	unsigned argument = *rest ? (unsigned)strtoul(rest + 1, NULL, 10) : 0;
	unsigned error = (unsigned)atoi(argv[2]) & SECCOMP_RET_DATA;
	struct sock_filter filter[] = {
		LOAD(nr),
		UNLESS(number, 3),
		LOAD(args[0]),
		/* without an argument whatever it is: jump to the next instruction */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, *rest ? 1 : 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("deny");
		return 125;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 125;
}
