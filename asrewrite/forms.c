/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/forms.h"

#include "rules/annot.h"

#include <stdio.h>
#include <string.h>

/* Innocuous mnemonics with sensitive operands. */
static const struct {
	uint16_t class;
	const char *name;
} by_class[] = {
	{AB_CLASS_MOV_FROM_CR, "mov from cr"},
	{AB_CLASS_MOV_TO_CR, "mov to cr"},
	{AB_CLASS_MOV_FROM_DR, "mov from dr"},
	{AB_CLASS_MOV_TO_DR, "mov to dr"},
	{AB_CLASS_MOV_FROM_SEG, "mov from seg"},
	{AB_CLASS_MOV_TO_SEG, "mov to seg"},
	{AB_CLASS_MOV_TR, "mov tr"},
	{AB_CLASS_PUSH_SEG, "push seg"},
	{AB_CLASS_POP_SEG, "pop seg"},
	{AB_CLASS_LRET, "lret"},
	{AB_CLASS_LJMP, "ljmp"},
	{AB_CLASS_LCALL, "lcall"},
};

struct writer {
	char *text;
	size_t room, used;
};

static void put(struct writer *writer, const char *text)
{
	size_t left = writer->room - writer->used;
	int wrote = snprintf(writer->text + writer->used, left, "%s", text);

	writer->used += (size_t)wrote < left ? (size_t)wrote : left - 1;
}

static void put_number(struct writer *writer, const char *prefix, unsigned number)
{
	char text[32];

	snprintf(text, sizeof(text), number ? "%s%u" : "%s", prefix, number);
	put(writer, text);
}

static const char *far_name(const struct ab_insn *insn)
{
	for (size_t i = 0; i < sizeof(by_class) / sizeof(by_class[0]); i++)
		if (by_class[i].class == insn->class)
			return by_class[i].name;
	return NULL;
}

static void put_mnemonic(struct writer *writer, const struct ab_insn *insn)
{
	const char *name = insn->class ? far_name(insn) : NULL;

	if (name)
		put(writer, name);
	else if (insn->by_hand)
		put(writer, insn->by_hand->name);
	else
		put(writer, ZydisMnemonicGetString(insn->zydis.mnemonic));
}

static void put_register(struct writer *writer, const ZydisDecodedOperand *operand)
{
	switch (ZydisRegisterGetClass(operand->reg.value)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		if (operand->encoding != ZYDIS_OPERAND_ENCODING_NONE) {
			put_number(writer, "r", operand->size);
			return;
		}
		break;
	case ZYDIS_REGCLASS_XMM:
		put(writer, "xmm");
		return;
	default:
		break;
	}
	put(writer, ZydisRegisterGetString(operand->reg.value));
}

static void put_operand(struct writer *writer, const ZydisDecodedOperand *operand)
{
	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		put_register(writer, operand);
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		put_number(writer, "m", operand->size);
		break;
	case ZYDIS_OPERAND_TYPE_POINTER:
		put_number(writer, "ptr16:", operand->size - 16u);
		break;
	default:
		put_number(writer, "imm", operand->size);
		break;
	}
}

static void put_form(struct writer *writer, const struct ab_decoder *decoder, uint8_t mode,
		     const struct ab_insn *insn)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	const char *mnemonic =
		insn->by_hand ? insn->by_hand->name : ZydisMnemonicGetString(insn->zydis.mnemonic);

	if (!insn->by_hand && (insn->zydis.attributes & ZYDIS_ATTRIB_HAS_REP))
		put(writer, "rep ");
	if (insn->class == AB_CLASS_LRET || insn->class == AB_CLASS_LJMP ||
	    insn->class == AB_CLASS_LCALL)
		mnemonic = far_name(insn);
	put(writer, mnemonic);
	if (insn->by_hand || !ZYAN_SUCCESS(ZydisDecoderDecodeOperands(
				     &decoder->modes[mode], &insn->context, &insn->zydis, operands,
				     insn->zydis.operand_count)))
		return;
	for (unsigned i = 0; i < insn->zydis.operand_count_visible; i++) {
		put(writer, i ? ", " : " ");
		put_operand(writer, &operands[i]);
	}
}

static void name(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes, uint64_t len,
		 struct writer *writer, bool form)
{
	struct ab_insn insn;

	*writer->text = '\0';
	for (bool first = true; len; first = false, bytes += insn.length, len -= insn.length) {
		if (!first)
			put(writer, "; ");
		if (!ab_decode(decoder, mode, bytes, len, &insn)) {
			put(writer, "(bad)");
			return;
		}
		if (form)
			put_form(writer, decoder, mode, &insn);
		else
			put_mnemonic(writer, &insn);
	}
}

void ab_name_mnemonic(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
		      uint64_t len, char *text, size_t room)
{
	name(decoder, mode, bytes, len, &(struct writer){text, room, 0}, false);
}

void ab_name_form(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
		  uint64_t len, char *text, size_t room)
{
	name(decoder, mode, bytes, len, &(struct writer){text, room, 0}, true);
}
