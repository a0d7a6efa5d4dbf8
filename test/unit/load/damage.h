/* SPDX-License-Identifier: BSD-2-Clause */
/* The small kernel, to be damaged: one function and one expected error per way. */
#ifndef AFTERBURN_TEST_LOAD_DAMAGE_H
#define AFTERBURN_TEST_LOAD_DAMAGE_H

#include "kernel.h"

/* psABI 1.0, table 4.9 */
#define R_PC32 2
#define R_32   10
#define R_32S  11

struct state {
	struct kernel kernel;
	struct load_area area;
	struct load_request request;
	struct load_result result;
	struct load_failure failure;
};

struct damage_case {
	enum load_error error;
	void (*damage)(struct state *s);
};

#define DAMAGE(name) static void name(struct state *s)

/* For cmocka: an intact kernel in a struct state. */
int damage_setup(void **state);
int damage_teardown(void **state);

/* Load; the test fails if the loader finds another error, or none. */
void expect(struct state *s, enum load_error error);

/* Each case on a kernel of its own. */
void run_damage(const struct damage_case *cases, size_t count);

/* The first relocation of the type behind the symbol. */
struct elf_rela *rela_of(struct state *s, const char *symbol, uint32_t type);

#endif
