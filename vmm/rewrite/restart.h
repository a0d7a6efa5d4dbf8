/* SPDX-License-Identifier: BSD-2-Clause */
/* The table at the end of templates.S: what to do with a guest that was interrupted
 * inside of a stub. Shared by assembler and C.
 */
#ifndef AFTERBURN_VMM_REWRITE_RESTART_H
#define AFTERBURN_VMM_REWRITE_RESTART_H

/* Actions: back to the site, as if the stub had not been entered, or on, as if it
 * had been left. */
#define RESTART_BACK	      0 /* called: return address on the stack */
#define RESTART_FORWARD	      1
#define RESTART_FORWARD_POPF  2 /* flags are above the return address */
#define RESTART_BACK_JUMP     3 /* jumped to: address behind the site in scratch[3] */
#define RESTART_FORWARD_FRAME 4 /* all in vcpu.iret_frame */
#define RESTART_FORWARD_USER  5 /* and to an application: cpl, masked, segments */
#define RESTART_ACTIONS	      6

/* Registers to put back: rax, rcx, rsp from scratch[0..2], flags from iret_frame[4]. */
#define RESTART_RAX   1
#define RESTART_RCX   2
#define RESTART_RSP   4
#define RESTART_FLAGS 8

/* CF PF AF ZF SF IF DF OF ID and the bit that is always 1: all that vmm_popf loads. */
#define RESTART_POPF_FLAGS 0x200ed7

#ifndef __ASSEMBLER__
#include "vmm/types.h"

/* Instructions that begin in [first, first + length). */
struct restart {
	int32_t first;	 /* address minus address of this field */
	uint16_t length; /* bytes */
	uint8_t action;	 /* RESTART_BACK ... */
	uint8_t depth;	 /* return address at rsp + depth */
	uint32_t saved;	 /* RESTART_RAX ... */
};

_Static_assert(sizeof(struct restart) == 12, "as templates.S makes them");

extern const struct restart vmm_restarts[], vmm_restarts_end[];

#endif
#endif
