/* SPDX-License-Identifier: BSD-2-Clause */
/* NOPs of 64-bit code, 1 to 9 bytes: pads of the assembler stage, filling of rewritten
 * sites. SDM 2 table 4-12, "Recommended Multi-Byte Sequence of NOP Instruction". */
#ifndef AFTERBURN_NOPS_H
#define AFTERBURN_NOPS_H

#define AB_NOP_LONGEST 9

/* clang-format off */
#define AB_NOPS_64                                                                     \
	{0x90},                             /* nop */                                  \
	{0x66, 0x90},                       /* xchg %ax, %ax */                        \
	{0x0f, 0x1f, 0x00},                 /* nopl (%rax) */                          \
	{0x0f, 0x1f, 0x40, 0x00},           /* nopl 0(%rax) */                         \
	{0x0f, 0x1f, 0x44, 0x00, 0x00},     /* nopl 0(%rax,%rax) */                    \
	{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},       /* nopw 0(%rax,%rax) */            \
	{0x0f, 0x1f, 0x80, 0, 0, 0, 0},             /* nopl 0l(%rax) */                \
	{0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0},       /* nopl 0l(%rax,%rax) */           \
	{0x66, 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0}  /* nopw 0l(%rax,%rax) */
/* clang-format on */

#endif
