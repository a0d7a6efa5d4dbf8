/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer: the payload of a Xen image. What the checker accepts lies inside of its
 * bytes, and its parts apart. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/xen/payload.h"

/* Sum over what is said to be there: ASan sees a byte that is not. */
static uint64_t touch(const uint8_t *bytes, uint64_t offset, uint64_t size)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < size; i++)
		sum += bytes[offset + i];
	return sum;
}

static void believe(const uint8_t *bytes, const struct xen_payload *payload)
{
	volatile uint64_t sum;

	if (payload->kernel_offset < payload->header_bytes || !payload->command_line_bytes ||
	    payload->kernel_bytes + payload->initrd_bytes + payload->command_line_bytes >
		    payload->total_bytes)
		abort();
	sum = touch(bytes, payload->kernel_offset, payload->kernel_bytes) +
	      touch(bytes, payload->initrd_offset, payload->initrd_bytes) +
	      strlen((const char *)bytes + payload->command_line_offset);
	(void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);
	struct xen_payload payload;
	enum xen_payload_error error;

	memcpy(bytes, data, size); /* exactly its size */
	error = xen_payload_check(bytes, size, &payload);
	if (error >= XEN_PAYLOAD_ERROR_COUNT)
		abort();
	if (error == XEN_PAYLOAD_E_NONE)
		believe(bytes, &payload);
	free(bytes);
	return 0;
}
