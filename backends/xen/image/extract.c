/* SPDX-License-Identifier: BSD-2-Clause */
/* The way back: from an image to the kernel in it, byte for byte. */
#include "asrewrite/diag.h"
#include "backends/xen/image/image.h"

static int refuse(const struct input *image, const char *why)
{
	ab_error("%s: %s", image->name, why);
	return RUN_EXIT_INPUT;
}

int image_kernel(const struct input *image, struct piece *kernel)
{
	struct elf_segment last = {0};
	struct load_failure failure;
	struct xen_payload payload;
	enum xen_payload_error error;
	struct elf elf;

	if (!elf_open(&elf, image->bytes, image->size, &failure))
		return input_complain(&failure, image->name);
	for (unsigned i = 0; i < elf.header.phnum; i++) {
		struct elf_segment segment = elf_segment(&elf, i);

		if (segment.type == ELF_PT_LOAD && segment.vaddr >= last.vaddr)
			last = segment;
	}
	error = xen_payload_check(image->bytes + last.offset, last.filesz, &payload);
	if (error)
		return refuse(image, xen_payload_error_text(error));
	*kernel = (struct piece){0, image->bytes + last.offset + payload.kernel_offset,
				 payload.kernel_bytes};
	return RUN_EXIT_OK;
}
