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

/* The same to the second of two displaced instructions: that page stays as it is. */
static int between(void)
{
	long pid = getpid(), uid = getuid();
	int ok = 1;

	for (int i = 0; i < HOT; i++)
		ok &= pair() == pid;
	for (int i = 0; i < HOT && ok; i++)
		ok = MUST(pair_direct(SYS_getuid) == uid) && MUST(site_rcx == (long)pair_next) &&
		     MUST(pair_direct(SYS_getpid) == pid) && MUST(pair() == pid) &&
		     MUST(site_rcx == (long)pair_next);
	tell("between", pair_start);
	return ok;
}

static const struct {
	const char *name;
	uint64_t flag;
} odd_flags[] = {{"AC", 0x40000}, {"ID", 0x200000}, {"DF", 0x400}, {"NT", 0x4000}};

static uint64_t call_with(uint64_t flags, long (*site)(void), long *result)
{
	uint64_t after;
	long value;

	__asm__ volatile("pushfq\n\t"
			 "orq	%2, (%%rsp)\n\t"
			 "popfq\n\t"
			 "call	*%3\n\t"
			 "pushfq\n\t"
			 "popq	%0\n\t"
			 "pushq	$0x202\n\t"
			 "popfq"
			 : "=&r"(after), "=&a"(value)
			 : "r"(flags), "r"(site)
			 : "rcx", "r11", "memory", "cc");
	*result = value;
	return after;
}

static int flags(long (*site)(void))
{
	long pid = getpid(), result;
	int ok = 1;

	for (size_t i = 0; i < COUNT(odd_flags); i++) {
		uint64_t after = call_with(odd_flags[i].flag, site, &result);

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

/* TF comes back with sysret: after one more instruction. */
static const uint8_t *const site_steps[] = {site_start, site_syscall, site_next_but_one, NULL};
static const uint8_t *const pair_steps[] = {pair_start, pair_second, pair_syscall,
					    pair_next_but_one, NULL};

static int steps(long (*site)(void), const uint8_t *const *expected)
{
	struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	long result;
	int at = 0;

	seen_count = 0;
	sigaction(SIGTRAP, &action, NULL);
	call_with(0x100, site, &result);
	while (at < seen_count && seen[at] != expected[0])
		at++;
	for (int i = 0; expected[i]; i++)
		if (at + i >= seen_count || seen[at + i] != expected[i])
			return NOTE("step %d is at %p, not %p", i, (const void *)seen[at + i],
				    (const void *)expected[i]);
	return MUST(result == getpid());
}

/* --- between two instructions while they become a jump --------------------------------------- */

static volatile int stood_there;

/* Stepped to the second one: the site becomes hot, then it is gone on with. */
static void on_second(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number, (void)info;
	if ((const uint8_t *)regs[REG_RIP] != stood_second)
		return;
	for (int i = 0; i < HOT; i++)
		stood();
	stood_there = 1;
	regs[REG_EFL] &= ~0x100;
}

static int stands(void)
{
	struct sigaction action = {.sa_sigaction = on_second, .sa_flags = SA_SIGINFO};
	long result;

	sigaction(SIGTRAP, &action, NULL);
	call_with(0x100, stood, &result);
	tell("stands", stood_start);
	return MUST(stood_there) && MUST(result == getpid()) && MUST(site_rcx == (long)stood_next);
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

static int fault(const char *name, long (*load)(const long *), int index, const uint8_t *window,
		 const uint8_t *where)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	int ok = 1;

	moving = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 0; i < HOT + 5 && ok; i++) {
		moving[index] = i;
		fault_at = NULL;
		if (i > HOT && mprotect(moving, PAGE, PROT_NONE))
			return 0;
		ok = MUST(load(moving) == i) && MUST(site_rax == getpid()) &&
		     MUST(fault_at == (i > HOT ? where : NULL));
	}
	tell(name, window);
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
	check("between", between());
	check("flags", flags(site_window));
	check("flags-2", flags(pair));
	check("steps", steps(site_window, site_steps));
	check("steps-2", steps(pair, pair_steps));
	check("stands", stands());
	check("fault", fault("fault", site_load, 32, site_load_start, site_load_start));
	check("fault-2", fault("fault-2", pair_load, 0, pair_load_start, pair_load_second));
	check("overlap", overlap());
	check("overlap-again", overlap_again());
	return failures;
}
