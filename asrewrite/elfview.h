/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file as the checker sees it: sections with their bytes, symbols by
 * index and by address, relocations by section. Everything handed out has been
 * checked against the size of the file, so that readers need no checks of
 * their own; a file that lies about its layout is refused or loses the part
 * that lies (a section without bytes, a symbol without section or name).
 */
#ifndef AFTERBURN_ELFVIEW_H
#define AFTERBURN_ELFVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ab_elf_section {
	const char *name;    /* never NULL */
	const uint8_t *data; /* `size` bytes, or NULL: none in the file */
	uint64_t addr, size; /* bytes; addr is 0 in relocatable files */
	uint64_t flags;	     /* SHF_* */
	uint32_t type;	     /* SHT_* */
	uint32_t link, info;
	uint32_t relocs; /* first section of relocations for this one, or 0 */
	uint32_t next;	 /* in a relocation section: the next one for the same section, or 0 */
};

struct ab_elf_symbol {
	const char *name;   /* never NULL */
	uint64_t value;	    /* as in the file */
	uint64_t offset;    /* in its section */
	uint64_t size;	    /* bytes, as in the file */
	uint32_t section;   /* 0: undefined, absolute, common or not believable */
	uint16_t shndx;	    /* as in the file (SHN_ABS, SHN_COMMON, ...) */
	uint8_t type, bind; /* STT_*, STB_* */
};

struct ab_elf_reloc {
	uint64_t offset; /* in the section */
	int64_t addend;	 /* of SHT_REL: what the section holds there */
	uint32_t type;	 /* R_X86_64_*, R_386_* */
	uint32_t symbol; /* index, always < nsymbols */
};

struct ab_elf {
	const char *path; /* borrowed from the caller */
	void *map;
	size_t size;
	struct Elf *handle;
	uint16_t type, machine; /* ET_*, EM_386 or EM_X86_64 */
	bool relocatable;	/* ET_REL: addresses are section offsets */
	bool mapped;		/* `map` is ours to unmap */
	uint8_t mode;		/* AB_MODE_32 or AB_MODE_64: how code is decoded by default */
	struct ab_elf_section *sections;
	uint32_t nsections;
	struct ab_elf_symbol *symbols;
	uint32_t nsymbols;
	uint32_t *by_address; /* symbols in sections, by section, offset, index */
	uint32_t naddressed;
};

/*
 * Open `path`, or `size` bytes at `image` under the name `path`. Returns 0, or
 * AB_EXIT_INPUT after saying what is wrong; then nothing is to be closed. The
 * image must be writable, stay until ab_elf_close(), and is not changed.
 */
int ab_elf_open(struct ab_elf *elf, const char *path);
int ab_elf_open_image(struct ab_elf *elf, const char *path, void *image, size_t size);
void ab_elf_close(struct ab_elf *elf);

/* True if section `i` holds instructions that run: allocated, executable, with bytes. */
bool ab_elf_is_code(const struct ab_elf *elf, uint32_t i);

/*
 * Relocations of section `i`, sorted by offset; *list is the caller's to free
 * and NULL if there are none. Returns their number. Those whose offset or
 * symbol is outside are left out and counted in *bad (may be NULL).
 */
size_t ab_elf_relocs(const struct ab_elf *elf, uint32_t i, struct ab_elf_reloc **list, size_t *bad);

/* Bytes that a relocation of this type changes: 1, 2, 4 or 8; 0 for none. */
unsigned ab_elf_reloc_width(const struct ab_elf *elf, uint32_t type);

/* Index into by_address of the first symbol of `section` at or behind `offset`. */
uint32_t ab_elf_first_symbol(const struct ab_elf *elf, uint32_t section, uint64_t offset);

/*
 * The symbol to name an address with: the function that contains it, or the
 * nearest symbol before it; NULL if there is none.
 */
const struct ab_elf_symbol *ab_elf_symbol_at(const struct ab_elf *elf, uint32_t section,
					     uint64_t offset);

#endif
