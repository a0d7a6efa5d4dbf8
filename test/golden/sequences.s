# SPDX-License-Identifier: BSD-2-Clause
# Sequences and surroundings that the assembler stage must see through, in 64-bit code.
# `expect N` in a comment: so many sites on that line (0 where nothing is said and the
# line has no mnemonic); `none` marks what only looks like one.
	.text
start:
# -- the shadow of sti
	sti; hlt			# expect 1: fused STI_HLT
	sti
	hlt				# expect 1 with the line before: fused STI_HLT
	sti; .byte 0x0f, 0x01, 0xc9;	# expect 1: fused STI_MWAIT
	sti; mwait			# expect 1: fused STI_MWAIT
	sti; sysexitl			# expect 1: fused STI_SYSEXIT
	sti; nop; cli			# expect 2: window
	sti
	nop
	cli				# expect 2 in three lines: window
	sti; nop; nop; cli		# expect 2: no window
	sti; nop			# expect 1: no window
	sti				# expect 1
2:	hlt				# expect 1: a label between: not fused
	sti; ret			# expect 1
	sti; cli			# expect 2
	sti; sti; hlt			# expect 2: the second is fused
# -- the shadow of loads of %ss
	mov %eax, %ss			# expect 1: pad in front
	mov %rax, %rsp
	pop %fs				# expect 1
3:	mov %ecx, %ss			# expect 1: pad behind, a label is on it
	lss (%rbx), %ecx		# expect 1
# -- prefixes
	rep; insb			# expect 1
	rep
	outsl				# expect 1 with the line before
	rep insw			# expect 1
	rep/insb			# expect 1
	rep ; rep insl			# expect 1
	repne outsb			# expect 1
	rep; movsb			# none
	rep; nop			# none
	cs cli				# expect 1
	data16 pushf			# expect 1
	addr32 rep insb			# expect 1
	rex.w sysret			# expect 1
	{disp32} mov %ds, 8(%rbx)	# expect 1
	lock; addl $1, (%rax)		# none
	{nooptimize} cli		# expect 1
# -- exception tables
1:	rdmsr				# expect 1: the label stays on the instruction
2:
	.pushsection .fixup, "ax"
3:	xor %eax, %eax
	jmp 2b
	.popsection
	.pushsection __ex_table, "a"
	.balign 4
	.long 1b - ., 3b - .
	.popsection
771: 772: wrmsr ; 773:			# expect 1
4:5:cli;6:sti				# expect 2
"a quoted label": cli			# expect 1
spaced : cli				# expect 1
# -- macros
	.macro save_and_disable reg
	pushf				# expect 1: once a call
	pop \reg
	cli				# expect 1: once a call
	.endm
	save_and_disable %rax
	save_and_disable reg=%rbx
	.macro msr_op op:req
1:	\op				# expect 1 a call: the mnemonic is an argument
	.endm
	msr_op rdmsr
	msr_op wrmsr
	msr_op nop
	msr_op op=cpuid
	.macro outer
	.macro inner
	hlt				# expect 1 a call
	.endm
	inner
	.endm
	outer
	.irp reg, rax, rcx
	mov %cr3, %\reg			# expect 1 a turn
	.endr
	.irp op, cli, sti
	\op				# expect 1 a turn
	.endr
	.irpc n, 89
	mov %db7, %r\n			# expect 1 a turn
	.endr
	.rept 2
	invlpg (%rax)			# expect 1 a turn
	.endr
	.macro wbinvd_twice
	wbinvd; wbinvd			# expect 2 a call
	.endm
	wbinvd_twice
	.if 0
	hlt				# none in the object: not assembled
	.else
	clts				# expect 1
	.endif
# -- a macro that takes a mnemonic's name
	.macro in_macro
	.endm
	in_macro
	.macro swapgs
	nop
	.endm
	swapgs				# none: the macro above
	.purgem swapgs
	swapgs				# expect 1
# -- comments, strings, constants
	cli # sti			# expect 1
	cli /* sti */			# expect 1
	/* cli */ sti			# expect 1
	mov /* here */ %cr0 /* and */ , /* there */ %rax	# expect 1
/ cli
	.ascii "cli; sti\n"		# none
	.asciz "a # \" ; cli", "; hlt /*"	# none
	.string "cli\\"; cli		# expect 1
	mov $'#, %al
	mov $';', %al; cli		# expect 1
	mov $'", %al ; sti		# expect 1
	movb $'\\, %al ; cli		# expect 1
	movb $'\'', %al ; cli		# expect 1
/* hlt
	hlt */ cli			# expect 1
	cli;				# expect 1
	;cli				# expect 1
	;;	cli	;;		# expect 1
cli: nop				# none: a label
hlt = 5					# none: an assignment
	sti=6				# none
	.set pushf, 7			# none
	.equ popf, 8			# none
	in_use = hlt + sti
	mov $hlt, %eax			# none
	jmp cli				# none
# -- case and syntax
	CLI				# expect 1
	PushFQ				# expect 1
	MOV %CR4, %RAX			# expect 1
	mov	% cr2 , % rax		# expect 1
	.intel_syntax noprefix
	mov rax, cr0			# expect 1: MOV_FROM_CR
	mov cr0, rax			# expect 1: MOV_TO_CR
	mov ds, ax			# expect 1: MOV_TO_SEG
	mov eax, dword ptr [rbx]	# none
	mov eax, fs:[rbx]		# none
	in al, 0x60			# expect 1
	out dx, al			# expect 1
	.intel_syntax prefix
	mov %rax, %cr3			# expect 1: MOV_FROM_CR
	.att_syntax
	mov %fs:(%rbx), %eax		# none
	mov %eax, %gs:8			# none
	movq %xmm0, %rax		# none
	push %rax			# none
# -- sections
	.data
	cli				# none: not executable
	.text
	.section .init.text, "ax"
	cli				# expect 1
	.previous
	.pushsection .rodata
	sti				# none
	.popsection
	.section .altinstr_replacement, "ax"
	clac				# expect 1: copied, no pad
	.text
	int $0x80			# expect 1: pad in front
	int $3				# none
	int3				# none
	sysenter			# expect 1: pad in front
landing_pad:
	nop
# -- modes
	.code32
	mov %eax, %cr0			# expect 1: 32-bit
	ljmp $8, $start			# expect 1
	.code16
	lmsw %ax			# expect 1: 16-bit
	.code64
	iretq				# expect 1
