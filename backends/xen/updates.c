/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/updates.h"

#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "backends/xen/stats.h"

#define MOST 128

static mmu_update_t updates[MOST];
static unsigned waiting;
static bool need_flush;

_Noreturn static void refused(long result, unsigned done)
{
	die(result == -12 /* ENOMEM */
		    ? "Xen has no memory for a page table; give it more"
		    : "Xen refuses a page-table entry: it is no memory of this domain, or a page "
		      "table is mapped writable; entry",
	    "value", done < waiting ? updates[done].val : 0);
}

/* Two hypercalls at the price of one and a bit. */
static void do_both(void)
{
	struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
	unsigned done = 0;
	multicall_entry_t calls[2] = {
		{.op = __HYPERVISOR_mmu_update,
		 .args = {(mword)updates, waiting, (mword)&done, DOMID_SELF}},
		{.op = __HYPERVISOR_mmuext_op, .args = {(mword)&flush, 1, 0, DOMID_SELF}},
	};
	long result = xen_multicall(calls, 2);

	if (result)
		die_hypercall("multicall", result);
	if (calls[0].result)
		refused((long)calls[0].result, done);
	if (calls[1].result)
		die_hypercall("flushing", (long)calls[1].result);
}

static void do_updates(void)
{
	unsigned done = 0;
	long result = xen_mmu_update(updates, waiting, &done);

	if (result)
		refused(result, done);
}

static void do_flush(void)
{
	struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
	long result = xen_mmuext_op(&flush, 1, NULL);

	if (result)
		die_hypercall("flushing", result);
}

void updates_do(void)
{
	if (waiting) {
		stats[STAT_UPDATES] += waiting;
		count(STAT_BATCHES);
	}
	if (waiting && need_flush)
		do_both();
	else if (waiting)
		do_updates();
	else if (need_flush)
		do_flush();
	waiting = 0;
	need_flush = false;
}

void updates_set(uint64_t mfn, unsigned index, uint64_t value)
{
	if (waiting == MOST)
		updates_do();
	updates[waiting++] = (mmu_update_t){
		.ptr = mfn << PAGE_SHIFT | index * 8u | MMU_NORMAL_PT_UPDATE, .val = value};
}

void updates_need_flush(void)
{
	need_flush = true;
}

void updates_page(mword va, uint64_t value)
{
	long result;

	if (waiting)
		updates_do();
	result = xen_update_va_mapping(va, value, UVMF_INVLPG | UVMF_LOCAL);
	if (result)
		die_hypercall("update_va_mapping", result);
	stats[STAT_UPDATES]++;
	count(STAT_BATCHES);
}

bool updates_any(void)
{
	return waiting;
}

bool updates_must(void)
{
	return need_flush;
}
