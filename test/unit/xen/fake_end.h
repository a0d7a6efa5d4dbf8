/* SPDX-License-Identifier: BSD-2-Clause */
/* The domain's end (end.c), caught. */
#ifndef TEST_UNIT_XEN_FAKE_END_H
#define TEST_UNIT_XEN_FAKE_END_H

#include <setjmp.h>
#include <stdbool.h>

extern jmp_buf fake_end;
extern bool fake_end_expected; /* else the test fails */
extern char fake_reason[256];

/* Does `statement` end the domain? fake_reason says why. */
#define ENDS(statement)                                                                            \
	({                                                                                         \
		volatile bool ended = true;                                                        \
		fake_end_expected = true;                                                          \
		if (!setjmp(fake_end)) {                                                           \
			statement;                                                                 \
			ended = false;                                                             \
		}                                                                                  \
		fake_end_expected = false;                                                         \
		ended;                                                                             \
	})

/* It ends for a reason that contains `text`. */
#define assert_ends(statement, text)                                                               \
	do {                                                                                       \
		assert_true(ENDS(statement));                                                      \
		assert_non_null(strstr(fake_reason, text));                                        \
	} while (0)

#endif
