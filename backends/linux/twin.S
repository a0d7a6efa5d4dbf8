/* SPDX-License-Identifier: BSD-2-Clause */
/* All code of ours in a process that runs applications. twin.c explains.
 *
 * Applications can jump to any of these instructions, with any registers. What they
 * reach so is what they could do anyway, but for `syscall`: at twin_report_site they
 * can report what they like, and at twin_memory_site the host looks for the key, which is in
 * registers only, from the answer to a report until the application's registers
 * take its place, and only if there is something to map. No stack is used: it
 * would keep things.
 */
#include "backends/linux/keys.h"
#include "backends/linux/twin.h"
#include <asm/unistd.h>

#define COMMAND(at) LAYOUT_TWIN_AREA + (at) - LAYOUT_TWIN + twin_text(%rip)

#define VMM_BYTES (LAYOUT_VMM_END - LAYOUT_VMM)

	.section .twin, "ax", @progbits
twin_text:

/* From the VMM's code, of which nothing else is left but this page. */
	.type	twin_start, @function
twin_start:
	movl	$__NR_munmap, %eax
	movabsq	$LAYOUT_VMM, %rdi
	movl	$VMM_BYTES, %esi
	syscall
twin_unmap_site:
	jmp	report_done
	.size	twin_start, . - twin_start

/* void twin_handler(int signal, siginfo_t *, struct ucontext *), of all signals. Does
 * not return: the answer says how to go on. */
	.type	twin_handler, @function
twin_handler:
	rdfsbase %r10
	rdgsbase %r8
report:
	movl	$TWIN_REPORT, %eax
	syscall
twin_report_site:
	movq	%rax, %r15			# the key
	leaq	COMMAND(TWIN_OPS), %rbx
	movl	COMMAND(TWIN_COUNT), %ebp
	xorl	%r14d, %r14d
next:
	cmpl	%ebp, %r14d
	jae	go
	movl	OP_NR(%rbx), %eax
	movq	OP_ADDRESS(%rbx), %rdi
	movq	OP_LENGTH(%rbx), %rsi
	movq	OP_RIGHTS(%rbx), %rdx
	movq	%r15, %r10
	cmpl	$__NR_mmap, %eax
	jne	1f
	shrq	$32, %r10			# mmap has six arguments: the key
	shlq	$32, %r10			# is in the upper halves of two that
	orq	OP_FLAGS(%rbx), %r10		# the host takes for 32 bits wide
	movq	%r15, %r8
	shlq	$32, %r8
	movl	OP_FILE(%rbx), %r9d
	orq	%r9, %r8
	movq	OP_OFFSET(%rbx), %r9
1:	syscall
twin_memory_site:
	testq	%rax, %rax
	js	report_failed
	addq	$OP_BYTES, %rbx
	incl	%r14d
	jmp	next
report_failed:
	xorl	%edi, %edi
	movq	%rax, %rsi
	movl	%r14d, %edx
	jmp	report
go:
	cmpl	$0, COMMAND(TWIN_RUN)
	jne	run
report_done:
	xorl	%edi, %edi
	xorl	%esi, %esi
	jmp	report
run:
	movq	COMMAND(TWIN_FS), %rax
	wrfsbase %rax
	movq	COMMAND(TWIN_GS), %rax
	wrgsbase %rax
	movl	$~XSTATE_PKRU, %eax
	movl	$-1, %edx
	xrstor64 COMMAND(TWIN_FPU)
	testl	$XSTATE_PKRU, %eax
	jnz	refuse				# test/closure: of all in the program
	movq	COMMAND(TWIN_GPR + 8 * 0), %rax
	movq	COMMAND(TWIN_GPR + 8 * 1), %rcx
	movq	COMMAND(TWIN_GPR + 8 * 2), %rdx
	movq	COMMAND(TWIN_GPR + 8 * 3), %rbx
	movq	COMMAND(TWIN_GPR + 8 * 5), %rbp
	movq	COMMAND(TWIN_GPR + 8 * 6), %rsi
	movq	COMMAND(TWIN_GPR + 8 * 7), %rdi
	movq	COMMAND(TWIN_GPR + 8 * 8), %r8
	movq	COMMAND(TWIN_GPR + 8 * 9), %r9
	movq	COMMAND(TWIN_GPR + 8 * 10), %r10
	movq	COMMAND(TWIN_GPR + 8 * 11), %r11
	movq	COMMAND(TWIN_GPR + 8 * 12), %r12
	movq	COMMAND(TWIN_GPR + 8 * 13), %r13
	movq	COMMAND(TWIN_GPR + 8 * 14), %r14
	movq	COMMAND(TWIN_GPR + 8 * 15), %r15
	leaq	COMMAND(TWIN_FLAGS), %rsp
	popfq					# NT, if an application left it, would be
	iretq					# a fault of this one
refuse:
	hlt
	.size	twin_handler, . - twin_handler

	.section .data.rel.ro, "aw", @progbits
	.globl	twin_code
	.balign	8
twin_code:
	.quad	twin_start, twin_handler
	.quad	twin_report_site, twin_memory_site, twin_unmap_site

	.section .note.GNU-stack, "", @progbits
