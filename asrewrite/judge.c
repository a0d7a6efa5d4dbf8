/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct judge {
	struct ab_sweep *sweep;
	const struct ab_elf *elf;
	const struct ab_decoder *decoder;
	struct ab_rules *rules;
};

__attribute__((format(printf, 3, 4))) static void
misplaced(struct judge *judge, const struct ab_annotation *annotation, const char *fmt, ...)
{
	struct ab_finding *finding;
	va_list args;

	finding = ab_sweep_add(judge->sweep, AB_FOUND_MISPLACED, annotation->section,
			       annotation->offset + annotation->record.insn_off,
			       annotation->record.insn_len);
	finding->mode = ab_mode_of(annotation);
	finding->class = annotation->record.class;
	va_start(args, fmt);
	vsnprintf(finding->reason, sizeof(finding->reason), fmt, args);
	va_end(args);
	judge->sweep->misplaced++;
}

/* What a site of a fused class is made of. */
static const struct {
	uint16_t fused, parts[2];
} fused_classes[] = {
	{AB_CLASS_STI_HLT, {AB_CLASS_STI, AB_CLASS_HLT}},
	{AB_CLASS_STI_MWAIT, {AB_CLASS_STI, AB_CLASS_MWAIT}},
	{AB_CLASS_STI_SYSEXIT, {AB_CLASS_STI, AB_CLASS_SYSEXIT}},
};

static const uint16_t *parts_of(uint16_t class)
{
	for (size_t i = 0; i < sizeof(fused_classes) / sizeof(fused_classes[0]); i++)
		if (fused_classes[i].fused == class)
			return fused_classes[i].parts;
	return NULL;
}

#define MAX_PARTS 4

/* What the instruction bytes of a site decode to. */
struct content {
	uint16_t classes[MAX_PARTS]; /* of the sensitive instructions */
	unsigned sensitive, innocuous;
	bool whole; /* they end where the record says */
};

static void decode_content(const struct judge *judge, const struct ab_annotation *annotation,
			   struct content *content)
{
	const struct ab_elf_section *section = &judge->elf->sections[annotation->section];
	uint64_t at = ab_insn_start(annotation), end = ab_insn_end(annotation);
	uint8_t mode = ab_mode_of(annotation);
	struct ab_insn insn;

	memset(content, 0, sizeof(*content));
	while (at < end &&
	       ab_decode(judge->decoder, mode, section->data + at, section->size - at, &insn)) {
		at += insn.length;
		/* 66 90 behind raw bytes stands for an operand nobody has */
		if (!insn.class)
			content->innocuous++;
		else if (content->sensitive < MAX_PARTS)
			content->classes[content->sensitive++] = insn.class;
	}
	content->whole = at == end;
}

static void judge_fused(struct judge *judge, const struct ab_annotation *annotation,
			const struct content *content)
{
	const uint16_t *parts = parts_of(annotation->record.class);

	if (!(annotation->record.flags & AB_F_FUSED))
		misplaced(judge, annotation, "class %s without the flag for fused sites",
			  ab_class_name(annotation->record.class));
	else if (content->innocuous || content->sensitive != 2 || content->classes[0] != parts[0] ||
		 content->classes[1] != parts[1])
		misplaced(judge, annotation, "not the two instructions of class %s",
			  ab_class_name(annotation->record.class));
}

static void judge_single(struct judge *judge, const struct ab_annotation *annotation,
			 const struct content *content)
{
	const struct ab_annot *record = &annotation->record;
	bool extra = content->innocuous && !(record->flags & AB_F_RAW);

	if (record->flags & AB_F_FUSED)
		misplaced(judge, annotation, "flag for fused sites on class %s",
			  ab_class_name(record->class));
	else if (!content->sensitive)
		misplaced(judge, annotation, "record of class %s, but nothing sensitive here",
			  ab_class_name(record->class));
	else if (content->classes[0] != record->class)
		misplaced(judge, annotation, "record of class %s, instruction of class %s",
			  ab_class_name(record->class), ab_class_name(content->classes[0]));
	else if (content->sensitive > 1 || extra)
		misplaced(judge, annotation, "more than one instruction in insn_len %u",
			  record->insn_len);
}

static void judge_pads(struct judge *judge, const struct ab_annotation *annotation)
{
	const uint8_t *data = judge->elf->sections[annotation->section].data;
	uint64_t end = ab_insn_end(annotation);
	uint8_t mode = ab_mode_of(annotation);

	if (!ab_is_front_pad(judge->decoder, mode, data + annotation->offset,
			     &annotation->record) ||
	    !ab_is_pad(judge->decoder, mode, data + end, ab_site_end(annotation) - end))
		misplaced(judge, annotation, "pad is made neither of NOPs nor of prefixes");
}

/* How many symbols back an enclosing one is looked for. */
#define NEAR_SYMBOLS 64

const struct ab_directive *ab_judge_place(const struct ab_elf *elf, struct ab_rules *rules,
					  enum ab_verdict verdict, uint32_t section,
					  uint64_t offset)
{
	const char *name = elf->sections[section].name;
	const struct ab_directive *found;
	uint32_t i = ab_elf_first_symbol(elf, section, offset + 1);
	uint64_t nearest = UINT64_MAX;

	if (!rules)
		return NULL;
	found = ab_rules_judge(rules, verdict, AB_SCOPE_SECTION, name, strlen(name));
	for (unsigned tried = 0; !found && i-- > 0 && tried < NEAR_SYMBOLS; tried++) {
		const struct ab_elf_symbol *symbol = &elf->symbols[elf->by_address[i]];

		if (symbol->section != section)
			break;
		if (nearest == UINT64_MAX)
			nearest = symbol->offset;
		if (symbol->offset == nearest || offset - symbol->offset < symbol->size)
			found = ab_rules_judge(rules, verdict, AB_SCOPE_SYMBOL, symbol->name,
					       strlen(symbol->name));
	}
	return found;
}

/* A site that would be rewritten, and then copied with a call relative to its old place. */
static void judge_copied(struct judge *judge, const struct ab_annotation *annotation)
{
	const struct ab_directive *deny;

	if (annotation->record.flags & AB_F_COPIED)
		return;
	deny = ab_judge_place(judge->elf, judge->rules, AB_DENY, annotation->section,
			      ab_insn_start(annotation));
	if (deny)
		misplaced(judge, annotation,
			  "rule line %u says this code is copied, the record "
			  "does not",
			  deny->line);
}

static void judge_site(struct judge *judge, const struct ab_annotation *annotation)
{
	struct content content;
	bool copied = annotation->record.flags & AB_F_COPIED;
	uint64_t before = judge->sweep->misplaced;

	decode_content(judge, annotation, &content);
	if (content.sensitive) {
		*(copied ? &judge->sweep->copied : &judge->sweep->annotated) += content.sensitive;
		judge->sweep->sensitive += content.sensitive;
	}
	if (!content.whole)
		misplaced(judge, annotation, "no instruction of %u bytes here",
			  annotation->record.insn_len);
	else if (!ab_class_is_sensitive(annotation->record.class))
		(void)0; /* annotated by hand: any instruction will do */
	else if (parts_of(annotation->record.class))
		judge_fused(judge, annotation, &content);
	else
		judge_single(judge, annotation, &content);
	if (judge->sweep->misplaced == before)
		judge_pads(judge, annotation);
	if (judge->sweep->misplaced == before)
		judge_copied(judge, annotation);
}

/* `reach`: end of the last site before, in the same section. */
static void judge_record(struct judge *judge, const struct ab_annotation *annotation,
			 uint64_t reach)
{
	if (ab_is_marker(annotation) && annotation->fault == AB_FAULT_NONE) {
		judge->sweep->markers++;
		return;
	}
	judge->sweep->records++;
	judge->sweep->memory += annotation->record.class >> 8 == AB_GROUP_MEMORY;
	if (annotation->fault)
		misplaced(judge, annotation, "%s", ab_fault_text(annotation->fault));
	else if (!ab_elf_is_code(judge->elf, annotation->section))
		misplaced(judge, annotation, "site is not in an executable section");
	else if (annotation->offset < reach)
		misplaced(judge, annotation, "sites overlap");
	else
		judge_site(judge, annotation);
}

void ab_judge_records(struct ab_sweep *sweep, const struct ab_elf *elf, const struct ab_annotdb *db,
		      const struct ab_decoder *decoder, struct ab_rules *rules)
{
	struct judge judge = {sweep, elf, decoder, rules};
	const struct ab_annotation *before = NULL;
	uint64_t reach = 0;

	for (size_t i = 0; i < db->count; i++) {
		const struct ab_annotation *annotation = &db->list[i];

		if (!before || before->section != annotation->section)
			reach = 0;
		judge_record(&judge, annotation, reach);
		if (!annotation->fault && ab_site_end(annotation) > reach)
			reach = ab_site_end(annotation);
		before = annotation;
	}
}
