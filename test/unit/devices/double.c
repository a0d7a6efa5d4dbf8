/* SPDX-License-Identifier: BSD-2-Clause */
#include "double.h"

#include "vmm/memory.h"

#include <stdlib.h>
#include <string.h>

struct guest_memory guest_memory;
struct ending ending;
jmp_buf ending_jump;
bool ending_expected;
char console_output[4096];
size_t console_output_length;
const char *console_input = "";

static _Noreturn void end(struct ending how)
{
	ending = how;
	if (!ending_expected)
		abort();
	longjmp(ending_jump, 1);
}

void backend_exit(enum backend_exit why, unsigned code)
{
	end((struct ending){.why = why, .code = code});
}

void backend_fatal(const char *reason)
{
	end((struct ending){.fatal = true, .reason = reason});
}

void backend_console_write(const char *text, size_t length)
{
	if (length > sizeof(console_output) - console_output_length)
		abort();
	memcpy(console_output + console_output_length, text, length);
	console_output_length += length;
}

size_t backend_console_read(char *text, size_t room)
{
	size_t length = strlen(console_input);

	if (length > room)
		length = room;
	memcpy(text, console_input, length);
	console_input += length;
	return length;
}

static void wire_set(void *controller, unsigned irq, bool level)
{
	struct wire *wire = controller;

	(void)irq;
	wire->edges += level && !wire->level;
	wire->level = level;
}

struct irq_line wire_line(struct wire *wire)
{
	return (struct irq_line){.set = wire_set, .controller = wire};
}

uint8_t dev_in(struct device *device, uint16_t offset, uint64_t now)
{
	return (uint8_t)device->ops->in(device, offset, 1, now);
}

void dev_out(struct device *device, uint16_t offset, uint8_t value, uint64_t now)
{
	device->ops->out(device, offset, 1, value, now);
}

uint64_t dev_deadline(struct device *device)
{
	return device->ops->deadline(device);
}

void dev_tick(struct device *device, uint64_t now)
{
	device->ops->tick(device, now);
}
