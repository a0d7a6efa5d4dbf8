/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine for tests of rewritten code: the test process itself is the guest's
 * kernel, in ring 3 like any, and stands in for front-end and back-end.
 *
 * Guest code lies in `guest_code`, mapped within 2 GiB of this program, and ends
 * with a jump to guest_done. Registers are loaded from `before` and stored in `after`.
 */
#ifndef TEST_REWRITE_MACHINE_H
#define TEST_REWRITE_MACHINE_H

#include "vmm/entry.h"
#include "vmm/rewrite.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ucontext.h>

#include <cmocka.h> /* needs those above */

#define CODE_AT	    0x20000000 /* four pages, the last is never mapped */
#define CODE_PAGES  3
#define STACK_WORDS 64

struct machine_state {
	mword gpr[GPR_COUNT];
	mword rip, rflags;
};

/* An instruction as the assembler stage leaves it. */
struct sample {
	const char *name;
	uint8_t bytes[16];
	uint8_t length;
	uint16_t class;
	uint16_t flags;
	uint8_t pad; /* bytes */
};

extern struct machine_state before, after;
extern mword guest_stack[STACK_WORDS];
#define STACK_MIDDLE (&guest_stack[STACK_WORDS / 2])

/* What vmm_site() was called with, how often, and the registers it saw. */
extern unsigned site_calls, resume_calls;
extern mword site_next;
extern struct regs site_regs;
extern mword site_gs_base;
/* What it does then; NULL: go on behind the site. */
extern void (*site_action)(void);
extern void (*resume_action)(void);

/* vmm_table_stored(): how often, with what, and what it does then. */
extern unsigned stored_calls;
extern gpa_t stored_entry;
extern void (*stored_action)(void);

extern bool wanted;		    /* backend_wants() */
extern bool keeps_bases;	    /* backend_keeps_bases */
extern struct code_view plain_view; /* addresses are the process's own */

int machine_setup(void **state); /* cmocka group fixture */
int machine_reset(void **state); /* cmocka test fixture: no sites, a known machine */

/* Write pad and instruction at `at`, and a record, and rewrite. */
enum rewrite_error machine_rewrite(mword at, const struct sample *sample,
				   struct rewrite_report *report, struct rewrite_failure *failure);

/* The same, must succeed; `jmp guest_done` follows. Returns the address behind. */
mword machine_place(mword at, const struct sample *sample);
void machine_end(mword at); /* jmp guest_done */

/* Run from before.rip. */
void machine_run(void);
extern const char guest_done[];

/* Like machine_run(), single-stepping, and interrupted at the `step`th instruction
 * inside of stubs and thunks: rewrite_restart(), then at_boundary(), then on.
 * false: there were fewer steps. */
bool machine_run_interrupted(unsigned step, void (*at_boundary)(const struct machine_state *now));

/* The same, but by a hypervisor that keeps the interrupt flag: while it is masked, it only
 * marks `pending`. */
bool machine_run_marked(unsigned step);

/* The interrupted registers (of a signal's context) into vcpu.regs. */
void machine_take_registers(const greg_t *regs);

/* Every general register has its own value, the flags are `flags`. */
void machine_registers(mword rip, mword flags);

void assert_same_registers(const struct machine_state *now, const struct machine_state *expected,
			   mword flag_mask);

#define FLAGS_ARITHMETIC (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)
#define FLAGS_ALL	 (FLAGS_ARITHMETIC | FLAG_DF | FLAG_ID)

#endif
