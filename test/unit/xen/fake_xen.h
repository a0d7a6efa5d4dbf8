/* SPDX-License-Identifier: BSD-2-Clause */
/* A Xen below the back-end that remembers what it was asked for, and the processor that walks the
 * page tables it was given. What Xen would refuse it refuses with Xen's errors.
 */
#ifndef TEST_UNIT_XEN_FAKE_XEN_H
#define TEST_UNIT_XEN_FAKE_XEN_H

#include "backends/xen/abi.h"
#include "test/unit/xen/fake_frames.h"
#include "vmm/types.h"

struct fake_call {
	unsigned number; /* __HYPERVISOR_*, as everywhere here */
	bool inner;	 /* in a multicall */
	mword a, b, c, d;
};

#define FAKE_CALLS   256
#define FAKE_UPDATES 4096

/* Since the test last cleared it: fake_clear_calls(). */
extern struct fake_log {
	unsigned count, updates; /* may be more than what is kept */
	unsigned by_number[64];
	unsigned flushes, page_flushes;
	struct fake_call calls[FAKE_CALLS];
	mmu_update_t update[FAKE_UPDATES];
	struct mmuext_op last; /* mmuext_op */
	unsigned events, yields, blocks;
} fake_log;

/* What Xen knows of the domain. */
extern struct fake_domain {
	uint64_t root, user_root; /* frames; 0: none */
	uint64_t deadline;
	unsigned reason; /* of its shutdown */
	uint64_t bases[4];
	unsigned stopped_timer;
	unsigned port_of[NR_VIRQS]; /* bound: not 0 */
	trap_info_t traps[64];
	mword callbacks[16]; /* by type */
	mword stack;
	struct vcpu_register_vcpu_info info;
} fake_domain;

/* The next hypercall `number` ends with `result`; an mmu_update after `done` of its entries. */
void fake_refuse(unsigned number, long result, unsigned done);

/* What happens meanwhile; NULL: nothing. */
extern void (*fake_on_yield)(void), (*fake_on_block)(void), (*fake_on_root)(void),
	(*fake_on_shutdown)(void);
extern struct fake_console {
	size_t written;
	char text[8192];
	const char *typed;
} fake_console;

/* Where the test's process has the VMM's image, if it has any. */
extern mword fake_image, fake_image_end;
/* What the domain has at `here`, in the test's process; false: nothing. */
bool fake_show(mword here);

void fake_xen_start(void);
void fake_clear_calls(void);

/* --- the processor ---------------------------------------------------------------------- */

struct fake_page {
	bool present, writable, executable;
	uint64_t mfn;
};

/* What the tables say about `va`, in the guest's kernel or in an application. */
struct fake_page fake_walk(mword va, bool user);
/* An access (ACCESS_* of vmm/mmu.h; ACCESS_USER: by an application), by way of a look-aside buffer.
 * false: it faults. */
bool fake_access(mword va, mword access);
/* What the look-aside buffer has, or else the tables. */
struct fake_page fake_sees(mword va, bool user);

/* Frame of the domain's page table that maps `va`, and the index of its entry; 0: none. */
uint64_t fake_table_at(mword va, unsigned level, unsigned *index);

#endif
