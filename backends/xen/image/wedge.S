/* SPDX-License-Identifier: BSD-2-Clause */
/* The wedge, as the build made it. */
	.section .rodata
	.balign	4096
	.globl	xen_wedge, xen_wedge_end
xen_wedge:
	.incbin WEDGE_IMAGE
xen_wedge_end:
	.section .note.GNU-stack, "", @progbits
