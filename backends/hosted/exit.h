/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AFTERBURN_BACKENDS_HOSTED_EXIT_H
#define AFTERBURN_BACKENDS_HOSTED_EXIT_H

/* Exit codes of what makes and runs machines. Whatever the guest writes to the debug-exit
 * port is its own and comes first; 0 is also ACPI power-off. docs/run.md explains them. */
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

#endif
