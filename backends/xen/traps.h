/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that traps.S and traps.c share. Exceptions have their vectors. */
#ifndef AFTERBURN_BACKENDS_XEN_TRAPS_H
#define AFTERBURN_BACKENDS_XEN_TRAPS_H

#define TRAP_GP	     13
#define TRAP_INT80   20
#define TRAP_SYSCALL 21
#define TRAP_ENTRIES 22
#define TRAP_EVENT   22 /* no entry of the table */

#define TRAP_ENTRY_BYTES 64

#endif
