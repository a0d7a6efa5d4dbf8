/* SPDX-License-Identifier: BSD-2-Clause */
/*@060 The virtual CPU
 *
 * All processor state that the guest's sensitive instructions would touch, in
 * memory. Rewritten instructions use the first cache lines directly, by addresses
 * relative to the instruction pointer (templates.S); C uses the rest. The general
 * registers, flags and segment bases stay in the real processor while the guest
 * runs and are in `regs` while the VMM runs (for bases, backend_keeps_bases has more).
 *
 * offsets.c makes this structure known to the assembler: vmm/offsets.inc.
 */
#ifndef AFTERBURN_VMM_VCPU_H
#define AFTERBURN_VMM_VCPU_H

#include "vmm/types.h"

/* clang-format off */
/* Numbers of general registers as instructions encode them (SDM 2, table 3-1). */
enum gpr {
	RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI,
	R8, R9, R10, R11, R12, R13, R14, R15,
	GPR_COUNT
};

/* Segment registers as instructions encode them, then the system ones. */
enum segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };

/* Exception vectors (SDM 3A, table 6-1). */
enum vector {
	VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_BP = 3, VECTOR_OF = 4,
	VECTOR_BR = 5, VECTOR_UD = 6, VECTOR_NM = 7, VECTOR_DF = 8, VECTOR_TS = 10,
	VECTOR_NP = 11, VECTOR_SS = 12, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MF = 16,
	VECTOR_AC = 17, VECTOR_MC = 18, VECTOR_XM = 19, VECTOR_CP = 21,
};
/* clang-format on */

#define FLAG_CF	  BIT(0)
#define FLAG_ONE  BIT(1)
#define FLAG_PF	  BIT(2)
#define FLAG_AF	  BIT(4)
#define FLAG_ZF	  BIT(6)
#define FLAG_SF	  BIT(7)
#define FLAG_TF	  BIT(8)
#define FLAG_IF	  BIT(9)
#define FLAG_DF	  BIT(10)
#define FLAG_OF	  BIT(11)
#define FLAG_IOPL (BIT(12) | BIT(13))
#define FLAG_NT	  BIT(14)
#define FLAG_RF	  BIT(16)
#define FLAG_VM	  BIT(17)
#define FLAG_AC	  BIT(18)
#define FLAG_VIF  BIT(19)
#define FLAG_VIP  BIT(20)
#define FLAG_ID	  BIT(21)

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_TSD	       BIT(2)
#define CR4_DE	       BIT(3)
#define CR4_PSE	       BIT(4)
#define CR4_PAE	       BIT(5)
#define CR4_MCE	       BIT(6)
#define CR4_PGE	       BIT(7)
#define CR4_PCE	       BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)
#define CR4_PKE	       BIT(22)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

/* Guest registers at the instruction the guest stands at. */
struct regs {
	mword gpr[GPR_COUNT];
	mword rip;
	mword rflags; /* as the guest sees them: IF and IOPL are the virtual ones */
};

struct table_register {
	uint64_t base;
	uint16_t limit; /* bytes - 1 */
};

/* A loaded system segment: LDTR, TR. base and limit are the descriptor's cache. */
struct system_segment {
	uint16_t selector;
	uint64_t base;
	uint32_t limit;
};

#define VCPU_SHARED 64 /* bytes, and aligned so */

struct vcpu {
	/* Shared with the hypervisor, if it keeps its guests' interrupt flag itself: it may set
	 * `pending`, and write its own part, at any time. Each flag is 0 or 1. */
	_Alignas(VCPU_SHARED) uint8_t pending; /* 1: look for what to deliver */
	uint8_t masked;			       /* virtual RFLAGS.IF, inverted */
	uint8_t hypervisor[VCPU_SHARED - 2];   /* the back-end's */

	/* What templates touch: keep first. */
	uint8_t cpl;		     /* 0: guest kernel, 3: guest applications */
	uint8_t in_vmm;		     /* 1: between entry and exit of the VMM on this virtual CPU */
	uint8_t shadow;		     /* 1: no interrupt before the next instruction (sti, mov ss) */
	uint8_t halted;		     /* hlt was executed, no interrupt since */
	uint8_t swapped;	     /* 0, or 0xff: gs_base and kernel_gs_base are each other */
	uint32_t segment[SEG_COUNT]; /* selectors as the guest knows them, upper half 0 */
	uint64_t cr0, cr2, cr3, cr4, cr8;
	uint64_t kernel_gs_base; /* the base that swapgs exchanges with the current one */
	uint64_t scratch[4];	 /* of stubs that may not use a stack */
	/* Stubs that leave by iret build its frame here: rip, cs, rflags, rsp, ss. Their
	 * stack pointer is in it meanwhile, with interrupts on or off, and a hypervisor
	 * may push an event's frame below that: never where the stub has put anything. */
	uint64_t frame_room[16];
	uint64_t iret_frame[5];

	struct regs regs;
	uint64_t fs_base, gs_base; /* valid while the VMM runs; always if backend_keeps_bases */

	uint64_t efer, star, lstar, cstar, sfmask;
	uint64_t xcr0;
	uint64_t dr[8];
	uint64_t tsc_aux, pat, apic_base, misc_enable;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	struct table_register gdtr, idtr;
	struct system_segment ldtr, tr;

	/* The selectors under which guest code really runs: the back-end's choice. */
	uint64_t host_cs, host_ss;

	/* RFLAGS.IOPL of the guest, in place; the real one is the host's. */
	uint64_t iopl;
	/* `shadow` covers the instruction at this address only. */
	uint64_t shadow_rip;
};

_Static_assert(offsetof(struct vcpu, pending) == 0 && offsetof(struct vcpu, masked) == 1 &&
		       offsetof(struct vcpu, hypervisor) == 2 &&
		       offsetof(struct vcpu, cpl) == VCPU_SHARED,
	       "as hypervisors have it");
_Static_assert(offsetof(struct vcpu, frame_room) + sizeof(((struct vcpu *)0)->frame_room) ==
		       offsetof(struct vcpu, iret_frame),
	       "the room is below the frame");

/* The one virtual CPU. Several will need an array and a base register. */
extern struct vcpu vcpu;

/* Virtual RFLAGS.IF, in its place. */
static inline mword interrupt_flag(const struct vcpu *state)
{
	return state->masked ? 0 : FLAG_IF;
}

#endif
