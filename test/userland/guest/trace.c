/* SPDX-License-Identifier: BSD-2-Clause */
/* ptrace: system calls, single steps, breakpoints, watchpoints, registers, memory. */
#define _GNU_SOURCE
#include "check.h"

#include <elf.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

static volatile long watched;

extern char count_start[], count_end[], patched[];

/* 4 + 10 * 2 + 1 instructions */
static __attribute__((noinline)) long count_loop(void)
{
	long result;

	__asm__ volatile(".globl count_start, count_end, patched\n"
			 "count_start: xor %%eax, %%eax; nop; patched: nop; mov $10, %%ecx\n"
			 "1: add $3, %%rax; loop 1b\n"
			 "count_end: nop"
			 : "=a"(result)::"rcx", "cc");
	return result;
}

static int tracee(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	getppid();
	write(-1, "abc", 3);
	long result = count_loop();

	watched = 5;
	watched = 6;
	if (watched != 6)
		return 2;
	return result == 30 ? 42 : 1;
}

static pid_t start(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(tracee());
	waitpid(pid, &status, 0);
	return pid;
}

static int stopped(pid_t pid, int number)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFSTOPPED(status) && WSTOPSIG(status) == number ? 1 : NOTE("status %x", status);
}

static int ended(pid_t pid, int code)
{
	int status;

	ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	return exits(status, code) ? 1 : NOTE("status %x", status);
}

static int system_calls(void)
{
	pid_t pid = start();
	struct user_regs_struct regs;
	int ok = 1, found = 0;

	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
	for (int i = 0; i < 4; i++) { /* getppid, write: entry and exit of both */
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		ok &= stopped(pid, SIGTRAP | 0x80);
		ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		if (regs.orig_rax == SYS_getppid)
			found |= regs.rax == (unsigned long)-ENOSYS    ? 1
				 : regs.rax == (unsigned long)getpid() ? 2
								       : 16;
		if (regs.orig_rax == SYS_write)
			found |= regs.rdi == (unsigned)-1 && regs.rdx == 3 ? 4 : 16;
		if (i == 2) { /* instead of write: getpid */
			regs.orig_rax = SYS_getpid;
			ptrace(PTRACE_SETREGS, pid, NULL, &regs);
		}
		if (i == 3)
			found |= regs.rax == (unsigned long)pid ? 8 : 32;
	}
	return (ok & ended(pid, 42)) && found == 15 ? 1 : NOTE("found %x", found);
}

static unsigned long pc(pid_t pid)
{
	return (unsigned long)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip),
				     NULL);
}

static int run_to(pid_t pid, char *address)
{
	long word = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
	int ok;

	ptrace(PTRACE_POKETEXT, pid, address, (word & ~0xffl) | 0xcc);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	ok = stopped(pid, SIGTRAP) & MUST(pc(pid) == (unsigned long)address + 1);
	ptrace(PTRACE_POKETEXT, pid, address, word);
	ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rip), address);
	return ok;
}

static int steps(void)
{
	pid_t pid = start();
	int ok = run_to(pid, count_start), n = 0;

	while (ok && pc(pid) != (unsigned long)count_end && n < 1000) {
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
		ok &= stopped(pid, SIGTRAP);
		n++;
	}
	ok &= n == 24 ? 1 : NOTE("%d steps", n);
	return ok & ended(pid, 42);
}

/* Through everything that tracee() does, system calls included. */
static int many_steps(void)
{
	pid_t pid = start();
	int status, n = 0;

	for (;;) {
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
		waitpid(pid, &status, 0);
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			break;
		n++;
	}
	return exits(status, 42) && n > 60 ? 1 : NOTE("%d steps, status %x", n, status);
}

static int new_code(void)
{
	pid_t pid = start();
	long word = ptrace(PTRACE_PEEKTEXT, pid, patched + 1, NULL);
	int ok;

	/* mov $10 becomes mov $20 */
	ok = (word & 0xffffffffff) == 0x0000000ab9;
	ptrace(PTRACE_POKETEXT, pid, patched + 1, (word & ~0xff00l) | 0x1400);
	return ok & ended(pid, 1);
}

#define DEBUG_REGISTER(n) (offsetof(struct user, u_debugreg) + (n)*8)

static int watchpoint(void)
{
	pid_t pid = start();
	int ok = 1;

	ok &= MUST(ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(0), &watched) == 0);
	/* local 0, write, 8 bytes */
	ok &= MUST(ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(7), 1 | 1 << 16 | 2 << 18) == 0);
	for (long value = 5; ok && value <= 6; value++) {
		ptrace(PTRACE_CONT, pid, NULL, NULL);
		ok &= stopped(pid, SIGTRAP);
		ok &= MUST(ptrace(PTRACE_PEEKDATA, pid, &watched, NULL) == value);
	}
	if (!ok) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return 0;
	}
	return ended(pid, 42);
}

static int hardware_breakpoint(void)
{
	pid_t pid = start();
	int ok = 1;

	ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(1), count_end);
	ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(7), 1 << 2);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	ok &= stopped(pid, SIGTRAP) & MUST(pc(pid) == (unsigned long)count_end);
	if (!ok) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return 0;
	}
	return ended(pid, 42);
}

static int floating_point(void)
{
	pid_t pid = start();
	struct user_fpregs_struct before, after;
	int ok;

	ptrace(PTRACE_GETFPREGS, pid, NULL, &before);
	before.xmm_space[5] = 0x12345678;
	ptrace(PTRACE_SETFPREGS, pid, NULL, &before);
	ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
	ok = stopped(pid, SIGTRAP);
	ptrace(PTRACE_GETFPREGS, pid, NULL, &after);
	ok &= after.xmm_space[5] == 0x12345678;
	return ok & ended(pid, 42);
}

static int extended_state(void)
{
	pid_t pid = start();
	static char area[16384];
	struct iovec io = {area, sizeof(area)};
	int ok = 1;

	/* with XSAVE: the header behind the first 512 bytes; without, not there */
	if (ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &io) == 0)
		ok &= io.iov_len >= 576 &&
		      MUST(ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &io) == 0);
	return ok & ended(pid, 42);
}

static int attach(void)
{
	pid_t pid = fork();
	struct user_regs_struct regs;
	int ok = 1;

	if (pid == 0)
		for (;;)
			getppid();
	for (int i = 0; i < 50; i++) {
		ok &= MUST(ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
		ok &= stopped(pid, SIGSTOP) && ptrace(PTRACE_GETREGS, pid, NULL, &regs) == 0;
		ok &= regs.cs == 0x33 && (regs.eflags & 0x200) != 0;
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		usleep(300);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return ok;
}

int main(void)
{
	check("trace-system-calls", system_calls());
	check("trace-steps", steps());
	check("trace-many-steps", many_steps());
	check("trace-new-code", new_code());
	check("trace-floating-point", floating_point());
	check("trace-extended-state", extended_state());
	check("trace-attach", attach());
	check("trace-watchpoint", watchpoint());
	check("trace-hardware-breakpoint", hardware_breakpoint());
	return failures != 0;
}
