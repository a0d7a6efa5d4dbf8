/* SPDX-License-Identifier: BSD-2-Clause */
/* Files whose relocations, or the instructions they name, are wrong in every way the
 * loader names. */
#include "damage.h"

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

static const struct damage_case cases[] = {
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
	(void)state;
	run_damage(cases, sizeof(cases) / sizeof(cases[0]));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damage),
		cmocka_unit_test_setup_teardown(test_failure_says_where, damage_setup,
						damage_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
