/* SPDX-License-Identifier: BSD-2-Clause */
/*@036 The second opinion: what is sensitive, told from machine code
 *
 * The rules say which text is sensitive, this table which bytes are. It was
 * written from the manuals (Intel SDM volumes 2 and 3, AMD APM volume 3), not
 * from the rule files: `afterburn check` compares the two, and an instruction
 * forgotten in one of them shows.
 */
#ifndef AFTERBURN_SENSITIVE_H
#define AFTERBURN_SENSITIVE_H

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AB_ANY (-1)

/* One row: this instruction is of this class. Rows of one mnemonic stand together. */
struct ab_sensitive {
	ZydisMnemonic mnemonic;
	uint16_t class; /* enum ab_class */
	int16_t map;	/* ZydisOpcodeMap, or AB_ANY: every encoding of the mnemonic */
	int16_t opcode; /* with `map` */
	int16_t reg;	/* reg field of the ModRM byte, or AB_ANY */
};

const struct ab_sensitive *ab_sensitive_table(size_t *count);

/* An instruction newer or older than Zydis: decoded here, by hand. */
struct ab_encoding {
	const char *name; /* AT&T mnemonic */
	uint16_t class;
	uint8_t modes;	   /* bit AB_MODE_16, _32, _64 */
	uint8_t prefix;	   /* that must be there: 0xf2, 0xf3, 0xf0, or 0: none of them */
	uint8_t opcode;	   /* behind 0f */
	uint8_t mask, reg; /* ModRM & mask == reg */
	bool memory;	   /* ModRM may address memory; else it has one byte whatever it says */
};

const struct ab_encoding *ab_encoding_table(size_t *count);

/* Decoders for the three modes, and the index of the table. ab_decoder_init() never fails. */
struct ab_decoder {
	ZydisDecoder modes[3];			      /* by AB_MODE_16, _32, _64 */
	uint16_t first[ZYDIS_MNEMONIC_MAX_VALUE + 1]; /* row + 1, 0: innocuous */
};

void ab_decoder_init(struct ab_decoder *decoder);

/* One decoded instruction. */
struct ab_insn {
	uint8_t length;			   /* bytes */
	uint16_t class;			   /* enum ab_class, 0: innocuous */
	const struct ab_encoding *by_hand; /* not NULL: `zydis` is not set */
	ZydisDecodedInstruction zydis;
	ZydisDecoderContext context; /* to decode the operands, if they are wanted */
};

/* Decode at `bytes`, of which `len` can be read. False: no instruction of this mode. */
bool ab_decode(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes, uint64_t len,
	       struct ab_insn *insn);

/* True if the bytes are instructions that do nothing: what a pad is made of. */
bool ab_is_pad(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes, uint64_t len);

struct ab_annot;

/* The same for the insn_off bytes in front of a site's instruction: NOPs, or its own prefixes. */
bool ab_is_front_pad(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
		     const struct ab_annot *record);

/*
 * AT&T text of the instruction into text[room]; "(bad)" if there is none.
 * `address` is the instruction's own, for relative operands.
 */
void ab_disassemble(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
		    uint64_t len, uint64_t address, char *text, size_t room);

#endif
