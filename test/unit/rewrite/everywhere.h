/* SPDX-License-Identifier: BSD-2-Clause */
/* One test body for many flags and many places of a site. */
#ifndef TEST_REWRITE_EVERYWHERE_H
#define TEST_REWRITE_EVERYWHERE_H

#include "samples.h"

static const mword flag_sets[] = {
	0, FLAGS_ALL, FLAG_CF, FLAG_PF | FLAG_ZF, FLAG_SF | FLAG_OF, FLAG_AF | FLAG_DF, FLAG_ID,
};
#define FLAG_SETS (sizeof(flag_sets) / sizeof(flag_sets[0]))

/* In the middle of a page, across two, the last in one. */
static const mword places[] = {
	CODE_AT + 0x100,	 CODE_AT + PAGE_SIZE - 1, CODE_AT + PAGE_SIZE - 4,
	CODE_AT + PAGE_SIZE - 7, CODE_AT + PAGE_SIZE - 8,
};
#define PLACES (sizeof(places) / sizeof(places[0]))

/* Runs `body` for all places and flags, the site rewritten and registers set. */
static void run_everywhere(const struct sample *sample, void (*body)(mword next), bool kept)
{
	for (unsigned place = 0; place < PLACES; place++) {
		for (unsigned i = 0; i < FLAG_SETS; i++) {
			machine_reset(NULL);
			keeps_bases = kept;
			mword next = machine_place(places[place], sample);
			machine_registers(places[place], flag_sets[i]);
			body(next);
		}
	}
}

static inline void everywhere(const struct sample *sample, void (*body)(mword next))
{
	run_everywhere(sample, body, false);
}

/* With a back-end that keeps the segment bases. */
static inline void everywhere_kept(const struct sample *sample, void (*body)(mword next))
{
	run_everywhere(sample, body, true);
}

static void assert_stack_unchanged(const mword *from, const mword *to)
{
	for (const mword *word = from; word < to; word++)
		assert_int_equal(*word, UINT64_C(0x5555000000000000) + (mword)(word - guest_stack));
}

#endif
