/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's work in progress, shared by its files. */
#ifndef AFTERBURN_VMM_LOAD_IMAGE_H
#define AFTERBURN_VMM_LOAD_IMAGE_H

#include "vmm/load.h"
#include "vmm/load/elf.h"

#define IMAGE_SEGMENTS 16
#define IMAGE_EARLY    4
#define IMAGE_LITERALS 8

/* Kernel addresses are linked in the top 2 GiB (psABI 1.0, 3.5.1, kernel code model);
 * what lies in the lowest 2 GiB is an offset: physical, or per-processor. */
#define IMAGE_WINDOW  UINT64_C(0xffffffff80000000)
#define IMAGE_OFFSETS (UINT64_C(1) << 31)

struct range {
	uint64_t start, size;
};

struct image {
	const struct load_request *request;
	struct load_result *result;
	struct load_failure *failure;
	struct elf elf;
	struct elf_segment segments[IMAGE_SEGMENTS];
	unsigned segment_count;
	uint64_t delta; /* of the image */
	/* Addresses of the layout words, sorted, 8 bytes each, in the records' place */
	uint8_t *words;
	uint64_t word_count;
	struct range early[IMAGE_EARLY]; /* functions that run on the identity mapping */
	unsigned early_count;
	uint64_t literals[IMAGE_LITERALS]; /* for the records' place, once `words` is done with */
	unsigned literal_count;
};

static inline bool range_has(struct range range, uint64_t address)
{
	return address - range.start < range.size;
}

/* Is it an address of the kernel, as linked? */
static inline bool in_window(uint64_t address)
{
	return address >= IMAGE_WINDOW;
}

static inline bool fits_rel32(uint64_t distance)
{
	return (uint64_t)(int64_t)(int32_t)(uint32_t)distance == distance;
}

/* Guest memory of [va, va + length), as linked; NULL: not all in one segment. */
uint8_t *image_at(const struct image *image, uint64_t va, uint64_t length);

/* Guest memory of `va`, and how many bytes follow in its segment; NULL: none. */
uint8_t *image_span(const struct image *image, uint64_t va, uint64_t *left);

/* Note a failure; returns false. */
bool image_fail(struct image *image, enum load_error error, unsigned section, uint64_t index,
		uint64_t address, uint64_t value);

uint64_t image_get64(const uint8_t *from);
uint32_t image_get32(const uint8_t *from);
void image_put64(uint8_t *to, uint64_t value);
void image_put32(uint8_t *to, uint32_t value);

/* layout.c: add the deltas to the layout constants; then: does [va, va + length)
 * touch one of them?; and give the records' place to the literals. */
bool layout_apply(struct image *image);
bool layout_touched(const struct image *image, uint64_t va, unsigned length);
void layout_finish(struct image *image);

/* relocate.c: change every absolute address. */
bool image_relocate(struct image *image);

/* text.c: change the absolute address `value` at `place` in code; `anchor` is the
 * start of some instruction at or before it. */
struct fixup {
	unsigned section;
	uint64_t index; /* of the relocation in `section` */
	uint64_t place; /* of the 4 bytes, as linked */
	uint64_t value; /* as linked */
	uint64_t anchor;
};
bool text_fix(struct image *image, const struct fixup *fixup);

/* Note a failure at the instruction at `start`. */
bool text_fail(struct image *image, enum load_error error, const struct fixup *fixup,
	       uint64_t start, unsigned length);

/* trampoline.c: an instruction that cannot be changed in place. */
struct x86;
bool text_trampoline(struct image *image, const struct fixup *fixup, uint64_t start,
		     const struct x86 *insn, bool in_immediate);

#endif
