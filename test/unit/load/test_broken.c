/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are wrong in every way the loader names, and cut off at every byte. */
#include "kernel.h"

/* psABI 1.0, table 4.9 */
#define R_PC32 2
#define R_32   10
#define R_32S  11

static uint8_t ram[RAM_SIZE];

struct state {
	struct kernel kernel;
	struct load_area area;
	struct load_request request;
	struct load_result result;
	struct load_failure failure;
};

static int setup(void **state)
{
	struct state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->kernel = kernel_read(GUEST_HIGH);
	s->request = kernel_request(&s->kernel, ram, &s->area);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct state *s = *state;

	kernel_free(&s->kernel);
	free(s);
	return 0;
}

/* The first relocation of the type behind the symbol. */
static struct elf_rela *rela_of(struct state *s, const char *symbol, uint32_t type)
{
	uint64_t start = kernel_symbol(&s->kernel, symbol);
	struct elf_section *section = kernel_shdr(&s->kernel, ".rela.text");

	for (unsigned i = 0; i < section->size / sizeof(struct elf_rela); i++) {
		struct elf_rela *rela = kernel_rela(&s->kernel, ".rela.text", i);

		if (rela->offset >= start && rela->type == type)
			return rela;
	}
	fail_msg("no relocation behind %s", symbol);
	return NULL;
}

static void expect(struct state *s, enum load_error error)
{
	bool loaded = load_kernel(&s->request, &s->result, &s->failure);

	if (loaded || s->failure.error != error)
		fail_msg("got: %s; want: %s", load_error_text(s->failure.error),
			 load_error_text(error));
}

/* --- headers ---------------------------------------------------------------------- */

struct header_case {
	enum load_error error;
	void (*damage)(struct state *s);
};

#define DAMAGE(name) static void name(struct state *s)

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

/* --- relocations ------------------------------------------------------------------------ */

DAMAGE(rela_outside)
{
	kernel_rela(&s->kernel, ".rela.data", 0)->offset = kernel_symbol(&s->kernel, "cell") - 1000;
}
DAMAGE(rela_at_end)
{
	struct elf_section *data = kernel_shdr(&s->kernel, ".data");

	kernel_rela(&s->kernel, ".rela.data", 0)->offset = data->addr + data->size - 7;
}
DAMAGE(rela_small_section)
{
	kernel_shdr(&s->kernel, ".data")->size = 3;
}
DAMAGE(rela_symbol)
{
	kernel_rela(&s->kernel, ".rela.data", 0)->symbol = 0xffffffff;
}
DAMAGE(rela_type)
{
	kernel_rela(&s->kernel, ".rela.data", 0)->type = 200;
}
DAMAGE(rela_pc8)
{
	kernel_rela(&s->kernel, ".rela.data", 0)->type = 15;
}
DAMAGE(rela_got)
{
	rela_of(s, "relative", R_PC32)->type = 42;
}
DAMAGE(word_mismatch)
{
	*kernel_at(&s->kernel, kernel_symbol(&s->kernel, "pointers")) ^= 1;
}
DAMAGE(half_mismatch)
{
	kernel_at(&s->kernel, rela_of(s, "mov_lea", R_32S)->offset)[3] ^= 1;
}
DAMAGE(word_value)
{
	struct elf_rela *rela = kernel_rela(&s->kernel, ".rela.data", 0);

	uint64_t word;

	memcpy(&word, kernel_at(&s->kernel, rela->offset), 8);
	word += UINT64_C(1) << 40;
	rela->addend += INT64_C(1) << 40;
	memcpy(kernel_at(&s->kernel, rela->offset), &word, 8);
}
DAMAGE(half_value)
{
	rela_of(s, "mov_lea", R_32S)->type = R_32;
}
DAMAGE(relative_far)
{
	rela_of(s, "relative", R_PC32)->symbol = 0;
}
DAMAGE(data_narrow)
{
	uint64_t narrow = kernel_symbol(&s->kernel, "narrow");
	struct elf_section *section = kernel_shdr(&s->kernel, ".rela.data");

	for (unsigned i = 0; i < section->size / sizeof(struct elf_rela); i++) {
		struct elf_rela *rela = kernel_rela(&s->kernel, ".rela.data", i);

		if (rela->offset != narrow)
			continue;
		rela->type = R_32S;
		rela->addend += (int64_t)LINKED_HIGH;
		kernel_at(&s->kernel, narrow)[3] ^= 0x80;
	}
}

/* --- text ----------------------------------------------------------------------------------- */

DAMAGE(text_imul) /* imul $sym, %rdi, %rax: has no other form */
{
	kernel_at(&s->kernel, rela_of(s, "mov_lea", R_32S)->offset)[-2] = 0x69;
}
DAMAGE(text_gs) /* %gs:sym(,%rdi,8): one byte more, taken from a label in front */
{
	kernel_at(&s->kernel, kernel_symbol(&s->kernel, "absolute_calls"))[0] = 0x65;
	kernel_at(&s->kernel, kernel_symbol(&s->kernel, "absolute_calls"))[1] = 0xff;
	kernel_at(&s->kernel, kernel_symbol(&s->kernel, "absolute_calls"))[2] = 0x35;
}
DAMAGE(text_lost)
{
	kernel_at(&s->kernel, kernel_symbol(&s->kernel, "mov_lea"))[0] = 0x06;
}
DAMAGE(text_copied)
{
	kernel_shdr(&s->kernel, ".text")->name =
		kernel_shdr(&s->kernel, ".altinstr_replacement")->name;
}
DAMAGE(text_faulting)
{
	uint64_t entry = kernel_symbol(&s->kernel, "ex_entry");
	int32_t distance = (int32_t)(kernel_symbol(&s->kernel, "loads") - entry);

	memcpy(kernel_at(&s->kernel, entry), &distance, 4);
}
DAMAGE(area_none)
{
	s->request.area = NULL;
}
DAMAGE(area_empty)
{
	s->area.bytes = NULL;
}
DAMAGE(area_small)
{
	s->area.size = 100;
}
DAMAGE(area_used)
{
	s->area.used = s->area.size + 1;
}
DAMAGE(area_far)
{
	s->area.va = MOVED_HIGH + UINT64_C(0x80200000 + 0x100000);
}
DAMAGE(no_room_for_literals)
{
	kernel_shdr(&s->kernel, AB_LAYOUT_SECTION)->size = AB_LAYOUT_RECORD_SIZE;
}

static const struct header_case cases[] = {
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
	{LOAD_E_LITERALS_FULL, names_nowhere}, /* for there are no layout records */
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
	{LOAD_E_RELOC_OUTSIDE, rela_outside},
	{LOAD_E_RELOC_OUTSIDE, rela_at_end},
	{LOAD_E_RELOC_OUTSIDE, rela_small_section},
	{LOAD_E_RELOC_SYMBOL, rela_symbol},
	{LOAD_E_RELOC_TYPE, rela_type},
	{LOAD_E_RELOC_TYPE, rela_pc8},
	{LOAD_E_RELOC_GOT, rela_got},
	{LOAD_E_RELOC_MISMATCH, word_mismatch},
	{LOAD_E_RELOC_MISMATCH, half_mismatch},
	{LOAD_E_RELOC_VALUE, word_value},
	{LOAD_E_RELOC_VALUE, half_value},
	{LOAD_E_RELOC_FAR, relative_far},
	{LOAD_E_RELOC_NARROW, data_narrow},
	{LOAD_E_TEXT_UNKNOWN, text_imul},
	{LOAD_E_TEXT_UNKNOWN, text_gs},
	{LOAD_E_TEXT_LOST, text_lost},
	{LOAD_E_TEXT_COPIED, text_copied},
	{LOAD_E_TEXT_FAULTING, text_faulting},
	{LOAD_E_AREA_FAR, area_none},
	{LOAD_E_AREA_FAR, area_empty},
	{LOAD_E_AREA_FULL, area_small},
	{LOAD_E_AREA_FULL, area_used},
	{LOAD_E_AREA_FAR, area_far},
	{LOAD_E_LITERALS_FULL, no_room_for_literals},
};

static void test_damage(void **state)
{
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool loaded;
		struct state *s;

		setup((void **)&s);
		cases[i].damage(s);
		loaded = load_kernel(&s->request, &s->result, &s->failure);
		if (loaded || s->failure.error != cases[i].error)
			fail_msg("case %u: got: %s; want: %s", i, load_error_text(s->failure.error),
				 load_error_text(cases[i].error));
		teardown((void **)&s);
	}
	(void)state;
}

static void test_failure_says_where(void **state)
{
	struct state *s = *state;
	struct elf_rela *rela = rela_of(s, "mov_lea", R_32S);
	uint64_t start = kernel_symbol(&s->kernel, "mov_lea");

	text_imul(s);
	expect(s, LOAD_E_TEXT_UNKNOWN);
	assert_int_equal(s->failure.section, kernel_section(&s->kernel, ".rela.text"));
	assert_ptr_equal(kernel_rela(&s->kernel, ".rela.text", (unsigned)s->failure.index), rela);
	assert_int_equal(s->failure.address, start);
	assert_int_equal(s->failure.value, kernel_symbol(&s->kernel, "table"));
	assert_int_equal(s->failure.count, 7);
	assert_memory_equal(s->failure.bytes, kernel_at(&s->kernel, start), 7);
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
		cmocka_unit_test_setup_teardown(test_failure_says_where, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flipped_bytes, setup, teardown),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
