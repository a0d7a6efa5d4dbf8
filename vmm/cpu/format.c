/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/format.h"

#include "vmm/backend.h"

static void put(struct line *line, char c)
{
	if (line->length + 1 < sizeof(line->text))
		line->text[line->length++] = c;
	line->text[line->length] = 0;
}

struct line *line_text(struct line *line, const char *text)
{
	while (*text)
		put(line, *text++);
	return line;
}

static struct line *number(struct line *line, uint64_t value, unsigned base)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count)
		put(line, digits[--count]);
	return line;
}

struct line *line_hex(struct line *line, uint64_t value)
{
	return number(line_text(line, "0x"), value, 16);
}

struct line *line_decimal(struct line *line, uint64_t value)
{
	return number(line, value, 10);
}

struct line *line_field(struct line *line, const char *name, uint64_t value)
{
	return line_hex(line_text(line_text(line_text(line, " "), name), "="), value);
}

void line_log(struct line *line)
{
	if (line->length + 1 >= sizeof(line->text)) /* keep room for the newline */
		line->length = sizeof(line->text) - 2;
	put(line, '\n');
	backend_log(line->text, line->length);
}
