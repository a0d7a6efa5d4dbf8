	.file "x.c"
	.text
f:
	.cfi_startproc
	pushfq
	.cfi_adjust_cfa_offset 8
	cli
	popq %rax
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size f,.-f
