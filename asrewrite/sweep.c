/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/sweep.h"

#include "asrewrite/judge.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[AB_FOUND_KINDS] = {
	[AB_FOUND_UNANNOTATED] = "unannotated",
	[AB_FOUND_MISPLACED] = "misplaced",
	[AB_FOUND_EXCEPTED] = "excepted",
	[AB_FOUND_UNDECODABLE] = "undecodable",
};

const char *ab_finding_name(enum ab_finding_kind kind)
{
	return kind_names[kind];
}

/* The state of one section's sweep; `db` positions only move forward. */
struct walk {
	struct ab_sweep *sweep;
	const struct ab_elf *elf;
	const struct ab_annotdb *db;
	const struct ab_decoder *decoder;
	struct ab_rules *rules;
	uint32_t section;
	const uint8_t *data;
	uint64_t size;
	size_t first, end; /* this section's records */
	size_t record;	   /* first record whose site may still matter */
	size_t marker;	   /* next mode marker to pass, or a record */
	uint8_t mode;
	uint64_t *starts; /* where decoding starts afresh, sorted */
	size_t nstarts, start;
	uint32_t symbol, last_symbol; /* in by_address */
	uint64_t function;	      /* offset of the last function passed */
	uint64_t data_until;	      /* end of the objects passed */
};

struct ab_finding *ab_sweep_add(struct ab_sweep *sweep, enum ab_finding_kind kind, uint32_t section,
				uint64_t offset, uint64_t length)
{
	struct ab_finding *finding;

	/* doubles at powers of two */
	if ((sweep->nfindings & (sweep->nfindings - 1)) == 0) {
		size_t room = sweep->nfindings ? sweep->nfindings * 2 : 1;

		sweep->findings = realloc(sweep->findings, room * sizeof(*sweep->findings));
		if (!sweep->findings)
			abort();
	}
	finding = &sweep->findings[sweep->nfindings++];
	*finding = (struct ab_finding){
		.kind = kind, .section = section, .offset = offset, .length = length};
	return finding;
}

static int by_value(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static void collect_starts(struct walk *walk)
{
	size_t symbols = walk->last_symbol - walk->symbol, records = walk->end - walk->first;

	walk->starts = malloc((2 * symbols + 3 * records + 1) * sizeof(*walk->starts));
	if (!walk->starts)
		abort();
	for (uint32_t i = walk->symbol; i < walk->last_symbol; i++) {
		const struct ab_elf_symbol *symbol = &walk->elf->symbols[walk->elf->by_address[i]];

		walk->starts[walk->nstarts++] = symbol->offset;
		if (symbol->type == STT_OBJECT && symbol->size)
			walk->starts[walk->nstarts++] = symbol->offset + symbol->size;
	}
	for (size_t i = walk->first; i < walk->end; i++) {
		const struct ab_annotation *annotation = &walk->db->list[i];

		walk->starts[walk->nstarts++] = annotation->offset;
		walk->starts[walk->nstarts++] = ab_insn_start(annotation);
		walk->starts[walk->nstarts++] = ab_site_end(annotation);
	}
	qsort(walk->starts, walk->nstarts, sizeof(*walk->starts), by_value);
}

/* The next fresh start behind `at`. */
static uint64_t next_start(struct walk *walk, uint64_t at)
{
	while (walk->start < walk->nstarts && walk->starts[walk->start] <= at)
		walk->start++;
	if (walk->start < walk->nstarts && walk->starts[walk->start] < walk->size)
		return walk->starts[walk->start];
	return walk->size;
}

static void pass_markers(struct walk *walk, uint64_t at)
{
	for (; walk->marker < walk->end && walk->db->list[walk->marker].offset <= at;
	     walk->marker++) {
		const struct ab_annotation *annotation = &walk->db->list[walk->marker];

		if (ab_is_marker(annotation) && !annotation->fault)
			walk->mode = ab_mode_of(annotation);
	}
}

/* The record whose instruction bytes hold offset `at`, or NULL. */
static const struct ab_annotation *covering(struct walk *walk, uint64_t at)
{
	while (walk->record < walk->end && (ab_is_marker(&walk->db->list[walk->record]) ||
					    ab_site_end(&walk->db->list[walk->record]) <= at))
		walk->record++;
	for (size_t i = walk->record; i < walk->end && walk->db->list[i].offset <= at; i++) {
		const struct ab_annotation *annotation = &walk->db->list[i];

		if (!ab_is_marker(annotation) && !annotation->fault &&
		    at >= ab_insn_start(annotation) && at < ab_insn_end(annotation))
			return annotation;
	}
	return NULL;
}

/*
 * End of the data that symbols of type OBJECT claim at `at`, or `at`. A
 * function inside of an object ends it: rather read data than miss code.
 */
static uint64_t data_end(struct walk *walk, uint64_t at)
{
	for (; walk->symbol < walk->last_symbol; walk->symbol++) {
		const struct ab_elf_symbol *symbol =
			&walk->elf->symbols[walk->elf->by_address[walk->symbol]];
		uint64_t left = walk->size - symbol->offset;

		if (symbol->offset > at)
			break;
		if (symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC) {
			walk->function = symbol->offset;
			walk->data_until = 0;
		} else if (symbol->type == STT_OBJECT && symbol->offset != walk->function) {
			uint64_t end = symbol->offset + (symbol->size < left ? symbol->size : left);
			if (end > walk->data_until)
				walk->data_until = end;
		}
	}
	return walk->data_until > at ? walk->data_until : at;
}

static void unannotated(struct walk *walk, uint64_t at, const struct ab_insn *insn)
{
	const struct ab_directive *except =
		ab_judge_place(walk->elf, walk->rules, AB_EXCEPT, walk->section, at);
	struct ab_finding *finding =
		ab_sweep_add(walk->sweep, except ? AB_FOUND_EXCEPTED : AB_FOUND_UNANNOTATED,
			     walk->section, at, insn->length);

	walk->sweep->sensitive++;
	*(except ? &walk->sweep->excepted : &walk->sweep->unannotated) += 1;
	finding->mode = walk->mode;
	finding->class = insn->class;
	finding->rule = except ? except->reason : NULL;
	snprintf(finding->reason, sizeof(finding->reason), "%s of class %s",
		 except ? "excepted by rule:" : "no record for an instruction",
		 ab_class_name(insn->class));
}

static void undecodable(struct walk *walk, uint64_t at, uint64_t end)
{
	struct ab_finding *finding =
		ab_sweep_add(walk->sweep, AB_FOUND_UNDECODABLE, walk->section, at, end - at);

	finding->mode = walk->mode;
	snprintf(finding->reason, sizeof(finding->reason), "no instruction: %llu bytes passed over",
		 (unsigned long long)(end - at));
	walk->sweep->undecodable_bytes += end - at;
}

/* Do prefixes begin here that a record says belong to its instruction? They are judged with it. */
static bool at_prefixes(struct walk *walk, uint64_t at)
{
	(void)covering(walk, at); /* passes records that are done */
	for (size_t i = walk->record; i < walk->end && walk->db->list[i].offset <= at; i++) {
		const struct ab_annotation *annotation = &walk->db->list[i];

		if (annotation->offset == at && !annotation->fault && annotation->record.insn_off &&
		    (annotation->record.flags & AB_F_PREFIX))
			return true;
	}
	return false;
}

/* Read what is at `at`; returns where to go on. */
static uint64_t step(struct walk *walk, uint64_t at)
{
	uint64_t next = next_start(walk, at), end = data_end(walk, at);
	const struct ab_annotation *annotation;
	struct ab_insn insn;

	pass_markers(walk, at);
	if (at_prefixes(walk, at))
		return next;
	annotation = covering(walk, at);
	if (annotation && at == ab_insn_start(annotation)) /* judged with its record */
		return ab_insn_end(annotation) < next ? ab_insn_end(annotation) : next;
	if (end > at) {
		/* a record inside of data is looked at all the same */
		end = end < next ? end : next;
		walk->sweep->data_bytes += end - at;
		return end;
	}
	if (!ab_decode(walk->decoder, walk->mode, walk->data + at, walk->size - at, &insn)) {
		undecodable(walk, at, next);
		return next;
	}
	if (insn.class && !annotation)
		unannotated(walk, at, &insn);
	return at + insn.length < next ? at + insn.length : next;
}

static void sweep_section(struct walk *walk)
{
	uint64_t at = 0;

	walk->data = walk->elf->sections[walk->section].data;
	walk->size = walk->elf->sections[walk->section].size;
	walk->mode = walk->elf->mode;
	walk->symbol = ab_elf_first_symbol(walk->elf, walk->section, 0);
	walk->last_symbol = ab_elf_first_symbol(walk->elf, walk->section + 1, 0);
	walk->nstarts = walk->start = 0;
	walk->function = UINT64_MAX;
	walk->data_until = 0;
	walk->record = walk->marker = walk->first;
	collect_starts(walk);
	while (at < walk->size)
		at = step(walk, at);
	free(walk->starts);
	walk->sweep->code_bytes += walk->size;
}

static size_t first_record(const struct ab_annotdb *db, uint32_t section)
{
	size_t low = 0, high = db->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (db->list[middle].section < section)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int in_order(const void *left, const void *right)
{
	const struct ab_finding *a = left, *b = right;

	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (int)a->kind - (int)b->kind;
}

void ab_sweep(struct ab_sweep *sweep, const struct ab_elf *elf, const struct ab_annotdb *db,
	      const struct ab_decoder *decoder, struct ab_rules *rules)
{
	struct walk walk = {
		.sweep = sweep, .elf = elf, .db = db, .decoder = decoder, .rules = rules};

	memset(sweep, 0, sizeof(*sweep));
	ab_judge_records(sweep, elf, db, decoder, rules);
	for (uint32_t i = 1; i < elf->nsections; i++) {
		if (!ab_elf_is_code(elf, i))
			continue;
		walk.section = i;
		walk.first = first_record(db, i);
		walk.end = first_record(db, i + 1);
		sweep_section(&walk);
	}
	if (sweep->nfindings > 1)
		qsort(sweep->findings, sweep->nfindings, sizeof(*sweep->findings), in_order);
}

void ab_sweep_free(struct ab_sweep *sweep)
{
	free(sweep->findings);
	memset(sweep, 0, sizeof(*sweep));
}
