/* SPDX-License-Identifier: BSD-2-Clause */
/* boundary.h explains. */
#include "backends/linux/boundary.h"

#include "vmm/load/x86.h"

#define STARTS 40
#define SYNC   24 /* bytes that decoding has to fall into step */
#define FEWEST 8  /* starts that are enough */

_Static_assert(BOUNDARY_LEAD >= STARTS + 2 * SYNC, "room for all starts");

/* Decoded from `from` on, how long is the instruction that ends at `end`? 0: none ends
 * there. What is no instruction is data, passed by byte. */
static unsigned last_length(const unsigned char *code, unsigned length, unsigned from, unsigned end)
{
	unsigned last = 0;
	struct x86 insn;

	while (from < end) {
		bool known = x86_decode(&insn, code + from, length - from);

		last = known ? insn.length : 0;
		from += known ? insn.length : 1;
	}
	return from == end ? last : 0;
}

unsigned boundary_before(const unsigned char *code, unsigned length, unsigned end)
{
	unsigned votes[X86_MAX + 1] = {0}, best = 1, starts;

	for (starts = 0; starts < STARTS && starts + SYNC <= end; starts++)
		votes[last_length(code, length, starts, end)]++;
	for (unsigned size = 1; size <= X86_MAX; size++)
		if (votes[size] > votes[best])
			best = size;
	return starts >= FEWEST && votes[best] * 10 >= starts * 9 ? best : 0;
}
