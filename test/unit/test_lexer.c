/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/lexer.h"
#include "test/unit/text.h"

/* Statements as "word|operands", labels as "n"/"d" marks in front, joined by spaces. */
static void expect(const char *target, const char *text, const char *want)
{
	struct ab_lexer lexer;
	struct ab_stmt s;
	char got[1024] = "";

	ab_lexer_init(&lexer, ab_target_by_name(target, strlen(target)), text, strlen(text));
	while (ab_lexer_next(&lexer, &s)) {
		if (s.word == s.word_end && !s.labels)
			continue;
		sprintf(got + strlen(got), "%s%s%s%.*s|%.*s", *got ? " " : "",
			s.labels & AB_LABEL_NAMED ? "n:" : "",
			s.labels & AB_LABEL_NUMERIC ? "d:" : "", (int)(s.word_end - s.word), s.word,
			(int)(s.end - s.ops), s.ops);
	}
	assert_string_equal(got, want);
}

static void test_statements(void **state)
{
	(void)state;
	expect("x86", "\tcli\n", "cli|");
	expect("x86", "cli;sti ; hlt", "cli| sti| hlt|");
	expect("x86", "mov %eax , %ebx \t\r\n", "mov|%eax , %ebx");
	expect("x86", "", "");
	expect("x86", "\n\n;;\n", "");
}

static void test_labels(void **state)
{
	(void)state;
	expect("x86", "1:cli;1:sti", "d:cli| d:sti|");
	expect("x86", "a: b: cli", "n:cli|");
	expect("x86", "foo :\n1 : cli", "n:| d:cli|");
	expect("x86", "\"a b\": cli", "n:cli|");
	expect("x86", ".L1:\tcli", "n:cli|");
	expect("hppa", "foo nop\n", "n:nop|");
}

static void test_comments(void **state)
{
	(void)state;
	expect("x86", "cli # sti; hlt\nsti", "cli| sti|");
	expect("x86", "/ cli\n  / cli\nsti", "sti|");
	expect("x86", "cli /* ; sti \n hlt */ ; nop", "cli| nop|");
	expect("x86", "mov %eax, /* c */ %ebx", "mov|%eax, /* c */ %ebx");
	expect("x86", "/* c */ 1: /* d */ cli /* e */ # f", "d:cli|");
	expect("x86", "mov $4/2, %eax", "mov|$4/2, %eax");
	expect("x86", "# 1 \"x.c\"\ncli", "cli|");
	expect("x86", "# 1 \"x\nsti\ny\" 1\ncli", "cli|");
	expect("x86", " # 1 \"x\ncli", "cli|");
	expect("x86", "cli /* never closed", "cli|");
	expect("arm", "mov r0, #1 @ c ; d\nnop // e", "mov|r0, #1 nop|");
	expect("aarch64", "mov x0, #1 // c\n# d\nnop", "mov|x0, #1 nop|");
	expect("sparc", "nop ! c\nnop", "nop| nop|");
	expect("hppa", "\tnop ! nop ; c", "nop| nop|");
	expect("mips", "li $4, 'a' # c", "li|$4, 'a'");
	expect("riscv", "li a0, 1 # c\n", "li|a0, 1");
	expect("m68k", "nop | c\n* d\n nop", "nop| nop|");
}

static void test_strings(void **state)
{
	(void)state;
	expect("x86", ".ascii \"a;b#c\\\"d\" ; cli", ".ascii|\"a;b#c\\\"d\" cli|");
	expect("x86", ".ascii \"line\nnext; sti\"\ncli", ".ascii|\"line\nnext; sti\" cli|");
	expect("x86", ".ascii \"never closed; cli", ".ascii|\"never closed; cli");
	expect("x86", ".ascii \"a\\\\\" ; cli", ".ascii|\"a\\\\\" cli|");
	expect("powerpc", ".ascii \"a\\\" ; nop", ".ascii|\"a\\\" nop|");
}

static void test_char_constants(void **state)
{
	(void)state;
	expect("x86", "mov $'#, %al ; cli", "mov|$'#, %al cli|");
	expect("x86", "mov $';, %al ; cli", "mov|$';, %al cli|");
	expect("x86", "mov $'\\', %al ; cli", "mov|$'\\', %al cli|");
	expect("x86", "mov $'\"', %al # \"\ncli", "mov|$'\"', %al cli|");
	expect("x86", "mov $'", "mov|$'");
	expect("x86", "movb $' \t\n cli", "movb|$'  cli|");
	expect("hppa", "\tldi 'a ! nop", "ldi|'a nop|");
}

static void test_ia64(void **state)
{
	(void)state;
	expect("ia64", "{ .mib\n (p6) mov r1 = r2 ;;\n nop.b 0 }", ".mib| mov|r1 = r2 nop.b|0");
}

static void test_assignments_and_words(void **state)
{
	struct ab_lexer lexer;
	struct ab_stmt s;
	static const char text[] = "cli=5";

	(void)state;
	ab_lexer_init(&lexer, x86(), text, strlen(text));
	assert_true(ab_lexer_next(&lexer, &s));
	assert_true(s.assignment);
	expect("x86", "{vex} vaddps %ymm0,%ymm1,%ymm2", "vaddps|%ymm0,%ymm1,%ymm2");
	expect("x86", "\\op %eax", "\\op|%eax");
	expect("x86", "rd\\which\\()msr", "rd\\which\\|()msr");
	expect("x86", "foo\\# bar", "foo\\|# bar");
}

static void test_nul_bytes(void **state)
{
	static const char text[] = "cli\0sti;hlt";
	struct ab_lexer lexer;
	struct ab_stmt s;

	(void)state;
	ab_lexer_init(&lexer, x86(), text, sizeof(text) - 1);
	assert_true(ab_lexer_next(&lexer, &s));
	assert_int_equal(s.end - s.begin, 3);
	assert_true(ab_lexer_next(&lexer, &s));
	assert_memory_equal(s.word, "sti", 3);
	assert_true(ab_lexer_next(&lexer, &s));
	assert_memory_equal(s.word, "hlt", 3);
	assert_false(ab_lexer_next(&lexer, &s));
}

static void test_no_app(void **state)
{
	(void)state;
	expect("x86", "#NO_APP\nsti # c\n#APP\ncli # c\n#NO_APP\nhlt # c\n",
	       "sti|# c cli| hlt|# c");
	expect("x86", "# x\n#NO_APP\nsti # c\n", "sti|");
	assert_true(ab_text_is_no_app("#NO_APP\n", 8));
	assert_false(ab_text_is_no_app("#NO_APPLE\n", 10));
	assert_false(ab_text_is_no_app("#APP\n", 5));
}

/* Every target's table must be usable, and names sorted as target.c promises. */
static void test_target_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ab_target_count(); i++) {
		const struct ab_target *t = ab_target_at(i);
		if (i)
			assert_true(strcmp(ab_target_at(i - 1)->name, t->name) < 0);
		assert_ptr_equal(ab_target_by_name(t->name, strlen(t->name)), t);
		assert_int_not_equal(t->separator[0], 0);
		assert_non_null(t->short_options);
		assert_true(t->section_type == '@' || t->section_type == '%');
	}
	assert_string_equal(ab_target_of_program("/usr/bin/aarch64-linux-gnu-as")->name, "aarch64");
	assert_string_equal(ab_target_of_program("ia64-linux-gnu-as")->name, "ia64");
	assert_string_equal(ab_target_of_program("i686-linux-gnu-as")->name, "x86");
	assert_true(ab_program_is_i386("/x/i686-linux-gnu-as"));
	assert_false(ab_program_is_i386("ia64-linux-gnu-as"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_char_constants),
		cmocka_unit_test(test_ia64),
		cmocka_unit_test(test_assignments_and_words),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_no_app),
		cmocka_unit_test(test_target_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
