/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest thing that takes a payload: a para-virtual domain that looks whether one
 * begins on the first page behind it and whether the kernel's ELF header is where the
 * payload says, prints a line, and ends: power-off if so, else a crash. Images made of it
 * are for tests of `afterburn image` and of what starts domains.
 */
/* Numbers of Xen's public headers, xen.h, sched.h and elfnote.h */
#define HYPERVISOR_console_io 18
#define CONSOLEIO_write	      0
#define HYPERVISOR_sched_op   29
#define SCHEDOP_shutdown      2
#define SHUTDOWN_poweroff     0
#define SHUTDOWN_crash	      3
#define NOTE_ENTRY	      1
#define NOTE_VIRT_BASE	      3
#define NOTE_PADDR_OFFSET     4
#define NOTE_XEN_VERSION      5
#define NOTE_GUEST_OS	      6
#define NOTE_LOADER	      8

	.section .text, "ax"
	.code64
	.globl	_start
_start:	/* in: %rsi = start_info; a stack; no return */
	leaq	payload(%rip), %rbx
	movabsq	$0x474d494e45584241, %rax	# "ABXENIMG"
	cmpq	%rax, (%rbx)
	jne	none
	movq	16(%rbx), %rcx			# kernel_offset
	cmpl	$0x464c457f, (%rbx,%rcx)	# "\x7fELF"
	jne	none
	leaq	found_text(%rip), %rdx
	movl	$found_length, %esi
	movl	$SHUTDOWN_poweroff, %ebx
	jmp	end
none:	leaq	none_text(%rip), %rdx
	movl	$none_length, %esi
	movl	$SHUTDOWN_crash, %ebx
end:	movl	$HYPERVISOR_console_io, %eax	# %rsi bytes at %rdx
	movl	$CONSOLEIO_write, %edi
	syscall
	movl	%ebx, reason(%rip)
	movl	$HYPERVISOR_sched_op, %eax
	movl	$SCHEDOP_shutdown, %edi
	leaq	reason(%rip), %rsi
	syscall
	ud2

found_text:
	.ascii	"fixture: payload found\n"
	.set	found_length, . - found_text
none_text:
	.ascii	"fixture: no payload\n"
	.set	none_length, . - none_text

	.section .data, "aw"
	.balign	4
reason:	.long	0

	/* Xen's notes: name and number, then what they say */
	.macro	xen_note type, directive, value:vararg
	.balign	4
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\directive \value
2:	.balign	4
	.endm

	.section .note.Xen, "a", @note
	xen_note NOTE_GUEST_OS, .asciz, "fixture"
	xen_note NOTE_LOADER, .asciz, "generic"
	xen_note NOTE_XEN_VERSION, .asciz, "xen-3.0"
	xen_note NOTE_VIRT_BASE, .quad, 0xffffffff80000000
	xen_note NOTE_PADDR_OFFSET, .quad, 0
	xen_note NOTE_ENTRY, .quad, _start
	.section .note.GNU-stack, "", @progbits
