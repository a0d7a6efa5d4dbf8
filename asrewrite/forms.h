/* SPDX-License-Identifier: BSD-2-Clause */
/* Names to count sites by: mnemonics, and operand forms such as `mov r64, cr3`. */
#ifndef AFTERBURN_FORMS_H
#define AFTERBURN_FORMS_H

#include "asrewrite/sensitive.h"

/*
 * Mnemonic of the instructions in bytes[len]: "cli", "mov to cr", "sti; hlt";
 * "(bad)" for what is no instruction. Operands that make an innocuous mnemonic
 * sensitive are part of its name.
 */
void ab_name_mnemonic(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
		      uint64_t len, char *text, size_t room);

/*
 * The same with operands, destination first: special registers by name,
 * general ones by width (r64), memory and constants by width (m16, imm8),
 * registers that the instruction does not let one choose by name (al, dx).
 */
void ab_name_form(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
		  uint64_t len, char *text, size_t room);

#endif
