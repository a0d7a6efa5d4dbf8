/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/tally.h"

#include "asrewrite/forms.h"
#include "asrewrite/rules.h"

#include <stdlib.h>
#include <string.h>

const char *const ab_table_names[AB_TABLES] = {"mnemonics", "classes", "groups", "sections",
					       "forms"};

const struct ab_tally_flag ab_tally_flags[AB_TALLY_FLAGS] = {
	{AB_F_FUSED, "fused", "fused"},		{AB_F_WINDOW, "window", "sti windows"},
	{AB_F_COPIED, "copied", "copied code"}, {AB_F_USER, "user", "user code"},
	{AB_F_MACRO, "macro", "in macros"},	{AB_F_EXTABLE, "extable", "labelled"},
	{AB_F_RAW, "raw", "raw bytes"},
};

static struct ab_row *row_of(struct ab_rows *rows, const char *key, uint16_t class)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->list[i].class == class && strcmp(rows->list[i].key, key) == 0)
			return &rows->list[i];
	rows->list = realloc(rows->list, (rows->count + 1) * sizeof(*rows->list));
	if (!rows->list)
		abort();
	rows->list[rows->count] = (struct ab_row){.key = strdup(key), .class = class};
	if (!rows->list[rows->count].key)
		abort();
	return &rows->list[rows->count++];
}

static void count_row(struct ab_rows *rows, const char *key, uint16_t class, unsigned pads)
{
	struct ab_row *row = row_of(rows, key, class);

	row->sites++;
	row->pads += pads;
}

static void count_site(struct ab_tally *tally, const struct ab_elf *elf,
		       const struct ab_decoder *decoder, const struct ab_annotation *annotation)
{
	const struct ab_elf_section *section = &elf->sections[annotation->section];
	const struct ab_annot *record = &annotation->record;
	const uint8_t *bytes = section->data + ab_insn_start(annotation);
	unsigned pads = (unsigned)record->total_len - record->insn_len;
	uint8_t mode = ab_mode_of(annotation);
	char mnemonic[64], form[128];

	ab_name_mnemonic(decoder, mode, bytes, record->insn_len, mnemonic, sizeof(mnemonic));
	ab_name_form(decoder, mode, bytes, record->insn_len, form, sizeof(form));
	count_row(&tally->tables[AB_BY_MNEMONIC], mnemonic, record->class, pads);
	count_row(&tally->tables[AB_BY_FORM], form, record->class, pads);
	count_row(&tally->tables[AB_BY_CLASS], ab_class_name(record->class), record->class, pads);
	count_row(&tally->tables[AB_BY_GROUP], ab_group_name(record->class), record->class & 0xff00,
		  pads);
	count_row(&tally->tables[AB_BY_SECTION], section->name, 0, pads);
	tally->sites++;
	tally->memory += record->class >> 8 == AB_GROUP_MEMORY;
	tally->pads += pads;
	tally->insns += record->insn_len;
	if (strcmp(section->name, ".text") == 0)
		tally->text_pads += pads;
	for (size_t i = 0; i < AB_TALLY_FLAGS; i++)
		tally->flags[i] += (record->flags & ab_tally_flags[i].flag) != 0;
}

static void count_record(struct ab_tally *tally, const struct ab_elf *elf,
			 const struct ab_decoder *decoder, const struct ab_annotation *annotation)
{
	if (annotation->fault ||
	    (!ab_is_marker(annotation) && !elf->sections[annotation->section].data))
		tally->faults++;
	else if (ab_is_marker(annotation))
		tally->markers++;
	else
		count_site(tally, elf, decoder, annotation);
}

void ab_tally_file(struct ab_tally *tally, const struct ab_elf *elf, const struct ab_annotdb *db,
		   const struct ab_decoder *decoder)
{
	memset(tally, 0, sizeof(*tally));
	for (uint32_t i = 1; i < elf->nsections; i++) {
		const struct ab_elf_section *section = &elf->sections[i];

		if (!ab_elf_is_code(elf, i))
			continue;
		row_of(&tally->tables[AB_BY_SECTION], section->name, 0)->size += section->size;
		tally->code += section->size;
		if (strcmp(section->name, ".text") == 0)
			tally->text += section->size;
	}
	for (size_t i = 0; i < db->count; i++)
		count_record(tally, elf, decoder, &db->list[i]);
	tally->records = db->bytes;
}

/* total += tally */
void ab_tally_add(struct ab_tally *total, const struct ab_tally *tally)
{
	const uint64_t *from = (const uint64_t *)tally;
	uint64_t *to = (uint64_t *)total;

	for (size_t i = 0; i < offsetof(struct ab_tally, tables) / sizeof(uint64_t); i++)
		to[i] += from[i];
	for (size_t t = 0; t < AB_TABLES; t++)
		for (size_t i = 0; i < tally->tables[t].count; i++) {
			const struct ab_row *row = &tally->tables[t].list[i];
			struct ab_row *sum = row_of(&total->tables[t], row->key, row->class);

			sum->sites += row->sites;
			sum->pads += row->pads;
			sum->size += row->size;
		}
}

void ab_tally_free(struct ab_tally *tally)
{
	for (size_t t = 0; t < AB_TABLES; t++) {
		for (size_t i = 0; i < tally->tables[t].count; i++)
			free(tally->tables[t].list[i].key);
		free(tally->tables[t].list);
	}
}

/* By group, then many sites first. */
static int by_group(const void *left, const void *right)
{
	const struct ab_row *a = left, *b = right;

	if (a->class >> 8 != b->class >> 8)
		return (a->class >> 8) - (b->class >> 8);
	if (a->sites != b->sites)
		return a->sites > b->sites ? -1 : 1;
	return strcmp(a->key, b->key);
}

void ab_tally_sort(struct ab_tally *tally)
{
	for (size_t t = 0; t < AB_TABLES; t++)
		if (tally->tables[t].count > 1)
			qsort(tally->tables[t].list, tally->tables[t].count, sizeof(struct ab_row),
			      by_group);
}
