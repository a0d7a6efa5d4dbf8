/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer: the in-place VMM's loader on any bytes, moved and as linked, and the boot
 * protocol on whatever image comes out. Guest memory and trampoline area are exactly as
 * large as they are said to be, so that ASan sees every access outside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/load.h"

#define RAM_SIZE  0x280000 /* the seed's image is at 2 MiB */
#define AREA_SIZE 0x1000

static uint8_t *ram, *area;

static void load(const uint8_t *file, size_t size, bool move)
{
	struct load_area room = {.bytes = area, .va = 0x7dff80800000, .size = AREA_SIZE};
	struct load_request request = {
		.file = file, .file_size = size, .ram = ram, .ram_size = RAM_SIZE, .area = &room};
	struct load_result result;
	struct load_failure failure;

	if (move) {
		request.delta[AB_LAYOUT_IMAGE] = 0x7dff80000000 - (int64_t)0xffffffff80000000;
		request.delta[AB_LAYOUT_DIRECT_MAP] = 0x10000000000;
	}
	if (load_kernel(&request, &result, &failure)) {
		struct boot_request boot = {.ram = ram,
					    .ram_size = RAM_SIZE,
					    .kernel = result.lowest,
					    .kernel_end = result.end,
					    .command_line = "console=ttyS0",
					    .initrd = file,
					    .initrd_size = size};
		struct boot_result ready;

		if (result.end.v > RAM_SIZE || result.entry.v >= result.end.v ||
		    room.used > room.size)
			abort();
		boot_setup(&boot, &ready, &failure);
	} else if (failure.error == LOAD_E_NONE || failure.error >= LOAD_ERROR_COUNT) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *file = malloc(size ? size : 1);

	if (!ram) {
		ram = malloc(RAM_SIZE);
		area = malloc(AREA_SIZE);
	}
	memcpy(file, data, size); /* exactly its size */
	load(file, size, true);
	load(file, size, false);
	free(file);
	return 0;
}
