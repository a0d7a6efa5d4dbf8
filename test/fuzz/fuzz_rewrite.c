/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lexer and rewriter on hostile text. The first byte chooses target and mode.
 * Properties: insertions are in order and inside the text; taking them out
 * gives the input back, byte for byte; a site keeps its own line; the same
 * text gives the same result twice.
 */
#include "asrewrite/edits.h"
#include "asrewrite/rewrite.h"
#include "rules/annot.h"

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

static struct ab_rules *shipped_rules(void)
{
	static struct ab_rules *rules;

	if (!rules)
		rules = ab_rules_load(AB_SOURCE_DIR "/rules/x86.rules", NULL, true);
	CHECK(rules);
	return rules;
}

static void run(const struct ab_target *target, struct ab_rules *rules, uint8_t mode,
		const char *text, size_t len, struct ab_edits *edits)
{
	struct ab_rewriter rewriter;

	ab_rewriter_init(&rewriter, target, rules, mode);
	CHECK(ab_rewrite(&rewriter, "fuzz.s", text, len, edits) == 0);
	ab_rewriter_free(&rewriter);
}

static void check_edits(const struct ab_edits *edits, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < edits->count; i++) {
		const struct ab_edit *edit = &edits->list[i];
		CHECK(edit->at <= len);
		CHECK(i == 0 || edits->list[i - 1].at <= edit->at);
		CHECK(edit->text == used);
		used += edit->len;
	}
	CHECK(used == edits->used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ab_edits once = {0}, twice = {0};
	const struct ab_target *target;
	struct ab_rules *rules = NULL;
	uint8_t mode;
	char *text;

	if (size < 1)
		return 0;
	target = ab_target_at(data[0] % ab_target_count());
	mode = target->nop || !target->nop_len ? AB_MODE_OTHER : (data[0] >> 4) % 3;
	if (mode != AB_MODE_OTHER && !(data[0] & 0x80))
		rules = shipped_rules();
	text = malloc(size);
	CHECK(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	run(target, rules, mode, text, size - 1, &once);
	run(target, rules, mode, text, size - 1, &twice);
	check_edits(&once, size - 1);
	CHECK(once.used == twice.used && once.count == twice.count);
	CHECK(!once.used || memcmp(once.pieces, twice.pieces, once.used) == 0);
	ab_edits_free(&once);
	ab_edits_free(&twice);
	free(text);
	return 0;
}
