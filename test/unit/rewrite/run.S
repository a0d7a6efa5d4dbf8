/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the test and its guest. */
#define GPR(state, number)	state + 8 * number(%rip)
#define RIP(state)		state + 8 * 16(%rip)
#define RFLAGS(state)		state + 8 * 17(%rip)

	.text
/* void guest_enter(void): load `before`, jump to before.rip. The guest leaves by a jump
 * to guest_done, which stores into `after` and returns from here.
 * clobbers: as a C function. TF in before.rflags traps first behind the jump's target.
 */
	.globl	guest_enter
	.type	guest_enter, @function
guest_enter:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, host_rsp(%rip)
	movq	RIP(before), %rax
	movq	%rax, entry_frame(%rip)
	movl	$0x33, entry_frame + 8(%rip)
	movq	RFLAGS(before), %rax
	movq	%rax, entry_frame + 16(%rip)
	movq	GPR(before, 4), %rax
	movq	%rax, entry_frame + 24(%rip)
	movl	$0x2b, entry_frame + 32(%rip)
	movq	GPR(before, 0), %rax
	movq	GPR(before, 1), %rcx
	movq	GPR(before, 2), %rdx
	movq	GPR(before, 3), %rbx
	movq	GPR(before, 5), %rbp
	movq	GPR(before, 6), %rsi
	movq	GPR(before, 7), %rdi
	movq	GPR(before, 8), %r8
	movq	GPR(before, 9), %r9
	movq	GPR(before, 10), %r10
	movq	GPR(before, 11), %r11
	movq	GPR(before, 12), %r12
	movq	GPR(before, 13), %r13
	movq	GPR(before, 14), %r14
	movq	GPR(before, 15), %r15
	leaq	entry_frame(%rip), %rsp
	iretq

	.globl	guest_done
guest_done:
	movq	%rsp, GPR(after, 4)
	leaq	host_stack_end(%rip), %rsp
	pushfq
	popq	RFLAGS(after)
	movq	%rax, GPR(after, 0)
	movq	%rcx, GPR(after, 1)
	movq	%rdx, GPR(after, 2)
	movq	%rbx, GPR(after, 3)
	movq	%rbp, GPR(after, 5)
	movq	%rsi, GPR(after, 6)
	movq	%rdi, GPR(after, 7)
	movq	%r8, GPR(after, 8)
	movq	%r9, GPR(after, 9)
	movq	%r10, GPR(after, 10)
	movq	%r11, GPR(after, 11)
	movq	%r12, GPR(after, 12)
	movq	%r13, GPR(after, 13)
	movq	%r14, GPR(after, 14)
	movq	%r15, GPR(after, 15)
	movq	host_rsp(%rip), %rsp
	pushq	$2				# no TF, DF, AC
	popfq
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.size	guest_enter, . - guest_enter

	.bss
	.balign	16
host_rsp:
	.skip	8
entry_frame:
	.skip	40
	.skip	64
host_stack_end:
	.skip	8
	.balign	4096
	.skip	262144
	.globl	vmm_stack_top
vmm_stack_top:
	.skip	16

	.section .note.GNU-stack, "", @progbits
