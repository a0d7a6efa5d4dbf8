/* SPDX-License-Identifier: BSD-2-Clause */
/* void run(void *function, struct registers *r): call with these registers and flags,
 * then store them. Offsets are struct registers' (kernel.h). Not reentrant. */
	.text
	.globl run
	.type run, @function
run:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rdi, function(%rip)
	mov %rsi, registers(%rip)
	pushq 128(%rsi)
	popfq
	mov 0(%rsi), %rax
	mov 8(%rsi), %rcx
	mov 16(%rsi), %rdx
	mov 24(%rsi), %rbx
	mov 40(%rsi), %rbp
	mov 56(%rsi), %rdi
	mov 64(%rsi), %r8
	mov 72(%rsi), %r9
	mov 80(%rsi), %r10
	mov 88(%rsi), %r11
	mov 96(%rsi), %r12
	mov 104(%rsi), %r13
	mov 112(%rsi), %r14
	mov 120(%rsi), %r15
	mov 48(%rsi), %rsi
	call *function(%rip)
	pushfq
	push %rsi
	mov registers(%rip), %rsi
	mov %rax, 0(%rsi)
	mov %rcx, 8(%rsi)
	mov %rdx, 16(%rsi)
	mov %rbx, 24(%rsi)
	mov %rbp, 40(%rsi)
	pop 48(%rsi)
	mov %rdi, 56(%rsi)
	mov %r8, 64(%rsi)
	mov %r9, 72(%rsi)
	mov %r10, 80(%rsi)
	mov %r11, 88(%rsi)
	mov %r12, 96(%rsi)
	mov %r13, 104(%rsi)
	mov %r14, 112(%rsi)
	mov %r15, 120(%rsi)
	pop 128(%rsi)
	cld
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.bss
	.balign 8
function:  .skip 8
registers: .skip 8
	.section .note.GNU-stack, "", @progbits
