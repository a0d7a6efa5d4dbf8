/* SPDX-License-Identifier: BSD-2-Clause */
/* Applications in host processes of their own: what both sides know. twin.c explains.
 * For C and assembler.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_TWIN_H
#define AFTERBURN_BACKENDS_LINUX_TWIN_H

#include "backends/linux/layout.h"

/* The area that a twin shares with its process: the command, which the twin may only
 * read, the floating-point state behind it, and the stack of its signal handler. */
#define TWIN_AREA_BYTES	   0x10000
#define TWIN_FPU	   0x1000
#define TWIN_COMMAND_BYTES 0x5000
#define TWIN_STACK	   (LAYOUT_TWIN_AREA + TWIN_COMMAND_BYTES)
#define TWIN_STACK_BYTES   (TWIN_AREA_BYTES - TWIN_COMMAND_BYTES)
#define TWIN_TEXT_BYTES	   0x1000

/* struct twin_command */
#define TWIN_GPR      0
#define TWIN_FLAGS    128
#define TWIN_FRAME    136
#define TWIN_FS	      176
#define TWIN_GS	      184
#define TWIN_COUNT    192
#define TWIN_RUN      196
#define TWIN_OPS      200
#define OP_NR	      0
#define OP_FILE	      4
#define OP_ADDRESS    8
#define OP_LENGTH     16
#define OP_RIGHTS     24
#define OP_FLAGS      32
#define OP_OFFSET     40
#define OP_BYTES      48
#define TWIN_OPS_MOST 80

/* The file of the areas, a descriptor of the zygote of the twins only. */
#define FD_AREAS 10

/* A report is a system call that the host passes on instead of making it; which one,
 * does not matter. */
#define TWIN_REPORT __NR_getpgid

#ifndef __ASSEMBLER__
#include "backends/linux/filter.h"
#include "vmm/types.h"

struct twin_op {
	uint32_t nr;   /* mmap, munmap, mprotect */
	uint32_t file; /* FD_RAM or FD_COPIES */
	uint64_t address, length, rights, flags, offset;
};

/* What a twin does when its report is answered: change its mappings, then run the
 * application or report again. */
struct twin_command {
	uint64_t gpr[16];
	uint64_t flags; /* for the last two instructions in the twin's own code */
	uint64_t frame[5];
	uint64_t fs_base, gs_base;
	uint32_t count, run;
	struct twin_op ops[TWIN_OPS_MOST];
};

_Static_assert(offsetof(struct twin_command, frame) == TWIN_FRAME, "as twin.S has it");
_Static_assert(offsetof(struct twin_command, gs_base) == TWIN_GS, "as twin.S has it");
_Static_assert(offsetof(struct twin_command, run) == TWIN_RUN, "as twin.S has it");
_Static_assert(offsetof(struct twin_command, ops) == TWIN_OPS, "as twin.S has it");
_Static_assert(sizeof(struct twin_op) == OP_BYTES, "as twin.S has it");
_Static_assert(sizeof(struct twin_command) <= TWIN_FPU, "in front of the floating-point state");

/* Addresses in the twins' code (twin.S), which is far away: the way in, the signal handler,
 * and behind the three system calls. */
extern const struct twin_code {
	mword start, handler;
	mword report, memory, unmap;
} twin_code;

/* twin_filter.c: what the host lets a twin do. `key`: the word that a twin has while
 * it changes its mappings. Returns the program's length, 0 if there is no room. */
unsigned twin_filter_build(uint64_t key, struct sock_filter out[FILTER_MOST]);

extern uint8_t *const twin_areas; /* of all, at a fixed address */

/* twin.c */
bool twin_changes(void); /* of its mappings wait for its next run */
void twin_changed(void); /* they are made */
void twin_settle(void);	 /* find out which one was not */
void twin_erase_frames(void);

/* twin_report.c */
void twin_reported(const struct seccomp_notif *got);

/* twin_zygote.c */
extern uint64_t twin_key;
extern uint32_t twin_zygote_pid;
extern uint32_t twin_zygote_self; /* per process: 1 in the zygote of the twins */
void twin_zygote_signal(void);
void twin_spawn(uint32_t slot);

#endif
#endif
