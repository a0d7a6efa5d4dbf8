/* SPDX-License-Identifier: BSD-2-Clause */
/* After the machine: how it ended, in words, with the virtual CPU's registers and the
 * guest's symbols if something went wrong, and the exit code.
 */
#include "asrewrite/diag.h"
#include "asrewrite/elfview.h"
#include "backends/linux/launcher/run.h"
#include "backends/linux/layout.h"
#include "rules/annot.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *words; /* NULL: nothing to say */
	int exit;
	bool registers;
} ends[END_COUNT] = {
	[NOT_ENDED] = {"the machine was killed", RUN_EXIT_KILLED, false},
	[END_POWER_OFF] = {NULL, RUN_EXIT_OK, false},
	[END_RESET] = {"the guest reset the machine", RUN_EXIT_RESET, false},
	[END_TRIPLE] = {"triple fault", RUN_EXIT_TRIPLE, true},
	[END_HALTED] = {"halted with interrupts off", RUN_EXIT_HALTED, true},
	[END_GUEST] = {"the guest cannot go on", RUN_EXIT_GUEST, true},
	[END_VMM] = {"a bug of afterburn", RUN_EXIT_VMM, true},
	[END_HOST] = {"the host refused", RUN_EXIT_HOST, true},
	[END_KILLED] = {"killed", RUN_EXIT_KILLED, false},
};

/* --- symbols ------------------------------------------------------------------------ */

static uint32_t section_at(const struct ab_elf *elf, uint64_t linked)
{
	for (uint32_t i = 0; i < elf->nsections; i++)
		if (ab_elf_is_code(elf, i) &&
		    linked - elf->sections[i].addr < elf->sections[i].size)
			return i;
	return 0;
}

static void print_symbol(const struct run *run, mword address)
{
	uint64_t linked = address - LAYOUT_DELTA_TOP;
	const struct ab_elf_symbol *symbol;
	struct ab_elf elf;
	uint32_t section;

	if (address < LAYOUT_VMM_END || address >= LAYOUT_GUEST_END ||
	    ab_elf_open(&elf, run->kernel))
		return;
	section = section_at(&elf, linked);
	symbol = section ? ab_elf_symbol_at(&elf, section, linked - elf.sections[section].addr)
			 : NULL;
	if (symbol)
		fprintf(stderr, " <%s+0x%" PRIx64 ">", symbol->name, linked - symbol->value);
	ab_elf_close(&elf);
}

static void print_registers(const struct run *run)
{
	static const char names[][4] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	const struct vcpu *cpu = &run->shared->last;

	fprintf(stderr, "  rip 0x%" PRIx64, cpu->regs.rip);
	print_symbol(run, cpu->regs.rip);
	fprintf(stderr, " (%s), rflags 0x%" PRIx64 "\n", cpu->cpl ? "application" : "kernel",
		cpu->regs.rflags);
	for (int i = 0; i < GPR_COUNT; i++)
		fprintf(stderr, "  %3s 0x%016" PRIx64 "%s", names[i], cpu->regs.gpr[i],
			i % 4 == 3 ? "\n" : "");
	fprintf(stderr,
		"  cr0 0x%" PRIx64 "  cr2 0x%" PRIx64 "  cr3 0x%" PRIx64 "  cr4 0x%" PRIx64 "\n",
		cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4);
	fprintf(stderr,
		"  fs base 0x%" PRIx64 "  gs base 0x%" PRIx64 "  kernel gs base 0x%" PRIx64 "\n",
		cpu->fs_base, cpu->gs_base, cpu->kernel_gs_base);
}

/* Nobody could say how it ended. The host's loader kills a program that it begins to
 * load and has no memory for. */
static void explain_silence(const struct run *run)
{
	struct shared *shared = run->shared;

	shared->end_code = run->machine_signal;
	if (run->machine_signal == SIGSYS) {
		shared->ended = END_VMM;
		strcpy(shared->reason, "the first process made a system call that its filter "
				       "forbids (the host's log of the kernel names it)");
		return;
	}
	if (run->machine_signal != SIGSEGV || shared->active_pid)
		return;
	shared->ended = END_HOST;
	shared->end_code = ENOMEM;
	strcpy(shared->reason, "loading the VMM program (is there a limit on data or memory?)");
}

int run_verdict(const struct run *run)
{
	const struct shared *shared = run->shared;

	if (shared->ended == NOT_ENDED)
		explain_silence(run);
	uint32_t end = shared->ended < END_COUNT ? shared->ended : NOT_ENDED;
	int code = shared->end_code;

	if (!ends[end].words)
		return code & 0xff;
	if (*shared->reason)
		ab_error("%s: %.*s%s%s", ends[end].words, (int)sizeof(shared->reason),
			 shared->reason, end == END_HOST && code ? ": " : "",
			 end == END_HOST && code ? strerror(code) : "");
	else
		ab_error("%s", ends[end].words);
	if (ends[end].registers)
		print_registers(run);
	return ends[end].exit + (ends[end].exit == RUN_EXIT_KILLED ? code : 0);
}

/* --- --stats ------------------------------------------------------------------------ */

static void print_rewriting(const struct shared *shared)
{
#define NAME_(group, number, name, sensitive) #name,
	static const char *const names[] = {AB_CLASSES(NAME_)};
	static const char *const outcomes[] = {"inline", "stub",   "call",
					       "native", "copied", "foreign"};
	size_t columns = sizeof(outcomes) / sizeof(outcomes[0]);

	fprintf(stderr, "\n%-16s", "sites");
	for (size_t o = 0; o < columns; o++)
		fprintf(stderr, "%9s", outcomes[o]);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint32_t total = 0;

		for (size_t o = 0; o < columns; o++)
			total += shared->rewritten[i][o];
		if (!total)
			continue;
		fprintf(stderr, "\n%-16s", names[i]);
		for (size_t o = 0; o < columns; o++)
			fprintf(stderr, "%9" PRIu32, shared->rewritten[i][o]);
	}
	fprintf(stderr, "\n%-16s%9" PRIu32 "\n", "total", shared->rewritten_total);
}

static const char *class_name(uint16_t class)
{
#define NUMBER_(group, number, name, sensitive) {AB_CLASS(AB_GROUP_##group, number), #name},
	static const struct {
		uint16_t class;
		const char *name;
	} names[] = {AB_CLASSES(NUMBER_)};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].class == class)
			return names[i].name;
	return "?";
}

/* The last column is those host signals that are no fault: see COUNT_SIGSEGV. */
static void print_emulated(const struct shared *shared)
{
	uint64_t sites = 0, traps = 0;

	fprintf(stderr, "\n%-16s%14s%14s\n", "emulated", "by site", "by trap");
	for (uint32_t i = 0; i < shared->class_count && i < SHARED_COUNTS; i++) {
		const struct class_stat *class = &shared->classes[i];

		sites += class->sites;
		traps += class->traps;
		if (class->sites | class->traps)
			fprintf(stderr, "%-16s%14" PRIu64 "%14" PRIu64 "\n",
				class_name(class->class), class->sites, class->traps);
	}
	fprintf(stderr, "%-16s%14" PRIu64 "%14" PRIu64 "\n\n", "total", sites, traps);
}

void run_print_stats(const struct run *run)
{
	static const char *const names[COUNT_COUNT] = {
		[COUNT_FILLS] = "pages or runs mapped on a fault",
		[COUNT_PREFILLS] = "pages mapped ahead of the fault",
		[COUNT_UNMAPS] = "host unmappings",
		[COUNT_SIGSEGV] = "faults and traps (host signals)",
		[COUNT_SIGSYS] = "guest system calls (SIGSYS)",
		[COUNT_EVENTS] = "interruptions (SIGUSR1)",
		[COUNT_SWITCHES] = "hand-overs between processes",
		[COUNT_SPAWNS] = "processes created",
		[COUNT_RECYCLED] = "processes recycled",
		[COUNT_IDLE] = "times idle",
		[COUNT_HOST_CALLS] = "host system calls",
		[COUNT_GUEST_FAULTS] = "page faults of the guest's own",
		[COUNT_EVICTIONS] = "evictions of all mappings",
		[COUNT_COPIES] = "pages of applications copied for call gates",
		[COUNT_COPIES_DROPPED] = "copies dropped, mostly for a write to the page",
		[COUNT_GATES] = "system call sites that became call gates",
		[COUNT_CPUIDS] = "applications' cpuid made to trap at once",
		[COUNT_DISARMED] = "pages of applications shown without their wrpkru or xrstor",
		[COUNT_GATE_TRAPS] = "traps at such sites (restarts, jumps to them)",
		[COUNT_TWIN_RUNS] = "times an application ran in its own process",
	};
	static const char *const isolations[] = {
		[ISOLATION_NONE] = "none",
		[ISOLATION_KEYS] = "protection keys",
		[ISOLATION_PROCESSES] = "processes",
	};
	const struct shared *shared = run->shared;

	fprintf(stderr, "\nisolation: %s\n",
		shared->isolation < sizeof(isolations) / sizeof(isolations[0])
			? isolations[shared->isolation]
			: "?");
	print_rewriting(shared);
	print_emulated(shared);
	for (int i = 0; i < COUNT_COUNT; i++)
		fprintf(stderr, "%12" PRIu64 "  %s\n", shared->counts[i], names[i]);
}
