/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMM as Xen's domain builder loads it: an ELF file whose segments lie at their
 * addresses less LAYOUT_BASE of pseudo-physical memory. `afterburn image --xen` makes the
 * unused program header a segment behind all others: the payload (payload.h).
 */
#include "backends/xen/layout.h"

ENTRY(start)

PHDRS
{
	text PT_LOAD FLAGS(5);
	data PT_LOAD FLAGS(6);
	payload PT_NULL FLAGS(4);
	notes PT_NOTE FLAGS(4);
	stack PT_GNU_STACK FLAGS(6);
}

SECTIONS
{
	. = LAYOUT_VMM;
	vmm_start = .;
	.text : AT(ADDR(.text) - LAYOUT_BASE) { *(.text .text.*) } :text
	.note.Xen : AT(ADDR(.note.Xen) - LAYOUT_BASE) { *(.note.Xen) } :text :notes
	.rodata : AT(ADDR(.rodata) - LAYOUT_BASE) { *(.rodata .rodata.* .data.rel.ro) } :text
	. = ALIGN(4096);
	vmm_text_end = .;
	.thunks : AT(ADDR(.thunks) - LAYOUT_BASE) { *(.thunks) . = ALIGN(4096); } :data
	vmm_thunks_end = .;
	.data : AT(ADDR(.data) - LAYOUT_BASE) { *(.data .data.*) } :data
	.bss : AT(ADDR(.bss) - LAYOUT_BASE) { *(.bss .bss.* COMMON) . = ALIGN(4096); } :data
	vmm_end = .;

	ASSERT(vmm_end <= LAYOUT_VMM_END, "the VMM is larger than its window")

	/DISCARD/ : { *(.eh_frame .comment .note.GNU-stack .note.gnu*) }
}
