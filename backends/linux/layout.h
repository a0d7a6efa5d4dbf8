/* SPDX-License-Identifier: BSD-2-Clause */
/*@100 Where everything lives in a host process
 *
 * A Linux process has addresses 0 to 2^47. The guest kernel, linked at the top of
 * the 64-bit space, is moved down by one constant per kind of address, and what
 * is the VMM's lies in two holes that guest and host both leave alone:
 *
 *   0                .. 0x0800_0000_0000   guest applications (8 TiB)
 *     0x6_0000 + 64 KiB                    in it: call gates' pointers (gates.c)
 *   0x0810_0000_0000 ..                    guest-physical memory, the VMM's view
 *   0x0880_0000_0000 ..                    guest: all physical memory
 *   0x4900_0000_0000 ..                    guest: vmalloc
 *   0x6a00_0000_0000 ..                    guest: page descriptors
 *   0x7c00_0000_0000 ..                    guest: processor entry area
 *   0x7dff_8000_0000 .. + 16 MiB           the VMM: code, data, stacks
 *   0x7dff_8100_0000 ..                    guest: kernel image, modules, fixmap
 *   0x7eff_0000_0000 ..                    the host's: stack, vDSO (unmapped at start)
 *
 * The kernel leaves the 16 MiB below its first byte unused (its link address is
 * CONFIG_PHYSICAL_START above the base), and every instruction of kernel
 * and modules reaches them with 32-bit displacements: rewritten sites need no
 * trampolines, and templates address the virtual CPU relative to the instruction
 * pointer.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_LAYOUT_H
#define AFTERBURN_BACKENDS_LINUX_LAYOUT_H

#define LAYOUT_USER_END		0x080000000000 /* first address that is no application's */
#define LAYOUT_RAM		0x081000000000
#define LAYOUT_SHADOW		0x087000000000 /* shadow.c's tables, private */
#define LAYOUT_SHADOW_TWIN	0x087080000000 /* the same of this process's twin (twin.h) */
#define LAYOUT_TWIN		0x087e00000000 /* the twins' code */
#define LAYOUT_TWIN_AREA	0x087e00010000 /* in a twin: what it shares with its process */
#define LAYOUT_TWIN_END		0x087e00020000
#define LAYOUT_TWINS		0x087e10000000 /* elsewhere: these areas of all twins */
#define LAYOUT_THUNKS		0x087f00000000 /* writable alias of the VMM's thunks */
#define LAYOUT_SHARED		0x087f10000000 /* struct shared */
#define LAYOUT_COPIES		0x087f20000000 /* all of FD_COPIES, writable */
#define LAYOUT_FRAMES		0x087f40000000 /* a byte for each frame of guest memory (code.h) */
#define LAYOUT_KERNEL		0x088000000000 /* guest kernel addresses begin here */
#define LAYOUT_VMM		0x7dff80000000
#define LAYOUT_PRIVATE		0x7dff80200000 /* per process: stacks, shadow tables */
#define LAYOUT_DATA		0x7dff80800000 /* shared by all processes of the machine */
#define LAYOUT_TRAMPOLINES	0x7dff80f00000 /* the relocator's, guest code */
#define LAYOUT_TRAMPOLINE_BYTES 0x40000
#define LAYOUT_GATES		0x7dff80f40000 /* trampolines of patched system calls */
#define LAYOUT_VMM_END		0x7dff81000000
#define LAYOUT_GUEST_END	0x7e0000000000 /* behind the guest's fixmap */
#define LAYOUT_HOST_END		0x7ffffffff000

/* Pointers to the trampolines, in every address space that shows patched copies. The
 * guest maps nothing below its own vm.mmap_min_addr, which prepare.c sets to the end of
 * this; the host's default for us is 64 KiB. window.h says why it must be here. */
#define LAYOUT_POINTERS	    0x60000
#define LAYOUT_POINTERS_END 0x70000

/* FD_COPIES: trampolines, pointers, copies of pages. */
#define LAYOUT_GATE_BYTES    0x10000
#define LAYOUT_POINTER_BYTES (LAYOUT_POINTERS_END - LAYOUT_POINTERS)
#define LAYOUT_COPY_COUNT    1024
#define LAYOUT_COPY_BYTES    (LAYOUT_GATE_BYTES + LAYOUT_POINTER_BYTES + LAYOUT_COPY_COUNT * 4096ul)

/* Guest-physical: ACPI tables, in the BIOS area that the memory map reserves. */
#define LAYOUT_ACPI 0xe0000

/* What is added to the guest's link-time addresses, by kind (AB_LAYOUT_*). */
#define LAYOUT_DELTA_TOP      0x7e0000000000 /* image, processor entry area */
#define LAYOUT_DELTA_KERNEL   0x800000000000 /* direct map, vmalloc, vmemmap */
#define LAYOUT_DELTA_USER_END (-0x780000000000)
#define LAYOUT_DELTAS                                                                              \
	{                                                                                          \
		[AB_LAYOUT_IMAGE] = LAYOUT_DELTA_TOP,                                              \
		[AB_LAYOUT_USER_END] = LAYOUT_DELTA_USER_END,                                      \
		[AB_LAYOUT_CPU_AREA] = LAYOUT_DELTA_TOP,                                           \
		[AB_LAYOUT_DIRECT_MAP] = LAYOUT_DELTA_KERNEL,                                      \
		[AB_LAYOUT_VMALLOC] = LAYOUT_DELTA_KERNEL,                                         \
		[AB_LAYOUT_VMEMMAP] = LAYOUT_DELTA_KERNEL,                                         \
	}

#endif
