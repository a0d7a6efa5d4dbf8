/* SPDX-License-Identifier: BSD-2-Clause */
/* The decoder's table: one line per encoding of a sensitive instruction. */
#ifndef AFTERBURN_VMM_CPU_OPCODES_H
#define AFTERBURN_VMM_CPU_OPCODES_H

#include "vmm/types.h"

enum opcode_map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A };

/* What a prefix of the group 66, f2, f3 means for a line: f3 and f2 beat 66. */
enum opcode_prefix {
	PREFIX_ANY,    /* size or nothing */
	PREFIX_NONE,   /* must not be there */
	PREFIX_NO_REP, /* no f3, no f2; 66 is a size or nothing */
	PREFIX_66,
	PREFIX_F3,
	PREFIX_F2,
};

/* What ModRM must look like. */
enum opcode_form {
	FORM_PLAIN,	 /* no ModRM */
	FORM_ANY,	 /* memory or register */
	FORM_MEM,	 /* memory only */
	FORM_REG,	 /* register only */
	FORM_ALWAYS_REG, /* mod is ignored: mov cr, mov dr (SDM 2 MOV) */
	FORM_BYTE,	 /* the whole byte is the opcode's: `reg` holds it */
};

/* How the operand size comes about. */
enum opcode_size {
	SIZE_1,
	SIZE_2,
	SIZE_8,	  /* the word of the mode */
	SIZE_V,	  /* 66: 2, REX.W: 8, else 4 */
	SIZE_Z,	  /* 66: 2, else 4 */
	SIZE_D64, /* 66: 2, else the word of the mode */
};

enum opcode_flags {
	IMM_8 = 1,
	IMM_16 = 2,
	FAR_POINTER = 4, /* 4 bytes of offset (2 with 66), 2 of selector */
	ONLY_32 = 8,
	ONLY_64 = 16,
	LOCKABLE = 32,
	SIGNED = 64, /* the immediate is sign-extended */
};

#define ANY_REG 0xff

struct opcode {
	uint8_t map, opcode, prefix, form;
	uint8_t reg; /* ModRM.reg, the whole ModRM byte (FORM_BYTE), or ANY_REG; of
		      * FORM_PLAIN: the operand that the opcode implies */
	uint8_t size;
	uint8_t flags;
	uint16_t class;
};

const struct opcode *opcode_table(size_t *count);

#endif
