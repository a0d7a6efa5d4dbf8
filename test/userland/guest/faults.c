/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program is told about its own faults: signal, si_code, si_addr, and the registers
 * in the frame. Handlers run on an alternate stack. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <fenv.h>
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile siginfo_t got;
static volatile unsigned long got_rip, got_err, got_trap, got_cr2;
static volatile uintptr_t handler_stack;
static char *alternate;

static void handler(int number, siginfo_t *info, void *context)
{
	const greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	int local;

	(void)number;
	memcpy((void *)&got, info, sizeof(got));
	got_rip = (unsigned long)regs[REG_RIP];
	got_err = (unsigned long)regs[REG_ERR];
	got_trap = (unsigned long)regs[REG_TRAPNO];
	got_cr2 = (unsigned long)regs[REG_CR2];
	handler_stack = (uintptr_t)&local;
	siglongjmp(back, 1);
}

static void catch_all(void)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	stack_t stack = {.ss_size = 65536};
	struct sigaction action = {.sa_sigaction = handler,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	alternate = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	stack.ss_sp = alternate;
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < COUNT(numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

/* statement raises a signal */
#define CAUGHT(statement)                                                                          \
	({                                                                                         \
		volatile int caught_ = 1;                                                          \
		if (!sigsetjmp(back, 1)) {                                                         \
			statement;                                                                 \
			caught_ = 0;                                                               \
		}                                                                                  \
		caught_;                                                                           \
	})

static int is(int number, int code)
{
	if (got.si_signo == number && got.si_code == code)
		return 1;
	return NOTE("signal %d code %d addr %p trap %lu err %lx, not %d %d", got.si_signo,
		    got.si_code, got.si_addr, got_trap, got_err, number, code);
}

static int at(const volatile void *address)
{
	return got.si_addr == address ? 1 : NOTE("si_addr %p, not %p", got.si_addr, address);
}

static int errors(unsigned long bits)
{
	return (got_err & 0x1f) == bits ? 1 : NOTE("error code %lx, not %lx", got_err, bits);
}

static void page_faults(void)
{
	volatile char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *rw =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char sink;

	check("segv-read-unmapped", CAUGHT(sink = *(volatile char *)16) &&
					    is(SIGSEGV, SEGV_MAPERR) && at((void *)16) &&
					    errors(4));
	check("segv-write-unmapped", CAUGHT(*(volatile char *)24 = 1) && is(SIGSEGV, SEGV_MAPERR) &&
					     at((void *)24) && errors(6));
	check("segv-no-access",
	      CAUGHT(sink = none[5]) && is(SIGSEGV, SEGV_ACCERR) && at(none + 5) && errors(4));
	check("segv-write-read-only", CAUGHT(ro[7] = 1) && is(SIGSEGV, SEGV_ACCERR) && at(ro + 7));
	sink = ro[7];
	check("segv-write-present",
	      CAUGHT(ro[8] = 1) && is(SIGSEGV, SEGV_ACCERR) && at(ro + 8) && errors(7));
	rw[0] = (char)0xc3;
	check("segv-execute-data", CAUGHT(((void (*)(void))rw)()) && is(SIGSEGV, SEGV_ACCERR) &&
					   at(rw) && got_rip == (unsigned long)rw &&
					   (got_err & 0x15) == 0x15);
	check("segv-execute-unmapped", CAUGHT(((void (*)(void))64)()) && is(SIGSEGV, SEGV_MAPERR) &&
					       at((void *)64) && got_rip == 64);
	/* the kernel's, the VMM's, and whatever else a program must not see */
	static const uintptr_t forbidden[] = {0xffffffff81000000, 0xffff888000000000,
					      0xffffffffffffe000, 0x7fffffffe000 + 0x1000};
	int ok = 1;

	for (size_t i = 0; i < COUNT(forbidden); i++)
		ok &= CAUGHT(sink = *(volatile char *)forbidden[i]) && is(SIGSEGV, got.si_code);
	check("segv-kernel-addresses", ok);
	check("segv-not-canonical", CAUGHT(sink = *(volatile char *)0x8000000000000000) &&
					    is(SIGSEGV, SI_KERNEL) && at(NULL) && got_trap == 13);
	(void)sink;
}

static void bus_errors(void)
{
	char name[] = "/tmp/faultsXXXXXX";
	int fd = mkstemp(name);
	volatile char *map, sink;

	unlink(name);
	if (ftruncate(fd, 100))
		NOTE("ftruncate");
	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	map[50] = 1;
	check("bus-beyond-file",
	      CAUGHT(sink = map[PAGE + 3]) && is(SIGBUS, BUS_ADRERR) && at(map + PAGE + 3));
	if (ftruncate(fd, 0))
		NOTE("ftruncate");
	check("bus-truncated", CAUGHT(sink = map[50]) && is(SIGBUS, BUS_ADRERR) && at(map + 50));
	(void)sink;
	close(fd);
}

/* EFLAGS.AC: misaligned accesses trap, in user mode and with CR0.AM. */
static void alignment_check(void)
{
	static volatile char bytes[16] __attribute__((aligned(16)));
	int caught = CAUGHT(({
		__asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq\n\t"
				 "movl 1(%0), %%eax" ::"r"(bytes)
				 : "rax", "memory", "cc");
	}));

	__asm__ volatile("pushfq; andl $~0x40000, (%%rsp); popfq" ::: "memory", "cc");
	check("bus-alignment", caught && is(SIGBUS, BUS_ADRALN));
}

static void arithmetic(void)
{
	volatile int zero = 0, value = 1;
	volatile double d = 0;

	check("fpe-divide", CAUGHT(value = value / zero) && is(SIGFPE, FPE_INTDIV) &&
				    got_rip == (unsigned long)got.si_addr);
	value = INT32_MIN;
	zero = -1;
	check("fpe-divide-overflow", CAUGHT(value = value / zero) && is(SIGFPE, FPE_INTDIV));
	feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
	check("fpe-sse-divide", CAUGHT(d = 1.0 / d) && is(SIGFPE, FPE_FLTDIV) && got_trap == 19);
	feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
	d = 0;
	check("fpe-sse-invalid", CAUGHT(d = d / d) && is(SIGFPE, FPE_FLTINV));
	feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
	d = 1e308;
	check("fpe-sse-overflow", CAUGHT(d = d * d) && is(SIGFPE, FPE_FLTOVF));
	feenableexcept(FE_DIVBYZERO | FE_INVALID);
	volatile long double l = 0;
	check("fpe-x87-divide", CAUGHT({
					l = 1.0L / l;
					__asm__ volatile("fwait");
				}) && is(SIGFPE, FPE_FLTDIV) &&
					got_trap == 16);
	__asm__ volatile("fninit");
	fedisableexcept(FE_ALL_EXCEPT);
	d = 0;
	check("fpe-masked", !CAUGHT(d = 1.0 / d) && d > 1e308);
}

extern char bad_start[], after_breakpoint[], after_step[];

static void instructions(void)
{
	check("ill-ud2", CAUGHT(__asm__ volatile(".globl bad_start\nbad_start: ud2")) &&
				 is(SIGILL, ILL_ILLOPN) && at(bad_start) &&
				 got_rip == (unsigned long)bad_start);
	check("ill-invalid", CAUGHT(__asm__ volatile(".byte 0x06")) && is(SIGILL, ILL_ILLOPN));
	check("trap-int3",
	      CAUGHT(__asm__ volatile("int3; .globl after_breakpoint\nafter_breakpoint:")) &&
		      is(SIGTRAP, SI_KERNEL) && got_rip == (unsigned long)after_breakpoint);
	check("trap-int3-long",
	      CAUGHT(__asm__ volatile(".byte 0xcd, 3")) && got.si_signo == SIGTRAP);
	check("trap-step", CAUGHT(__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop\n\t"
						   ".globl after_step\nafter_step: nop" ::
							   : "memory", "cc")) &&
				   is(SIGTRAP, TRAP_TRACE) && got_rip == (unsigned long)after_step);
	check("trap-icebp", CAUGHT(__asm__ volatile(".byte 0xf1")) && got.si_signo == SIGTRAP);
}

/* Privileged and I/O instructions: #GP, told as SIGSEGV without an address. */
static void privileged(void)
{
#define GP(name, code)                                                                             \
	check("gp-" name, CAUGHT(__asm__ volatile(code ::                                          \
							  : "rax", "rcx", "rdx", "memory")) &&     \
				  is(SIGSEGV, SI_KERNEL) && at(NULL) && got_trap == 13)
	GP("cli", "cli");
	GP("sti", "sti");
	GP("hlt", "hlt");
	GP("out", "mov $0x80, %%dx; out %%al, %%dx");
	GP("in", "mov $0x3f8, %%dx; in %%dx, %%al");
	GP("insb", "push %%rdi; lea -512(%%rsp), %%rdi; mov $0x3f8, %%dx; insb; pop %%rdi");
	GP("cr0", "mov %%cr0, %%rax");
	GP("cr3", "mov %%cr3, %%rax");
	GP("to-cr3", "xor %%eax, %%eax; mov %%rax, %%cr3");
	GP("dr7", "mov %%dr7, %%rax");
	GP("lgdt", "sub $512, %%rsp; lgdt (%%rsp)");
	GP("lidt", "sub $512, %%rsp; lidt (%%rsp)");
	GP("ltr", "xor %%eax, %%eax; ltr %%ax");
	GP("lldt", "xor %%eax, %%eax; lldt %%ax");
	GP("rdmsr", "mov $0xc0000080, %%ecx; rdmsr");
	GP("wrmsr", "mov $0xc0000080, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; wrmsr");
	GP("invlpg", "invlpg (%%rsp)");
	GP("wbinvd", "wbinvd");
	GP("clts", "clts");
	GP("lmsw", "xor %%eax, %%eax; lmsw %%ax");
	GP("int-40", "int $0x40");
	GP("int-20", "int $0x20");
	GP("int-14", "int $14");
	GP("bad-selector", "mov $0x1234, %%eax; mov %%ax, %%fs");
	check("ill-swapgs", CAUGHT(__asm__ volatile("swapgs")) &&
				    (got.si_signo == SIGSEGV || got.si_signo == SIGILL));
	check("ill-sysret", CAUGHT(__asm__ volatile("sysretq")) &&
				    (got.si_signo == SIGSEGV || got.si_signo == SIGILL));
}

/* The real interrupt flag and I/O level must not be what popf says. */
static void flags(void)
{
	unsigned long after;

	__asm__ volatile(
		"pushfq; andl $~0x200, (%%rsp); orl $0x3000, (%%rsp); popfq; pushfq; pop %0"
		: "=r"(after)::"memory", "cc");
	check("flags-if-iopl", (after & 0x3200) == 0x200 ? 1 : NOTE("%lx", after));
	__asm__ volatile("pushfq; orl $0x200000, (%%rsp); popfq; pushfq; pop %0"
			 : "=r"(after)::"memory", "cc");
	check("flags-id", (after & 0x200000) != 0);
	__asm__ volatile("pushfq; andl $~0x200000, (%%rsp); popfq" ::: "memory", "cc");
	__asm__ volatile("std; pushfq; pop %0; cld" : "=r"(after)::"memory", "cc");
	check("flags-df", (after & 0x400) != 0);
}

static void on_alternate_stack(void)
{
	check("altstack-used", handler_stack >= (uintptr_t)alternate &&
				       handler_stack < (uintptr_t)alternate + 65536);
}

static char *deepest;

static int recurse(int depth)
{
	volatile char block[3000];

	memset((char *)block, depth, sizeof(block));
	deepest = (char *)block;
	return depth ? recurse(depth - 1) + block[5] - block[7] : 0;
}

/* 6 MiB grow one fault at a time; endless recursion ends on the alternate stack. */
static void deep_recursion(void)
{
	check("stack-grows", recurse(2000) == 0);
	check("stack-overflow", CAUGHT(recurse(10000000)) && got.si_signo == SIGSEGV &&
					(char *)got.si_addr <= deepest + PAGE &&
					(char *)got.si_addr >= deepest - 64 * PAGE);
}

int main(void)
{
	catch_all();
	page_faults();
	bus_errors();
	alignment_check();
	arithmetic();
	instructions();
	privileged();
	flags();
	on_alternate_stack();
	deep_recursion();
	return failures != 0;
}
