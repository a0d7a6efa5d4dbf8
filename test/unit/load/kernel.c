/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

struct kernel kernel_read(const char *path)
{
	struct kernel kernel = {0};
	struct load_failure failure;
	FILE *file = fopen(path, "rb");
	size_t got;

	assert_non_null(file);
	kernel.bytes = malloc(1 << 20);
	assert_non_null(kernel.bytes);
	got = fread(kernel.bytes, 1, 1 << 20, file);
	fclose(file);
	kernel.bytes = realloc(kernel.bytes, got);
	kernel.size = got;
	assert_true(elf_open(&kernel.elf, kernel.bytes, kernel.size, &failure));
	return kernel;
}

void kernel_free(struct kernel *kernel)
{
	free(kernel->bytes);
	kernel->bytes = NULL;
}

unsigned kernel_section(const struct kernel *kernel, const char *name)
{
	struct elf_section section;
	unsigned number = elf_find(&kernel->elf, name, &section);

	if (!number)
		fail_msg("no section %s", name);
	return number;
}

uint64_t kernel_symbol(const struct kernel *kernel, const char *name)
{
	struct elf_section symtab, strtab;

	assert_true(elf_find(&kernel->elf, ".symtab", &symtab));
	strtab = elf_section(&kernel->elf, symtab.link);
	for (uint64_t i = 0; i < symtab.size / sizeof(struct elf_symbol); i++) {
		struct elf_symbol symbol = elf_symbol(&kernel->elf, &symtab, i);

		if (elf_same(elf_string(&kernel->elf, &strtab, symbol.name), name))
			return symbol.value;
	}
	fail_msg("no symbol %s", name);
	return 0;
}

uint8_t *kernel_at(const struct kernel *kernel, uint64_t address)
{
	for (unsigned i = 0; i < kernel->elf.header.phnum; i++) {
		struct elf_segment s = elf_segment(&kernel->elf, i);

		if (address - s.vaddr < s.filesz)
			return kernel->bytes + s.offset + (address - s.vaddr);
	}
	fail_msg("address %lx is not in the file", (unsigned long)address);
	return NULL;
}

struct elf_header *kernel_header(const struct kernel *kernel)
{
	return (struct elf_header *)kernel->bytes;
}

struct elf_segment *kernel_segment(const struct kernel *kernel, unsigned i)
{
	return (struct elf_segment *)(kernel->bytes + kernel->elf.header.phoff) + i;
}

struct elf_section *kernel_shdr(const struct kernel *kernel, const char *name)
{
	return (struct elf_section *)(kernel->bytes + kernel->elf.header.shoff) +
	       kernel_section(kernel, name);
}

struct elf_rela *kernel_rela(const struct kernel *kernel, const char *section, unsigned index)
{
	return (struct elf_rela *)(kernel->bytes + kernel_shdr(kernel, section)->offset) + index;
}

struct load_request kernel_request(const struct kernel *kernel, uint8_t *ram,
				   struct load_area *area)
{
	struct load_request request = {.file = kernel->bytes,
				       .file_size = kernel->size,
				       .ram = ram,
				       .ram_size = RAM_SIZE,
				       .area = area};

	request.delta[AB_LAYOUT_IMAGE] = (int64_t)DELTA;
	request.delta[AB_LAYOUT_DIRECT_MAP] = INT64_C(0x10000000000);
	*area = (struct load_area){
		.bytes = ram + AREA_AT, .va = MOVED_HIGH + AREA_AT, .size = AREA_SIZE};
	return request;
}
