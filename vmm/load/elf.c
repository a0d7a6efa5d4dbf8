/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading ELF files that may be anything. All checks of tables are in elf_open(), so
 * that the accessors need none; strings and record numbers are checked at each use. */
#include "vmm/load/elf.h"
#include "vmm/string.h"

static bool fail(struct load_failure *failure, enum load_error error, unsigned section,
		 uint64_t offset)
{
	*failure = (struct load_failure){.error = error, .section = section, .offset = offset};
	return false;
}

/* Are `count` entries of `each` bytes at `offset` inside of the file? */
static bool inside(const struct elf *elf, uint64_t offset, uint64_t count, uint64_t each)
{
	return offset <= elf->size && count <= (elf->size - offset) / each;
}

struct elf_segment elf_segment(const struct elf *elf, unsigned i)
{
	struct elf_segment segment;

	memcpy(&segment, elf->bytes + elf->header.phoff + i * sizeof(segment), sizeof(segment));
	return segment;
}

struct elf_section elf_section(const struct elf *elf, unsigned i)
{
	struct elf_section section;

	memcpy(&section, elf->bytes + elf->header.shoff + i * sizeof(section), sizeof(section));
	return section;
}

struct elf_symbol elf_symbol(const struct elf *elf, const struct elf_section *symtab, uint64_t i)
{
	struct elf_symbol symbol;

	memcpy(&symbol, elf->bytes + symtab->offset + i * sizeof(symbol), sizeof(symbol));
	return symbol;
}

struct elf_rela elf_rela(const struct elf *elf, const struct elf_section *rela, uint64_t i)
{
	struct elf_rela record;

	memcpy(&record, elf->bytes + rela->offset + i * sizeof(record), sizeof(record));
	return record;
}

static bool check_header(struct elf *elf, struct load_failure *failure)
{
	static const uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
	const struct elf_header *h = &elf->header;

	if (elf->size < sizeof(magic) || memcmp(elf->bytes, magic, sizeof(magic)) != 0)
		return fail(failure, LOAD_E_NOT_ELF, 0, 0);
	if (elf->size < sizeof(*h))
		return fail(failure, LOAD_E_TRUNCATED, 0, 0);
	memcpy(&elf->header, elf->bytes, sizeof(*h));
	if (h->ident[4] != 2 || h->ident[5] != 1 || h->type != ELF_ET_EXEC ||
	    h->machine != ELF_EM_X86_64)
		return fail(failure, LOAD_E_WRONG_ELF, 0, 0);
	if ((h->phnum && h->phentsize != sizeof(struct elf_segment)) || h->phnum == ELF_PN_XNUM ||
	    (h->shnum && h->shentsize != sizeof(struct elf_section)) ||
	    (h->shnum && h->shstrndx >= h->shnum))
		return fail(failure, LOAD_E_BAD_HEADER, 0, 0);
	if (!inside(elf, h->phoff, h->phnum, sizeof(struct elf_segment)))
		return fail(failure, LOAD_E_TRUNCATED, 0, h->phoff);
	if (!inside(elf, h->shoff, h->shnum, sizeof(struct elf_section)))
		return fail(failure, LOAD_E_TRUNCATED, 0, h->shoff);
	return true;
}

static bool check_segment(const struct elf *elf, unsigned i, struct load_failure *failure)
{
	struct elf_segment segment = elf_segment(elf, i);

	if (segment.type != ELF_PT_LOAD)
		return true;
	if (!inside(elf, segment.offset, segment.filesz, 1))
		return fail(failure, LOAD_E_TRUNCATED, i, segment.offset);
	if (segment.filesz > segment.memsz || segment.vaddr + segment.memsz < segment.vaddr ||
	    segment.paddr + segment.memsz < segment.paddr)
		return fail(failure, LOAD_E_BAD_HEADER, i, segment.offset);
	return true;
}

/* gABI, figure 4-12: sh_link of a SHT_RELA is its symbol table, sh_info its target. */
static bool links_hold(const struct elf *elf, const struct elf_section *section)
{
	struct elf_section symtab;

	if (section->type == ELF_SHT_SYMTAB)
		return section->entsize == sizeof(struct elf_symbol) &&
		       section->link < elf->header.shnum;
	if (section->type != ELF_SHT_RELA)
		return true;
	if (section->entsize != sizeof(struct elf_rela) || section->link >= elf->header.shnum ||
	    section->info >= elf->header.shnum)
		return false;
	symtab = elf_section(elf, section->link);
	return symtab.type == ELF_SHT_SYMTAB;
}

static bool check_section(const struct elf *elf, unsigned i, struct load_failure *failure)
{
	struct elf_section section = elf_section(elf, i);

	if (section.type == ELF_SHT_NULL) /* its other fields mean nothing (gABI, figure 4-9) */
		return true;
	if (section.type != ELF_SHT_NOBITS && !inside(elf, section.offset, section.size, 1))
		return fail(failure, LOAD_E_TRUNCATED, i, section.offset);
	if (!links_hold(elf, &section) || section.addr + section.size < section.addr)
		return fail(failure, LOAD_E_BAD_HEADER, i, section.offset);
	return true;
}

bool elf_open(struct elf *elf, const uint8_t *bytes, uint64_t size, struct load_failure *failure)
{
	*elf = (struct elf){.bytes = bytes, .size = size};
	if (!check_header(elf, failure))
		return false;
	for (unsigned i = 0; i < elf->header.phnum; i++)
		if (!check_segment(elf, i, failure))
			return false;
	for (unsigned i = 0; i < elf->header.shnum; i++)
		if (!check_section(elf, i, failure))
			return false;
	return true;
}

const char *elf_string(const struct elf *elf, const struct elf_section *strtab, uint64_t offset)
{
	const char *strings;

	if (strtab->type != ELF_SHT_STRTAB) /* then its bytes need not be in the file */
		return "";
	strings = (const char *)elf->bytes + strtab->offset;
	for (uint64_t end = offset; end < strtab->size; end++)
		if (!strings[end])
			return strings + offset;
	return "";
}

const char *elf_section_name(const struct elf *elf, const struct elf_section *section)
{
	struct elf_section names = elf_section(elf, elf->header.shstrndx);

	return elf_string(elf, &names, section->name);
}

bool elf_same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

unsigned elf_find(const struct elf *elf, const char *name, struct elf_section *section)
{
	for (unsigned i = 1; i < elf->header.shnum; i++) {
		*section = elf_section(elf, i);
		if (elf_same(elf_section_name(elf, section), name))
			return i;
	}
	return 0;
}
