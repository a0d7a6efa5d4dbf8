/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may differ between plain and padded code, besides the pads:
 *
 * - A branch over a pad may need a longer displacement (rel8, rel32).
 * - Alignment: the filler in front of an aligned label changes its length. The
 *   filler has no end of its own: an instruction that looks like filler (a
 *   static key's 5-byte nop, a patchable function entry) may follow. So whole
 *   runs are read, the common instructions at their ends are taken as equal,
 *   and what is left in between must end at an aligned address.
 * - The nops behind the first variant of an ALTERNATIVE, which make room for
 *   the longer one, become fewer when a pad made room already.
 */
#include "test/padding/stepper.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

const struct ab_elf_reloc *reloc_in(const struct code *code, uint64_t offset, uint64_t len)
{
	size_t low = 0, high = code->nrelocs;

	while (low < high) { /* first relocation that ends behind `offset` */
		size_t middle = low + (high - low) / 2;
		const struct ab_elf_reloc *reloc = &code->relocs[middle];

		if (reloc->offset + ab_elf_reloc_width(code->elf, reloc->type) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < code->nrelocs && code->relocs[low].offset < offset + len ? &code->relocs[low]
									      : NULL;
}

bool holds_addend(const struct code *code, uint64_t offset)
{
	return code->elf->machine == EM_386 && reloc_in(code, offset, 1);
}

void *stepper_grow(void *list, size_t count, size_t size)
{
	if (count & (count - 1)) /* doubles at powers of two */
		return list;
	list = realloc(list, (count ? count * 2 : 1) * size);
	if (!list)
		abort();
	return list;
}

void stepper_add_span(struct stepper *st, uint64_t plain_len, uint64_t padded_len, bool linear,
		      bool pad)
{
	struct padmap *map = st->map;
	struct span *last = map->nspans ? &map->spans[map->nspans - 1] : NULL;

	if (linear && last && last->linear) {
		last->plain_len += plain_len;
		last->padded_len += padded_len;
	} else {
		map->spans = stepper_grow(map->spans, map->nspans, sizeof(*map->spans));
		map->spans[map->nspans++] = (struct span){st->plain.at, st->padded.at, plain_len,
							  padded_len,	linear,	       pad};
	}
	st->plain.at += plain_len;
	st->padded.at += padded_len;
}

bool stepper_differ(struct stepper *st, const char *what)
{
	*st->difference = (struct difference){st->plain.at, st->padded.at, what};
	return false;
}

void stepper_decode(struct stepper *st, struct side *side)
{
	side->good = side->at < side->code->size &&
		     ab_decode(st->decoder, st->mode, side->code->data + side->at,
			       side->code->size - side->at, &side->insn);
}

/* ---- pads ---- */

/* `front`: the site whose instruction follows, or NULL. */
static bool remove_pad(struct stepper *st, uint64_t end, const struct ab_annotation *front)
{
	uint64_t len = end - st->padded.at;
	const uint8_t *bytes = st->padded.code->data + st->padded.at;

	if (!len)
		return true;
	if (end > st->padded.code->size ||
	    !(front ? ab_is_front_pad(st->decoder, st->mode, bytes, &front->record)
		    : ab_is_pad(st->decoder, st->mode, bytes, len)))
		return stepper_differ(st, "pad is made neither of NOPs nor of prefixes");
	st->map->pads += len;
	stepper_add_span(st, 0, len, false, true);
	return true;
}

/* Pads that begin here; passes sites that are done, and mode markers. */
static bool remove_pads(struct stepper *st)
{
	for (; st->site < st->nsites; st->site++) {
		const struct ab_annotation *site = &st->sites[st->site];

		if (site->offset > st->padded.at)
			return true;
		if (ab_is_marker(site)) {
			st->mode = ab_mode_of(site);
			continue;
		}
		if (st->padded.at == site->offset && site->record.insn_off)
			return remove_pad(st, ab_insn_start(site), site);
		if (st->padded.at < ab_insn_end(site))
			return true;
		if (st->padded.at == ab_insn_end(site) && !remove_pad(st, ab_site_end(site), NULL))
			return false;
	}
	return true;
}

/* ---- instructions ---- */

static bool is_relative(const struct side *side)
{
	return !side->insn.by_hand && (side->insn.zydis.attributes & ZYDIS_ATTRIB_IS_RELATIVE);
}

/* Bytes of the displacement of a relative operand: a branch's immediate, or of memory at %rip. */
static uint64_t field_of(const struct side *side, uint64_t *width)
{
	const ZydisDecodedInstruction *insn = &side->insn.zydis;

	if (insn->raw.imm[0].is_relative) {
		*width = insn->raw.imm[0].size / 8;
		return side->at + insn->raw.imm[0].offset;
	}
	*width = insn->raw.disp.size / 8;
	return side->at + insn->raw.disp.offset;
}

static uint64_t target_of(const struct side *side, const struct stepper *st)
{
	const ZydisDecodedInstruction *insn = &side->insn.zydis;
	int64_t distance =
		insn->raw.imm[0].is_relative ? insn->raw.imm[0].value.s : insn->raw.disp.value;
	uint64_t target = side->at + insn->length + (uint64_t)distance;

	return st->mode == AB_MODE_64 ? target : (uint32_t)target;
}

static bool in_field(uint64_t offset, uint64_t field, uint64_t width)
{
	return offset >= field && offset < field + width;
}

/* Equal but for the displacement [field, field + width) and what relocations fill in. */
static bool same_bytes(const struct stepper *st, uint64_t len, uint64_t field, uint64_t width)
{
	const struct code *p = st->plain.code, *q = st->padded.code;

	for (uint64_t i = 0; i < len; i++)
		if (p->data[st->plain.at + i] != q->data[st->padded.at + i] &&
		    !in_field(st->plain.at + i, field, width) &&
		    !(holds_addend(p, st->plain.at + i) && holds_addend(q, st->padded.at + i)))
			return false;
	return true;
}

static void add_target(struct stepper *st)
{
	struct padmap *map = st->map;

	map->targets = stepper_grow(map->targets, map->ntargets, sizeof(*map->targets));
	map->targets[map->ntargets++] = (struct target){
		st->plain.at, st->padded.at, target_of(&st->plain, st), target_of(&st->padded, st)};
}

/* A relative operand whose distance the assembler knew. */
static bool same_relative(struct stepper *st)
{
	const ZydisDecodedInstruction *p = &st->plain.insn.zydis, *q = &st->padded.insn.zydis;
	uint64_t width, field = field_of(&st->plain, &width);
	uint64_t padded_width, padded_field = field_of(&st->padded, &padded_width);

	if (reloc_in(st->plain.code, field, width))
		return p->length == q->length && same_bytes(st, p->length, 0, 0);
	if (p->mnemonic != q->mnemonic || p->raw.prefix_count != q->raw.prefix_count ||
	    reloc_in(st->padded.code, padded_field, padded_width))
		return false;
	if (p->length == q->length && !same_bytes(st, p->length, field, width))
		return false;
	add_target(st);
	return true;
}

static bool same_instruction(struct stepper *st)
{
	if (!st->plain.good || !st->padded.good)
		return false;
	if (is_relative(&st->plain) && is_relative(&st->padded))
		return same_relative(st);
	return st->plain.insn.length == st->padded.insn.length &&
	       same_bytes(st, st->plain.insn.length, 0, 0);
}

/* `.balign 16, 0` at a section's end */
static bool only_zeros(const struct side *side)
{
	for (uint64_t i = side->at; i < side->code->size; i++)
		if (side->code->data[i])
			return false;
	return true;
}

static bool pass_zeros(struct stepper *st)
{
	uint64_t plain = st->plain.code->size, padded = st->padded.code->size;
	uint64_t align = filler_align(st->plain.code);

	if (!only_zeros(&st->plain) || !only_zeros(&st->padded) ||
	    (plain % align && padded % align))
		return false;
	stepper_add_span(st, plain - st->plain.at, padded - st->padded.at, false, false);
	return true;
}

/* Filler that disappeared in front of a pad stands before it, not behind it. */
static bool filler_before_pad(struct stepper *st)
{
	const struct ab_annotation *site = st->site < st->nsites ? &st->sites[st->site] : NULL;

	if (!site || site->offset != st->padded.at || !site->record.insn_off)
		return false;
	stepper_decode(st, &st->plain);
	return is_filler(st, &st->plain);
}

static bool step(struct stepper *st)
{
	bool into_site;

	if (filler_before_pad(st))
		return pass_filler(st);
	if (!remove_pads(st))
		return false;
	if (st->plain.at == st->plain.code->size && st->padded.at == st->padded.code->size)
		return true;
	stepper_decode(st, &st->plain);
	stepper_decode(st, &st->padded);
	into_site = st->padded.good && st->padded.at + st->padded.insn.length > next_site(st) &&
		    st->padded.at < next_site(st);
	if (is_filler(st, &st->plain) && is_filler(st, &st->padded))
		return pass_filler(st);
	if (same_instruction(st)) {
		uint64_t p = st->plain.insn.length, q = st->padded.insn.length;

		st->map->instructions++;
		stepper_add_span(st, p, q, p == q, false);
		return true;
	}
	if (is_filler(st, &st->plain) || is_filler(st, &st->padded))
		return pass_filler(st);
	/* data in code: byte by byte, while nothing decodes or what does would reach into a site */
	if ((into_site || (!st->plain.good && !st->padded.good)) &&
	    st->plain.at < st->plain.code->size && st->padded.at < st->padded.code->size &&
	    same_bytes(st, 1, 0, 0)) {
		stepper_add_span(st, 1, 1, true, false);
		return true;
	}
	return pass_zeros(st) || stepper_differ(st, "instructions differ");
}

bool padmap_make(struct padmap *map, const struct ab_decoder *decoder, const struct code *plain,
		 const struct code *padded, const struct ab_annotation *sites, size_t nsites,
		 struct difference *difference)
{
	struct stepper st = {.map = map,
			     .decoder = decoder,
			     .plain = {.code = plain},
			     .padded = {.code = padded},
			     .sites = sites,
			     .nsites = nsites,
			     .mode = padded->elf->mode,
			     .difference = difference};

	memset(map, 0, sizeof(*map));
	map->filler_align = filler_align(plain);
	while (st.plain.at < plain->size || st.padded.at < padded->size)
		if (!step(&st))
			return false;
	for (size_t i = 0; i < map->ntargets; i++) {
		const struct target *target = &map->targets[i];

		/* a target outside of the section was no branch within it: data that looks like one
		 */
		if (target->padded > padded->size && target->plain > plain->size)
			continue;
		if (!padmap_same(map, target->plain, target->padded)) {
			*difference = (struct difference){target->plain_at, target->padded_at,
							  "branch leads elsewhere"};
			return false;
		}
	}
	return true;
}

void padmap_free(struct padmap *map)
{
	free(map->spans);
	free(map->fillers);
	free(map->targets);
	memset(map, 0, sizeof(*map));
}

static bool span_joins(const struct span *span, uint64_t plain, uint64_t padded)
{
	if (padded == span->padded && plain == span->plain)
		return true;
	if (padded == span->padded + span->padded_len && plain == span->plain + span->plain_len)
		return true;
	return span->linear && padded - span->padded == plain - span->plain;
}

/*
 * `.p2align 3; label: .p2align 4`: filler may stand behind a label on one side
 * and not on the other. If it does, alignment must be what ends it.
 */
static bool in_filler(uint64_t at, uint64_t start, uint64_t len, uint64_t align)
{
	return at - start <= len && (at == start + len || (start + len) % align == 0);
}

/* Where filler disappeared, one padded address stands for two plain ones: look at all its spans. */
bool padmap_same(const struct padmap *map, uint64_t plain, uint64_t padded)
{
	size_t low = 0, high = map->nspans;

	while (low < high) { /* first span that ends at or behind `padded` */
		size_t middle = low + (high - low) / 2;

		if (map->spans[middle].padded + map->spans[middle].padded_len < padded)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < map->nspans && map->spans[low].padded <= padded; low++)
		if (span_joins(&map->spans[low], plain, padded))
			return true;
	for (size_t i = 0; i < map->nfillers; i++)
		if (in_filler(plain, map->fillers[i].plain, map->fillers[i].plain_len,
			      map->filler_align) &&
		    in_filler(padded, map->fillers[i].padded, map->fillers[i].padded_len,
			      map->filler_align))
			return true;
	return plain == 0 && padded == 0;
}
