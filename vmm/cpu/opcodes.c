/* SPDX-License-Identifier: BSD-2-Clause */
/* Encodings of the sensitive instructions, ordered by map and opcode (SDM 2 appendix A,
 * APM 3 appendix A). Written from the manuals and checked against another decoder by
 * test/unit/cpu/test_decode.c. Where two lines could match, the first one does.
 *
 * The AB_GROUP_MEMORY lines are not sensitive by themselves: an annotation says what
 * the access means, and the class given here only tells loads, stores and exchanges
 * apart.
 */
#include "vmm/cpu/opcodes.h"

#include "rules/annot.h"
#include "vmm/vcpu.h"

#define ROW(map, opcode, prefix, form, reg, size, flags, class)                                    \
	{                                                                                          \
		MAP_##map, opcode, PREFIX_##prefix, FORM_##form, reg, SIZE_##size, flags,          \
			AB_CLASS_##class                                                           \
	}
/* One byte, no operand in it. */
#define ONE(opcode, size, flags, class) ROW(ONE, opcode, ANY, PLAIN, ANY_REG, size, flags, class)
#define PUSH_POP(map, opcode, seg, flags, class)                                                   \
	ROW(map, opcode, ANY, PLAIN, SEG_##seg, D64, flags, class)
#define TWO(opcode, size, flags, class) ROW(0F, opcode, ANY, PLAIN, ANY_REG, size, flags, class)
/* 0f 01 and a byte that looks like a register form */
#define GROUP7(byte, prefix, class)    ROW(0F, 0x01, prefix, BYTE, byte, 8, 0, class)
#define GROUP7_64(byte, prefix, class) ROW(0F, 0x01, prefix, BYTE, byte, 8, ONLY_64, class)

/* clang-format off */
static const struct opcode opcodes[] = {
	PUSH_POP(ONE, 0x06, ES, ONLY_32, PUSH_SEG), PUSH_POP(ONE, 0x07, ES, ONLY_32, POP_SEG),
	PUSH_POP(ONE, 0x0e, CS, ONLY_32, PUSH_SEG),
	PUSH_POP(ONE, 0x16, SS, ONLY_32, PUSH_SEG), PUSH_POP(ONE, 0x17, SS, ONLY_32, POP_SEG),
	PUSH_POP(ONE, 0x1e, DS, ONLY_32, PUSH_SEG), PUSH_POP(ONE, 0x1f, DS, ONLY_32, POP_SEG),
	ROW(ONE, 0x63, ANY, ANY, ANY_REG, 2, ONLY_32, ARPL),
	ONE(0x6c, 1, 0, INS), ONE(0x6d, Z, 0, INS), ONE(0x6e, 1, 0, OUTS), ONE(0x6f, Z, 0, OUTS),
	ROW(ONE, 0x87, ANY, MEM, ANY_REG, V, LOCKABLE, PTE_READ_CLEAR),
	ROW(ONE, 0x89, ANY, MEM, ANY_REG, V, 0, PTE_WRITE),
	ROW(ONE, 0x8b, ANY, MEM, ANY_REG, V, 0, DEVICE_READ),
	ROW(ONE, 0x8c, ANY, ANY, ANY_REG, V, 0, MOV_FROM_SEG),
	ROW(ONE, 0x8e, ANY, ANY, ANY_REG, V, 0, MOV_TO_SEG),
	ONE(0x9a, Z, FAR_POINTER | ONLY_32, LCALL),
	ONE(0x9c, D64, 0, PUSHF), ONE(0x9d, D64, 0, POPF),
	ROW(ONE, 0xc4, ANY, MEM, SEG_ES, Z, ONLY_32, LOAD_FAR),
	ROW(ONE, 0xc5, ANY, MEM, SEG_DS, Z, ONLY_32, LOAD_FAR),
	ONE(0xca, V, IMM_16, LRET), ONE(0xcb, V, 0, LRET),
	ONE(0xcd, 8, IMM_8, INT), ONE(0xce, 8, ONLY_32, INT), ONE(0xcf, V, 0, IRET),
	ONE(0xe4, 1, IMM_8, IN), ONE(0xe5, Z, IMM_8, IN),
	ONE(0xe6, 1, IMM_8, OUT), ONE(0xe7, Z, IMM_8, OUT),
	ONE(0xea, Z, FAR_POINTER | ONLY_32, LJMP),
	ONE(0xec, 1, 0, IN), ONE(0xed, Z, 0, IN), ONE(0xee, 1, 0, OUT), ONE(0xef, Z, 0, OUT),
	ONE(0xf4, 8, 0, HLT), ONE(0xfa, 8, 0, CLI), ONE(0xfb, 8, 0, STI),
	ROW(ONE, 0xff, ANY, MEM, 3, V, 0, LCALL), ROW(ONE, 0xff, ANY, MEM, 5, V, 0, LJMP),

	ROW(0F, 0x00, ANY, ANY, 0, V, 0, SLDT), ROW(0F, 0x00, ANY, ANY, 1, V, 0, STR),
	ROW(0F, 0x00, ANY, ANY, 2, 2, 0, LLDT), ROW(0F, 0x00, ANY, ANY, 3, 2, 0, LTR),
	ROW(0F, 0x00, ANY, ANY, 4, 2, 0, VERR), ROW(0F, 0x00, ANY, ANY, 5, 2, 0, VERW),
	ROW(0F, 0x00, F2, ANY, 6, 2, ONLY_64, LKGS),

	GROUP7(0xc0, NONE, SGX), GROUP7(0xc1, NONE, VMCALL), GROUP7(0xc2, NONE, VMX),
	GROUP7(0xc3, NONE, VMX), GROUP7(0xc4, NONE, VMX), GROUP7(0xc5, NONE, PCONFIG),
	GROUP7_64(0xc6, F2, RDMSR), GROUP7_64(0xc6, F3, WRMSR), GROUP7(0xc6, NO_REP, WRMSR),
	GROUP7(0xc8, NONE, MONITOR), GROUP7(0xc9, NONE, MWAIT),
	GROUP7_64(0xca, F2, ERET), GROUP7_64(0xca, F3, ERET), GROUP7(0xca, NONE, CLAC),
	GROUP7(0xcb, NONE, STAC), GROUP7(0xcc, 66, TDX), GROUP7_64(0xcd, 66, TDX),
	GROUP7_64(0xce, 66, TDX), GROUP7_64(0xcf, 66, TDX), GROUP7(0xcf, NONE, SGX),
	GROUP7(0xd0, NONE, XGETBV), GROUP7(0xd1, NONE, XSETBV), GROUP7(0xd4, NONE, VMX),
	GROUP7(0xd8, ANY, SVM), GROUP7(0xd9, ANY, VMCALL), GROUP7(0xda, ANY, SVM),
	GROUP7(0xdb, ANY, SVM), GROUP7(0xdc, ANY, SVM), GROUP7(0xdd, ANY, SVM),
	GROUP7(0xde, ANY, SVM), GROUP7(0xdf, ANY, SVM),
	GROUP7(0xe8, NONE, SERIALIZE), GROUP7(0xe8, F3, SHADOW_STACK),
	GROUP7_64(0xec, F3, UIRET), GROUP7_64(0xee, F3, CLUI), GROUP7(0xee, NONE, RDPKRU),
	GROUP7_64(0xef, F3, STUI), GROUP7(0xef, NONE, WRPKRU),
	GROUP7_64(0xf8, ANY, SWAPGS), GROUP7(0xf9, ANY, RDTSCP),
	GROUP7(0xfa, NONE, MONITOR), GROUP7(0xfb, NONE, MWAIT),
	GROUP7_64(0xfd, F3, SNP), GROUP7(0xfd, ANY, RDPMC),
	GROUP7_64(0xfe, F3, SNP), GROUP7_64(0xfe, F2, SNP), GROUP7(0xfe, NONE, INVLPGB),
	GROUP7_64(0xff, F3, SNP), GROUP7(0xff, F2, SNP), GROUP7(0xff, NONE, TLBSYNC),
	ROW(0F, 0x01, ANY, MEM, 0, 8, 0, SGDT), ROW(0F, 0x01, ANY, MEM, 1, 8, 0, SIDT),
	ROW(0F, 0x01, ANY, MEM, 2, 8, 0, LGDT), ROW(0F, 0x01, ANY, MEM, 3, 8, 0, LIDT),
	ROW(0F, 0x01, ANY, ANY, 4, V, 0, SMSW), ROW(0F, 0x01, ANY, ANY, 6, 2, 0, LMSW),
	ROW(0F, 0x01, ANY, MEM, 7, 1, 0, INVLPG),

	ROW(0F, 0x02, ANY, ANY, ANY_REG, V, 0, LAR), ROW(0F, 0x03, ANY, ANY, ANY_REG, V, 0, LSL),
	TWO(0x05, 8, 0, SYSCALL), TWO(0x06, 8, 0, CLTS), TWO(0x07, V, 0, SYSRET),
	TWO(0x08, 8, 0, INVD), TWO(0x09, 8, 0, WBINVD),
	ROW(0F, 0x20, ANY, ALWAYS_REG, ANY_REG, 8, LOCKABLE, MOV_FROM_CR),
	ROW(0F, 0x21, ANY, ALWAYS_REG, ANY_REG, 8, 0, MOV_FROM_DR),
	ROW(0F, 0x22, ANY, ALWAYS_REG, ANY_REG, 8, LOCKABLE, MOV_TO_CR),
	ROW(0F, 0x23, ANY, ALWAYS_REG, ANY_REG, 8, 0, MOV_TO_DR),
	ROW(0F, 0x24, NO_REP, ALWAYS_REG, ANY_REG, 8, ONLY_32, MOV_TR),
	ROW(0F, 0x26, NO_REP, ALWAYS_REG, ANY_REG, 8, ONLY_32, MOV_TR),
	TWO(0x30, 8, 0, WRMSR), TWO(0x31, 8, 0, RDTSC), TWO(0x32, 8, 0, RDMSR),
	TWO(0x33, 8, 0, RDPMC), TWO(0x34, 8, 0, SYSENTER), TWO(0x35, V, 0, SYSEXIT),
	ROW(0F, 0x37, NONE, PLAIN, ANY_REG, 8, 0, GETSEC),
	ROW(0F, 0x78, NONE, ANY, ANY_REG, 8, 0, VMX), ROW(0F, 0x79, NONE, ANY, ANY_REG, 8, 0, VMX),
	PUSH_POP(0F, 0xa0, FS, 0, PUSH_SEG), PUSH_POP(0F, 0xa1, FS, 0, POP_SEG),
	TWO(0xa2, 8, 0, CPUID),
	PUSH_POP(0F, 0xa8, GS, 0, PUSH_SEG), PUSH_POP(0F, 0xa9, GS, 0, POP_SEG),
	TWO(0xaa, 8, 0, RSM),
	ROW(0F, 0xae, F3, REG, 0, V, ONLY_64, RDFSBASE), ROW(0F, 0xae, F3, REG, 1, V, ONLY_64, RDGSBASE),
	ROW(0F, 0xae, F3, REG, 2, V, ONLY_64, WRFSBASE), ROW(0F, 0xae, F3, REG, 3, V, ONLY_64, WRGSBASE),
	ROW(0F, 0xae, NONE, MEM, 5, V, 0, XRSTOR),
	ROW(0F, 0xae, F3, REG, 6, 8, 0, MONITOR), ROW(0F, 0xae, F3, MEM, 6, 8, 0, SHADOW_STACK),
	ROW(0F, 0xae, F2, REG, 6, V, 0, MWAIT), ROW(0F, 0xae, 66, REG, 6, V, 0, MWAIT),
	ROW(0F, 0xb2, ANY, MEM, ANY_REG, V, 0, LOAD_FAR),
	ROW(0F, 0xb3, ANY, MEM, ANY_REG, V, LOCKABLE, PTE_TEST_CLEAR),
	ROW(0F, 0xb4, ANY, MEM, ANY_REG, V, 0, LOAD_FAR), ROW(0F, 0xb5, ANY, MEM, ANY_REG, V, 0, LOAD_FAR),
	ROW(0F, 0xba, ANY, MEM, 6, V, IMM_8 | LOCKABLE, PTE_TEST_CLEAR),
	ROW(0F, 0xc7, NONE, MEM, 3, V, 0, XRSTORS), ROW(0F, 0xc7, NONE, MEM, 5, V, 0, XSAVES),
	ROW(0F, 0xc7, F3, MEM, 6, 8, 0, VMX), ROW(0F, 0xc7, 66, MEM, 6, 8, 0, VMX),
	ROW(0F, 0xc7, NONE, MEM, 6, 8, 0, VMX), ROW(0F, 0xc7, NONE, MEM, 7, 8, 0, VMX),
	ROW(0F, 0xc7, F3, REG, 7, 8, 0, RDPID),

	ROW(0F38, 0x80, 66, MEM, ANY_REG, 8, 0, VMX), ROW(0F38, 0x81, 66, MEM, ANY_REG, 8, 0, VMX),
	ROW(0F38, 0x82, 66, MEM, ANY_REG, 8, 0, INVPCID),
	ROW(0F38, 0xdc, F3, REG, ANY_REG, 8, 0, LOADIWKEY),
	ROW(0F38, 0xf5, 66, MEM, ANY_REG, V, 0, SHADOW_STACK),
	ROW(0F38, 0xf8, F3, MEM, ANY_REG, 8, 0, ENQCMDS),
	ROW(0F3A, 0xf0, F3, BYTE, 0xc0, 8, IMM_8, HRESET),
};
/* clang-format on */

const struct opcode *opcode_table(size_t *count)
{
	*count = sizeof(opcodes) / sizeof(opcodes[0]);
	return opcodes;
}
