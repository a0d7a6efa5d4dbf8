/* SPDX-License-Identifier: BSD-2-Clause */
/* One assembler input in, the list of insertions out. */
#ifndef AFTERBURN_REWRITE_H
#define AFTERBURN_REWRITE_H

#include "asrewrite/context.h"
#include "asrewrite/edits.h"
#include "asrewrite/emit.h"
#include "asrewrite/macroarg.h"

struct ab_stats {
	unsigned statements;
	unsigned sites;	 /* annotated, of which: */
	unsigned copied; /* under a deny rule */
	unsigned fused, windows;
	unsigned data;	 /* sensitive text in a section that is not executable */
	unsigned hidden; /* mnemonic is a macro argument no rule could be tied to */
};

/* A site not yet emitted: what follows may fuse with it. */
struct ab_pending {
	const struct ab_rule *rule; /* NULL: nothing pending */
	struct ab_site site;
	unsigned window_seen; /* statements of the rule's window matched so far */
};

struct ab_rewriter {
	const struct ab_target *target;
	struct ab_rules *rules; /* NULL: null mode: only split statements, see test/null */
	const char *input_name; /* for messages */
	int verbose;		/* 0: silent, 1: per file, 2: per site */
	bool deny_output;	/* a deny rule named this output */
	struct ab_context context;
	struct ab_stats stats;

	/* state of the current input */
	const char *text;
	size_t len;
	struct ab_edits *edits;
	struct ab_pending pending;
	struct ab_candidates candidates; /* macro arguments of this input, once collected */
	const char *prefix; /* start of a prefix that is a statement of its own, or NULL */
	uint8_t labels;	    /* labels since the last instruction */
	const char *label;  /* last named label that is not local (.L) */
	size_t label_len;
	size_t marker_line; /* start of the first line not yet searched for a line marker */
	bool marker;	    /* one was found */
	size_t last_end;    /* end of the last statement */
	size_t counted;	    /* bytes of `text` whose newlines are in `lines` */
	unsigned lines;
};

void ab_rewriter_init(struct ab_rewriter *rewriter, const struct ab_target *target,
		      struct ab_rules *rules, uint8_t default_mode);
void ab_rewriter_free(struct ab_rewriter *rewriter);

/*
 * Read one input (text[len] must be 0) and fill `edits`. Several inputs of one
 * assembler call share sections and macros: call once for each, in order.
 * Returns 0, or an enum ab_exit after printing file:line and the reason.
 */
int ab_rewrite(struct ab_rewriter *rewriter, const char *name, const char *text, size_t len,
	       struct ab_edits *edits);

#endif
