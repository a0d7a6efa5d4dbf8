/* SPDX-License-Identifier: BSD-2-Clause */
/*@221 To an application
 *
 * Xen leaves the mode, the address space and the GS base of the guest's kernel at once, and opens
 * events if the frame's flags say so (HYPERVISOR_iret, struct iret_context). Whatever is in
 * the frame, an application it stays.
 *
 * The guest's sysret and iret come here first: what is common takes a third of the instructions
 * of the general stubs, because Xen checks what they check. Interrupted at the first instruction,
 * the guest is put to the general stub's (traps.c); behind it events are masked.
 */
#include "backends/xen/layout.h"
#include <vmm/offsets.inc>

#define VCPU(field)	vcpu + VCPU_##field(%rip)
#define SEGMENT(number)	vcpu + VCPU_SEGMENT + 4 * number(%rip)
#define FRAME(number)	vcpu + VCPU_IRET_FRAME + 8 * (number)(%rip)
#define CS 1
#define SS 2

#define HYPERCALL_IRET 23
#define QUIET	       0x0100		/* vcpu.pending 0, vcpu.masked 1 */
#define FLAG_IF	       0x200

	.text
/* in: as vmm_sysret: rcx = rip, r11 = flags, rsp the application's; scratch[3] */
	.globl	vmm_user_sysret
	.type	vmm_user_sysret, @function
vmm_user_sysret:
	cmpw	$QUIET, VCPU(PENDING)
	jne	vmm_sysret
	cmpb	$0, exit_work(%rip)
	jne	vmm_sysret
	cmpb	$0, syscall_plain(%rip)
	je	vmm_sysret
	movq	%rax, FRAME(-4)
	movq	%rcx, %rax
	shrq	$47, %rax
	jnz	1f				# not canonical: #GP in the guest's kernel
	movq	%rsp, FRAME(3)
	movq	%r11, FRAME(2)
	movq	%rcx, FRAME(0)
	jmp	leave
1:	movq	FRAME(-4), %rax
	jmp	vmm_sysret
	.size	vmm_user_sysret, . - vmm_user_sysret

/* in: as vmm_iret: rsp = rip, cs, rflags, rsp, ss of the guest; scratch[3] */
	.globl	vmm_user_iret
	.type	vmm_user_iret, @function
vmm_user_iret:
	cmpw	$QUIET, VCPU(PENDING)
	jne	vmm_iret
	cmpb	$0, syscall_plain(%rip)
	je	vmm_iret
	movq	%rax, FRAME(-4)
	movl	8(%rsp), %eax
	cmpl	user_cs(%rip), %eax
	jne	1f
	movl	32(%rsp), %eax
	cmpl	user_ss(%rip), %eax
	jne	1f
	movl	16(%rsp), %eax
	testl	$FLAG_IF, %eax
	jz	1f
	movq	%rax, FRAME(2)
	movq	(%rsp), %rax
	movq	%rax, FRAME(0)
	shrq	$47, %rax
	jnz	1f				# not canonical: #GP in the guest's kernel
	movq	24(%rsp), %rax
	movq	%rax, FRAME(3)
	cmpb	$0, exit_work(%rip)
	jne	2f
	jmp	leave
1:	movq	FRAME(-4), %rax
	jmp	vmm_iret
2:	movq	FRAME(-4), %rax
	movb	$3, VCPU(CPL)
	movl	user_cs(%rip), %esp
	movl	%esp, SEGMENT(CS)
	movl	user_ss(%rip), %esp
	movl	%esp, SEGMENT(SS)
	jmp	exit_slow
	.size	vmm_user_iret, . - vmm_user_iret

/* in: iret_frame but for its selectors, rax in FRAME(-4); events are masked */
leave:
	movb	$3, VCPU(CPL)
	movl	user_cs(%rip), %esp		# nothing comes that would need a stack
	movl	%esp, SEGMENT(CS)
	movl	user_ss(%rip), %esp
	movl	%esp, SEGMENT(SS)
	movq	%r11, FRAME(-3)			# struct iret_context
	movq	%rcx, FRAME(-2)
	movq	$0, FRAME(-1)
	movq	$LAYOUT_CS, FRAME(1)
	movq	$LAYOUT_SS, FRAME(4)
	leaq	FRAME(-4), %rsp
	movl	$HYPERCALL_IRET, %eax
	incq	hypercall_counts + 8 * HYPERCALL_IRET(%rip)
	syscall
	ud2

/* The last step to an application, in the place of vmm/rewrite/templates.S's: Xen leaves the
 * mode, the address space and the GS base of the guest's kernel at once, and opens
 * events if the frame's flags say so.
 * in: vcpu.iret_frame, all registers but rsp the application's; rsp and flags free.
 */
	.globl	vmm_user_exit
	.type	vmm_user_exit, @function
vmm_user_exit:
	movb	$1, VCPU(MASKED)		# an event now would find half of both
	cmpb	$0, exit_work(%rip)
	jne	exit_slow
	movq	%rax, FRAME(-4)			# struct iret_context
	movq	%r11, FRAME(-3)
	movq	%rcx, FRAME(-2)
	movq	$0, FRAME(-1)
	leaq	FRAME(-4), %rsp
	movl	$HYPERCALL_IRET, %eax
	incq	hypercall_counts + 8 * HYPERCALL_IRET(%rip)
	syscall
	ud2
	.size	vmm_user_exit, . - vmm_user_exit

/* There is work that was put off until an application runs. Events are masked. */
	.type	exit_slow, @function
exit_slow:
	leaq	vmm_stack_top(%rip), %rsp
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	call	exit_work_now			# void exit_work_now(void): exit_work is 0 then
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	jmp	vmm_user_exit
	.size	exit_slow, . - exit_slow

	.section .note.GNU-stack, "", @progbits
