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

void rewrite_explain(const struct rewrite_failure *failure, struct line *line)
{
	int row = rewrite_row(failure->class);

	line_text(line, rewrite_error_text(failure->error));
	if (row >= 0)
		line_text(line_text(line, ", class "), rewrite_row_name((unsigned)row));
	line_field(line_text(line, ","), "address", failure->address);
	if (failure->error != REWRITE_NO_ROOM)
		return;
	line_decimal(line_text(line, ", needs "), failure->needed);
	line_text(line_decimal(line_text(line, " of "), failure->there), " bytes");
}

static void put_counts(struct line *line, const char *name, const uint32_t counts[REWRITE_OUTCOMES])
{
	*line = (struct line){0};
	line_text(line, name);
	for (unsigned outcome = 0; outcome < REWRITE_OUTCOMES; outcome++) {
		if (!counts[outcome])
			continue;
		line_decimal(line_text(line, " "), counts[outcome]);
		line_text(line_text(line, " "),
			  rewrite_outcome_text((enum rewrite_outcome)outcome));
	}
}

void rewrite_print(const struct rewrite_report *report,
		   void (*line)(void *context, const char *text, size_t length), void *context)
{
	uint32_t totals[REWRITE_OUTCOMES] = {0};
	struct line text;

	for (unsigned row = 0; row < CLASS_ROWS; row++) {
		uint32_t sum = 0;

		for (unsigned outcome = 0; outcome < REWRITE_OUTCOMES; outcome++) {
			totals[outcome] += report->counts[row][outcome];
			sum += report->counts[row][outcome];
		}
		if (!sum)
			continue;
		put_counts(&text, names[row].name, report->counts[row]);
		line(context, text.text, text.length);
	}
	put_counts(&text, "total", totals);
	line(context, text.text, text.length);
}
