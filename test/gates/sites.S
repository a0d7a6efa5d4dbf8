/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls at known places, with everything about them stored. */

/* void NAME_call(uint64_t v[40]): registers from v[0..13], getpid, registers to v[14..].
 * The layout is storm.c's. The red zone is used, as any leaf function may. In front of
 * the system call are `first` and `second`; rcx and eax are 38 before. Instructions that
 * do not bear being done twice, or not at all.
 */
	.macro	storm name, before, first, second
	.balign	64
	.globl	\name\()_call, \name\()_window, \name\()_second, \name\()_syscall, \name\()_next
	.type	\name\()_call, @function
\name\()_call:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rdi, argument(%rip)
	movq	0(%rdi), %rbx
	movq	8(%rdi), %rbp
	movq	16(%rdi), %r12
	movq	24(%rdi), %r13
	movq	32(%rdi), %r14
	movq	40(%rdi), %r15
	movq	48(%rdi), %rsi
	movq	56(%rdi), %rdx
	movq	64(%rdi), %r10
	movq	72(%rdi), %r8
	movq	80(%rdi), %r9
	movq	96(%rdi), %rcx
	movq	104(%rdi), %rax
	cmpq	%rcx, %rax
	pushfq
	popq	112(%rdi)
	movq	%r8, -8(%rsp)
	movq	%r9, -64(%rsp)
	movq	%r10, -128(%rsp)
	movq	%rsp, stack(%rip)
	cmpq	%rcx, %rax
	movl	$38, %ecx
	leal	(%rcx), %eax
	\before
\name\()_window:
	\first
\name\()_second:
	\second
\name\()_syscall:
	syscall
\name\()_next:
	movq	%rdi, rdi(%rip)
	movq	argument(%rip), %rdi
	movq	%rsp, 120(%rdi)
	movq	stack(%rip), %rsp
	movq	%rax, 128(%rdi)
	movq	-8(%rsp), %rax
	movq	%rax, 136(%rdi)
	movq	-64(%rsp), %rax
	movq	%rax, 144(%rdi)
	movq	-128(%rsp), %rax
	movq	%rax, 152(%rdi)
	pushfq
	popq	160(%rdi)
	movq	%rcx, 168(%rdi)
	movq	%r11, 176(%rdi)
	movq	%rbx, 184(%rdi)
	movq	%rbp, 192(%rdi)
	movq	%r12, 200(%rdi)
	movq	%r13, 208(%rdi)
	movq	%r14, 216(%rdi)
	movq	%r15, 224(%rdi)
	movq	%rsi, 232(%rdi)
	movq	%rdx, 240(%rdi)
	movq	%r10, 248(%rdi)
	movq	%r8, 256(%rdi)
	movq	%r9, 264(%rdi)
	movq	rdi(%rip), %rax
	movq	%rax, 272(%rdi)
	movq	stack(%rip), %rax
	movq	%rax, 280(%rdi)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.size	\name\()_call, . - \name\()_call
	.endm

	.text
	storm	storm, "movq 88(%rdi), %rdi", "movl $39, %eax"
	storm	storm2, "movq 88(%rdi), %rdi", "leal 1(%rcx), %ecx", "movl %ecx, %eax"
	# the load waits for memory, and interruptions come behind what waited
	storm	storm3, "clflush 88(%rdi)", "movq 88(%rdi), %rdi", "leal 1(%rax), %eax"

/* long site_direct(long number): straight to the system call of storm_like, number in eax.
 * long site_window(void): from the window, getpid.
 * long *site_rcx: rcx behind the last of them.
 */
	.balign	64
	.globl	site_window, site_start, site_direct, site_syscall, site_next, site_next_but_one, site_rcx
	.type	site_window, @function
	.skip	64, 0x90
site_window:
site_start:
	movl	$39, %eax
site_syscall:
	syscall
site_next:
	movq	%rcx, site_rcx(%rip)
site_next_but_one:
	ret
	.size	site_window, . - site_window
	.type	site_direct, @function
site_direct:
	movl	%edi, %eax
	jmp	site_syscall
	.size	site_direct, . - site_direct

/* long NAME(void): getpid, by two instructions, of 3 and 2 bytes, in front of the call.
 * long NAME_direct(long number): straight to the second of them.
 */
	.macro	pair name
	.balign	64
	.globl	\name, \name\()_start, \name\()_second, \name\()_syscall, \name\()_next
	.globl	\name\()_next_but_one, \name\()_direct
	.type	\name, @function
	.skip	64, 0x90
\name:
	movl	$38, %ecx
\name\()_start:
	leal	1(%rcx), %ecx
\name\()_second:
	movl	%ecx, %eax
\name\()_syscall:
	syscall
\name\()_next:
	movq	%rcx, site_rcx(%rip)
\name\()_next_but_one:
	ret
	.size	\name, . - \name
	.type	\name\()_direct, @function
\name\()_direct:
	movl	%edi, %ecx
	jmp	\name\()_second
	.size	\name\()_direct, . - \name\()_direct
	.endm

	pair	pair
	pair	stood

/* long site_read(int, void *, long), site_getpid(void): for ptrace, read by its bytes */
	.balign	64
	.globl	site_read, site_read_start
	.type	site_read, @function
	.skip	64, 0x90
site_read:
site_read_start:
	movl	$0, %eax
	syscall
	ret
	.size	site_read, . - site_read

/* long site_load(const long *at): the displaced instruction loads at[32] to r9
 * getpid; returns r9 */
	.balign	64
	.globl	site_load, site_load_start
	.type	site_load, @function
	.skip	64, 0x90
site_load:
	movl	$39, %eax
site_load_start:
	movq	256(%rdi), %r9
	syscall
	movq	%rax, site_rax(%rip)
	movq	%r9, %rax
	ret
	.size	site_load, . - site_load

/* long pair_load(const long *at): the second displaced instruction loads *at to r9
 * getpid to site_rax; returns r9 */
	.balign	64
	.globl	pair_load, pair_load_start, pair_load_second, site_rax
	.type	pair_load, @function
	.skip	64, 0x90
pair_load:
	movl	$38, %eax
pair_load_start:
	leal	1(%rax), %eax
pair_load_second:
	movq	(%rdi), %r9
	syscall
	movq	%rax, site_rax(%rip)
	movq	%r9, %rax
	ret
	.size	pair_load, . - pair_load

/* void overlap_window(void): sched_setscheduler, whose number's bytes are instructions:
 * overlap_window + 2 and + 3 are entered by a jump (misc.c) */
	.balign	64
	.globl	overlap_window
	.type	overlap_window, @function
	.skip	64, 0x90
overlap_window:
	.byte	0xb8, 0x90, 0, 0, 0, 0x0f, 0x05, 0xc3, 0x90, 0x90, 0x90, 0xc3
	.size	overlap_window, . - overlap_window

	.bss
	.balign	8
argument: .skip	8
stack:	.skip	8
rdi:	.skip	8
site_rcx: .skip	8
site_rax: .skip	8

	.section .note.GNU-stack, "", @progbits
