/* SPDX-License-Identifier: BSD-2-Clause */
/* One decoded sensitive instruction: class, operands, length.
 *
 * The decoder (decode.c) knows the sensitive instructions of rules/annot.h's
 * classes and, for devices in memory, nothing else: it is no disassembler. What it
 * does not know is an error, never a guess.
 */
#ifndef AFTERBURN_VMM_INSN_H
#define AFTERBURN_VMM_INSN_H

#include "rules/annot.h"
#include "vmm/types.h"

#define INSN_MAX    15 /* bytes, SDM 2 2.3.11 */
#define INSN_NO_REG 0xff

/* Where a ModRM operand is. */
enum insn_rm {
	INSN_RM_NONE,
	INSN_RM_REG, /* `rm` is the register */
	INSN_RM_MEM, /* base + index * scale + disp, of `segment` */
	INSN_RM_RIP, /* address after the instruction + disp */
};

struct insn {
	uint16_t class;	     /* enum ab_class */
	uint8_t length;	     /* bytes, prefixes included */
	uint8_t operand;     /* operand size in bytes: 1, 2, 4, 8 */
	uint8_t address;     /* address size in bytes: 4, 8 */
	uint8_t reg;	     /* ModRM.reg with REX.R: register, segment, control register */
	uint8_t rm_kind;     /* enum insn_rm */
	uint8_t rm;	     /* register, if INSN_RM_REG */
	uint8_t base, index; /* registers or INSN_NO_REG */
	uint8_t scale;	     /* 1, 2, 4, 8 */
	uint8_t segment;     /* override: enum segment, or INSN_NO_REG */
	uint8_t rep;	     /* 0, 0xf3, 0xf2 */
	uint8_t second;	     /* length of the first instruction if the site is fused, else 0 */
	int32_t disp;
	int64_t imm; /* sign-extended immediate: port, vector, pushed bytes of lret */
};

/* Decode the instruction at `bytes` (at most `room` bytes readable) for 64-bit mode
 * (bits = 64) or 32-bit mode (32). Returns its length; 0: not known here or cut off. */
unsigned insn_decode(struct insn *insn, const uint8_t *bytes, size_t room, unsigned bits);

#endif
