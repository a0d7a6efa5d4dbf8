/* SPDX-License-Identifier: BSD-2-Clause */
/* Debuggers: steps over a site, stops at its calls, breakpoints on it. */
#include "gates.h"
#include "test/userland/guest/check.h"

#include <sys/ptrace.h>
#include <sys/user.h>

/* What a debugger meets: addresses of instructions, the last behind the call. */
static const struct traced {
	long (*site)(void);
	const uint8_t *path[4];
} one = {site_window, {site_start, site_syscall, site_next, NULL}},
  two = {pair, {pair_start, pair_second, pair_syscall, pair_next}};

/* A child that makes calls for ever, hot before it stops. */
static pid_t start(const struct traced *traced)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		for (int i = 0; i < HOT; i++)
			traced->site();
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		for (;;)
			traced->site();
	}
	waitpid(child, &status, 0);
	return MUST(WIFSTOPPED(status)) ? child : -1;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static const uint8_t *at(pid_t child)
{
	struct user_regs_struct regs;

	ptrace(PTRACE_GETREGS, child, 0, &regs);
	return (const uint8_t *)regs.rip;
}

static int resume(pid_t child, int how)
{
	int status;

	ptrace((enum __ptrace_request)how, child, 0, 0);
	waitpid(child, &status, 0);
	return WIFSTOPPED(status) ? WSTOPSIG(status) : -1;
}

static int steps(const struct traced *traced)
{
	pid_t child = start(traced);
	int ok = child > 0;

	for (int round = 0; round < 20 && ok; round++) {
		for (int i = 0; i < 100000 && at(child) != traced->path[0]; i++)
			if (resume(child, PTRACE_SINGLESTEP) != SIGTRAP)
				return 0;
		ok = MUST(at(child) == traced->path[0]);
		for (int i = 1; i < 4 && traced->path[i] && ok; i++)
			ok = MUST(resume(child, PTRACE_SINGLESTEP) == SIGTRAP) &&
			     MUST(at(child) == traced->path[i]);
	}
	end(child);
	return ok;
}

static int stops(void)
{
	pid_t child = start(&one);
	int ok = child > 0;

	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
	while (ok && at(child) != site_next)
		ok = resume(child, PTRACE_SYSCALL) == (SIGTRAP | 0x80);
	for (int i = 0; i < 2 * HOT && ok; i++) {
		struct user_regs_struct regs;

		ok = MUST(resume(child, PTRACE_SYSCALL) == (SIGTRAP | 0x80));
		ptrace(PTRACE_GETREGS, child, 0, &regs);
		ok = ok && MUST(regs.rip == (uintptr_t)site_next) &&
		     MUST(regs.orig_rax == SYS_getpid);
	}
	end(child);
	return ok;
}

/* A breakpoint as gdb's: int3 over the first byte, met, put back, stepped over. */
static int breakpoint(const struct traced *traced, int which)
{
	static const uint8_t firsts[] = {0xb8, 0x0f, 0x8d, 0x89};
	const uint8_t *where = traced->path[which];
	pid_t child = start(traced);
	long word;
	int ok = child > 0;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, child, where, 0);
	ok = ok && MUST(!errno) && MUST((word & 0xff) == firsts[which + (traced == &two) * 2]);
	for (int i = 0; i < 20 && ok; i++) {
		struct user_regs_struct regs;

		ptrace(PTRACE_POKETEXT, child, where, (word & ~0xffl) | 0xcc);
		ok = MUST(resume(child, PTRACE_CONT) == SIGTRAP) && MUST(at(child) == where + 1);
		ptrace(PTRACE_POKETEXT, child, where, word);
		ptrace(PTRACE_GETREGS, child, 0, &regs);
		regs.rip--;
		ptrace(PTRACE_SETREGS, child, 0, &regs);
		ok = ok && MUST(resume(child, PTRACE_SINGLESTEP) == SIGTRAP) &&
		     MUST(at(child) == traced->path[which + 1]);
	}
	end(child);
	return ok;
}

/* The debugger changes the number of the call, and nobody else sees that. */
static int poke(void)
{
	pid_t child = start(&one);
	int ok = child > 0;
	long word = ptrace(PTRACE_PEEKTEXT, child, site_start, 0);

	word = (word & ~0xff00l) | SYS_getppid << 8;
	ptrace(PTRACE_POKETEXT, child, site_start, word);
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
	for (int i = 0; i < HOT && ok; i++) {
		struct user_regs_struct regs;

		ok = resume(child, PTRACE_SYSCALL) == (SIGTRAP | 0x80);
		ptrace(PTRACE_GETREGS, child, 0, &regs);
		ok = ok && (i < 4 || MUST(regs.orig_rax == SYS_getppid));
	}
	end(child);
	return ok && MUST(site_window() == getpid());
}

int trace_checks(void)
{
	check("trace-steps", steps(&one));
	check("trace-steps-2", steps(&two));
	check("trace-stops", stops());
	check("trace-break-window", breakpoint(&one, 0));
	check("trace-break-syscall", breakpoint(&one, 1));
	check("trace-break-first", breakpoint(&two, 0));
	check("trace-break-second", breakpoint(&two, 1));
	check("trace-poke", poke());
	return failures;
}
