/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions written byte by byte, at the address where they will run. */
#ifndef AFTERBURN_VMM_LOAD_EMIT_H
#define AFTERBURN_VMM_LOAD_EMIT_H

#include "vmm/load/x86.h"
#include "vmm/types.h"

#define OPERAND_NONE 0xff

/* A trampoline being built; longest now: call, 45 bytes. */
struct emit {
	uint8_t bytes[96];
	unsigned used;
	uint64_t va;
	bool far; /* some distance did not fit */
};

/* ModRM's operand. */
struct operand {
	bool memory, relative; /* relative: at `target`, by %rip */
	uint8_t reg;	       /* if not memory */
	uint8_t base, index, scale;
	int32_t disp;
	uint64_t target;
};

/* ModRM's operand of the instruction in front of `next`. */
void emit_read_operand(struct operand *o, const struct x86 *insn, const uint8_t *bytes,
		       uint64_t next);

/* %r8 to %r15 */
bool emit_reg_high(uint8_t reg);

void emit_byte(struct emit *e, unsigned byte);

/* Where `reg` is given it is one of the old eight, and neither %rsp nor %rbp. */
void emit_push(struct emit *e, unsigned reg);
void emit_pop(struct emit *e, unsigned reg);
void emit_lea(struct emit *e, unsigned reg, uint64_t target);
void emit_jump(struct emit *e, uint64_t target);

/* ModRM, SIB and displacement; any register. */
void emit_modrm(struct emit *e, unsigned reg, const struct operand *o);

/* `insn` with another opcode of map 1 or 2, register and operand, without immediate;
 * its legacy prefixes stay, and so does the presence of REX, which tells %spl from %ah. */
void emit_insn(struct emit *e, const struct x86 *insn, const uint8_t *bytes, unsigned opcode,
	       unsigned reg, const struct operand *o);

#endif
