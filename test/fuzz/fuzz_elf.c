/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF reading, records, the checker and the counters on hostile files. */
#include "asrewrite/sweep.h"
#include "asrewrite/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_relocs(const struct ab_elf *elf)
{
	for (uint32_t i = 0; i < elf->nsections; i++) {
		struct ab_elf_reloc *list;
		size_t count = ab_elf_relocs(elf, i, &list, NULL);

		for (size_t j = 0; j < count; j++) {
			CHECK(list[j].symbol < elf->nsymbols);
			CHECK(list[j].offset + ab_elf_reloc_width(elf, list[j].type) <=
			      elf->sections[i].size);
			CHECK(j == 0 || list[j - 1].offset <= list[j].offset);
		}
		free(list);
	}
}

static void check_sweep(const struct ab_elf *elf, const struct ab_annotdb *db,
			const struct ab_decoder *decoder)
{
	struct ab_sweep sweep;

	ab_sweep(&sweep, elf, db, decoder, NULL);
	CHECK(sweep.sensitive ==
	      sweep.annotated + sweep.copied + sweep.excepted + sweep.unannotated);
	for (size_t i = 0; i < sweep.nfindings; i++)
		CHECK(sweep.findings[i].section < elf->nsections);
	ab_sweep_free(&sweep);
}

static void check_tally(const struct ab_elf *elf, const struct ab_annotdb *db,
			const struct ab_decoder *decoder)
{
	struct ab_tally tally;

	ab_tally_file(&tally, elf, db, decoder);
	CHECK(tally.sites + tally.markers + tally.faults == db->count);
	ab_tally_free(&tally);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ab_decoder decoder;
	static bool ready;
	struct ab_annotdb db;
	struct ab_elf elf;
	void *copy;

	if (!ready)
		ab_decoder_init(&decoder);
	ready = true;
	copy = malloc(size ? size : 1);
	CHECK(copy);
	memcpy(copy, data, size);
	if (ab_elf_open_image(&elf, "fuzz", copy, size) == 0) {
		ab_annotdb_read(&db, &elf);
		check_relocs(&elf);
		check_sweep(&elf, &db, &decoder);
		check_tally(&elf, &db, &decoder);
		ab_annotdb_free(&db);
		ab_elf_close(&elf);
	}
	free(copy);
	return 0;
}
