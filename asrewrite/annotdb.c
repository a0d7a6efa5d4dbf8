/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a linked file the `start` field is final: the linker has resolved it, and
 * relocation sections that --emit-relocs left behind say the same once more.
 * In a relocatable file the field means nothing (x86-64) or is the addend
 * (i386), and the relocation against it names symbol and place. A module
 * (.ko) is relocatable; the kernel resolves its records when it loads it.
 */
#include "asrewrite/annotdb.h"

#include "asrewrite/rules.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

static const char *const fault_texts[AB_FAULTS] = {
	[AB_FAULT_NONE] = "no fault",
	[AB_FAULT_TORN] = "annotation section ends inside a record",
	[AB_FAULT_VERSION] = "record of unknown version",
	[AB_FAULT_MODE] = "record for no x86 mode",
	[AB_FAULT_CLASS] = "record of unknown class",
	[AB_FAULT_LENGTH] = "record's lengths contradict each other",
	[AB_FAULT_RELOCATION] = "record has no PC-relative relocation",
	[AB_FAULT_OUTSIDE] = "site is outside of every section",
};

const char *ab_fault_text(enum ab_fault fault)
{
	return fault < AB_FAULTS ? fault_texts[fault] : "unknown fault";
}

static struct ab_annot parse(const uint8_t *bytes)
{
	struct ab_annot record;

	memcpy(&record, bytes, sizeof(record));
	return record;
}

/* Version first: nothing else of an unknown layout can be believed. */
static enum ab_fault judge(const struct ab_annot *record)
{
	if (record->mode_version >> AB_VERSION_SHIFT != AB_VERSION)
		return AB_FAULT_VERSION;
	if ((record->mode_version & AB_MODE_MASK) > AB_MODE_64)
		return AB_FAULT_MODE;
	if (!ab_class_name(record->class))
		return AB_FAULT_CLASS;
	if (record->class == AB_CLASS_MODE)
		return record->total_len || record->insn_off || record->insn_len ? AB_FAULT_LENGTH
										 : AB_FAULT_NONE;
	if (!record->insn_len || record->insn_off + record->insn_len > record->total_len)
		return AB_FAULT_LENGTH;
	return AB_FAULT_NONE;
}

static enum ab_fault place(const struct ab_elf *elf, struct ab_annotation *annotation,
			   uint32_t section, uint64_t offset)
{
	uint64_t size = elf->sections[section].size;

	if (section == 0 || offset > size)
		return AB_FAULT_OUTSIDE;
	annotation->section = section;
	annotation->offset = offset;
	return annotation->record.total_len <= size - offset ? AB_FAULT_NONE : AB_FAULT_OUTSIDE;
}

static bool is_pc_relative(const struct ab_elf *elf, uint32_t type)
{
	return type == (elf->machine == EM_386 ? (uint32_t)R_386_PC32 : (uint32_t)R_X86_64_PC32);
}

static enum ab_fault place_by_reloc(const struct ab_elf *elf, struct ab_annotation *annotation,
				    const struct ab_elf_reloc *reloc)
{
	const struct ab_elf_symbol *symbol;

	if (!reloc || !is_pc_relative(elf, reloc->type))
		return AB_FAULT_RELOCATION;
	symbol = &elf->symbols[reloc->symbol];
	return place(elf, annotation, symbol->section, symbol->offset + (uint64_t)reloc->addend);
}

/* Code first: per-processor data overlaps the kernel's addresses from 0 on. */
static uint32_t section_at(const struct ab_elf *elf, uint64_t address)
{
	uint32_t found = 0;

	for (uint32_t i = 1; i < elf->nsections; i++) {
		const struct ab_elf_section *section = &elf->sections[i];

		if (!(section->flags & SHF_ALLOC) || (section->flags & SHF_TLS) ||
		    address < section->addr || address - section->addr >= section->size)
			continue;
		if (section->flags & SHF_EXECINSTR)
			return i;
		if (!found)
			found = i;
	}
	return found;
}

/* `hint`: the section of the record before; neighbours mostly share it. */
static enum ab_fault place_by_address(const struct ab_elf *elf, struct ab_annotation *annotation,
				      uint32_t *hint)
{
	uint64_t field = elf->sections[annotation->from].addr + annotation->from_offset;
	uint64_t address = field + (uint64_t)(int64_t)annotation->record.start;
	const struct ab_elf_section *section = &elf->sections[*hint];

	if (elf->machine == EM_386)
		address = (uint32_t)address;
	if (*hint == 0 || address < section->addr || address - section->addr >= section->size)
		*hint = section_at(elf, address);
	if (*hint == 0 && ab_is_marker(annotation)) {
		/* mode changes back behind the last byte of a section */
		*hint = section_at(elf, address - 1);
	}
	return place(elf, annotation, *hint, address - elf->sections[*hint].addr);
}

struct reader {
	const struct ab_elf *elf;
	struct ab_elf_reloc *relocs;
	size_t nrelocs, next;
	uint32_t hint;
};

static const struct ab_elf_reloc *reloc_at(struct reader *reader, uint64_t offset)
{
	while (reader->next < reader->nrelocs && reader->relocs[reader->next].offset < offset)
		reader->next++;
	if (reader->next < reader->nrelocs && reader->relocs[reader->next].offset == offset)
		return &reader->relocs[reader->next];
	return NULL;
}

static void read_record(struct reader *reader, struct ab_annotation *annotation)
{
	const struct ab_elf_section *section = &reader->elf->sections[annotation->from];
	enum ab_fault own, where;

	if (section->size - annotation->from_offset < AB_RECORD_SIZE) {
		annotation->fault = AB_FAULT_TORN;
		return;
	}
	annotation->record = parse(section->data + annotation->from_offset);
	own = judge(&annotation->record);
	if (own == AB_FAULT_VERSION) {
		annotation->fault = own;
		return;
	}
	if (reader->elf->relocatable)
		where = place_by_reloc(reader->elf, annotation,
				       reloc_at(reader, annotation->from_offset));
	else
		where = place_by_address(reader->elf, annotation, &reader->hint);
	annotation->fault = own ? own : where;
}

static void read_section(struct ab_annotdb *db, const struct ab_elf *elf, uint32_t index)
{
	const struct ab_elf_section *section = &elf->sections[index];
	size_t count = (size_t)((section->size + AB_RECORD_SIZE - 1) / AB_RECORD_SIZE);
	struct reader reader = {.elf = elf};

	db->list = realloc(db->list, (db->count + count + 1) * sizeof(*db->list));
	if (!db->list)
		abort();
	db->bytes += section->size;
	if (elf->relocatable)
		reader.nrelocs = ab_elf_relocs(elf, index, &reader.relocs, NULL);
	for (size_t i = 0; i < count; i++) {
		struct ab_annotation *annotation = &db->list[db->count++];

		*annotation =
			(struct ab_annotation){.from = index, .from_offset = i * AB_RECORD_SIZE};
		read_record(&reader, annotation);
	}
	free(reader.relocs);
}

static int in_order(const void *left, const void *right)
{
	const struct ab_annotation *a = left, *b = right;

	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	if (ab_is_marker(a) != ab_is_marker(b))
		return ab_is_marker(a) ? -1 : 1;
	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return a->from_offset < b->from_offset ? -1 : a->from_offset > b->from_offset;
}

void ab_annotdb_read(struct ab_annotdb *db, const struct ab_elf *elf)
{
	*db = (struct ab_annotdb){0};
	for (uint32_t i = 1; i < elf->nsections; i++)
		if (elf->sections[i].data && strcmp(elf->sections[i].name, AB_SECTION) == 0)
			read_section(db, elf, i);
	if (db->count > 1)
		qsort(db->list, db->count, sizeof(*db->list), in_order);
}

void ab_annotdb_free(struct ab_annotdb *db)
{
	free(db->list);
	*db = (struct ab_annotdb){0};
}
