/* SPDX-License-Identifier: BSD-2-Clause */
/* User code that asks nothing of the kernel: in place it must run at full speed, but for
 * the last row. */
#include "bench.h"

#include <cpuid.h>
#include <stdint.h>
#include <string.h>

static void int_loop(long n)
{
	uint32_t x = 1;

	while (n--) {
		x = x * 1103515245u + 12345u;
		x ^= x >> 7;
	}
	result = (long)x;
}

static void fp_loop(long n)
{
	double x = 1;

	while (n--)
		x = x * 0.999999 + 1e-7;
	result = (long)x;
}

__attribute__((noinline)) static long leaf(long n)
{
	__asm__ volatile("" : "+r"(n));
	return n;
}

static void call_loop(long n)
{
	while (n--)
		result = leaf(n);
}

/* One operation: the primes below 16384. */
static void sieve(long n)
{
	static char composite[16384];
	long primes = 0;

	while (n--) {
		memset(composite, 0, sizeof(composite));
		for (size_t i = 2; i < sizeof(composite); i++) {
			if (composite[i])
				continue;
			primes++;
			for (size_t k = i * 2; k < sizeof(composite); k += i)
				composite[k] = 1;
		}
	}
	result = primes;
}

/* Sensitive: a virtual machine's hypervisor emulates it, ours and the host's own. */
static void cpuid(long n)
{
	unsigned a = 0, b, c, d;

	while (n--)
		__cpuid(0, a, b, c, d);
	result = (long)a;
}

const struct row user_rows[] = {
	{"int-loop", int_loop}, {"fp-loop", fp_loop}, {"call-loop", call_loop},
	{"sieve", sieve},	{"cpuid", cpuid},     {0},
};
