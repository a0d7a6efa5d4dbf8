/* SPDX-License-Identifier: BSD-2-Clause */
/* Old doors: int 0x80, sysenter, the vsyscall page, local descriptor tables, TLS
 * descriptors, port I/O, and instructions that tell of the machine. */
#define _GNU_SOURCE
#include "check.h"

#include <asm/ldt.h>
#include <sched.h>
#include <sys/io.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>

/* Without CONFIG_IA32_EMULATION vector 0x80 has no gate for applications. */
static int int80(void)
{
	long result = 20; /* getpid of 32-bit programs */

	__asm__ volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
	return 0;
}

static int sysenter(void)
{
	__asm__ volatile("sysenter" ::"a"(20) : "memory", "rcx", "rdx");
	return 0;
}

/* The vsyscall page is executable only, and emulated. */
#define VSYSCALL 0xffffffffff600000ul

static int vsyscall_calls(void)
{
	struct timeval tv = {0, 0}, now;
	time_t at = 0;
	int ok;

	ok = ((int (*)(struct timeval *, void *))VSYSCALL)(&tv, NULL) == 0;
	gettimeofday(&now, NULL);
	ok &= now.tv_sec - tv.tv_sec <= 2 && now.tv_sec >= tv.tv_sec;
	at = ((time_t(*)(time_t *))(VSYSCALL + 1024))(NULL);
	ok = ok && at >= tv.tv_sec;
	return ok ? 0 : !NOTE("%ld %ld %ld", tv.tv_sec, now.tv_sec, at);
}

static int vsyscall_reads(void)
{
	return *(volatile char *)VSYSCALL;
}

static int vsyscall_wrong(void)
{
	((void (*)(void))(VSYSCALL + 2048 + 1024))();
	return 0;
}

static int set_ldt(unsigned entry, unsigned long base, unsigned limit, int pages)
{
	struct user_desc descriptor = {.entry_number = entry,
				       .base_addr = (unsigned)base,
				       .limit = limit,
				       .seg_32bit = 1,
				       .limit_in_pages = (unsigned)pages & 1,
				       .useable = 1};

	return (int)syscall(SYS_modify_ldt, 0x11, &descriptor, sizeof(descriptor));
}

/* A data segment of our own in %fs, across switches. Needs the processor's LDT. */
static int local_descriptors(void)
{
	uint32_t *low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint32_t value = 0;

	low[3] = 0xabcd;
	if (set_ldt(1, (unsigned long)low, 0xfffff, 1))
		return 2;
	__asm__ volatile("mov %1, %%gs; mov %%gs:12, %0; mov %2, %%gs"
			 : "=r"(value)
			 : "r"(1 << 3 | 7), "r"(0)
			 : "memory");
	return value != 0xabcd;
}

static int ldt_table(void)
{
	uint64_t table[4] = {0, 0, 0, 0};

	if (set_ldt(2, 0x1000, 10, 0))
		return 2;
	return !(syscall(SYS_modify_ldt, 0, table, sizeof(table)) >= 24 && table[2] != 0);
}

static int ports(void)
{
	if (ioperm(0x80, 1, 1))
		return 2;
	outb(0x55, 0x80);
	if (iopl(3))
		return 3;
	outb(0x0a, 0x70); /* the clock's registers */
	unsigned char a = inb(0x71);

	(void)a;
	if (iopl(0) || ioperm(0x80, 1, 0))
		return 4;
	return 0;
}

static int ports_revoked(void)
{
	if (ioperm(0x80, 1, 1) == 0) {
		outb(1, 0x80);
		ioperm(0x80, 1, 0);
	}
	outb(1, 0x80);
	return 0;
}

/* With iopl 3, Linux gives a program the ports but not the interrupt flag: cli is ignored. */
static int cli_with_iopl(void)
{
	if (iopl(3))
		return 2;
	__asm__ volatile("cli");
	return 0;
}

static int tsc_off(void)
{
	prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
	return (int)__builtin_ia32_rdtsc();
}

static int tsc_grows(void)
{
	uint64_t before = __builtin_ia32_rdtsc(), after;
	int ok = 1;

	for (int i = 0; i < 1000; i++) {
		after = __builtin_ia32_rdtsc();
		ok &= after >= before;
		before = after;
	}
	return ok;
}

/* The same in every process: sgdt and its like are not checked by UMIP here. */
static int kernel_knows_cpu(void)
{
	unsigned cpu = 99, node = 99;

	return syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu == 0 && node == 0 &&
	       sched_getcpu() == 0;
}

int main(void)
{
	int status;

	check("int80-is-gp", dies(in_child(int80), SIGSEGV));
	status = in_child(sysenter);
	check("sysenter-dies", dies(status, SIGSEGV) || dies(status, SIGILL));
	status = in_child(vsyscall_calls); /* SIGSEGV: a kernel without the emulation */
	check("vsyscall-calls", exits(status, 0) || dies(status, SIGSEGV));
	check("vsyscall-not-readable", dies(in_child(vsyscall_reads), SIGSEGV));
	check("vsyscall-elsewhere", dies(in_child(vsyscall_wrong), SIGSEGV));
	check("ldt-table", exits(in_child(ldt_table), 0));
	check("ldt-segment", exits(in_child(local_descriptors), 0));
	check("ports", exits(in_child(ports), 0));
	check("ports-revoked", dies(in_child(ports_revoked), SIGSEGV));
	check("iopl-no-cli", exits(in_child(cli_with_iopl), 0));
	check("tsc-off", dies(in_child(tsc_off), SIGSEGV));
	check("tsc-grows", tsc_grows());
	check("getcpu", kernel_knows_cpu());
	return failures != 0;
}
