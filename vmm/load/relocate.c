/* SPDX-License-Identifier: BSD-2-Clause */
/*@041 Moving a kernel: what its relocations say
 *
 * A kernel is linked for the highest 2 GiB of the address space. A host process has no
 * such addresses, so the image is moved by a multiple of 2^39 bytes, a slot of the
 * top-level page table: everything that is relative inside of the image stays as it
 * is, and with CONFIG_RELOCATABLE the linker leaves (--emit-relocs) a record of
 * everything that is not.
 *
 *      R_X86_64_64            a word of data, or the immediate of a movabs: add
 *      R_X86_64_32S, _32      inside of an instruction that has no room for more (text.c)
 *      R_X86_64_PC32 ...      relative: nothing, unless it leads out of the image
 *
 * Three kinds of absolute addresses do not move. A value below 2 GiB is a physical
 * address (`sym - __START_KERNEL_map`), or an offset of a per-processor variable. And
 * Linux's __startup_64() runs on the identity mapping, knows it, and computes the
 * difference of two addresses as linked wherever it wants an address (fixup_pointer(),
 * arch/x86/kernel/head64.c): both are left, for the difference is the same.
 *
 * What the linker wrote is compared with what the record says before it is changed:
 * a word that something else changed already is an error, not a surprise at run time.
 */
#include "vmm/load/image.h"

/* psABI 1.0, table 4.9 */
#define R_NONE		0
#define R_64		1
#define R_PC32		2
#define R_PLT32		4
#define R_GOTPCREL	9
#define R_32		10
#define R_32S		11
#define R_PC64		24
#define R_GOTPCRELX	41
#define R_REX_GOTPCRELX 42

#define BATCH 64 /* fixups of code that share one walk through the symbols */

struct work {
	struct image *image;
	unsigned number; /* of the relocation section */
	struct elf_section rela, target, symtab;
	uint64_t symbols;
	bool code, copied; /* the target is executable; is alternative code */
	struct fixup batch[BATCH];
	unsigned count;
};

static const uint8_t widths[] = {
	[R_64] = 8, [R_PC32] = 4, [R_PLT32] = 4, [R_32] = 4, [R_32S] = 4, [R_PC64] = 8,
};

static bool fail(struct work *w, enum load_error error, uint64_t index, const struct elf_rela *rela,
		 uint64_t value)
{
	image_fail(w->image, error, w->number, index, rela->offset, value);
	w->image->failure->offset = w->rela.offset + index * sizeof(*rela);
	return false;
}

static bool is_early(const struct work *w, uint64_t place)
{
	for (unsigned i = 0; w->code && i < w->image->early_count; i++)
		if (range_has(w->image->early[i], place))
			return true;
	return false;
}

static void sort_batch(struct work *w)
{
	/* by insertion: linkers write them in order */
	for (unsigned i = 1; i < w->count; i++) {
		struct fixup fixup = w->batch[i];
		unsigned j = i;

		for (; j > 0 && w->batch[j - 1].place > fixup.place; j--)
			w->batch[j] = w->batch[j - 1];
		w->batch[j] = fixup;
	}
}

/* For each fixup the nearest symbol of code at or in front of it. One walk through all
 * symbols serves the whole batch, and most lie behind or in front of all of it. */
static void find_anchors(struct work *w)
{
	uint64_t last = w->batch[w->count - 1].place;

	for (uint64_t s = 0; s < w->symbols; s++) {
		struct elf_symbol symbol = elf_symbol(&w->image->elf, &w->symtab, s);
		unsigned type = symbol.info & 15, i = 0;

		if (symbol.value > last || symbol.value < w->batch[0].anchor ||
		    symbol.shndx != w->rela.info ||
		    (type != ELF_STT_NOTYPE && type != ELF_STT_FUNC))
			continue;
		while (w->batch[i].place < symbol.value)
			i++;
		if (w->batch[i].anchor < symbol.value)
			w->batch[i].anchor = symbol.value;
	}
	for (unsigned i = 1; i < w->count; i++)
		if (w->batch[i].anchor < w->batch[i - 1].anchor)
			w->batch[i].anchor = w->batch[i - 1].anchor;
}

static bool flush(struct work *w)
{
	if (!w->count)
		return true;
	sort_batch(w);
	find_anchors(w);
	for (unsigned i = 0; i < w->count; i++)
		if (!text_fix(w->image, &w->batch[i]))
			return false;
	w->count = 0;
	return true;
}

static bool relative(struct work *w, uint64_t index, const struct elf_rela *rela, uint64_t symbol)
{
	if (in_window(rela->offset) != in_window(symbol))
		return fail(w, LOAD_E_RELOC_FAR, index, rela, symbol);
	w->image->result->counts[LOAD_RELATIVE]++;
	return true;
}

static bool word(struct work *w, uint64_t index, const struct elf_rela *rela, uint64_t value,
		 uint8_t *at)
{
	uint32_t *counts = w->image->result->counts;

	if (image_get64(at) != value)
		return fail(w, LOAD_E_RELOC_MISMATCH, index, rela, value);
	if (value < IMAGE_OFFSETS) {
		counts[LOAD_WORD_PHYSICAL]++;
	} else if (!in_window(value)) {
		return fail(w, LOAD_E_RELOC_VALUE, index, rela, value);
	} else if (is_early(w, rela->offset)) {
		counts[LOAD_EARLY]++;
	} else {
		image_put64(at, value + w->image->delta);
		counts[LOAD_WORD_MOVED]++;
	}
	return true;
}

static bool half(struct work *w, uint64_t index, const struct elf_rela *rela, uint64_t value,
		 const uint8_t *at)
{
	uint32_t *counts = w->image->result->counts;

	if (image_get32(at) != (uint32_t)value)
		return fail(w, LOAD_E_RELOC_MISMATCH, index, rela, value);
	if (value < IMAGE_OFFSETS) {
		counts[LOAD_HALF_PHYSICAL]++;
		return true;
	}
	if (!in_window(value) || rela->type == R_32)
		return fail(w, LOAD_E_RELOC_VALUE, index, rela, value);
	if (!w->code)
		return fail(w, LOAD_E_RELOC_NARROW, index, rela, value);
	if (w->copied)
		return fail(w, LOAD_E_TEXT_COPIED, index, rela, value);
	if (is_early(w, rela->offset)) {
		counts[LOAD_EARLY]++;
		return true;
	}
	w->batch[w->count++] = (struct fixup){.section = w->number,
					      .index = index,
					      .place = rela->offset,
					      .value = value,
					      .anchor = w->target.addr};
	return w->count < BATCH || flush(w);
}

static bool relocate_one(struct work *w, uint64_t index)
{
	struct elf_rela rela = elf_rela(&w->image->elf, &w->rela, index);
	unsigned width = rela.type < sizeof(widths) ? widths[rela.type] : 0;
	struct elf_symbol symbol;
	uint64_t value;
	uint8_t *at;

	if (rela.type == R_NONE)
		return true;
	if (rela.type == R_GOTPCREL || rela.type == R_GOTPCRELX || rela.type == R_REX_GOTPCRELX)
		return fail(w, LOAD_E_RELOC_GOT, index, &rela, 0);
	if (!width)
		return fail(w, LOAD_E_RELOC_TYPE, index, &rela, rela.type);
	if (rela.symbol >= w->symbols)
		return fail(w, LOAD_E_RELOC_SYMBOL, index, &rela, rela.symbol);
	at = image_at(w->image, rela.offset, width);
	if (!at || w->target.size < width || rela.offset - w->target.addr > w->target.size - width)
		return fail(w, LOAD_E_RELOC_OUTSIDE, index, &rela, 0);
	if (layout_touched(w->image, rela.offset, width))
		return fail(w, LOAD_E_LAYOUT_RELOCATED, index, &rela, 0);
	symbol = elf_symbol(&w->image->elf, &w->symtab, rela.symbol);
	value = symbol.value + (uint64_t)rela.addend;
	if (rela.type == R_64)
		return word(w, index, &rela, value, at);
	if (rela.type == R_32 || rela.type == R_32S)
		return half(w, index, &rela, value, at);
	return relative(w, index, &rela, symbol.value);
}

static bool relocate_section(struct work *w)
{
	const struct elf *elf = &w->image->elf;

	w->symtab = elf_section(elf, w->rela.link);
	w->symbols = w->symtab.size / sizeof(struct elf_symbol);
	w->code = w->target.flags & ELF_SHF_EXECINSTR;
	w->copied = elf_same(elf_section_name(elf, &w->target), ".altinstr_replacement");
	for (uint64_t i = 0; i < w->rela.size / sizeof(struct elf_rela); i++)
		if (!relocate_one(w, i))
			return false;
	return flush(w);
}

/* C functions of Linux that run on the identity mapping (arch/x86/kernel/head64.c,
 * section .head.text) and compute with differences of addresses as linked. */
static const char *const early_functions[IMAGE_EARLY] = {
	"__startup_64",
	"startup_64_setup_env",
	"startup_64_load_idt",
	"check_la57_support",
};

static void find_early(struct image *image)
{
	const struct elf *elf = &image->elf;
	struct elf_section symtab, strtab;
	unsigned number = elf_find(elf, ".symtab", &symtab);

	if (!number || symtab.type != ELF_SHT_SYMTAB)
		return;
	strtab = elf_section(elf, symtab.link);
	for (uint64_t s = 0; s < symtab.size / sizeof(struct elf_symbol); s++) {
		struct elf_symbol symbol = elf_symbol(elf, &symtab, s);

		if ((symbol.info & 15) != ELF_STT_FUNC)
			continue;
		for (unsigned i = 0; i < IMAGE_EARLY && image->early_count < IMAGE_EARLY; i++)
			if (elf_same(elf_string(elf, &strtab, symbol.name), early_functions[i]))
				image->early[image->early_count++] =
					(struct range){symbol.value, symbol.size};
	}
}

bool image_relocate(struct image *image)
{
	struct work w = {.image = image};
	bool any = false;

	find_early(image);
	for (unsigned i = 0; i < image->elf.header.shnum; i++) {
		w.number = i;
		w.rela = elf_section(&image->elf, i);
		if (w.rela.type != ELF_SHT_RELA)
			continue;
		w.target = elf_section(&image->elf, w.rela.info);
		if (!(w.target.flags & ELF_SHF_ALLOC)) {
			image->result->counts[LOAD_UNLOADED]++;
			continue;
		}
		any = true;
		if (!relocate_section(&w))
			return false;
	}
	return any || image_fail(image, LOAD_E_NO_RELOCATIONS, 0, 0, 0, 0);
}
