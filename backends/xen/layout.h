/* SPDX-License-Identifier: BSD-2-Clause */
/*@200 Where everything lives in a Xen PV domain
 *
 * The guest kernel runs where it is linked, and its address space is its own, but for
 * two places that it leaves alone:
 *
 *   0xfffffe8000000000 .. + 512 GiB    slot 509 of the top-level table, an unused hole of Linux's
 *                                      (Documentation/x86/x86_64/mm.rst)
 *       + 0                            guest-physical memory, the VMM's view
 *       + 256 GiB                      the VMM's own memory: tables about memory (memory.c)
 *       + 320 GiB                      Xen's list of the domain's frames
 *       + 384 GiB                      pages that are page tables, while they are written
 *   0xffffffff80100000 .. + 15 MiB     the VMM: code, data, stack, in the 16 MiB that the
 *                                      kernel leaves unused below its first byte
 *   0xffffffff81000000 ..              guest: kernel image, modules, fixmap
 *
 * Applications have neither: their top-level table has no upper half but Xen's.
 *
 * Xen itself has slots 256 to 271.
 */
#ifndef AFTERBURN_BACKENDS_XEN_LAYOUT_H
#define AFTERBURN_BACKENDS_XEN_LAYOUT_H

#define LAYOUT_BASE    0xffffffff80000000 /* XEN_ELFNOTE_VIRT_BASE: pseudo-physical 0 */
#define LAYOUT_VMM     0xffffffff80100000
#define LAYOUT_VMM_END 0xffffffff81000000

#define LAYOUT_XEN	  256 /* slots of the top-level table: Xen's, */
#define LAYOUT_XEN_END	  272
#define LAYOUT_SLOT	  509 /* and the VMM's */
#define LAYOUT_RAM	  0xfffffe8000000000
#define LAYOUT_RAM_BYTES  0x4000000000
#define LAYOUT_HEAP	  0xfffffec000000000
#define LAYOUT_LIST	  0xfffffed000000000
#define LAYOUT_POOL	  0xfffffee000000000
#define LAYOUT_WINDOW	  511 /* slots of the levels that lead to the VMM */
#define LAYOUT_WINDOW_L3  510
#define LAYOUT_WINDOW_L2S 8 /* entries of the second level that map the VMM's 16 MiB */

/* Guest-physical: ACPI tables, in the BIOS area that the memory map reserves. */
#define LAYOUT_ACPI 0xe0000

/* Selectors of Xen's flat segments (arch-x86/xen-x86_64.h), as ring 3 loads them. */
#define LAYOUT_CS 0xe033
#define LAYOUT_SS 0xe02b

#endif
