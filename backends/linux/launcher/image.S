/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMM program, as the build made it. */
	.section .rodata
	.balign	4096
	.globl	vmm_image, vmm_image_end
vmm_image:
	.incbin VMM_IMAGE
vmm_image_end:
	.section .note.GNU-stack, "", @progbits
