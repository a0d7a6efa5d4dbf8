/* SPDX-License-Identifier: BSD-2-Clause */
/*@210 First instruction in a Xen domain
 *
 * Xen (dom0) or its tools (other domains) read the notes, load the image, map it and what
 * they made besides (start_info, first page tables, a stack) at LAYOUT_BASE, and
 * begin here in 64-bit mode, ring 3, with events masked (public/xen.h, "Start-of-day memory layout").
 */
#include "backends/xen/layout.h"
#include <vmm/offsets.inc>

/* public/elfnote.h */
	.macro	note_string type, text
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	.asciz	"\text"
2:	.balign	4
	.endm

	.macro	note_quad type, value
	.long	4, 8, \type
	.asciz	"Xen"
	.quad	\value
	.endm

	.section .note.Xen, "a", @note
	note_string 6, "afterburn"			# GUEST_OS
	note_string 7, "0.1"				# GUEST_VERSION
	note_string 8, "generic"			# LOADER
	note_string 5, "xen-3.0"			# XEN_VERSION
	note_quad 3, LAYOUT_BASE			# VIRT_BASE
	note_quad 4, 0					# PADDR_OFFSET
	note_quad 1, start				# ENTRY
	note_string 10, "!writable_page_tables|pae_pgdir_above_4gb"	# FEATURES
	note_string 9, "yes"				# PAE_MODE

	.text
	.globl	start
	.type	start, @function
/* in: rsi = struct start_info, rsp = the end of Xen's boot memory; DF is clear */
start:
	movq	%rsi, %rdi
	movq	%rsp, %rsi
	leaq	vmm_stack_top(%rip), %rsp
	xorl	%ebp, %ebp
	call	start_c				# void start_c(struct start_info *, mword boot_end)
	ud2
	.size	start, . - start

/* void resume_guest(void): forget this stack, leave for the guest. */
	.globl	resume_guest
	.type	resume_guest, @function
resume_guest:
	leaq	vmm_stack_top(%rip), %rsp
	jmp	vmm_resume
	.size	resume_guest, . - resume_guest

	.bss
	.balign	4096
	.skip	65536
	.globl	vmm_stack_top
vmm_stack_top:
	.skip	64

	.section .note.GNU-stack, "", @progbits
