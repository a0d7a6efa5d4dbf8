/* SPDX-License-Identifier: BSD-2-Clause */
/* Files whose headers and records are wrong in every way the loader names, cut off at
 * every byte, changed in every byte. */
#include "damage.h"

/* --- headers ---------------------------------------------------------------------- */

DAMAGE(no_magic)
{
	s->kernel.bytes[1] = 'e';
}
DAMAGE(is_32_bit)
{
	s->kernel.bytes[4] = 1;
}
DAMAGE(big_endian)
{
	s->kernel.bytes[5] = 2;
}
DAMAGE(relocatable)
{
	kernel_header(&s->kernel)->type = 1;
}
DAMAGE(other_machine)
{
	kernel_header(&s->kernel)->machine = 3;
}
DAMAGE(segment_table_far)
{
	kernel_header(&s->kernel)->phoff = UINT64_MAX - 7;
}
DAMAGE(segment_table_long)
{
	kernel_header(&s->kernel)->phnum = 0xfffe;
}
DAMAGE(segment_entries)
{
	kernel_header(&s->kernel)->phentsize = 57;
}
DAMAGE(segments_extended)
{
	kernel_header(&s->kernel)->phnum = 0xffff;
}
DAMAGE(section_table_far)
{
	kernel_header(&s->kernel)->shoff = UINT64_MAX;
}
DAMAGE(section_entries)
{
	kernel_header(&s->kernel)->shentsize = 40;
}
DAMAGE(names_section)
{
	kernel_header(&s->kernel)->shstrndx = kernel_header(&s->kernel)->shnum;
}
DAMAGE(names_nowhere) /* a string table without bytes: no section has a name */
{
	kernel_shdr(&s->kernel, ".shstrtab")->offset = UINT64_MAX;
	((struct elf_section *)(s->kernel.bytes + s->kernel.elf.header.shoff) +
	 s->kernel.elf.header.shstrndx)
		->type = ELF_SHT_NOBITS;
}
DAMAGE(segment_file_far)
{
	kernel_segment(&s->kernel, 0)->offset = UINT64_MAX - 15;
}
DAMAGE(segment_file_long)
{
	kernel_segment(&s->kernel, 0)->filesz = s->kernel.size;
}
DAMAGE(segment_memory_short)
{
	kernel_segment(&s->kernel, 0)->memsz = kernel_segment(&s->kernel, 0)->filesz - 1;
}
DAMAGE(segment_wraps)
{
	kernel_segment(&s->kernel, 1)->paddr = UINT64_MAX - 15;
}
DAMAGE(segment_virtual_wraps)
{
	kernel_segment(&s->kernel, 1)->vaddr = UINT64_MAX - 15;
}
DAMAGE(segment_outside)
{
	kernel_segment(&s->kernel, 1)->paddr = RAM_SIZE - 16;
}
DAMAGE(segment_huge)
{
	kernel_segment(&s->kernel, 1)->memsz = UINT64_C(1) << 40;
	kernel_segment(&s->kernel, 1)->vaddr = 0;
}
DAMAGE(little_memory)
{
	s->request.ram_size = 0x200010;
}
DAMAGE(segments_overlap)
{
	kernel_segment(&s->kernel, 1)->paddr = kernel_segment(&s->kernel, 0)->paddr + 8;
}
DAMAGE(segments_overlap_virtually)
{
	kernel_segment(&s->kernel, 1)->vaddr = kernel_segment(&s->kernel, 0)->vaddr + 8;
}
DAMAGE(segment_elsewhere)
{
	kernel_segment(&s->kernel, 1)->vaddr = UINT64_C(1) << 40;
}
DAMAGE(no_segments)
{
	kernel_header(&s->kernel)->phnum = 0;
}
DAMAGE(no_kernel_segments)
{
	kernel_segment(&s->kernel, 0)->vaddr = 0x1000;
	kernel_segment(&s->kernel, 1)->vaddr = 0x9000;
}
DAMAGE(entry_outside)
{
	kernel_header(&s->kernel)->entry = 0x100000;
}
DAMAGE(entry_in_data)
{
	kernel_header(&s->kernel)->entry = kernel_segment(&s->kernel, 1)->paddr;
}
DAMAGE(section_far)
{
	kernel_shdr(&s->kernel, ".debug_info")->offset = UINT64_MAX - 3;
}
DAMAGE(section_wraps)
{
	kernel_shdr(&s->kernel, ".bss")->size = UINT64_MAX;
}
DAMAGE(rela_entries)
{
	kernel_shdr(&s->kernel, ".rela.text")->entsize = 12;
}
DAMAGE(rela_link)
{
	kernel_shdr(&s->kernel, ".rela.text")->link = 99;
}
DAMAGE(rela_no_symtab)
{
	kernel_shdr(&s->kernel, ".rela.text")->link = kernel_section(&s->kernel, ".strtab");
}
DAMAGE(rela_target)
{
	kernel_shdr(&s->kernel, ".rela.text")->info = 0x80000000;
}
DAMAGE(symtab_strings)
{
	kernel_shdr(&s->kernel, ".symtab")->link = 0xffff0000;
}
DAMAGE(annotations_elsewhere)
{
	kernel_shdr(&s->kernel, AB_SECTION)->addr = 0x5000;
}

/* --- deltas, layout ------------------------------------------------------------------ */

DAMAGE(delta_small)
{
	s->request.delta[AB_LAYOUT_IMAGE] = INT64_C(1) << 38;
}
DAMAGE(delta_odd)
{
	s->request.delta[AB_LAYOUT_VMALLOC] = 0x800;
}
DAMAGE(base_not_canonical)
{
	s->request.delta[AB_LAYOUT_IMAGE] = -(INT64_C(1) << 47);
}
DAMAGE(no_relocations)
{
	for (unsigned i = 0; i < s->kernel.elf.header.shnum; i++) {
		struct elf_section *section =
			(struct elf_section *)(s->kernel.bytes + s->kernel.elf.header.shoff) + i;

		if (section->type == ELF_SHT_RELA)
			section->type = 1;
	}
}
static struct ab_layout *record(struct state *s, unsigned i)
{
	return (struct ab_layout *)(s->kernel.bytes +
				    kernel_shdr(&s->kernel, AB_LAYOUT_SECTION)->offset) +
	       i;
}
DAMAGE(layout_cut)
{
	kernel_shdr(&s->kernel, AB_LAYOUT_SECTION)->size = 9;
}
DAMAGE(layout_version)
{
	record(s, 0)->version = 2;
}
DAMAGE(layout_kind)
{
	record(s, 1)->kind = AB_LAYOUT_KINDS;
}
DAMAGE(layout_kind_0)
{
	record(s, 1)->kind = 0;
}
DAMAGE(layout_far)
{
	record(s, 0)->word = INT32_MIN;
}
DAMAGE(layout_edge)
{
	uint64_t here = kernel_shdr(&s->kernel, AB_LAYOUT_SECTION)->addr;

	record(s, 0)->word = (int32_t)(kernel_symbol(&s->kernel, "end") - 7 - here);
}
DAMAGE(layout_on_itself)
{
	record(s, 0)->word = 1;
}
DAMAGE(layout_overlap)
{
	record(s, 1)->word = record(s, 0)->word - 8 - 7;
	record(s, 0)->kind = record(s, 1)->kind = AB_LAYOUT_VMEMMAP; /* delta 0 */
}
DAMAGE(layout_on_relocation)
{
	record(s, 0)->word -= 12; /* the middle of a pointer in front */
}

static const struct damage_case cases[] = {
	{LOAD_E_NOT_ELF, no_magic},
	{LOAD_E_WRONG_ELF, is_32_bit},
	{LOAD_E_WRONG_ELF, big_endian},
	{LOAD_E_WRONG_ELF, relocatable},
	{LOAD_E_WRONG_ELF, other_machine},
	{LOAD_E_TRUNCATED, segment_table_far},
	{LOAD_E_TRUNCATED, segment_table_long},
	{LOAD_E_BAD_HEADER, segment_entries},
	{LOAD_E_BAD_HEADER, segments_extended},
	{LOAD_E_TRUNCATED, section_table_far},
	{LOAD_E_BAD_HEADER, section_entries},
	{LOAD_E_BAD_HEADER, names_section},
	{LOAD_E_NO_LAYOUT, names_nowhere},
	{LOAD_E_TRUNCATED, segment_file_far},
	{LOAD_E_TRUNCATED, segment_file_long},
	{LOAD_E_BAD_HEADER, segment_memory_short},
	{LOAD_E_BAD_HEADER, segment_wraps},
	{LOAD_E_BAD_HEADER, segment_virtual_wraps},
	{LOAD_E_SEGMENT_OUTSIDE, segment_outside},
	{LOAD_E_SEGMENT_OUTSIDE, segment_huge},
	{LOAD_E_SEGMENT_OUTSIDE, little_memory},
	{LOAD_E_SEGMENT_OVERLAP, segments_overlap},
	{LOAD_E_SEGMENT_OVERLAP, segments_overlap_virtually},
	{LOAD_E_SEGMENT_WINDOW, segment_elsewhere},
	{LOAD_E_NO_SEGMENTS, no_segments},
	{LOAD_E_NO_SEGMENTS, no_kernel_segments},
	{LOAD_E_ENTRY_OUTSIDE, entry_outside},
	{LOAD_E_ENTRY_OUTSIDE, entry_in_data},
	{LOAD_E_TRUNCATED, section_far},
	{LOAD_E_BAD_HEADER, section_wraps},
	{LOAD_E_BAD_HEADER, rela_entries},
	{LOAD_E_BAD_HEADER, rela_link},
	{LOAD_E_BAD_HEADER, rela_no_symtab},
	{LOAD_E_BAD_HEADER, rela_target},
	{LOAD_E_BAD_HEADER, symtab_strings},
	{LOAD_E_BAD_HEADER, annotations_elsewhere},
	{LOAD_E_BAD_DELTA, delta_small},
	{LOAD_E_BAD_DELTA, delta_odd},
	{LOAD_E_BAD_BASE, base_not_canonical},
	{LOAD_E_NO_RELOCATIONS, no_relocations},
	{LOAD_E_LAYOUT_SIZE, layout_cut},
	{LOAD_E_LAYOUT_VERSION, layout_version},
	{LOAD_E_LAYOUT_KIND, layout_kind},
	{LOAD_E_LAYOUT_KIND, layout_kind_0},
	{LOAD_E_LAYOUT_OUTSIDE, layout_far},
	{LOAD_E_LAYOUT_OUTSIDE, layout_edge},
	{LOAD_E_LAYOUT_OUTSIDE, layout_on_itself},
	{LOAD_E_LAYOUT_OVERLAP, layout_overlap},
	{LOAD_E_LAYOUT_RELOCATED, layout_on_relocation},
};

static void test_damage(void **state)
{
	(void)state;
	run_damage(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_too_many_segments(void **state)
{
	struct state *s = *state;
	size_t size = s->kernel.size + 17 * sizeof(struct elf_segment);
	uint8_t *bytes = calloc(1, size);

	assert_non_null(bytes);
	memcpy(bytes, s->kernel.bytes, s->kernel.size);
	((struct elf_header *)bytes)->phoff = s->kernel.size;
	((struct elf_header *)bytes)->phnum = 17;
	for (unsigned i = 0; i < 17; i++) {
		struct elf_segment segment = {.type = ELF_PT_LOAD,
					      .vaddr = LINKED_HIGH + i * 4096,
					      .paddr = i * 4096,
					      .memsz = 1};

		memcpy(bytes + s->kernel.size + i * sizeof(segment), &segment, sizeof(segment));
	}
	s->request.file = bytes;
	s->request.file_size = size;
	expect(s, LOAD_E_TOO_MANY_SEGMENTS);
	free(bytes);
}

/* Whatever is cut off, the loader says so. Each copy has its size, for ASan. */
static void test_truncation(void **state)
{
	struct state *s = *state;

	for (size_t size = 0; size < s->kernel.size; size++) {
		uint8_t *bytes = malloc(size ? size : 1);

		assert_non_null(bytes);
		memcpy(bytes, s->kernel.bytes, size);
		s->request.file = bytes;
		s->request.file_size = size;
		assert_false(load_kernel(&s->request, &s->result, &s->failure));
		assert_in_range(s->failure.error, LOAD_E_NOT_ELF, LOAD_E_TRUNCATED);
		free(bytes);
	}
}

/* Every byte of the file changed, in turn, to some other values. */
static void test_flipped_bytes(void **state)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	struct state *s = *state;

	for (size_t i = 0; i < s->kernel.size; i++)
		for (unsigned m = 0; m < sizeof(masks); m++) {
			s->area.used = 0;
			s->kernel.bytes[i] ^= masks[m];
			load_kernel(&s->request, &s->result, &s->failure);
			s->kernel.bytes[i] ^= masks[m];
		}
	s->area.used = 0;
	assert_true(load_kernel(&s->request, &s->result, &s->failure));
}

static void test_texts(void **state)
{
	(void)state;
	for (int i = 0; i < LOAD_ERROR_COUNT; i++)
		assert_non_null(load_error_text(i));
	for (int i = 0; i < LOAD_COUNT_KINDS; i++)
		assert_non_null(load_count_text(i));
	assert_non_null(load_error_text(LOAD_ERROR_COUNT));
	assert_non_null(load_count_text(LOAD_COUNT_KINDS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damage),
		cmocka_unit_test_setup_teardown(test_too_many_segments, damage_setup,
						damage_teardown),
		cmocka_unit_test_setup_teardown(test_truncation, damage_setup, damage_teardown),
		cmocka_unit_test_setup_teardown(test_flipped_bytes, damage_setup, damage_teardown),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
