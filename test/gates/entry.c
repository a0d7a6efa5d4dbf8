/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways to a system call other than from above, flags that are not the usual ones, and
 * faults of what stands in front of it.
 */
#include "gates.h"
#include "test/userland/guest/check.h"

#include <ucontext.h>

static int direct(void)
{
	long pid = getpid(), uid = getuid();
	int ok = 1;

	for (int i = 0; i < HOT; i++)
		ok &= site_window() == pid;
	tell("direct", site_start);
	for (int i = 0; i < HOT && ok; i++)
		ok = MUST(site_direct(SYS_getuid) == uid) && MUST(site_rcx == (long)site_next) &&
		     MUST(site_direct(SYS_getpid) == pid) && MUST(site_window() == pid) &&
		     MUST(site_rcx == (long)site_next);
	return ok;
}

static const struct {
	const char *name;
	uint64_t flag;
} odd_flags[] = {{"AC", 0x40000}, {"ID", 0x200000}, {"DF", 0x400}, {"NT", 0x4000}};

static uint64_t call_with(uint64_t flags, long *result)
{
	uint64_t after;
	long value;

	__asm__ volatile("pushfq\n\t"
			 "orq	%2, (%%rsp)\n\t"
			 "popfq\n\t"
			 "call	site_window\n\t"
			 "pushfq\n\t"
			 "popq	%0\n\t"
			 "pushq	$0x202\n\t"
			 "popfq"
			 : "=&r"(after), "=&a"(value)
			 : "r"(flags)
			 : "rcx", "r11", "memory", "cc");
	*result = value;
	return after;
}

static int flags(void)
{
	long pid = getpid(), result;
	int ok = 1;

	for (size_t i = 0; i < COUNT(odd_flags); i++) {
		uint64_t after = call_with(odd_flags[i].flag, &result);

		/* Linux clears NT on the way back */
		if (odd_flags[i].flag != 0x4000 && !(after & odd_flags[i].flag))
			ok = NOTE("%s is lost", odd_flags[i].name);
		ok &= MUST(result == pid);
	}
	return ok;
}

/* --- single steps of a program over itself ---------------------------------------------- */

static const uint8_t *seen[64];
static volatile int seen_count;

static void on_step(int number, siginfo_t *info, void *context)
{
	const uint8_t *rip = (const uint8_t *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)number, (void)info;
	if (seen_count < (int)COUNT(seen))
		seen[seen_count++] = rip;
}

static int steps(void)
{
	struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	static const uint8_t *expected[3];
	long result;
	int at = 0;

	expected[0] = site_start;
	expected[1] = site_syscall;
	expected[2] = site_next_but_one; /* TF comes back with sysret: after one more */
	sigaction(SIGTRAP, &action, NULL);
	call_with(0x100, &result);
	while (at < seen_count && seen[at] != expected[0])
		at++;
	for (int i = 0; i < 3; i++)
		if (at + i >= seen_count || seen[at + i] != expected[i])
			return NOTE("step %d is at %p, not %p", i, (const void *)seen[at + i],
				    (const void *)expected[i]);
	return MUST(result == getpid());
}

/* --- a displaced instruction that faults -------------------------------------------------- */

static long *moving;
static const void *volatile fault_at;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	fault_at = (const void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	mprotect(moving, PAGE, PROT_READ | PROT_WRITE);
}

static int fault(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	int ok = 1;

	moving = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 0; i < HOT + 5 && ok; i++) {
		moving[32] = i;
		fault_at = NULL;
		if (i > HOT && mprotect(moving, PAGE, PROT_NONE))
			return 0;
		ok = MUST(site_load(moving) == i) &&
		     MUST(fault_at == (i > HOT ? site_load_start : NULL));
	}
	tell("fault", site_load_start);
	return ok;
}

/* --- instructions in instructions ----------------------------------------------------------- */

/* Enter overlap_window `offset` bytes later with valid pointers in rax and rdi. */
static long overlapped(unsigned offset, uint8_t *a, uint8_t *d)
{
	long result = (long)a;
	const uint8_t *to = overlap_window + offset;

	__asm__ volatile("call	*%[to]"
			 : "+a"(result)
			 : [to] "r"(to), "D"(d), "c"(5L)
			 : "r11", "memory", "cc");
	return result;
}

static int overlap(void)
{
	static uint8_t a[256] __attribute__((aligned(256)));
	static uint8_t d[256];
	int ok = 1;

	for (int i = 0; i < HOT; i++)
		((void (*)(void))overlap_window)();
	tell("overlap", overlap_window);
	/* +4: add %cl, (%rdi); add $0x909090c3, %eax */
	d[0] = 1;
	ok &= MUST((uint32_t)overlapped(4, a, d) == (uint32_t)((long)a + 0x909090c3)) &&
	      MUST(d[0] == 6);
	return ok;
}

static int overlap_again(void)
{
	static uint8_t a[256] __attribute__((aligned(256)));
	static uint8_t d[256];

	/* +2: add %al, (%rax); add %cl, (%rdi); add $0x909090c3, %eax */
	for (int i = 0; i < HOT; i++)
		((void (*)(void))overlap_window)();
	a[0] = 1;
	d[0] = 1;
	return MUST((uint32_t)overlapped(2, a, d) == (uint32_t)((long)a + 0x909090c3)) &&
	       MUST(d[0] == 6) && MUST(a[0] == (uint8_t)(1 + (uint8_t)(long)a));
}

int entry_checks(void)
{
	check("direct", direct());
	check("flags", flags());
	check("steps", steps());
	check("fault", fault());
	check("overlap", overlap());
	check("overlap-again", overlap_again());
	return failures;
}
