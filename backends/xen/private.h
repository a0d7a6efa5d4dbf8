/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the Xen back-end share. */
#ifndef AFTERBURN_BACKENDS_XEN_PRIVATE_H
#define AFTERBURN_BACKENDS_XEN_PRIVATE_H

#include "backends/xen/abi.h"
#include "vmm/types.h"
#include "vmm/vcpu.h"

/* --- what the domain builder left, copied before its memory is given away (start.c) --- */

extern start_info_t start_info;

static inline bool is_dom0(void)
{
	return start_info.flags & SIF_INITDOMAIN;
}

/* The page that Xen shares with this domain, and the first 64 bytes of the virtual CPU,
 * which Xen knows as this processor's vcpu_info. */
extern union shared_page {
	shared_info_t info;
	uint8_t bytes[PAGE_SIZE];
} shared_page;

static inline struct vcpu_info *vcpu_info(void)
{
	return (struct vcpu_info *)(void *)&vcpu;
}

/* --- traps.c ------------------------------------------------------------------- */

/* Tell Xen where our handlers are. */
void traps_start(void);
/* Registers that its entries use may have changed. */
void traps_look(void);

/* --- event.c ---------------------------------------------------------------------- */

void events_start(void);
/* Has Xen told of something; then the events are taken, and vmm_event() is due. */
bool events_any(void);
bool events_taken(void);
/* Bind a virtual interrupt; the port is open. */
unsigned events_bind(unsigned virq);
void events_open(unsigned port);
void events_send(unsigned port);

/* --- time.c ------------------------------------------------------------------------ */

void time_start(void);
/* Tell Xen of the deadline if it does not know. */
void time_arm(void);
/* It may have gone off. */
void time_fired(void);

/* --- console.c --------------------------------------------------------------------- */

extern union ring_page {
	struct xencons_interface ring;
	uint8_t bytes[PAGE_SIZE];
} console_ring;

void console_start(void);
void console_flush(void);

/* --- processor.c ---------------------------------------------------------------------- */

/* Before the guest goes on: real segment bases as vcpu says. */
void processor_load_bases(void);

/* An application was interrupted that had a data segment (selectors_odd): has it still? */
void processor_application_stopped(void);
extern uint8_t selectors_odd;

/* --- end.c ---------------------------------------------------------------------------- */

/* The first reason is printed with the guest's registers; the domain crashes. */
_Noreturn void die(const char *reason, const char *name, uint64_t value);
/* A hypercall that cannot fail has failed. */
_Noreturn void die_hypercall(const char *what, long result);

void resume_guest(void);

#endif
