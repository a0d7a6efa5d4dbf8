/* SPDX-License-Identifier: BSD-2-Clause */
/* Interruptions at every instruction of a call: registers, flags, red zone; and what
 * handlers are told.
 */
#include "gates.h"
#include "test/userland/guest/check.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

/* Offsets of sites.S, as indices. */
enum {
	IN_RBX,
	IN_RBP,
	IN_R12,
	IN_R13,
	IN_R14,
	IN_R15,
	IN_RSI,
	IN_RDX,
	IN_R10,
	IN_R8,
	IN_R9,
	IN_RDI,
	IN_RCX,
	IN_RAX,
	IN_FLAGS,
	OUT_RSP,
	OUT_RAX,
	OUT_RED_8,
	OUT_RED_64,
	OUT_RED_128,
	OUT_FLAGS,
	OUT_RCX,
	OUT_R11,
	OUT_RBX,
	OUT_RBP,
	OUT_R12,
	OUT_R13,
	OUT_R14,
	OUT_R15,
	OUT_RSI,
	OUT_RDX,
	OUT_R10,
	OUT_R8,
	OUT_R9,
	OUT_RDI,
	OUT_STACK,
	VALUES,
};

static const struct form {
	const char *name;
	void (*call)(uint64_t *values);
	const uint8_t *window, *second, *syscall, *next;
	int reg; /* is `value` between the two instructions */
	greg_t value;
} forms[] = {
	{"storm", storm_call, storm_window, storm_second, storm_syscall, storm_next, REG_RAX,
	 SYS_getpid},
	{"storm-2", storm2_call, storm2_window, storm2_second, storm2_syscall, storm2_next, REG_RCX,
	 SYS_getpid},
	{"storm-3", storm3_call, storm3_window, storm3_second, storm3_syscall, storm3_next, REG_RAX,
	 SYS_getpid - 1},
};

static const struct form *volatile form;
static volatile long ticks, ticks_here, ticks_between, strange;
extern const char __executable_start[], etext[];

/* In the program or its vDSO, and at no half of anything; 0x7dff... is the VMM's. */
static int known(const uint8_t *rip)
{
	if (rip < form->window || rip > form->next)
		return (rip >= (const uint8_t *)__executable_start &&
			rip < (const uint8_t *)etext) ||
		       (rip > (const uint8_t *)etext && (uintptr_t)rip >> 32 != 0x7dff);
	return rip == form->window || rip == form->second || rip == form->syscall ||
	       rip == form->next;
}

static void on_tick(int number, siginfo_t *info, void *context)
{
	const greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint8_t *rip = (const uint8_t *)regs[REG_RIP];

	(void)number, (void)info;
	ticks++;
	if (!known(rip))
		strange = regs[REG_RIP];
	if (rip < form->window || rip > form->next)
		return;
	ticks_here++;
	/* behind the window the number is there; behind the call, its result */
	if (rip == form->syscall && regs[REG_RAX] != SYS_getpid)
		strange = -1;
	if (rip == form->next && regs[REG_RCX] != (greg_t)form->next)
		strange = -2;
	if (rip != form->second)
		return;
	ticks_between++;
	if (regs[form->reg] != form->value)
		strange = -3;
}

static int same(const uint64_t *v, pid_t pid)
{
	static const struct {
		int in, out;
	} pairs[] = {
		{IN_RBX, OUT_RBX},    {IN_RBP, OUT_RBP},     {IN_R12, OUT_R12},
		{IN_R13, OUT_R13},    {IN_R14, OUT_R14},     {IN_R15, OUT_R15},
		{IN_RSI, OUT_RSI},    {IN_RDX, OUT_RDX},     {IN_R10, OUT_R10},
		{IN_R8, OUT_R8},      {IN_R9, OUT_R9},	     {IN_RDI, OUT_RDI},
		{IN_R8, OUT_RED_8},   {IN_R9, OUT_RED_64},   {IN_R10, OUT_RED_128},
		{OUT_STACK, OUT_RSP}, {IN_FLAGS, OUT_FLAGS}, {IN_FLAGS, OUT_R11},
	};

	for (size_t i = 0; i < COUNT(pairs); i++)
		if (v[pairs[i].in] != v[pairs[i].out])
			return NOTE("value %d: %#lx became %#lx", pairs[i].out, v[pairs[i].in],
				    v[pairs[i].out]);
	return MUST(v[OUT_RAX] == (uint64_t)pid) && MUST(v[OUT_RCX] == (uint64_t)form->next);
}

static void set_timer(long microseconds)
{
	struct itimerval timer = {{0, microseconds}, {0, microseconds}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static int storm(const struct form *now)
{
	struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
	uint64_t values[VALUES] = {0};
	pid_t pid = getpid();
	int ok = 1;

	form = now;
	ticks = ticks_here = ticks_between = 0;
	sigaction(SIGALRM, &action, NULL);
	set_timer(50);
	for (long i = scaled(3000000); i > 0 && ok && !strange; i--) {
		for (int k = 0; (i & 15) == 0 && k <= IN_RAX; k++)
			values[k] = next_random() >> next_random() % 64;
		form->call(values);
		ok = same(values, pid);
	}
	set_timer(0);
	printf("info: ticks %ld, at the call %ld, behind the first instruction %ld\n", ticks,
	       ticks_here, ticks_between);
	return ok && (!strange || NOTE("at %#lx", strange)) && MUST(ticks > 10);
}

/* A call that waits is interrupted and starts again: at the system call, not in front. */
static int restart(void)
{
	struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
	int pipes[2], ok = 1;
	char byte = 0;

	if (pipe(pipes))
		return 0;
	for (int i = 0; i < HOT; i++)
		ok &= site_read(pipes[0], &byte, 0) == 0;
	tell("restart", site_read_start);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 20 && ok; i++) {
		long before = ticks;

		if (fork() == 0) {
			usleep(20000);
			_exit(write(pipes[1], "x", 1) != 1);
		}
		set_timer(2000);
		byte = 0;
		ok = MUST(site_read(pipes[0], &byte, 1) == 1) && MUST(byte == 'x') &&
		     MUST(ticks > before);
		set_timer(0);
		while (wait(NULL) < 0 && errno == EINTR)
			continue;
	}
	return ok;
}

static int interrupted(void)
{
	struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO};
	int pipes[2], ok;
	char byte;

	if (pipe(pipes))
		return 0;
	sigaction(SIGALRM, &action, NULL);
	set_timer(2000);
	ok = MUST(site_read(pipes[0], &byte, 1) == -EINTR);
	set_timer(0);
	return ok;
}

int storm_checks(void)
{
	uint64_t values[VALUES] = {0};

	for (size_t form_at = 0; form_at < COUNT(forms); form_at++) {
		for (int i = 0; i < HOT; i++)
			forms[form_at].call(values);
		tell(forms[form_at].name, forms[form_at].window);
		check(forms[form_at].name, storm(&forms[form_at]));
	}
	check("restart", restart());
	check("interrupted", interrupted());
	return failures;
}
