/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets of struct vcpu for the assembler parts. Compiled to assembler text only;
 * the build turns the marked lines into #define lines of vmm/offsets.inc.
 */
#include "vmm/frontend.h"
#include "vmm/vcpu.h"

#define OFFSET(name, member)                                                                       \
	__asm__ volatile("\t.ascii \"->" #name " %0\""                                             \
			 :                                                                         \
			 : "i"(__builtin_offsetof(struct vcpu, member)))
#define WATCHED(name, member)                                                                      \
	__asm__ volatile("\t.ascii \"->" #name " %0\""                                             \
			 :                                                                         \
			 : "i"(__builtin_offsetof(struct watched, member)))

void offsets(void);
void offsets(void)
{
	OFFSET(VCPU_PENDING, pending);
	OFFSET(VCPU_MASKED, masked);
	OFFSET(VCPU_HYPERVISOR, hypervisor);
	OFFSET(VCPU_CPL, cpl);
	OFFSET(VCPU_IN_VMM, in_vmm);
	OFFSET(VCPU_SHADOW, shadow);
	OFFSET(VCPU_SHADOW_RIP, shadow_rip);
	OFFSET(VCPU_SEGMENT, segment);
	OFFSET(VCPU_CR0, cr0);
	OFFSET(VCPU_CR2, cr2);
	OFFSET(VCPU_CR3, cr3);
	OFFSET(VCPU_CR4, cr4);
	OFFSET(VCPU_CR8, cr8);
	OFFSET(VCPU_KERNEL_GS_BASE, kernel_gs_base);
	OFFSET(VCPU_SCRATCH, scratch);
	OFFSET(VCPU_IRET_FRAME, iret_frame);
	OFFSET(VCPU_GPR, regs.gpr);
	OFFSET(VCPU_RIP, regs.rip);
	OFFSET(VCPU_RFLAGS, regs.rflags);
	OFFSET(VCPU_FS_BASE, fs_base);
	OFFSET(VCPU_GS_BASE, gs_base);
	OFFSET(VCPU_EFER, efer);
	OFFSET(VCPU_STAR, star);
	OFFSET(VCPU_LSTAR, lstar);
	OFFSET(VCPU_SFMASK, sfmask);
	OFFSET(VCPU_IOPL, iopl);
	OFFSET(VCPU_HOST_CS, host_cs);
	OFFSET(VCPU_HOST_SS, host_ss);
	WATCHED(WATCHED_DIRECT_MAP, direct_map);
	WATCHED(WATCHED_FRAMES, frames);
	WATCHED(WATCHED_MARKS, marks);
}
