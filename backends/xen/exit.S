/* SPDX-License-Identifier: BSD-2-Clause */
/*@221 To an application
 *
 * Xen leaves the mode, the address space and the GS base of the guest's kernel at once, and opens
 * events if the frame's flags say so (HYPERVISOR_iret, struct iret_context). Whatever is in
 * the frame, an application it stays.
 *
 * The guest's sysret and iret come here first: what is common takes a third of the instructions
 * of the general stubs, because Xen checks what they check. Interrupted in front of `..._quiet'
 * the guest is put to the general stub's first instruction (traps.c); behind it events are masked.
 */
#include "backends/xen/layout.h"
#include "backends/xen/traps.h"
#include <vmm/offsets.inc>

#define VCPU(field)	vcpu + VCPU_##field(%rip)
#define SEGMENTS	vcpu + VCPU_SEGMENT + 4(%rip) /* cs, and ss */
#define FRAME(number)	vcpu + VCPU_IRET_FRAME + 8 * (number)(%rip)
#define LEAVE(word)	leave_frame + 8 * (word)(%rip)

#define HYPERCALL_IRET 23
#define FLAG_IF	       0x200

/* The first four bytes of vcpu, together: pending 0, masked 1, exit_work, syscall_odd 0. */
#define QUIET	    0x00000100
#define QUIET_WORK  0x00010100

/* Words of struct iret_context. */
#define RAX    0
#define R11    1
#define RCX    2
#define RIP    4
#define RFLAGS 6
#define RSP    7

	.data
	.balign	8
leave_frame:
	.quad	0, 0, 0, 0, 0, LAYOUT_CS, 0, 0, LAYOUT_SS

	.text
/* in: as vmm_sysret: rcx = rip, r11 = flags, rsp the application's; scratch[3] */
	.globl	vmm_user_sysret
	.type	vmm_user_sysret, @function
vmm_user_sysret:
	cmpl	$QUIET, VCPU(PENDING)
	jne	vmm_sysret
	.globl	user_sysret_quiet
user_sysret_quiet:
	movq	%rax, LEAVE(RAX)
	movq	%rcx, %rax
	shrq	$47, %rax
	jnz	1f				# not canonical: #GP in the guest's kernel
	movq	%rsp, LEAVE(RSP)
	movq	%r11, LEAVE(RFLAGS)
	movq	%rcx, LEAVE(RIP)
leave:						# events are masked; rax is saved
	movb	$3, VCPU(CPL)
	movq	user_segments(%rip), %rsp	# nothing comes that would need a stack
	movq	%rsp, SEGMENTS
	movq	%r11, LEAVE(R11)
	movq	%rcx, LEAVE(RCX)
	leaq	leave_frame(%rip), %rsp
	movl	$HYPERCALL_IRET, %eax
	incq	hypercall_counts + 8 * HYPERCALL_IRET(%rip)
	syscall
	ud2
1:	movq	LEAVE(RAX), %rax
	jmp	vmm_sysret
	.size	vmm_user_sysret, . - vmm_user_sysret

/* What was put off until an application runs: exit_work is 0 then. Events are masked.
 * out: rsp is lost
 */
	.macro	do_exit_work
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
	call	exit_work_now			# void exit_work_now(void)
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	.endm

/* in: as vmm_iret: rsp = rip, cs, rflags, rsp, ss of the guest; scratch[3] */
	.globl	vmm_user_iret
	.type	vmm_user_iret, @function
vmm_user_iret:
	cmpl	$QUIET, VCPU(PENDING)
	je	1f
	cmpl	$QUIET_WORK, VCPU(PENDING)
	jne	vmm_iret
	.globl	user_iret_quiet
user_iret_quiet:
1:	movq	%rax, LEAVE(RAX)
	movl	8(%rsp), %eax
	cmpl	user_segments(%rip), %eax
	jne	2f
	movl	32(%rsp), %eax
	cmpl	4 + user_segments(%rip), %eax
	jne	2f
	movl	16(%rsp), %eax
	testl	$FLAG_IF, %eax
	jz	2f
	movq	%rax, LEAVE(RFLAGS)
	movq	(%rsp), %rax
	movq	%rax, LEAVE(RIP)
	shrq	$47, %rax
	jnz	2f				# not canonical: #GP in the guest's kernel
	movq	24(%rsp), %rax
	movq	%rax, LEAVE(RSP)
	cmpb	$0, VCPU(EXIT_WORK)
	je	leave
	do_exit_work
	jmp	leave
2:	movq	LEAVE(RAX), %rax
	jmp	vmm_iret
	.size	vmm_user_iret, . - vmm_user_iret

/* The last step to an application, in the place of vmm/rewrite/templates.S's.
 * in: vcpu.iret_frame, all registers but rsp the application's; rsp and flags free.
 */
	.globl	vmm_user_exit
	.type	vmm_user_exit, @function
vmm_user_exit:
	movb	$1, VCPU(MASKED)		# an event now would find half of both
	cmpb	$0, VCPU(EXIT_WORK)
	je	1f
	do_exit_work
1:	movq	%rax, FRAME(-4)			# struct iret_context
	movq	%r11, FRAME(-3)
	movq	%rcx, FRAME(-2)
	movq	$0, FRAME(-1)
	leaq	FRAME(-4), %rsp
	movl	$HYPERCALL_IRET, %eax
	incq	hypercall_counts + 8 * HYPERCALL_IRET(%rip)
	syscall
	ud2
	.size	vmm_user_exit, . - vmm_user_exit

	.section .note.GNU-stack, "", @progbits
