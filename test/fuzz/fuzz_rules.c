/* SPDX-License-Identifier: BSD-2-Clause */
/* The rule-file parser on hostile files; what it accepts must then be usable. */
#include "asrewrite/edits.h"
#include "asrewrite/rewrite.h"
#include "rules/annot.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "f:\tcli\n1:\tmov %cr0,%rax\n\tsti; hlt\n\trep; insb\n"
				   ".byte 0x0f,0x01,0xc9\n.section .alt,\"ax\"\n\tcli\n";
	const struct ab_target *x86 = ab_target_by_name("x86", 3);
	struct ab_rules *rules = ab_rules_parse("fuzz.rules", (const char *)data, size, x86, true);
	struct ab_rewriter rewriter;
	struct ab_edits edits = {0};

	if (!rules)
		return 0;
	ab_rewriter_init(&rewriter, x86, rules, AB_MODE_64);
	if (ab_rewrite(&rewriter, "t.s", text, sizeof(text) - 1, &edits) != 0)
		abort(); /* every pattern was compiled while parsing */
	for (size_t i = 0; i < ab_rules_count(rules); i++)
		if (!ab_class_name(ab_rules_at(rules, i)->class) || ab_rules_at(rules, i)->pad > 64)
			abort();
	ab_rewriter_free(&rewriter);
	ab_edits_free(&edits);
	ab_rules_free(rules);
	return 0;
}
