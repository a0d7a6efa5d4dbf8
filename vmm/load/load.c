/* SPDX-License-Identifier: BSD-2-Clause */
/*@040 The loader: one binary, wherever the back-end has room
 *
 * The kernel that boots on bare hardware is the kernel that boots here: the same ELF
 * file, linked to run in the highest 2 GiB of the address space with its segments at
 * given physical addresses. Its segments are copied to those addresses of guest
 * memory, so that the kernel's early code, entered at startup_64 on an identity
 * mapping as by any boot loader, builds its own page tables without knowing anything.
 *
 * Some hypervisors have that part of the address space to give away and load the
 * image as it is linked (all deltas zero). A host process has only the lower half. Then
 * the image is moved before its first instruction runs, in three steps:
 *
 *      layout.c      constants of the address-space layout, by the guest's own records
 *      relocate.c    absolute addresses in data, by the linker's relocations
 *      text.c        absolute addresses in instructions, rewritten in place or
 *                    (trampoline.c) by a jump to code near the image
 *
 * Where the image goes is the back-end's choice, with two conditions: a multiple of
 * 2^39 away, for the kernel's own tables below the top level then still hold; and
 * above the guest's direct map, for Linux tells image addresses from direct-map
 * addresses by a carry (__phys_addr()).
 *
 * The rewriter (rewrite/) comes afterwards and needs from here where the annotations
 * and the executable sections are now.
 *
 * The file is hostile until proved otherwise, and there is no allocator here: tables
 * are read where they lie, and work space is the room of records already used up.
 */
#include "vmm/load/image.h"
#include "vmm/string.h"

uint64_t image_get64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

uint32_t image_get32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

void image_put64(uint8_t *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

void image_put32(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
}

uint8_t *image_span(const struct image *image, uint64_t va, uint64_t *left)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];

		if (va - s->vaddr < s->memsz) {
			*left = s->memsz - (va - s->vaddr);
			return image->request->ram + s->paddr + (va - s->vaddr);
		}
	}
	return NULL;
}

uint8_t *image_at(const struct image *image, uint64_t va, uint64_t length)
{
	uint64_t left;
	uint8_t *at = image_span(image, va, &left);

	return at && length <= left ? at : NULL;
}

bool image_fail(struct image *image, enum load_error error, unsigned section, uint64_t index,
		uint64_t address, uint64_t value)
{
	*image->failure = (struct load_failure){.error = error,
						.section = section,
						.index = index,
						.address = address,
						.value = value};
	return false;
}

static bool segment_fail(struct image *image, enum load_error error, unsigned number,
			 const struct elf_segment *segment)
{
	image_fail(image, error, number, 0, segment->vaddr, segment->paddr);
	image->failure->offset = segment->offset;
	return false;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* The ends do not wrap: elf_open() looked. */
static bool add_segment(struct image *image, unsigned number, const struct elf_segment *segment)
{
	uint64_t ram = image->request->ram_size;

	if (image->segment_count == IMAGE_SEGMENTS)
		return segment_fail(image, LOAD_E_TOO_MANY_SEGMENTS, number, segment);
	if (segment->memsz > ram || segment->paddr > ram - segment->memsz)
		return segment_fail(image, LOAD_E_SEGMENT_OUTSIDE, number, segment);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct elf_segment *other = &image->segments[i];

		if (overlap(other->paddr, other->memsz, segment->paddr, segment->memsz) ||
		    overlap(other->vaddr, other->memsz, segment->vaddr, segment->memsz))
			return segment_fail(image, LOAD_E_SEGMENT_OVERLAP, number, segment);
	}
	/* Offsets are physical addresses, or (p_vaddr 0) the per-processor template's. */
	if (image->delta && !in_window(segment->vaddr) &&
	    segment->vaddr + segment->memsz > IMAGE_OFFSETS)
		return segment_fail(image, LOAD_E_SEGMENT_WINDOW, number, segment);
	image->segments[image->segment_count++] = *segment;
	return true;
}

static bool collect_segments(struct image *image)
{
	for (unsigned i = 0; i < image->elf.header.phnum; i++) {
		struct elf_segment segment = elf_segment(&image->elf, i);

		if (segment.type == ELF_PT_LOAD && segment.memsz &&
		    !add_segment(image, i, &segment))
			return false;
	}
	return true;
}

/* The extent of the image in both address spaces. Offset segments lie in the image
 * physically but have no address of their own. */
static bool measure(struct image *image)
{
	struct load_result *r = image->result;
	uint64_t high = 0, delta = image->delta;
	bool window = false;

	r->lowest = gpa(UINT64_MAX);
	r->linked = UINT64_MAX;
	for (unsigned i = 0; i < image->segment_count; i++)
		window |= in_window(image->segments[i].vaddr);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];

		r->lowest.v = s->paddr < r->lowest.v ? s->paddr : r->lowest.v;
		r->end.v = s->paddr + s->memsz > r->end.v ? s->paddr + s->memsz : r->end.v;
		if (window && !in_window(s->vaddr))
			continue;
		r->linked = s->vaddr < r->linked ? s->vaddr : r->linked;
		high = s->vaddr + s->memsz > high ? s->vaddr + s->memsz : high;
	}
	r->base = r->linked + delta;
	r->limit = high + delta;
	return image->segment_count && (window || !delta)
		       ? true
		       : image_fail(image, LOAD_E_NO_SEGMENTS, 0, 0, 0, 0);
}

static bool canonical(uint64_t address)
{
	return address + (UINT64_C(1) << 47) < UINT64_C(1) << 48;
}

static bool check_deltas(struct image *image)
{
	const struct load_result *r = image->result;

	for (unsigned kind = 0; kind < AB_LAYOUT_KINDS; kind++) {
		uint64_t delta = (uint64_t)image->request->delta[kind];
		uint64_t unit = kind == AB_LAYOUT_IMAGE ? UINT64_C(1) << 39 : PAGE_SIZE;

		if (delta % unit)
			return image_fail(image, LOAD_E_BAD_DELTA, 0, kind, 0, delta);
	}
	if (image->delta && (!canonical(r->base) || !canonical(r->limit - 1) || r->limit < r->base))
		return image_fail(image, LOAD_E_BAD_BASE, 0, 0, r->base, image->delta);
	return true;
}

static void copy_segments(const struct image *image)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];
		uint8_t *to = image->request->ram + s->paddr;

		if (s->filesz)
			memcpy(to, image->elf.bytes + s->offset, (size_t)s->filesz);
		memset(to + s->filesz, 0, (size_t)(s->memsz - s->filesz));
	}
}

/* e_entry of vmlinux is startup_64's physical address (ENTRY(phys_startup_64),
 * arch/x86/kernel/vmlinux.lds.S); others may have a virtual one. */
static bool find_entry(struct image *image)
{
	uint64_t entry = image->elf.header.entry;

	for (int is_virtual = 0; is_virtual < 2; is_virtual++)
		for (unsigned i = 0; i < image->segment_count; i++) {
			const struct elf_segment *s = &image->segments[i];
			uint64_t start = is_virtual ? s->vaddr : s->paddr;

			if (entry - start < s->filesz && s->flags & ELF_PF_X) {
				image->result->entry = gpa(s->paddr + (entry - start));
				return true;
			}
		}
	return image_fail(image, LOAD_E_ENTRY_OUTSIDE, 0, 0, entry, 0);
}

static bool find_section(struct image *image, const char *name, struct load_section *found)
{
	struct elf_section section;
	unsigned number = elf_find(&image->elf, name, &section);
	uint8_t *at;

	if (!number || !section.size)
		return true;
	at = section.flags & ELF_SHF_ALLOC ? image_at(image, section.addr, section.size) : NULL;
	if (!at)
		return image_fail(image, LOAD_E_BAD_HEADER, number, 0, section.addr, section.size);
	*found = (struct load_section){.va = section.addr + image->delta,
				       .pa = gpa((uint64_t)(at - image->request->ram)),
				       .size = section.size};
	return true;
}

/* Sections with nothing but alignment between them are one range. */
static bool add_code(struct load_result *result, mword start, mword end)
{
	struct load_range *last = result->code_count ? &result->code[result->code_count - 1] : NULL;

	if (last && start >= last->end && start - last->end < PAGE_SIZE) {
		last->end = end;
		return true;
	}
	if (result->code_count == LOAD_CODE_MOST)
		return false;
	result->code[result->code_count++] = (struct load_range){start, end};
	return true;
}

static bool find_text(struct image *image)
{
	struct load_result *r = image->result;

	r->text = r->limit;
	r->text_end = r->base;
	for (unsigned i = 0; i < image->elf.header.shnum; i++) {
		struct elf_section s = elf_section(&image->elf, i);
		uint64_t start = s.addr + image->delta;

		if ((s.flags & (ELF_SHF_ALLOC | ELF_SHF_EXECINSTR)) !=
			    (ELF_SHF_ALLOC | ELF_SHF_EXECINSTR) ||
		    !s.size || !image_at(image, s.addr, s.size))
			continue;
		if (!add_code(r, start, start + s.size))
			return image_fail(image, LOAD_E_BAD_HEADER, i, 0, s.addr, s.size);
		r->text = start < r->text ? start : r->text;
		r->text_end = start + s.size > r->text_end ? start + s.size : r->text_end;
	}
	if (r->text > r->text_end)
		r->text = r->text_end;
	return true;
}

/* The order matters: layout words first, for relocations to be kept off them, and
 * literals last, when the words' addresses are needed no more. */
static bool move(struct image *image)
{
	bool any = false;

	for (unsigned kind = 0; kind < AB_LAYOUT_KINDS; kind++)
		any |= image->request->delta[kind] != 0;
	if (!any)
		return true;
	if (!image->result->layout.size)
		return image_fail(image, LOAD_E_NO_LAYOUT, 0, 0, 0, 0);
	if (!layout_apply(image) || (image->delta && !image_relocate(image)))
		return false;
	layout_finish(image);
	return true;
}

bool load_kernel(const struct load_request *request, struct load_result *result,
		 struct load_failure *failure)
{
	struct image image = {.request = request, .result = result, .failure = failure};

	*result = (struct load_result){0};
	*failure = (struct load_failure){0};
	image.delta = (uint64_t)request->delta[AB_LAYOUT_IMAGE];
	if (!elf_open(&image.elf, request->file, request->file_size, failure) ||
	    !collect_segments(&image) || !measure(&image) || !check_deltas(&image))
		return false;
	copy_segments(&image);
	if (!find_entry(&image) || !find_section(&image, AB_SECTION, &result->annotations) ||
	    !find_section(&image, AB_LAYOUT_SECTION, &result->layout))
		return false;
	return find_text(&image) && move(&image);
}

#define ERROR_TEXT(name, text) [LOAD_E_##name] = text,
const char *load_error_text(enum load_error error)
{
	static const char *const texts[] = {LOAD_ERRORS(ERROR_TEXT)};

	return error < LOAD_ERROR_COUNT ? texts[error] : "unknown error";
}

#define COUNT_TEXT(name, text) [LOAD_##name] = text,
const char *load_count_text(enum load_count count)
{
	static const char *const texts[] = {LOAD_COUNTS(COUNT_TEXT)};

	return count < LOAD_COUNT_KINDS ? texts[count] : "unknown count";
}
