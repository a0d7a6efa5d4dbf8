/* SPDX-License-Identifier: BSD-2-Clause */
/* What gcc calls by itself: the C library's four, by the string instructions (no
 * vector registers here, and rep movsb is fast on all processors with FSGSBASE).
 */
	.text
/* void *memcpy(void *rdi, const void *rsi, size_t rdx); clobbers rcx, rsi, rdi */
	.globl	memcpy
	.type	memcpy, @function
memcpy:
	movq	%rdi, %rax
	movq	%rdx, %rcx
	rep movsb
	ret
	.size	memcpy, . - memcpy

/* void *memmove(void *rdi, const void *rsi, size_t rdx) */
	.globl	memmove
	.type	memmove, @function
memmove:
	movq	%rdi, %rax
	movq	%rdx, %rcx
	movq	%rdi, %r8
	subq	%rsi, %r8
	cmpq	%rdx, %r8			# to - from < length: overlaps, go backwards
	jb	1f
	rep movsb
	ret
1:	leaq	-1(%rdi,%rdx), %rdi
	leaq	-1(%rsi,%rdx), %rsi
	std
	rep movsb
	cld
	ret
	.size	memmove, . - memmove

/* void *memset(void *rdi, int esi, size_t rdx) */
	.globl	memset
	.type	memset, @function
memset:
	movq	%rdi, %r8
	movl	%esi, %eax
	movq	%rdx, %rcx
	rep stosb
	movq	%r8, %rax
	ret
	.size	memset, . - memset

/* int memcmp(const void *rdi, const void *rsi, size_t rdx) */
	.globl	memcmp
	.type	memcmp, @function
memcmp:
	xorl	%eax, %eax
	movq	%rdx, %rcx
	cmpq	%rcx, %rcx			# equal, if there is nothing to compare
	repe cmpsb
	je	1f
	movzbl	-1(%rdi), %eax
	movzbl	-1(%rsi), %edx
	subl	%edx, %eax
1:	ret
	.size	memcmp, . - memcmp

	.section .note.GNU-stack, "", @progbits
