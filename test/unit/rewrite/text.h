/* SPDX-License-Identifier: BSD-2-Clause */
/* Code and records for tests of the rewriter: arrays, seen through a view that
 * knows where they end. */
#ifndef TEST_REWRITE_TEXT_H
#define TEST_REWRITE_TEXT_H

#include "samples.h"

#define TEXT	   UINT64_C(0x21000000) /* near this program, so that stubs are in reach */
#define RECORDS	   (text_at + UINT64_C(0x10000000))
#define TEXT_BYTES 4096
#define SITES_MAX  32768 /* rewrite.h */

extern uint8_t text[TEXT_BYTES], kept_text[TEXT_BYTES];
extern struct ab_annot text_records[];
extern size_t record_count;
extern mword text_at, unreadable, unwritable;
extern const struct code_view text_view;
extern struct rewrite_report report;
extern struct rewrite_failure failure;

/* cmocka fixture: no sites, no records, text of int3. */
int text_reset(void **state);

/* Bytes and record of `sample` at `offset`; the record is returned for spoiling. */
struct ab_annot *text_put(unsigned offset, const struct sample *sample);

/* rewrite() what was put. */
enum rewrite_error text_rewrite(void);
void expect_ok(void);

/* It fails like that, and nothing has changed. */
void expect(enum rewrite_error error, mword address);

#endif
