/* SPDX-License-Identifier: BSD-2-Clause */
/* Filler: what stands in front of aligned code, and behind the first variant of an ALTERNATIVE. */
#include "test/padding/stepper.h"

#include <elf.h>
#include <string.h>

/* gcc aligns code to 8 or more; i386 kernels align assembler functions to 4 */
uint64_t filler_align(const struct code *code)
{
	return code->elf->machine == EM_386 ? 4 : 8;
}

bool is_filler(const struct stepper *st, const struct side *side)
{
	const uint8_t *bytes = side->code->data + side->at;

	return side->good && !side->insn.by_hand &&
	       (side->insn.zydis.mnemonic == ZYDIS_MNEMONIC_INT3 ||
		ab_is_pad(st->decoder, st->mode, bytes, side->insn.length));
}

#define RUN_MAX 4096 /* instructions; `.skip 4096, 0xcc` pages exist */

struct run {
	uint64_t start, end;
	uint8_t lengths[RUN_MAX];
	unsigned count;
};

static void read_run(struct stepper *st, struct side side, uint64_t limit, struct run *run)
{
	run->start = run->end = side.at;
	for (run->count = 0; run->count < RUN_MAX && run->end < limit; run->count++) {
		side.at = run->end;
		stepper_decode(st, &side);
		if (!is_filler(st, &side) || run->end + side.insn.length > limit)
			break;
		run->lengths[run->count] = side.insn.length;
		run->end += side.insn.length;
	}
}

/* A hook is a NOP written by hand: filler like any other, and the same on both sides. */
static bool is_hook(const struct ab_annotation *site)
{
	return site->record.class >> 8 == AB_GROUP_HOOK;
}

uint64_t next_site(const struct stepper *st)
{
	for (size_t i = st->site; i < st->nsites; i++)
		if (!ab_is_marker(&st->sites[i]) && !is_hook(&st->sites[i]) &&
		    st->sites[i].offset >= st->padded.at)
			return st->sites[i].offset;
	return st->padded.code->size;
}

/*
 * Cut equal instructions from the ends of both runs. The best cut is where
 * both ends are aligned, then where one is; of equally good ones the longest.
 * Returns true if both ends are aligned; in i386 code one will do, where gcc
 * gives up an alignment that would cost too much (.p2align 4,,7).
 */
static bool cut_tails(const struct stepper *st, struct run *plain, struct run *padded)
{
	uint64_t p = plain->end, q = padded->end, best_p = p, best_q = q;
	uint64_t align = filler_align(st->plain.code);
	unsigned i = plain->count, j = padded->count, best = 0;

	for (;;) {
		unsigned score = (p % align == 0) + (q % align == 0);

		if (score >= best) {
			best = score;
			best_p = p;
			best_q = q;
		}
		if (!i || !j || plain->lengths[i - 1] != padded->lengths[j - 1] ||
		    memcmp(st->plain.code->data + p - plain->lengths[i - 1],
			   st->padded.code->data + q - plain->lengths[i - 1],
			   plain->lengths[i - 1]) != 0)
			break;
		p -= plain->lengths[--i];
		q -= padded->lengths[--j];
	}
	plain->end = best_p;
	padded->end = best_q;
	return best >= (st->plain.code->elf->machine == EM_386 ? 1 : 2);
}

/* What is left of both runs, begins alike: a symbol may end in the middle (`ret; int3`). */
static uint64_t common_head(const struct stepper *st, const struct run *plain,
			    const struct run *padded)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < plain->count && i < padded->count; i++) {
		uint64_t next = len + plain->lengths[i];

		if (plain->lengths[i] != padded->lengths[i] || plain->start + next > plain->end ||
		    padded->start + next > padded->end ||
		    memcmp(st->plain.code->data + plain->start + len,
			   st->padded.code->data + padded->start + len, next - len) != 0)
			break;
		len = next;
	}
	return len;
}

static bool same_run(struct stepper *st, const struct run *plain, const struct run *padded)
{
	uint64_t len = plain->end - plain->start;

	if (!len || padded->end - padded->start != len ||
	    memcmp(st->plain.code->data + plain->start, st->padded.code->data + padded->start,
		   len) != 0)
		return false;
	st->map->instructions += plain->count;
	stepper_add_span(st, len, len, true, false);
	return true;
}

/* Filler ends where a site begins, and inside of a site (raw bytes with a NOP) at its pad. */
static uint64_t run_limit(const struct stepper *st)
{
	const struct ab_annotation *site = st->site < st->nsites ? &st->sites[st->site] : NULL;

	if (site && !ab_is_marker(site) && site->offset < st->padded.at &&
	    st->padded.at < ab_insn_end(site))
		return ab_insn_end(site);
	return next_site(st);
}

static void add_filler(struct stepper *st, const struct run *plain, const struct run *padded)
{
	struct padmap *map = st->map;

	map->fillers = stepper_grow(map->fillers, map->nfillers, sizeof(*map->fillers));
	map->fillers[map->nfillers++] = (struct span){
		plain->start, padded->start, plain->end - plain->start, padded->end - padded->start,
		false,	      false};
}

/* Does the filler directly follow an instruction whose pad is its own prefixes? */
static bool behind_prefixed(const struct stepper *st)
{
	for (size_t i = st->site > 0 ? st->site - 1 : 0; i < st->nsites && i <= st->site; i++)
		if ((st->sites[i].record.flags & AB_F_PREFIX) &&
		    ab_insn_end(&st->sites[i]) == st->padded.at)
			return true;
	return false;
}

/*
 * Filler on both sides, or filler on one that the other does not have. Never
 * one instruction at a time: `.align 64, 0xcc; .skip 27, 0xcc` is one run, and
 * its variable part is not its tail.
 */
bool pass_filler(struct stepper *st)
{
	static struct run plain, padded;
	const struct span *last = st->map->nspans ? &st->map->spans[st->map->nspans - 1] : NULL;
	bool at_pad = (last && last->pad) || behind_prefixed(st);
	uint64_t limit = run_limit(st), head;

	read_run(st, st->plain, st->plain.code->size, &plain);
	read_run(st, st->padded, limit, &padded);
	if (same_run(st, &plain, &padded))
		return true;
	if (!plain.count && !padded.count)
		return stepper_differ(st, "instructions differ");
	if (!cut_tails(st, &plain, &padded) && !at_pad)
		return stepper_differ(st, "filler differs, and no alignment or pad explains it");
	if (plain.end == plain.start && padded.end == padded.start)
		return stepper_differ(st, "instructions differ");
	add_filler(st, &plain, &padded);
	head = common_head(st, &plain, &padded);
	stepper_add_span(st, head, head, true, false);
	stepper_add_span(st, plain.end - st->plain.at, padded.end - st->padded.at, false, false);
	return true;
}
