/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's filter machine, as far as filter.c and twin_filter.c use it. After cmocka's
 * headers.
 */
#ifndef TEST_UNIT_LINUX_FILTER_RUN_H
#define TEST_UNIT_LINUX_FILTER_RUN_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline uint32_t filter_run(const struct sock_filter *program, unsigned length,
				  const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (unsigned pc = 0; pc < length; pc++) {
		const struct sock_filter *at = &program[pc];

		switch (at->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + at->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= at->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == at->k ? at->jt : at->jf;
			break;
		case BPF_RET | BPF_K:
			return at->k;
		default:
			fail_msg("instruction %#x", at->code);
		}
	}
	fail_msg("ran out of the program");
	return 0;
}

#endif
