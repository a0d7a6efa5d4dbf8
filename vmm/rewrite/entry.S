/* SPDX-License-Identifier: BSD-2-Clause */
/*@053 In and out of the VMM
 *
 * The general way: all of the guest's registers into vcpu.regs, C on the VMM's own
 * stack, and back through vcpu.iret_frame (vmm_leave in templates.S), which touches no
 * guest stack. A site that called and goes on behind its call is returned to by `ret`:
 * else the processor's stack of return addresses would hold one too many, and each of
 * the guest's next returns be predicted wrong (18 ns a call at least).
 *
 * vcpu.in_vmm says who owns vcpu.regs. It is set by the first instruction on the way
 * in, before anything of the guest's is lost: a back-end that interrupts at the entry
 * itself rolls back to the site (restart.c), one that interrupts later finds in_vmm
 * and only marks vcpu.pending. The guest's stack is never written here: the VMM could
 * not take a page fault while it owns the registers.
 */
#include <vmm/offsets.inc>

#define VCPU(field)	vcpu + VCPU_##field(%rip)
#define GPR(number)	vcpu + VCPU_GPR + 8 * number(%rip)
#define FRAME(number)	vcpu + VCPU_IRET_FRAME + 8 * number(%rip)

#define FLAG_IF		0x200
/* CF PF AF ZF SF TF DF OF ID: what a guest kernel's flags really are. AC and NT are
 * not among them: at the hardware's ring 3 AC would make the kernel's own unaligned
 * accesses fault, and NT the next iret. IF is always on, IOPL always 0. RF is for
 * hardware breakpoints, which do not trap (emulate_mov_to_dr), and only iretq could load
 * it: 0.1 us for each fault, whose saved flags have it. */
#define FLAGS_KERNEL	0x200dd5
/* ... and with AC and NT, what an application's are. */
#define FLAGS_USER	0x244dd5
/* TF DF NT AC: not in C; ID: not where vmm_leave loads the flags. */
#define FLAGS_NOT_IN_C	0x244500

	.text

/* Every general register but rsp. clobbers nothing, flags kept. */
	.macro save_registers
	movq	%rax, GPR(0)
	movq	%rcx, GPR(1)
	movq	%rdx, GPR(2)
	movq	%rbx, GPR(3)
	movq	%rbp, GPR(5)
	movq	%rsi, GPR(6)
	movq	%rdi, GPR(7)
	movq	%r8, GPR(8)
	movq	%r9, GPR(9)
	movq	%r10, GPR(10)
	movq	%r11, GPR(11)
	movq	%r12, GPR(12)
	movq	%r13, GPR(13)
	movq	%r14, GPR(14)
	movq	%r15, GPR(15)
	.endm

/* in: [rsp] = address behind the site, below it the guest's stack
 * out: goes on at vmm_resume; clobbers nothing of the guest's
 */
	.globl	vmm_site_entry
	.type	vmm_site_entry, @function
vmm_site_entry:
	movb	$1, VCPU(IN_VMM)
	save_registers
	movq	(%rsp), %rdi
	leaq	8(%rsp), %r12			# the call's push undone
	movq	%r12, GPR(4)
	movq	%rdi, %rbx
	jmp	enter
	.size	vmm_site_entry, . - vmm_site_entry

/* in: vcpu.scratch[3] = address behind the site; rsp is not to be used
 * out: goes on at vmm_resume; clobbers nothing of the guest's
 */
	.globl	vmm_jump_entry
	.type	vmm_jump_entry, @function
vmm_jump_entry:
	movb	$1, VCPU(IN_VMM)
	save_registers
	movq	vcpu + VCPU_SCRATCH + 24(%rip), %rdi
	movq	%rsp, GPR(4)
	movl	$0, %ebx			# xor would change flags
	/* fall through */

/* in: rdi = address behind the site, flags of the guest, registers saved;
 * rbx = the same and r12 = the guest's rsp if the site called, else rbx = 0
 */
enter:
	movq	vmm_stack(%rip), %rsp
	pushfq
	popq	%rax
	orl	$FLAG_IF, %eax
	movzbl	VCPU(MASKED), %ecx
	shll	$9, %ecx			# to FLAG_IF
	xorl	%ecx, %eax
	movq	%rax, VCPU(RFLAGS)
	testl	$FLAGS_NOT_IN_C, %eax
	jz	1f
	pushq	$2				# popfq costs 9 ns
	popfq
1:	cmpb	$0, backend_keeps_bases(%rip)
	jne	3f
	rdfsbase %rax
	movq	%rax, VCPU(FS_BASE)
	rdgsbase %rax
	movq	%rax, VCPU(GS_BASE)
2:	call	vmm_site
	jmp	resume
3:	movq	%rdi, %rbp
	call	vmm_settle_bases
	movq	%rbp, %rdi
	jmp	2b
	.size	vmm_jump_entry, . - vmm_jump_entry

/* in: vcpu, on any stack, with any flags
 * out: the guest, at vcpu.regs
 *
 * From vmm_resume_commit on, interrupted means started over: guest registers are
 * still in vcpu.regs, and nothing here changes them. If that were missed, an
 * interrupt that came behind the look at vcpu.pending would wait for the guest's
 * next visit to the VMM.
 */
	.globl	vmm_resume, vmm_resume_commit, vmm_resume_end
	.type	vmm_resume, @function
vmm_resume:
	movb	$1, VCPU(IN_VMM)
	movq	vmm_stack(%rip), %rsp
	pushq	$2
	popfq
	xorl	%ebx, %ebx			# no call to return from
resume:
	call	vmm_before_resume
	call	backend_before_resume
vmm_resume_commit:
	cmpb	$0, backend_keeps_bases(%rip)
	jne	2f
	movq	VCPU(FS_BASE), %rax		# reading costs 2 ns, writing more
	rdfsbase %rcx
	cmpq	%rax, %rcx
	je	1f
	wrfsbase %rax
1:	movq	VCPU(GS_BASE), %rax
	rdgsbase %rcx
	cmpq	%rax, %rcx
	je	2f
	wrgsbase %rax
2:	movl	$FLAGS_KERNEL, %eax
	movl	$FLAGS_USER, %ecx
	cmpb	$3, VCPU(CPL)
	cmove	%ecx, %eax
	andl	VCPU(RFLAGS), %eax
	orl	$FLAG_IF | 2, %eax
	movq	%rax, FRAME(2)
	movq	VCPU(RIP), %rax
	movq	%rax, FRAME(0)
	movq	VCPU(HOST_CS), %rax
	movq	%rax, FRAME(1)
	movq	GPR(4), %rax
	movq	%rax, FRAME(3)
	movq	VCPU(HOST_SS), %rax
	movq	%rax, FRAME(4)
	movb	$0, VCPU(IN_VMM)
	cmpb	$0, VCPU(PENDING)		# once more: a back-end may have marked
	je	3f				# it while in_vmm kept it from more
	cmpb	$0, VCPU(MASKED)
	jne	3f
	cmpb	$0, VCPU(SHADOW)
	je	vmm_resume
	movq	VCPU(RIP), %rax
	cmpq	%rax, VCPU(SHADOW_RIP)		# of an instruction that is left: it is over
	jne	vmm_resume
3:	xorq	VCPU(RIP), %rbx
	xorq	GPR(4), %r12
	movzbl	VCPU(CPL), %eax
	orq	%r12, %rbx
	orq	%rax, %rbx			# 0: the kernel, behind its call; mov keeps it
	movq	GPR(0), %rax
	movq	GPR(1), %rcx
	movq	GPR(2), %rdx
	movq	GPR(3), %rbx
	movq	GPR(5), %rbp
	movq	GPR(6), %rsi
	movq	GPR(7), %rdi
	movq	GPR(8), %r8
	movq	GPR(9), %r9
	movq	GPR(10), %r10
	movq	GPR(11), %r11
	movq	GPR(12), %r12
	movq	GPR(13), %r13
	movq	GPR(14), %r14
	movq	GPR(15), %r15
	jz	vmm_leave_call
	cmpb	$3, VCPU(CPL)
	je	vmm_user_exit
	jmp	vmm_leave
vmm_resume_end:
	.size	vmm_resume, . - vmm_resume

/* The back-end may have its stack anywhere in the address space. */
	.section .data.rel.ro, "aw", @progbits
	.balign	8
	.globl	vmm_stack
vmm_stack:
	.quad	vmm_stack_top

	.section .note.GNU-stack, "", @progbits
