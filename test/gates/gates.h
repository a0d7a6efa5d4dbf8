/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that may be made without a trap: what could go wrong, seen from inside.
 * Every check holds on any Linux. `info:` lines tell what was patched where they run.
 */
#ifndef TEST_GATES_H
#define TEST_GATES_H

#include <stdint.h>
#include <stdio.h>

#define HOT 200 /* calls that make a site hot */

extern const uint8_t storm_window[], storm_second[], storm_syscall[], storm_next[];
extern const uint8_t storm2_window[], storm2_second[], storm2_syscall[], storm2_next[];
extern const uint8_t storm3_window[], storm3_second[], storm3_syscall[], storm3_next[];
extern const uint8_t site_start[], site_syscall[], site_next[], site_next_but_one[];
extern const uint8_t site_read_start[], site_load_start[];
extern const uint8_t pair_start[], pair_second[], pair_syscall[], pair_next[], pair_next_but_one[];
extern const uint8_t stood_start[], stood_second[], stood_next[];
extern const uint8_t pair_load_start[], pair_load_second[];
extern const uint8_t overlap_window[];
extern long site_rcx, site_rax;

void storm_call(uint64_t *values), storm2_call(uint64_t *values), storm3_call(uint64_t *values);
long site_window(void);
long site_direct(long number);
long site_read(int fd, void *to, long length);
long site_load(const long *at);
long pair(void);
long pair_direct(long number);
long pair_load(const long *at);
long stood(void);

/* Is there a jump through memory where `code` was something else? A load sees it. */
static inline int patched(const uint8_t *code)
{
	const volatile uint8_t *bytes = code;

	while (*bytes == 0x36)
		bytes++;
	return bytes[0] == 0xff && bytes[1] == 0x24 && bytes[2] == 0xe5;
}

static inline void tell(const char *name, const uint8_t *code)
{
	printf("info: %s %s\n", name, patched(code) ? "patched" : "as it was");
}

/* The number of failures. */
int storm_checks(void);
int pages_checks(void);
int entry_checks(void);
int trace_checks(void);
int process_checks(const char *self);

#endif
