/* SPDX-License-Identifier: BSD-2-Clause */
/* The only program of a guest whose applications run in host processes of their own
 * (backends/linux/twin.c). Its children use what they find there: they jump to the twin's
 * code with registers of their choice, forge reports and signal frames, reach for what
 * is not theirs. Each must have its fault, or nothing must come of it; the others
 * go on. Arguments, hexadecimal: addresses of twin_handler, twin_report_site, twin_memory_site,
 * twin_unmap_site.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <termios.h>
#include <ucontext.h>
#include <unistd.h>

#define DEBUG_EXIT 0xf4

/* backends/linux/layout.h, twin.h */
#define USER_END  UINT64_C(0x080000000000)
#define RAM	  UINT64_C(0x081000000000)
#define SHADOW	  UINT64_C(0x087000000000)
#define COMMAND	  UINT64_C(0x087e00010000)
#define STACK	  UINT64_C(0x087e00015000)
#define AREAS	  UINT64_C(0x087e10000000)
#define SHARED	  UINT64_C(0x087f10000000)
#define VMM	  UINT64_C(0x7dff80000000)
#define KERNEL	  UINT64_C(0x7dff81000000)
#define STACK_TOP (STACK + 0xb000)
#define SYSCALL	  2 /* bytes of the instruction */

static uint64_t handler, report_site, memory_site, unmap_site;

struct registers {
	uint64_t rax, rdi, rsi, rdx, r10, r8, r9;
};

static void jump(uint64_t to, struct registers with)
{
	register uint64_t r10 __asm__("r10") = with.r10;
	register uint64_t r8 __asm__("r8") = with.r8;
	register uint64_t r9 __asm__("r9") = with.r9;

	__asm__ volatile("jmp *%[to]"
			 :
			 : [to] "b"(to), "a"(with.rax), "D"(with.rdi), "S"(with.rsi), "d"(with.rdx),
			   "r"(r10), "r"(r8), "r"(r9)
			 : "memory");
	__builtin_unreachable();
}

/* --- changing mappings ------------------------------------------------------------------ */

static void map(uint64_t flags, uint64_t descriptor)
{
	jump(memory_site - SYSCALL,
	     (struct registers){9, 0x10000000, 4096, 7, flags | MAP_SHARED | MAP_FIXED, descriptor,
				0});
}

static void map_memory(void)
{
	map(0, 4);
}
static void map_guessing(void)
{
	map(UINT64_C(0x12345678) << 32, UINT64_C(0x9abcdef0) << 32 | 4);
}

static void change_rights(void)
{
	jump(memory_site - SYSCALL,
	     (struct registers){10, (uint64_t)&handler & ~UINT64_C(4095), 4096, 7, 0, 0, 0});
}

static void other_call(void)
{
	jump(memory_site - SYSCALL, (struct registers){57, 0, 0, 0, 0, 0, 0});
}

static void unmap_all(void)
{
	jump(unmap_site - SYSCALL, (struct registers){11, 0x400000, 0x100000, 0, 0, 0, 0});
}

static void unmap_again(void)
{
	jump(unmap_site - SYSCALL, (struct registers){11, VMM, 16 << 20, 0, 0, 0, 0});
}

/* With nothing to change, the application starts over. */
static void middle(void)
{
	jump(report_site, (struct registers){UINT64_C(0x123456789abcdef), 0, 0, 0, 0, 0, 0});
}

/* --- reports ------------------------------------------------------------------------------ */

static void report(uint64_t number, uint64_t info, uint64_t context)
{
	jump(report_site - SYSCALL,
	     (struct registers){121, number, info, context, UINT64_C(0x8000000000000000),
				UINT64_C(0x0000800000000000), 0});
}

static void no_frame(void)
{
	report(SIGSEGV, 0, 0);
}
static void wild_frame(void)
{
	report(SIGSEGV, STACK_TOP - 8, UINT64_MAX - 7);
}
static void end_of_area(void)
{
	report(SIGSEGV, STACK, STACK_TOP - 64);
}
static void unaligned(void)
{
	report(SIGSEGV, STACK + 1, STACK + 129);
}
static void no_signal(void)
{
	report(0, 0, 0);
}
static void no_memory(void)
{
	report(0, (uint64_t)-12, 0);
}
static void not_permitted(void)
{
	report(0, (uint64_t)-1, 0xffffffff);
}
static void wild_number(void)
{
	report(UINT64_MAX, STACK, STACK);
}

struct frame {
	siginfo_t info;
	ucontext_t context;
	uint8_t state[8192] __attribute__((aligned(64)));
};

#define FRAME ((struct frame *)(STACK + 4096))

static greg_t *blank_frame(void)
{
	memset(FRAME, 0, sizeof(*FRAME));
	FRAME->context.uc_mcontext.fpregs = (void *)FRAME->state;
	*(uint32_t *)(void *)(FRAME->state + 24) = 0x1f80;
	return FRAME->context.uc_mcontext.gregs;
}

static void forged(uint64_t number)
{
	report(number, (uint64_t)&FRAME->info, (uint64_t)&FRAME->context);
}

static void kernel_rip(void)
{
	blank_frame()[REG_RIP] = (greg_t)KERNEL;
	forged(SIGILL);
}

static void kernel_fault(void)
{
	greg_t *registers = blank_frame();

	registers[REG_RIP] = 0x400000;
	registers[REG_TRAPNO] = 14;
	registers[REG_ERR] = -1;
	registers[REG_CR2] = (greg_t)KERNEL;
	forged(SIGSEGV);
}

static void double_fault(void)
{
	greg_t *registers = blank_frame();

	registers[REG_TRAPNO] = 8;
	registers[REG_ERR] = -1;
	forged(SIGSEGV);
}

static void bus_error(void)
{
	blank_frame()[REG_RIP] = 0x400000;
	forged(SIGBUS);
}

static void wild_flags(void)
{
	greg_t *registers = blank_frame();

	registers[REG_RIP] = 0x1000;
	registers[REG_EFL] = -1;
	forged(SIGUSR1);
}

static void wild_state(void)
{
	blank_frame()[REG_RIP] = 0x1000;
	memset(FRAME->state, 0xff, sizeof(FRAME->state));
	forged(SIGUSR1);
}

static void wild_header(void)
{
	blank_frame()[REG_RIP] = 0x1000;
	memset(FRAME->state + 512 + 8, 0xff, 8); /* compacted */
	forged(SIGUSR1);
}

static void state_outside(void)
{
	blank_frame()[REG_RIP] = 0x1000;
	FRAME->context.uc_mcontext.fpregs = (void *)(STACK_TOP - 64);
	forged(SIGUSR1);
}

/* An interrupted handler whose frame is its own: the application starts over, for ever. */
static void circle(void)
{
	greg_t *registers = blank_frame();

	registers[REG_RIP] = (greg_t)handler;
	registers[REG_RDI] = SIGUSR1;
	registers[REG_RSI] = (greg_t)&FRAME->info;
	registers[REG_RDX] = (greg_t)&FRAME->context;
	forged(SIGUSR1);
}

static void call_of_the_host(void)
{
	blank_frame()[REG_RIP] = 0x1000;
	FRAME->info.si_code = 1;
	*(uint64_t *)(void *)((char *)&FRAME->info + 16) = UINT64_C(0xffffffffff600000);
	forged(SIGSYS);
}

static void handler_without_signal(void)
{
	jump(handler, (struct registers){0, SIGTRAP, STACK, STACK, 0, 0, 0});
}

/* The host makes the report of it and answers, but with the trap flag set: one instruction
 * later, where the answer is the key if something was mapped for the last run. */
static void report_stepped(uint64_t stack, uint64_t number, uint64_t info, uint64_t context)
{
	__asm__ volatile("movl %%ss, %%ecx\n\t"
			 "pushq %%rcx\n\tpushq %[stack]\n\t"
			 "pushfq\n\torq $0x100, (%%rsp)\n\t"
			 "movl %%cs, %%ecx\n\t"
			 "pushq %%rcx\n\tpushq %[site]\n\t"
			 "iretq"
			 :
			 : [site] "r"(report_site - SYSCALL), [stack] "r"(stack), "a"(121),
			   "D"(number), "S"(info), "d"(context)
			 : "rcx", "memory");
}

static char *fresh_page(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void step_through(void)
{
	uint64_t here;

	*(volatile char *)fresh_page() = 1;
	report_stepped((uint64_t)&here, 0, 0, 0);
}

/* And with no room for the frame of that: the host kills the process, which has the key and
 * changes to make. The application starts over. */
#define NO_ROOM (STACK + 512)

static void die_with_key(void)
{
	*(volatile char *)fresh_page() = 1;
	report_stepped(NO_ROOM, 0, 0, 0);
}

/* The same behind a fault that it has made up, for which there is a page to map. */
static void die_mapping(void)
{
	greg_t *registers = blank_frame();

	registers[REG_RIP] = 0x1000;
	registers[REG_TRAPNO] = 14;
	registers[REG_ERR] = 6;
	registers[REG_CR2] = (greg_t)fresh_page();
	report_stepped(NO_ROOM, SIGSEGV, (uint64_t)&FRAME->info, (uint64_t)&FRAME->context);
}

/* --- memory of others ----------------------------------------------------------------------- */

static void read_at(uint64_t at)
{
	(void)*(volatile char *)at;
}
static void write_at(uint64_t at)
{
	*(volatile char *)at = 1;
}
static void read_ram(void)
{
	read_at(RAM);
}
static void read_vmm(void)
{
	read_at(VMM);
}
static void read_kernel(void)
{
	read_at(KERNEL);
}
static void read_shared(void)
{
	read_at(SHARED);
}
static void read_shadow(void)
{
	read_at(SHADOW);
}
static void read_areas(void)
{
	read_at(AREAS);
}
static void write_command(void)
{
	write_at(COMMAND);
}
static void write_code(void)
{
	write_at(handler);
}
static void map_high(void)
{
	if (mmap((void *)USER_END, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		raise(SIGSEGV);
}

#define ATTACK(name)                                                                               \
	{                                                                                          \
#name, name, false                                                                 \
	}
static const struct {
	const char *name;
	void (*run)(void);
	bool again; /* it may start over, for ever, until the alarm */
} attacks[] = {
	ATTACK(map_memory),	  ATTACK(map_guessing),
	ATTACK(change_rights),	  ATTACK(other_call),
	ATTACK(unmap_all),	  ATTACK(unmap_again),
	{"middle", middle, true}, ATTACK(no_frame),
	ATTACK(wild_frame),	  ATTACK(end_of_area),
	ATTACK(unaligned),	  ATTACK(no_signal),
	ATTACK(no_memory),	  ATTACK(not_permitted),
	ATTACK(wild_number),	  ATTACK(kernel_rip),
	ATTACK(kernel_fault),	  ATTACK(double_fault),
	ATTACK(bus_error),	  ATTACK(wild_flags),
	ATTACK(wild_state),	  ATTACK(wild_header),
	ATTACK(state_outside),	  {"circle", circle, true},
	ATTACK(call_of_the_host), ATTACK(handler_without_signal),
	ATTACK(read_ram),	  ATTACK(read_vmm),
	ATTACK(read_kernel),	  ATTACK(read_shared),
	ATTACK(read_shadow),	  ATTACK(read_areas),
	ATTACK(write_command),	  ATTACK(write_code),
	ATTACK(map_high),	  ATTACK(step_through),
	ATTACK(die_mapping),	  {"die_with_key", die_with_key, true},
};

static void check(const char *name, int good)
{
	printf("result: forge %s %s\n", name, good ? "ok" : "FAILED");
	fflush(stdout);
	tcdrain(1);
}

static int ends(void (*attack)(void), bool again)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(1);
		attack();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) &&
	       (WTERMSIG(status) == SIGSEGV || (again && WTERMSIG(status) == SIGALRM));
}

int main(int argc, char **argv)
{
	mount("none", "/dev", "devtmpfs", 0, NULL);
	if (argc < 5)
		return 1;
	argv += argc - 5; /* words that the kernel does not know come first */
	handler = strtoull(argv[1], NULL, 16);
	report_site = strtoull(argv[2], NULL, 16);
	memory_site = strtoull(argv[3], NULL, 16);
	unmap_site = strtoull(argv[4], NULL, 16);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
			check(attacks[i].name, ends(attacks[i].run, attacks[i].again));
	check("end", 1);
	ioperm(DEBUG_EXIT, 1, 1);
	outb(0, DEBUG_EXIT);
	return 0;
}
