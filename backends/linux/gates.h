/* SPDX-License-Identifier: BSD-2-Clause */
/*@150 Call gates for applications' system calls
 *
 * A system call of an application is a host signal, 0.8 us. A site that made enough of
 * them is patched in a copy of its page (window.h, copies.h) into a jump to its
 * trampoline, which does the displaced instructions, loads the address behind the
 * site, and enters vmm_gate (gate.S): what `syscall` does to the virtual CPU.
 *
 * Copies and trampolines know no addresses of programs, which differ from process to
 * process: gate_next, private to each process of the machine, does. It is filled when
 * a copy is mapped, so a new process of the guest has its gates from the first
 * call on. A copy is shown at one address per process.
 *
 * The guest never sees an address of trampoline or gate. Interrupted in there it is put
 * back to the window, to its second instruction, or on to the system call, which has then
 * begun (gates_settle). What cannot go this way, does as before: the site that is jumped to,
 * restarted, single-stepped over; flags other than the usual; sites in front of which
 * there is no room. A host signal is always right.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_GATES_H
#define AFTERBURN_BACKENDS_LINUX_GATES_H

#include "backends/linux/copies.h"

struct sigcontext;

/* Once: trampolines' area, pointers. */
void gates_start(void);

/* Another application may run here: it must not find this one's registers. */
void gates_wipe(void);

/* SIGSYS, vcpu.regs is the application's: count, patch, show. */
void gates_syscall(void);

/* `copy` is now mapped at `page` in this process. */
void gates_place(const struct copy *copy, mword page);

/* No site of `copy` is any more. */
void gates_drop(struct copy *copy);

/* A trap of an application, registers in `at`, that is of the gates' making: a single step
 * within what is one instruction to the guest, an alignment check of a jump's
 * pointer, or control came to a window's second instruction. True: it goes on from `at`. */
bool gates_own_trap(struct sigcontext *at);

/* vcpu.regs was saved: from a trampoline or the gate to an address of the guest's.
 * `application`: protection keys gave it an application's rights. True: by doing the
 * system call. */
bool gates_settle(bool application);

/* #UD or #GP of an application: control came to a patched site otherwise than from
 * above. True: settled. */
bool gates_trapped(void);

/* Is this in gate.S's vmm_gate, and no application's own jump into the VMM? */
bool gates_inside(mword rip);

#endif
