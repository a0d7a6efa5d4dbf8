/* SPDX-License-Identifier: BSD-2-Clause */
/* One file that Xen boots: the wedge's ELF file with one more PT_LOAD behind its
 * others. The wedge's linker script keeps a place for that program header, a PT_NULL,
 * so that nothing in the file moves. Its notes stay where they are, which are what
 * Xen looks for; symbols and sections are left out.
 */
#include "backends/xen/image/image.h"

#include <string.h>

#define PF_R	4
#define PT_NULL 0
#define PT_NOTE 4

struct wedge {
	struct elf_segment highest; /* of its PT_LOADs */
	unsigned place;		    /* number of its PT_NULL */
	uint64_t end;		    /* in the file, of everything that is loaded or a note */
};

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) & PAGE_MASK;
}

static const char *look_at(struct wedge *wedge, const struct elf *elf)
{
	bool notes = false, place = false;

	*wedge = (struct wedge){.end = elf->header.phoff +
				       elf->header.phnum * sizeof(struct elf_segment)};
	for (unsigned i = 0; i < elf->header.phnum; i++) {
		struct elf_segment s = elf_segment(elf, i);

		if (s.type == PT_NULL) {
			place = true;
			wedge->place = i;
			continue;
		}
		notes |= s.type == PT_NOTE;
		if (s.offset > elf->size || s.filesz > elf->size - s.offset)
			return "a segment lies outside of the file";
		if (s.filesz && s.offset + s.filesz > wedge->end)
			wedge->end = s.offset + s.filesz;
		if (s.type == ELF_PT_LOAD &&
		    s.vaddr + s.memsz >= wedge->highest.vaddr + wedge->highest.memsz)
			wedge->highest = s;
	}
	if (!notes)
		return "no PT_NOTE: Xen takes no kernel without notes";
	if (!place)
		return "no PT_NULL: there is no place for the payload's program header";
	return wedge->highest.memsz ? NULL : "nothing to load";
}

/* The next part of the payload: its offset. */
static uint64_t add(struct xen_payload *payload, uint64_t bytes)
{
	uint64_t offset = payload->total_bytes;

	payload->total_bytes += whole_pages(bytes);
	return offset;
}

static void fill_payload(struct xen_payload *payload, const struct parts *parts)
{
	*payload = (struct xen_payload){.version = XEN_PAYLOAD_VERSION,
					.header_bytes = sizeof(*payload),
					.kernel_bytes = parts->kernel.size,
					.initrd_bytes = parts->initrd.size,
					.command_line_bytes = strlen(parts->command_line) + 1};
	memcpy(payload->magic, XEN_PAYLOAD_MAGIC, sizeof(payload->magic));
	add(payload, sizeof(*payload));
	payload->kernel_offset = add(payload, payload->kernel_bytes);
	if (payload->initrd_bytes)
		payload->initrd_offset = add(payload, payload->initrd_bytes);
	payload->command_line_offset = add(payload, payload->command_line_bytes);
}

/* At the same distance between virtual and physical addresses as the wedge's own. */
static void fill_segment(struct elf_segment *segment, const struct wedge *wedge, uint64_t bytes)
{
	const struct elf_segment *below = &wedge->highest;
	uint64_t vaddr = whole_pages(below->vaddr + below->memsz);

	*segment = (struct elf_segment){.type = ELF_PT_LOAD,
					.flags = PF_R,
					.offset = whole_pages(wedge->end),
					.vaddr = vaddr,
					.paddr = vaddr - (below->vaddr - below->paddr),
					.filesz = bytes,
					.memsz = bytes,
					.align = PAGE_SIZE};
}

static void fill_pieces(struct layout *layout, const struct elf *elf, const struct wedge *wedge,
			const struct parts *parts)
{
	const struct xen_payload *p = &layout->payload;
	uint64_t at = layout->segment.offset;
	const struct piece pieces[PIECES] = {
		[PIECE_WEDGE] = {0, elf->bytes, wedge->end},
		[PIECE_ELF_HEADER] = {0, &layout->header, sizeof(layout->header)},
		[PIECE_SEGMENT] = {elf->header.phoff + wedge->place * sizeof(layout->segment),
				   &layout->segment, sizeof(layout->segment)},
		[PIECE_PAYLOAD] = {at, p, sizeof(*p)},
		[PIECE_KERNEL] = {at + p->kernel_offset, parts->kernel.bytes, p->kernel_bytes},
		[PIECE_INITRD] = {at + p->initrd_offset, parts->initrd.bytes, p->initrd_bytes},
		[PIECE_COMMAND_LINE] = {at + p->command_line_offset, parts->command_line,
					p->command_line_bytes},
	};

	memcpy(layout->pieces, pieces, sizeof(pieces));
	layout->bytes = at + p->total_bytes;
}

const char *image_lay_out(struct layout *layout, const struct elf *elf, const struct parts *parts)
{
	struct wedge wedge;
	const char *wrong = look_at(&wedge, elf);

	if (wrong)
		return wrong;
	if (parts->kernel.size > IMAGE_MOST || parts->initrd.size > IMAGE_MOST)
		return "kernel and initial RAM disk are larger than 1 GiB";
	fill_payload(&layout->payload, parts);
	fill_segment(&layout->segment, &wedge, layout->payload.total_bytes);
	if (layout->payload.total_bytes > IMAGE_MOST)
		return "kernel and initial RAM disk are larger than 1 GiB";
	if (!layout->segment.vaddr || layout->segment.vaddr >= -IMAGE_MOST)
		return "no addresses left behind it";
	layout->header = elf->header;
	layout->header.shoff = 0;
	layout->header.shnum = layout->header.shstrndx = 0;
	fill_pieces(layout, elf, &wedge, parts);
	return NULL;
}
