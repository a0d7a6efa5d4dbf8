/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals, and the exceptions that the host makes them of: see frame.h. */
#include "backends/linux/frame.h"

#include "vmm/vcpu.h"

#include <asm/sigcontext.h>
#include <linux/signal.h>

void frame_set_trap(int number, struct sigcontext *at)
{
	static const struct {
		int number;
		uint8_t otherwise;
		uint32_t traps;
	} signals[] = {
		{SIGSEGV, VECTOR_GP,
		 BIT(VECTOR_OF) | BIT(VECTOR_BR) | BIT(VECTOR_TS) | BIT(VECTOR_GP) |
			 BIT(VECTOR_PF) | BIT(VECTOR_CP)},
		{SIGBUS, VECTOR_GP,
		 BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_PF) | BIT(VECTOR_AC)},
		{SIGFPE, VECTOR_XM, BIT(VECTOR_DE) | BIT(VECTOR_MF) | BIT(VECTOR_XM)},
		{SIGILL, VECTOR_UD, BIT(VECTOR_UD)},
		{SIGTRAP, VECTOR_DB, BIT(VECTOR_DB) | BIT(VECTOR_BP)},
	};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signals[i].number == number &&
		    (at->trapno >= 32 || !(signals[i].traps >> at->trapno & 1))) {
			at->trapno = signals[i].otherwise;
			at->err = 0;
		}
}
