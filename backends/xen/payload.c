/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's header is part of a file that anybody may have made or torn: it is
 * believed in nothing that is not looked at here. */
#include "backends/xen/payload.h"

#include "vmm/string.h"

struct part {
	uint64_t offset, bytes;
};

static bool overlap(struct part a, struct part b)
{
	return a.bytes && b.bytes && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

/* Ends cannot wrap once a part is known to lie inside of `total`. */
static enum xen_payload_error check_parts(const struct part *parts, unsigned count, uint64_t total)
{
	for (unsigned i = 0; i < count; i++) {
		if (parts[i].offset % PAGE_SIZE)
			return XEN_PAYLOAD_E_ALIGNMENT;
		if (parts[i].offset > total || parts[i].bytes > total - parts[i].offset)
			return XEN_PAYLOAD_E_OUTSIDE;
		for (unsigned before = 0; before < i; before++)
			if (overlap(parts[before], parts[i]))
				return XEN_PAYLOAD_E_OVERLAP;
	}
	return XEN_PAYLOAD_E_NONE;
}

static enum xen_payload_error check_header(const struct xen_payload *payload, uint64_t room)
{
	if (memcmp(payload->magic, XEN_PAYLOAD_MAGIC, sizeof(payload->magic)) != 0)
		return XEN_PAYLOAD_E_MAGIC;
	if (payload->version != XEN_PAYLOAD_VERSION)
		return XEN_PAYLOAD_E_VERSION;
	if (payload->header_bytes != sizeof(*payload))
		return XEN_PAYLOAD_E_HEADER;
	if (payload->total_bytes % PAGE_SIZE)
		return XEN_PAYLOAD_E_TOTAL;
	if (payload->total_bytes > room)
		return XEN_PAYLOAD_E_ROOM;
	if (!payload->kernel_bytes)
		return XEN_PAYLOAD_E_NO_KERNEL;
	return XEN_PAYLOAD_E_NONE;
}

/* Its parts are known to be inside of `bytes`. */
static bool command_line_ends(const uint8_t *bytes, const struct xen_payload *payload)
{
	uint64_t size = payload->command_line_bytes;

	return size && bytes[payload->command_line_offset + size - 1] == 0;
}

enum xen_payload_error xen_payload_check(const uint8_t *bytes, uint64_t room,
					 struct xen_payload *payload)
{
	enum xen_payload_error error;

	if (room < sizeof(*payload))
		return XEN_PAYLOAD_E_CUT;
	memcpy(payload, bytes, sizeof(*payload));
	error = check_header(payload, room);
	if (!error) {
		const struct part parts[] = {
			{0, payload->header_bytes},
			{payload->kernel_offset, payload->kernel_bytes},
			{payload->initrd_offset, payload->initrd_bytes},
			{payload->command_line_offset, payload->command_line_bytes},
		};

		error = check_parts(parts, sizeof(parts) / sizeof(parts[0]), payload->total_bytes);
	}
	if (!error && !command_line_ends(bytes, payload))
		error = XEN_PAYLOAD_E_COMMAND_LINE;
	return error;
}

#define ERROR_TEXT(name, text) [XEN_PAYLOAD_E_##name] = text,

const char *xen_payload_error_text(enum xen_payload_error error)
{
	static const char *const texts[] = {XEN_PAYLOAD_ERRORS(ERROR_TEXT)};

	return error < XEN_PAYLOAD_ERROR_COUNT ? texts[error] : "unknown error";
}
