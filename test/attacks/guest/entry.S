/* SPDX-License-Identifier: BSD-2-Clause */
/* The instructions that attacks are made of. */

/* uint64_t NAME(uint8_t buffer[64]): a loop, flags, the stack, a repeated instruction, a
 * system call; what comes out depends on what the trap flag would change. */
	.macro exercise name
	.globl	\name
\name:
	pushq	%rbx
	movq	%rdi, %rbx
	xorl	%eax, %eax
	movl	$50, %ecx
1:	addl	%ecx, %eax
	pushfq
	popq	%rdx
	xorq	%rdx, %rax
	rolq	$3, %rax
	decl	%ecx
	jnz	1b
	movq	%rax, (%rbx)
	leaq	8(%rbx), %rdi
	movq	%rbx, %rsi
	movl	$40, %ecx
	rep movsb
	movl	$39, %eax		# getpid
	syscall
	pushq	%r11			# flags, as system calls keep them
	addq	(%rsp), %rax
	stc
	pushfq
	popfq
	adcq	(%rbx), %rax
	leaq	8(%rsp), %rsp
	popq	%rbx
	ret
	.endm

	.text
	.balign	4096
	exercise exercise_there
	.balign	4096
	exercise exercise_here
/* int neighbour(int): innocent code beside the gadgets has to work. */
	.globl	neighbour
neighbour:
	leal	1(%rdi), %eax
	ret

/* The gadget in a program: all keys open. Returns PKRU, which the next signal of the
 * host's may put right. */
	.globl	gadget_text, gadget_code, gadget_code_end
gadget_text:
gadget_code:
	xorl	%eax, %eax
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	.byte	0x0f, 0x01, 0xef	# wrpkru
	.byte	0x0f, 0x01, 0xee	# rdpkru
	ret
gadget_code_end:

/* The same by xrstor: a header of zeros is the initial state, all keys open. */
	.globl	restore_text, restore_code, restore_code_end
restore_text:
restore_code:
	movl	$0x200, %eax
	xorl	%edx, %edx
	.byte	0x0f, 0xae, 0x2f	# xrstor (%rdi)
	xorl	%ecx, %ecx
	.byte	0x0f, 0x01, 0xee	# rdpkru
	ret
restore_code_end:

	.balign	4096
/* An instruction that nobody would suspect, entered at its third byte. */
	.globl	gadget_immediate
gadget_immediate:
	xorl	%eax, %eax
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	jmp	1f + 2
1:	movabsq	$0x90c3ee010fef010f, %rax	# 48 b8 | 0f 01 ef 0f 01 ee c3 90
	ret
	.balign	4096

/* long load_and_call(at): what is there, loaded directly in front of a system call, by a long
 * instruction: the jump in its place has prefixes. 0f ae stands in front of them. */
	.globl	load_and_call, load_tail, load_site
load_and_call:
	.fill	64, 1, 0x90		# code to fall into step with
	movl	$39, %eax		# getpid
	.byte	0xb9, 0, 0		# movl $0xae0f0000, %ecx
load_tail:
	.byte	0x0f, 0xae
load_site:
	.byte	0x48, 0x8b, 0xbf	# movq 0(%rdi), %rdi
	.long	0
	syscall
	movq	%rdi, %rax
	ret

/* long NAME(descriptor): read(), as glibc has it. The displacement in the comparison becomes
 * less by 6 in a trampoline. Whoever comes to the jump with ZF has its rights told. */
	.macro	comparison name, site, displacement
	.balign	4096
	.globl	\name, \site
\name:
	.fill	64, 1, 0x90
\site:
	.byte	0x80, 0x3d		# cmpb $0x90, displacement(%rip)
	.long	\displacement
	.byte	0x90
	je	1f
	xorl	%eax, %eax
	syscall
	ret
1:	xorl	%ecx, %ecx
	.byte	0x0f, 0x01, 0xee	# rdpkru
	ret
	.endm

	comparison compare_and_call, compare_site, 0x40ef0115
	comparison harmless_and_call, harmless_site, 0x40ed0115
	.balign	4096

/* uint32_t zero_and_call(at) */
	.globl	zero_and_call
zero_and_call:
	xorl	%eax, %eax
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	jmp	*%rdi

/* void jump(at, rax, rdi, rsi, rdx) */
	.globl	jump
jump:
	movq	%rdi, %r11
	movq	%rsi, %rax
	movq	%rdx, %rdi
	movq	%rcx, %rsi
	movq	%r8, %rdx
	xorl	%ecx, %ecx
	leaq	verdict(%rip), %rbx
	movq	%rbx, %rbp
	movq	%rbx, %r8
	movq	%rbx, %r9
	movq	%rbx, %r10
	movq	%rbx, %r12
	movq	%rbx, %r13
	movq	%rbx, %r14
	movq	%rbx, %r15
	leaq	landing_stack + 4096(%rip), %rsp
	movl	$512, %ecx
2:	movq	%rbx, (%rsp, %rcx, 8)
	decl	%ecx
	jns	2b
	movq	jump_opens(%rip), %rcx	# nothing may fault behind this
	testq	%rcx, %rcx
	jz	3f
	movb	$0, (%rcx)
3:	movl	$0, %ecx
	jmp	*%r11

/* void pivot(rsp, what) */
	.globl	pivot
pivot:
	pushq	%rbx
	pushq	%rbp
	movq	%rsp, kept_stack(%rip)
	movq	%rdi, %rsp
	cmpl	$1, %esi
	je	1f
	cmpl	$2, %esi
	je	2f
	cmpl	$3, %esi
	je	3f
	movl	$1, %ebx
	cmpl	$4, %esi
	jne	6f
	movl	$100000, %ebx		# under timers
6:	movl	$110, %eax		# getppid
	syscall
	decl	%ebx
	jnz	6b
	jmp	4f
1:	ud2
2:	pushq	%rax
	jmp	4f
3:	movl	$100000000, %ecx	# until a timer's signal
5:	pause
	decl	%ecx
	jnz	5b
4:	movq	kept_stack(%rip), %rsp
	popq	%rbp
	popq	%rbx
	ret

	.bss
	.balign	4096
	.globl	jump_opens
jump_opens:
	.skip	8
kept_stack:
	.skip	8
	.balign	4096
landing_stack:
	.skip	16384
	.section .note.GNU-stack, "", @progbits
