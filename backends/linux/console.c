/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's serial line. Characters are collected (a write of one costs as much as
 * of a thousand) until the guest idles, the timer ticks, or the buffer is full.
 */
#include "backends/linux/host.h"
#include "backends/linux/private.h"
#include "vmm/backend.h"

#include <linux/errno.h>

static struct {
	size_t used;
	char text[1024];
} output;

void console_flush(void)
{
	size_t done = 0;

	while (done < output.used) {
		long result =
			host_call3(__NR_write, FD_CONSOLE, output.text + done, output.used - done);

		if (result == -EINTR)
			continue; /* a full terminal, and the launcher has an event */
		if (result <= 0)
			break; /* nobody reads any more: the guest need not care */
		done += (size_t)result;
	}
	output.used = 0;
}

void backend_console_write(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (output.used == sizeof(output.text))
			console_flush();
		output.text[output.used++] = text[i];
	}
}

size_t backend_console_read(char *text, size_t room)
{
	uint32_t head = __atomic_load_n(&shared->input_head, __ATOMIC_ACQUIRE);
	uint32_t tail = shared->input_tail;
	size_t n = 0;

	while (n < room && tail != head)
		text[n++] = (char)shared->input[tail++ % SHARED_INPUT];
	__atomic_store_n(&shared->input_tail, tail, __ATOMIC_RELEASE);
	return n;
}
