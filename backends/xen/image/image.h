/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `afterburn image` tell each other. Hosted. */
#ifndef AFTERBURN_BACKENDS_XEN_IMAGE_IMAGE_H
#define AFTERBURN_BACKENDS_XEN_IMAGE_IMAGE_H

#include "backends/hosted/input.h"
#include "backends/xen/payload.h"
#include "vmm/load/elf.h"

/* The payload at most: a domain's image, its first tables and the guest share the
 * highest 2 GiB of addresses. */
#define IMAGE_MOST (UINT64_C(1) << 30)

/* Bytes of the file that is made; what no piece says is zero. */
struct piece {
	uint64_t offset;
	const void *bytes;
	uint64_t size;
};

enum {
	PIECE_WEDGE,
	PIECE_ELF_HEADER, /* over the wedge's own */
	PIECE_SEGMENT,	  /* over its PT_NULL */
	PIECE_PAYLOAD,
	PIECE_KERNEL,
	PIECE_INITRD,
	PIECE_COMMAND_LINE,
	PIECES
};

/* An image laid out: `pieces` point into it, into the wedge and into the parts. */
struct layout {
	struct elf_header header;
	struct elf_segment segment;
	struct xen_payload payload;
	struct piece pieces[PIECES];
	uint64_t bytes;
};

struct parts {
	struct input kernel, initrd; /* initrd.bytes NULL: none */
	const char *command_line;
};

/* layout.c: lay out the wedge and, in a PT_LOAD behind its own, the parts. Returns NULL, or
 * what is wrong with the wedge or the sizes. */
const char *image_lay_out(struct layout *layout, const struct elf *wedge,
			  const struct parts *parts);

/* check.c: would the wedge take these? Returns RUN_EXIT_OK, or says what is
 * wrong and returns the exit code. */
int image_check(const struct parts *parts);

/* extract.c: the kernel in an image. Returns RUN_EXIT_OK, or says what is wrong with
 * the image and returns RUN_EXIT_INPUT. */
int image_kernel(const struct input *image, struct piece *kernel);

/* output.c: make the file `name`, of `bytes` bytes, whole or not at all; pieces are
 * written in their order. Returns RUN_EXIT_OK, or says why not and returns RUN_EXIT_HOST. */
int image_write(const char *name, const struct piece *pieces, unsigned count, uint64_t bytes);

#endif
