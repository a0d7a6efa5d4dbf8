/* SPDX-License-Identifier: BSD-2-Clause */
/* Code of an attacker's choice in a process of the machine: a process that waits in
 * a system call makes another one, with zeros for arguments.
 *
 * usage: callas PID NUMBER
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(int argc, char **argv)
{
	struct user_regs_struct regs;
	pid_t pid;

	if (argc != 3) {
		fputs("usage: callas PID NUMBER\n", stderr);
		return 2;
	}
	pid = atoi(argv[1]);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		return fail("callas: attach");
	if (waitpid(pid, NULL, __WALL) != pid || ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		return fail("callas: registers");
	regs.rip -= 2; /* it stands behind its `syscall`, which is open to it */
	regs.orig_rax = ~0ull;
	regs.rax = strtoull(argv[2], NULL, 0);
	regs.rdi = regs.rsi = regs.rdx = regs.r10 = regs.r8 = regs.r9 = 0;
	if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) || ptrace(PTRACE_DETACH, pid, NULL, NULL))
		return fail("callas: go on");
	return 0;
}
