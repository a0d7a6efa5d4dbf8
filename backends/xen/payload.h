/* SPDX-License-Identifier: BSD-2-Clause */
/* What `afterburn image --xen` puts behind the wedge: guest kernel, initial RAM disk and
 * command line in one PT_LOAD, at the first page behind the wedge's own. Xen hands
 * a domain one module at most, and a domain builder reads one kernel file: this makes
 * one file of all. The kernel is the vmlinux byte for byte, as it boots on bare
 * hardware; everything else is padded with zeros to whole pages.
 *
 *      page 0          struct xen_payload
 *      kernel          ELF file
 *      initrd          as it was given, or nothing
 *      command line    text and its terminating 0
 */
#ifndef AFTERBURN_BACKENDS_XEN_PAYLOAD_H
#define AFTERBURN_BACKENDS_XEN_PAYLOAD_H

#include "vmm/types.h"

#define XEN_PAYLOAD_MAGIC   "ABXENIMG" /* without its 0 */
#define XEN_PAYLOAD_VERSION 1

/* Offsets count from the header's first byte and are multiples of the page size. */
struct xen_payload {
	char magic[8];
	uint32_t version;
	uint32_t header_bytes; /* sizeof(struct xen_payload) */
	uint64_t kernel_offset, kernel_bytes;
	uint64_t initrd_offset, initrd_bytes;		  /* both 0: none */
	uint64_t command_line_offset, command_line_bytes; /* with the terminating 0 */
	uint64_t total_bytes;				  /* whole pages, the header's included */
};

_Static_assert(sizeof(struct xen_payload) == 72, "the layout is a file format: append only");

/* name, what is wrong */
#define XEN_PAYLOAD_ERRORS(X)                                                                      \
	X(NONE, "no error")                                                                        \
	X(CUT, "the image ends inside of the payload's header; copy it again")                     \
	X(MAGIC, "no payload behind the wedge: make an image with `afterburn image --xen'")        \
	X(VERSION, "the payload is of another version; make the image with this afterburn")        \
	X(HEADER, "the payload's header has another size than its version")                        \
	X(TOTAL, "the payload's size is not a whole number of pages")                              \
	X(ROOM, "the payload is larger than what was loaded; copy the image again")                \
	X(NO_KERNEL, "the payload has no kernel")                                                  \
	X(ALIGNMENT, "a part of the payload does not begin on a page")                             \
	X(OUTSIDE, "a part of the payload lies outside of it")                                     \
	X(OVERLAP, "two parts of the payload overlap")                                             \
	X(COMMAND_LINE, "the payload's command line is empty or not terminated")

#define XEN_PAYLOAD_ERROR_(name, text) XEN_PAYLOAD_E_##name,
enum xen_payload_error { XEN_PAYLOAD_ERRORS(XEN_PAYLOAD_ERROR_) XEN_PAYLOAD_ERROR_COUNT };

/* Look at the payload at `bytes`, of which `room` bytes may be read; its header is copied to
 * *payload. XEN_PAYLOAD_E_NONE: all its parts are there and in no other's way. The
 * bytes of kernel and initial RAM disk are not looked at. */
enum xen_payload_error xen_payload_check(const uint8_t *bytes, uint64_t room,
					 struct xen_payload *payload);

const char *xen_payload_error_text(enum xen_payload_error error);

#endif
