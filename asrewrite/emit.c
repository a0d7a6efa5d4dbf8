/* SPDX-License-Identifier: BSD-2-Clause */
/*@032 Padding: room for the in-place VMM, invisible to everyone else
 *
 * The best pad is no instruction: redundant prefixes in front of the sensitive
 * one, which ignores them when it has no memory operand. It then has room for
 * a call, retires as one, and keeps its interrupt shadow and its address in
 * the exception table. gas does the same to branches under -malign-branch.
 * Elsewhere the pad is a NOP, which costs one retired instruction: over a
 * boot and sixteen benchmarks 0.39 % with NOPs only, 0.02 % with prefixes.
 *
 * All insertions stay on the instruction's own line, so line numbers in
 * messages and debug information do not move. Pads are written as bytes, not
 * as gas's .nops: bytes stay in one fragment, so that label differences in the
 * kernel's own expressions remain constants while they are read.
 */
#include "asrewrite/emit.h"

#include "rules/annot.h"
#include "rules/nops.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/*
 * 64-bit: the NOPs recommended in the Intel SDM (volume 2, NOP). 32-bit
 * kernels also run where 0F 1F is undefined (before the Pentium Pro), so
 * there a `lea` that changes nothing is used; 16-bit alike.
 */
#define NOP_MAX 9
static const struct {
	uint8_t longest;
	uint8_t bytes[NOP_MAX + 1][NOP_MAX];
} nops[] = {
	[AB_MODE_16] = {4,
			{{0},
			 {0x90},		     /* nop */
			 {0x89, 0xf6},		     /* mov %si, %si */
			 {0x8d, 0x74, 0x00},	     /* lea 0(%si), %si */
			 {0x8d, 0xb4, 0x00, 0x00}}}, /* lea 0w(%si), %si */
	[AB_MODE_32] = {9,
			{{0},
			 {0x90},				       /* nop */
			 {0x66, 0x90},				       /* xchg %ax, %ax */
			 {0x8d, 0x76, 0x00},			       /* lea 0(%esi), %esi */
			 {0x8d, 0x74, 0x26, 0x00},		       /* lea 0(%esi,%eiz), %esi */
			 {0x3e, 0x8d, 0x74, 0x26, 0x00},	       /* %ds: the same */
			 {0x8d, 0xb6, 0, 0, 0, 0},		       /* lea 0l(%esi), %esi */
			 {0x8d, 0xb4, 0x26, 0, 0, 0, 0},	       /* lea 0l(%esi,%eiz) */
			 {0x3e, 0x8d, 0xb4, 0x26, 0, 0, 0, 0},	       /* %ds: the same */
			 {0x3e, 0x3e, 0x8d, 0xb4, 0x26, 0, 0, 0, 0}}}, /* %ds: %ds: the same */
	[AB_MODE_64] = {AB_NOP_LONGEST, {{0}, AB_NOPS_64}},
};

unsigned ab_x86_nops(uint8_t *out, unsigned len, uint8_t mode)
{
	unsigned count = 0;

	while (len) {
		unsigned n = len < nops[mode].longest ? len : nops[mode].longest;
		memcpy(out, nops[mode].bytes[n], n);
		out += n;
		len -= n;
		count++;
	}
	return count;
}

/* ".byte 0x0f,0x1f,0x00" or "nop;nop"; empty for no pad. */
static void pad_text(char *out, size_t room, const struct ab_target *target, unsigned len,
		     uint8_t mode)
{
	uint8_t bytes[64];
	size_t n = 0;

	*out = '\0';
	if (target->nop) {
		for (unsigned i = 0; i < len / target->nop_len; i++)
			n += (size_t)snprintf(out + n, room - n, "%s%s", i ? ";" : "", target->nop);
		return;
	}
	ab_x86_nops(bytes, len, mode);
	for (unsigned i = 0; i < len; i++)
		n += (size_t)snprintf(out + n, room - n, i ? ",%u" : ".byte %u", bytes[i]);
}

static void prefix_text(char *out, unsigned len)
{
	out += sprintf(out, ".byte %u", AB_PREFIX);
	for (unsigned i = 1; i < len; i++)
		out += sprintf(out, ",%u", AB_PREFIX);
}

static char separator(const struct ab_target *target)
{
	return target->separator[0];
}

static void record(struct ab_edits *edits, const struct ab_target *target, size_t at,
		   const struct ab_site *site)
{
	char s = separator(target);
	unsigned before = site->before ? site->pad : 0;
	unsigned after = site->before ? 0 : site->pad;

	ab_edits_insert(edits, at,
			"%c.pushsection " AB_SECTION ",\"a?\",%cprogbits%c.4byte " AB_LABEL_START
			"b-.%c.2byte %u%c.byte " AB_LABEL_END "b-" AB_LABEL_START
			"b+%u,%u," AB_LABEL_END "b-" AB_LABEL_START
			"b-%u,%u%c.2byte %u%c.popsection",
			s, target->section_type, s, s, site->class, s, after, before, before,
			site->mode | AB_VERSION << AB_VERSION_SHIFT, s, site->flags, s);
}

static void condition_open(struct ab_edits *edits, const struct ab_target *target, size_t at,
			   const struct ab_site *site)
{
	ab_edits_insert(edits, at, "%c.ifeqs \"%.*s\",\"%.*s\"", separator(target),
			(int)site->condition_len, site->condition, (int)site->word_len, site->word);
}

void ab_emit_start(struct ab_edits *edits, const struct ab_target *target,
		   const struct ab_site *site)
{
	char pad[512];

	ab_edits_append(edits, site->start, AB_LABEL_START ":", sizeof(AB_LABEL_START));
	if (!site->before || !site->pad)
		return;
	if (site->flags & AB_F_PREFIX)
		prefix_text(pad, site->pad);
	else
		pad_text(pad, sizeof(pad), target, site->pad, site->mode);
	ab_edits_insert(edits, site->start, "%s%c", pad, separator(target));
}

void ab_emit_end(struct ab_edits *edits, const struct ab_target *target, const struct ab_site *site)
{
	char pad[512] = "";

	if (site->condition)
		condition_open(edits, target, site->end, site);
	else
		ab_edits_insert(edits, site->end, "%c" AB_LABEL_END ":", separator(target));
	if (!site->before && site->pad) {
		pad_text(pad, sizeof(pad), target, site->pad, site->mode);
		if (site->condition)
			ab_edits_append(edits, site->end, target->separator, 1);
		ab_edits_append(edits, site->end, pad, strlen(pad));
	}
	record(edits, target, site->end, site);
	if (site->condition)
		ab_edits_insert(edits, site->end, "%c.endif", separator(target));
}

void ab_emit_labels(struct ab_edits *edits, const struct ab_target *target, size_t start,
		    size_t end)
{
	ab_edits_append(edits, start, AB_LABEL_START ":", sizeof(AB_LABEL_START));
	ab_edits_insert(edits, end, "%c" AB_LABEL_END ":", separator(target));
}

size_t ab_quote(char *out, const char *name)
{
	char *p = out;

	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			*p++ = '\\';
		*p++ = *name;
	}
	*p = '\0';
	return (size_t)(p - out);
}

void ab_emit_line(struct ab_edits *edits, const struct ab_target *target, size_t at, unsigned line,
		  const char *name)
{
	char quoted[2 * PATH_MAX + 1];

	if (strlen(name) > PATH_MAX)
		return;
	ab_quote(quoted, name);
	ab_edits_insert(edits, at, "%c.linefile %u \"", separator(target), line + 1);
	ab_edits_append(edits, at, quoted, strlen(quoted));
	ab_edits_append(edits, at, "\"", 1);
	for (int i = 0; i < 3; i++)
		ab_edits_optional(edits);
}

void ab_emit_mode(struct ab_edits *edits, const struct ab_target *target, size_t at, uint8_t mode,
		  bool leading)
{
	char s = separator(target);

	ab_edits_insert(edits, at,
			"%.*s" AB_LABEL_START ":%c.pushsection " AB_SECTION
			",\"a?\",%cprogbits%c.4byte " AB_LABEL_START
			"b-.%c.2byte %u%c.byte 0,0,0,%u%c.2byte 0%c.popsection%.*s",
			leading ? 0 : 1, &s, s, target->section_type, s, s, AB_CLASS_MODE, s,
			mode | AB_VERSION << AB_VERSION_SHIFT, s, s, leading ? 1 : 0, &s);
}
