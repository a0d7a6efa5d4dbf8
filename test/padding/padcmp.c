/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * padcmp PLAIN.o PADDED.o [PLAIN.o PADDED.o ...] [@LIST]
 *
 * Proves that the padded object, without its pads and annotations, is the
 * plain one: the same instructions (padmap.h), the same relocations, symbols
 * and data, wherever an offset into code is meant with the offsets mapped. A
 * LIST has two paths a line. Prints the first differences of every pair that
 * differs; exit code 0: all pairs are equal, 1: some are not, 2: usage.
 */
#include "test/padding/padmap.h"

#include <elf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 5 /* differences of one pair */

struct pair {
	struct ab_elf plain, padded;
	struct ab_annotdb db;
	uint32_t *peer;	     /* padded section -> plain section, or 0 */
	struct padmap *maps; /* by padded section; code only */
	bool *mapped;	     /* maps[i] is complete */
	const struct ab_decoder *decoder;
	unsigned differences;
	uint64_t table; /* bytes from the start of a run of relative words to the one compared */
};

static struct {
	uint64_t pairs, failed, instructions, pads, relocs, symbols;
} total;

__attribute__((format(printf, 2, 3))) static void differ(struct pair *pair, const char *fmt, ...)
{
	va_list args;

	if (pair->differences++ >= SHOWN_MAX)
		return;
	printf("%s: ", pair->padded.path);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* ---- sections ---- */

static bool matters(const struct ab_elf *elf, uint32_t i)
{
	return (elf->sections[i].flags & SHF_ALLOC) &&
	       strcmp(elf->sections[i].name, AB_SECTION) != 0;
}

/* The gaps of section numbers are relocation and annotation sections: pair in order, by name. */
static void match_sections(struct pair *pair)
{
	uint32_t i = 0, j = 0;

	pair->peer = calloc(pair->padded.nsections + 1, sizeof(*pair->peer));
	pair->maps = calloc(pair->padded.nsections + 1, sizeof(*pair->maps));
	pair->mapped = calloc(pair->padded.nsections + 1, sizeof(*pair->mapped));
	if (!pair->peer || !pair->maps || !pair->mapped)
		abort();
	for (;;) {
		do
			i++;
		while (i < pair->plain.nsections && !matters(&pair->plain, i));
		do
			j++;
		while (j < pair->padded.nsections && !matters(&pair->padded, j));
		if (i >= pair->plain.nsections || j >= pair->padded.nsections)
			break;
		if (strcmp(pair->plain.sections[i].name, pair->padded.sections[j].name) != 0 ||
		    pair->plain.sections[i].type != pair->padded.sections[j].type ||
		    pair->plain.sections[i].flags != pair->padded.sections[j].flags) {
			differ(pair, "section %s, plain has %s", pair->padded.sections[j].name,
			       pair->plain.sections[i].name);
			return;
		}
		pair->peer[j] = i;
	}
	if (i < pair->plain.nsections || j < pair->padded.nsections)
		differ(pair, "not the same sections");
}

/* Same place in a section: mapped if it is code; code that differs was reported once. */
static bool same_offset(const struct pair *pair, uint32_t section, uint64_t plain, uint64_t padded)
{
	if (!ab_elf_is_code(&pair->padded, section))
		return plain == padded;
	return !pair->mapped[section] || padmap_same(&pair->maps[section], plain, padded);
}

static size_t first_site(const struct ab_annotdb *db, uint32_t section)
{
	size_t i = 0;

	while (i < db->count && db->list[i].section < section)
		i++;
	return i;
}

static void show_code(const struct pair *pair, const struct ab_elf *elf, uint32_t section,
		      uint64_t offset)
{
	const struct ab_elf_section *code = &elf->sections[section];
	const struct ab_elf_symbol *symbol = ab_elf_symbol_at(elf, section, offset);
	char text[128] = "end of section";

	if (offset < code->size)
		ab_disassemble(pair->decoder, elf->mode, code->data + offset, code->size - offset,
			       offset, text, sizeof(text));
	printf("    %s+0x%" PRIx64 " <%s+0x%" PRIx64 ">: %s\n", code->name, offset,
	       symbol ? symbol->name : "", symbol ? offset - symbol->offset : 0, text);
}

static void compare_code(struct pair *pair, uint32_t section, const struct code *plain,
			 const struct code *padded)
{
	size_t first = first_site(&pair->db, section), last = first_site(&pair->db, section + 1);
	struct padmap *map = &pair->maps[section];
	struct difference found;

	pair->mapped[section] = padmap_make(map, pair->decoder, plain, padded,
					    pair->db.list + first, last - first, &found);
	total.instructions += map->instructions;
	total.pads += map->pads;
	if (pair->mapped[section])
		return;
	differ(pair, "%s in %s, plain and padded:", found.what,
	       pair->padded.sections[section].name);
	if (pair->differences <= SHOWN_MAX) {
		show_code(pair, &pair->plain, pair->peer[section], found.plain);
		show_code(pair, &pair->padded, section, found.padded);
	}
}

/* ---- data ---- */

/* Sections whose bytes depend on distances in code; their relocations are compared all the same. */
static const struct {
	const char *name;
	bool sizes; /* the section's size depends on them, too */
} distances[] = {
	{".eh_frame", true},
	{".orc_unwind", true},
	{".orc_unwind_ip", true},
	{".altinstructions", false},
};

static int depends(const char *name)
{
	for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++)
		if (strcmp(distances[i].name, name) == 0)
			return distances[i].sizes ? 2 : 1;
	return 0;
}

static void compare_data(struct pair *pair, uint32_t section, const struct code *plain,
			 const struct code *padded)
{
	const char *name = pair->padded.sections[section].name;
	int free_of = depends(name);

	if (plain->size != padded->size) {
		if (free_of < 2)
			differ(pair, "%s has %" PRIu64 " bytes, plain %" PRIu64, name, padded->size,
			       plain->size);
		return;
	}
	if (free_of || !plain->data || !padded->data ||
	    memcmp(plain->data, padded->data, plain->size) == 0)
		return;
	for (uint64_t i = 0; i < plain->size; i++)
		if (plain->data[i] != padded->data[i] &&
		    !(holds_addend(plain, i) && holds_addend(padded, i))) {
			differ(pair, "%s+0x%" PRIx64 ": data differs", name, i);
			return;
		}
}

/* ---- relocations ---- */

static bool is_pc_relative(const struct ab_elf *elf, uint32_t type)
{
	static const uint8_t types_386[] = {R_386_PC32, R_386_PC16, R_386_PC8, R_386_PLT32,
					    R_386_GOTPC};
	static const uint8_t types_64[] = {R_X86_64_PC32,    R_X86_64_PC16,  R_X86_64_PC8,
					   R_X86_64_PC64,    R_X86_64_PLT32, R_X86_64_GOTPC32,
					   R_X86_64_GOTPCREL};
	bool is_386 = elf->machine == EM_386;

	return type < 256 && memchr(is_386 ? types_386 : types_64, (int)type,
				    is_386 ? sizeof(types_386) : sizeof(types_64));
}

static bool same_symbol(const struct pair *pair, const struct ab_elf_symbol *plain,
			const struct ab_elf_symbol *padded)
{
	if (plain->type != padded->type || plain->bind != padded->bind)
		return false;
	if (plain->type == STT_SECTION)
		return pair->peer[padded->section] == plain->section;
	return strcmp(plain->name, padded->name) == 0;
}

/* A relocation against a section that holds code: its addend is an offset there. */
static bool same_place(const struct pair *pair, const struct ab_elf_reloc *plain,
		       const struct ab_elf_reloc *padded, uint32_t section)
{
	uint32_t target = pair->padded.symbols[padded->symbol].section;
	uint64_t p = (uint64_t)plain->addend, q = (uint64_t)padded->addend;

	if (p == q && q > pair->padded.sections[target].size)
		return true; /* no place in this section: arithmetic with its address */
	if (!is_pc_relative(&pair->padded, padded->type))
		return same_offset(pair, target, p, q);
	if (ab_elf_is_code(&pair->padded, section)) /* relative to the instruction's end */
		for (unsigned behind = 4; behind <= 12; behind++)
			if (same_offset(pair, target, p + behind, q + behind))
				return true;
	/* A jump table of position-independent code: word n is target - table, and the
	 * relocation, which subtracts the word's own address, has 4n added. */
	for (uint64_t back = 4; back <= pair->table; back += 4)
		if (same_offset(pair, target, p - back, q - back))
			return true;
	/* unwind data of signal frames begins a byte before its label */
	return same_offset(pair, target, p, q) || same_offset(pair, target, p + 1, q + 1);
}

/* `symbol - label`: a distance from the relocated field back to a place in the same section. */
static bool same_base(const struct pair *pair, const struct ab_elf_reloc *plain,
		      const struct ab_elf_reloc *padded, uint32_t section)
{
	return is_pc_relative(&pair->padded, padded->type) &&
	       ab_elf_is_code(&pair->padded, section) &&
	       same_offset(pair, section, plain->offset - (uint64_t)plain->addend,
			   padded->offset - (uint64_t)padded->addend);
}

static bool same_addend(const struct pair *pair, const struct ab_elf_reloc *plain,
			const struct ab_elf_reloc *padded, uint32_t section)
{
	const struct ab_elf_symbol *symbol = &pair->padded.symbols[padded->symbol];

	if (symbol->type == STT_SECTION && symbol->section &&
	    ab_elf_is_code(&pair->padded, symbol->section))
		return same_place(pair, plain, padded, section);
	return plain->addend == padded->addend || same_base(pair, plain, padded, section);
}

static const char *what_differs(const struct pair *pair, const struct ab_elf_reloc *plain,
				const struct ab_elf_reloc *padded, uint32_t section)
{
	if (plain->type != padded->type)
		return "type";
	if (!same_symbol(pair, &pair->plain.symbols[plain->symbol],
			 &pair->padded.symbols[padded->symbol]))
		return "symbol";
	if (depends(pair->padded.sections[section].name) < 2 &&
	    !same_offset(pair, section, plain->offset, padded->offset))
		return "place";
	return same_addend(pair, plain, padded, section) ? NULL : "addend";
}

/* Relative words side by side: they may be a jump table, into hot and cold code. */
static uint64_t in_table(const struct pair *pair, const struct code *padded, size_t i)
{
	const struct ab_elf_reloc *at = &padded->relocs[i];

	if (i == 0 || at[-1].offset + 4 != at->offset || at[-1].type != at->type ||
	    !is_pc_relative(&pair->padded, at->type))
		return 0;
	return pair->table + 4;
}

static void compare_relocs(struct pair *pair, uint32_t section, const struct code *plain,
			   const struct code *padded)
{
	const char *name = pair->padded.sections[section].name;

	if (ab_elf_is_code(&pair->padded, section) && !pair->mapped[section])
		return; /* reported */
	if (plain->nrelocs != padded->nrelocs) {
		differ(pair, "%s has %zu relocations, plain %zu", name, padded->nrelocs,
		       plain->nrelocs);
		return;
	}
	total.relocs += plain->nrelocs;
	for (size_t i = 0; i < plain->nrelocs; i++) {
		const struct ab_elf_reloc *p = &plain->relocs[i], *q = &padded->relocs[i];
		const char *what;

		pair->table = in_table(pair, padded, i);
		what = what_differs(pair, p, q, section);
		if (what)
			differ(pair,
			       "%s of relocation differs: %s+0x%" PRIx64 " %s%+" PRId64
			       ", plain at 0x%" PRIx64 " %s%+" PRId64,
			       what, name, q->offset, pair->padded.symbols[q->symbol].name,
			       q->addend, p->offset, pair->plain.symbols[p->symbol].name,
			       p->addend);
	}
}

/* ---- symbols ---- */

static uint32_t next_symbol(const struct ab_elf *elf, uint32_t i)
{
	do
		i++;
	while (i < elf->nsymbols && elf->symbols[i].type == STT_SECTION);
	return i;
}

static bool same_value(const struct pair *pair, const struct ab_elf_symbol *plain,
		       const struct ab_elf_symbol *padded)
{
	if (!padded->section)
		return plain->shndx == padded->shndx && plain->value == padded->value &&
		       plain->size == padded->size;
	return pair->peer[padded->section] == plain->section &&
	       same_offset(pair, padded->section, plain->offset, padded->offset) &&
	       same_offset(pair, padded->section, plain->offset + plain->size,
			   padded->offset + padded->size);
}

static void compare_symbols(struct pair *pair)
{
	uint32_t i = 0, j = 0;

	for (;;) {
		const struct ab_elf_symbol *plain, *padded;

		i = next_symbol(&pair->plain, i);
		j = next_symbol(&pair->padded, j);
		if (i >= pair->plain.nsymbols || j >= pair->padded.nsymbols)
			break;
		total.symbols++;
		plain = &pair->plain.symbols[i];
		padded = &pair->padded.symbols[j];
		if (!same_symbol(pair, plain, padded)) {
			differ(pair, "symbol %s, plain has %s", padded->name, plain->name);
			return;
		}
		if (!same_value(pair, plain, padded))
			differ(pair,
			       "symbol %s: 0x%" PRIx64 " size 0x%" PRIx64 ", plain 0x%" PRIx64
			       " size 0x%" PRIx64,
			       padded->name, padded->value, padded->size, plain->value,
			       plain->size);
	}
	if (i < pair->plain.nsymbols || j < pair->padded.nsymbols)
		differ(pair, "not the same symbols");
}

/* ---- a pair ---- */

static struct code code_of(const struct ab_elf *elf, uint32_t i)
{
	struct code code = {
		.data = elf->sections[i].data, .size = elf->sections[i].size, .elf = elf};
	size_t bad = 0;

	code.nrelocs = ab_elf_relocs(elf, i, &code.relocs, &bad);
	if (bad)
		printf("%s: %zu bad relocations in %s\n", elf->path, bad, elf->sections[i].name);
	return code;
}

/* Code first: everything else may refer to it. */
static void compare_sections(struct pair *pair)
{
	uint32_t count = pair->padded.nsections;
	struct code *plain = calloc(count + 1, sizeof(*plain));
	struct code *padded = calloc(count + 1, sizeof(*padded));

	if (!plain || !padded)
		abort();
	for (uint32_t i = 1; i < count; i++) {
		if (!pair->peer[i])
			continue;
		plain[i] = code_of(&pair->plain, pair->peer[i]);
		padded[i] = code_of(&pair->padded, i);
		if (ab_elf_is_code(&pair->padded, i))
			compare_code(pair, i, &plain[i], &padded[i]);
		else
			compare_data(pair, i, &plain[i], &padded[i]);
	}
	for (uint32_t i = 1; i < count; i++) {
		if (pair->peer[i])
			compare_relocs(pair, i, &plain[i], &padded[i]);
		free(plain[i].relocs);
		free(padded[i].relocs);
	}
	free(plain);
	free(padded);
}

static void compare_files(struct pair *pair)
{
	match_sections(pair);
	ab_annotdb_read(&pair->db, &pair->padded);
	for (size_t i = 0; i < pair->db.count; i++)
		if (pair->db.list[i].fault)
			differ(pair, "%s", ab_fault_text(pair->db.list[i].fault));
	if (!pair->differences) {
		compare_sections(pair);
		compare_symbols(pair);
	}
	if (pair->differences > SHOWN_MAX)
		printf("%s: %u more differences\n", pair->padded.path,
		       pair->differences - SHOWN_MAX);
	for (uint32_t i = 0; i < pair->padded.nsections; i++)
		padmap_free(&pair->maps[i]);
	free(pair->peer);
	free(pair->maps);
	free(pair->mapped);
	ab_annotdb_free(&pair->db);
}

static void compare(const struct ab_decoder *decoder, const char *plain, const char *padded)
{
	struct pair pair = {.decoder = decoder};
	bool same = false;

	total.pairs++;
	if (ab_elf_open(&pair.plain, plain) == 0) {
		if (ab_elf_open(&pair.padded, padded) == 0) {
			compare_files(&pair);
			same = !pair.differences;
			ab_elf_close(&pair.padded);
		}
		ab_elf_close(&pair.plain);
	}
	total.failed += !same;
}

static bool compare_list(const struct ab_decoder *decoder, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	if (!f) {
		perror(path);
		return false;
	}
	while (getline(&line, &room, f) >= 0) {
		char *save, *plain = strtok_r(line, " \t\n", &save);
		char *padded = plain ? strtok_r(NULL, " \t\n", &save) : NULL;

		if (padded)
			compare(decoder, plain, padded);
	}
	free(line);
	fclose(f);
	return true;
}

int main(int argc, char **argv)
{
	struct ab_decoder decoder;

	ab_decoder_init(&decoder);
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '@') {
			if (!compare_list(&decoder, argv[i] + 1))
				return 2;
		} else if (i + 1 < argc) {
			compare(&decoder, argv[i], argv[i + 1]);
			i++;
		} else {
			fprintf(stderr, "padcmp: %s has no partner\n", argv[i]);
			return 2;
		}
	}
	if (!total.pairs) {
		fprintf(stderr, "usage: padcmp PLAIN.o PADDED.o ... [@LIST]\n");
		return 2;
	}
	printf("%" PRIu64 " pairs, %" PRIu64 " differ; %" PRIu64 " instructions, %" PRIu64
	       " relocations, %" PRIu64 " symbols compared; %" PRIu64 " bytes of pads removed\n",
	       total.pairs, total.failed, total.instructions, total.relocs, total.symbols,
	       total.pads);
	return total.failed ? 1 : 0;
}
