/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's init: checks, modules, benchmark rows (init.c has the order). */
#ifndef GUEST_INIT_H
#define GUEST_INIT_H

#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Each returns the number of failures. */
int run_checks(void);
int run_huge(void);
int run_modules(void);
int run_bench(void);

/* Load of every kind for so many seconds, all at once (stress.c). */
int run_stress(int seconds);

/* One of run_checks(): more mappings than a host process may have (memory.c). */
int check_scattered(void);

/* Another: does the kernel's code in applications answer as the kernel (vdso.c)? */
int check_vdso(void);

/* And: is cpuid the same wherever and however often it is executed (cpuid.c)? */
int check_cpuid(void);

/* Returns when somebody presses it (power.c). Presses count from when `ready` is printed
 * on: an input device tells nothing of what came before it was opened. */
void wait_for_power_button(const char *ready);

/* In a process of its own, until somebody does: then the machine goes off. */
void watch_power_button(void);

__attribute__((noreturn)) void power_off(void);

/* Other ends of a machine, for those who watch from outside. */
__attribute__((noreturn)) void restart(void);
__attribute__((noreturn)) void halt(void);

/* "result:" lines are the same on every kernel built from one source. */
void report(const char *kind, const char *name, int ok);

/* A running checksum (FNV-1a), so that results have something to differ in. */
#define CHECKSUM_START 2166136261u
uint32_t checksum(uint32_t sum, const void *data, size_t len);

/* Run fn(argument) in a child; its wait status, or -1. */
int in_child(int (*fn)(void *), void *argument);

/*
 * The clock of the benchmark. Under QEMU's -icount shift=0 the time-stamp
 * counter advances by one per retired instruction and reading it is exact, in
 * both word widths and from user mode: so a difference is a count of
 * instructions, kernel and user together. Otherwise it is just a clock.
 */
static inline uint64_t instructions(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

#endif
