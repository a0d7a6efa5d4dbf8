/* SPDX-License-Identifier: BSD-2-Clause */
/*@030 The annotation record: what the assembler stage tells the in-place VMM
 *
 * One 12-byte record stands in section AB_SECTION for every sensitive
 * instruction of a kernel. The section is allocated, so records travel inside
 * vmlinux and inside every module; it is bounded by its section header (and,
 * in vmlinux, by __start_afterburn/__stop_afterburn), and its only address is
 * relative to the record itself, so nothing relocates it at run time.
 *
 *      start                       start + insn_off
 *        |                            |
 *        v                            v
 *        [ pad (insn_off bytes)       | instruction (insn_len) | pad ... ]
 *        '------------------- total_len bytes ---------------------------'
 *
 * All total_len bytes belong to the site: labels of the kernel point at `start`
 * or past the end, never inside. The pad is innocuous (redundant prefixes of the
 * instruction, or multi-byte NOPs): a kernel that nobody rewrites runs as if the
 * records were not there.
 *
 * This header is shared by the assembler stage, the checker, the in-place VMM
 * and annotated guest sources, in C and in assembler. Every record carries the
 * layout's version; a reader refuses versions it does not know.
 * docs/annotations.md explains each field by example.
 */
#ifndef AFTERBURN_ANNOT_H
#define AFTERBURN_ANNOT_H

#define AB_SECTION     ".afterburn"
#define AB_VERSION     1
#define AB_RECORD_SIZE 12

/* mode_version: CPU mode the instruction is assembled for, and AB_VERSION << 4 */
#define AB_MODE_16	 0
#define AB_MODE_32	 1
#define AB_MODE_64	 2
#define AB_MODE_OTHER	 3 /* not an x86 target */
#define AB_MODE_MASK	 0x0f
#define AB_VERSION_SHIFT 4

/*
 * A pad that is no instruction: %cs segment overrides, which instructions
 * without a memory operand ignore. Site and instruction then begin together.
 */
#define AB_PREFIX 0x2e

/*
 * flags
 *
 * FUSED    insn_len covers two or more instructions that must stay together
 * WINDOW   sti of an `sti; nop; cli` window: deliver interrupts synchronously
 * COPIED   code is copied before it runs (deny rule): no pad, never rewrite here
 * USER     code runs in applications (vDSO, vsyscall): user rules apply
 * MACRO    emitted inside a macro body or repeat block
 * EXTABLE  a numeric label (exception-table candidate) sits on the instruction
 * RAW      instruction was written as raw bytes (.byte)
 * PREFIX   the insn_off bytes in front are AB_PREFIX, part of the instruction
 */
#define AB_F_FUSED   0x0001
#define AB_F_WINDOW  0x0002
#define AB_F_COPIED  0x0004
#define AB_F_USER    0x0008
#define AB_F_MACRO   0x0010
#define AB_F_EXTABLE 0x0020
#define AB_F_RAW     0x0040
#define AB_F_PREFIX  0x0080

/*
 * Classes: (group << 8) | number. A class says what to emulate; operands are
 * decoded from the instruction. Numbers are ABI: append, never renumber.
 *
 * AB_CLASSES(X) expands X(group, number, NAME, sensitive) per class, where
 * `sensitive` is 1 for an instruction and 0 for a marker.
 */
#define AB_GROUP_META	    0x00
#define AB_GROUP_FLAGS	    0x01
#define AB_GROUP_CONTROL    0x02
#define AB_GROUP_DESCRIPTOR 0x03
#define AB_GROUP_SEGMENT    0x04
#define AB_GROUP_TRANSFER   0x05
#define AB_GROUP_IO	    0x06
#define AB_GROUP_MSR	    0x07
#define AB_GROUP_TLB	    0x08
#define AB_GROUP_IDLE	    0x09
#define AB_GROUP_PROTECT    0x0a
#define AB_GROUP_VM	    0x0b
#define AB_GROUP_MEMORY	    0x10 /* sensitive memory operations, annotated by hand (paper 3.2) */
#define AB_GROUP_HOOK	    0x11 /* NOPs by which a guest tells what it does (paper 5.3) */

/*
 * Layout constants: an address of the guest's address-space layout, in 8 bytes of
 * its own (the immediate of a movabs, or initialised data). A back-end whose
 * address space differs from bare hardware's adds one delta per kind; on bare
 * hardware nothing reads the records. One 8-byte record each, in AB_LAYOUT_SECTION.
 */
#define AB_LAYOUT_SECTION     ".afterburn.layout"
#define AB_LAYOUT_RECORD_SIZE 8
#define AB_LAYOUT_VERSION     1
#define AB_LAYOUT_IMAGE	      1 /* kernel image, modules, fixed mappings */
#define AB_LAYOUT_USER_END    2 /* end of the range of user addresses */
#define AB_LAYOUT_CPU_AREA    3 /* per-processor entry area, espfix, LDT */
#define AB_LAYOUT_DIRECT_MAP  4 /* all physical memory */
#define AB_LAYOUT_VMALLOC     5
#define AB_LAYOUT_VMEMMAP     6
#define AB_LAYOUT_KINDS	      7

#ifndef __ASSEMBLER__
#include <stdint.h>

/* clang-format off */
#define AB_CLASSES(X)                                                          \
	X(META, 1, MODE, 0)            /* CPU mode changes here (.code16/32/64) */ \
	X(FLAGS, 1, CLI, 1)                                                        \
	X(FLAGS, 2, STI, 1)                                                        \
	X(FLAGS, 3, STI_HLT, 1)        /* fused: idle without a lost wake-up */    \
	X(FLAGS, 4, STI_MWAIT, 1)      /* fused */                                 \
	X(FLAGS, 5, STI_SYSEXIT, 1)    /* fused */                                 \
	X(FLAGS, 6, PUSHF, 1)                                                      \
	X(FLAGS, 7, POPF, 1)                                                       \
	X(FLAGS, 8, CLUI, 1)                                                       \
	X(FLAGS, 9, STUI, 1)                                                       \
	X(CONTROL, 1, MOV_FROM_CR, 1)                                              \
	X(CONTROL, 2, MOV_TO_CR, 1)                                                \
	X(CONTROL, 3, MOV_FROM_DR, 1)                                              \
	X(CONTROL, 4, MOV_TO_DR, 1)                                                \
	X(CONTROL, 5, CLTS, 1)                                                     \
	X(CONTROL, 6, LMSW, 1)                                                     \
	X(CONTROL, 7, SMSW, 1)                                                     \
	X(CONTROL, 8, XGETBV, 1)                                                   \
	X(CONTROL, 9, XSETBV, 1)                                                   \
	X(CONTROL, 10, MOV_TR, 1)      /* test registers of the 386 and 486 */     \
	X(DESCRIPTOR, 1, LGDT, 1)                                                  \
	X(DESCRIPTOR, 2, LIDT, 1)                                                  \
	X(DESCRIPTOR, 3, LLDT, 1)                                                  \
	X(DESCRIPTOR, 4, LTR, 1)                                                   \
	X(DESCRIPTOR, 5, SGDT, 1)                                                  \
	X(DESCRIPTOR, 6, SIDT, 1)                                                  \
	X(DESCRIPTOR, 7, SLDT, 1)                                                  \
	X(DESCRIPTOR, 8, STR, 1)                                                   \
	X(DESCRIPTOR, 9, LAR, 1)                                                   \
	X(DESCRIPTOR, 10, LSL, 1)                                                  \
	X(DESCRIPTOR, 11, VERR, 1)                                                 \
	X(DESCRIPTOR, 12, VERW, 1)                                                 \
	X(DESCRIPTOR, 13, ARPL, 1)                                                 \
	X(SEGMENT, 1, MOV_FROM_SEG, 1)                                             \
	X(SEGMENT, 2, MOV_TO_SEG, 1)                                               \
	X(SEGMENT, 3, PUSH_SEG, 1)                                                 \
	X(SEGMENT, 4, POP_SEG, 1)                                                  \
	X(SEGMENT, 5, LOAD_FAR, 1)     /* lds les lfs lgs lss */                   \
	X(SEGMENT, 6, SWAPGS, 1)                                                   \
	X(SEGMENT, 7, RDFSBASE, 1)                                                 \
	X(SEGMENT, 8, RDGSBASE, 1)                                                 \
	X(SEGMENT, 9, WRFSBASE, 1)                                                 \
	X(SEGMENT, 10, WRGSBASE, 1)                                                \
	X(SEGMENT, 11, LKGS, 1)                                                    \
	X(TRANSFER, 1, IRET, 1)                                                    \
	X(TRANSFER, 2, LRET, 1)                                                    \
	X(TRANSFER, 3, LJMP, 1)                                                    \
	X(TRANSFER, 4, LCALL, 1)                                                   \
	X(TRANSFER, 5, INT, 1)                                                     \
	X(TRANSFER, 6, SYSCALL, 1)                                                 \
	X(TRANSFER, 7, SYSRET, 1)                                                  \
	X(TRANSFER, 8, SYSENTER, 1)                                                \
	X(TRANSFER, 9, SYSEXIT, 1)                                                 \
	X(TRANSFER, 10, UIRET, 1)                                                  \
	X(TRANSFER, 11, ERET, 1)       /* erets eretu (FRED) */                    \
	X(TRANSFER, 12, RSM, 1)                                                    \
	X(IO, 1, IN, 1)                                                            \
	X(IO, 2, OUT, 1)                                                           \
	X(IO, 3, INS, 1)                                                           \
	X(IO, 4, OUTS, 1)                                                          \
	X(MSR, 1, RDMSR, 1)                                                        \
	X(MSR, 2, WRMSR, 1)                                                        \
	X(MSR, 3, RDTSC, 1)                                                        \
	X(MSR, 4, RDTSCP, 1)                                                       \
	X(MSR, 5, RDPMC, 1)                                                        \
	X(MSR, 6, RDPID, 1)                                                        \
	X(MSR, 7, CPUID, 1)                                                        \
	X(MSR, 8, HRESET, 1)                                                       \
	X(MSR, 9, PCONFIG, 1)                                                      \
	X(TLB, 1, INVLPG, 1)                                                       \
	X(TLB, 2, INVPCID, 1)                                                      \
	X(TLB, 3, INVD, 1)                                                         \
	X(TLB, 4, WBINVD, 1)           /* wbinvd wbnoinvd */                       \
	X(TLB, 5, INVLPGB, 1)                                                      \
	X(TLB, 6, TLBSYNC, 1)                                                      \
	X(TLB, 7, SERIALIZE, 1)                                                    \
	X(IDLE, 1, HLT, 1)                                                         \
	X(IDLE, 2, MONITOR, 1)         /* monitor monitorx umonitor */             \
	X(IDLE, 3, MWAIT, 1)           /* mwait mwaitx umwait tpause */            \
	X(PROTECT, 1, CLAC, 1)                                                     \
	X(PROTECT, 2, STAC, 1)                                                     \
	X(PROTECT, 3, RDPKRU, 1)                                                   \
	X(PROTECT, 4, WRPKRU, 1)                                                   \
	X(PROTECT, 5, XSAVES, 1)                                                   \
	X(PROTECT, 6, XRSTORS, 1)                                                  \
	X(PROTECT, 7, SHADOW_STACK, 1) /* setssbsy clrssbsy wrussd wrussq */       \
	X(PROTECT, 8, LOADIWKEY, 1)                                                \
	X(PROTECT, 9, ENQCMDS, 1)                                                  \
	X(PROTECT, 10, XRSTOR, 1)      /* may load the rights of protection keys */ \
	X(VM, 1, VMCALL, 1)            /* vmcall vmmcall: hypercall of a guest */  \
	X(VM, 2, VMX, 1)               /* VMX root: vmxon vmread vmlaunch ... */   \
	X(VM, 3, SVM, 1)               /* SVM: vmrun vmload stgi skinit ... */     \
	X(VM, 4, SNP, 1)               /* pvalidate psmash rmpupdate rmpadjust */  \
	X(VM, 5, TDX, 1)               /* tdcall seamcall seamops seamret */       \
	X(VM, 6, SGX, 1)               /* encls enclv */                           \
	X(VM, 7, GETSEC, 1)                                                        \
	X(MEMORY, 1, PGD_WRITE, 0)                                                 \
	X(MEMORY, 2, PTE_WRITE, 0)                                                 \
	X(MEMORY, 3, PTE_READ_CLEAR, 0)                                            \
	X(MEMORY, 4, PTE_TEST_CLEAR, 0)                                            \
	X(MEMORY, 5, DEVICE_READ, 0)                                               \
	X(MEMORY, 6, DEVICE_WRITE, 0)                                              \
	X(HOOK, 1, MODULE_LOAD, 0)                                                 \
	X(HOOK, 2, MODULE_UNLOAD, 0)
/* clang-format on */

#define AB_CLASS(group, number) (((group) << 8) | (number))
#define AB_ENUM_(group, number, name, sensitive)                                                   \
	AB_CLASS_##name = AB_CLASS(AB_GROUP_##group, number),
enum ab_class { AB_CLASSES(AB_ENUM_) };

/* One annotation record, as it lies in AB_SECTION (little-endian on x86). */
struct ab_annot {
	int32_t start;	      /* address of the site minus address of this field */
	uint16_t class;	      /* enum ab_class */
	uint8_t total_len;    /* bytes of the site: pads and instruction(s) */
	uint8_t insn_off;     /* bytes of pad in front of the instruction */
	uint8_t insn_len;     /* bytes of the instruction, prefixes included */
	uint8_t mode_version; /* AB_MODE_* | AB_VERSION << AB_VERSION_SHIFT */
	uint16_t flags;	      /* AB_F_* */
};

_Static_assert(sizeof(struct ab_annot) == AB_RECORD_SIZE, "record layout is ABI");
_Static_assert(__builtin_offsetof(struct ab_annot, class) == 4, "record layout is ABI");
_Static_assert(__builtin_offsetof(struct ab_annot, total_len) == 6, "record layout is ABI");
_Static_assert(__builtin_offsetof(struct ab_annot, insn_off) == 7, "record layout is ABI");
_Static_assert(__builtin_offsetof(struct ab_annot, insn_len) == 8, "record layout is ABI");
_Static_assert(__builtin_offsetof(struct ab_annot, mode_version) == 9, "record layout is ABI");
_Static_assert(__builtin_offsetof(struct ab_annot, flags) == 10, "record layout is ABI");

struct ab_layout {
	int32_t word;	  /* address of the 8-byte constant minus address of this field */
	uint16_t kind;	  /* AB_LAYOUT_* */
	uint16_t version; /* AB_LAYOUT_VERSION */
};

_Static_assert(sizeof(struct ab_layout) == AB_LAYOUT_RECORD_SIZE, "record layout is ABI");

#endif /* !__ASSEMBLER__ */
#endif
