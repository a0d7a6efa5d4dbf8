/* SPDX-License-Identifier: BSD-2-Clause */
/*@110 From a host signal to the guest's next instruction
 *
 * Every way out of the guest that is no call of a rewritten site is a host signal:
 * faults, blocked system calls, interruptions. The handler never returns to the
 * host's rt_sigreturn: that is a system call, costs 0.4 us, and a door that
 * applications could knock at. Instead it restores the floating-point state from the
 * signal frame (the host has reset it for the handler) and leaves by iret, in ring
 * 3, which sets instruction pointer, flags and stack at once and touches no guest
 * stack.
 */

#include <vmm/offsets.inc>

/* struct ucontext: the general registers begin at byte 40 (asm/sigcontext.h) */
#define UC_REGS	   40
#define R8_AT	   0
#define R9_AT	   8
#define R10_AT	   16
#define R11_AT	   24
#define R12_AT	   32
#define R13_AT	   40
#define R14_AT	   48
#define R15_AT	   56
#define RDI_AT	   64
#define RSI_AT	   72
#define RBP_AT	   80
#define RBX_AT	   88
#define RDX_AT	   96
#define RAX_AT	   104
#define RCX_AT	   112
#define RSP_AT	   120
#define RIP_AT	   128
#define EFLAGS_AT  136
#define CS_AT	   144
#define SS_AT	   150
#define FPSTATE_AT 184

	.text
/* void signal_entry(int signal, siginfo_t *, struct ucontext *)
 * in: edi, rsi, rdx, on the alternate stack. Does not return.
 */
	.globl	signal_entry
	.type	signal_entry, @function
signal_entry:
	pushfq
	testl	$0x40000, (%rsp)		# AC: the host leaves it as the application had it,
	jz	1f				# and the VMM is not written for that
	andl	$~0x40000, (%rsp)
	popfq
	pushfq
1:	leaq	UC_REGS(%rdx), %rbx
	call	signal_handle			# eax: 1 the guest goes on, 0 the VMM does
	movl	%eax, %r12d
	movq	FPSTATE_AT(%rbx), %rdi
	movl	$-1, %eax
	movl	$-1, %edx
	xrstor64 (%rdi)
	testl	%r12d, %r12d
	jz	signal_return
	leaq	vmm_stack_top(%rip), %rsp
	jmp	vmm_resume

/* The interrupted code goes on: all registers from the frame. */
signal_return:
	movzwl	SS_AT(%rbx), %eax
	pushq	%rax
	pushq	RSP_AT(%rbx)
	pushq	EFLAGS_AT(%rbx)
	movzwl	CS_AT(%rbx), %eax
	pushq	%rax
	pushq	RIP_AT(%rbx)
	movq	R8_AT(%rbx), %r8
	movq	R9_AT(%rbx), %r9
	movq	R10_AT(%rbx), %r10
	movq	R11_AT(%rbx), %r11
	movq	R12_AT(%rbx), %r12
	movq	R13_AT(%rbx), %r13
	movq	R14_AT(%rbx), %r14
	movq	R15_AT(%rbx), %r15
	movq	RDI_AT(%rbx), %rdi
	movq	RSI_AT(%rbx), %rsi
	movq	RBP_AT(%rbx), %rbp
	movq	RDX_AT(%rbx), %rdx
	movq	RAX_AT(%rbx), %rax
	movq	RCX_AT(%rbx), %rcx
	movq	RBX_AT(%rbx), %rbx
	iretq
	.size	signal_entry, . - signal_entry

/* The last step to an application, in the place of vmm/rewrite/templates.S's: if the
 * guest's page-fault handler has just been here, the page is mapped before the
 * application tries again (shadow_prefill), else one comparison more.
 * in: vcpu.iret_frame, all registers but rsp the application's; rsp and flags free.
 * Interrupted in here: signal.c takes it for interrupted at the first instruction.
 */
	.globl	vmm_user_exit, vmm_user_exit_end
	.type	vmm_user_exit, @function
vmm_user_exit:
	cmpb	$0, prefill_wanted(%rip)
	je	vmm_leave
vmm_user_exit_end:

	movb	$1, vcpu + VCPU_IN_VMM(%rip)
	movq	%rax, vcpu + VCPU_GPR + 8 * 0(%rip)
	movq	%rcx, vcpu + VCPU_GPR + 8 * 1(%rip)
	movq	%rdx, vcpu + VCPU_GPR + 8 * 2(%rip)
	movq	%rbx, vcpu + VCPU_GPR + 8 * 3(%rip)
	movq	%rbp, vcpu + VCPU_GPR + 8 * 5(%rip)
	movq	%rsi, vcpu + VCPU_GPR + 8 * 6(%rip)
	movq	%rdi, vcpu + VCPU_GPR + 8 * 7(%rip)
	movq	%r8, vcpu + VCPU_GPR + 8 * 8(%rip)
	movq	%r9, vcpu + VCPU_GPR + 8 * 9(%rip)
	movq	%r10, vcpu + VCPU_GPR + 8 * 10(%rip)
	movq	%r11, vcpu + VCPU_GPR + 8 * 11(%rip)
	movq	%r12, vcpu + VCPU_GPR + 8 * 12(%rip)
	movq	%r13, vcpu + VCPU_GPR + 8 * 13(%rip)
	movq	%r14, vcpu + VCPU_GPR + 8 * 14(%rip)
	movq	%r15, vcpu + VCPU_GPR + 8 * 15(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 0(%rip), %rax
	movq	%rax, vcpu + VCPU_RIP(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 16(%rip), %rax
	movq	%rax, vcpu + VCPU_RFLAGS(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 24(%rip), %rax
	movq	%rax, vcpu + VCPU_GPR + 8 * 4(%rip)
	rdfsbase %rax
	movq	%rax, vcpu + VCPU_FS_BASE(%rip)
	rdgsbase %rax
	movq	%rax, vcpu + VCPU_GS_BASE(%rip)
	leaq	vmm_stack_top(%rip), %rsp
	call	prefill_now
	jmp	vmm_resume
	.size	vmm_user_exit, . - vmm_user_exit

/* The host insists on a restorer; nothing ever returns to it. */
	.globl	signal_restorer
	.type	signal_restorer, @function
signal_restorer:
	hlt
	.size	signal_restorer, . - signal_restorer

	.section .note.GNU-stack, "", @progbits
