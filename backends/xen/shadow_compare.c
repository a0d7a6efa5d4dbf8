/* SPDX-License-Identifier: BSD-2-Clause */
/* Invalidation: what is shown is compared with what the guest's tables say now. */
#include "backends/xen/shadow_private.h"

#include "backends/xen/protect.h"
#include "backends/xen/updates.h"
#include "vmm/backend.h"
#include "vmm/vcpu.h"

/* In the applications' half they see all that is shown: the kernel's pages go until it touches
 * them again. */
static uint64_t still_shown(const struct table *table, uint64_t guest)
{
	return entry_is_shown(guest) && (table->kernel || guest & PTE_U) ? guest : 0;
}

/* Make entry `index` what the guest's allows now, no more. true: ours changes. */
static bool follow(struct table *table, unsigned index)
{
	uint64_t before = entry_leaf(table->seen[index]);

	entry_note(table, index, still_shown(table, entry_guest_value(table, index)));
	return entry_leaf(table->seen[index]) != before;
}

static void compare_leaf(struct table *table, unsigned index)
{
	if (!follow(table, index))
		return;
	updates_set(table->mfn, index, entry_leaf(table->seen[index]));
	updates_need_flush();
}

bool shadow_is_linked(const struct table *table, unsigned index, uint64_t guest)
{
	return guest & PTE_P && entry_link_seen(table, guest) == table->seen[index];
}

/* In the kernel's half what was there stays there. */
static void compare_link(struct table *table, unsigned index)
{
	uint64_t guest = entry_guest_value(table, index);
	mword va = address_of(table, index);

	if (shadow_is_linked(table, index, guest)) {
		struct table *child = table->children[index];

		child->va = va;
		shadow_compare(child);
		return;
	}
	if (entry_leads(table, index, guest) && is_kernel(va))
		shadow_connect(table, index, guest, va);
	else
		shadow_cut(table, index);
}

#define COMPARE_PRICE 11 /* instructions for an entry that is as it was */

static void compare_leaves(struct table *table)
{
	const uint64_t *guest = entry_guest(table, 0), *seen = table->seen;
	unsigned looked_at = 0;
	bool changed = false;

	for (unsigned word = 0; guest && word < TABLE_ENTRIES / 64; word++, guest += 64, seen += 64)
		for (uint64_t bits = table->used[word]; bits; bits &= bits - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(bits);

			looked_at++;
			if (guest[bit] == seen[bit])
				continue;
			changed = true;
			compare_leaf(table, word * 64 + bit);
		}
	if (changed)
		table->spent = 0;
	else
		protect_spent(table, looked_at * COMPARE_PRICE);
}

/* All that `table` shows, and what it leads to. */
void shadow_compare(struct table *table)
{
	if (table->kind == TABLE_SPLIT || table->trusted)
		return;
	if (table->level == 1) {
		compare_leaves(table);
		return;
	}
	for (unsigned word = 0; word < TABLE_ENTRIES / 64; word++)
		for (uint64_t bits = table->used[word]; bits; bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);

			compare_link(table, index);
		}
}

static void compare_half(struct table *top, bool upper)
{
	for (unsigned word = upper ? 4 : 0; word < (upper ? 8u : 4u); word++)
		for (uint64_t bits = top->used[word]; bits; bits &= bits - 1)
			compare_link(top, word * 64 + (unsigned)__builtin_ctzll(bits));
}

/* The applications' top-level table has the same children, which are compared already. */
static void compare_user_top(void)
{
	for (unsigned word = 0; word < 4; word++)
		for (uint64_t bits = shadow_current.user->used[word]; bits; bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);
			uint64_t guest = entry_guest_value(shadow_current.user, index);

			if (!(guest & PTE_U) ||
			    !shadow_is_linked(shadow_current.user, index, guest))
				shadow_cut(shadow_current.user, index);
		}
}

/* The entries of the kernel's half, but not what they lead to: all that the space before
 * showed must be there, the stack is. */
void shadow_compare_kernel_top(const struct table *before)
{
	struct table *top = shadow_current.kernel;

	for (unsigned word = 4; word < 8; word++)
		for (uint64_t bits = top->used[word] | (before ? before->used[word] : 0); bits;
		     bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);
			uint64_t guest = entry_guest_value(top, index);

			if (shadow_is_linked(top, index, guest))
				continue;
			if (entry_leads(top, index, guest))
				shadow_connect(top, index, guest, address_of(top, index));
			else if (top->seen[index])
				shadow_cut(top, index);
		}
}

void backend_flush_all(bool global)
{
	compare_half(shadow_current.kernel, false);
	compare_user_top();
	if (global || !(vcpu.cr4 & CR4_PGE))
		compare_half(shadow_current.kernel, true);
}

/* One entry, of the address space that is loaded: flushed with the change. */
static void flush_leaf(struct table *table, unsigned index, mword va)
{
	if (follow(table, index))
		updates_page(va & PAGE_MASK, entry_leaf(table->seen[index]));
}

void backend_flush_page(gva_t va)
{
	struct table *table = shadow_current.kernel;
	unsigned index;
	uint64_t guest;

	if (!is_kernel(va.v))
		compare_user_top();
	while (table->level > 1) {
		index = index_of(va.v, table->level);
		if (entry_is_fixed(table, index) || !table->seen[index])
			return;
		guest = entry_guest_value(table, index);
		if (!shadow_is_linked(table, index, guest)) {
			compare_link(table, index);
			return;
		}
		table = table->children[index];
	}
	index = index_of(va.v, 1);
	if (table->kind == TABLE_SPLIT || !table->seen[index])
		return;
	if (shadow_loaded.kernel == shadow_current.kernel)
		flush_leaf(table, index, va.v);
	else
		compare_leaf(table, index);
}
