/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading ELF files and annotation records: good ones, broken ones, hostile ones. */
#include "test/unit/elfimage.h"

#include "asrewrite/diag.h"
#include "asrewrite/sweep.h"

#include <fcntl.h>
#include <unistd.h>

static const struct recipe plain = {
	CODE("\x90\xfa\x0f\x1f\x44\x00\x00\xc3"),
	.records = {{1, AB_CLASS_CLI, 6, 0, 1, V64, AB_F_EXTABLE}},
	.nrecords = 1,
	.symbols = {{"f", 0, 8, STT_FUNC}},
	.nsymbols = 1,
};

static void expect_site(const struct opened *opened, uint64_t offset)
{
	const struct ab_annotation *annotation = &opened->db.list[0];

	assert_int_equal(opened->db.count, 1);
	assert_int_equal(annotation->fault, AB_FAULT_NONE);
	assert_int_equal(annotation->section, S_TEXT);
	assert_int_equal(annotation->offset, offset);
	assert_int_equal(annotation->record.class, AB_CLASS_CLI);
	assert_int_equal(annotation->record.flags, AB_F_EXTABLE);
	assert_int_equal(ab_insn_end(annotation), offset + 1);
	assert_int_equal(ab_site_end(annotation), offset + 6);
}

static void relocatable(void **state)
{
	struct opened opened;

	(void)state;
	open_recipe(&opened, &plain);
	assert_true(opened.elf.relocatable);
	assert_int_equal(opened.elf.mode, AB_MODE_64);
	expect_site(&opened, 1);
	close_opened(&opened);
}

static void linked(void **state)
{
	struct recipe recipe = plain;
	struct opened opened;

	(void)state;
	recipe.linked = true;
	open_recipe(&opened, &recipe);
	assert_false(opened.elf.relocatable);
	expect_site(&opened, 1);
	assert_string_equal(ab_elf_symbol_at(&opened.elf, S_TEXT, 5)->name, "f");
	close_opened(&opened);
}

/* i386 has no addends in its relocations: the field holds the offset. */
static void relocatable_386(void **state)
{
	struct recipe recipe = plain;
	struct opened opened;

	(void)state;
	recipe.is_386 = true;
	recipe.records[0].mode_version = V32;
	open_recipe(&opened, &recipe);
	assert_int_equal(opened.elf.mode, AB_MODE_32);
	expect_site(&opened, 1);
	close_opened(&opened);
	recipe.linked = true;
	open_recipe(&opened, &recipe);
	expect_site(&opened, 1);
	close_opened(&opened);
}

static void faults(void **state)
{
	static const struct {
		struct ab_annot record;
		enum ab_fault fault;
	} cases[] = {
		{{1, AB_CLASS_CLI, 6, 0, 1, V64, 0}, AB_FAULT_NONE},
		{{1, AB_CLASS_CLI, 6, 0, 1, AB_MODE_64 | 2 << AB_VERSION_SHIFT, 0},
		 AB_FAULT_VERSION},
		{{1, AB_CLASS_CLI, 6, 0, 1, AB_MODE_64, 0}, AB_FAULT_VERSION},
		{{1, AB_CLASS_CLI, 6, 0, 1, AB_MODE_OTHER | AB_VERSION << AB_VERSION_SHIFT, 0},
		 AB_FAULT_MODE},
		{{1, 0x7777, 6, 0, 1, V64, 0}, AB_FAULT_CLASS},
		{{1, AB_CLASS_CLI, 6, 0, 0, V64, 0}, AB_FAULT_LENGTH},
		{{1, AB_CLASS_CLI, 6, 5, 2, V64, 0}, AB_FAULT_LENGTH},
		{{1, AB_CLASS_CLI, 0, 0, 1, V64, 0}, AB_FAULT_LENGTH},
		{{1, AB_CLASS_CLI, 255, 250, 255, V64, 0}, AB_FAULT_LENGTH},
		{{1, AB_CLASS_MODE, 0, 0, 0, V32, 0}, AB_FAULT_NONE},
		{{8, AB_CLASS_MODE, 0, 0, 0, V32, 0}, AB_FAULT_NONE}, /* at the section's end */
		{{1, AB_CLASS_MODE, 1, 0, 1, V32, 0}, AB_FAULT_LENGTH},
		{{3, AB_CLASS_CLI, 6, 0, 1, V64, 0}, AB_FAULT_OUTSIDE},
		{{9, AB_CLASS_CLI, 1, 0, 1, V64, 0}, AB_FAULT_OUTSIDE},
		{{-1, AB_CLASS_CLI, 1, 0, 1, V64, 0}, AB_FAULT_OUTSIDE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int is_linked = 0; is_linked < 2; is_linked++) {
			struct recipe recipe = plain;
			struct opened opened;

			recipe.linked = is_linked;
			recipe.records[0] = cases[i].record;
			open_recipe(&opened, &recipe);
			assert_int_equal(opened.db.count, 1);
			if (opened.db.list[0].fault != cases[i].fault)
				fail_msg("case %zu: fault `%s', want `%s'", i,
					 ab_fault_text(opened.db.list[0].fault),
					 ab_fault_text(cases[i].fault));
			close_opened(&opened);
		}
}

static void wrong_relocation(void **state)
{
	struct recipe recipe = plain;
	struct opened opened;
	struct image image;

	(void)state;
	recipe.reloc_type = R_X86_64_32;
	open_recipe(&opened, &recipe);
	assert_int_equal(opened.db.list[0].fault, AB_FAULT_RELOCATION);
	close_opened(&opened);

	image_make(&image, &plain);
	image_section(&image, S_RELA)->sh_info = 0;
	assert_int_equal(open_bytes(&opened, image.bytes, image.size), 0);
	assert_int_equal(opened.db.list[0].fault, AB_FAULT_RELOCATION);
	close_opened(&opened);
}

/* Against an undefined symbol, and one with a number that no symbol has. */
static void wrong_symbol(void **state)
{
	struct opened opened;
	struct image image;
	Elf64_Rela *rela;

	(void)state;
	image_make(&image, &plain);
	rela = (Elf64_Rela *)(image.bytes + image.offsets[S_RELA]);
	rela->r_info = ELF64_R_INFO(0ul, R_X86_64_PC32);
	assert_int_equal(open_bytes(&opened, image.bytes, image.size), 0);
	assert_int_equal(opened.db.list[0].fault, AB_FAULT_OUTSIDE);
	close_opened(&opened);
	rela->r_info = ELF64_R_INFO(99ul, R_X86_64_PC32);
	assert_int_equal(open_bytes(&opened, image.bytes, image.size), 0);
	assert_int_equal(opened.db.list[0].fault, AB_FAULT_RELOCATION);
	close_opened(&opened);
}

static void torn(void **state)
{
	struct opened opened;
	struct image image;

	(void)state;
	image_make(&image, &plain);
	for (unsigned size = 1; size < 2 * AB_RECORD_SIZE; size++) {
		image_section(&image, S_NOTE)->sh_size = size;
		assert_int_equal(open_bytes(&opened, image.bytes, image.size), 0);
		assert_int_equal(opened.db.count, (size + AB_RECORD_SIZE - 1) / AB_RECORD_SIZE);
		if (size != AB_RECORD_SIZE)
			assert_int_not_equal(opened.db.list[0].fault, AB_FAULT_NONE);
		close_opened(&opened);
	}
}

static void order(void **state)
{
	struct recipe recipe = plain;
	struct opened opened;

	(void)state;
	recipe.records[0] = (struct ab_annot){3, AB_CLASS_STI, 1, 0, 1, V64, 0};
	recipe.records[1] = (struct ab_annot){1, AB_CLASS_CLI, 1, 0, 1, V64, 0};
	recipe.records[2] = (struct ab_annot){1, AB_CLASS_MODE, 0, 0, 0, V64, 0};
	recipe.records[3] = (struct ab_annot){1, AB_CLASS_MODE, 0, 0, 0, V32, 0};
	recipe.nrecords = 4;
	open_recipe(&opened, &recipe);
	assert_int_equal(opened.db.count, 4);
	/* markers first, in the file's order: the last one counts */
	assert_int_equal(opened.db.list[0].record.mode_version, V64);
	assert_int_equal(opened.db.list[1].record.mode_version, V32);
	assert_int_equal(opened.db.list[2].record.class, AB_CLASS_CLI);
	assert_int_equal(opened.db.list[3].record.class, AB_CLASS_STI);
	close_opened(&opened);
}

static void not_elf(void **state)
{
	struct opened opened;
	struct image image;
	struct ab_elf elf;

	(void)state;
	image_make(&image, &plain);
	((Elf64_Ehdr *)image.bytes)->e_machine = EM_AARCH64;
	assert_int_equal(open_bytes(&opened, image.bytes, image.size), AB_EXIT_INPUT);
	assert_int_equal(open_bytes(&opened, "", 0), AB_EXIT_INPUT);
	assert_int_equal(open_bytes(&opened,
				    "\x7f"
				    "ELF",
				    4),
			 AB_EXIT_INPUT);
	assert_int_equal(open_bytes(&opened, "int main(void) { return 0; }\n", 29), AB_EXIT_INPUT);
	assert_int_equal(ab_elf_open(&elf, "/nonexistent"), AB_EXIT_INPUT);
	assert_int_equal(ab_elf_open(&elf, "/"), AB_EXIT_INPUT);
}

/* ---- hostile files: no result is demanded, only sanity (run it with ASan) ---- */

static struct ab_decoder decoder;
static int kept_stderr;

/* What is wrong with each of them would be said thousands of times. */
static int silence(void **state)
{
	int null = open("/dev/null", O_WRONLY);

	(void)state;
	kept_stderr = dup(STDERR_FILENO);
	return null < 0 || dup2(null, STDERR_FILENO) < 0 || close(null);
}

static int speak(void **state)
{
	(void)state;
	return dup2(kept_stderr, STDERR_FILENO) < 0 || close(kept_stderr);
}

static void use(struct opened *opened)
{
	struct ab_elf_reloc *relocs;
	struct ab_sweep sweep;

	for (size_t i = 0; i < opened->db.count; i++) {
		const struct ab_annotation *annotation = &opened->db.list[i];

		assert_true(annotation->section < opened->elf.nsections);
		if (!annotation->fault)
			assert_true(ab_site_end(annotation) <=
				    opened->elf.sections[annotation->section].size);
	}
	for (uint32_t i = 0; i < opened->elf.nsections; i++) {
		size_t count = ab_elf_relocs(&opened->elf, i, &relocs, NULL);

		for (size_t j = 0; j < count; j++)
			assert_true(relocs[j].symbol < opened->elf.nsymbols &&
				    relocs[j].offset <= opened->elf.sections[i].size);
		free(relocs);
	}
	ab_sweep(&sweep, &opened->elf, &opened->db, &decoder, NULL);
	assert_int_equal(sweep.sensitive,
			 sweep.annotated + sweep.copied + sweep.excepted + sweep.unannotated);
	ab_sweep_free(&sweep);
}

static void try_bytes(const void *bytes, size_t size)
{
	struct opened opened;

	if (open_bytes(&opened, bytes, size) == 0) {
		use(&opened);
		close_opened(&opened);
	}
}

static void truncated(void **state)
{
	struct recipe recipe = plain;
	struct image image;

	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		recipe.is_386 = variant & 1;
		recipe.linked = variant & 2;
		image_make(&image, &recipe);
		for (size_t size = 0; size < image.size; size++)
			try_bytes(image.bytes, size);
	}
}

static const uint64_t nasty[] = {0,
				 1,
				 2,
				 7,
				 0x7fffffff,
				 0x80000000u,
				 0xfffffff0,
				 0xffffffff,
				 0x100000000ul,
				 INT64_MAX,
				 UINT64_MAX - 7,
				 UINT64_MAX};

/* Every field of every section header, with every nasty value. */
static void bad_headers(void **state)
{
	struct image image, broken;

	(void)state;
	image_make(&image, &plain);
	for (size_t at = image.headers; at + 8 <= image.size; at += 4)
		for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++)
			for (size_t width = 4; width <= 8; width += 4) {
				broken = image;
				memcpy(broken.bytes + at, &nasty[i], width);
				try_bytes(broken.bytes, broken.size);
			}
}

static void random_bytes(void **state)
{
	struct recipe recipe = plain;
	struct image image;
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		recipe.is_386 = round & 1;
		recipe.linked = round & 2;
		image_make(&image, &recipe);
		for (int i = 0; i < 4; i++) {
			seed = seed * 1664525 + 1013904223;
			image.bytes[(seed >> 8) % image.size] = (uint8_t)(seed >> 24);
		}
		try_bytes(image.bytes, image.size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relocatable),
		cmocka_unit_test(linked),
		cmocka_unit_test(relocatable_386),
		cmocka_unit_test(faults),
		cmocka_unit_test(wrong_relocation),
		cmocka_unit_test(wrong_symbol),
		cmocka_unit_test(torn),
		cmocka_unit_test(order),
		cmocka_unit_test_setup_teardown(not_elf, silence, speak),
		cmocka_unit_test_setup_teardown(truncated, silence, speak),
		cmocka_unit_test_setup_teardown(bad_headers, silence, speak),
		cmocka_unit_test_setup_teardown(random_bytes, silence, speak),
	};

	ab_decoder_init(&decoder);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
