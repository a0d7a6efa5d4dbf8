/* SPDX-License-Identifier: BSD-2-Clause */
/*@090 Down: what the front-end asks of a back-end
 *
 * One back-end is linked with the front-end: these functions are all it knows of
 * the hypervisor below. Each back-end implements all of them; backends/stub records
 * the calls for unit tests. frontend.h is the way up.
 *
 * A back-end runs the guest's own instructions, kernel and applications alike, at
 * one hardware privilege level. It owns host address spaces, the processor's
 * floating-point state, clocks and the console; the front-end owns everything a
 * guest can see.
 */
#ifndef AFTERBURN_VMM_BACKEND_H
#define AFTERBURN_VMM_BACKEND_H

#include "vmm/types.h"

/* --- memory ----------------------------------------------------------------- */

/* Translations of `va` (of any page size) are stale in every address space. */
void backend_flush_page(gva_t va);

/* All translations are stale; those of global pages only if `global`. */
void backend_flush_all(bool global);

/* The guest loaded CR3 (`root`: guest-physical address of the top-level table):
 * non-global translations are stale, and the guest goes on in that address space.
 * May take effect as late as the next return to the guest. */
void backend_load_root(gpa_t root);

/* The front-end is going to write [address, address + length) of guest memory itself: a
 * translation of it, or a copy, may have to go. */
void backend_before_store(gpa_t address, size_t length);

/* The guest has written the page-table entry at `entry`, which is `value` now, by an instruction
 * of a class that backend_wants() (of PTE_WRITE, only present entries: vmm_watched). The guest
 * may go on without backend_before_resume(). */
void backend_table_written(gpa_t entry, uint64_t value);

/* --- code --------------------------------------------------------------------- */

/* Write the VMM's own code (thunks, vmm_thunks[]), which is not writable otherwise. */
void backend_write_code(void *to, const void *from, size_t length);

/* Does this back-end want calls for `class`, a hand-annotated memory operation (page-table
 * writes, AB_GROUP_MEMORY) or xrstor? If not these stay native. */
bool backend_wants(uint16_t class);

/* --- the real processor ---------------------------------------------------------- */

/* false: rdfsbase, wrgsbase and the like work, and the front-end keeps the real FS and GS
 * bases the guest's. true: it neither reads nor writes them. vcpu.fs_base, gs_base and
 * kernel_gs_base are always what the guest has, but for vcpu.swapped, which swapgs inverts
 * and vmm_settle_bases() settles. The back-end loads the real ones whenever it lets the
 * guest go on; the guest's kernel must find its own GS base before it executes swapgs. */
extern const bool backend_keeps_bases;

/* What the real processor's cpuid says: eax, ebx, ecx, edx. */
void backend_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* The real XCR0: guests cannot change it, so they see it. */
uint64_t backend_xcr0(void);

/* xrstor: load the components in `mask` of the extended state from `area` (64-byte aligned,
 * complete) for the guest. false: the processor raised #GP. */
bool backend_load_state(const void *area, uint64_t mask);

/* Called by vmm_resume after vmm_before_resume(): the back-end's last word before the
 * guest goes on, e.g. on in another address space. Need not return. */
void backend_before_resume(void);

/* --- time -------------------------------------------------------------------- */

/* Monotonic nanoseconds since the machine was started. */
uint64_t backend_now(void);

/* Seconds since 1970-01-01 00:00 UTC. */
uint64_t backend_wall_clock(void);

/* Call vmm_event() at `deadline` (ns of backend_now) or soon after; one timer,
 * the last call counts; DEVICE_NEVER: none. */
void backend_set_timer(uint64_t deadline);

/* Wait until vmm_event() is due, or was due since the guest last ran. */
void backend_idle(void);

/* --- console ----------------------------------------------------------------- */

/* Never blocks for long; may be buffered until the guest idles or returns to user mode. */
void backend_console_write(const char *text, size_t length);

/* Up to `room` bytes typed at the console; 0 when there are none. vmm_event() tells
 * of more. */
size_t backend_console_read(char *text, size_t room);

/* --- the end ------------------------------------------------------------------ */

enum backend_exit {
	BACKEND_EXIT_POWER_OFF, /* ACPI S5, or the debug-exit port: code is the guest's */
	BACKEND_EXIT_RESET,	/* the guest asked for a reset */
	BACKEND_EXIT_TRIPLE,	/* triple fault */
	BACKEND_EXIT_HALTED,	/* halted with interrupts off */
};

_Noreturn void backend_exit(enum backend_exit why, unsigned code);

/* The machine cannot go on: print the reason with the virtual CPU's state, end. */
_Noreturn void backend_fatal(const char *reason);

/* A message of the VMM itself (--trace, warnings): not the guest's console. */
void backend_log(const char *text, size_t length);

#endif
