/* SPDX-License-Identifier: BSD-2-Clause */
/* What the launcher's files tell each other. Hosted. */
#ifndef AFTERBURN_BACKENDS_LINUX_LAUNCHER_RUN_H
#define AFTERBURN_BACKENDS_LINUX_LAUNCHER_RUN_H

#include "backends/linux/shared.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Exit codes of `afterburn run`. Whatever the guest writes to the debug-exit port is
 * its own and comes first; 0 is also ACPI power-off. docs/run.md explains them. */
enum run_exit {
	RUN_EXIT_OK = 0,
	RUN_EXIT_USAGE = 2,
	RUN_EXIT_INPUT = 120,  /* kernel or initramfs unreadable, broken, too large */
	RUN_EXIT_RESET = 121,  /* the guest reset the machine, e.g. after a panic */
	RUN_EXIT_TRIPLE = 122, /* triple fault */
	RUN_EXIT_HALTED = 123, /* halted with interrupts off */
	RUN_EXIT_GUEST = 125,  /* the guest did what is not modelled */
	RUN_EXIT_HOST = 126,   /* the host refused memory, a process, a system call */
	RUN_EXIT_VMM = 127,    /* a bug of afterburn */
	RUN_EXIT_KILLED = 128, /* plus the number of the signal */
};

#define RUN_CPU_HERE (-1)
#define RUN_CPU_ANY  (-2)

#define RUN_ISOLATION_BEST (-1)

struct run {
	const char *kernel, *initrd, *append;
	uint64_t memory; /* bytes */
	int cpu;	 /* host processor, RUN_CPU_HERE or RUN_CPU_ANY */
	bool stats;
	int isolation; /* enum isolation, or RUN_ISOLATION_BEST */
	bool no_gates;
	bool quiet_input; /* do not read the console's input */

	/* made on the way */
	int fd[FD_COUNT]; /* by FD_*; -1 where there is none */
	struct shared *shared;
	uint8_t *ram;
	pid_t machine; /* the VMM's first process */
	int machine_fd;
	int machine_signal; /* that ended it, or 0 */
	int signal_fd;	    /* SIGINT, SIGTERM, SIGHUP, from the beginning */
};

/* prepare.c: memory files, kernel, initramfs, parameters. Returns RUN_EXIT_OK or says
 * what is wrong and returns the exit code. */
int run_prepare(struct run *run);

/* isolation.c: its name on the command line; EINVAL if there is none such. */
int run_parse_isolation(const char *text, int *isolation);

/* What --isolation and the host make of it; after run_prepare. Returns
 * RUN_EXIT_OK or says what is missing and returns the exit code. */
int run_isolation(struct run *run);
bool run_host_isolates(void);

/* launch.c: start the VMM program in a process of its own. */
int run_launch(struct run *run);

/* confine.c: fewer rights, in the machine's first process and in this one. */
void run_drop_capabilities(void);
int run_confine(const struct run *run);

/* loop.c: signals as a descriptor, before anything is started that they could leave
 * behind; then timer, console, signals, until the machine has ended. */
int run_signals(void);
void run_loop(struct run *run);

/* verdict.c: say how it ended; the exit code. */
int run_verdict(const struct run *run);
void run_print_stats(const struct run *run);

/* clock.c: measure the time-stamp counter. */
void run_clock(struct shared *shared);

/* terminal.c: raw mode while the guest runs. */
void terminal_enter(struct run *run);
void terminal_leave(struct run *run);

#endif
