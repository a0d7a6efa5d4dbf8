/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel of a few pages with every form of absolute address that the loader knows.
 *
 * It is linked twice: where kernels are linked, to be moved by the loader, and at a low
 * address where the test process can run it as it is. test_move.c runs each function
 * of both and compares all registers, flags and data.
 *
 * Functions: %rdi, %rsi and the others are small numbers given by the test; results
 * stay in registers. The names in `functions` are what the test runs.
 */
	.macro function name
	.section .functions, "a"
	.quad \name
	.previous
	.globl \name
	.type \name, @function
\name:
	.endm

	.text
	.globl _start
_start:
	ret

	/* --- in place ---------------------------------------------------------- */
function mov_lea
	mov $table, %rax
	mov $table+24, %r9
	mov $end, %rbp
	ret
function mov_jump
	mov $1f, %rax
	jmp *%rax
	ud2
1:	mov $7, %ecx
	mov $2f, %r11
	jmp *%r11
	ud2
2:	ret
function absolute
	mov table+8, %rax
	mov table+16, %ecx
	mov table+16, %r12w
	movzbl table+1, %edx
	add table, %r8
	mov %rdi, cell
	movb $0x7f, cell+8
	movl $0x12345678, cell+12
	movw $0x1234, cell+16
	lock incq cell+24
	cmpl $5, cell
	ret
function absolute_calls
	push pointers
	pop %rax
	call *pointers+8
	mov %rbx, %rcx
	jmp *pointers+16
function absolute_sse
	movups table, %xmm0
	movq %xmm0, %rax
	ret

	/* --- trampolines: memory operands ---------------------------------------- */
function loads
	mov table(,%rdi,8), %rax
	mov table(%rdi,%rsi,4), %rcx
	movzbl table(%rdi), %edx
	movslq table+3(%rsi,%rsi), %rbx
	mov table(%rdi), %r8b
	ret
function loads_onto_itself
	mov %rdi, %rax
	mov table(,%rax,8), %rax
	mov %rsi, %rcx
	movzwl table(%rcx,%rcx,1), %ecx
	mov %rdi, %rdx
	mov table(%rdx), %edx
	ret
function loads_high
	mov %rdi, %r12
	mov %rsi, %r13
	mov table(%r12), %r8
	mov table(%r13), %r9
	mov table(%r12,%r13,4), %r10
	mov table(,%r12,8), %r12
	mov table(%rbp), %r14
	ret
function addresses
	lea table(%rdi), %rcx
	lea table+5(,%rsi,4), %rax
	lea table(%rdi,%rsi,8), %rsi
	lea table(%r13,%r12), %r15
	ret
function stores
	mov %rsi, cell(,%rdi,8)
	mov %ah, cell+64(%rdi)
	mov %dil, cell+72(%rsi)
	movb $0x55, cell+80(%rdi)
	movw $0x6677, cell+84(%rdi)
	movq $-2, cell+88(,%rdi,8)
	ret
function arithmetic
	cmpb $0x80, table(%rdi)
	setb cell(%rdi)
	add table(,%rsi,8), %rdi
	imul $3, table(,%rsi,8), %rax
	imul $0x1234567, table(,%rsi,4), %r10d
	lock incq cell(,%rsi,8)
	xadd %rdx, cell(,%rsi,8)
	negq cell+8(,%rsi,8)
	shll $3, cell+16(%rsi)
	rorq %cl, cell+16(%rsi)
	mov %rsi, %rax
	rolq %cl, cell+16(%rax)
	bts %rsi, cell+32(,%rsi,8)
	btsq $5, cell+40(,%rsi,8)
	ret
function implicit
	mov %rdi, %rax
	mulq table(,%rsi,8)
	divl table+8(,%rsi,4)
	mov table(,%rsi,8), %rax
	lock cmpxchg %rdi, cell(,%rsi,8)
	cmpxchg %rdi, cell(,%rsi,8)
	ret
function flags
	stc
	mov table(,%rdi,8), %rax
	adc $0, %rax
	stc
	lea table(%rdi), %rcx
	cmovc table(,%rsi,8), %rdx
	ret
function sse
	movups table(%rdi), %xmm0
	movups %xmm0, cell(,%rsi,8)
	movdqu table(%rdi,%rsi), %xmm1
	movq %xmm1, %rax
	ret
function calls
	call *pointers+8(,%rdi,8)
	add %rbx, %r14
	call *pointers(,%rsi,8)
	lea (,%rdi,8), %r12
	call *pointers(%r12,%rdi,8)
	push pointers(,%rdi,8)
	pop %r15
	ret
function jumps
	jmp *pointers+8(,%rdi,8)
function jumps_based
	lea (,%rdi,8), %rax
	jmp *pointers+16(%rax)

	/* --- trampolines: immediates ----------------------------------------------- */
function immediates_rax
	lea table+16(%rip), %rax
	cmp $table, %rax
	setg %cl
	sub $table, %rax
	add $table, %rax
	mov %rax, %rdx
	stc
	sbb $table, %rax
	adc $table, %rax
	test $table+1, %rax
	ret
function immediates
	xor %r9d, %r9d
	or $table, %r9
	mov $0xfff, %ebx
	and $cell, %rbx
	lea cell(%rip), %r13
	xor $table, %r13
	cmp $table, %rdi
	mov %rdi, %rdx
	add $table, %rdx
	mov %rsi, %r8
	add $table, %r8
	test $cell, %rdi
	ret
function immediates_memory
	movq $table, cell(%rip)
	movq $0, cell+8(,%rdi,8)
	lea cell(%rip), %r13
	addq $table+8, 8(%r13,%rdi,8)
	mov %r13, %r12
	movq $table+3, (%r13)
	movq $table, 16(%r13)
	movq $table, 24(%r12)
	movq $table, 32(%r13,%rdi,8)
	movq $table, 40(%r12,%rsi,8)
	cmpq $table, cell
	cmpq $table+1, (%r12)
	ret
function immediates_stack
	push %rdi
	push %rsi
	movq $table, (%rsp)
	addq $table, 8(%rsp)
	cmpq $table, (%rsp,%rdi,8)
	pop %rax
	pop %rcx
	push $table+4
	pop %rdx
	ret

	/* --- what is left ------------------------------------------------------------- */
function relative
	lea table(%rip), %rax
	mov pointers(%rip), %rcx
	movabs $table+2, %rdx
	call add_one
	ret
function physical
	mov $table-KERNEL_BASE, %rax
	add $cell-KERNEL_BASE, %rcx
	movabs $pointers-KERNEL_BASE, %rdx
	ret
	.globl layout, layout_immediate
layout:
	movabs $0xffffffff80000000, %rax
layout_immediate = . - 8
	mov layout_word(%rip), %rcx
	ret

	/* may run on the identity mapping: left as linked */
	.globl __startup_64
	.type __startup_64, @function
__startup_64:
	lea table(%rdi), %rax
	sub $_start, %rax
	ret
	.size __startup_64, . - __startup_64

add_one:
	add $1, %rbx
	ret
add_two:
	add $2, %rbx
	ret

	.section .altinstr_replacement, "ax"
	nop

	.section __ex_table, "a"
	.globl ex_entry
ex_entry:
	.long _start - ., _start - ., 0

	.section .rodata, "a"
	.balign 16
	.globl table
table:	.quad 0x1122334455667788, 0x99aabbccddeeff00, 0x0123456789abcdef, 0x7edcba9876543210
	.quad 0x1f2f3f4f5f6f7f8f, 0x0a1a2a3a4a5a6a7a, 0xdeadbeefcafef00d, 0x5555aaaa3333cccc
	.quad 3, 5, 7, 11, 13, 17, 19, 23

	.data
	.balign 8
	.globl pointers, cell, layout_word
pointers: .quad add_one, add_two, add_one, add_two, table, cell, table-KERNEL_BASE
layout_word: .quad 0xffff888000000000
cell:	.fill 256, 1, 0x11
	.globl narrow
narrow:	.long cell-KERNEL_BASE

	.section .afterburn, "a"
	.long _start - .
	.short 0x101
	.byte 1, 0, 1, 0x12
	.short 0

	.macro layout_record word kind
	.long \word - .
	.short \kind, 1
	.endm
	.section .afterburn.layout, "a"
	.balign 8
	layout_record layout_word 4
	layout_record layout_immediate 1
	.section .debug_info, ""
	.quad table

	.bss
	.fill 64
end:
