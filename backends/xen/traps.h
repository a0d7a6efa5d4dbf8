/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that traps.S, exit.S and C share. Exceptions have their vectors. */
#ifndef AFTERBURN_BACKENDS_XEN_TRAPS_H
#define AFTERBURN_BACKENDS_XEN_TRAPS_H

#define TRAP_GP	     13
#define TRAP_INT80   20
#define TRAP_SYSCALL 21
#define TRAP_ENTRIES 22
#define TRAP_EVENT   22 /* no entry of the table */

#define TRAP_ENTRY_BYTES 64

/* Bytes of vcpu.hypervisor that struct vcpu_info leaves free: pending and masked are in front, and
 * exit.S looks at all four at once. */
#define EXIT_WORK	 0 /* 1: exit_work_now() before an application runs */
#define SYSCALL_ODD	 1 /* 1: system calls and returns from them are left to C and general stubs */
#define VCPU_EXIT_WORK	 VCPU_HYPERVISOR + EXIT_WORK
#define VCPU_SYSCALL_ODD VCPU_HYPERVISOR + SYSCALL_ODD

#endif
