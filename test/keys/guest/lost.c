/* SPDX-License-Identifier: BSD-2-Clause */
/* The only program of a guest. Applications that put their stack pointer near the
 * bottom of the alternate stack of signal handlers (its address is the argument) and trap: the host
 * has no room for a signal frame and kills the machine's process. The application
 * must have a fault for it, and everything else must go on. With protection keys (`keys' in front
 * of the address) the host does not look at stack pointers, and the traps are as any other.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define DEBUG_EXIT 0xf4

static uintptr_t near_bottom;
static bool keys;

static void trap_undefined(void)
{
	__asm__ volatile("movq %0, %%rsp\n\tud2" ::"r"(near_bottom));
}

static void trap_page_fault(void)
{
	__asm__ volatile("movq %0, %%rsp\n\tmovb $0, 8" ::"r"(near_bottom));
}

static void trap_system_call(void)
{
	__asm__ volatile("movq %0, %%rsp\n\tsyscall\n\tud2" ::"r"(near_bottom),
			 "a"(39)); /* getpid */
}

static void (*const traps[])(void) = {trap_undefined, trap_page_fault, trap_system_call};

static int killed(void (*trap)(void), int otherwise)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		trap();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == (keys ? otherwise : SIGSEGV);
}

static sigjmp_buf before;
static volatile sig_atomic_t caught;

static void catch (int number)
{
	caught += number == SIGSEGV || keys;
	siglongjmp(before, 1);
}

/* A program that expects it goes on, with its memory and the FPU's control word. */
static int survives(void)
{
	static char stack[65536];
	static volatile double third = 3;
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = catch, .sa_flags = SA_ONSTACK};

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	if (keys)
		sigaction(SIGILL, &action, NULL);
	for (volatile int i = 0; i < 20; i++)
		if (!sigsetjmp(before, 1))
			traps[i % 3]();
	return caught == 20 && 1 / third > 0.33 && 1 / third < 0.34;
}

static int survives_in_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(!survives());
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static int result(const char *name, int good)
{
	printf("result: lost %s %s\n", name, good ? "ok" : "FAILED");
	return !good;
}

int main(int argc, char **argv)
{
	int failed = 0;

	keys = argc > 2 && !strcmp(argv[argc - 2], "keys");
	near_bottom =
		argc > 1 ? strtoull(argv[argc - 1], NULL, 16) + 512 : 0; /* above the red zone */
	failed |= result("undefined", killed(trap_undefined, SIGILL));
	failed |= result("page-fault", killed(trap_page_fault, SIGSEGV));
	failed |= result("system-call", killed(trap_system_call, SIGILL));
	failed |= result("caught", survives_in_child());
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	if (iopl(3) == 0)
		outb((unsigned char)failed, DEBUG_EXIT);
	return failed;
}
