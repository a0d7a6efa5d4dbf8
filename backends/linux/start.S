/* SPDX-License-Identifier: BSD-2-Clause */
/* First instruction of the VMM program, and the small assembler helpers. */
#include "backends/linux/keys.h"
#include <vmm/offsets.inc>

	.text
	.globl	start
	.type	start, @function
/* in: the stack as execve leaves it. Nothing of it is used but argc's place. */
start:
	leaq	vmm_stack_top(%rip), %rsp
	xorl	%ebp, %ebp
	call	start_c
	hlt
	.size	start, . - start

/* void resume_guest(void): forget this stack, leave for the guest. */
	.globl	resume_guest
	.type	resume_guest, @function
resume_guest:
	leaq	vmm_stack_top(%rip), %rsp
	jmp	vmm_resume
	.size	resume_guest, . - resume_guest

/* void fpu_save(void *area)
 * in: rdi = 64-byte aligned area of XCR0's standard size. clobbers rax, rdx.
 */
	.globl	fpu_save
	.type	fpu_save, @function
fpu_save:
	movl	$-1, %eax
	movl	$-1, %edx
	xsave64	(%rdi)
	ret
	.size	fpu_save, . - fpu_save

/* void fpu_restore(const void *area)
 * in: rdi = area written by xsave. clobbers rax, rdx and the whole FPU.
 */
	.globl	fpu_restore
	.type	fpu_restore, @function
fpu_restore:
	movl	$~XSTATE_PKRU, %eax		# never the rights of protection keys
	movl	$-1, %edx
	xrstor64 (%rdi)
	testl	$XSTATE_PKRU, %eax		# an application may have jumped to it
	jnz	keys_refuse
	ret
	.size	fpu_restore, . - fpu_restore

/* bool backend_load_state(const void *area, uint64_t mask)
 * in: rdi, rsi. out: eax = 1, or 0 if the processor refused (frame.c goes on at
 * load_state_refused then). clobbers rdx and the components in the mask.
 */
	.globl	backend_load_state, load_state, load_state_refused
	.type	backend_load_state, @function
backend_load_state:
	movq	%rsi, %rdx
	shrq	$32, %rdx
	movl	%esi, %eax
	andl	$~XSTATE_PKRU, %eax
load_state:
	xrstor64 (%rdi)
	testl	$XSTATE_PKRU, %eax
	jnz	keys_refuse
	movl	$1, %eax
	ret
load_state_refused:
	xorl	%eax, %eax
	ret
	.size	backend_load_state, . - backend_load_state

	.section .bss.private, "aw", @nobits
	.balign	4096
	.skip	65536
	.globl	vmm_stack_top
vmm_stack_top:
	.skip	4096

	.section .note.GNU-stack, "", @progbits
