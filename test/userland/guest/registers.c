/* SPDX-License-Identifier: BSD-2-Clause */
/* Register contents across context switches, system calls, faults and signals: general
 * registers, x87, SSE, AVX, AVX-512 as far as the processor has them, MXCSR, segment bases. */
#define _GNU_SOURCE
#include "check.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <sched.h>
#include <sys/time.h>

#define VECTOR_BYTES 64

/* 16 or 32 vector registers, 8 mask registers, 8 x87 registers. */
struct registers {
	uint8_t vector[32][VECTOR_BYTES];
	uint64_t mask[8];
	double x87[4];
	uint32_t mxcsr;
} __attribute__((aligned(64)));

static unsigned width; /* bytes of a vector register: 16, 32, 64 */

static uint64_t enabled_state(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low | (uint64_t)high << 32;
}

static void find_width(void)
{
	unsigned a, b, c, d;

	width = 16;
	__cpuid(1, a, b, c, d);
	if (!(c & bit_OSXSAVE) || !(c & bit_AVX) || (enabled_state() & 6) != 6)
		return;
	width = 32;
	__cpuid_count(7, 0, a, b, c, d);
	if (b & bit_AVX512F && b & bit_AVX512BW && (enabled_state() & 0xe6) == 0xe6)
		width = 64;
}

#define EACH16(op)                                                                                 \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13)    \
		op(14) op(15)
#define EACH32(op)                                                                                 \
	EACH16(op)                                                                                 \
	op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28) \
		op(29) op(30) op(31)
#define EACH8(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)

#define LOAD_X(n)  "movdqu 64*" #n "(%0), %%xmm" #n "\n"
#define LOAD_Y(n)  "vmovdqu 64*" #n "(%0), %%ymm" #n "\n"
#define LOAD_Z(n)  "vmovdqu64 64*" #n "(%0), %%zmm" #n "\n"
#define LOAD_K(n)  "kmovq 2048+8*" #n "(%0), %%k" #n "\n"
#define STORE_X(n) "movdqu %%xmm" #n ", 64*" #n "(%0)\n"
#define STORE_Y(n) "vmovdqu %%ymm" #n ", 64*" #n "(%0)\n"
#define STORE_Z(n) "vmovdqu64 %%zmm" #n ", 64*" #n "(%0)\n"
#define STORE_K(n) "kmovq %%k" #n ", 2048+8*" #n "(%0)\n"
#define X87_LOAD   "fldl 2112(%0); fldl 2120(%0); fldl 2128(%0); fldl 2136(%0)\n"
#define X87_STORE  "fstpl 2136(%0); fstpl 2128(%0); fstpl 2120(%0); fstpl 2112(%0)\n"

/* What happens while the registers are loaded. In: r12 = kind. No C: it would use them. */
enum { HAPPENS_NOTHING, HAPPENS_YIELD, HAPPENS_FAULT, HAPPENS_SIGNAL, HAPPENS_SPIN, HAPPENS_SLEEP };

static uint8_t *fresh; /* a page that is not there */
static struct timespec nap = {0, 200000};

#define HAPPEN                                                                                     \
	"cmp $1, %1; jne 2f; mov $24, %%eax; syscall; jmp 9f\n" /* sched_yield */                  \
	"2: cmp $2, %1; jne 3f; movb $1, (%2); jmp 9f\n"                                           \
	"3: cmp $3, %1; jne 4f; mov $39, %%eax; syscall; mov %%eax, %%edi; mov $10, %%esi;"        \
	"   mov $62, %%eax; syscall; jmp 9f\n" /* kill(getpid(), SIGUSR1) */                       \
	"4: cmp $4, %1; jne 5f; mov $300000, %%ecx; 6: dec %%ecx; jnz 6b; jmp 9f\n"                \
	"5: cmp $5, %1; jne 9f; mov %3, %%rdi; xor %%esi, %%esi; mov $35, %%eax; syscall\n"        \
	"9:\n"

#define CLOBBERS                                                                                   \
	"rax", "rcx", "rdx", "rdi", "rsi", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3",  \
		"xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
		"xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)"

static void hold(struct registers *registers, long what)
{
	__asm__ volatile("ldmxcsr %0" ::"m"(registers->mxcsr));
	if (width == 64)
		__asm__ volatile(EACH32(LOAD_Z) EACH8(LOAD_K) X87_LOAD HAPPEN EACH32(STORE_Z)
					 EACH8(STORE_K) X87_STORE ::"r"(registers),
				 "r"(what), "r"(fresh), "r"(&nap)
				 : CLOBBERS);
	else if (width == 32)
		__asm__ volatile(EACH16(LOAD_Y) X87_LOAD HAPPEN EACH16(STORE_Y)
					 X87_STORE ::"r"(registers),
				 "r"(what), "r"(fresh), "r"(&nap)
				 : CLOBBERS);
	else
		__asm__ volatile(EACH16(LOAD_X) X87_LOAD HAPPEN EACH16(STORE_X)
					 X87_STORE ::"r"(registers),
				 "r"(what), "r"(fresh), "r"(&nap)
				 : CLOBBERS);
	__asm__ volatile("stmxcsr %0" : "=m"(registers->mxcsr));
}

static void fill_in(struct registers *registers)
{
	memset(registers, 0, sizeof(*registers));
	for (unsigned i = 0; i < (width == 64 ? 32u : 16u); i++)
		for (unsigned j = 0; j < width; j++)
			registers->vector[i][j] = (uint8_t)next_random();
	if (width == 64)
		for (unsigned i = 0; i < 8; i++)
			registers->mask[i] = next_random();
	for (unsigned i = 0; i < 4; i++)
		registers->x87[i] = (double)(next_random() >> 20);
	/* all exceptions masked, any rounding */
	registers->mxcsr = 0x1f80 | (uint32_t)(next_random() & 3) << 13;
}

static int survives(long what)
{
	struct registers before, after;

	fill_in(&before);
	after = before;
	hold(&after, what);
	return memcmp(&before, &after, sizeof(before)) == 0;
}

static volatile long signals_seen;

static void wipe(int number)
{
	struct registers other;

	(void)number;
	fill_in(&other);
	hold(&other, HAPPENS_NOTHING);
	signals_seen++;
}

static uint64_t seed(void)
{
	return 88172645463325252ull + (uint64_t)getpid() * 7919;
}

/* Several of these at once. */
static int holder(void)
{
	long rounds = scaled(400);
	int ok = 1;

	random_state = seed();
	signal(SIGUSR1, wipe);
	for (long i = 0; i < rounds; i++) {
		fresh = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
		ok &= survives(HAPPENS_YIELD) & survives(HAPPENS_FAULT);
		if (i % 4 == 0)
			ok &= survives(HAPPENS_SIGNAL);
		if (i % 16 == 0)
			ok &= survives(HAPPENS_SPIN) & survives(HAPPENS_SLEEP);
		if (i % 50 == 0) { /* a child starts with its parent's registers */
			struct registers here;

			fill_in(&here);
			if (fork() == 0)
				_exit(0);
			wait(NULL);
		}
		munmap(fresh, PAGE);
	}
	return !ok;
}

static int many_holders(void)
{
	int status, ok = 1;

	for (int i = 0; i < 5; i++)
		if (fork() == 0)
			_exit(holder());
	for (int i = 0; i < 5; i++) {
		wait(&status);
		ok &= exits(status, 0) ? 1 : NOTE("status %x", status);
	}
	return ok;
}

/* Interrupted at every place by a timer whose handler uses all registers. */
static int under_timer(void)
{
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	int ok = 1;

	signal(SIGALRM, wipe);
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; i < scaled(600); i++)
		ok &= survives(HAPPENS_SPIN);
	setitimer(ITIMER_REAL, &never, NULL);
	return ok & MUST(signals_seen > 0);
}

/* Sixteen general registers, through a system call and a fault. */
static int general(void)
{
	register uint8_t *page __asm__("r15");
	uint64_t bad = 0;

	fresh = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page = fresh;
	__asm__ volatile(
		"push %%rbp; mov $0x1001, %%ebx; mov $0x1002, %%edx; mov $0x1003, %%esi;"
		"mov $0x1004, %%edi; mov $0x1005, %%ebp; mov $0x1006, %%r8d; mov $0x1007, %%r9d;"
		"mov $0x1008, %%r10d; mov $0x1009, %%r12d; mov $0x100a, %%r13d; mov $0x100b, "
		"%%r14d;"
		"mov $24, %%eax; syscall; movb $1, (%%r15);"
		"cmp $0, %%rax; jne 1f; cmp $0x1001, %%rbx; jne 1f; cmp $0x1002, %%rdx; jne 1f;"
		"cmp $0x1003, %%rsi; jne 1f; cmp $0x1004, %%rdi; jne 1f; cmp $0x1005, %%rbp; jne "
		"1f;"
		"cmp $0x1006, %%r8; jne 1f; cmp $0x1007, %%r9; jne 1f; cmp $0x1008, %%r10; jne 1f;"
		"cmp $0x1009, %%r12; jne 1f; cmp $0x100a, %%r13; jne 1f; cmp $0x100b, %%r14; jne "
		"1f;"
		"xor %%eax, %%eax; jmp 2f; 1: mov $1, %%eax; 2: pop %%rbp"
		: "=a"(bad)
		: "r"(page)
		: "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		  "memory", "cc");
	return !bad;
}

static int bases(void)
{
	unsigned long saved, value = 0, other = 0;
	static uint64_t block[4] = {11, 22, 33, 44};
	int ok = 1;
	uint64_t seen;

	syscall(SYS_arch_prctl, ARCH_GET_FS, &saved);
	ok &= MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, block) == 0);
	__asm__ volatile("mov %%gs:8, %0" : "=r"(seen));
	ok &= seen == 22;
	for (int i = 0; i < 200; i++) {
		sched_yield();
		if (i % 20 == 0) {
			if (fork() == 0) {
				__asm__ volatile("mov %%gs:16, %0" : "=r"(seen));
				syscall(SYS_arch_prctl, ARCH_SET_GS, &block[1]);
				sched_yield();
				__asm__ volatile("mov %%gs:16, %0" : "=r"(value));
				_exit(!(seen == 33 && value == 44));
			}
			wait((int *)&value);
			ok &= exits((int)value, 0);
		}
		__asm__ volatile("mov %%gs:24, %0" : "=r"(seen));
		ok &= seen == 44;
	}
	syscall(SYS_arch_prctl, ARCH_GET_GS, &value);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &other);
	ok &= MUST(value == (unsigned long)block && other == saved);
	ok &= MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000) < 0 && errno == EPERM);
	return ok;
}

/* Selectors of the data segments are the program's own. */
static int selectors(void)
{
	uint16_t ds = 0xffff, es = 0xffff, cs, ss;

	__asm__ volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
	if (cs != 0x33 || ss != 0x2b)
		return NOTE("cs %x ss %x", cs, ss);
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" ::"r"(0x2b));
	sched_yield();
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	__asm__ volatile("mov %%ds, %0; mov %%es, %1" : "=r"(ds), "=r"(es));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" ::"r"(0));
	return ds == 0x2b && es == 0x2b ? 1 : NOTE("ds %x es %x", ds, es);
}

/* cpuid's word on the size of the extended state is true for xsave here. */
static int extended_size(void)
{
	unsigned a, b, c, d;
	uint8_t *area = aligned_alloc(64, 65536);
	size_t end = 65536;

	__cpuid(1, a, b, c, d);
	if (!(c & bit_OSXSAVE))
		return 1;
	__cpuid_count(0xd, 0, a, b, c, d);
	memset(area, 0xa5, 65536);
	memset(area + 512, 0, 64);
	__asm__ volatile("xsave (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	while (end && area[end - 1] == 0xa5)
		end--;
	free(area);
	return end <= b ? 1 : NOTE("xsave wrote %zu bytes, cpuid says %u", end, b);
}

int main(void)
{
	find_width();
	fprintf(stderr, "registers: vectors of %u bytes\n", width);
	check("registers-general", general());
	check("registers-switches", many_holders());
	check("registers-timer", under_timer());
	check("registers-bases", bases());
	check("registers-selectors", selectors());
	check("registers-xsave-size", extended_size());
	return failures != 0;
}
