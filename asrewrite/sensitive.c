/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sensitive is what behaves differently, or shows something else, when a kernel
 * runs with less privilege than it thinks: all instructions that fault outside
 * of ring 0 or are subject to IOPL, CR4.TSD, CR4.PCE, UMIP and the like; all
 * that read or load selectors, descriptor tables and system registers without
 * any fault; all that change privilege or that a hypervisor is expected to see.
 *
 * Not here, on purpose: int3, int1, ud0/1/2, bound (they trap where they are
 * meant to); xsave, xsavec, xsaveopt (user state only); rdssp, incssp,
 * saveprevssp, rstorssp, endbr; fences, pause, prefetches, clflush, clzero;
 * rdrand, rdseed; enclu, enqcmd; testui and senduipi.
 */
#include "asrewrite/sensitive.h"

#include "rules/annot.h"

#include <stdio.h>
#include <string.h>

#define ALWAYS(mnemonic, class)                                                                    \
	{                                                                                          \
		ZYDIS_MNEMONIC_##mnemonic, AB_CLASS_##class, AB_ANY, AB_ANY, AB_ANY                \
	}
#define ONE(mnemonic, opcode, class)                                                               \
	{                                                                                          \
		ZYDIS_MNEMONIC_##mnemonic, AB_CLASS_##class, ZYDIS_OPCODE_MAP_DEFAULT, opcode,     \
			AB_ANY                                                                     \
	}
#define ONE_REG(mnemonic, opcode, reg, class)                                                      \
	{                                                                                          \
		ZYDIS_MNEMONIC_##mnemonic, AB_CLASS_##class, ZYDIS_OPCODE_MAP_DEFAULT, opcode, reg \
	}
#define TWO(mnemonic, opcode, class)                                                               \
	{                                                                                          \
		ZYDIS_MNEMONIC_##mnemonic, AB_CLASS_##class, ZYDIS_OPCODE_MAP_0F, opcode, AB_ANY   \
	}

/* clang-format off */
static const struct ab_sensitive table[] = {
	/* SDM 3A "Masking Maskable Hardware Interrupts"; SDM 2 PUSHF, POPF; SDM 1 "User Interrupts" */
	ALWAYS(CLI, CLI), ALWAYS(STI, STI), ALWAYS(CLUI, CLUI), ALWAYS(STUI, STUI),
	ALWAYS(PUSHF, PUSHF), ALWAYS(PUSHFD, PUSHF), ALWAYS(PUSHFQ, PUSHF),
	ALWAYS(POPF, POPF), ALWAYS(POPFD, POPF), ALWAYS(POPFQ, POPF),

	/* SDM 2 MOV: control registers 0f 20/22, debug registers 0f 21/23, segment registers 8c/8e */
	TWO(MOV, 0x20, MOV_FROM_CR), TWO(MOV, 0x22, MOV_TO_CR),
	TWO(MOV, 0x21, MOV_FROM_DR), TWO(MOV, 0x23, MOV_TO_DR),
	ONE(MOV, 0x8c, MOV_FROM_SEG), ONE(MOV, 0x8e, MOV_TO_SEG),
	ALWAYS(CLTS, CLTS), ALWAYS(LMSW, LMSW), ALWAYS(SMSW, SMSW),
	ALWAYS(XGETBV, XGETBV), ALWAYS(XSETBV, XSETBV),

	/* SDM 3A "System Instruction Summary", CR4.UMIP; APM 3 LAR, LSL, VERR, VERW, ARPL */
	ALWAYS(LGDT, LGDT), ALWAYS(LIDT, LIDT), ALWAYS(LLDT, LLDT), ALWAYS(LTR, LTR),
	ALWAYS(SGDT, SGDT), ALWAYS(SIDT, SIDT), ALWAYS(SLDT, SLDT), ALWAYS(STR, STR),
	ALWAYS(LAR, LAR), ALWAYS(LSL, LSL), ALWAYS(VERR, VERR), ALWAYS(VERW, VERW),
	ALWAYS(ARPL, ARPL),

	/* SDM 2 PUSH, POP: 06 0e 16 1e, 07 17 1f, 0f a0/a8, 0f a1/a9 */
	ONE(PUSH, 0x06, PUSH_SEG), ONE(PUSH, 0x0e, PUSH_SEG), ONE(PUSH, 0x16, PUSH_SEG),
	ONE(PUSH, 0x1e, PUSH_SEG), TWO(PUSH, 0xa0, PUSH_SEG), TWO(PUSH, 0xa8, PUSH_SEG),
	ONE(POP, 0x07, POP_SEG), ONE(POP, 0x17, POP_SEG), ONE(POP, 0x1f, POP_SEG),
	TWO(POP, 0xa1, POP_SEG), TWO(POP, 0xa9, POP_SEG),
	ALWAYS(LDS, LOAD_FAR), ALWAYS(LES, LOAD_FAR), ALWAYS(LFS, LOAD_FAR),
	ALWAYS(LGS, LOAD_FAR), ALWAYS(LSS, LOAD_FAR),
	ALWAYS(SWAPGS, SWAPGS), ALWAYS(RDFSBASE, RDFSBASE), ALWAYS(RDGSBASE, RDGSBASE),
	ALWAYS(WRFSBASE, WRFSBASE), ALWAYS(WRGSBASE, WRGSBASE),

	/* SDM 3A "Privilege Level Checking When Transferring Program Control Between Code
	 * Segments"; far forms in SDM 2: JMP ea ff/5, CALL 9a ff/3, RET ca cb; into takes a
	 * vector of the IDT as int does */
	ALWAYS(IRET, IRET), ALWAYS(IRETD, IRET), ALWAYS(IRETQ, IRET),
	ONE(RET, 0xca, LRET), ONE(RET, 0xcb, LRET),
	ONE(JMP, 0xea, LJMP), ONE_REG(JMP, 0xff, 5, LJMP),
	ONE(CALL, 0x9a, LCALL), ONE_REG(CALL, 0xff, 3, LCALL),
	ALWAYS(INT, INT), ALWAYS(INTO, INT),
	ALWAYS(SYSCALL, SYSCALL), ALWAYS(SYSRET, SYSRET), ALWAYS(SYSENTER, SYSENTER),
	ALWAYS(SYSEXIT, SYSEXIT), ALWAYS(UIRET, UIRET), ALWAYS(RSM, RSM),

	/* SDM 1 "Protected-Mode I/O" */
	ALWAYS(IN, IN), ALWAYS(OUT, OUT),
	ALWAYS(INSB, INS), ALWAYS(INSW, INS), ALWAYS(INSD, INS),
	ALWAYS(OUTSB, OUTS), ALWAYS(OUTSW, OUTS), ALWAYS(OUTSD, OUTS),

	/* SDM 3A "Reading and Writing Model-Specific Registers", CR4.TSD, CR4.PCE; APM 3 RDPRU;
	 * SDM 3C "Instructions That Cause VM Exits" (CPUID) */
	ALWAYS(RDMSR, RDMSR), ALWAYS(WRMSR, WRMSR),
	ALWAYS(RDTSC, RDTSC), ALWAYS(RDTSCP, RDTSCP), ALWAYS(RDPID, RDPID),
	ALWAYS(RDPMC, RDPMC), ALWAYS(RDPRU, RDPMC),
	ALWAYS(CPUID, CPUID), ALWAYS(HRESET, HRESET), ALWAYS(PCONFIG, PCONFIG),

	/* SDM 3A "Invalidation of TLBs and Paging-Structure Caches", "Serializing Instructions";
	 * APM 3 INVLPGB, TLBSYNC */
	ALWAYS(INVLPG, INVLPG), ALWAYS(INVPCID, INVPCID),
	ALWAYS(INVD, INVD), ALWAYS(WBINVD, WBINVD),
	ALWAYS(INVLPGB, INVLPGB), ALWAYS(TLBSYNC, TLBSYNC), ALWAYS(SERIALIZE, SERIALIZE),

	/* SDM 3A "Management of Idle and Blocked Conditions"; APM 3 MONITORX, MWAITX */
	ALWAYS(HLT, HLT),
	ALWAYS(MONITOR, MONITOR), ALWAYS(MONITORX, MONITOR), ALWAYS(UMONITOR, MONITOR),
	ALWAYS(MWAIT, MWAIT), ALWAYS(MWAITX, MWAIT), ALWAYS(UMWAIT, MWAIT), ALWAYS(TPAUSE, MWAIT),

	/* SDM 3A "Access Rights" (SMAP), "Protection Keys"; SDM 1 "Operation of XSAVES",
	 * "Control-flow Enforcement Technology" */
	ALWAYS(CLAC, CLAC), ALWAYS(STAC, STAC), ALWAYS(RDPKRU, RDPKRU), ALWAYS(WRPKRU, WRPKRU),
	ALWAYS(XSAVES, XSAVES), ALWAYS(XSAVES64, XSAVES),
	ALWAYS(XRSTORS, XRSTORS), ALWAYS(XRSTORS64, XRSTORS),
	ALWAYS(XRSTOR, XRSTOR), ALWAYS(XRSTOR64, XRSTOR), /* loads PKRU as wrpkru does */
	ALWAYS(SETSSBSY, SHADOW_STACK), ALWAYS(CLRSSBSY, SHADOW_STACK),
	ALWAYS(WRUSSD, SHADOW_STACK), ALWAYS(WRUSSQ, SHADOW_STACK),
	ALWAYS(LOADIWKEY, LOADIWKEY), ALWAYS(ENQCMDS, ENQCMDS),

	/* SDM 3C "VMX Instruction Reference"; APM 3 "System Instruction Reference" (SVM, SNP);
	 * SDM 3D (SGX); SDM 2 "Safer Mode Extensions Reference"; Intel TDX module specification */
	ALWAYS(VMCALL, VMCALL), ALWAYS(VMMCALL, VMCALL),
	ALWAYS(VMXON, VMX), ALWAYS(VMXOFF, VMX), ALWAYS(VMLAUNCH, VMX), ALWAYS(VMRESUME, VMX),
	ALWAYS(VMCLEAR, VMX), ALWAYS(VMPTRLD, VMX), ALWAYS(VMPTRST, VMX), ALWAYS(VMREAD, VMX),
	ALWAYS(VMWRITE, VMX), ALWAYS(VMFUNC, VMX), ALWAYS(INVEPT, VMX), ALWAYS(INVVPID, VMX),
	ALWAYS(VMRUN, SVM), ALWAYS(VMLOAD, SVM), ALWAYS(VMSAVE, SVM), ALWAYS(CLGI, SVM),
	ALWAYS(STGI, SVM), ALWAYS(SKINIT, SVM), ALWAYS(INVLPGA, SVM),
	ALWAYS(PVALIDATE, SNP), ALWAYS(PSMASH, SNP), ALWAYS(RMPUPDATE, SNP), ALWAYS(RMPADJUST, SNP),
	ALWAYS(TDCALL, TDX), ALWAYS(SEAMCALL, TDX), ALWAYS(SEAMOPS, TDX), ALWAYS(SEAMRET, TDX),
	ALWAYS(ENCLS, SGX), ALWAYS(ENCLV, SGX), ALWAYS(GETSEC, GETSEC),
};

#define M16 (1 << AB_MODE_16)
#define M32 (1 << AB_MODE_32)
#define M64 (1 << AB_MODE_64)

/* Checked before Zydis: it takes f3 0f 01 fd for rdpru, and does not know the others. */
static const struct ab_encoding encodings[] = {
	/* Intel "Flexible Return and Event Delivery" specification */
	{"lkgs", AB_CLASS_LKGS, M64, 0xf2, 0x00, 0x38, 6 << 3, true},
	{"erets", AB_CLASS_ERET, M64, 0xf2, 0x01, 0xff, 0xca, false},
	{"eretu", AB_CLASS_ERET, M64, 0xf3, 0x01, 0xff, 0xca, false},
	/* SDM 2 WRMSRNS, RDMSRLIST, WRMSRLIST */
	{"wrmsrns", AB_CLASS_WRMSR, M16 | M32 | M64, 0, 0x01, 0xff, 0xc6, false},
	{"rdmsrlist", AB_CLASS_RDMSR, M64, 0xf2, 0x01, 0xff, 0xc6, false},
	{"wrmsrlist", AB_CLASS_WRMSR, M64, 0xf3, 0x01, 0xff, 0xc6, false},
	/* APM 3 RMPQUERY */
	{"rmpquery", AB_CLASS_SNP, M64, 0xf3, 0x01, 0xff, 0xfd, false},
	/* 80386, 80486: 0f 24, 0f 26; the ModRM byte always names registers */
	{"mov %tr", AB_CLASS_MOV_TR, M16 | M32, 0, 0x24, 0x00, 0, false},
	{"mov %tr", AB_CLASS_MOV_TR, M16 | M32, 0, 0x26, 0x00, 0, false},
	/* APM 3 "MOV CRn": lock is another way to write %cr8 */
	{"lock mov %cr", AB_CLASS_MOV_FROM_CR, M16 | M32 | M64, 0xf0, 0x20, 0x00, 0, false},
	{"lock mov %cr", AB_CLASS_MOV_TO_CR, M16 | M32 | M64, 0xf0, 0x22, 0x00, 0, false},
};
/* clang-format on */

#define TABLE_COUNT    (sizeof(table) / sizeof(table[0]))
#define ENCODING_COUNT (sizeof(encodings) / sizeof(encodings[0]))

const struct ab_sensitive *ab_sensitive_table(size_t *count)
{
	*count = TABLE_COUNT;
	return table;
}

const struct ab_encoding *ab_encoding_table(size_t *count)
{
	*count = ENCODING_COUNT;
	return encodings;
}

void ab_decoder_init(struct ab_decoder *decoder)
{
	memset(decoder, 0, sizeof(*decoder));
	ZydisDecoderInit(&decoder->modes[AB_MODE_16], ZYDIS_MACHINE_MODE_LEGACY_16,
			 ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoder->modes[AB_MODE_32], ZYDIS_MACHINE_MODE_LEGACY_32,
			 ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoder->modes[AB_MODE_64], ZYDIS_MACHINE_MODE_LONG_64,
			 ZYDIS_STACK_WIDTH_64);
	for (size_t i = TABLE_COUNT; i-- > 0;)
		decoder->first[table[i].mnemonic] = (uint16_t)(i + 1);
}

static uint16_t class_of(const struct ab_decoder *decoder, const ZydisDecodedInstruction *insn)
{
	size_t row = decoder->first[insn->mnemonic];

	for (; row && row <= TABLE_COUNT && table[row - 1].mnemonic == insn->mnemonic; row++) {
		const struct ab_sensitive *entry = &table[row - 1];

		if ((entry->map == AB_ANY ||
		     (entry->map == (int)insn->opcode_map && entry->opcode == insn->opcode)) &&
		    (entry->reg == AB_ANY || entry->reg == insn->raw.modrm.reg))
			return entry->class;
	}
	return 0;
}

static bool is_prefix(uint8_t byte)
{
	return memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", byte, 11) != NULL;
}

/* Bytes of a ModRM byte with what belongs to it, in 32- and 64-bit addressing. */
static unsigned modrm_length(const uint8_t *modrm, uint64_t len)
{
	unsigned mod = *modrm >> 6, rm = *modrm & 7, length = 1;

	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (len < 2)
			return 2;
		length++;
		rm = modrm[1] & 7;
	}
	if (mod == 0)
		return rm == 5 ? length + 4 : length;
	return length + (mod == 1 ? 1 : 4);
}

static bool fits(const struct ab_encoding *encoding, uint8_t mode, uint8_t prefix,
		 const uint8_t *opcode)
{
	return encoding->opcode == opcode[0] && encoding->prefix == prefix &&
	       (encoding->modes & 1 << mode) && (opcode[1] & encoding->mask) == encoding->reg;
}

/* `prefix`: the last of f0 f2 f3, which selects the instruction. */
static bool decode_by_hand(uint8_t mode, const uint8_t *bytes, uint64_t len, struct ab_insn *insn)
{
	uint8_t prefix = 0;
	uint64_t at = 0;

	while (at < len && is_prefix(bytes[at])) {
		if (bytes[at] >= 0xf0)
			prefix = bytes[at];
		at++;
	}
	if (mode == AB_MODE_64 && at < len && (bytes[at] & 0xf0) == 0x40)
		at++;
	if (at + 3 > len || bytes[at] != 0x0f)
		return false;
	at++;
	for (size_t i = 0; i < ENCODING_COUNT; i++) {
		uint64_t length = at + 2;

		if (!fits(&encodings[i], mode, prefix, bytes + at))
			continue;
		if (encodings[i].memory)
			length = at + 1 + modrm_length(bytes + at + 1, len - at - 1);
		if (length > len || length > ZYDIS_MAX_INSTRUCTION_LENGTH)
			return false;
		insn->length = (uint8_t)length;
		insn->class = encodings[i].class;
		insn->by_hand = &encodings[i];
		return true;
	}
	return false;
}

bool ab_decode(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes, uint64_t len,
	       struct ab_insn *insn)
{
	insn->by_hand = NULL;
	if (mode > AB_MODE_64 ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder->modes[mode], &insn->context,
							bytes, len, &insn->zydis)))
		return mode <= AB_MODE_64 && decode_by_hand(mode, bytes, len, insn);
	if (insn->zydis.mnemonic == ZYDIS_MNEMONIC_RDPRU && decode_by_hand(mode, bytes, len, insn))
		return true;
	insn->length = insn->zydis.length;
	insn->class = class_of(decoder, &insn->zydis);
	return true;
}

/* lea 0(%esi), %esi and the like: the register gets its own value. */
static bool is_idle_lea(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operands)
{
	const ZydisDecodedOperandMem *mem = &operands[1].mem;

	return insn->operand_width == insn->address_width && operands[0].reg.value == mem->base &&
	       mem->index == ZYDIS_REGISTER_NONE && mem->disp.value == 0;
}

/* Not in 64-bit code, where 32-bit moves clear the upper half. */
static bool is_idle_move(uint8_t mode, const ZydisDecodedOperand *operands)
{
	return mode != AB_MODE_64 && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       operands[0].reg.value == operands[1].reg.value;
}

static bool is_nop(const struct ab_decoder *decoder, uint8_t mode, const struct ab_insn *insn)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	if (insn->by_hand || insn->class)
		return false;
	if (insn->zydis.mnemonic == ZYDIS_MNEMONIC_NOP)
		return true;
	if ((insn->zydis.mnemonic != ZYDIS_MNEMONIC_LEA &&
	     insn->zydis.mnemonic != ZYDIS_MNEMONIC_MOV) ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder->modes[mode], &insn->context,
						     &insn->zydis, operands,
						     insn->zydis.operand_count)))
		return false;
	if (insn->zydis.mnemonic == ZYDIS_MNEMONIC_LEA)
		return is_idle_lea(&insn->zydis, operands);
	return is_idle_move(mode, operands);
}

bool ab_is_pad(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes, uint64_t len)
{
	struct ab_insn insn;

	for (; len; bytes += insn.length, len -= insn.length)
		if (!ab_decode(decoder, mode, bytes, len, &insn) || !is_nop(decoder, mode, &insn))
			return false;
	return true;
}

static bool takes_segment(const struct ab_decoder *decoder, uint8_t mode,
			  const struct ab_insn *insn)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	if (insn->by_hand)
		return false;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder->modes[mode], &insn->context,
						     &insn->zydis, operands,
						     insn->zydis.operand_count)))
		return true;
	for (unsigned i = 0; i < insn->zydis.operand_count; i++)
		if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    operands[i].mem.segment == ZYDIS_REGISTER_DS)
			return true;
	return false;
}

/* Prefixes must be the instruction's own: decoded together, they are one and of the same class. */
static bool are_prefixes(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
			 const struct ab_annot *record)
{
	struct ab_insn bare, whole;

	for (unsigned i = 0; i < record->insn_off; i++)
		if (bytes[i] != AB_PREFIX)
			return false;
	/* an override would move a memory operand to another segment */
	return ab_decode(decoder, mode, bytes + record->insn_off, record->insn_len, &bare) &&
	       !takes_segment(decoder, mode, &bare) &&
	       ab_decode(decoder, mode, bytes, record->insn_off + record->insn_len, &whole) &&
	       whole.class == bare.class && whole.length == bare.length + record->insn_off;
}

bool ab_is_front_pad(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
		     const struct ab_annot *record)
{
	if (record->flags & AB_F_PREFIX)
		return are_prefixes(decoder, mode, bytes, record);
	return ab_is_pad(decoder, mode, bytes, record->insn_off);
}

void ab_disassemble(const struct ab_decoder *decoder, uint8_t mode, const uint8_t *bytes,
		    uint64_t len, uint64_t address, char *text, size_t room)
{
	static ZydisFormatter formatter;
	static bool ready;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	struct ab_insn insn;

	if (!ready)
		ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_ATT);
	ready = true;
	if (!ab_decode(decoder, mode, bytes, len, &insn))
		snprintf(text, room, "(bad)");
	else if (insn.by_hand)
		snprintf(text, room, "%s", insn.by_hand->name);
	else if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder->modes[mode], &insn.context,
							  &insn.zydis, operands,
							  insn.zydis.operand_count)) ||
		 !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &insn.zydis, operands,
							       insn.zydis.operand_count_visible,
							       text, room, address, NULL)))
		snprintf(text, room, "(unprintable)");
}
