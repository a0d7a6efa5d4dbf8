/* SPDX-License-Identifier: BSD-2-Clause */
/* The page that applications may read and not write: what the last instructions
 * before an application need once its rights are in force. Shared by assembler and C.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_KEYS_H
#define AFTERBURN_BACKENDS_LINUX_KEYS_H

#define EXIT_RAX   0
#define EXIT_RCX   8
#define EXIT_RDX   16
#define EXIT_FRAME 24 /* rip, cs, rflags, rsp, ss */
#define EXIT_PKRU  64 /* the application's rights */

/* bits of exit_work */
#define EXIT_PREFILL 1
#define EXIT_WIPE    2 /* the alternate stack */
#define EXIT_KEYS    4 /* always, with protection keys */
#define EXIT_TWIN    8 /* always, with processes for applications */
#define EXIT_ALWAYS  (EXIT_KEYS | EXIT_TWIN)

#define XSTATE_PKRU 0x200 /* component 9 of the extended state (SDM 1, 13.1) */

#define ALTSTACK_BYTES 262144 /* a frame with AVX-512 and AMX is 11 KiB, and they nest */
#define ALTSTACK_PARTS 4      /* in turn, see signal.c */
#define ALTSTACK_PART  (ALTSTACK_BYTES / ALTSTACK_PARTS)
#define FRAME_LEAST    1024 /* bytes of the smallest signal frame, and fewer */

#ifndef __ASSEMBLER__
#include "vmm/types.h"

struct exit_page {
	uint64_t rax, rcx, rdx;
	uint64_t frame[5];
	uint32_t pkru;
};

_Static_assert(offsetof(struct exit_page, rdx) == EXIT_RDX, "as signal.S has it");
_Static_assert(offsetof(struct exit_page, frame) == EXIT_FRAME, "as signal.S has it");
_Static_assert(offsetof(struct exit_page, pkru) == EXIT_PKRU, "as signal.S has it");

extern struct exit_page exit_page; /* per process */
extern uint8_t altstack[];	   /* per process */
extern uint64_t signal_nonce;
#endif
#endif
