/* SPDX-License-Identifier: BSD-2-Clause */
/* A back-end for unit tests: it runs nothing and records every call. */
#ifndef AFTERBURN_BACKENDS_STUB_H
#define AFTERBURN_BACKENDS_STUB_H

#include "vmm/backend.h"

struct stub_call {
	const char *name; /* without backend_ */
	uint64_t arguments[3];
};

enum stub_end { STUB_RUNS, STUB_EXIT, STUB_FATAL };

struct stub {
	struct stub_call calls[512]; /* the first ones; `count` goes on */
	size_t count;

	/* What the functions answer; set by tests. */
	uint64_t now, wall_clock, xcr0;
	uint16_t wanted; /* the class that backend_wants() wants */
	bool bad_state;	 /* backend_load_state() finds a fault */
	void (*cpuid)(uint32_t leaf, uint32_t subleaf, uint32_t out[4]); /* NULL: the real one */
	void (*idle)(void); /* what happens while the machine waits */
	const char *typed;  /* console input still to come; NULL: none */

	char log[8192], console[8192]; /* text written, NUL at the end */
	size_t log_length, console_length;

	/* How stub_ends() ended. */
	enum stub_end end;
	enum backend_exit why;
	unsigned code;
	char reason[256];
};

extern struct stub stub;
extern bool stub_keeps_bases; /* backend_keeps_bases */

/* Forget everything; XCR0 is 7, time 0. */
void stub_reset(void);

/* Calls of backend_`name` so far, and the last of them (NULL: none). */
size_t stub_count(const char *name);
const struct stub_call *stub_last(const char *name);

/* Run `function(argument)`; does it end in backend_exit() or backend_fatal()?
 * stub.end, why, code, reason tell how. Both abort outside of this. */
bool stub_ends(void (*function)(void *argument), void *argument);

#endif
