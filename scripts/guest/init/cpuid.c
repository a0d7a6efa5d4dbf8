/* SPDX-License-Identifier: BSD-2-Clause */
/* cpuid in programs: a VMM that changes them for it must not be seen to. Code in a file,
 * which is mapped and not written: what is executed again and again there must answer
 * the same, over the end of a page, stepped over, and when the file is changed.
 */
#define _GNU_SOURCE /* REG_RIP */
#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE   4096
#define ROUNDS 100

#ifdef __x86_64__

typedef uint64_t answer(uint32_t leaf, uint32_t subleaf);

static const uint8_t code[] = {
	0x53,			/* push %rbx */
	0x89, 0xf8,		/* mov %edi, %eax */
	0x89, 0xf1,		/* mov %esi, %ecx */
	0x0f, 0xa2,		/* cpuid */
	0x48, 0xc1, 0xe2, 0x20, /* shl $32, %rdx */
	0x48, 0x09, 0xd0,	/* or %rdx, %rax */
	0x5b, 0xc3,		/* pop %rbx; ret */
};
#define CPUID_AT 5

/* In the middle of a page, and the two bytes on two pages. */
static const unsigned places[] = {0x100, PAGE - CPUID_AT - 1};

static uint8_t *map_code(int *file)
{
	*file = open("/cpuid-code", O_RDWR | O_CREAT | O_TRUNC, 0700);
	if (*file < 0 || ftruncate(*file, 2 * PAGE))
		return MAP_FAILED;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (pwrite(*file, code, sizeof(code), places[i]) != sizeof(code))
			return MAP_FAILED;
	return mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, *file, 0);
}

static uint64_t directly(uint32_t leaf, uint32_t subleaf)
{
	uint32_t a = leaf, b, c = subleaf, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (uint64_t)d << 32 | a;
}

static int same_answers(const uint8_t *text)
{
	static const uint32_t leaves[] = {0, 2, 7, 0xd, 0x80000002};

	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < ARRAY_SIZE(leaves); i++)
			for (size_t p = 0; p < ARRAY_SIZE(places); p++)
				if (((answer *)(text + places[p]))(leaves[i], 0) !=
				    directly(leaves[i], 0))
					return 0;
	return 1;
}

static volatile uintptr_t watched;
static volatile int seen;

static void on_step(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	seen += (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] == watched;
}

/* The trap comes behind cpuid, once. */
static int stepped_over(const uint8_t *text)
{
	struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	uint64_t flags, eax;

	sigaction(SIGTRAP, &action, NULL);
	seen = 0;
	watched = (uintptr_t)text + places[0] + CPUID_AT + 2;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "cc", "memory");
	eax = ((answer *)(text + places[0]))(0, 0);
	__asm__ volatile("pushfq; popq %0; andq $~0x100, %0; pushq %0; popfq"
			 : "=r"(flags)::"cc", "memory");
	signal(SIGTRAP, SIG_DFL);
	return seen == 1 && eax == directly(0, 0);
}

/* `mov $1, %al` in the place of cpuid, written to the file. */
static int follows_the_file(const uint8_t *text, int file)
{
	static const uint8_t other[] = {0xb0, 1};

	for (size_t p = 0; p < ARRAY_SIZE(places); p++)
		if (pwrite(file, other, 2, places[p] + CPUID_AT) != 2 ||
		    (uint8_t)((answer *)(text + places[p]))(0x55, 0) != 1)
			return 0;
	return 1;
}

int check_cpuid(void)
{
	int file, ok;
	uint8_t *text = map_code(&file);

	if (text == MAP_FAILED)
		return 0;
	ok = same_answers(text) && stepped_over(text) && same_answers(text) &&
	     follows_the_file(text, file);
	munmap(text, 2 * PAGE);
	close(file);
	unlink("/cpuid-code");
	return ok;
}

#else
int check_cpuid(void)
{
	return 1; /* the code above is 64-bit */
}
#endif
