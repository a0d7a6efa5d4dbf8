/* SPDX-License-Identifier: BSD-2-Clause */
/* The first and only program of a guest: attacks, each in a process of its own.
 *
 * An attack is blocked if, right behind it, a page of the kernel's cannot be read and
 * the rights of protection keys (PKRU) are what they were. One line for each:
 *
 *   result: KIND NAME closed     blocked: it came back, or trapped, without anything
 *   result: KIND NAME signal N   blocked: the process was killed
 *   result: KIND NAME rights     PKRU changed
 *   result: KIND NAME open       the kernel's memory, or what was aimed at, is open
 *   result: KIND NAME unable     the attack could not be made: says nothing
 *
 * What is no attack says `ok' or `FAILED'.
 *
 * A machine without isolation is the control (argument `control'): there the same program
 * must find that attacks work, or it would not see one that does here. What would only
 * bring such a machine down is left out.
 */
#define _GNU_SOURCE
#include "attacks.h"

#include <cpuid.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLOSED = 10, OPEN, RIGHTS, UNABLE };

#define TARGETS 4096

struct target targets[TARGETS];
int target_count;

uintptr_t secret;
bool has_keys;
static uint32_t rights; /* PKRU as it should be */
static volatile sig_atomic_t probing;

/* --- judging ---------------------------------------------------------------------------- */

static uint32_t read_rights(void)
{
	uint32_t value, zero;

	__asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(value), "=d"(zero) : "c"(0)); /* rdpkru */
	return value;
}

static _Noreturn void leave(int code)
{
	for (;;)
		syscall(SYS_exit_group, code);
}

void judge_rights(uint32_t now)
{
	if (has_keys && now != rights)
		leave(RIGHTS);
}

_Noreturn void verdict(void)
{
	__asm__ volatile("cld\n\tandq $-16, %%rsp" ::: "memory");
	judge_rights(has_keys ? read_rights() : rights);
	probing = 1;
	*(volatile const uint8_t *)secret;
	leave(OPEN);
}

_Noreturn void unable(const char *why)
{
	dprintf(STDOUT_FILENO, "unable: %s\n", why);
	leave(UNABLE);
}

static void trapped(int number)
{
	(void)number;
	if (probing)
		leave(CLOSED);
	verdict();
}

static void catch_all(void)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGALRM};
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = trapped, .sa_flags = SA_ONSTACK | SA_NODEFER};
	struct itimerval end = {.it_value = {.tv_sec = 10}};

	sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	setitimer(ITIMER_REAL, &end, NULL);
}

static void report(const char *kind, const char *name, int status)
{
	static const char *const words[] = {"closed", "open", "rights", "unable"};

	if (WIFSIGNALED(status))
		printf("result: %s %s signal %d\n", kind, name, WTERMSIG(status));
	else if (WEXITSTATUS(status) < CLOSED || WEXITSTATUS(status) > UNABLE)
		printf("result: %s %s exit %d\n", kind, name, WEXITSTATUS(status));
	else
		printf("result: %s %s %s\n", kind, name, words[WEXITSTATUS(status) - CLOSED]);
	fflush(stdout);
}

void attempt(const char *kind, const char *name, void (*run)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		catch_all();
		run();
		verdict();
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		printf("result: %s %s lost\n", kind, name);
	else
		report(kind, name, status);
}

/* --- the machine -------------------------------------------------------------------------- */

static sigjmp_buf no_keys;

static void no_instruction(int number)
{
	siglongjmp(no_keys, number);
}

static void look_at_rights(void)
{
	signal(SIGILL, no_instruction);
	if (sigsetjmp(no_keys, 1) == 0) {
		rights = read_rights();
		has_keys = true;
	}
	signal(SIGILL, SIG_DFL);
	printf("rights: %s %#x\n", has_keys ? "PKRU" : "none", rights);
}

static void read_targets(void)
{
	FILE *file = fopen("/targets", "r");
	struct target *to = targets;

	while (file && target_count < TARGETS &&
	       fscanf(file, "%15s %39s %lx %lx", to->kind, to->name, &to->at, &to->end) == 4) {
		if (strcmp(to->name, "secret") == 0)
			secret = to->at;
		target_count++;
		to++;
	}
	if (!secret)
		puts("result: setup targets missing");
}

static void prepare(void)
{
	mkdir("/proc", 0755);
	mkdir("/tmp", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	close(STDERR_FILENO); /* the host's is another: see reach.c */
	read_targets();
	look_at_rights();
}

/* Whatever was tried, processes and files still work. */
static void still_works(void)
{
	int status = 1, fds[2];
	pid_t pid;
	char c = 0;

	if (pipe(fds))
		return;
	pid = fork();
	if (pid == 0)
		_exit(write(fds[1], "x", 1) == 1 ? 3 : 4);
	waitpid(pid, &status, 0);
	printf("result: works processes %s\n",
	       read(fds[0], &c, 1) == 1 && WEXITSTATUS(status) == 3 ? "ok" : "FAILED");
}

static void nothing(void)
{
}

int main(int argc, char **argv)
{
	bool control = argc > 1 && !strcmp(argv[1], "control");

	prepare();
	attempt("reach", "nothing-at-all", nothing);
	try_targets(control);
	for (size_t i = 0; i < gadget_count; i++)
		attempt("gadget", gadgets[i].name, gadgets[i].run);
	try_gates(control);
	if (!control)
		try_stacks();
	for (size_t i = 0; i < state_count && !control; i++)
		attempt("state", states[i].name, states[i].run);
	try_works();
	still_works();
	puts("attacks: done");
	fflush(stdout);
	reboot(RB_POWER_OFF);
}
