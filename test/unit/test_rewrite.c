/* SPDX-License-Identifier: BSD-2-Clause */
#include "test/unit/text.h"

static struct ab_rules *some_rules(void)
{
	return rules_of(
		"target x86\n"
		"cli - * CLI 9 after -\n"
		"sti - * STI 9 before fuse=HLT:STI_HLT,fuse=MWAIT:STI_MWAIT,window=nop+cli\n"
		"hlt - * HLT 6 after -\n"
		"rdmsr - * RDMSR 5 after -\n"
		"wrmsr - * WRMSR 5 after -\n"
		"popf - * POPF 3 prefix -\n"
		"mov{wl} .*,%ss * MOV_TO_SEG 5 shadow -\n"
		"ins{bwl} * * INS 5 after -\n"
		".byte 0f.01.c9 * MWAIT 5 after -\n"
		"deny section \\.alt copied\n"
		"deny symbol ^copied$ copied\n"
		"deny macro ^zap$ copied\n");
}

static struct ab_stats stats_of(const char *text)
{
	struct ab_rules *rules = some_rules();
	struct ab_stats stats;

	free(rewritten(rules, text, &stats));
	ab_rules_free(rules);
	return stats;
}

static void expect_sites(const char *text, unsigned sites)
{
	struct ab_stats stats = stats_of(text);

	if (stats.sites != sites)
		fail_msg("%u sites instead of %u in: %s", stats.sites, sites, text);
}

/* Does the rewritten text contain `piece`? */
static void expect_text(const char *text, const char *piece)
{
	struct ab_rules *rules = some_rules();
	char *out = rewritten(rules, text, NULL);

	if (!strstr(out, piece))
		fail_msg("no `%s' in: %s", piece, out);
	free(out);
	ab_rules_free(rules);
}

static void test_innocuous_text_is_untouched(void **state)
{
	static const char text[] = "\tmov %eax, %ebx # cli\n.ascii \"cli\"\nclix: nop\n";
	struct ab_rules *rules = some_rules();
	char *out = rewritten(rules, text, NULL);

	(void)state;
	assert_string_equal(out, text);
	free(out);
	ab_rules_free(rules);
}

static void test_placement(void **state)
{
	(void)state;
	expect_text("1:\tcli\t# c\n",
		    "1:\t7000001:cli;7000002:.byte 102,15,31,132,0,0,0,0,0;.push");
	expect_text("\tsti\n", "\t7000001:.byte 102,15,31,132,0,0,0,0,0;sti;7000002:;.push");
	expect_text("mov %ax, %ss\n", "7000001:.byte 15,31,68,0,0;mov");
	expect_text("1: mov %ax, %ss\n", "1: 7000001:mov %ax, %ss;7000002:.byte");
	expect_text("1:\nmov %ax, %ss\n", "7000001:mov %ax, %ss;7000002:.byte");
	expect_text("rep; insb\n", "7000001:rep; insb;7000002:.byte");
	expect_text("cli\r\n", "popsection\r\n");
	expect_text("1: popf\n", "1: 7000001:.byte 46,46,46;popf;7000002:;.push");
	expect_text(".section .alt,\"ax\"\npopf\n", "7000001:popf;7000002:;.push");
	expect_text(".macro m op\n\\op\n.endm\nm popf\n", "\"popf\";.byte 15,31,0;.push");
	expect_text("cli; sti", ";.popsection; 7000001:");
}

/* No insertion may contain a newline, or line numbers would move. */
static void test_lines_are_kept(void **state)
{
	static const char text[] = "cli\nsti\nhlt\n\n1: rdmsr # x\n.code32\n.code64\nrep\ninsb\n";
	struct ab_rules *rules = some_rules();
	char *out = rewritten(rules, text, NULL);
	unsigned want = 0, got = 0;

	(void)state;
	for (const char *p = text; *p; p++)
		want += *p == '\n';
	for (const char *p = out; *p; p++)
		got += *p == '\n';
	assert_int_equal(got, want);
	free(out);
	ab_rules_free(rules);
}

static void test_sequences(void **state)
{
	(void)state;
	assert_int_equal(stats_of("sti; hlt\n").fused, 1);
	assert_int_equal(stats_of("sti\nhlt\n").sites, 1);
	assert_int_equal(stats_of("sti; .byte 0x0f,0x01,0xc9\n").fused, 1);
	assert_int_equal(stats_of("sti; 1: hlt\n").fused, 0);
	assert_int_equal(stats_of("sti; 1: hlt\n").sites, 2);
	assert_int_equal(stats_of("sti; nop; hlt\n").sites, 2);
	assert_int_equal(stats_of("sti; rdmsr\n").fused, 0);
	assert_int_equal(stats_of("sti; nop; cli\n").windows, 1);
	assert_int_equal(stats_of("sti; nop; cli\n").sites, 2);
	assert_int_equal(stats_of("sti; nop; nop; cli\n").windows, 0);
	assert_int_equal(stats_of("sti; cli\n").windows, 0);
	assert_int_equal(stats_of("sti").sites, 1);
	expect_text("sti; hlt\n", "sti; hlt;7000002:;");
}

static void test_sections(void **state)
{
	(void)state;
	expect_sites(".data\ncli\n", 0);
	expect_sites(".section foo,\"ax\"\ncli\n", 1);
	expect_sites(".section foo,\"a\"\ncli\n", 0);
	expect_sites(".section .text.hot\ncli\n", 1);
	expect_sites(".section \".init.text\", \"ax\"\n cli\n.text\n.section .init.text\ncli\n", 2);
	expect_sites(".pushsection .data\ncli\n.popsection\ncli\n", 1);
	expect_sites(".data\n.text\n.previous\ncli\n.previous\ncli\n", 1);
	expect_sites(".pushsection .data\n.previous\ncli\n.popsection\ncli\n", 2);
	assert_int_equal(stats_of(".section .alt,\"ax\"\ncli\n").copied, 1);
	assert_int_equal(stats_of("copied: cli\nother: cli\n").copied, 1);
	expect_text(".section .alt,\"ax\"\ncli\n", "cli;7000002:;.pushsection");
}

static void test_macros(void **state)
{
	(void)state;
	expect_sites(".macro m\ncli\n.endm\n", 1);
	expect_sites(".macro cli\nnop\n.endm\ncli\n", 0);
	expect_sites(".macro cli\nnop\n.endm\n.purgem cli\ncli\n", 1);
	expect_sites(".data\n.macro m\ncli\n.endm\ncli\n", 1);
	expect_sites(".rept 3\ncli\n.endr\n", 1);
	expect_sites(".macro m op\n\\op\n.endm\nm rdmsr\nm wrmsr\nm nop\n", 2);
	expect_sites(".irp op,cli,nop\n\\op\n.endr\n", 1);
	expect_text(".macro m op\n1: \\op # c\n.endm\nm rdmsr\n",
		    "1: 7000001:\\op;7000002:;.ifeqs \"\\op\",\"rdmsr\";.byte");
	assert_int_equal(stats_of(".macro zap\ncli\n.endm\ncli\n").copied, 1);
	assert_int_equal(stats_of(".macro m op\n\\op\n.endm\nm nop\n").hidden, 1);
}

static void test_modes(void **state)
{
	(void)state;
	expect_text(".code32\ncli\n", ".code32;7000001:;.pushsection");
	expect_text(".code32\ncli\n", ".byte 62,62,141,180,38,0,0,0,0"); /* 32-bit pad */
	expect_sites(".mri 1\n cli\n", 0);
	expect_sites(".end\ncli\n", 0);
}

static void test_prefixes(void **state)
{
	(void)state;
	expect_sites("rep insb\n", 1);
	expect_sites("rep/insb\n", 1);
	expect_sites("data16 rdmsr\n", 1);
	expect_sites("rep\n1: insb\n", 1);
	expect_text("rep\n1: insb\n", "rep\n1: 7000001:insb");
	expect_sites("rep; nop\n", 0);
	expect_text("wait\ncli\n", "wait\n7000001:cli"); /* an instruction of its own */
	expect_sites("cli.s\n", 1);
	expect_sites("cli.\n", 1);
	expect_sites("foo.cli\n", 0);
}

/* Pads must be whole NOPs of the wanted length in every mode (decoded in test_sensitive.c too). */
static void test_nops(void **state)
{
	uint8_t bytes[64];

	(void)state;
	for (unsigned len = 1; len <= 64; len++) {
		assert_int_equal(ab_x86_nops(bytes, len, AB_MODE_64), (len + 8) / 9);
		assert_int_equal(ab_x86_nops(bytes, len, AB_MODE_32), (len + 8) / 9);
		assert_int_equal(ab_x86_nops(bytes, len, AB_MODE_16), (len + 3) / 4);
	}
}

/* Behind .file the input's own name comes back, unless line markers rule already. */
static void test_names(void **state)
{
	struct ab_rules *rules = some_rules();
	char *out = rewritten(rules, "# 1 \"a\"\n\t.file \"x.c\"\n", NULL);

	(void)state;
	assert_null(strstr(out, "linefile"));
	free(out);
	expect_text("\n\t.file \"x.c\"\n", ".file \"x.c\";.linefile 3 \"t.s\"\n");
	out = rewritten(rules, "\t.file 1 \"x.c\"\n", NULL);
	assert_null(strstr(out, "linefile"));
	free(out);
	ab_rules_free(rules);
}

static void test_edits(void **state)
{
	struct ab_edits edits = {0};
	char *out;

	(void)state;
	ab_edits_append(&edits, 0, "A", 1);
	ab_edits_insert(&edits, 2, "%s%d", "B", 7);
	ab_edits_append(&edits, 2, "C", 1);
	ab_edits_append(&edits, 4, "D", 1);
	out = apply(&edits, "wxyz");
	assert_string_equal(out, "AwxB7CyzD");
	assert_int_equal(ab_edits_size(&edits, 4), 9);
	free(out);
	ab_edits_free(&edits);
}

static void test_record_layout(void **state)
{
	struct ab_annot annot = {.start = 1,
				 .class = 2,
				 .total_len = 3,
				 .insn_off = 4,
				 .insn_len = 5,
				 .mode_version = 6,
				 .flags = 7};
	static const uint8_t bytes[] = {1, 0, 0, 0, 2, 0, 3, 4, 5, 6, 7, 0};

	(void)state;
	assert_int_equal(sizeof(annot), AB_RECORD_SIZE);
	assert_memory_equal(&annot, bytes, sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_innocuous_text_is_untouched),
		cmocka_unit_test(test_placement),
		cmocka_unit_test(test_lines_are_kept),
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_nops),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_record_layout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
