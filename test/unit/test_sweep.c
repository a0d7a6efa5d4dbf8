/* SPDX-License-Identifier: BSD-2-Clause */
/* The checker: what it must find, and what it must not complain about. */
#include "test/unit/elfimage.h"

#include "asrewrite/sweep.h"

static struct ab_decoder decoder;

/* What a sweep is expected to count. */
struct expected {
	unsigned annotated, copied, excepted, unannotated, misplaced, undecodable;
	const char *reason; /* part of the first finding's, or NULL */
};

static void expect(const char *name, const struct recipe *recipe, const char *rules_text,
		   const struct expected *want)
{
	struct ab_rules *rules = NULL;
	struct opened opened;
	struct ab_sweep got;

	if (rules_text)
		rules = ab_rules_parse("test.rules", rules_text, strlen(rules_text), NULL, true);
	assert_true(!rules_text || rules);
	open_recipe(&opened, recipe);
	ab_sweep(&got, &opened.elf, &opened.db, &decoder, rules);
	if (got.annotated != want->annotated || got.copied != want->copied ||
	    got.excepted != want->excepted || got.unannotated != want->unannotated ||
	    got.misplaced != want->misplaced || got.undecodable_bytes != want->undecodable)
		fail_msg("%s: annotated %d copied %d excepted %d unannotated %d misplaced %d "
			 "undecodable %d: %s",
			 name, (int)got.annotated, (int)got.copied, (int)got.excepted,
			 (int)got.unannotated, (int)got.misplaced, (int)got.undecodable_bytes,
			 got.nfindings ? got.findings[0].reason : "no finding");
	assert_int_equal(got.sensitive,
			 got.annotated + got.copied + got.excepted + got.unannotated);
	assert_true(ab_sweep_ok(&got) == !(want->unannotated || want->misplaced));
	if (want->reason && (!got.nfindings || !strstr(got.findings[0].reason, want->reason)))
		fail_msg("%s: `%s', want `%s'", name,
			 got.nfindings ? got.findings[0].reason : "no finding", want->reason);
	ab_sweep_free(&got);
	close_opened(&opened);
	ab_rules_free(rules);
}

#define NOP5 "\x0f\x1f\x44\x00\x00"
#define SITES(...)                                                                                 \
	.records = {__VA_ARGS__},                                                                  \
	.nrecords = sizeof((struct ab_annot[]){__VA_ARGS__}) / AB_RECORD_SIZE

/* clang-format off */
static const struct {
	const char *name;
	struct recipe recipe;
	struct expected want;
} cases[] = {
	/* ---- right ---- */
	{"nothing sensitive", {CODE("\x90\xc3")}, {0}},
	{"pad after", {CODE("\xfa" NOP5 "\xc3"), SITES({0, AB_CLASS_CLI, 6, 0, 1, V64, 0})}, {.annotated = 1}},
	{"pad before", {CODE(NOP5 "\xfb\xc3"), SITES({0, AB_CLASS_STI, 6, 5, 1, V64, 0})}, {.annotated = 1}},
	{"no pad", {CODE("\xfa\xc3"), SITES({0, AB_CLASS_CLI, 1, 0, 1, V64, 0})}, {.annotated = 1}},
	{"copied", {CODE("\xfa\xc3"), SITES({0, AB_CLASS_CLI, 1, 0, 1, V64, AB_F_COPIED})}, {.copied = 1}},
	{"fused", {CODE(NOP5 "\xfb\xf4"), SITES({0, AB_CLASS_STI_HLT, 7, 5, 2, V64, AB_F_FUSED})}, {.annotated = 2}},
	{"prefix", {CODE("\xf3\x6d" NOP5), SITES({0, AB_CLASS_INS, 7, 0, 2, V64, 0})}, {.annotated = 1}},
	{"raw with filler", {CODE("\xf3\x0f\x38\xf8\x02\x66\x90"), SITES({0, AB_CLASS_ENQCMDS, 7, 0, 7, V64, AB_F_RAW})}, {.annotated = 1}},
	{"not known to Zydis", {CODE("\x0f\x01\xc6"), SITES({0, AB_CLASS_WRMSR, 3, 0, 3, V64, 0})}, {.annotated = 1}},
	{"memory", {CODE("\x48\x89\x07" NOP5), SITES({0, AB_CLASS_PTE_WRITE, 8, 0, 3, V64, 0})}, {0}},
	{"hook", {CODE(NOP5 "\xc3"), SITES({0, AB_CLASS_MODULE_LOAD, 5, 0, 5, V64, 0})}, {0}},
	{"other mode", {CODE("\x06\x07\xc3"), SITES({0, AB_CLASS_MODE, 0, 0, 0, V32, 0}, {0, AB_CLASS_PUSH_SEG, 1, 0, 1, V32, 0}, {1, AB_CLASS_POP_SEG, 1, 0, 1, V32, 0})}, {.annotated = 2}},
	{"data", {CODE("\xc3\xfa\xfb\xf4\xc3"), .symbols = {{"f", 0, 1, STT_FUNC}, {"d", 1, 3, STT_OBJECT}, {"g", 4, 1, STT_FUNC}}, .nsymbols = 3}, {0}},

	/* ---- missing records ---- */
	{"unannotated", {CODE("\x90\xfa\xc3")}, {.unannotated = 1, .reason = "class CLI"}},
	{"second of two", {CODE("\xfa\xfa"), SITES({0, AB_CLASS_CLI, 1, 0, 1, V64, 0})}, {.annotated = 1, .unannotated = 1}},
	{"behind bytes that swallow it", {CODE("\xb8\x00\x00\xfa\xc3\xc3"), .symbols = {{"f", 3, 2, STT_FUNC}}, .nsymbols = 1}, {.unannotated = 1}},
	{"function inside of an object", {CODE("\x00\x00\xfa\xc3"), .symbols = {{"d", 0, 4, STT_OBJECT}, {"f", 2, 2, STT_FUNC}}, .nsymbols = 2}, {.unannotated = 1}},
	{"after undecodable bytes", {CODE("\x06\x90\xfa"), .symbols = {{"f", 2, 1, STT_NOTYPE}}, .nsymbols = 1}, {.unannotated = 1, .undecodable = 2}},
	{"undecodable only", {CODE("\x90\x06\xfa")}, {.undecodable = 2}},
	{"cut off", {CODE("\x90\x0f")}, {.undecodable = 1}},

	/* ---- records that do not fit ---- */
	{"wrong class", {CODE("\xfa"), SITES({0, AB_CLASS_STI, 1, 0, 1, V64, 0})}, {.annotated = 1, .misplaced = 1, .reason = "class STI, instruction of class CLI"}},
	{"nothing sensitive here", {CODE("\x90"), SITES({0, AB_CLASS_CLI, 1, 0, 1, V64, 0})}, {.misplaced = 1, .reason = "nothing sensitive"}},
	{"wrong length", {CODE("\x0f\x22\xd8\xc3"), SITES({0, AB_CLASS_MOV_TO_CR, 2, 0, 2, V64, 0})}, {.annotated = 1, .misplaced = 1, .reason = "no instruction of 2 bytes"}},
	{"two in one", {CODE("\xfa\x90\x90"), SITES({0, AB_CLASS_CLI, 3, 0, 2, V64, 0})}, {.annotated = 1, .misplaced = 1, .reason = "more than one"}},
	{"pad is code", {CODE("\xfa\x58\xc3"), SITES({0, AB_CLASS_CLI, 2, 0, 1, V64, 0})}, {.annotated = 1, .misplaced = 1, .reason = "NOPs"}},
	{"pad cuts an instruction", {CODE("\xfa" NOP5), SITES({0, AB_CLASS_CLI, 3, 0, 1, V64, 0})}, {.annotated = 1, .misplaced = 1, .reason = "NOPs"}},
	{"overlap", {CODE("\xfa" NOP5 "\xc3"), SITES({0, AB_CLASS_CLI, 6, 0, 1, V64, 0}, {0, AB_CLASS_CLI, 1, 0, 1, V64, 0})}, {.annotated = 1, .misplaced = 1, .reason = "overlap"}},
	{"wrong mode", {CODE("\x06"), SITES({0, AB_CLASS_PUSH_SEG, 1, 0, 1, V64, 0})}, {.misplaced = 1, .reason = "no instruction"}},
	{"fused without flag", {CODE("\xfb\xf4"), SITES({0, AB_CLASS_STI_HLT, 2, 0, 2, V64, 0})}, {.annotated = 2, .misplaced = 1, .reason = "without the flag"}},
	{"flag without fusing", {CODE("\xfa"), SITES({0, AB_CLASS_CLI, 1, 0, 1, V64, AB_F_FUSED})}, {.annotated = 1, .misplaced = 1, .reason = "flag for fused"}},
	{"fused, but not so", {CODE("\xfb\xfa"), SITES({0, AB_CLASS_STI_HLT, 2, 0, 2, V64, AB_F_FUSED})}, {.annotated = 2, .misplaced = 1, .reason = "not the two"}},
	{"unknown version", {CODE("\x90"), SITES({0, AB_CLASS_CLI, 1, 0, 1, 0x22, 0})}, {.misplaced = 1, .reason = "version"}},
	{"bad record covers nothing", {CODE("\xfa"), SITES({0, 0x7777, 1, 0, 1, V64, 0})}, {.unannotated = 1, .misplaced = 1}},
};
/* clang-format on */

static void sweeps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct recipe recipe = cases[i].recipe;

		expect(cases[i].name, &recipe, NULL, &cases[i].want);
		recipe.linked = true;
		expect(cases[i].name, &recipe, NULL, &cases[i].want);
	}
}

static void exceptions(void **state)
{
	struct recipe recipe = {CODE("\xfa\x90\xfa"),
				.symbols = {{"whole", 0, 3, STT_FUNC}, {"inner", 2, 0, STT_NOTYPE}},
				.nsymbols = 2};

	(void)state;
	expect("no rule", &recipe, "target x86\n", &(struct expected){.unannotated = 2});
	expect("inner label", &recipe, "target x86\nexcept symbol ^inner$ why\n",
	       &(struct expected){.unannotated = 1, .excepted = 1});
	expect("function around", &recipe, "target x86\nexcept symbol ^whole$ why\n",
	       &(struct expected){.excepted = 2, .reason = "excepted by rule"});
	expect("section", &recipe, "target x86\nexcept section ^\\.text$ why\n",
	       &(struct expected){.excepted = 2});
	expect("other section", &recipe, "target x86\nexcept section ^\\.data$ why\n",
	       &(struct expected){.unannotated = 2});
}

/* A record that would be rewritten in code that is copied before it runs. */
static void denied(void **state)
{
	const char *rules = "target x86\ndeny section ^\\.copied$ why\n";
	struct recipe recipe = {CODE("\xfa"), SITES({0, AB_CLASS_CLI, 1, 0, 1, V64, 0})};

	(void)state;
	expect("elsewhere", &recipe, rules, &(struct expected){.annotated = 1});
	recipe.section = ".copied";
	expect("denied", &recipe, rules,
	       &(struct expected){.annotated = 1, .misplaced = 1, .reason = "copied"});
	recipe.records[0].flags = AB_F_COPIED;
	expect("flagged", &recipe, rules, &(struct expected){.copied = 1});
}

static void i386(void **state)
{
	struct recipe recipe = {.is_386 = true,
				CODE("\x06\x8d\x76\x00\x07"),
				SITES({0, AB_CLASS_PUSH_SEG, 4, 0, 1, V32, 0})};

	(void)state;
	expect("i386", &recipe, NULL, &(struct expected){.annotated = 1, .unannotated = 1});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sweeps),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(denied),
		cmocka_unit_test(i386),
	};

	ab_decoder_init(&decoder);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
