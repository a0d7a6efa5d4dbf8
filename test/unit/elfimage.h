/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small x86 ELF files made in memory: one section of code, records, symbols.
 * Every byte is at a known place, so that tests can break it.
 */
#ifndef AFTERBURN_TEST_ELFIMAGE_H
#define AFTERBURN_TEST_ELFIMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include "asrewrite/annotdb.h"

#define TEXT_ADDRESS 0x401000u
#define NOTE_ADDRESS 0x402000u

enum { S_NULL, S_TEXT, S_NOTE, S_RELA, S_SYMTAB, S_STRTAB, S_SHSTRTAB, S_COUNT };

/* What goes in. Records have `start` as an offset into the code. */
struct recipe {
	bool linked; /* ET_EXEC: no relocations */
	bool is_386; /* ELFCLASS32, SHT_REL */
	const char *code;
	size_t code_len;
	struct ab_annot records[8];
	unsigned nrecords;
	struct {
		const char *name;
		unsigned offset, size, type;
	} symbols[8];
	unsigned nsymbols;
	const char *section; /* of the code; NULL: .text */
	uint32_t reloc_type; /* 0: PC32 */
};

#define CODE(string) .code = (string), .code_len = sizeof(string) - 1
#define V64	     (AB_MODE_64 | AB_VERSION << AB_VERSION_SHIFT)
#define V32	     (AB_MODE_32 | AB_VERSION << AB_VERSION_SHIFT)

struct image {
	uint8_t bytes[4096]; /* aligned as malloc would, see below */
	size_t size;
	size_t headers; /* file offset of the section headers */
	size_t offsets[S_COUNT], sizes[S_COUNT];
} __attribute__((aligned(16)));

static inline size_t image_add(struct image *image, int section, const void *data, size_t len)
{
	size_t at = (image->size + 7) & ~(size_t)7;

	if (at + len > sizeof(image->bytes))
		abort();
	memcpy(image->bytes + at, data, len);
	image->offsets[section] = at;
	image->sizes[section] = len;
	image->size = at + len;
	return at;
}

static inline void image_records(struct image *image, const struct recipe *recipe)
{
	struct ab_annot records[8];

	memcpy(records, recipe->records, sizeof(records));
	for (unsigned i = 0; i < recipe->nrecords; i++) {
		int32_t here = (int32_t)(NOTE_ADDRESS + i * AB_RECORD_SIZE);

		if (recipe->linked)
			records[i].start += (int32_t)TEXT_ADDRESS - here;
		else if (!recipe->is_386)
			records[i].start = 0;
	}
	image_add(image, S_NOTE, records, recipe->nrecords * AB_RECORD_SIZE);
}

static inline void image_relocs(struct image *image, const struct recipe *recipe)
{
	Elf64_Rela with[8] = {0};
	Elf32_Rel without[8] = {0};
	uint32_t type = recipe->reloc_type ? recipe->reloc_type : 2; /* R_*_PC32 */

	for (unsigned i = 0; i < recipe->nrecords; i++) {
		with[i] = (Elf64_Rela){i * AB_RECORD_SIZE, ELF64_R_INFO(1ul, type),
				       recipe->records[i].start};
		without[i] = (Elf32_Rel){i * AB_RECORD_SIZE, ELF32_R_INFO(1u, type)};
	}
	if (recipe->is_386)
		image_add(image, S_RELA, without, recipe->nrecords * sizeof(*without));
	else
		image_add(image, S_RELA, with, recipe->nrecords * sizeof(*with));
}

static inline void image_symbols(struct image *image, const struct recipe *recipe)
{
	Elf64_Sym wide[10] = {{0}, {.st_info = STT_SECTION, .st_shndx = S_TEXT}};
	Elf32_Sym narrow[10] = {{0}, {.st_info = STT_SECTION, .st_shndx = S_TEXT}};
	char strings[256] = "";
	size_t used = 1;

	for (unsigned i = 0; i < recipe->nsymbols; i++) {
		unsigned value = recipe->symbols[i].offset + (recipe->linked ? TEXT_ADDRESS : 0);
		unsigned char info =
			(unsigned char)ELF64_ST_INFO(STB_GLOBAL, recipe->symbols[i].type);

		wide[i + 2] = (Elf64_Sym){(Elf64_Word)used, info,  0,
					  S_TEXT,	    value, recipe->symbols[i].size};
		narrow[i + 2] = (Elf32_Sym){
			(Elf32_Word)used, value, recipe->symbols[i].size, info, 0, S_TEXT};
		strcpy(strings + used, recipe->symbols[i].name);
		used += strlen(recipe->symbols[i].name) + 1;
	}
	if (recipe->linked)
		wide[1].st_value = TEXT_ADDRESS;
	if (recipe->is_386)
		image_add(image, S_SYMTAB, narrow, (recipe->nsymbols + 2) * sizeof(*narrow));
	else
		image_add(image, S_SYMTAB, wide, (recipe->nsymbols + 2) * sizeof(*wide));
	image_add(image, S_STRTAB, strings, used);
}

static inline Elf64_Shdr image_header(const struct image *image, const struct recipe *recipe,
				      int section, unsigned name)
{
	Elf64_Shdr header = {.sh_name = name,
			     .sh_offset = image->offsets[section],
			     .sh_size = image->sizes[section],
			     .sh_addralign = 1};

	switch (section) {
	case S_TEXT:
	case S_NOTE:
		header.sh_type = SHT_PROGBITS;
		header.sh_flags = SHF_ALLOC | (section == S_TEXT ? SHF_EXECINSTR : 0);
		if (recipe->linked)
			header.sh_addr = section == S_TEXT ? TEXT_ADDRESS : NOTE_ADDRESS;
		break;
	case S_RELA:
		header.sh_type = recipe->is_386 ? SHT_REL : SHT_RELA;
		header.sh_link = S_SYMTAB;
		header.sh_info = S_NOTE;
		header.sh_entsize = recipe->is_386 ? sizeof(Elf32_Rel) : sizeof(Elf64_Rela);
		break;
	case S_SYMTAB:
		header.sh_type = SHT_SYMTAB;
		header.sh_link = S_STRTAB;
		header.sh_entsize = recipe->is_386 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym);
		break;
	default:
		header.sh_type = section ? SHT_STRTAB : SHT_NULL;
		break;
	}
	return header;
}

static inline void image_headers(struct image *image, const struct recipe *recipe)
{
	const char *names[S_COUNT] = {"",	  recipe->section ? recipe->section : ".text",
				      AB_SECTION, ".rela" AB_SECTION,
				      ".symtab",  ".strtab",
				      ".shstrtab"};
	Elf64_Shdr wide[S_COUNT];
	Elf32_Shdr narrow[S_COUNT];
	unsigned name_at[S_COUNT];
	char strings[256];
	size_t used = 0;

	for (int i = 0; i < S_COUNT; i++) {
		name_at[i] = (unsigned)used;
		strcpy(strings + used, names[i]);
		used += strlen(names[i]) + 1;
	}
	image_add(image, S_SHSTRTAB, strings, used);
	for (int i = 0; i < S_COUNT; i++) {
		Elf64_Shdr h = wide[i] = image_header(image, recipe, i, name_at[i]);

		narrow[i] = (Elf32_Shdr){h.sh_name,
					 h.sh_type,
					 (Elf32_Word)h.sh_flags,
					 (Elf32_Addr)h.sh_addr,
					 (Elf32_Off)h.sh_offset,
					 (Elf32_Word)h.sh_size,
					 h.sh_link,
					 h.sh_info,
					 1,
					 (Elf32_Word)h.sh_entsize};
	}
	if (recipe->is_386)
		image->headers = image_add(image, S_NULL, narrow, sizeof(narrow));
	else
		image->headers = image_add(image, S_NULL, wide, sizeof(wide));
}

static inline void image_make(struct image *image, const struct recipe *recipe)
{
	unsigned char ident[EI_NIDENT] = {
		0x7f,	     'E',	'L', 'F', recipe->is_386 ? ELFCLASS32 : ELFCLASS64,
		ELFDATA2LSB, EV_CURRENT};
	uint16_t type = recipe->linked ? ET_EXEC : ET_REL;
	Elf64_Ehdr wide = {.e_type = type, .e_machine = EM_X86_64, .e_version = EV_CURRENT};
	Elf32_Ehdr narrow = {.e_type = type, .e_machine = EM_386, .e_version = EV_CURRENT};

	memset(image, 0, sizeof(*image));
	image->size = sizeof(wide);
	image_add(image, S_TEXT, recipe->code, recipe->code_len);
	image_records(image, recipe);
	image_relocs(image, recipe);
	if (recipe->linked)
		image->sizes[S_RELA] = 0;
	image_symbols(image, recipe);
	image_headers(image, recipe);
	memcpy(wide.e_ident, ident, sizeof(ident));
	memcpy(narrow.e_ident, ident, sizeof(ident));
	wide.e_ehsize = sizeof(wide);
	narrow.e_ehsize = sizeof(narrow);
	wide.e_shoff = image->headers;
	narrow.e_shoff = (Elf32_Off)image->headers;
	wide.e_shentsize = sizeof(Elf64_Shdr);
	narrow.e_shentsize = sizeof(Elf32_Shdr);
	wide.e_shnum = narrow.e_shnum = S_COUNT;
	wide.e_shstrndx = narrow.e_shstrndx = S_SHSTRTAB;
	if (recipe->is_386)
		memcpy(image->bytes, &narrow, sizeof(narrow));
	else
		memcpy(image->bytes, &wide, sizeof(wide));
}

/* Section header `section` of a 64-bit image, to break it. */
static inline Elf64_Shdr *image_section(struct image *image, int section)
{
	return (Elf64_Shdr *)(image->bytes + image->headers) + section;
}

/* A file opened from an image: exactly its bytes on the heap, so that ASan sees every overrun. */
struct opened {
	void *bytes;
	struct ab_elf elf;
	struct ab_annotdb db;
};

static inline int open_bytes(struct opened *opened, const void *bytes, size_t size)
{
	int status;

	memset(opened, 0, sizeof(*opened));
	opened->bytes = malloc(size ? size : 1);
	if (!opened->bytes)
		abort();
	memcpy(opened->bytes, bytes, size);
	status = ab_elf_open_image(&opened->elf, "image", opened->bytes, size);
	if (status)
		free(opened->bytes);
	else
		ab_annotdb_read(&opened->db, &opened->elf);
	return status;
}

static inline void open_recipe(struct opened *opened, const struct recipe *recipe)
{
	struct image image;

	image_make(&image, recipe);
	assert_int_equal(open_bytes(opened, image.bytes, image.size), 0);
}

static inline void close_opened(struct opened *opened)
{
	ab_annotdb_free(&opened->db);
	ab_elf_close(&opened->elf);
	free(opened->bytes);
}

#endif
