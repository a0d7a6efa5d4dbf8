/* SPDX-License-Identifier: BSD-2-Clause */
/*@151 The gate: what `syscall` does (SDM 2, SYSCALL), without a trap
 *
 * Entered by a jump from a trampoline, with everything the application's but rcx. The
 * application's stack is not touched: it may have a red zone, or be no stack. Flags
 * other than the arithmetic ones and IF go the way of the trap: TF, DF, AC, NT, ID.
 *
 * The table at the end says what is where when a host signal comes in here. All states
 * are settled alike (gates.c): the registers are put back, the privilege too if it had
 * begun to change, and the system call is done in C. So nothing here commits.
 */
#include "backends/linux/gate.h"
#include <vmm/offsets.inc>

#define VCPU(field)	vcpu + VCPU_##field(%rip)
#define SEGMENT(number)	vcpu + VCPU_SEGMENT + 4 * number(%rip)
#define SCRATCH(number)	vcpu + VCPU_SCRATCH + 8 * number(%rip)
#define FRAME(number)	vcpu + VCPU_IRET_FRAME + 8 * number(%rip)
#define STAR_KERNEL	vcpu + VCPU_STAR + 4(%rip)	/* SDM 2, SYSCALL */

#define CS 1
#define SS 2
#define SCE 1				/* EFER: syscall exists */
#define FLAGS_PLAIN 0x2d7		/* CF, bit 1, PF AF ZF SF IF; then OF */
#define FLAG_OF 0x800
/* What the guest must want cleared for the flags below to be right. */
#define FLAGS_CLEARED 0xad5		/* all of these but bit 1 */

	.text
/* in: rcx = address behind the system call, all else the application's
 * out: the guest kernel at LSTAR: rcx; r11 = flags; arithmetic flags clear
 */
	.globl	vmm_gate, vmm_gate_end
	.type	vmm_gate, @function
vmm_gate:
	movq	%rsp, SCRATCH(2)
gate_stack:
	leaq	FRAME(5), %rsp
	pushfq					# FRAME(4)
gate_flags:
	movq	SCRATCH(2), %rsp
	movq	FRAME(4), %r11
	movq	%rax, SCRATCH(0)
gate_rax:
	testl	$~(FLAGS_PLAIN | FLAG_OF), %r11d
	jnz	gate_slow
	cmpl	$0, VCPU(IOPL)
	jne	gate_slow
	testb	$SCE, VCPU(EFER)
	jz	gate_slow			# #UD
	movl	VCPU(SFMASK), %eax
	notl	%eax
	testl	$FLAGS_CLEARED, %eax
	jnz	gate_slow
	movzwl	STAR_KERNEL, %eax
	andl	$0xfffc, %eax
	movb	$0, VCPU(CPL)
	movb	$0, VCPU(VIF)
	movl	%eax, SEGMENT(CS)
	addl	$8, %eax
	movl	%eax, SEGMENT(SS)
	movq	SCRATCH(0), %rax
	cmpb	$0, one(%rip)			# 1 - 0: no flag is set
	jmp	*VCPU(LSTAR)

/* To where the system call was, which traps. rcx, which it will set to this but for two
 * bytes, is seen before that only by who is interrupted at that very instruction. */
gate_slow:
	leaq	FRAME(4), %rsp
	popfq
	movq	SCRATCH(2), %rsp
	movq	SCRATCH(0), %rax
	leaq	-2(%rcx), %rcx
gate_back:
	jmp	*%rcx
vmm_gate_end:
	.size	vmm_gate, . - vmm_gate

/* iret is one, to the next instruction but with the caller's stack. clobbers rax, rcx */
	.globl	gate_serialize
	.type	gate_serialize, @function
gate_serialize:
	popq	%rcx
	movq	%rsp, %rax
	pushq	VCPU(HOST_SS)
	pushq	%rax
	pushfq
	pushq	VCPU(HOST_CS)
	pushq	%rcx
	iretq
	.size	gate_serialize, . - gate_serialize

	.section .rodata
one:	.byte	1

/* Instructions in [first, last): what must be put back. */
	.macro	range first, last, saved=0
	.long	\first - .
	.short	\last - \first
	.short	\saved
	.endm

	.balign	4
	.globl	gate_ranges, gate_ranges_end
gate_ranges:
	range	vmm_gate, gate_stack
	range	gate_stack, gate_flags, GATE_RSP
	range	gate_flags, gate_rax, GATE_RSP|GATE_FLAGS
	range	gate_rax, gate_back, GATE_RSP|GATE_FLAGS|GATE_RAX
	range	gate_back, vmm_gate_end, GATE_BACK
gate_ranges_end:

	.section .note.GNU-stack, "", @progbits
