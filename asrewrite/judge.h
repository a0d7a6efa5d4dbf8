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
		      const struct ab_decoder *decoder);

/* Append a finding; valid until the next one is added. */
struct ab_finding *ab_sweep_add(struct ab_sweep *sweep, enum ab_finding_kind kind, uint32_t section,
				uint64_t offset, uint64_t length);

#endif
