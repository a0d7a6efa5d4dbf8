/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lock-step reading of one section of code, plain and padded: proves that
 * without its pads the padded code is the plain code, and remembers which
 * byte became which.
 */
#ifndef AFTERBURN_PADMAP_H
#define AFTERBURN_PADMAP_H

#include "asrewrite/annotdb.h"
#include "asrewrite/sensitive.h"

/* Bytes [plain, plain + plain_len) became [padded, padded + padded_len). */
struct span {
	uint64_t plain, padded, plain_len, padded_len;
	bool linear; /* byte by byte; else only both ends are known */
	bool pad;
};

/* A relative operand without relocation: where it leads in both. */
struct target {
	uint64_t plain_at, padded_at; /* the instruction */
	uint64_t plain, padded;
};

struct padmap {
	struct span *spans; /* in order, without gaps in either */
	size_t nspans;
	struct span *fillers; /* whole runs: see in_filler() */
	size_t nfillers;
	uint64_t filler_align;
	struct target *targets;
	size_t ntargets;
	uint64_t instructions, pads; /* pads: bytes removed */
};

/* One side's code, and where its relocations are. */
struct code {
	const uint8_t *data;
	uint64_t size;
	struct ab_elf_reloc *relocs; /* sorted */
	size_t nrelocs;
	const struct ab_elf *elf;
};

struct difference {
	uint64_t plain, padded; /* offsets */
	const char *what;
};

/*
 * Read both; `sites` are the records of the padded section, in order. Returns
 * false with *difference set if they are not the same code. Free `map` either
 * way with padmap_free().
 */
bool padmap_make(struct padmap *map, const struct ab_decoder *decoder, const struct code *plain,
		 const struct code *padded, const struct ab_annotation *sites, size_t nsites,
		 struct difference *difference);
void padmap_free(struct padmap *map);

/*
 * True if byte `padded` is what became of byte `plain`, or both are the end.
 * Inside of pads, and of what changed its length, nothing is.
 */
bool padmap_same(const struct padmap *map, uint64_t plain, uint64_t padded);

/* The relocation that covers a byte of [offset, offset + len), or NULL. */
const struct ab_elf_reloc *reloc_in(const struct code *code, uint64_t offset, uint64_t len);

/* True if the byte is part of an addend kept in the section (i386): compared as such. */
bool holds_addend(const struct code *code, uint64_t offset);

#endif
