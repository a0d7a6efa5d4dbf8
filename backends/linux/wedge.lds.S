/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMM program: an executable at fixed addresses, see layout.h.
 *
 * .private is an ordinary private mapping: every process of the machine has its own
 * stacks and tables, in three parts because of their keys (keys.c). .data and .bss are
 * mapped shared by start.c.
 */
#include "backends/linux/layout.h"
#include "backends/linux/twin.h"

ENTRY(start)

PHDRS
{
	twin PT_LOAD FLAGS(5);
	text PT_LOAD FLAGS(5);
	private PT_LOAD FLAGS(6);
	data PT_LOAD FLAGS(6);
	stack PT_GNU_STACK FLAGS(6);
}

SECTIONS
{
	.twin LAYOUT_TWIN : { *(.twin) . = ALIGN(4096); } :twin = 0xf4f4f4f4

	. = LAYOUT_VMM + SIZEOF_HEADERS;
	vmm_text_start = LAYOUT_VMM;
	.text : { *(.text .text.*) } :text
	.rodata : { *(.rodata .rodata.*) } :text
	. = ALIGN(4096);
	.thunks : { *(.thunks) . = ALIGN(4096); } :text
	vmm_text_end = .;

	. = LAYOUT_PRIVATE;
	.private (NOLOAD) : {
		vmm_private_start = .;
		*(.bss.private)
		. = ALIGN(4096);
		vmm_private_end = .;
		*(.bss.open)
		. = ALIGN(4096);
		vmm_readable_start = .;
		*(.bss.readable)
		. = ALIGN(4096);
		vmm_readable_end = .;
	} :private

	. = LAYOUT_DATA;
	vmm_data_start = .;
	.data : { *(.data .data.*) } :data
	.bss : { *(.bss .bss.* COMMON) . = ALIGN(4096); } :data
	vmm_data_end = .;

	ASSERT(SIZEOF(.twin) == TWIN_TEXT_BYTES, "code of twins too large")
	ASSERT(vmm_text_end <= LAYOUT_PRIVATE, "VMM text too large")
	ASSERT(vmm_data_end <= LAYOUT_TRAMPOLINES, "VMM data too large")

	/DISCARD/ : { *(.eh_frame .comment .note.*) }
}
