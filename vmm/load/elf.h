/* SPDX-License-Identifier: BSD-2-Clause */
/* A bounds-checked view of an ELF64 file. Structures and constants are written from
 * the System V ABI (gABI 4.1, chapters 4 and 5) and its AMD64 supplement (psABI 1.0,
 * table 4.9): the libc's <elf.h> is not there in freestanding code. */
#ifndef AFTERBURN_VMM_LOAD_ELF_H
#define AFTERBURN_VMM_LOAD_ELF_H

#include "vmm/load.h"
#include "vmm/types.h"

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_section {
	uint32_t name, type;
	uint64_t flags, addr, offset, size;
	uint32_t link, info;
	uint64_t addralign, entsize;
};

struct elf_symbol {
	uint32_t name;
	uint8_t info, other;
	uint16_t shndx;
	uint64_t value, size;
};

struct elf_rela {
	uint64_t offset;
	uint32_t type, symbol; /* r_info: type below, symbol above */
	int64_t addend;
};

_Static_assert(sizeof(struct elf_header) == 64, "gABI, figure 4-3");
_Static_assert(sizeof(struct elf_segment) == 56, "gABI, figure 5-1");
_Static_assert(sizeof(struct elf_section) == 64, "gABI, figure 4-8");
_Static_assert(sizeof(struct elf_symbol) == 24, "gABI, figure 4-15");
_Static_assert(sizeof(struct elf_rela) == 24, "gABI, figure 4-21");

#define ELF_ET_EXEC	  2
#define ELF_EM_X86_64	  62
#define ELF_PN_XNUM	  0xffff
#define ELF_PT_LOAD	  1
#define ELF_PF_X	  1
#define ELF_SHT_NULL	  0
#define ELF_SHT_SYMTAB	  2
#define ELF_SHT_STRTAB	  3
#define ELF_SHT_RELA	  4
#define ELF_SHT_NOBITS	  8
#define ELF_SHF_ALLOC	  2
#define ELF_SHF_EXECINSTR 4
#define ELF_STT_NOTYPE	  0
#define ELF_STT_FUNC	  2

struct elf {
	const uint8_t *bytes;
	uint64_t size;
	struct elf_header header;
};

/* Look at all headers: afterwards every table, and every section's and PT_LOAD's
 * bytes, are inside of the file, and every SHT_RELA's links name sections. */
bool elf_open(struct elf *elf, const uint8_t *bytes, uint64_t size, struct load_failure *failure);

/* Entries, copied out because nothing in a file need be aligned. `i` must be in range. */
struct elf_segment elf_segment(const struct elf *elf, unsigned i);
struct elf_section elf_section(const struct elf *elf, unsigned i);
struct elf_symbol elf_symbol(const struct elf *elf, const struct elf_section *symtab, uint64_t i);
struct elf_rela elf_rela(const struct elf *elf, const struct elf_section *rela, uint64_t i);

/* 0-terminated string at `offset` of the string table; "" if there is none. */
const char *elf_string(const struct elf *elf, const struct elf_section *strtab, uint64_t offset);
const char *elf_section_name(const struct elf *elf, const struct elf_section *section);

/* The section of that name; 0: there is none. */
unsigned elf_find(const struct elf *elf, const char *name, struct elf_section *section);

bool elf_same(const char *a, const char *b);

#endif
