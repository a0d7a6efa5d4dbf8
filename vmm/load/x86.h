/* SPDX-License-Identifier: BSD-2-Clause */
/* Lengths and fields of 64-bit instructions: where prefixes, opcode, ModRM,
 * displacement and immediate are. What an instruction does is not known here. */
#ifndef AFTERBURN_VMM_LOAD_X86_H
#define AFTERBURN_VMM_LOAD_X86_H

#include "vmm/types.h"

#define X86_MAX 15 /* bytes of an instruction, SDM 2 2.3.11 */

enum x86_reg { X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI };

#define X86_REX_W 8
#define X86_REX_R 4
#define X86_REX_X 2
#define X86_REX_B 1

struct x86 {
	uint8_t length;
	uint8_t prefixes; /* number of legacy prefixes */
	uint8_t rex;	  /* 0: none */
	uint8_t map;	  /* 1: one byte, 2: 0f xx, 3: 0f 38 xx, 4: 0f 3a xx */
	uint8_t opcode;	  /* its last byte */
	bool vex;	  /* VEX or EVEX: `rex` is not filled in */
	bool operand16;	  /* 66 */
	bool address32;	  /* 67 */
	bool segment;	  /* %fs or %gs override */
	uint8_t modrm_at; /* 0: none; offsets from the start */
	uint8_t disp_at, disp_size;
	uint8_t imm_at, imm_size;
	uint8_t mod, reg, rm; /* of ModRM, as written: 3 bits */
	uint8_t sib;	      /* if rm == 4 and mod != 3 */
};

/* False: cut off after `room` bytes, or not an instruction. */
bool x86_decode(struct x86 *insn, const uint8_t *bytes, size_t room);

#endif
