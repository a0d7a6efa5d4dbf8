/* SPDX-License-Identifier: BSD-2-Clause */
/*@080 Up: how a back-end reports what happened
 *
 * Before each of these calls the back-end has put the guest's registers into
 * vcpu.regs (and the segment bases into vcpu.fs_base and gs_base, or has
 * called vmm_settle_bases()); after it, the
 * guest goes on at vcpu.regs, whatever they then are: the next instruction, the
 * same one again, a guest handler, an application.
 *
 * Then vmm_before_resume() is due, every time: it delivers what is pending.
 */
#ifndef AFTERBURN_VMM_FRONTEND_H
#define AFTERBURN_VMM_FRONTEND_H

#include "vmm/mmu.h"
#include "vmm/types.h"

/* The virtual CPU as a Linux-style boot loader leaves it for the 64-bit entry point: paging
 * on with `root`, interrupts off, flat segments, RSI = boot parameters. */
void vmm_reset(gva_t entry, gpa_t root, gpa_t boot_params);

/* Guest-physical memory, page-aligned, before the guest runs: where the kernel's image lies,
 * and in it the vDSO. Its instructions that would silently show the host are made to trap. */
void vmm_application_code(gpa_t from, uint64_t length);

/* The kernel's annotation records, `size` bytes at `records`, once they are in guest memory: the
 * image's address `start` lies at guest-physical `at`. Instructions of its start-up code,
 * which is not rewritten, are made to trap: for a back-end on which not all do. */
void vmm_startup_code(mword records, size_t size, mword start, gpa_t at);

/* With backend_keeps_bases: the guest has stopped, and vcpu.gs_base and kernel_gs_base become
 * what it has. Before anything else of here on the back-end's own ways in; a rewritten
 * site's has done it. */
void vmm_settle_bases(void);

/* The guest's current instruction raised a processor exception other than #PF:
 * emulate it if it is sensitive and the guest's kernel runs, else inject. */
void vmm_exception(unsigned vector, mword error);

/* The guest faulted on `va` (error: SDM 3A 4.7, bits P W U RSVD I of the real
 * fault). true: *translation says what the back-end must map before the guest goes
 * on (accessed and dirty bits are set already). false: the guest has its #PF. */
bool vmm_page_fault(gva_t va, mword error, struct translation *translation);

/* An application stands at an instruction that the back-end cannot let run as others do:
 * emulate it if it is sensitive. false: it is innocuous. */
bool vmm_application_instruction(void);

/* An application executed `syscall`, regs.rip behind it. */
void vmm_syscall(void);

/* An application executed `int $vector`, regs.rip behind it. */
void vmm_software_interrupt(unsigned vector);

/* A rewritten site called; `next` is the address behind the site. */
void vmm_site(mword next);

/* Time is up, or something was typed: let the devices look. */
void vmm_event(void);

/* Somebody pressed the machine's power button. */
void vmm_power_button(void);

/* vcpu.pending is set and the guest may be interrupted: deliver, if there is still
 * something. Nothing to do when pending is 0. */
void vmm_before_resume(void);

/* Page-table writes of class PTE_WRITE that the back-end wants to be told of: those to frames
 * whose mark is not 0. Where the guest maps all memory, [direct_map, + frames pages),
 * others cost no call. Set by the back-end; all 0: every write is told. */
extern struct watched {
	mword direct_map;
	uint64_t frames;
	const uint8_t *marks;
} vmm_watched;

/* A stub's call: the guest has stored to the page-table entry at `entry`. Its registers are
 * where they were; nothing but the back-end's tables may change. */
void vmm_table_stored(gpa_t entry);

/* What was added to the guest's layout constants, by AB_LAYOUT_*: for modules, whose
 * constants are moved when the guest loads them. Set by the back-end. */
extern int64_t vmm_layout_delta[];

/* Frequency of the real time-stamp counter, set by the back-end before vmm_reset(). */
extern uint64_t vmm_tsc_khz;

#endif
