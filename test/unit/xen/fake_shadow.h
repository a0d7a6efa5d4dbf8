/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest on the Xen back-end's page tables: what it does, and what the processor then sees. */
#ifndef TEST_UNIT_XEN_FAKE_SHADOW_H
#define TEST_UNIT_XEN_FAKE_SHADOW_H

#include "test/unit/xen/fake_guest.h"

/* The guest's kernel runs in empty tables of its own; the VMM has `pool` pages for tables. */
void fake_shadow_start(uint64_t pool, mword direct_map);

/* The guest goes on, as kernel (0) or application (3), after the VMM has run. */
void fake_resume(unsigned cpl);
/* An application goes on by a stub that knows of no work (traps.S, vmm_user_exit). */
void fake_leave(void);

/* The guest writes an entry, by an annotated instruction or not, which is reported if
 * the entry is watched. */
void fake_write(uint64_t *entry, uint64_t value);
/* It loads CR3. */
void fake_load(uint64_t root);

/* An access as the processor would make it, by an application or the kernel (ACCESS_USER), with
 * what faults lead to. false: the guest has a page fault. */
bool fake_touch(mword va, mword access);

/* The VMM's image and its other memory are there in kernel mode, and not in applications. */
void assert_vmm_is_there(void);

#endif
