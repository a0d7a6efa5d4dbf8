/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/shadow.h"

#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "backends/xen/protect.h"
#include "backends/xen/shadow_private.h"
#include "backends/xen/stats.h"
#include "backends/xen/traps.h"
#include "backends/xen/updates.h"
#include "vmm/backend.h"
#include "vmm/frontend.h"
#include "vmm/memory.h"

#define FILL_MOST 8 /* pages around a fault of an application's that are shown with it */

struct space shadow_current, shadow_loaded;
static bool applications_ran;

/* --- faults ---------------------------------------------------------------------------------- */

static void set_leaf(struct table *table, unsigned index, uint64_t guest)
{
	entry_note(table, index, guest);
	updates_set(table->mfn, index, entry_leaf(guest));
}

/* The level-1 table for `va`, connected. `wanted`: the guest's entries on the way are
 * present. */
struct table *shadow_connect_path(mword va)
{
	struct table *table = shadow_current.kernel;
	unsigned top = index_of(va, TOP);

	while (table->level > 1) {
		unsigned index = index_of(va, table->level);
		uint64_t guest = entry_guest_value(table, index);

		if (!entry_leads(table, index, guest) || entry_is_fixed(table, index))
			return NULL;
		if (table->level == TOP && top < USER_SLOTS && guest & PTE_U)
			shadow_connect(shadow_current.user, top, guest, va);
		table = shadow_connect(table, index, guest, va);
	}
	return table;
}

struct table *shadow_leaf_table(mword va)
{
	struct table *table = shadow_current.kernel;

	while (table && table->level > 1) {
		unsigned index = index_of(va, table->level);

		table = entry_is_fixed(table, index) ? NULL : table->children[index];
	}
	return table;
}

/* What lies around, as far as the guest has it mapped: accessed by us, then, as a processor
 * may that looks ahead. */
static void fill_around(struct table *table, unsigned index)
{
	unsigned first = index & ~(FILL_MOST - 1u);

	for (unsigned i = first; i < first + FILL_MOST; i++) {
		uint64_t *entry = entry_guest(table, i);

		if (i == index || !(*entry & PTE_P) || !(*entry & PTE_U) || table->seen[i])
			continue;
		*entry |= PTE_A;
		set_leaf(table, i, *entry);
	}
}

void shadow_fill(gva_t va, const struct translation *translation, bool write)
{
	struct table *table = shadow_connect_path(va.v);
	unsigned index = index_of(va.v, 1);
	bool user = !is_kernel(va.v);
	uint64_t guest;

	if (!table)
		die("the guest touches the VMM's part of the address space", "address", va.v);
	if (vcpu.cpl == 3 && !user)
		die("an application has a page in the kernel's half: not modelled", "address",
		    va.v);
	guest = entry_guest_value(table, index);
	if (write && (guest & PTE_ADDR) >> PAGE_SHIFT >= machine_memory.guest_pages)
		die("write to physical memory that does not exist", "address",
		    translation->address.v);
	if (write && (guest & PTE_ADDR) >> PAGE_SHIFT < machine_memory.guest_pages &&
	    is_protected((guest & PTE_ADDR) >> PAGE_SHIFT)) {
		count(STAT_TRAPPED_WRITES);
		protect_end((guest & PTE_ADDR) >> PAGE_SHIFT);
	}
	if (user && !translation->user)
		vcpu.hypervisor[EXIT_WORK] = shadow_current.kernel->supervisor = true;
	if (table->seen[index] != guest || !updates_any())
		set_leaf(table, index, guest);
	if (table->kind == TABLE_USER && translation->user)
		fill_around(table, index);
	updates_do();
}

/* --- annotated writes ------------------------------------------------------------------------ */

static void written(struct table *table, unsigned index, uint64_t value)
{
	if (table->level > 1 || table->seen[index])
		return;
	if (!table->refs || (!table->kernel && !(value & PTE_U)))
		return;
	count(STAT_WRITES_SHOWN);
	set_leaf(table, index, value);
	vcpu.hypervisor[EXIT_WORK] = 1;
	if (table->kernel)
		updates_do(); /* its next stack may be there */
}

/* More rights than before are copied at once; fewer wait for the guest's invalidation. */
void backend_table_written(gpa_t entry, uint64_t value)
{
	uint32_t gfn = (uint32_t)(entry.v >> PAGE_SHIFT);
	struct table *table = NULL;

	count(STAT_WRITES);
	if (!entry_is_shown(value))
		return;
	while ((table = table_of_frame(gfn, table)))
		written(table, (unsigned)(entry.v & (PAGE_SIZE - 1)) / 8, value);
}

/* --- address spaces -------------------------------------------------------------------------- */

static void release_space(const struct space *space)
{
	if (!space->kernel)
		return;
	table_release(space->kernel);
	table_release(space->user);
}

/* Nothing is left of what the space showed below: its frame has become another's. */
static void forget_supervisor(struct table *top)
{
	uint64_t used = 0;

	for (unsigned word = 0; word < USER_SLOTS / 64; word++)
		used |= top->used[word];
	if (!used)
		top->supervisor = false;
}

void backend_load_root(gpa_t root)
{
	struct space old = shadow_current;
	uint32_t gfn = (uint32_t)((root.v & PTE_ADDR) >> PAGE_SHIFT);

	count(STAT_ROOTS);
	shadow_current.kernel = shadow_make(gfn, TOP, TABLE_PLAIN, 0);
	table_hold(shadow_current.kernel);
	shadow_current.user = shadow_make(gfn, TOP, TABLE_USER, 0);
	table_hold(shadow_current.user);
	shadow_compare_space(old.kernel);
	release_space(&old);
	forget_supervisor(shadow_current.kernel);
	vcpu.hypervisor[EXIT_WORK] |= shadow_current.kernel->supervisor;
	if (!applications_ran)
		shadow_show_stacks();
}

/* Not inlined, as handle_events() (start.c). */
__attribute__((noinline)) static void load_space(void)
{
	struct mmuext_op operations[2] = {
		{.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = shadow_current.kernel->mfn},
		{.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = shadow_current.user->mfn},
	};
	struct space old = shadow_loaded;
	long result = xen_mmuext_op(operations, 2, NULL);

	if (result)
		die_hypercall("loading page tables", result);
	shadow_loaded = shadow_current;
	table_hold(shadow_loaded.kernel);
	table_hold(shadow_loaded.user);
	release_space(&old);
}

/* What was put off until an application runs. */
void exit_work_now(void);
void exit_work_now(void)
{
	if (shadow_current.kernel->supervisor)
		backend_fatal("application runs in an address space with supervisor pages below "
			      "the kernel's half: not modelled");
	updates_do();
	vcpu.hypervisor[EXIT_WORK] = 0;
}

void shadow_enter(void)
{
	applications_ran |= vcpu.cpl == 3;
	if (updates_must() || shadow_loaded.kernel != shadow_current.kernel)
		updates_do();
	if (shadow_loaded.kernel != shadow_current.kernel)
		load_space();
}

static void before_stores(uint64_t first, uint64_t last)
{
	for (uint64_t gfn = first; gfn <= last && gfn < machine_memory.guest_pages; gfn++)
		protect_end(gfn);
}

/* One frame, of memory, nearly always. */
void backend_before_store(gpa_t address, size_t length)
{
	uint64_t first = address.v >> PAGE_SHIFT, last = (address.v + length - 1) >> PAGE_SHIFT;

	if (first != last)
		before_stores(first, last);
	else if (first < machine_memory.guest_pages)
		protect_end(first);
}

void shadow_start(mword direct_map)
{
	vmm_watched.direct_map = direct_map;
	entry_start();
	tables_start();
}
