/* SPDX-License-Identifier: BSD-2-Clause */
/*@220 From Xen's upcalls to the guest's next instruction
 *
 * Xen takes every exception and interrupt first and calls us as a kernel: on the stack
 * that was in use if the guest's kernel was interrupted, which has no red zone, else on
 * the VMM's, with a frame of, lowest first,
 *
 *      rcx  r11  [error code]  rip  cs  rflags  rsp  ss
 *
 * in which bits 32 and up of cs hold vcpu.masked as it was (arch-x86/xen-x86_64.h, struct
 * cpu_user_regs). All these entries mask events, so that none comes before the registers are safe.
 *
 * Later, while C runs with the guest's flag, one may: it finds in_trap or vcpu.in_vmm, and goes
 * back; what it told of is still marked.
 */
#include "backends/xen/layout.h"
#include "backends/xen/traps.h"
#include <vmm/offsets.inc>

#define VCPU(field)	vcpu + VCPU_##field(%rip)
#define GPR(number)	vcpu + VCPU_GPR + 8 * number(%rip)
#define SEGMENTS	vcpu + VCPU_SEGMENT + 4(%rip) /* cs, and ss */

	.text
/* Entries of the trap table, TRAP_ENTRY_BYTES each: eax says which it was. */
	.macro	trap vector, error=0
	.balign	TRAP_ENTRY_BYTES
	cmpb	$0, VCPU(IN_VMM)
	jne	trap_in_vmm
	movb	$1, in_trap(%rip)
	movq	%rax, GPR(0)
	movl	$\vector, %eax
	.if	\error
	jmp	trap_with_error
	.else
	jmp	trap_without_error
	.endif
	.endm

	.balign	TRAP_ENTRY_BYTES
	.globl	trap_entries
trap_entries:
	trap	0
	trap	1
	trap	2
	trap	3
	trap	4
	trap	5
	trap	6
	trap	7
	trap	8, 1
	trap	9
	trap	10, 1
	trap	11, 1
	trap	12, 1
	trap	13, 1
	trap	14, 1
	trap	15
	trap	16
	trap	17, 1
	trap	18
	trap	19
	trap	TRAP_INT80
	trap	TRAP_SYSCALL

/* A system call of an application, as the processor would make it: events are masked, and
 * with what Linux loads into SFMASK (traps_look()) all flags are cleared.
 * in: the frame at the end of the VMM's stack; rcx, r11 in it are as SDM 2, "SYSCALL", says
 * out: the guest's kernel, at LSTAR, on the application's stack
 */
	.balign	16
	.globl	syscall_entry
syscall_entry:
	cmpb	$0, VCPU(SYSCALL_ODD)
	jne	odd_syscall
	popq	%rcx
	popq	%r11
	pushq	$2
	popfq
	movb	$0, VCPU(CPL)
	movq	syscall_segments(%rip), %rsp	# nothing comes that would need a stack
	movq	%rsp, SEGMENTS
	movq	vmm_stack_top - 16(%rip), %rsp
	jmp	*VCPU(LSTAR)

	.set	odd_syscall, trap_entries + TRAP_ENTRY_BYTES * TRAP_SYSCALL

/* in: a frame without error code, eax = the vector, rax saved, in_trap */
	.balign	16
trap_without_error:
	popq	GPR(1)
	popq	GPR(11)
	pushq	$0
	jmp	trap_common
trap_with_error:
	popq	GPR(1)
	popq	GPR(11)
trap_common:
	movq	%rdx, GPR(2)
	movq	%rbx, GPR(3)
	movq	%rbp, GPR(5)
	movq	%rsi, GPR(6)
	movq	%rdi, GPR(7)
	movq	%r8, GPR(8)
	movq	%r9, GPR(9)
	movq	%r10, GPR(10)
	movq	%r12, GPR(12)
	movq	%r13, GPR(13)
	movq	%r14, GPR(14)
	movq	%r15, GPR(15)
	movl	%eax, %edi
	popq	%rsi				# error code
	popq	VCPU(RIP)
	popq	%rdx				# cs, and what masked was
	popq	VCPU(RFLAGS)
	popq	%rax
	movq	%rax, GPR(4)
	leaq	vmm_stack_top(%rip), %rsp
	cld
	movq	%rdx, %rax
	shrq	$32, %rax
	movb	%al, VCPU(MASKED)
	call	trap_handle			# void trap_handle(unsigned, mword error, mword cs)
	jmp	vmm_resume

/* The VMM itself made a mistake. in: any frame */
trap_in_vmm:
	movq	%rsp, %rdi
	andq	$-16, %rsp
	call	trap_bug			# _Noreturn void trap_bug(const mword *frame)

/* An event, while vcpu.masked was clear. Interrupted on the last steps of vmm_resume, the guest's
 * registers are still in vcpu.regs.
 */
	.globl	event_entry
event_entry:
	cmpb	$0, VCPU(IN_VMM)
	jne	2f
	cmpb	$0, in_trap(%rip)
	jne	2f
	pushq	%rax
	leaq	vmm_resume_commit(%rip), %rax
	cmpq	%rax, 24(%rsp)
	jb	1f
	leaq	vmm_resume_end(%rip), %rax
	cmpq	%rax, 24(%rsp)
	jae	1f
	movb	$1, VCPU(IN_VMM)
	movb	$0, VCPU(MASKED)
	jmp	vmm_resume
1:	popq	%rax
	movb	$1, in_trap(%rip)
	movq	%rax, GPR(0)
	movl	$TRAP_EVENT, %eax
	jmp	trap_without_error
2:	movb	$0, VCPU(MASKED)
	popq	%rcx
	popq	%r11
	movq	$LAYOUT_CS, 8(%rsp)		# Xen says ring 0, and what masked was
	iretq

/* Xen could not return to an application as it was to: the application's general protection fault.
 * in: ds, es, fs, gs between r11 and rip
 */
	.globl	failsafe_entry
failsafe_entry:
	cmpb	$0, VCPU(IN_VMM)
	jne	trap_in_vmm
	movb	$1, in_trap(%rip)
	movq	%rax, GPR(0)
	movl	$TRAP_GP, %eax
	popq	GPR(1)
	popq	GPR(11)
	leaq	32(%rsp), %rsp
	pushq	$0
	jmp	trap_common

	.section .note.GNU-stack, "", @progbits
