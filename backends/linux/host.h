/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls of the host, and nothing else: the VMM has no C library.
 *
 * Guest code runs with system calls blocked (Syscall User Dispatch: each becomes
 * SIGSYS); `host_selector` opens the way for one instruction at a time. All
 * functions return the result or a negative error number, as the kernel does.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_HOST_H
#define AFTERBURN_BACKENDS_LINUX_HOST_H

#include "vmm/types.h"

#include <asm/unistd.h>

/* linux/prctl.h: SYSCALL_DISPATCH_FILTER_ALLOW and _BLOCK */
#define HOST_ALLOW 0
#define HOST_BLOCK 1

extern volatile uint8_t host_selector; /* per process */
extern uint64_t host_call_count;       /* per process */

/* The last call of each process, for whoever finds it killed by the filter (confine.c):
 * by host_self, which is 0 in the zygote and 1 + its slot in the others. */
#define HOST_PROCESSES 257
extern uint32_t host_last_call[HOST_PROCESSES];
extern uint32_t host_self; /* per process */

static inline long host_call6(long nr, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	host_call_count++;
	host_last_call[host_self] = (uint32_t)nr;
	host_selector = HOST_ALLOW;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	host_selector = HOST_BLOCK;
	return result;
}

#define HOST_ARG_(x)		((long)(x))
#define host_call0(nr)		host_call6(nr, 0, 0, 0, 0, 0, 0)
#define host_call1(nr, a)	host_call6(nr, HOST_ARG_(a), 0, 0, 0, 0, 0)
#define host_call2(nr, a, b)	host_call6(nr, HOST_ARG_(a), HOST_ARG_(b), 0, 0, 0, 0)
#define host_call3(nr, a, b, c) host_call6(nr, HOST_ARG_(a), HOST_ARG_(b), HOST_ARG_(c), 0, 0, 0)
#define host_call4(nr, a, b, c, d)                                                                 \
	host_call6(nr, HOST_ARG_(a), HOST_ARG_(b), HOST_ARG_(c), HOST_ARG_(d), 0, 0)
#define host_call5(nr, a, b, c, d, e)                                                              \
	host_call6(nr, HOST_ARG_(a), HOST_ARG_(b), HOST_ARG_(c), HOST_ARG_(d), HOST_ARG_(e), 0)

/* Wait while *word == value, at most until `ns` from now (UINT64_MAX: for ever). */
long host_futex_wait(uint32_t *word, uint32_t value, uint64_t ns);
void host_futex_wake(uint32_t *word);

#endif
