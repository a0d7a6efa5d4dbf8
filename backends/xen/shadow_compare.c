/* SPDX-License-Identifier: BSD-2-Clause */
/* Invalidation: what is shown is compared with what the guest's tables say now. */
#include "backends/xen/shadow_private.h"

#include "backends/xen/protect.h"
#include "backends/xen/stats.h"
#include "backends/xen/updates.h"
#include "vmm/backend.h"
#include "vmm/vcpu.h"

/* In the applications' half they see all that is shown: the kernel's pages go until it touches
 * them again. */
static uint64_t still_shown(const struct table *table, uint64_t guest)
{
	return entry_is_shown(guest) && (table->kernel || guest & PTE_U) ? guest : 0;
}

/* Make entry `index` what the guest's allows now, no more; `leaf` is ours. true: another than
 * before. */
static bool follow(struct table *table, unsigned index, uint64_t *leaf)
{
	uint64_t guest = still_shown(table, entry_guest_value(table, index));
	uint64_t before = guest ? entry_leaf(table->seen[index]) : 0;

	entry_note(table, index, guest);
	*leaf = entry_leaf(guest);
	return !guest || *leaf != before;
}

static void compare_leaf(struct table *table, unsigned index)
{
	uint64_t leaf;

	if (!follow(table, index, &leaf))
		return;
	updates_set(table->mfn, index, leaf);
	updates_need_flush();
}

/* Entry `index` of an upper level is another. In the kernel's half what was there stays there. */
static void follow_link(struct table *table, unsigned index)
{
	uint64_t guest = entry_guest_value(table, index);
	mword va = address_of(table, index);

	if (entry_leads(table, index, guest) && is_kernel(va))
		shadow_connect(table, index, guest, va);
	else if (table->seen[index])
		shadow_cut(table, index);
}

#define WORDS	   (TABLE_ENTRIES / 64)
#define USER_WORDS (USER_SLOTS / 64)

/* Instructions to compare a table, and entries that are as they were. */
#define TABLE_PRICE 60
#define LEAF_PRICE  11
#define LINK_PRICE  35

static void compare_leaves(struct table *table)
{
	const uint64_t *guest = entry_guests(table), *seen = table->seen;
	unsigned looked_at = 0;
	bool changed = false;

	for (unsigned word = 0; word < WORDS; word++, guest += 64, seen += 64)
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
		protect_spent(table, TABLE_PRICE + looked_at * LEAF_PRICE);
}

/* Of an upper level: does the guest's entry lead where ours leads, or both nowhere? What the
 * processor writes into it is no difference, but it makes a large page writable. */
static bool is_same(uint64_t guest, uint64_t seen)
{
	return !((guest ^ seen) & ~(guest & PTE_PS ? PTE_A : PTE_A | PTE_D));
}

/* Of an upper level the entries in some words of `used`, and what they lead to. All trusted? */
static bool compare_links(struct table *table, unsigned first, unsigned end)
{
	const uint64_t *guest = entry_guests(table);
	bool changed = false, trusted = true;
	unsigned looked_at = 0;

	for (unsigned word = first; word < end; word++)
		for (uint64_t bits = table->used[word]; bits; bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);
			struct table *child = table->children[index];

			looked_at++;
			if (!is_same(guest[index], table->seen[index])) {
				follow_link(table, index);
				changed = true;
				continue;
			}
			child->va = address_of(table, index);
			trusted &= shadow_compare(child);
		}
	if (changed)
		table->spent = 0;
	else if (!table->trusted)
		protect_spent(table, TABLE_PRICE + looked_at * LINK_PRICE);
	return trusted && table->trusted;
}

bool shadow_compare(struct table *table)
{
	if (table->kind == TABLE_SPLIT)
		return true;
	if (table->level > 1)
		return compare_links(table, 0, WORDS);
	if (!table->trusted)
		compare_leaves(table);
	return table->trusted;
}

/* The applications' top-level table has the same children, which are compared already. */
static void compare_user_link(unsigned index)
{
	struct table *top = shadow_current.user;
	uint64_t guest = entry_guests(top)[index];

	if (!(guest & PTE_U) || !is_same(guest, top->seen[index]))
		shadow_cut(top, index);
}

static bool compare_user_half(void)
{
	bool trusted = compare_links(shadow_current.kernel, 0, USER_WORDS);

	for (unsigned word = 0; word < USER_WORDS; word++)
		for (uint64_t bits = shadow_current.user->used[word]; bits; bits &= bits - 1)
			compare_user_link(word * 64 + (unsigned)__builtin_ctzll(bits));
	return trusted;
}

/* The entries of the kernel's half, but not what they lead to: all that the space before
 * showed must be there, the stack is. A clean table's own are as they were. */
static void compare_kernel_top(const struct table *before)
{
	struct table *top = shadow_current.kernel;
	const uint64_t *guest = entry_guests(top);
	bool clean = top->clean == protect_epoch;

	for (unsigned word = USER_WORDS; word < WORDS; word++) {
		uint64_t bits = before ? before->used[word] : 0;

		for (bits = clean ? bits & ~top->used[word] : bits | top->used[word]; bits;
		     bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);

			if (is_same(guest[index], top->seen[index]))
				continue;
			follow_link(top, index);
			updates_need_flush(); /* before the kernel goes on */
		}
	}
}

void shadow_compare_space(const struct table *before)
{
	struct table *top = shadow_current.kernel;

	compare_kernel_top(before);
	if (!(vcpu.cr4 & CR4_PGE))
		compare_links(top, USER_WORDS, WORDS);
	if (top->clean == protect_epoch)
		count(STAT_ROOTS_TRUSTED);
	else if (compare_user_half())
		top->clean = protect_epoch;
}

void backend_flush_all(bool global)
{
	if (shadow_current.kernel->clean != protect_epoch)
		compare_user_half();
	if (global || !(vcpu.cr4 & CR4_PGE))
		compare_links(shadow_current.kernel, USER_WORDS, WORDS);
}

/* One entry, of the address space that is loaded: flushed with the change. */
static void flush_leaf(struct table *table, unsigned index, mword va)
{
	uint64_t leaf;

	if (follow(table, index, &leaf))
		updates_page(va & PAGE_MASK, leaf);
}

void backend_flush_page(gva_t va)
{
	struct table *table = shadow_current.kernel;
	unsigned index;

	if (!is_kernel(va.v) && shadow_current.user->seen[index_of(va.v, TOP)])
		compare_user_link(index_of(va.v, TOP));
	while (table->level > 1 && table->kind != TABLE_SPLIT) {
		index = index_of(va.v, table->level);
		if (entry_is_fixed(table, index) || !table->seen[index])
			return;
		if (!is_same(entry_guests(table)[index], table->seen[index])) {
			follow_link(table, index);
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
