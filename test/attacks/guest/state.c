/* SPDX-License-Identifier: BSD-2-Clause */
/* Applications in odd states: where their stack is, what their flags and segments say,
 * what their signal frames hold. The kernel and the VMM have to take them as they come.
 */
#define _GNU_SOURCE
#include "attacks.h"

#include <asm/prctl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

/* --- stacks --------------------------------------------------------------------------------- */

/* One process for each: the first one that is killed would hide the others. */
static uintptr_t stack_at;
static int stack_do;

static void stand_on(void)
{
	struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	struct itimerval often = {.it_interval = {.tv_usec = 50}, .it_value = {.tv_usec = 50}};

	if (stack_do == PIVOT_SPIN)
		setitimer(ITIMER_REAL, &soon, NULL);
	if (stack_do == PIVOT_STORM) {
		signal(SIGALRM, SIG_IGN);
		setitimer(ITIMER_REAL, &often, NULL);
	}
	pivot(stack_at, stack_do);
}

void try_stacks(void)
{
	static const char *const does[] = {"syscall", "trap", "push", "spin", "storm"};

	for (int i = 0; i < target_count; i++) {
		const struct target *at = &targets[i];

		if (strcmp(at->kind, "stack") && strcmp(at->kind, "data"))
			continue;
		for (stack_do = PIVOT_SYSCALL; stack_do <= PIVOT_STORM; stack_do++) {
			char name[64];

			if (stack_do == PIVOT_STORM && strcmp(at->kind, "stack"))
				continue;
			stack_at = at->at + 8;
			snprintf(name, sizeof(name), "stack-%s-%s", at->name, does[stack_do]);
			attempt("state", name, stand_on);
		}
	}
}

/* --- signal frames ------------------------------------------------------------------------------
 */

#define XSTATE_AT 512 /* XSTATE_BV in an xsave area */

static void forge_rights(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint8_t *state = (uint8_t *)uc->uc_mcontext.fpregs;
	uint64_t *components = (uint64_t *)(void *)(state + XSTATE_AT);

	(void)number;
	(void)info;
	*components |= 0x200;
	memset(state + XSTATE_AT + 64, 0, 2048);
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)verdict;
}

static void forge_initial(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint8_t *state = (uint8_t *)uc->uc_mcontext.fpregs;

	(void)number;
	(void)info;
	memset(state + XSTATE_AT, 0, 64);
	*(uint64_t *)(void *)(state + 464 + 8) |= 0x200; /* sw_reserved: xfeatures */
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)verdict;
}

static void forge_segments(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)number;
	(void)info;
	uc->uc_mcontext.gregs[REG_CSGSFS] = 0x10; /* the kernel's */
	uc->uc_mcontext.gregs[REG_EFL] |= 0x3000;
	for (int i = 0; i < target_count; i++)
		if (!strcmp(targets[i].kind, "range"))
			uc->uc_mcontext.gregs[REG_RIP] = (greg_t)targets[i].at;
}

/* Of the local descriptor table, where there is nothing: Linux returns to such a stack segment by
 * a stack of its own, and knows a fault there by its address. */
static void forge_local_stack(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)number;
	(void)info;
	uc->uc_flags |= 6; /* UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
	((uint16_t *)&uc->uc_mcontext.gregs[REG_CSGSFS])[3] = 7;
}

static void with_handler(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static void frame_rights(void)
{
	with_handler(forge_rights);
}

static void frame_initial(void)
{
	with_handler(forge_initial);
}

static void frame_segments(void)
{
	with_handler(forge_segments);
}

static __attribute__((unused)) void frame_local_stack(void)
{
	with_handler(forge_local_stack);
}

/* A return from a signal that never was, on a stack of garbage. */
static void frame_garbage(void)
{
	syscall(SYS_rt_sigreturn);
}

/* --- registers
 * ------------------------------------------------------------------------------------ */

static uintptr_t some_kernel_address(void)
{
	for (int i = 0; i < target_count; i++)
		if (!strcmp(targets[i].kind, "data"))
			return targets[i].at;
	return 0;
}

static void bases(void)
{
	uintptr_t kernel = some_kernel_address();

	for (int i = 0; i < 100; i++) {
		__asm__ volatile("wrgsbase %0" ::"r"(kernel + (uintptr_t)i * 8));
		syscall(SYS_getppid);
		syscall(SYS_arch_prctl, ARCH_SET_GS, kernel);
	}
}

/* With fs elsewhere there is no C library: only these instructions. */
static void fs_base(void)
{
	uintptr_t kernel = some_kernel_address(), saved;
	long result;

	__asm__ volatile("rdfsbase %0" : "=r"(saved));
	for (int i = 0; i < 100; i++) {
		__asm__ volatile("wrfsbase %2\n\tsyscall\n\twrfsbase %3"
				 : "=a"(result)
				 : "a"((long)SYS_getppid), "r"(kernel), "r"(saved)
				 : "rcx", "r11", "memory");
	}
}

static void flags(void)
{
	static const uint64_t odd[] = {0x400, 0x40000, 0x4000, 0x100, 0x3000, 0x20000, 0x247fd5};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		long result;

		signal(SIGTRAP, SIG_IGN);
		__asm__ volatile("pushfq\n\torq %2, (%%rsp)\n\tpopfq\n\tsyscall\n\t"
				 "pushfq\n\tandq $~0x64700, (%%rsp)\n\tpopfq\n\tcld"
				 : "=a"(result)
				 : "a"((long)SYS_getppid), "r"(odd[i] & ~UINT64_C(0x100))
				 : "rcx", "r11", "memory", "cc");
	}
}

static void selectors(void)
{
	for (unsigned value = 0; value < 0x100; value++) {
		if ((value & 3) != 3)
			continue;
		__asm__ volatile("mov %0, %%gs\n\tmov %0, %%es" ::"r"(value));
		syscall(SYS_getppid);
	}
}

static void other_doors(void)
{
	long result = SYS_getppid;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	((long (*)(void *))0xffffffffff600000)(&result);
}

static void sysenter(void)
{
	__asm__ volatile("sysenter" ::"a"(20) : "memory");
}

static void pkey_calls(void)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int key = 0; key < 16; key++) {
		syscall(SYS_pkey_alloc, 0, 0);
		syscall(SYS_pkey_mprotect, at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, key);
		syscall(SYS_pkey_mprotect, at, PAGE, PROT_READ | PROT_WRITE, key);
		syscall(SYS_pkey_free, key);
	}
}

/* --- interrupted everywhere ----------------------------------------------------------------------
 */

static volatile sig_atomic_t ticks;

static void tick(int number)
{
	(void)number;
	ticks++;
}

static void storm(void)
{
	struct itimerval often = {.it_interval = {.tv_usec = 50}, .it_value = {.tv_usec = 50}};
	struct itimerval never = {.it_value = {0}};
	long parent = syscall(SYS_getppid);

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 100000; i++)
		if (syscall(SYS_getppid) != parent)
			_exit(11);
	setitimer(ITIMER_REAL, &never, NULL);
	if (!ticks)
		unable("no tick");
}

const struct attack states[] = {
	{"frame-rights", frame_rights},
	{"frame-initial", frame_initial},
	{"frame-segments", frame_segments},
	{"frame-garbage", frame_garbage},
#ifdef KERNEL_PATCHED /* an older one ends the machine */
	{"frame-local-stack", frame_local_stack},
#endif
	{"gs-base", bases},
	{"fs-base", fs_base},
	{"flags", flags},
	{"selectors", selectors},
	{"other-doors", other_doors},
	{"sysenter", sysenter},
	{"pkey-calls", pkey_calls},
	{"storm", storm},
};
const size_t state_count = sizeof(states) / sizeof(states[0]);
