/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions as test data: name, class, bytes of pad, bytes of the instruction. */
#ifndef TEST_REWRITE_SAMPLES_H
#define TEST_REWRITE_SAMPLES_H

#include "machine.h"

#define SAMPLE(name, class, flags, pad, ...)                                                       \
	{                                                                                          \
		name, {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), AB_CLASS_##class, flags,    \
			pad                                                                        \
	}
/* The pad is prefixes of the instruction, or NOPs behind it. */
#define PREFIXED(name, class, pad, ...) SAMPLE(name, class, AB_F_PREFIX, pad, __VA_ARGS__)
#define FOLLOWED(name, class, pad, ...) SAMPLE(name, class, 0, pad, __VA_ARGS__)

static const struct sample cli = PREFIXED("cli", CLI, 6, 0xfa);
static const struct sample sti = PREFIXED("sti", STI, 6, 0xfb);
static const struct sample pushfq = PREFIXED("pushfq", PUSHF, 6, 0x9c);
static const struct sample popfq = PREFIXED("popfq", POPF, 6, 0x9d);
static const struct sample swapgs = PREFIXED("swapgs", SWAPGS, 5, 0x0f, 0x01, 0xf8);
static const struct sample iretq = FOLLOWED("iretq", IRET, 6, 0x48, 0xcf);
static const struct sample sysretq = FOLLOWED("sysretq", SYSRET, 5, 0x48, 0x0f, 0x07);
static const struct sample verw = FOLLOWED("verw 8(%rip)", VERW, 5, 0x0f, 0x00, 0x2d, 8, 0, 0, 0);
static const struct sample cpuid = PREFIXED("cpuid", CPUID, 5, 0x0f, 0xa2);

#endif
