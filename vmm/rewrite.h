/* SPDX-License-Identifier: BSD-2-Clause */
/*@050 The rewriter: from annotated sites to calls into the VMM
 *
 * At load time, and for every module when the guest loads it: for each record,
 * decode the instruction, choose a template, build the replacement in a scratch
 * buffer, check that it fits, patch once. Records that are not to be rewritten
 * (copied code, application code, other modes, memory operations the back-end does
 * not ask for) stay as they are and trap.
 */
#ifndef AFTERBURN_VMM_REWRITE_H
#define AFTERBURN_VMM_REWRITE_H

#include "vmm/format.h"
#include "vmm/insn.h"
#include "vmm/types.h"

struct vcpu;

/* How the rewriter reaches code and records, which need not be mapped yet. */
struct code_view {
	bool (*read)(const struct code_view *view, mword va, void *to, size_t length);
	bool (*write)(const struct code_view *view, mword va, const void *from, size_t length);
};

#define SITE_MAX 24 /* bytes: an instruction and its pad */

/* A rewritten site, found again by the address behind it. In `insn`, a
 * RIP-relative displacement counts from the site's start + insn.length, also where a
 * pad stands in front; fused instructions are one: the second with `second` set. */
struct site {
	mword start;
	uint8_t total; /* bytes */
	uint8_t in_use;
	uint16_t thunk; /* number in vmm_thunks, or SITE_NO_THUNK */
	uint16_t link;	/* sites.c */
	uint16_t flags; /* AB_F_* */
	struct insn insn;
	uint8_t original[SITE_MAX]; /* the bytes that stood there */
};
#define SITE_NO_THUNK 0xffff

#define REWRITE_ROWS 160 /* at least as many as there are classes */

enum rewrite_outcome {
	REWRITE_INLINE,	 /* one or two instructions in place */
	REWRITE_STUB,	 /* a call or jump to a stub of templates.S */
	REWRITE_CALL,	 /* a call to the general emulation */
	REWRITE_NATIVE,	 /* right here as it is, or not wanted: left on purpose */
	REWRITE_COPIED,	 /* copied code: left, traps */
	REWRITE_FOREIGN, /* application code or another mode: left */
	REWRITE_OUTCOMES
};

struct rewrite_report {
	/* sites per class and outcome; rows in the order of AB_CLASSES */
	uint32_t counts[REWRITE_ROWS][REWRITE_OUTCOMES];
	uint32_t total;
};

enum rewrite_error {
	REWRITE_OK,
	REWRITE_BAD_RECORD,   /* version, lengths, overlap, outside of [lowest, end) */
	REWRITE_UNREADABLE,   /* record or code not mapped */
	REWRITE_UNDECODABLE,  /* bytes do not match the class */
	REWRITE_NO_ROOM,      /* the template does not fit the site */
	REWRITE_OUT_OF_REACH, /* stub farther than 2 GiB */
	REWRITE_FULL,	      /* table of sites or of thunks */
};

/* What went wrong, and where. */
struct rewrite_failure {
	enum rewrite_error error;
	mword address; /* of the site, or of the record if that is bad */
	uint16_t class;
	uint8_t needed, there; /* bytes, for REWRITE_NO_ROOM */
};

/* Rewrite all sites of the `size` bytes of records at `records`, which lie in
 * [lowest, end). Check first, write later: on failure no byte of code was changed and
 * no site is known. At most 32768 records a call. Returns the error, which *failure
 * describes; *report is overwritten, all zero on failure. */
enum rewrite_error rewrite(const struct code_view *view, mword records, size_t size, mword lowest,
			   mword end, struct rewrite_report *report,
			   struct rewrite_failure *failure);

/* Forget the sites of [start, start + size): a module is being unloaded. Its code is
 * left as it is. */
void rewrite_forget(mword start, mword size);

/* The site that ends at `next`, the one that covers `va`; NULL: none. */
const struct site *rewrite_site_before(mword next);
const struct site *rewrite_site_at(mword va);

const char *rewrite_error_text(enum rewrite_error error);

/* Append what went wrong, of which class, where, and the bytes that are missing. */
void rewrite_explain(const struct rewrite_failure *failure, struct line *line);

const char *rewrite_outcome_text(enum rewrite_outcome outcome);

/* Rows of a report: one per class, in the order of AB_CLASSES. -1: no such class. */
unsigned rewrite_rows(void);
const char *rewrite_row_name(unsigned row);
int rewrite_row(uint16_t class);

/* One line of text per class that has sites and one of totals, each handed to `line`
 * (with `context`) without a newline. */
void rewrite_print(const struct rewrite_report *report,
		   void (*line)(void *context, const char *text, size_t length), void *context);

/* Is rip in a stub or thunk, where rewrite_restart() would change something? */
bool rewrite_in_stub(mword rip, const struct vcpu *state);

/* A guest may be interrupted in a stub of templates.S or a thunk, but must not know.
 * A back-end that is interrupted while the guest runs calls this before it reports
 * anything to the front-end, with the interrupted registers in state->regs (and the
 * segment bases in state->gs_base, fs_base, unless it keeps them), and *rip and *rsp as there; they
 * may point into state->regs.
 *
 * true: that was inside. Now the guest stands at the site, before anything
 * happened, or behind it: *rip, *rsp, state->regs and the virtual CPU are changed to
 * that. Do not continue the stub after that, nor copy old registers over
 * state->regs. false: nothing was changed.
 *
 * Reads the guest's stack where the site's call has just written. For traps of the
 * trap flag let the stub finish instead. */
bool rewrite_restart(mword *rip, mword *rsp, struct vcpu *state);

#endif
