/* SPDX-License-Identifier: BSD-2-Clause */
/* signal.S as a program's own code, on the machine of test/unit/rewrite. `wrpkru` is
 * undefined in it (CMakeLists.txt), on processors with protection keys too, and done here.
 */
#ifndef TEST_UNIT_LINUX_DOORS_H
#define TEST_UNIT_LINUX_DOORS_H

#include "backends/linux/keys.h"
#include "backends/linux/private.h"
#include "test/unit/rewrite/machine.h"

#include <signal.h>
#include <ucontext.h>

#define APPLICATION_RIGHTS 0x55555550u

extern uint32_t rights;	 /* PKRU */
extern bool refused;	 /* by `hlt`, or by the processor */
extern unsigned stepped; /* traps of the trap flag on the way out */

/* What the host calls: signal.S's way in and its way out. */
extern const char signal_entry[], signal_entry_keys[], keys_refuse[];
extern const char keys_exit[], keys_exit_end[];

/* What signal_handle() was called with, how often; what it answers. */
extern unsigned handled, told; /* the latter: signal_guest() */
extern int handled_number, handle_answer;
extern void *handled_info, *handled_context;

/* For a group after machine_setup(): an application's rights, no signal. */
int doors_reset(void **state);

void doors_jump(mword at, const void *to); /* write a jump */

/* Run from before.rip. At the `step`th instruction of the way out call `at_boundary`, which
 * may change the registers. false: there were fewer. 0: no steps. */
bool doors_run(unsigned step, void (*at_boundary)(greg_t *regs));

#endif
