/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts of annotated sites by mnemonic, form, class, group and section. */
#ifndef AFTERBURN_TALLY_H
#define AFTERBURN_TALLY_H

#include "asrewrite/annotdb.h"
#include "asrewrite/sensitive.h"

enum ab_table { AB_BY_MNEMONIC, AB_BY_CLASS, AB_BY_GROUP, AB_BY_SECTION, AB_BY_FORM, AB_TABLES };
extern const char *const ab_table_names[AB_TABLES]; /* as in JSON */

struct ab_row {
	char *key;
	uint16_t class;	      /* of what is counted; group tables: number 0; sections: 0 */
	uint64_t sites, pads; /* pads: bytes */
	uint64_t size;	      /* sections: bytes */
};

struct ab_rows {
	struct ab_row *list;
	size_t count;
};

struct ab_tally_flag {
	uint16_t flag;		  /* AB_F_* */
	const char *name, *title; /* in JSON, in the table */
};
#define AB_TALLY_FLAGS 7
extern const struct ab_tally_flag ab_tally_flags[AB_TALLY_FLAGS];

/* All numbers come first: ab_tally_add() adds them in one loop. */
struct ab_tally {
	uint64_t sites, markers, memory, faults;
	uint64_t pads, insns;	      /* bytes */
	uint64_t code, text, records; /* bytes: executable sections, .text, annotations */
	uint64_t text_pads;
	uint64_t flags[AB_TALLY_FLAGS];
	struct ab_rows tables[AB_TABLES];
};

/* Count the records of one file into `tally`, which is the caller's to ab_tally_free(). */
void ab_tally_file(struct ab_tally *tally, const struct ab_elf *elf, const struct ab_annotdb *db,
		   const struct ab_decoder *decoder);

/* total += tally */
void ab_tally_add(struct ab_tally *total, const struct ab_tally *tally);

/* By group, many sites first. */
void ab_tally_sort(struct ab_tally *tally);
void ab_tally_free(struct ab_tally *tally);

#endif
