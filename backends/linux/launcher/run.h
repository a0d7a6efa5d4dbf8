/* SPDX-License-Identifier: BSD-2-Clause */
/* What the launcher's files tell each other. Hosted. */
#ifndef AFTERBURN_BACKENDS_LINUX_LAUNCHER_RUN_H
#define AFTERBURN_BACKENDS_LINUX_LAUNCHER_RUN_H

#include "backends/hosted/exit.h"
#include "backends/linux/shared.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

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
