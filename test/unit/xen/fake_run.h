/* SPDX-License-Identifier: BSD-2-Clause */
/* Each test in a process of its own: what is tested has state that a domain never resets. */
#ifndef TEST_UNIT_XEN_FAKE_RUN_H
#define TEST_UNIT_XEN_FAKE_RUN_H

struct CMUnitTest;

/* 0: all passed. */
int fake_run(const struct CMUnitTest *tests, unsigned count);

#endif
