/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer: windows in front of system calls in any code. What is found lies in the page,
 * and jump and trampoline stay in their room. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/linux/window.h"

#define PAGE 4096

static void check(int holds)
{
	if (!holds)
		abort();
}

static void use(const struct window *window, const uint8_t *code, unsigned length)
{
	static const struct window_places places = {0x7dff80f40000, 0x7dff80200000, 0x7dff80200008,
						    0x7dff80200010, 0x7dff80001000};
	struct window_step steps[WINDOW_STEPS];
	uint8_t *trampoline = malloc(WINDOW_TRAMPOLINE), *page = calloc(1, PAGE);
	unsigned at = window->at, known = length - 2 < at ? length - 2 : at, count = 0;

	check(at + 2 <= PAGE);
	memcpy(page + at - known, code + length - 2 - known, known + 2);
	check(window->start + window->length + window->second <= at && window->end <= at + 2);
	check(window->second <= 3);
	check(window->end - window->start >= WINDOW_JUMP);
	(void)window_trampoline(window, page, &places, trampoline, steps);
	while (steps[count].where != AT_NOWHERE) {
		check(steps[count].at < WINDOW_TRAMPOLINE);
		check(!count || steps[count].at > steps[count - 1].at);
		count++;
	}
	window_patch(window, window_pointer(at % WINDOW_POINTERS), page);
	check(page[window->end - 1] == 0 && page[window->end - 2] == 6);
	free(trampoline);
	free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct window window;
	uint8_t *code;
	unsigned length, at;

	if (size < 4)
		return 0;
	length = size - 2 > WINDOW_LEAD ? WINDOW_LEAD : (unsigned)size - 2;
	at = (data[0] | (unsigned)data[1] << 8) % PAGE;
	code = malloc(length);
	memcpy(code, data + 2, length);
	if (length >= 2) {
		code[length - 2] = 0x0f;
		code[length - 1] = 0x05;
	}
	if (window_find(&window, code, length, at))
		use(&window, code, length);
	free(code);
	return 0;
}
