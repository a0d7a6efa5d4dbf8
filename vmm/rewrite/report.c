/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of classes, outcomes and errors, and a report as text. */
#include "vmm/rewrite/classes.h"

struct class_name {
	uint16_t class;
	const char *name;
};

#define NAME_(group, number, name, sensitive) {AB_CLASS_##name, #name},
static const struct class_name names[CLASS_ROWS] = {AB_CLASSES(NAME_)};

unsigned rewrite_rows(void)
{
	return CLASS_ROWS;
}

const char *rewrite_row_name(unsigned row)
{
	return row < CLASS_ROWS ? names[row].name : "?";
}

#define ROW_(group, number, name, sensitive)                                                       \
	case AB_CLASS_##name:                                                                      \
		return CLASS_ROW_##name;

int rewrite_row(uint16_t class)
{
	switch (class) {
		AB_CLASSES(ROW_)
	default:
		return -1;
	}
}

const char *rewrite_error_text(enum rewrite_error error)
{
	static const char *const texts[] = {
		[REWRITE_OK] = "no error",
		[REWRITE_BAD_RECORD] = "bad annotation record",
		[REWRITE_UNREADABLE] = "annotations or code not mapped",
		[REWRITE_UNDECODABLE] = "code is not what its annotation says",
		[REWRITE_NO_ROOM] = "no room for the replacement",
		[REWRITE_OUT_OF_REACH] = "the VMM is farther than 2 GiB away",
		[REWRITE_FULL] = "too many sites",
	};

	return texts[error];
}

const char *rewrite_outcome_text(enum rewrite_outcome outcome)
{
	static const char *const texts[REWRITE_OUTCOMES] = {
		[REWRITE_INLINE] = "inline", [REWRITE_STUB] = "stub",
		[REWRITE_CALL] = "call",     [REWRITE_NATIVE] = "native",
		[REWRITE_COPIED] = "copied", [REWRITE_FOREIGN] = "foreign",
	};

	return outcome < REWRITE_OUTCOMES ? texts[outcome] : "?";
}

/* --- text ------------------------------------------------------------------------- */

struct text {
	char bytes[120];
	size_t length;
};

static void put(struct text *text, char c)
{
	if (text->length < sizeof(text->bytes))
		text->bytes[text->length++] = c;
}

static void put_string(struct text *text, const char *string, size_t width)
{
	size_t end = text->length + width;

	while (*string)
		put(text, *string++);
	while (text->length < end)
		put(text, ' ');
}

static void put_number(struct text *text, uint32_t number, size_t width)
{
	char digits[10];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	for (size_t i = count; i < width; i++)
		put(text, ' ');
	while (count)
		put(text, digits[--count]);
}

static void put_counts(struct text *text, const char *name, const uint32_t counts[REWRITE_OUTCOMES])
{
	text->length = 0;
	put_string(text, name, 16);
	for (unsigned outcome = 0; outcome < REWRITE_OUTCOMES; outcome++) {
		if (!counts[outcome])
			continue;
		put_number(text, counts[outcome], 7);
		put(text, ' ');
		put_string(text, rewrite_outcome_text((enum rewrite_outcome)outcome), 7);
	}
}

void rewrite_print(const struct rewrite_report *report,
		   void (*line)(void *context, const char *text, size_t length), void *context)
{
	uint32_t totals[REWRITE_OUTCOMES] = {0};
	struct text text;

	for (unsigned row = 0; row < CLASS_ROWS; row++) {
		uint32_t sum = 0;

		for (unsigned outcome = 0; outcome < REWRITE_OUTCOMES; outcome++) {
			totals[outcome] += report->counts[row][outcome];
			sum += report->counts[row][outcome];
		}
		if (!sum)
			continue;
		put_counts(&text, names[row].name, report->counts[row]);
		line(context, text.bytes, text.length);
	}
	put_counts(&text, "total", totals);
	line(context, text.bytes, text.length);
}
