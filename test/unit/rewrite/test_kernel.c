/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole kernel, rewritten in memory. Another decoder reads the result: every site is
 * exactly filled by valid instructions, of the kind its class asks for, and every
 * byte outside of sites is the kernel's own.
 */
#include "machine.h"

#include <Zydis/Zydis.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_SKIP 77

static uint8_t *image, *original;
static size_t image_size;
static mword records, records_size;
static struct rewrite_report report;

static const Elf64_Ehdr *header(void)
{
	return (const Elf64_Ehdr *)original;
}

/* The file's bytes at a link address; NULL: none. */
static uint8_t *at(mword va, size_t length)
{
	const Elf64_Phdr *phdr = (const Elf64_Phdr *)(original + header()->e_phoff);

	for (unsigned i = 0; i < header()->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD && va >= phdr[i].p_vaddr &&
		    va - phdr[i].p_vaddr + length <= phdr[i].p_filesz)
			return image + phdr[i].p_offset + (va - phdr[i].p_vaddr);
	return NULL;
}

static bool image_read(const struct code_view *view, mword va, void *to, size_t length)
{
	const uint8_t *from = at(va, length);

	(void)view;
	if (from)
		memcpy(to, from, length);
	return from;
}

static bool image_write(const struct code_view *view, mword va, const void *from, size_t length)
{
	uint8_t *to = at(va, length);

	(void)view;
	if (to)
		memcpy(to, from, length);
	return to;
}

static bool load(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file)
		return false;
	fseek(file, 0, SEEK_END);
	image_size = (size_t)ftell(file);
	rewind(file);
	image = malloc(image_size);
	original = malloc(image_size);
	assert_int_equal(fread(original, 1, image_size, file), image_size);
	fclose(file);
	memcpy(image, original, image_size);
	return true;
}

static void find_records(void)
{
	const Elf64_Shdr *shdr = (const Elf64_Shdr *)(original + header()->e_shoff);
	const char *names = (const char *)original + shdr[header()->e_shstrndx].sh_offset;

	for (unsigned i = 0; i < header()->e_shnum; i++) {
		if (strcmp(names + shdr[i].sh_name, AB_SECTION) == 0) {
			records = shdr[i].sh_addr;
			records_size = shdr[i].sh_size;
		}
	}
	assert_true(records_size > 0);
}

static void print_line(void *context, const char *line, size_t length)
{
	(void)context;
	printf("    %.*s\n", (int)length, line);
}

static void test_rewrite_kernel(void **state)
{
	static const struct code_view view = {image_read, image_write};
	struct rewrite_failure failure;
	enum rewrite_error error;

	(void)state;
	error = rewrite(&view, records, records_size, UINT64_C(0xffffffff80000000),
			UINT64_C(0xffffffffff000000), &report, &failure);
	if (error)
		fail_msg("%s at %#lx, class %s, %u of %u bytes", rewrite_error_text(error),
			 failure.address, rewrite_row_name((unsigned)rewrite_row(failure.class)),
			 failure.needed, failure.there);
	rewrite_print(&report, print_line, NULL);
	assert_true(report.total > 1000);
}

/* The instruction that stands for the class; NOPs may be around it. */
static ZydisMnemonic expected(const struct site *site)
{
	const struct insn *insn = &site->insn;

	switch (insn->class) {
	case AB_CLASS_CLI:
		return ZYDIS_MNEMONIC_MOV;
	case AB_CLASS_MOV_FROM_CR:
	case AB_CLASS_MOV_FROM_SEG:
		return insn->rm_kind == INSN_RM_REG ? ZYDIS_MNEMONIC_MOV : ZYDIS_MNEMONIC_CALL;
	case AB_CLASS_SWAPGS:
		return keeps_bases ? ZYDIS_MNEMONIC_NOT : ZYDIS_MNEMONIC_JMP;
	case AB_CLASS_IRET:
	case AB_CLASS_SYSRET:
	case AB_CLASS_VERW:
		return ZYDIS_MNEMONIC_JMP;
	case AB_CLASS_PTE_WRITE: /* as long as there are thunks */
		return site->thunk != SITE_NO_THUNK ? ZYDIS_MNEMONIC_JMP : ZYDIS_MNEMONIC_CALL;
	default:
		return ZYDIS_MNEMONIC_CALL;
	}
}

static void check_site(const ZydisDecoder *decoder, const struct site *site)
{
	const uint8_t *bytes = at(site->start, site->total);
	ZydisDecodedInstruction insn;
	unsigned found = 0;

	for (unsigned i = 0; i < site->total; i += insn.length) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder, NULL, bytes + i,
								site->total - i, &insn)))
			fail_msg("%#lx: no instruction", site->start + i);
		if (insn.mnemonic == ZYDIS_MNEMONIC_NOP)
			continue;
		found++;
		if (insn.mnemonic != expected(site))
			fail_msg("%#lx: class %#x became %s", site->start, site->insn.class,
				 ZydisMnemonicGetString(insn.mnemonic));
	}
	assert_int_equal(found, 1);
}

static void test_every_site(void **state)
{
	ZydisDecoder decoder;
	size_t sites = 0;

	(void)state;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (mword va = records; va < records + records_size; va += AB_RECORD_SIZE) {
		const struct ab_annot *annot = (const struct ab_annot *)at(va, AB_RECORD_SIZE);
		mword start = va + (mword)(int64_t)annot->start;
		const struct site *site = rewrite_site_before(start + annot->total_len);

		if (!site || site->start != start || annot->class == AB_CLASS_MODE)
			continue;
		sites++;
		check_site(&decoder, site);
		/* put back: what then differs was not the site's */
		memcpy(at(start, site->total), site->original, site->total);
	}
	assert_true(sites > 1000);
	assert_memory_equal(image, original, image_size);
}

/* For a back-end that keeps the segment bases and wants to know of every page-table write. */
static void test_other_back_end(void **state)
{
	machine_reset(NULL);
	keeps_bases = wanted = true;
	test_rewrite_kernel(state);
	test_every_site(state);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rewrite_kernel),
		cmocka_unit_test(test_every_site),
		cmocka_unit_test(test_other_back_end),
	};

	if (argc != 2 || !load(argv[1])) {
		printf("skipped: no kernel\n");
		return EXIT_SKIP;
	}
	find_records();
	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
