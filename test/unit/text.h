/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the unit tests: cmocka's includes, and rewriting a string to a string. */
#ifndef AFTERBURN_TEST_TEXT_H
#define AFTERBURN_TEST_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "asrewrite/edits.h"
#include "asrewrite/rewrite.h"
#include "asrewrite/rules.h"
#include "rules/annot.h"

static inline const struct ab_target *x86(void)
{
	return ab_target_by_name("x86", 3);
}

static inline struct ab_rules *rules_of(const char *text)
{
	struct ab_rules *rules = ab_rules_parse("test.rules", text, strlen(text), NULL, true);

	assert_non_null(rules);
	return rules;
}

/* The text after the edits; caller frees. */
static inline char *apply(const struct ab_edits *edits, const char *text)
{
	size_t len = strlen(text), pos = 0, n = 0;
	char *out = malloc(ab_edits_size(edits, len) + 1);

	assert_non_null(out);
	for (size_t i = 0; i < edits->count; i++) {
		memcpy(out + n, text + pos, edits->list[i].at - pos);
		n += edits->list[i].at - pos;
		pos = edits->list[i].at;
		memcpy(out + n, edits->pieces + edits->list[i].text, edits->list[i].len);
		n += edits->list[i].len;
	}
	strcpy(out + n, text + pos);
	return out;
}

/* Rewrite `text` (x86, 64-bit) with the rules; statistics to *stats if wanted. Caller frees. */
static inline char *rewritten(struct ab_rules *rules, const char *text, struct ab_stats *stats)
{
	struct ab_rewriter rewriter;
	struct ab_edits edits = {0};
	char *out;

	ab_rewriter_init(&rewriter, x86(), rules, AB_MODE_64);
	assert_int_equal(ab_rewrite(&rewriter, "t.s", text, strlen(text), &edits), 0);
	if (stats)
		*stats = rewriter.stats;
	out = apply(&edits, text);
	ab_edits_free(&edits);
	ab_rewriter_free(&rewriter);
	return out;
}

#endif
