/* SPDX-License-Identifier: BSD-2-Clause */
/* `afterburn run`: an afterburned kernel as a process. */
#include "backends/linux/launcher/run.h"

#include "asrewrite/commands.h"
#include "asrewrite/diag.h"
#include "rules/annot.h"

#include <argp.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	KEY_STATS = 256,
	KEY_TRACE,
	KEY_NO_INPUT,
	KEY_ISOLATION,
	KEY_NO_ISOLATION,
	KEY_NO_GATES,
	KEY_CPU
};

static const struct argp_option options[] = {
	{"memory", 'm', "SIZE", 0, "guest memory, with K, M or G (default 256M)", 0},
	{"initrd", 'i', "FILE", 0, "initial RAM file system", 0},
	{"append", 'a', "TEXT", 0, "more of the kernel's command line", 0},
	{"stats", KEY_STATS, NULL, 0, "say at the end what was rewritten, emulated and counted", 0},
	{"trace", KEY_TRACE, "CLASS", 0,
	 "log every emulated instruction of an annotation class "
	 "(e.g. WRMSR; several times, or all)",
	 0},
	{"cpu", KEY_CPU, "N", 0,
	 "host processor to run the machine on, or `any': its processes take turns, and those "
	 "are shorter on one (default: the one this command started on)",
	 0},
	{"isolation", KEY_ISOLATION, "HOW", 0,
	 "keep the guest's applications from its kernel and from this process by protection "
	 "`keys', by `processes' of their own, which is slower, or not (`none'); default: keys "
	 "if the host has them",
	 0},
	{"no-isolation", KEY_NO_ISOLATION, NULL, 0, "short for --isolation=none", 0},
	{"no-gates", KEY_NO_GATES, NULL, 0,
	 "leave system calls of applications as they are: each is a host signal", 0},
	{"no-input", KEY_NO_INPUT, NULL, 0, "do not read standard input", 0},
	{0},
};

static const char doc[] =
	"Run the afterburned kernel VMLINUX in place, as an ordinary process.\v"
	"The console is standard input and output. On a terminal, Ctrl-A x ends the machine and "
	"Ctrl-A p presses its power button; so do SIGINT and SIGTERM (three times: end).\n\n"
	"Exit codes: the guest's own (debug-exit port), 0 also after power-off; 2 wrong usage; "
	"120 kernel or initramfs unusable; 121 the guest reset the machine, as after a panic; "
	"122 triple fault; 123 halted with interrupts off; 125 the guest did something "
	"that is not modelled; 126 the host refused something; 127 a bug of afterburn; 128+N "
	"killed by signal N.";

static uint64_t trace_mask[4];

static int set_trace(const char *name)
{
#define NAME_(group, number, name, sensitive) #name,
	static const char *const names[] = {AB_CLASSES(NAME_)};
	bool all = strcmp(name, "all") == 0, found = all;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (all || strcasecmp(name, names[i]) == 0) {
			trace_mask[i / 64] |= UINT64_C(1) << (i % 64);
			found = true;
		}
	return found ? 0 : EINVAL;
}

static int parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	char *end;
	const char *unit;

	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-')
		return EINVAL;
	if (!*end)
		return 0;
	unit = strchr(units, *end & ~0x20);
	if (!unit || end[1] || *bytes >> 20)
		return EINVAL;
	*bytes <<= 10 * (unit - units + 1);
	return 0;
}

static int parse_cpu(const char *text, int *cpu)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (strcmp(text, "any") == 0)
		*cpu = RUN_CPU_ANY;
	else if (*end || end == text || number >= CPU_SETSIZE)
		return EINVAL;
	else
		*cpu = (int)number;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run *run = state->input;

	switch (key) {
	case 'm':
		if (parse_size(arg, &run->memory))
			argp_error(state, "--memory needs a size like 256M, not `%s'", arg);
		break;
	case 'i':
		run->initrd = arg;
		break;
	case 'a':
		run->append = arg;
		break;
	case KEY_STATS:
		run->stats = true;
		break;
	case KEY_ISOLATION:
		if (run_parse_isolation(arg, &run->isolation))
			argp_error(state, "--isolation is by keys, processes or none, not `%s'",
				   arg);
		break;
	case KEY_NO_ISOLATION:
		run->isolation = ISOLATION_NONE;
		break;
	case KEY_NO_GATES:
		run->no_gates = true;
		break;
	case KEY_NO_INPUT:
		run->quiet_input = true;
		break;
	case KEY_CPU:
		if (parse_cpu(arg, &run->cpu))
			argp_error(state, "--cpu needs a processor's number or `any', not `%s'",
				   arg);
		break;
	case KEY_TRACE:
		if (set_trace(arg))
			argp_error(state, "no annotation class `%s' (see `afterburn inspect')",
				   arg);
		break;
	case ARGP_KEY_ARG:
		if (run->kernel)
			argp_error(state, "one kernel, not `%s' too", arg);
		run->kernel = arg;
		break;
	case ARGP_KEY_END:
		if (!run->kernel)
			argp_error(state,
				   "a kernel (vmlinux, built with `as' of afterburn) is required");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {options, parse, "VMLINUX", doc, NULL, NULL, NULL};

int ab_cmd_run(int argc, char **argv)
{
	struct run run = {.memory = UINT64_C(256) << 20,
			  .append = "",
			  .cpu = RUN_CPU_HERE,
			  .isolation = RUN_ISOLATION_BEST};
	int result;

	if (argp_parse(&argp, argc, argv, 0, NULL, &run))
		return RUN_EXIT_USAGE;
	run.signal_fd = run_signals();
	result = run_prepare(&run);
	if (!result)
		result = run_isolation(&run);
	if (result)
		return result;
	/* Gates jump into the VMM: nothing of it is where these applications are. */
	run.shared->no_gates = run.no_gates;
	memcpy(run.shared->trace, trace_mask, sizeof(trace_mask));
	run.fd[FD_TERMINAL] = !run.quiet_input && isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
	result = run_launch(&run);
	if (result)
		return result;
	/* From here on somebody lives who puts the terminal back if we are killed. */
	terminal_enter(&run);
	result = run_confine(&run);
	run_loop(&run);
	terminal_leave(&run);
	if (result)
		return result;
	if (run.stats)
		run_print_stats(&run);
	return run_verdict(&run);
}
