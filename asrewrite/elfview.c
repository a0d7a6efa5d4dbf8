/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/elfview.h"

#include "asrewrite/diag.h"
#include "rules/annot.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void *allocate(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	if (!p)
		abort();
	return p;
}

static int refuse(const struct ab_elf *elf, const char *why)
{
	ab_error("%s: %s", elf->path, why);
	return AB_EXIT_INPUT;
}

/* A string of a string table, or "" if the file does not hold all of it. */
static const char *string_at(const struct ab_elf *elf, uint32_t section, uint64_t offset)
{
	const struct ab_elf_section *table;

	if (section >= elf->nsections)
		return "";
	table = &elf->sections[section];
	if (!table->data || offset >= table->size ||
	    !memchr(table->data + offset, '\0', table->size - offset))
		return "";
	return (const char *)table->data + offset;
}

static void read_section(struct ab_elf *elf, uint32_t i, const GElf_Shdr *header)
{
	struct ab_elf_section *section = &elf->sections[i];

	*section = (struct ab_elf_section){.name = "",
					   .addr = header->sh_addr,
					   .flags = header->sh_flags,
					   .type = header->sh_type,
					   .link = header->sh_link,
					   .info = header->sh_info};
	if (header->sh_type == SHT_NOBITS) {
		section->size = header->sh_size;
	} else if (header->sh_offset <= elf->size &&
		   header->sh_size <= elf->size - header->sh_offset) {
		section->data = (const uint8_t *)elf->map + header->sh_offset;
		section->size = header->sh_size;
	}
}

/* Chain the relocation sections to what they relocate. */
static void chain_relocs(struct ab_elf *elf)
{
	for (uint32_t i = elf->nsections; i-- > 1;) {
		struct ab_elf_section *section = &elf->sections[i];

		if ((section->type != SHT_RELA && section->type != SHT_REL) || section->info == 0 ||
		    section->info >= elf->nsections)
			continue;
		section->next = elf->sections[section->info].relocs;
		elf->sections[section->info].relocs = i;
	}
}

static int read_sections(struct ab_elf *elf)
{
	size_t count, names;

	if (elf_getshdrnum(elf->handle, &count) < 0 || elf_getshdrstrndx(elf->handle, &names) < 0 ||
	    count > UINT32_MAX)
		return refuse(elf, "broken section headers");
	elf->sections = allocate(count, sizeof(*elf->sections));
	elf->nsections = (uint32_t)count;
	for (uint32_t i = 0; i < count; i++) {
		Elf_Scn *scn = elf_getscn(elf->handle, i);
		GElf_Shdr header = {0};

		if (!scn || !gelf_getshdr(scn, &header))
			return refuse(elf, "broken section headers");
		read_section(elf, i, &header);
	}
	for (uint32_t i = 1; i < count; i++) {
		GElf_Shdr header;

		if (gelf_getshdr(elf_getscn(elf->handle, i), &header))
			elf->sections[i].name = string_at(elf, (uint32_t)names, header.sh_name);
	}
	chain_relocs(elf);
	return 0;
}

static uint32_t find_type(const struct ab_elf *elf, uint32_t type, uint32_t link)
{
	for (uint32_t i = 1; i < elf->nsections; i++)
		if (elf->sections[i].type == type && elf->sections[i].data &&
		    (!link || elf->sections[i].link == link))
			return i;
	return 0;
}

static Elf_Data *data_of(const struct ab_elf *elf, uint32_t section)
{
	return section && elf->sections[section].data
		       ? elf_getdata(elf_getscn(elf->handle, section), NULL)
		       : NULL;
}

static void read_symbol(struct ab_elf *elf, uint32_t i, const GElf_Sym *sym, uint32_t extended,
			uint32_t strings)
{
	struct ab_elf_symbol *symbol = &elf->symbols[i];
	uint32_t index = sym->st_shndx == SHN_XINDEX ? extended : sym->st_shndx;
	bool reserved = sym->st_shndx >= SHN_LORESERVE && sym->st_shndx != SHN_XINDEX;

	*symbol = (struct ab_elf_symbol){.name = string_at(elf, strings, sym->st_name),
					 .value = sym->st_value,
					 .size = sym->st_size,
					 .shndx = sym->st_shndx,
					 .type = GELF_ST_TYPE(sym->st_info),
					 .bind = GELF_ST_BIND(sym->st_info)};
	if (reserved || index == 0 || index >= elf->nsections)
		return;
	symbol->offset =
		elf->relocatable ? sym->st_value : sym->st_value - elf->sections[index].addr;
	if (symbol->offset <= elf->sections[index].size)
		symbol->section = index;
	if (symbol->type == STT_SECTION && !*symbol->name)
		symbol->name = elf->sections[index].name;
}

static void read_symbols(struct ab_elf *elf)
{
	uint32_t table = find_type(elf, SHT_SYMTAB, 0);
	uint32_t wide = table ? find_type(elf, SHT_SYMTAB_SHNDX, table) : 0;
	Elf_Data *data = data_of(elf, table), *wide_data = data_of(elf, wide);
	size_t entry = gelf_fsize(elf->handle, ELF_T_SYM, 1, EV_CURRENT);
	size_t count = data && entry ? data->d_size / entry : 0;

	elf->symbols = allocate(count + 1, sizeof(*elf->symbols));
	elf->symbols[0].name = "";
	elf->nsymbols = 1; /* relocations may name symbol 0 although there is no table */
	for (size_t i = 1; i < count && i < INT32_MAX; i++) {
		Elf32_Word extended = 0;
		GElf_Sym sym;

		if (!gelf_getsymshndx(data, wide_data, (int)i, &sym, &extended))
			break;
		read_symbol(elf, (uint32_t)i, &sym, extended, elf->sections[table].link);
		elf->nsymbols = (uint32_t)i + 1;
	}
}

static int by_address(const void *left, const void *right, void *context)
{
	const struct ab_elf *elf = context;
	uint32_t i = *(const uint32_t *)left, j = *(const uint32_t *)right;
	const struct ab_elf_symbol *a = &elf->symbols[i], *b = &elf->symbols[j];

	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return i < j ? -1 : i > j;
}

static void sort_symbols(struct ab_elf *elf)
{
	elf->by_address = allocate(elf->nsymbols, sizeof(*elf->by_address));
	for (uint32_t i = 1; i < elf->nsymbols; i++) {
		const struct ab_elf_symbol *symbol = &elf->symbols[i];

		if (symbol->section && symbol->type != STT_SECTION && symbol->type != STT_FILE &&
		    symbol->type != STT_TLS && *symbol->name)
			elf->by_address[elf->naddressed++] = i;
	}
	qsort_r(elf->by_address, elf->naddressed, sizeof(*elf->by_address), by_address, elf);
}

static int read_header(struct ab_elf *elf)
{
	GElf_Ehdr header;
	size_t size;

	if (!elf->handle || elf_kind(elf->handle) != ELF_K_ELF ||
	    !gelf_getehdr(elf->handle, &header))
		return refuse(elf, "not an ELF file");
	elf->type = header.e_type;
	elf->machine = header.e_machine;
	elf->relocatable = header.e_type == ET_REL;
	elf->mode = header.e_machine == EM_386 ? AB_MODE_32 : AB_MODE_64;
	if ((header.e_machine != EM_386 && header.e_machine != EM_X86_64) ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB)
		return refuse(elf, "not an x86 ELF file");
	/* libelf shows a file that ends before its section headers as one without sections */
	if (!elf_rawfile(elf->handle, &size) || !header.e_shoff || header.e_shoff >= size)
		return refuse(elf, "no section headers: the file is cut short or stripped of them");
	return 0;
}

int ab_elf_open_image(struct ab_elf *elf, const char *path, void *image, size_t size)
{
	int status;

	*elf = (struct ab_elf){.path = path, .map = image, .size = size};
	elf_version(EV_CURRENT);
	if (size >= EI_NIDENT)
		elf->handle = elf_memory(image, size);
	status = read_header(elf);
	if (!status)
		status = read_sections(elf);
	if (status) {
		ab_elf_close(elf);
		return status;
	}
	read_symbols(elf);
	sort_symbols(elf);
	return 0;
}

static void *map_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return MAP_FAILED;
	if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		errno = EISDIR;
	} else if (S_ISREG(st.st_mode) && st.st_size == 0) {
		errno = ENOEXEC;
	} else {
		*size = (size_t)st.st_size;
		map = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	return map;
}

int ab_elf_open(struct ab_elf *elf, const char *path)
{
	size_t size = 0;
	void *map = map_file(path, &size);
	int status;

	if (map == MAP_FAILED) {
		ab_error("cannot read %s: %s", path, strerror(errno));
		return AB_EXIT_INPUT;
	}
	status = ab_elf_open_image(elf, path, map, size);
	if (status)
		munmap(map, size);
	else
		elf->mapped = true;
	return status;
}

void ab_elf_close(struct ab_elf *elf)
{
	elf_end(elf->handle);
	free(elf->sections);
	free(elf->symbols);
	free(elf->by_address);
	if (elf->mapped)
		munmap(elf->map, elf->size);
	*elf = (struct ab_elf){0};
}

bool ab_elf_is_code(const struct ab_elf *elf, uint32_t i)
{
	const struct ab_elf_section *section = &elf->sections[i];
	uint64_t wanted = SHF_ALLOC | SHF_EXECINSTR;

	return (section->flags & wanted) == wanted && section->type == SHT_PROGBITS &&
	       section->data && section->size;
}

unsigned ab_elf_reloc_width(const struct ab_elf *elf, uint32_t type)
{
	static const uint8_t widths_386[] = {
		[R_386_NONE] = 0, [R_386_16] = 2, [R_386_PC16] = 2, [R_386_8] = 1, [R_386_PC8] = 1,
	};
	static const uint8_t widths_64[] = {
		[R_X86_64_64] = 8,	 [R_X86_64_PC64] = 8,	 [R_X86_64_GOTOFF64] = 8,
		[R_X86_64_SIZE64] = 8,	 [R_X86_64_16] = 2,	 [R_X86_64_PC16] = 2,
		[R_X86_64_8] = 1,	 [R_X86_64_PC8] = 1,	 [R_X86_64_DTPMOD64] = 8,
		[R_X86_64_DTPOFF64] = 8, [R_X86_64_TPOFF64] = 8,
	};
	const uint8_t *widths = elf->machine == EM_386 ? widths_386 : widths_64;
	size_t count = elf->machine == EM_386 ? sizeof(widths_386) : sizeof(widths_64);

	if (type == 0) /* R_*_NONE */
		return 0;
	return type < count && widths[type] ? widths[type] : 4;
}

static int64_t stored_addend(const struct ab_elf *elf, const struct ab_elf_section *section,
			     const struct ab_elf_reloc *reloc)
{
	const uint8_t *at = section->data + reloc->offset;
	int64_t wide;
	int32_t word;
	int16_t half;

	switch (ab_elf_reloc_width(elf, reloc->type)) {
	case 0:
		return 0;
	case 1:
		return (int8_t)*at;
	case 2:
		memcpy(&half, at, sizeof(half));
		return half;
	case 4:
		memcpy(&word, at, sizeof(word));
		return word;
	default:
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
}

static bool read_reloc(const struct ab_elf *elf, Elf_Data *data, bool rela, size_t i,
		       struct ab_elf_reloc *reloc)
{
	GElf_Rela with = {0};
	GElf_Rel without = {0};

	if (rela ? !gelf_getrela(data, (int)i, &with) : !gelf_getrel(data, (int)i, &without))
		return false;
	reloc->offset = rela ? with.r_offset : without.r_offset;
	reloc->type = (uint32_t)GELF_R_TYPE(rela ? with.r_info : without.r_info);
	reloc->symbol = (uint32_t)GELF_R_SYM(rela ? with.r_info : without.r_info);
	reloc->addend = with.r_addend;
	return reloc->symbol < elf->nsymbols;
}

/* Append the relocations of one relocation section to list[count]. */
static size_t read_relocs(const struct ab_elf *elf, uint32_t target, uint32_t from,
			  struct ab_elf_reloc **list, size_t count, size_t *bad)
{
	const struct ab_elf_section *section = &elf->sections[target];
	bool rela = elf->sections[from].type == SHT_RELA;
	Elf_Data *data = data_of(elf, from);
	size_t entry =
		data ? gelf_fsize(elf->handle, rela ? ELF_T_RELA : ELF_T_REL, 1, EV_CURRENT) : 0;
	size_t more = entry ? data->d_size / entry : 0;

	*list = realloc(*list, (count + more + 1) * sizeof(**list));
	if (!*list)
		abort();
	for (size_t i = 0; i < more; i++) {
		struct ab_elf_reloc *reloc = &(*list)[count];
		unsigned width;

		if (!read_reloc(elf, data, rela, i, reloc) || !section->data ||
		    (width = ab_elf_reloc_width(elf, reloc->type)) > section->size ||
		    reloc->offset > section->size - width) {
			++*bad;
			continue;
		}
		if (!rela)
			reloc->addend = stored_addend(elf, section, reloc);
		count++;
	}
	return count;
}

static int by_offset(const void *left, const void *right)
{
	const struct ab_elf_reloc *a = left, *b = right;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

size_t ab_elf_relocs(const struct ab_elf *elf, uint32_t i, struct ab_elf_reloc **list, size_t *bad)
{
	size_t count = 0, ignored = 0;

	*list = NULL;
	for (uint32_t from = elf->sections[i].relocs; from; from = elf->sections[from].next)
		count = read_relocs(elf, i, from, list, count, bad ? bad : &ignored);
	if (count > 1)
		qsort(*list, count, sizeof(**list), by_offset);
	return count;
}

uint32_t ab_elf_first_symbol(const struct ab_elf *elf, uint32_t section, uint64_t offset)
{
	uint32_t low = 0, high = elf->naddressed;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct ab_elf_symbol *symbol = &elf->symbols[elf->by_address[middle]];

		if (symbol->section < section ||
		    (symbol->section == section && symbol->offset < offset))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How far back a function's start is looked for; more labels than this are rare in one. */
#define NEAR_SYMBOLS 64

const struct ab_elf_symbol *ab_elf_symbol_at(const struct ab_elf *elf, uint32_t section,
					     uint64_t offset)
{
	uint32_t end = ab_elf_first_symbol(elf, section, offset + 1);
	const struct ab_elf_symbol *nearest = NULL;

	for (uint32_t i = end; i > 0 && end - i < NEAR_SYMBOLS; i--) {
		const struct ab_elf_symbol *symbol = &elf->symbols[elf->by_address[i - 1]];

		if (symbol->section != section)
			break;
		if (!nearest)
			nearest = symbol;
		if (symbol->type == STT_FUNC && offset - symbol->offset < symbol->size)
			return symbol;
	}
	return nearest;
}
