/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals and timers: storms of them, nesting, alternate stacks, contexts changed by
 * handlers, and what interrupts what. */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t seen, depth, deepest;

static void count_one(int number)
{
	(void)number;
	seen++;
}

/* Each signal nests another, all on one alternate stack. */
static void nest(int number)
{
	(void)number;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (depth < 10)
		raise(SIGUSR2);
	depth--;
}

static int nesting(void)
{
	stack_t stack = {.ss_size = 262144, .ss_sp = malloc(262144)}, now;
	struct sigaction action = {.sa_handler = nest, .sa_flags = SA_ONSTACK | SA_NODEFER};

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR2, &action, NULL);
	for (int i = 0; i < 20; i++)
		raise(SIGUSR2);
	sigaltstack(NULL, &now);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(stack.ss_sp);
	return deepest == 10 && depth == 0 && !(now.ss_flags & SS_ONSTACK);
}

/* The stack of a handler that is not there: the program dies, the system does not. */
static int no_stack(void)
{
	stack_t stack = {.ss_size = 65536, .ss_sp = (void *)0x10000};
	struct sigaction action = {.sa_handler = count_one, .sa_flags = SA_ONSTACK};

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR2, &action, NULL);
	raise(SIGUSR2);
	return 0;
}

/* Waits for `n` signals; bounded, so that a lost timer is a failure and no hang. */
static int wait_for(volatile sig_atomic_t *counter, long n)
{
	time_t end = time(NULL) + 60;
	struct timespec nap = {0, 1000000};

	while (*counter < n && time(NULL) < end)
		nanosleep(&nap, NULL);
	return *counter >= n ? 1 : NOTE("%ld of %ld", (long)*counter, n);
}

static int interval_timer(int which, int number)
{
	struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
	long n = scaled(100);
	volatile uint64_t work = 0;
	time_t end = time(NULL) + 60;

	seen = 0;
	signal(number, count_one);
	setitimer(which, &often, NULL);
	while (seen < n && time(NULL) < end) /* processor time must pass */
		for (int i = 0; i < 10000; i++)
			work += (uint64_t)i;
	setitimer(which, &never, NULL);
	return seen >= n ? 1 : NOTE("%d signals", (int)seen);
}

static volatile sig_atomic_t per_timer[8];

static void on_timer(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	per_timer[info->si_value.sival_int]++;
}

static int timer_storm(void)
{
	struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
	timer_t timers[8];
	int ok = 1;

	sigaction(SIGRTMIN, &action, NULL);
	for (int i = 0; i < 8; i++) {
		struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
					 .sigev_signo = SIGRTMIN,
					 .sigev_value.sival_int = i};
		struct itimerspec often = {{0, 1000000 + i * 333333}, {0, 1000000}};

		ok &= timer_create(i % 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &event, &timers[i]) ==
		      0;
		ok &= timer_settime(timers[i], 0, &often, NULL) == 0;
	}
	for (int i = 0; i < 8; i++)
		ok &= wait_for(&per_timer[i], scaled(50));
	for (int i = 0; i < 8; i++)
		timer_delete(timers[i]);
	return ok;
}

static int timer_descriptor(void)
{
	struct itimerspec often = {{0, 1000000}, {0, 1000000}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t expired, all = 0;

	timerfd_settime(fd, 0, &often, NULL);
	while (all < (uint64_t)scaled(100) &&
	       read(fd, &expired, sizeof(expired)) == sizeof(expired))
		all += expired;
	close(fd);
	return all >= (uint64_t)scaled(100);
}

/* Clocks go forward, alike, and sleeping takes at least as long as asked. */
static int clocks(void)
{
	struct timespec before, after, raw, nap = {0, 20000000};
	int ok = 1;

	for (int i = 0; i < 5000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &before);
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &after); /* not the vDSO's */
		ok &= after.tv_sec > before.tv_sec ||
		      (after.tv_sec == before.tv_sec && after.tv_nsec >= before.tv_nsec);
		clock_gettime(CLOCK_MONOTONIC, &raw);
		ok &= raw.tv_sec > after.tv_sec ||
		      (raw.tv_sec == after.tv_sec && raw.tv_nsec >= after.tv_nsec);
	}
	clock_gettime(CLOCK_MONOTONIC, &before);
	nanosleep(&nap, NULL);
	clock_gettime(CLOCK_MONOTONIC, &after);
	return ok & ((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >=
		     20000000);
}

/* A handler rewrites the interrupted registers; sigreturn must take it. */
static void change_context(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	(void)info;
	regs[REG_RIP] += 2; /* behind ud2 */
	regs[REG_RBX] = 0x123456789abcdef0;
	regs[REG_R15] = 77;
	regs[REG_EFL] |= 0x400 | 0x3000; /* DF; IOPL is not ours to set */
}

static int context(void)
{
	struct sigaction action = {.sa_sigaction = change_context, .sa_flags = SA_SIGINFO};
	register uint64_t out __asm__("r15");
	uint64_t rbx, r15, flags;

	sigaction(SIGILL, &action, NULL);
	__asm__ volatile("xor %%ebx, %%ebx; xor %%r15d, %%r15d; ud2; pushfq; cld; pop %%rcx"
			 : "=b"(rbx), "=c"(flags), "=r"(out)::"memory", "cc");
	r15 = out;
	return rbx == 0x123456789abcdef0 && r15 == 77 && (flags & 0x3400) == 0x400;
}

static void *send_many(void *target)
{
	for (long i = 0; i < scaled(3000); i++)
		pthread_kill((pthread_t)target, SIGUSR1);
	return NULL;
}

static int between_threads(void)
{
	struct sigaction action = {.sa_handler = count_one, .sa_flags = SA_RESTART};
	pthread_t threads[3];
	sigset_t set, old;
	volatile uint64_t sum = 0;

	seen = 0;
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, send_many, (void *)pthread_self());
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (int i = 0; i < 2000; i++) {
		pthread_sigmask(SIG_BLOCK, &set, &old);
		sum += (uint64_t)i;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return seen > 0 && sum == 1999 * 1000;
}

/* Queued signals come once each, in order. */
static volatile sig_atomic_t next_value, in_order = 1;

static void on_queued(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	in_order &= info->si_value.sival_int == next_value++ && info->si_code == SI_QUEUE;
}

static int queued(void)
{
	struct sigaction action = {.sa_sigaction = on_queued, .sa_flags = SA_SIGINFO};
	sigset_t set;

	sigaction(SIGRTMIN + 1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 100; i++)
		sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i});
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return in_order && next_value == 100;
}

static int interrupted_calls(void)
{
	struct sigaction action = {.sa_handler = count_one};
	struct itimerval once = {{0, 0}, {0, 5000}};
	int gate[2], ok;
	char byte;

	sigaction(SIGALRM, &action, NULL);
	if (pipe(gate))
		return 0;
	setitimer(ITIMER_REAL, &once, NULL);
	ok = read(gate[0], &byte, 1) < 0 && errno == EINTR;
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	if (fork() == 0) {
		usleep(30000);
		_exit(write(gate[1], "x", 1) != 1);
	}
	setitimer(ITIMER_REAL, &once, NULL);
	ok &= read(gate[0], &byte, 1) == 1;
	wait(NULL);
	return ok;
}

int main(void)
{
	check("signal-nesting", nesting());
	check("signal-no-stack", dies(in_child(no_stack), SIGSEGV));
	check("signal-context", context());
	check("signal-threads", between_threads());
	check("signal-queued", queued());
	check("signal-interrupts", interrupted_calls());
	check("itimer-real", interval_timer(ITIMER_REAL, SIGALRM));
	check("itimer-virtual", interval_timer(ITIMER_VIRTUAL, SIGVTALRM));
	check("itimer-prof", interval_timer(ITIMER_PROF, SIGPROF));
	check("timer-storm", timer_storm());
	check("timerfd", timer_descriptor());
	check("clocks", clocks());
	return failures != 0;
}
