/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/match.h"
#include "asrewrite/rules_impl.h"
#include "test/unit/text.h"

#include <unistd.h>

static const char *matched(struct ab_rules *rules, const char *text, struct ab_syntax syntax)
{
	struct ab_lexer lexer;
	struct ab_stmt stmt;
	const struct ab_rule *rule;

	ab_lexer_init(&lexer, x86(), text, strlen(text));
	assert_true(ab_lexer_next(&lexer, &stmt));
	rule = ab_rules_match(rules, &stmt, &syntax);
	return rule ? ab_class_name(rule->class) : "none";
}

static const struct ab_syntax att = {AB_MODE_64, false, false};

static void test_columns(void **state)
{
	struct ab_rules *rules =
		rules_of("# c\n"
			 "target x86\n"
			 "cli - * CLI 9 after - # trailing\n"
			 "sti - 16,64 STI 0 before fuse=HLT:STI_HLT,window=nop+cli\n");
	const struct ab_rule *rule;

	(void)state;
	assert_int_equal(ab_rules_count(rules), 2);
	rule = ab_rules_at(rules, 0);
	assert_int_equal(rule->class, AB_CLASS_CLI);
	assert_int_equal(rule->pad, 9);
	assert_int_equal(rule->place, AB_PLACE_AFTER);
	assert_int_equal(rule->line, 3);
	rule = ab_rules_at(rules, 1);
	assert_int_equal(rule->modes, 1 << AB_MODE_16 | 1 << AB_MODE_64);
	assert_int_equal(rule->place, AB_PLACE_BEFORE);
	assert_int_equal(rule->sequence->nfuse, 1);
	assert_int_equal(rule->sequence->fuse[0].next, AB_CLASS_HLT);
	assert_int_equal(rule->sequence->fuse[0].fused, AB_CLASS_STI_HLT);
	assert_string_equal(rule->sequence->window[0], "nop");
	assert_string_equal(rule->sequence->window[1], "cli");
	ab_rules_free(rules);
}

static void test_matching(void **state)
{
	struct ab_rules *rules = rules_of("target x86\n"
					  "cli - * CLI 9 after -\n"
					  "mov{wlq} %cr\\d+,.* * MOV_FROM_CR 5 after -\n"
					  "mov{wlq} .*,%cr\\d+ * MOV_TO_CR 5 after -\n"
					  "mov{wlq} .*,%[c-gs]s * MOV_TO_SEG 5 after -\n"
					  "lds|les .* 16,32 LOAD_FAR 5 after -\n"
					  "in{bwl} * * IN 5 after -\n"
					  ".byte 0f.01.c[89] * MWAIT 5 after -\n");

	(void)state;
	assert_string_equal(matched(rules, "CLI", att), "CLI");
	assert_string_equal(matched(rules, "cli %eax", att), "none");
	assert_string_equal(matched(rules, "clix", att), "none");
	assert_string_equal(matched(rules, "mov %cr0 , %rax", att), "MOV_FROM_CR");
	assert_string_equal(matched(rules, "movq\t%rax, %CR3", att), "MOV_TO_CR");
	assert_string_equal(matched(rules, "movb %al, %cr3", att), "none");
	assert_string_equal(matched(rules, "mov %eax, %ds", att), "MOV_TO_SEG");
	assert_string_equal(matched(rules, "mov %gs:8, %eax", att), "none");
	assert_string_equal(matched(rules, "mov %eax, foo_ss", att), "none");
	assert_string_equal(matched(rules, "mov /* x */ %cr4, %rax", att), "MOV_FROM_CR");
	assert_string_equal(matched(rules, "les (%eax), %ebx", att), "none");
	assert_string_equal(
		matched(rules, "les (%eax), %ebx", (struct ab_syntax){AB_MODE_32, 0, 0}),
		"LOAD_FAR");
	assert_string_equal(matched(rules, "in", att), "IN");
	assert_string_equal(matched(rules, "inl %dx, %eax", att), "IN");
	assert_string_equal(matched(rules, ".byte 0x0F, 1,0xc9", att), "MWAIT");
	assert_string_equal(matched(rules, ".byte 15,1,0312", att), "none");
	assert_string_equal(matched(rules, ".byte 0x0f,0x01,0xc9,0x90", att), "none");
	assert_string_equal(matched(rules, ".byte 0x0f,x,0xc9", att), "none");
	assert_int_equal(ab_rules_at(rules, 0)->hits, 1);
	ab_rules_free(rules);
}

static void test_intel_syntax(void **state)
{
	struct ab_rules *rules = rules_of("target x86\n"
					  "mov %cr\\d+,.* * MOV_FROM_CR 5 after -\n"
					  "mov .*,%cr\\d+ * MOV_TO_CR 5 after -\n");
	const struct ab_syntax prefix = {AB_MODE_64, true, false};
	const struct ab_syntax naked = {AB_MODE_64, true, true};

	(void)state;
	assert_string_equal(matched(rules, "mov %rax, %cr0", prefix), "MOV_FROM_CR");
	assert_string_equal(matched(rules, "mov rax, cr0", naked), "MOV_FROM_CR");
	assert_string_equal(matched(rules, "mov cr3, rax", naked), "MOV_TO_CR");
	assert_string_equal(matched(rules, "mov rax, cr0", prefix), "none");
	assert_string_equal(matched(rules, "mov rax, rbx", naked), "none");
	ab_rules_free(rules);
}

/* The literals are only a filter: whatever the pattern's form, they must not change the answer. */
static void test_literals_never_lie(void **state)
{
	static const char *const patterns[] = {
		"%cr\\d+,.*", ".*,%cr\\d+", "(a|b),c",	   "a|b,c",	"a?b,c",   "ab*,c",
		"ab+,c",      "[ab]+,c",    "(ab)?,?c",	   "a{0,2}b,c", "\\x61,c", "a\\.b",
		"(?i)A,C",    "a(?:b|c)d",  "%[c-gs]s,.*", "\\Qa.b\\E", "ab??,c",  "(a[)]b)?,c",
	};
	static const char *const texts[] = {"%cr0,%rax", "%rax,%cr4", "a,c",	"b,c",	 "ab,c",
					    "abb,c",	 ",c",	      "c",	"aab,c", "a.b",
					    "abd",	 "acd",	      "%ds,ax", "a)b,c", "a"};

	(void)state;
	for (size_t p = 0; p < sizeof(patterns) / sizeof(*patterns); p++) {
		char file[128];
		snprintf(file, sizeof(file), "target x86\nfoo %s * CLI 1 after -\n", patterns[p]);
		struct ab_rules *filtered = rules_of(file), *plain = rules_of(file);
		struct ab_pattern *unfiltered = ab_entry_pattern(&plain->rules[0]);
		unfiltered->prefix.len = unfiltered->suffix.len = unfiltered->infix.len = 0;
		for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
			char text[64];
			snprintf(text, sizeof(text), "foo %s", texts[t]);
			assert_string_equal(matched(filtered, text, att),
					    matched(plain, text, att));
		}
		ab_rules_free(filtered);
		ab_rules_free(plain);
	}
}

static void test_literals_found(void **state)
{
	struct ab_pattern p;

	(void)state;
	ab_pattern_prepare(&p, ".*,%cr\\d+");
	assert_int_equal(p.infix.len, 4);
	assert_memory_equal(p.infix.text, ",%cr", 4);
	assert_int_equal(p.prefix.len, 0);
	ab_pattern_prepare(&p, "%cr\\d+,.*");
	assert_int_equal(p.prefix.len, 3);
	ab_pattern_prepare(&p, ".*,%[c-gs]s");
	assert_int_equal(p.suffix.len, 1);
}

static void test_directives(void **state)
{
	struct ab_rules *rules =
		rules_of("target x86\naudience user\n"
			 "deny section \\.altinstr copied at boot # not a comment here\n"
			 "skip output (^|/)boot/ own flags\n"
			 "use x86-user.rules output /vdso/ runs in applications\n"
			 "except symbol ^foo$ table\n");
	const struct ab_directive *d;

	(void)state;
	assert_true(ab_rules_user(rules));
	d = ab_rules_judge(rules, AB_DENY, AB_SCOPE_SECTION, ".altinstr_x", 11);
	assert_non_null(d);
	assert_int_equal(strncmp(d->reason, "copied at boot", 14), 0);
	assert_null(ab_rules_judge(rules, AB_DENY, AB_SCOPE_SYMBOL, ".altinstr_x", 11));
	assert_non_null(ab_rules_judge(rules, AB_SKIP, AB_SCOPE_OUTPUT, "arch/boot/a.o", 13));
	assert_null(ab_rules_judge(rules, AB_SKIP, AB_SCOPE_OUTPUT, "arch/reboot.o", 13));
	d = ab_rules_judge(rules, AB_USE, AB_SCOPE_OUTPUT, "a/vdso/b.o", 10);
	assert_string_equal(d->file, "x86-user.rules");
	assert_null(ab_rules_judge(rules, AB_EXCEPT, AB_SCOPE_SYMBOL, "foobar", 6));
	ab_rules_free(rules);
}

/* Each of these must be refused, and say where. */
static void test_errors(void **state)
{
	static const char *const bad[] = {
		"cli - * CLI 9 after -",		      /* no target */
		"target vax",				      /* unknown target */
		"target x86\ntarget x86",		      /* twice */
		"target x86\ncli - * CLI 9 after",	      /* six columns */
		"target x86\ncli - * CLI 9 after - -",	      /* eight columns */
		"target x86\ncli - 8 CLI 9 after -",	      /* mode */
		"target x86\ncli - * CLIX 9 after -",	      /* class */
		"target x86\ncli - * CLI 65 after -",	      /* pad too large */
		"target x86\ncli - * CLI -1 after -",	      /* pad not a number */
		"target x86\ncli - * CLI 7 prefix -",	      /* more prefixes than anyone adds */
		"target arm\nwfi - * HLT 4 prefix -",	      /* no such prefixes there */
		"target x86\ncli - * CLI 9 behind -",	      /* place */
		"target x86\ncli - * CLI 9 after what",	      /* flag */
		"target x86\ncli - * CLI 9 after fuse=HLT",   /* fuse without result */
		"target x86\ncli - * CLI 9 after window=nop", /* window of one */
		"target x86\nCLI - * CLI 9 after -",	      /* upper case */
		"target x86\nmov{wl .* * CLI 9 after -",      /* open brace */
		"target x86\n{wl} .* * CLI 9 after -",	      /* no base */
		"target x86\nmov [ * CLI 9 after -",	      /* regex */
		"target x86\ncli - * CLI 9 after -\ncli - * CLI 5 after -",	  /* duplicate */
		"target x86\nmov{wl} a * CLI 9 after -\nmovl a 32 CLI 5 after -", /* overlap */
		"target x86\ndeny section foo",					  /* no reason */
		"target x86\ndeny planet foo why",				  /* scope */
		"target x86\nskip section foo why",    /* scope not allowed */
		"target x86\ndeny section ( why",      /* regex */
		"target ia64\nssm * * STI 16 after -", /* pads unsupported */
		"target arm\nwfi - * HLT 6 after -",   /* not a multiple of the nop */
		"audience martians",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (ab_rules_parse("bad.rules", bad[i], strlen(bad[i]), NULL, true))
			fail_msg("accepted: %s", bad[i]);
	assert_null(
		ab_rules_parse("nul.rules", "target x86\ncli\0 - * CLI 9 after -", 33, NULL, true));
	assert_null(ab_rules_parse("t.rules", "target arm\n", 11, x86(), true));
	assert_null(ab_rules_load("/nonexistent/rules", NULL, true));
	assert_null(ab_rules_load("/", NULL, true));
}

/* Same mnemonic and operands in modes that do not overlap is no duplicate; nor are other operands.
 */
static void test_not_duplicates(void **state)
{
	struct ab_rules *rules = rules_of("target x86\n"
					  "cli - 16,32 CLI 5 after -\ncli - 64 CLI 9 after -\n"
					  "mov a * CLI 1 after -\nmov b * CLI 1 after -\n");

	(void)state;
	assert_string_equal(matched(rules, "cli", att), "CLI");
	ab_rules_free(rules);
}

static void test_lazy_pattern_error(void **state)
{
	static const char text[] = "target x86\nmov [ * CLI 1 after -\n";
	struct ab_rules *rules = ab_rules_parse("t", text, strlen(text), NULL, false);

	(void)state;
	assert_non_null(rules);
	assert_false(ab_rules_broken(rules));
	assert_string_equal(matched(rules, "mov x", att), "none");
	assert_true(ab_rules_broken(rules));
	ab_rules_free(rules);
}

static void test_classes(void **state)
{
	(void)state;
	assert_string_equal(ab_class_name(AB_CLASS_CLI), "CLI");
	assert_int_equal(ab_class_by_name("WRMSR", 5), AB_CLASS_WRMSR);
	assert_int_equal(ab_class_by_name("wrmsr", 5), 0);
	assert_null(ab_class_name(0xffff));
	assert_string_equal(ab_group_name(AB_CLASS_CLI), "flags");
	assert_true(ab_class_is_sensitive(AB_CLASS_CLI));
	assert_false(ab_class_is_sensitive(AB_CLASS_PTE_WRITE));
	assert_false(ab_class_is_sensitive(AB_CLASS_MODE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_matching),
		cmocka_unit_test(test_intel_syntax),
		cmocka_unit_test(test_literals_never_lie),
		cmocka_unit_test(test_literals_found),
		cmocka_unit_test(test_directives),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_not_duplicates),
		cmocka_unit_test(test_lazy_pattern_error),
		cmocka_unit_test(test_classes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
