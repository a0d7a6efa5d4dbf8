/* SPDX-License-Identifier: BSD-2-Clause */
/* Does an annotation record fit the code that it points at? The other half of sweep.h. */
#ifndef AFTERBURN_JUDGE_H
#define AFTERBURN_JUDGE_H

#include "asrewrite/sweep.h"

/*
 * Judge every record: adds findings of kind AB_FOUND_MISPLACED, and counts
 * records, markers and the sensitive instructions that records cover.
 */
void ab_judge_records(struct ab_sweep *sweep, const struct ab_elf *elf, const struct ab_annotdb *db,
		      const struct ab_decoder *decoder, struct ab_rules *rules);

/*
 * The first rule of kind `verdict` for this section, or for a symbol around or
 * next before `offset`; NULL if there is none, or `rules` is NULL.
 */
const struct ab_directive *ab_judge_place(const struct ab_elf *elf, struct ab_rules *rules,
					  enum ab_verdict verdict, uint32_t section,
					  uint64_t offset);

/* Append a finding; valid until the next one is added. */
struct ab_finding *ab_sweep_add(struct ab_sweep *sweep, enum ab_finding_kind kind, uint32_t section,
				uint64_t offset, uint64_t length);

#endif
