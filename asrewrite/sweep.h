/* SPDX-License-Identifier: BSD-2-Clause */
/*@038 The check: every sensitive instruction has a record, every record an instruction
 *
 * Machine code cannot be read with certainty: it is read in a linear sweep
 * that starts afresh at every symbol, record and end of data, so that one
 * misread byte costs at most one function. Objects between functions are
 * data; bytes that are no instruction are counted and passed over up to the
 * next fresh start.
 */
#ifndef AFTERBURN_SWEEP_H
#define AFTERBURN_SWEEP_H

#include "asrewrite/annotdb.h"
#include "asrewrite/rules.h"
#include "asrewrite/sensitive.h"

enum ab_finding_kind {
	AB_FOUND_UNANNOTATED, /* sensitive, and no record covers it: failure */
	AB_FOUND_MISPLACED,   /* a record that does not fit the code: failure */
	AB_FOUND_EXCEPTED,    /* sensitive, without record, and a rule says why */
	AB_FOUND_UNDECODABLE, /* bytes that are no instruction */
	AB_FOUND_KINDS
};

struct ab_finding {
	enum ab_finding_kind kind;
	uint32_t section; /* 0: a record that points nowhere */
	uint64_t offset;  /* bytes, in the section */
	uint64_t length;  /* bytes */
	uint8_t mode;
	uint16_t class; /* of the instruction, or of the record */
	char reason[96];
	const char *rule; /* excepted: the rule's reason, borrowed from the rules; else NULL */
};

struct ab_sweep {
	uint64_t sensitive; /* instructions: the sum of the next four */
	uint64_t annotated, copied, excepted, unannotated;
	uint64_t misplaced; /* records */
	uint64_t records;   /* sites, without: */
	uint64_t markers, memory;
	uint64_t code_bytes, data_bytes, undecodable_bytes;
	struct ab_finding *findings; /* by section and offset */
	size_t nfindings;
};

/*
 * Check `elf` against its records. `rules` gives the exceptions and may be
 * NULL. Free the result with ab_sweep_free().
 */
void ab_sweep(struct ab_sweep *sweep, const struct ab_elf *elf, const struct ab_annotdb *db,
	      const struct ab_decoder *decoder, struct ab_rules *rules);
void ab_sweep_free(struct ab_sweep *sweep);

const char *ab_finding_name(enum ab_finding_kind kind);

static inline bool ab_sweep_ok(const struct ab_sweep *sweep)
{
	return !sweep->unannotated && !sweep->misplaced;
}

#endif
