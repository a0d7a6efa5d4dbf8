# SPDX-License-Identifier: BSD-2-Clause
# Line ends of another system: six sites, one of them fused.
	.text
	cli
1:	rdmsr	# comment
	sti; hlt
	mov %cr0, %rax
	.byte 0x0f, 0x01, 0xca
	nop
	rep
	insb
