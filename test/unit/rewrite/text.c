/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include <string.h>

uint8_t text[TEXT_BYTES], kept_text[TEXT_BYTES];
struct ab_annot text_records[SITES_MAX + 16];
size_t record_count;
mword text_at, unreadable, unwritable;

/* A text larger than the array repeats: enough for thousands of equal sites. */
static bool view_read(const struct code_view *view, mword va, void *to, size_t length)
{
	(void)view;
	if (va >= RECORDS && va + length <= RECORDS + record_count * AB_RECORD_SIZE) {
		memcpy(to, (uint8_t *)text_records + (va - RECORDS), length);
		return unreadable != va;
	}
	if (va <= unreadable && unreadable < va + length)
		return false;
	for (size_t i = 0; i < length; i++)
		((uint8_t *)to)[i] = text[(va - text_at + i) % TEXT_BYTES];
	return true;
}

static bool view_write(const struct code_view *view, mword va, const void *from, size_t length)
{
	(void)view;
	if (va <= unwritable && unwritable < va + length)
		return false;
	for (size_t i = 0; i < length; i++)
		text[(va - text_at + i) % TEXT_BYTES] = ((const uint8_t *)from)[i];
	return true;
}

const struct code_view text_view = {view_read, view_write};
struct rewrite_report report;
struct rewrite_failure failure;

int text_reset(void **state)
{
	machine_reset(state);
	memset(text, 0xcc, sizeof(text));
	record_count = 0;
	text_at = TEXT;
	unreadable = unwritable = 1;
	return 0;
}

struct ab_annot *text_put(unsigned offset, const struct sample *sample)
{
	struct ab_annot *annot = &text_records[record_count];
	mword at = RECORDS + record_count++ * AB_RECORD_SIZE;
	unsigned in_front = sample->flags & AB_F_PREFIX ? sample->pad : 0;

	*annot = (struct ab_annot){
		.class = sample->class,
		.total_len = (uint8_t)(sample->length + sample->pad),
		.insn_off = (uint8_t)in_front,
		.insn_len = sample->length,
		.mode_version = AB_MODE_64 | AB_VERSION << AB_VERSION_SHIFT,
		.flags = sample->flags,
	};
	annot->start = (int32_t)(text_at + offset - at);
	if (offset + annot->total_len > TEXT_BYTES)
		return annot;
	memset(text + offset, in_front ? AB_PREFIX : 0x90, annot->total_len);
	memcpy(text + offset + in_front, sample->bytes, sample->length);
	return annot;
}

enum rewrite_error text_rewrite(void)
{
	memcpy(kept_text, text, sizeof(text));
	return rewrite(&text_view, RECORDS, record_count * AB_RECORD_SIZE, text_at,
		       text_at + 16 * UINT64_C(0x100000), &report, &failure);
}

void expect(enum rewrite_error error, mword address)
{
	static const struct rewrite_report none;
	enum rewrite_error found = text_rewrite();

	if (found != error)
		fail_msg("%s, expected %s", rewrite_error_text(found), rewrite_error_text(error));
	assert_int_equal(failure.error, error);
	assert_int_equal(failure.address, address);
	assert_memory_equal(text, kept_text, sizeof(text));
	assert_memory_equal(&report, &none, sizeof(report));
	for (unsigned i = 0; i < TEXT_BYTES; i++)
		assert_null(rewrite_site_at(text_at + i));
}

void expect_ok(void)
{
	enum rewrite_error error = text_rewrite();

	if (error)
		fail_msg("%s at %#lx", rewrite_error_text(error), failure.address);
	assert_int_equal(report.total, record_count);
}
