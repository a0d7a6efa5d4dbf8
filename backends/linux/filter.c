/* SPDX-License-Identifier: BSD-2-Clause */
/* From rules to the host's filter program: see filter.h. */
#include "backends/linux/filter.h"

#include <linux/audit.h>

#define HALVES 2

struct program {
	struct sock_filter *out;
	unsigned length; /* goes on counting when there is no room */
};

static void emit(struct program *program, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (program->length < FILTER_MOST)
		program->out[program->length] = (struct sock_filter){code, jt, jf, k};
	program->length++;
}

static void load(struct program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* One half of an argument. `skip` instructions lie between the test and the place
 * where the next rule is looked at. */
static void test_half(struct program *program, const struct filter_condition *when, unsigned half,
		      unsigned skip)
{
	uint32_t mask = (uint32_t)(when->mask >> 32 * half);

	load(program, offsetof(struct seccomp_data, args) + 8 * when->argument + 4 * half);
	if (mask != UINT32_MAX)
		emit(program, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(when->value >> 32 * half), 0,
	     (uint8_t)skip);
}

static unsigned half_length(const struct filter_condition *when, unsigned half)
{
	uint32_t mask = (uint32_t)(when->mask >> 32 * half);

	return !mask ? 0 : mask == UINT32_MAX ? 2 : 3;
}

static unsigned tests_length(const struct filter_rule *rule)
{
	unsigned length = 0;

	for (unsigned i = 0; i < FILTER_CONDITIONS * HALVES; i++)
		length += half_length(&rule->when[i / HALVES], i % HALVES);
	return length;
}

/* Looked at with the call's number in the accumulator, and left so. */
static void add_rule(struct program *program, const struct filter_rule *rule)
{
	unsigned tests = tests_length(rule), left = tests;

	emit(program, BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, (uint8_t)(tests + 1));
	for (unsigned i = 0; i < FILTER_CONDITIONS * HALVES; i++) {
		const struct filter_condition *when = &rule->when[i / HALVES];
		unsigned length = half_length(when, i % HALVES);

		left -= length;
		if (length)
			test_half(program, when, i % HALVES, left + 1);
	}
	emit(program, BPF_RET | BPF_K, rule->action, 0, 0);
	if (tests)
		load(program, offsetof(struct seccomp_data, nr));
}

unsigned filter_build(const struct filter_rule *rules, size_t count, uint32_t otherwise,
		      struct sock_filter out[FILTER_MOST])
{
	struct program program = {out, 0};

	load(&program, offsetof(struct seccomp_data, arch));
	emit(&program, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit(&program, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	load(&program, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++)
		add_rule(&program, &rules[i]);
	emit(&program, BPF_RET | BPF_K, otherwise, 0, 0);
	return program.length <= FILTER_MOST ? program.length : 0;
}
