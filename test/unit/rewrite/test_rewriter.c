/* SPDX-License-Identifier: BSD-2-Clause */
/* The rewriter: what it refuses, that it then changes nothing, and what it leaves. */
#include "text.h"

#include <string.h>

static uint32_t counted(uint16_t class, enum rewrite_outcome outcome)
{
	return report.counts[rewrite_row(class)][outcome];
}

/* --- bad records ---------------------------------------------------------------------- */

/* A good site, then a bad one: neither may be touched. */
static struct ab_annot *good_then(const struct sample *sample)
{
	text_reset(NULL);
	text_put(0, &sti);
	return text_put(64, sample);
}

#define SECOND (RECORDS + AB_RECORD_SIZE)

static void test_bad_records(void **state)
{
	(void)state;
	good_then(&cli)->mode_version = AB_MODE_64;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->mode_version = AB_MODE_64 | (AB_VERSION + 1) << AB_VERSION_SHIFT;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->mode_version = (AB_MODE_OTHER + 1) | AB_VERSION << AB_VERSION_SHIFT;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->class = 0x0177;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->insn_len = 0;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->insn_off = 7;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->insn_len = 255;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->total_len = SITE_MAX + 1;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->class = AB_CLASS_MODE; /* a marker with lengths */
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->start -= 65;
	expect(REWRITE_BAD_RECORD, SECOND);
	good_then(&cli)->start += 16 * 0x100000 - 64 - 6;
	expect(REWRITE_BAD_RECORD, SECOND);
}

static void test_bad_size(void **state)
{
	(void)state;
	text_put(0, &cli);
	assert_int_equal(rewrite(&text_view, RECORDS, 11, TEXT, TEXT + 4096, &report, &failure),
			 REWRITE_BAD_RECORD);
	assert_int_equal(failure.address, RECORDS);
	assert_int_equal(rewrite(&text_view, RECORDS, 0, TEXT, TEXT + 4096, &report, &failure),
			 REWRITE_OK);
}

static void test_overlap(void **state)
{
	(void)state;
	good_then(&cli)->start -= 64; /* the same site twice */
	expect(REWRITE_BAD_RECORD, TEXT);
	good_then(&cli)->start -= 58; /* its last byte */
	expect(REWRITE_BAD_RECORD, TEXT + 6);
	text_reset(NULL); /* sites that are left count, too, in any order */
	text_put(100, &cli)->flags |= AB_F_COPIED;
	text_put(50, &cli);
	text_put(94, &cli)->flags |= AB_F_COPIED;
	expect(REWRITE_BAD_RECORD, TEXT + 100);
	text_reset(NULL); /* neighbours do not */
	text_put(14, &cli);
	text_put(0, &cli);
	text_put(7, &cli);
	expect_ok();
	text_reset(NULL); /* across two calls */
	text_put(0, &sti);
	expect_ok();
	record_count = 0;
	text_put(64, &cli);
	text_put(6, &cli);
	assert_int_equal(text_rewrite(), REWRITE_BAD_RECORD);
	assert_non_null(rewrite_site_at(TEXT));
	assert_null(rewrite_site_at(TEXT + 64));
	assert_memory_equal(text, kept_text, sizeof(text));
}

static void test_unreadable(void **state)
{
	(void)state;
	good_then(&cli);
	unreadable = SECOND;
	expect(REWRITE_UNREADABLE, SECOND);
	good_then(&cli);
	unreadable = TEXT + 64 + 6; /* its last byte */
	expect(REWRITE_UNREADABLE, TEXT + 64);
	good_then(&cli);
	unreadable = TEXT + 64 + 7; /* the one behind is nobody's business */
	expect_ok();
}

/* Written code is put back when a later site cannot be written. */
static void test_unwritable(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		text_put(i * 16, i & 1 ? &cli : &swapgs);
	unwritable = TEXT + 5 * 16 + 2;
	expect(REWRITE_UNREADABLE, TEXT + 5 * 16);
}

static void test_undecodable(void **state)
{
	static const struct sample two = FOLLOWED("sti; cli", STI_HLT, 6, 0xfb, 0xfa);

	(void)state;
	good_then(&cli);
	text[64 + 6] = 0xfb; /* another class */
	expect(REWRITE_UNDECODABLE, TEXT + 64);
	good_then(&cli);
	text[64 + 6] = 0x06; /* nothing in 64-bit mode */
	expect(REWRITE_UNDECODABLE, TEXT + 64);
	good_then(&cpuid)->insn_len = 1; /* cut off */
	expect(REWRITE_UNDECODABLE, TEXT + 64);
	good_then(&verw)->insn_len = 9; /* longer than the instruction */
	expect(REWRITE_UNDECODABLE, TEXT + 64);
	good_then(&two)->flags = AB_F_FUSED;
	expect(REWRITE_UNDECODABLE, TEXT + 64);
	good_then(&cli)->flags |= AB_F_FUSED;
	expect(REWRITE_UNDECODABLE, TEXT + 64);
}

static void test_no_room(void **state)
{
	static const struct sample short_cpuid = FOLLOWED("cpuid", CPUID, 2, 0x0f, 0xa2);
	static const struct sample short_swapgs = FOLLOWED("swapgs", SWAPGS, 1, 0x0f, 0x01, 0xf8);

	struct line line = {0};

	(void)state;
	good_then(&short_cpuid);
	expect(REWRITE_NO_ROOM, TEXT + 64);
	rewrite_explain(&failure, &line);
	assert_non_null(strstr(line.text, "no room"));
	assert_non_null(strstr(line.text, "class CPUID, address=0x"));
	assert_non_null(strstr(line.text, "needs 5 of 4 bytes"));
	assert_int_equal(failure.needed, 5);
	assert_int_equal(failure.there, 4);
	assert_int_equal(failure.class, AB_CLASS_CPUID);
	good_then(&short_swapgs);
	expect(REWRITE_NO_ROOM, TEXT + 64);
}

static void test_out_of_reach(void **state)
{
	static const struct sample *const samples[] = {&cli, &cpuid, &sti, &swapgs, &iretq};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		text_reset(NULL);
		text_at = UINT64_C(0x700000000000);
		text_put(0, samples[i]);
		expect(REWRITE_OUT_OF_REACH, text_at);
	}
}

/* --- what is left ---------------------------------------------------------------------- */

static void test_left(void **state)
{
	static const struct sample rdtsc = PREFIXED("rdtsc", RDTSC, 5, 0x0f, 0x31);
	static const struct sample pte =
		FOLLOWED("mov %rax, (%rdi)", PTE_WRITE, 5, 0x48, 0x89, 0x07);

	(void)state;
	text_put(0, &cli)->flags |= AB_F_COPIED;
	text_put(16, &cli)->flags |= AB_F_USER;
	text_put(32, &cli)->mode_version = AB_MODE_32 | AB_VERSION << AB_VERSION_SHIFT;
	text_put(48, &cli)->mode_version = AB_MODE_16 | AB_VERSION << AB_VERSION_SHIFT;
	text_put(64, &rdtsc);
	text_put(80, &pte);
	expect_ok();
	assert_memory_equal(text, kept_text, sizeof(text));
	assert_int_equal(counted(AB_CLASS_CLI, REWRITE_COPIED), 1);
	assert_int_equal(counted(AB_CLASS_CLI, REWRITE_FOREIGN), 3);
	assert_int_equal(counted(AB_CLASS_RDTSC, REWRITE_NATIVE), 1);
	assert_int_equal(counted(AB_CLASS_PTE_WRITE, REWRITE_NATIVE), 1);
	for (unsigned i = 0; i < TEXT_BYTES; i++)
		assert_null(rewrite_site_at(TEXT + i));
}

/* Moves of segment bases: native, or called where they are kept. */
static void test_bases(void **state)
{
	static const struct sample rdgsbase =
		PREFIXED("rdgsbase %eax", RDGSBASE, 3, 0xf3, 0x0f, 0xae, 0xc8);

	(void)state;
	text_put(0, &rdgsbase);
	expect_ok();
	assert_int_equal(counted(AB_CLASS_RDGSBASE, REWRITE_NATIVE), 1);
	keeps_bases = true;
	record_count = 0;
	text_put(0, &rdgsbase);
	text_put(16, &swapgs);
	expect_ok();
	assert_int_equal(counted(AB_CLASS_RDGSBASE, REWRITE_CALL), 1);
	assert_int_equal(counted(AB_CLASS_SWAPGS, REWRITE_INLINE), 1);
}

static void test_markers(void **state)
{
	(void)state;
	text_put(0, &cli);
	*text_put(0, &cli) =
		(struct ab_annot){.class = AB_CLASS_MODE,
				  .mode_version = AB_MODE_32 | AB_VERSION << AB_VERSION_SHIFT};
	assert_int_equal(text_rewrite(), REWRITE_OK);
	assert_int_equal(report.total, 1);
}

static const struct insn *insn_at(unsigned offset)
{
	const struct site *site = rewrite_site_at(TEXT + offset);

	assert_non_null(site);
	assert_int_equal(site->start, TEXT + offset);
	return &site->insn;
}

static void test_called(void **state)
{
	static const struct sample pte =
		FOLLOWED("mov %rax, (%rdi)", PTE_WRITE, 5, 0x48, 0x89, 0x07);
	static const struct sample hook = FOLLOWED("nopl", MODULE_LOAD, 0, 0x0f, 0x1f, 0x44, 0, 0);
	static const struct sample raw =
		SAMPLE("swapgs; nop; nop", SWAPGS, AB_F_RAW, 3, 0x0f, 0x01, 0xf8, 0x90, 0x90);
	static const struct sample fused = FOLLOWED("sti; hlt", STI_HLT, 6, 0xfb, 0xf4);
	static const struct sample lidt =
		SAMPLE("lidt 16(%rip)", LIDT, AB_F_PREFIX, 5, 0x0f, 0x01, 0x1d, 16, 0, 0, 0);

	(void)state;
	wanted = true;
	text_put(0, &pte);
	text_put(16, &hook);
	text_put(32, &raw);
	text_put(48, &fused)->flags |= AB_F_FUSED;
	text_put(64, &lidt);
	text_put(96, &cpuid);
	expect_ok();
	assert_int_equal(insn_at(0)->class, AB_CLASS_PTE_WRITE);
	assert_int_equal(insn_at(16)->class, AB_CLASS_MODULE_LOAD);
	assert_int_equal(insn_at(16)->length, 5);
	assert_int_equal(insn_at(32)->class, AB_CLASS_SWAPGS);
	assert_int_equal(insn_at(48)->class, AB_CLASS_STI_HLT);
	assert_int_equal(insn_at(48)->second, 1);
	assert_int_equal(insn_at(48)->length, 2);
	assert_int_equal(insn_at(64)->rm_kind, INSN_RM_RIP);
	/* from the site's start + length, where the pad stands in front */
	assert_int_equal(insn_at(64)->disp, 16 + 5);
	assert_int_equal(insn_at(96)->class, AB_CLASS_CPUID);
	assert_int_equal(counted(AB_CLASS_CPUID, REWRITE_CALL), 1);
	assert_int_equal(counted(AB_CLASS_SWAPGS, REWRITE_STUB), 1);
	assert_int_equal(text[96 + 2], 0xe8); /* the call is last: it returns behind the site */
}

/* Only the site's own bytes change, and where only a call fits, it is one. */
static void test_borders(void **state)
{
	static const struct sample small = FOLLOWED("cli", CLI, 5, 0xfa);

	(void)state;
	text_put(100, &cli);
	text_put(TEXT_BYTES - 7, &sti);
	text_put(200, &small);
	expect_ok();
	assert_int_equal(counted(AB_CLASS_CLI, REWRITE_INLINE), 1);
	assert_int_equal(counted(AB_CLASS_CLI, REWRITE_CALL), 1);
	for (unsigned i = 0; i < TEXT_BYTES; i++)
		if (!rewrite_site_at(TEXT + i))
			assert_int_equal(text[i], 0xcc);
	assert_memory_equal(rewrite_site_at(TEXT + 103)->original, kept_text + 100, 7);
}

/* A site that ends with its page, the next one not mapped. */
static void test_page_end(void **state)
{
	mword end = CODE_AT + CODE_PAGES * PAGE_SIZE;

	(void)state;
	assert_int_equal(machine_rewrite(end - 7, &cli, &report, &failure), REWRITE_OK);
	assert_int_equal(machine_rewrite(end - 7 - 8, &swapgs, &report, &failure), REWRITE_OK);
}

/* --- texts ------------------------------------------------------------------------------- */

static unsigned lines;
static void count_line(void *context, const char *line, size_t length)
{
	(void)context;
	lines++;
	if (lines == 1)
		assert_memory_equal(line, "CLI ", 4);
	assert_true(length > 10);
}

static void test_texts(void **state)
{
	(void)state;
	for (int error = REWRITE_OK; error <= REWRITE_FULL; error++)
		assert_non_null(rewrite_error_text((enum rewrite_error)error));
	for (int outcome = 0; outcome < REWRITE_OUTCOMES; outcome++)
		assert_string_not_equal(rewrite_outcome_text((enum rewrite_outcome)outcome), "?");
	assert_true(rewrite_rows() <= REWRITE_ROWS);
	assert_string_equal(rewrite_row_name((unsigned)rewrite_row(AB_CLASS_SWAPGS)), "SWAPGS");
	assert_int_equal(rewrite_row(0x0177), -1);
	text_put(0, &cli);
	text_put(16, &sti);
	text_put(32, &sti)->flags |= AB_F_COPIED;
	expect_ok();
	lines = 0;
	rewrite_print(&report, count_line, NULL);
	assert_int_equal(lines, 3);
}

#define TEST(name) cmocka_unit_test_setup(name, text_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_records), TEST(test_bad_size),	 TEST(test_overlap),
		TEST(test_unreadable),	TEST(test_unwritable),	 TEST(test_undecodable),
		TEST(test_no_room),	TEST(test_out_of_reach), TEST(test_left),
		TEST(test_bases),	TEST(test_markers),	 TEST(test_called),
		TEST(test_borders),	TEST(test_page_end),	 TEST(test_texts),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
