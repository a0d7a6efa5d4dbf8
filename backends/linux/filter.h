/* SPDX-License-Identifier: BSD-2-Clause */
/* System call filters of the host (seccomp), written as tables.
 *
 * A rule is a system call's number, conditions on its arguments that must all hold,
 * and what the host then does; the first rule that fits counts, several may have the
 * same number. What no rule fits, and every call by another convention (int 0x80, x32),
 * kills the process. The host remembers calls that are allowed whatever their
 * arguments are, and does not run the filter for them; for the others it costs about
 * 30 ns, so rules for frequent calls come first.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_FILTER_H
#define AFTERBURN_BACKENDS_LINUX_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#define FILTER_CONDITIONS 5
#define FILTER_MOST	  256 /* instructions */

struct filter_rule {
	uint32_t nr;
	uint32_t action; /* SECCOMP_RET_* */
	struct filter_condition {
		uint64_t mask; /* 0: no condition */
		uint64_t value;
		uint8_t argument;
	} when[FILTER_CONDITIONS];
	bool once; /* for the start only: confine_address_space() takes it back */
};

/* (argument & mask) == value. The host looks at 32 bits of a descriptor, a signal's
 * number, an operation; at all 64 of an address, a length, a set of flags. */
#define FILTER_INT(n, v)                                                                           \
	{                                                                                          \
		UINT32_MAX, (v), (n)                                                               \
	}
#define FILTER_LONG(n, v)                                                                          \
	{                                                                                          \
		UINT64_MAX, (v), (n)                                                               \
	}
#define FILTER_BITS(n, m, v)                                                                       \
	{                                                                                          \
		~(uint64_t)(m), (v), (n)                                                           \
	} /* bits in m are free */

/* A line of a table: FILTER_CALL(write, SECCOMP_RET_ALLOW, FILTER_IF(FILTER_INT(0, 1))) */
#define FILTER_CALL(name, ...)                                                                     \
	{                                                                                          \
		.nr = __NR_##name, .action = __VA_ARGS__                                           \
	}
#define FILTER_IF(...) .when = {__VA_ARGS__}

/* The program for these rules. `otherwise` is for calls that no rule fits. Returns its
 * length, or 0 if it would be longer than FILTER_MOST. */
unsigned filter_build(const struct filter_rule *rules, size_t count, uint32_t otherwise,
		      struct sock_filter out[FILTER_MOST]);

#endif
