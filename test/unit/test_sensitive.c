/* SPDX-License-Identifier: BSD-2-Clause */
/* The checker's own table: consistent, complete against annot.h, and right about real bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "asrewrite/forms.h"
#include "asrewrite/rules.h"
#include "asrewrite/sensitive.h"
#include "rules/annot.h"

static struct ab_decoder decoder;

#define M16 (1 << AB_MODE_16)
#define M32 (1 << AB_MODE_32)
#define M64 (1 << AB_MODE_64)
#define OLD (M16 | M32)
#define ALL (M16 | M32 | M64)

/* Encodings from the manuals. In modes not named the bytes are not of this class. */
struct encoding {
	const char *bytes; /* all of one instruction */
	uint8_t len, modes;
	uint16_t class;
};

#define E(string, modes, class)                                                                    \
	{                                                                                          \
		string, sizeof(string) - 1, modes, AB_CLASS_##class                                \
	}
/* clang-format off */
static const struct encoding encodings[] = {
	E("\xfa", ALL, CLI), E("\xfb", ALL, STI), E("\x9c", ALL, PUSHF), E("\x9d", ALL, POPF),
	E("\x66\x9c", ALL, PUSHF), E("\x66\x9d", ALL, POPF),
	E("\xf3\x0f\x01\xee", M64, CLUI), E("\xf3\x0f\x01\xef", M64, STUI),
	E("\x0f\x20\xc0", ALL, MOV_FROM_CR), E("\x0f\x22\xd8", ALL, MOV_TO_CR),
	E("\x44\x0f\x20\xc0", M64, MOV_FROM_CR), E("\xf0\x0f\x22\xc0", ALL, MOV_TO_CR),
	E("\xf0\x0f\x20\xc0", ALL, MOV_FROM_CR),
	E("\x0f\x21\xf8", ALL, MOV_FROM_DR), E("\x0f\x23\xf8", ALL, MOV_TO_DR),
	E("\x0f\x24\xf0", OLD, MOV_TR), E("\x0f\x26\xf0", OLD, MOV_TR),
	E("\x0f\x06", ALL, CLTS), E("\x0f\x01\xf0", ALL, LMSW), E("\x0f\x01\xe0", ALL, SMSW),
	E("\x0f\x01\xd0", ALL, XGETBV), E("\x0f\x01\xd1", ALL, XSETBV),
	E("\x0f\x01\x17", ALL, LGDT), E("\x0f\x01\x1f", ALL, LIDT), E("\x0f\x00\xd0", ALL, LLDT),
	E("\x0f\x00\xd8", ALL, LTR), E("\x0f\x01\x07", ALL, SGDT), E("\x0f\x01\x0f", ALL, SIDT),
	E("\x0f\x00\xc0", ALL, SLDT), E("\x0f\x00\xc8", ALL, STR),
	E("\x0f\x02\xc0", ALL, LAR), E("\x0f\x03\xc0", ALL, LSL), E("\x0f\x00\xe0", ALL, VERR),
	E("\x0f\x00\xe8", ALL, VERW), E("\x63\xc0", OLD, ARPL),
	E("\x8c\xd8", ALL, MOV_FROM_SEG), E("\x8e\xd0", ALL, MOV_TO_SEG),
	E("\x48\x8c\xc8", M64, MOV_FROM_SEG),
	E("\x06", OLD, PUSH_SEG), E("\x0e", OLD, PUSH_SEG), E("\x16", OLD, PUSH_SEG),
	E("\x1e", OLD, PUSH_SEG), E("\x0f\xa0", ALL, PUSH_SEG), E("\x0f\xa8", ALL, PUSH_SEG),
	E("\x07", OLD, POP_SEG), E("\x17", OLD, POP_SEG), E("\x1f", OLD, POP_SEG),
	E("\x0f\xa1", ALL, POP_SEG), E("\x0f\xa9", ALL, POP_SEG),
	E("\xc5\x07", OLD, LOAD_FAR), E("\xc4\x07", OLD, LOAD_FAR), E("\x0f\xb2\x07", ALL, LOAD_FAR),
	E("\x0f\xb4\x07", ALL, LOAD_FAR), E("\x0f\xb5\x07", ALL, LOAD_FAR),
	E("\x0f\x01\xf8", M64, SWAPGS),
	E("\xf3\x0f\xae\xc0", M64, RDFSBASE), E("\xf3\x0f\xae\xc8", M64, RDGSBASE),
	E("\xf3\x0f\xae\xd0", M64, WRFSBASE), E("\xf3\x48\x0f\xae\xd8", M64, WRGSBASE),
	E("\xf2\x0f\x00\xf0", M64, LKGS), E("\xf2\x41\x0f\x00\x74\x24\x08", M64, LKGS),
	E("\xf2\x0f\x00\x35\x01\x02\x03\x04", M64, LKGS),
	E("\xcf", ALL, IRET), E("\x66\xcf", ALL, IRET), E("\x48\xcf", M64, IRET),
	E("\xcb", ALL, LRET), E("\xca\x08\x00", ALL, LRET), E("\x48\xcb", M64, LRET),
	E("\xea\x00\x10\x08\x00", M16, LJMP), E("\xea\x00\x10\x20\x00\x08\x00", M32, LJMP),
	E("\xff\x2f", ALL, LJMP), E("\x48\xff\x2f", M64, LJMP),
	E("\x9a\x00\x10\x20\x00\x08\x00", M32, LCALL), E("\xff\x1f", ALL, LCALL),
	E("\xcd\x80", ALL, INT), E("\xcd\x03", ALL, INT), E("\xce", OLD, INT),
	E("\x0f\x05", M64, SYSCALL), E("\x0f\x07", M64, SYSRET), E("\x48\x0f\x07", M64, SYSRET),
	E("\x0f\x34", ALL, SYSENTER), E("\x0f\x35", ALL, SYSEXIT),
	E("\xf3\x0f\x01\xec", M64, UIRET), E("\xf2\x0f\x01\xca", M64, ERET),
	E("\xf3\x0f\x01\xca", M64, ERET), E("\x0f\xaa", ALL, RSM),
	E("\xe4\x60", ALL, IN), E("\xed", ALL, IN), E("\xe6\x60", ALL, OUT), E("\xee", ALL, OUT),
	E("\x6c", ALL, INS), E("\x66\x6d", ALL, INS), E("\xf3\x6d", ALL, INS),
	E("\x6e", ALL, OUTS), E("\xf3\x66\x6f", ALL, OUTS),
	E("\x0f\x32", ALL, RDMSR), E("\x0f\x30", ALL, WRMSR), E("\x0f\x01\xc6", ALL, WRMSR),
	E("\xf2\x0f\x01\xc6", M64, RDMSR), E("\xf3\x0f\x01\xc6", M64, WRMSR),
	E("\x0f\x31", ALL, RDTSC), E("\x0f\x01\xf9", ALL, RDTSCP), E("\x0f\x33", ALL, RDPMC),
	E("\x0f\x01\xfd", ALL, RDPMC), E("\xf3\x0f\xc7\xf8", ALL, RDPID), E("\x0f\xa2", ALL, CPUID),
	E("\xf3\x0f\x3a\xf0\xc0\x01", ALL, HRESET), E("\x0f\x01\xc5", ALL, PCONFIG),
	E("\x0f\x01\x3f", ALL, INVLPG), E("\x66\x0f\x38\x82\x07", ALL, INVPCID),
	E("\x0f\x08", ALL, INVD), E("\x0f\x09", ALL, WBINVD), E("\xf3\x0f\x09", ALL, WBINVD),
	E("\x0f\x01\xfe", ALL, INVLPGB), E("\x0f\x01\xff", ALL, TLBSYNC),
	E("\x0f\x01\xe8", ALL, SERIALIZE),
	E("\xf4", ALL, HLT), E("\x0f\x01\xc8", ALL, MONITOR), E("\x0f\x01\xfa", ALL, MONITOR),
	E("\xf3\x0f\xae\xf0", ALL, MONITOR), E("\x0f\x01\xc9", ALL, MWAIT),
	E("\x0f\x01\xfb", ALL, MWAIT), E("\xf2\x0f\xae\xf0", ALL, MWAIT),
	E("\x66\x0f\xae\xf0", ALL, MWAIT),
	E("\x0f\x01\xca", ALL, CLAC), E("\x0f\x01\xcb", ALL, STAC),
	E("\x0f\x01\xee", ALL, RDPKRU), E("\x0f\x01\xef", ALL, WRPKRU),
	E("\x0f\xc7\x2f", ALL, XSAVES), E("\x48\x0f\xc7\x2f", M64, XSAVES),
	E("\x0f\xc7\x1f", ALL, XRSTORS), E("\x48\x0f\xc7\x1f", M64, XRSTORS),
	E("\x0f\xae\x2f", ALL, XRSTOR), E("\x48\x0f\xae\x2f", M64, XRSTOR),
	E("\xf3\x0f\x01\xe8", ALL, SHADOW_STACK), E("\xf3\x0f\xae\x37", ALL, SHADOW_STACK),
	E("\x66\x0f\x38\xf5\x07", ALL, SHADOW_STACK),
	E("\xf3\x0f\x38\xdc\xc1", ALL, LOADIWKEY), E("\xf3\x0f\x38\xf8\x07", ALL, ENQCMDS),
	E("\x0f\x01\xc1", ALL, VMCALL), E("\x0f\x01\xd9", ALL, VMCALL),
	E("\xf3\x0f\x01\xd9", ALL, VMCALL),
	E("\x0f\x01\xc2", ALL, VMX), E("\x0f\x01\xc4", ALL, VMX), E("\x0f\x78\xc0", ALL, VMX),
	E("\xf3\x0f\xc7\x37", ALL, VMX), E("\x66\x0f\x38\x80\x07", ALL, VMX),
	E("\x0f\x01\xd8", ALL, SVM), E("\x0f\x01\xdc", ALL, SVM), E("\x0f\x01\xdf", ALL, SVM),
	E("\xf2\x0f\x01\xff", ALL, SNP), E("\xf3\x0f\x01\xff", M64, SNP),
	E("\xf3\x0f\x01\xfd", M64, SNP),
	E("\x66\x0f\x01\xcc", ALL, TDX), E("\x66\x0f\x01\xcf", M64, TDX),
	E("\x0f\x01\xcf", ALL, SGX), E("\x0f\x01\xc0", ALL, SGX), E("\x0f\x37", ALL, GETSEC),
};

/* Innocuous, in all modes in which they are instructions at all. */
static const struct encoding innocuous[] = {
	E("\x90", ALL, MODE), E("\xcc", ALL, MODE), E("\xf1", ALL, MODE), E("\x0f\x0b", ALL, MODE),
	E("\xf3\x90", ALL, MODE), E("\xc3", ALL, MODE), E("\xc2\x08\x00", ALL, MODE),
	E("\xff\x27", ALL, MODE), E("\xff\x17", ALL, MODE), E("\xff\x37", ALL, MODE),
	E("\x50", ALL, MODE), E("\x58", ALL, MODE), E("\x89\xc0", ALL, MODE),
	E("\x0f\xae\x07", ALL, MODE) /* fxsave */, E("\x0f\xae\x27", ALL, MODE) /* xsave */,
	E("\x0f\xae\x37", ALL, MODE) /* xsaveopt */,
	E("\x0f\xc7\x27", ALL, MODE) /* xsavec */, E("\x0f\xae\xf8", ALL, MODE) /* sfence */,
	E("\x0f\xae\xf0", ALL, MODE) /* mfence */, E("\xf3\x0f\x1e\xfa", ALL, MODE) /* endbr64 */,
	E("\x0f\xc7\xf0", ALL, MODE) /* rdrand */, E("\x0f\x01\xd7", ALL, MODE) /* enclu */,
	E("\x0f\x1f\x00", ALL, MODE), E("\xf2\x0f\x38\xf8\x07", ALL, MODE) /* enqcmd */,
	E("\x0f\x01\xfc", ALL, MODE) /* clzero */, E("\x98", ALL, MODE),
};
/* clang-format on */

static void classes_of_encodings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		const struct encoding *e = &encodings[i];

		for (uint8_t mode = AB_MODE_16; mode <= AB_MODE_64; mode++) {
			struct ab_insn insn;
			bool good =
				ab_decode(&decoder, mode, (const uint8_t *)e->bytes, e->len, &insn);
			bool is = good && insn.class == e->class && insn.length == e->len;

			if (!!(e->modes & 1 << mode) == is)
				continue;
			/* syscall and sysret: Intel has them in 64-bit code only, AMD everywhere */
			if (is && (e->class == AB_CLASS_SYSCALL || e->class == AB_CLASS_SYSRET))
				continue;
			fail_msg("encoding %zu (%s), mode %u: class %#x, length %u", i,
				 ab_class_name(e->class), mode, good ? insn.class : 0,
				 good ? insn.length : 0);
		}
	}
}

static void innocuous_encodings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(innocuous) / sizeof(innocuous[0]); i++)
		for (uint8_t mode = AB_MODE_16; mode <= AB_MODE_64; mode++) {
			struct ab_insn insn;

			if (ab_decode(&decoder, mode, (const uint8_t *)innocuous[i].bytes,
				      innocuous[i].len, &insn) &&
			    insn.class)
				fail_msg("innocuous %zu, mode %u: class %s", i, mode,
					 ab_class_name(insn.class));
		}
}

static void every_class_is_reached(void **state)
{
#define CLASS(group, number, name, sensitive) {AB_CLASS_##name, sensitive},
	static const struct {
		uint16_t class;
		bool sensitive;
	} classes[] = {AB_CLASSES(CLASS)};
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const struct ab_sensitive *table = ab_sensitive_table(&count);
		uint16_t class = classes[i].class;
		bool fused = class == AB_CLASS_STI_HLT || class == AB_CLASS_STI_MWAIT ||
			     class == AB_CLASS_STI_SYSEXIT;
		bool in_table = false, in_test = false;

		for (size_t j = 0; j < count; j++)
			in_table |= table[j].class == class;
		for (size_t j = 0; j < (ab_encoding_table(&count), count); j++)
			in_table |= ab_encoding_table(&count)[j].class == class;
		for (size_t j = 0; j < sizeof(encodings) / sizeof(encodings[0]); j++)
			in_test |= encodings[j].class == class;
		if (in_table != (classes[i].sensitive && !fused) || in_test != in_table)
			fail_msg("class %s: in table %d, in test %d", ab_class_name(class),
				 in_table, in_test);
	}
}

static bool same_row(const struct ab_sensitive *a, const struct ab_sensitive *b)
{
	return a->mnemonic == b->mnemonic && a->map == b->map && a->opcode == b->opcode &&
	       a->reg == b->reg;
}

static void table_is_consistent(void **state)
{
	size_t count;
	const struct ab_sensitive *table = ab_sensitive_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_true(ab_class_is_sensitive(table[i].class));
		assert_true((table[i].map == AB_ANY) == (table[i].opcode == AB_ANY));
		for (size_t j = i + 1; j < count; j++) {
			assert_false(same_row(&table[i], &table[j]));
			/* rows of a mnemonic stand together, and ANY is its only row */
			if (table[j].mnemonic != table[i].mnemonic)
				continue;
			assert_int_equal(table[j - 1].mnemonic, table[i].mnemonic);
			assert_int_not_equal(table[i].map, AB_ANY);
			assert_int_not_equal(table[j].map, AB_ANY);
		}
	}
}

static void hand_table_is_consistent(void **state)
{
	size_t count;
	const struct ab_encoding *table = ab_encoding_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_true(ab_class_is_sensitive(table[i].class));
		assert_int_equal(table[i].reg & ~table[i].mask, 0);
		assert_true(table[i].modes && !(table[i].modes & ~ALL));
		for (size_t j = i + 1; j < count; j++)
			assert_false(table[i].opcode == table[j].opcode &&
				     table[i].prefix == table[j].prefix &&
				     table[i].reg == table[j].reg);
	}
}

/* Whatever the bytes: no read behind the end, no length beyond it. */
static void truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		for (uint64_t len = 0; len < encodings[i].len; len++)
			for (uint8_t mode = AB_MODE_16; mode <= AB_MODE_64; mode++) {
				uint8_t copy[16];
				struct ab_insn insn;

				memset(copy, 0xee, sizeof(copy));
				memcpy(copy + sizeof(copy) - len, encodings[i].bytes, len);
				if (ab_decode(&decoder, mode, copy + sizeof(copy) - len, len,
					      &insn))
					assert_true(insn.length && insn.length <= len);
			}
}

static void unknown_mode(void **state)
{
	struct ab_insn insn;

	(void)state;
	assert_false(ab_decode(&decoder, AB_MODE_OTHER, (const uint8_t *)"\xfa", 1, &insn));
	assert_false(ab_decode(&decoder, 15, (const uint8_t *)"\xfa", 1, &insn));
}

static void pads(void **state)
{
	static const struct {
		const char *bytes;
		uint8_t len, modes;
	} cases[] = {
		{"\x90", 1, ALL},
		{"\x66\x90", 2, ALL},
		{"\x0f\x1f\x44\x00\x00", 5, M32 | M64},
		{"\x66\x0f\x1f\x84\x00\x00\x00\x00\x00", 9, M32 | M64},
		{"\x89\xf6", 2, OLD},		  /* mov %esi, %esi clears the upper half */
		{"\x8d\x76\x00", 3, M32},	  /* lea 0(%esi), %esi */
		{"\x48\x8d\x76\x00", 4, M64},	  /* lea 0(%rsi), %rsi */
		{"\x3e\x8d\x74\x26\x00", 5, M32}, /* lea %ds:0(%esi,%eiz), %esi */
		{"\x8d\x74\x00", 3, M16},	  /* lea 0(%si), %si */
		{"\x8d\x76\x01", 3, 0},		  /* lea 1(%esi), %esi */
		{"\x8d\x7e\x00", 3, 0},		  /* lea 0(%esi), %edi */
		{"\x89\xf7", 2, 0},		  /* mov %esi, %edi */
		{"\x90\xfa", 2, 0},		  /* nop; cli */
		{"\x0f\x1f\x44\x00", 4, M16},	  /* cut off, but for 16-bit code */
		{"\xcc", 1, 0},
		{"", 0, ALL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint8_t mode = AB_MODE_16; mode <= AB_MODE_64; mode++)
			if (ab_is_pad(&decoder, mode, (const uint8_t *)cases[i].bytes,
				      cases[i].len) != !!(cases[i].modes & 1 << mode))
				fail_msg("pad %zu in mode %u", i, mode);
}

static void names(void **state)
{
	static const struct {
		const char *bytes;
		uint8_t len, mode;
		const char *mnemonic, *form;
	} cases[] = {
		{"\xfa", 1, AB_MODE_64, "cli", "cli"},
		{"\xfb\xf4", 2, AB_MODE_64, "sti; hlt", "sti; hlt"},
		{"\x0f\x20\xd8", 3, AB_MODE_64, "mov from cr", "mov r64, cr3"},
		{"\x0f\x22\xd8", 3, AB_MODE_32, "mov to cr", "mov cr3, r32"},
		{"\xe6\x80", 2, AB_MODE_64, "out", "out imm8, al"},
		{"\xed", 1, AB_MODE_64, "in", "in eax, dx"},
		{"\x8e\xd8", 2, AB_MODE_64, "mov to seg", "mov ds, r16"},
		{"\x0f\x00\x2f", 3, AB_MODE_64, "verw", "verw m16"},
		{"\xea\x00\x10\x20\x00\x08\x00", 7, AB_MODE_32, "ljmp", "ljmp ptr16:32"},
		{"\xf3\x6d", 2, AB_MODE_64, "insd", "rep insd"},
		{"\xf2\x0f\x01\xca", 4, AB_MODE_64, "erets", "erets"},
		{"\x06", 1, AB_MODE_64, "(bad)", "(bad)"},
	};
	char text[64], tiny[4];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *bytes = (const uint8_t *)cases[i].bytes;

		ab_name_mnemonic(&decoder, cases[i].mode, bytes, cases[i].len, text, sizeof(text));
		assert_string_equal(text, cases[i].mnemonic);
		ab_name_form(&decoder, cases[i].mode, bytes, cases[i].len, text, sizeof(text));
		assert_string_equal(text, cases[i].form);
		ab_name_form(&decoder, cases[i].mode, bytes, cases[i].len, tiny, sizeof(tiny));
		assert_true(strlen(tiny) < sizeof(tiny));
	}
}

static void disassembly(void **state)
{
	char text[64];

	(void)state;
	ab_disassemble(&decoder, AB_MODE_64, (const uint8_t *)"\x0f\x22\xd8", 3, 0, text,
		       sizeof(text));
	assert_string_equal(text, "mov %rax, %cr3");
	ab_disassemble(&decoder, AB_MODE_64, (const uint8_t *)"\x06", 1, 0, text, sizeof(text));
	assert_string_equal(text, "(bad)");
	ab_disassemble(&decoder, AB_MODE_64, (const uint8_t *)"\x0f\x01\xc6", 3, 0, text,
		       sizeof(text));
	assert_string_equal(text, "wrmsrns");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_of_encodings),
		cmocka_unit_test(innocuous_encodings),
		cmocka_unit_test(every_class_is_reached),
		cmocka_unit_test(table_is_consistent),
		cmocka_unit_test(hand_table_is_consistent),
		cmocka_unit_test(truncated),
		cmocka_unit_test(unknown_mode),
		cmocka_unit_test(pads),
		cmocka_unit_test(names),
		cmocka_unit_test(disassembly),
	};

	ab_decoder_init(&decoder);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
