/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/shadow.h"

#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "backends/xen/protect.h"
#include "backends/xen/stats.h"
#include "backends/xen/tables.h"
#include "backends/xen/updates.h"
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/frontend.h"
#include "vmm/memory.h"
#include "vmm/string.h"

#define USER_SLOTS 256 /* of the top-level table: the lower half */
#define FILL_MOST  8   /* pages around a fault of an application's that are shown with it */
#define TOP	   4

/* The pair of an address space. */
struct space {
	struct table *kernel, *user;
};

static struct space current; /* what the guest loaded */
static struct space loaded;  /* what Xen knows */
uint8_t exit_work;	     /* traps.S: something to do before an application runs */

/* What is read of physical memory that is not there. */
static uint8_t ones[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t open_bus; /* its machine frame */

static unsigned index_of(mword va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & (TABLE_ENTRIES - 1);
}

static mword span(unsigned level)
{
	return PAGE_SIZE << 9 * (level - 1);
}

/* What entry `index` maps, canonical. */
static mword address_of(const struct table *table, unsigned index)
{
	mword va = table->va + index * span(table->level);

	return (mword)((int64_t)(va << 16) >> 16);
}

static bool is_kernel(mword va)
{
	return va >> 63;
}

/* --- the guest's side ---------------------------------------------------------------------- */

/* Pieces of a large page have no table of the guest's. */
static uint64_t piece(const struct table *table, unsigned index)
{
	uint64_t at = ((uint64_t)table->gfn << PAGE_SHIFT) + index * span(table->level);

	return at | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | (table->level > 1 ? PTE_PS : 0);
}

static uint64_t *guest_entry(const struct table *table, unsigned index)
{
	if (table->gfn == NO_FRAME)
		return NULL;
	return memory_at(gpa(((uint64_t)table->gfn << PAGE_SHIFT) + index * 8u), 8);
}

static uint64_t guest_value(const struct table *table, unsigned index)
{
	const uint64_t *entry;

	if (table->kind == TABLE_SPLIT)
		return piece(table, index);
	entry = guest_entry(table, index);
	return entry ? *entry : 0;
}

/* --- what ours should be -------------------------------------------------------------------- */

/* Address bits that the processor does not have: it takes no such entry. */
#define RESERVED (PTE_ADDR & ~(BIT(PHYSICAL_BITS) - 1))

/* Not accessed: the guest would miss the accessed bit. */
static bool is_shown(uint64_t guest)
{
	return (guest & (PTE_P | PTE_A | RESERVED)) == (PTE_P | PTE_A);
}

/* 0: nothing. Depends on what is protected: after note_leaf(). */
static uint64_t leaf_value(uint64_t guest)
{
	uint64_t gfn = (guest & PTE_ADDR) >> PAGE_SHIFT, flags = ENTRY_P | ENTRY_U | ENTRY_A;

	if (!is_shown(guest))
		return 0;
	if (gfn >= machine_memory.guest_pages)
		return open_bus << PAGE_SHIFT | flags | (guest & PTE_NX);
	if (guest & PTE_W && guest & PTE_D && !is_protected(gfn))
		flags |= ENTRY_W | ENTRY_D;
	return machine_memory.p2m[gfn] << PAGE_SHIFT | flags | (guest & PTE_NX);
}

/* Would it be writable, if nothing were protected? */
static bool is_writer(uint64_t guest)
{
	const uint64_t all = PTE_P | PTE_A | PTE_W | PTE_D;

	return (guest & all) == all &&
	       (guest & PTE_ADDR) >> PAGE_SHIFT < machine_memory.guest_pages;
}

/* Entry `index` of a level-1 table is made of `guest`, or empty (0), from now on. */
static void note_leaf(struct table *table, unsigned index, uint64_t guest)
{
	uint64_t seen = table->seen[index];

	if (table->kind != TABLE_SPLIT && is_writer(guest)) {
		protect_writer((guest & PTE_ADDR) >> PAGE_SHIFT, true);
		protect_end((guest & PTE_ADDR) >> PAGE_SHIFT);
	}
	if (table->kind != TABLE_SPLIT && is_writer(seen))
		protect_writer((seen & PTE_ADDR) >> PAGE_SHIFT, false);
	table_note(table, index, guest);
}

static bool is_large(const struct table *parent, uint64_t guest)
{
	return parent->level > 1 && parent->level < TOP && guest & PTE_PS;
}

/* A large page that is not dirty is made read-only in the level above its pieces. */
static uint64_t link_value(const struct table *parent, uint64_t guest, const struct table *child)
{
	bool write = guest & PTE_W && (!is_large(parent, guest) || guest & PTE_D);
	uint64_t flags = ENTRY_P | ENTRY_U | ENTRY_A | (write ? ENTRY_W : 0);

	return child->mfn << PAGE_SHIFT | flags | (guest & PTE_NX);
}

/* On the way to the VMM's image: the guest's entry may be absent there, ours is not. */
static bool is_window(const struct table *parent, unsigned index)
{
	if (parent->level == TOP)
		return parent->kind == TABLE_PLAIN && index == LAYOUT_WINDOW;
	return parent->kind == TABLE_WINDOW && parent->level == 3 && index == LAYOUT_WINDOW_L3;
}

/* Entries that are the VMM's alone, or Xen's. */
static bool is_fixed(const struct table *table, unsigned index)
{
	if (table->level == TOP)
		return index == LAYOUT_SLOT || (index >= LAYOUT_XEN && index < LAYOUT_XEN_END);
	return table->kind == TABLE_WINDOW && table->level == 2 && index < LAYOUT_WINDOW_L2S;
}

/* Does an entry of the guest's lead anywhere? Not with reserved bits (SDM 3A figure 4-11), nor does
 * a large page hide the VMM's image. */
static bool leads(const struct table *parent, unsigned index, uint64_t guest)
{
	uint64_t reserved = RESERVED | (parent->level == TOP ? PTE_PS : 0);

	if (is_large(parent, guest))
		reserved |= (span(parent->level) - 1) & PTE_ADDR & ~BIT(12); /* PAT */
	return guest & PTE_P && !(guest & reserved) &&
	       !(is_large(parent, guest) && is_window(parent, index));
}

/* --- making tables ------------------------------------------------------------------------- */

static struct table *make(uint32_t gfn, unsigned level, enum table_kind kind, mword va);

static void link_to(struct table *parent, unsigned index, struct table *child)
{
	table_hold(child);
	parent->children[index] = child;
}

static struct table *window_child(unsigned level)
{
	return make(NO_FRAME, level, TABLE_WINDOW,
		    level == 3 ? UINT64_C(0xffffff8000000000) : LAYOUT_BASE);
}

static void fill_leaves(struct table *table, uint64_t *entries)
{
	if (!table->kernel && table->kind != TABLE_SPLIT)
		return;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t guest = guest_value(table, i);

		if (table->kind == TABLE_SPLIT &&
		    (guest & PTE_ADDR) >> PAGE_SHIFT >= machine_memory.guest_pages)
			continue;
		if (!is_shown(guest))
			continue;
		note_leaf(table, i, guest);
		entries[i] = leaf_value(guest);
	}
}

static void fill_window(struct table *table, uint64_t *entries)
{
	if (table->level == 2) {
		memcpy(entries, machine_memory.window, sizeof(machine_memory.window));
		return;
	}
	if (table->level == 3) {
		struct table *child = window_child(2);

		link_to(table, LAYOUT_WINDOW_L3, child);
		entries[LAYOUT_WINDOW_L3] = child->mfn << PAGE_SHIFT | ENTRY_TABLE;
	}
}

/* Until the guest's own entry is seen, the way to the image leads through copies of nothing. */
static void fill_top(struct table *table, uint64_t *entries)
{
	struct table *child;

	if (table->kind == TABLE_USER)
		return;
	child = window_child(3);
	link_to(table, LAYOUT_WINDOW, child);
	entries[LAYOUT_WINDOW] = child->mfn << PAGE_SHIFT | ENTRY_TABLE;
	entries[LAYOUT_SLOT] = machine_memory.slot;
}

static void fill(struct table *table, uint64_t *entries)
{
	if (table->level == 1)
		fill_leaves(table, entries);
	else if (table->level == TOP)
		fill_top(table, entries);
	else if (table->kind == TABLE_WINDOW)
		fill_window(table, entries);
}

static struct table *make(uint32_t gfn, unsigned level, enum table_kind kind, mword va)
{
	struct table *table = table_find(gfn, level, kind);

	return table ? table : table_make(gfn, level, kind, va, fill);
}

/* --- links ------------------------------------------------------------------------------------ */

static enum table_kind child_kind(const struct table *parent, unsigned index, uint64_t guest)
{
	bool user = parent->level == TOP ? index < USER_SLOTS : parent->kind == TABLE_USER;

	if (is_large(parent, guest))
		return TABLE_SPLIT;
	if (user)
		return TABLE_USER;
	return is_window(parent, index) ? TABLE_WINDOW : TABLE_PLAIN;
}

/* Of a large page the first frame: below is PAT. What is no memory is all alike. */
static uint32_t child_gfn(const struct table *parent, uint64_t guest)
{
	uint64_t below = is_large(parent, guest) ? span(parent->level) - 1 : 0;
	uint64_t gfn = (guest & PTE_ADDR & ~below) >> PAGE_SHIFT;

	return gfn < machine_memory.guest_pages ? (uint32_t)gfn : NO_FRAME;
}

static uint64_t link_seen(const struct table *parent, uint64_t guest)
{
	return is_large(parent, guest) ? guest & ~PTE_A : guest & ~(PTE_A | PTE_D);
}

static void let_go(struct table *parent, unsigned index)
{
	struct table *child = parent->children[index];

	if (child)
		table_release(child);
	parent->children[index] = NULL;
	table_note(parent, index, 0);
}

/* Entry `index` goes. The VMM's image stays reachable. */
static void cut(struct table *parent, unsigned index)
{
	let_go(parent, index);
	if (is_window(parent, index)) {
		struct table *child = window_child(parent->level - 1u);

		link_to(parent, index, child);
		updates_set(parent->mfn, index, child->mfn << PAGE_SHIFT | ENTRY_TABLE);
	} else {
		updates_set(parent->mfn, index, 0);
	}
	updates_need_flush();
}

static void protect_end_of(const struct table *table)
{
	if (table->gfn < machine_memory.guest_pages)
		protect_end(table->gfn);
}

void shadow_unlink(struct table *table)
{
	if (table->level == 1 && table->kind != TABLE_SPLIT)
		protect_end_of(table);
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (table->level > 1)
			let_go(table, i);
		else
			note_leaf(table, i, 0);
}

static void compare(struct table *table);

/* Make entry `index` say what the guest's, `guest`, present, says now. */
static struct table *connect(struct table *parent, unsigned index, uint64_t guest, mword va)
{
	uint64_t seen = link_seen(parent, guest);
	enum table_kind kind = child_kind(parent, index, guest);
	struct table *child;

	if (parent->seen[index] == seen)
		return parent->children[index];
	child = make(child_gfn(parent, guest), parent->level - 1u, kind,
		     va & ~(span(parent->level) - 1));
	table_hold(child); /* it may be the one that is let go */
	if (parent->seen[index])
		updates_need_flush();
	let_go(parent, index);
	parent->children[index] = child;
	child->va = va & ~(span(parent->level) - 1);
	table_note(parent, index, seen);
	updates_set(parent->mfn, index, link_value(parent, guest, child));
	compare(child);
	return child;
}

/* --- faults
 * ---------------------------------------------------------------------------------------- */

static void set_leaf(struct table *table, unsigned index, uint64_t guest)
{
	note_leaf(table, index, guest);
	updates_set(table->mfn, index, leaf_value(guest));
}

/* The level-1 table for `va`, connected. `wanted`: the guest's entries on the way are
 * present. */
static struct table *connect_path(mword va)
{
	struct table *table = current.kernel;
	unsigned top = index_of(va, TOP);

	while (table->level > 1) {
		unsigned index = index_of(va, table->level);
		uint64_t guest = guest_value(table, index);

		if (!leads(table, index, guest) || is_fixed(table, index))
			return NULL;
		if (table->level == TOP && top < USER_SLOTS && guest & PTE_U)
			connect(current.user, top, guest, va);
		table = connect(table, index, guest, va);
	}
	return table;
}

struct table *shadow_leaf_table(mword va)
{
	struct table *table = current.kernel;

	while (table && table->level > 1) {
		unsigned index = index_of(va, table->level);

		table = is_fixed(table, index) ? NULL : table->children[index];
	}
	return table;
}

/* What lies around, as far as the guest has it mapped: accessed by us, then, as a processor
 * may that looks ahead. */
static void fill_around(struct table *table, unsigned index)
{
	unsigned first = index & ~(FILL_MOST - 1u);

	for (unsigned i = first; i < first + FILL_MOST; i++) {
		uint64_t *entry = guest_entry(table, i);

		if (i == index || !(*entry & PTE_P) || !(*entry & PTE_U) || table->seen[i])
			continue;
		*entry |= PTE_A;
		set_leaf(table, i, *entry);
	}
}

/* Whoever is interrupted must have a stack that is shown: Xen writes to it. Kernels
 * initialise a task's stack before they use it, so it was touched. Others are not: the first
 * ones, which are in the image, at both of its addresses; and those of the processor entry
 * area, so all of the kernel's half that is mapped page by page is shown before an
 * application first runs. */
static struct {
	uint64_t start, end; /* guest-physical */
	mword base;	     /* where it is linked */
} stacks;
static bool applications_ran;

void shadow_stacks(gpa_t start, gpa_t end, mword base)
{
	stacks.start = start.v & ~(span(2) - 1);
	stacks.end = end.v;
	stacks.base = base - (start.v - stacks.start);
}

/* Written to, as far as the guest's tables can say. */
static void show_stack(mword va)
{
	struct translation translation;
	mword error;

	if (mmu_translate(gva(va), ACCESS_WRITE, &translation, &error))
		connect_path(va);
}

static void show_stacks(void)
{
	for (uint64_t at = stacks.start; at < stacks.end; at += span(2)) {
		show_stack(at);
		show_stack(stacks.base + (at - stacks.start));
	}
	show_stack(0);
}

/* Linux has a table for each of the 64 slots of its vmalloc area: nearly all stay empty. */
static bool is_empty(uint64_t guest)
{
	const uint64_t *entries = memory_at(gpa(guest & PTE_ADDR), PAGE_SIZE);

	for (unsigned i = 0; entries && i < TABLE_ENTRIES; i++)
		if (entries[i] & PTE_P)
			return false;
	return true;
}

static void complete(struct table *table, unsigned first)
{
	for (unsigned i = first; i < TABLE_ENTRIES; i++) {
		uint64_t guest = guest_value(table, i);
		struct table *child;

		if (!leads(table, i, guest) || is_large(table, guest) || is_fixed(table, i) ||
		    (table->level == TOP && is_empty(guest)))
			continue;
		child = connect(table, i, guest, address_of(table, i));
		if (child->level > 1)
			complete(child, 0);
	}
}

void shadow_fill(gva_t va, const struct translation *translation, bool write)
{
	struct table *table = connect_path(va.v);
	unsigned index = index_of(va.v, 1);
	bool user = !is_kernel(va.v);
	uint64_t guest;

	if (!table)
		die("the guest touches the VMM's part of the address space", "address", va.v);
	if (vcpu.cpl == 3 && !user)
		die("an application has a page in the kernel's half: not modelled", "address",
		    va.v);
	guest = guest_value(table, index);
	if (write && (guest & PTE_ADDR) >> PAGE_SHIFT >= machine_memory.guest_pages)
		die("write to physical memory that does not exist", "address",
		    translation->address.v);
	if (write && (guest & PTE_ADDR) >> PAGE_SHIFT < machine_memory.guest_pages &&
	    is_protected((guest & PTE_ADDR) >> PAGE_SHIFT)) {
		count(STAT_TRAPPED_WRITES);
		protect_end((guest & PTE_ADDR) >> PAGE_SHIFT);
	}
	if (user && !translation->user)
		exit_work = current.kernel->supervisor = true;
	if (table->seen[index] != guest || !updates_any())
		set_leaf(table, index, guest);
	if (table->kind == TABLE_USER && translation->user)
		fill_around(table, index);
	updates_do();
}

/* --- comparing
 * ---------------------------------------------------------------------------------------- */

/* In the applications' half they see all that is shown: the kernel's pages go until it touches
 * them again. */
static uint64_t still_shown(const struct table *table, uint64_t guest)
{
	return is_shown(guest) && (table->kernel || guest & PTE_U) ? guest : 0;
}

/* Make entry `index` what the guest's allows now, no more. true: ours changes. */
static bool follow(struct table *table, unsigned index)
{
	uint64_t before = leaf_value(table->seen[index]);

	note_leaf(table, index, still_shown(table, guest_value(table, index)));
	return leaf_value(table->seen[index]) != before;
}

static void compare_leaf(struct table *table, unsigned index)
{
	if (!follow(table, index))
		return;
	updates_set(table->mfn, index, leaf_value(table->seen[index]));
	updates_need_flush();
}

static bool is_linked(const struct table *table, unsigned index, uint64_t guest)
{
	return guest & PTE_P && link_seen(table, guest) == table->seen[index];
}

/* In the kernel's half what was there stays there. */
static void compare_link(struct table *table, unsigned index)
{
	uint64_t guest = guest_value(table, index);
	mword va = address_of(table, index);

	if (is_linked(table, index, guest)) {
		struct table *child = table->children[index];

		child->va = va;
		compare(child);
		return;
	}
	if (leads(table, index, guest) && is_kernel(va))
		connect(table, index, guest, va);
	else
		cut(table, index);
}

#define COMPARE_PRICE 11 /* instructions for an entry that is as it was */

static void compare_leaves(struct table *table)
{
	const uint64_t *guest = guest_entry(table, 0), *seen = table->seen;
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
static void compare(struct table *table)
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
		for (uint64_t bits = current.user->used[word]; bits; bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);
			uint64_t guest = guest_value(current.user, index);

			if (!(guest & PTE_U) || !is_linked(current.user, index, guest))
				cut(current.user, index);
		}
}

/* The entries of the kernel's half, but not what they lead to: all that the space before
 * showed must be there, the stack is. */
static void compare_kernel_top(const struct table *before)
{
	struct table *top = current.kernel;

	for (unsigned word = 4; word < 8; word++)
		for (uint64_t bits = top->used[word] | (before ? before->used[word] : 0); bits;
		     bits &= bits - 1) {
			unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);
			uint64_t guest = guest_value(top, index);

			if (is_linked(top, index, guest))
				continue;
			if (leads(top, index, guest))
				connect(top, index, guest, address_of(top, index));
			else if (top->seen[index])
				cut(top, index);
		}
}

void backend_flush_all(bool global)
{
	compare_half(current.kernel, false);
	compare_user_top();
	if (global || !(vcpu.cr4 & CR4_PGE))
		compare_half(current.kernel, true);
}

/* One entry, of the address space that is loaded: flushed with the change. */
static void flush_leaf(struct table *table, unsigned index, mword va)
{
	if (follow(table, index))
		updates_page(va & PAGE_MASK, leaf_value(table->seen[index]));
}

void backend_flush_page(gva_t va)
{
	struct table *table = current.kernel;
	unsigned index;
	uint64_t guest;

	if (!is_kernel(va.v))
		compare_user_top();
	while (table->level > 1) {
		index = index_of(va.v, table->level);
		if (is_fixed(table, index) || !table->seen[index])
			return;
		guest = guest_value(table, index);
		if (!is_linked(table, index, guest)) {
			compare_link(table, index);
			return;
		}
		table = table->children[index];
	}
	index = index_of(va.v, 1);
	if (table->kind == TABLE_SPLIT || !table->seen[index])
		return;
	if (loaded.kernel == current.kernel)
		flush_leaf(table, index, va.v);
	else
		compare_leaf(table, index);
}

/* --- annotated writes
 * ------------------------------------------------------------------------------------- */

/* More rights than before are copied at once; fewer wait for the guest's invalidation. */
static void written(struct table *table, unsigned index, uint64_t value)
{
	if (table->level > 1 || !(value & PTE_A) || !(value & PTE_P) || table->seen[index])
		return;
	if (!table->refs || (!table->kernel && !(value & PTE_U)))
		return;
	count(STAT_WRITES_SHOWN);
	set_leaf(table, index, value);
	exit_work = 1;
	if (table->kernel)
		updates_do(); /* its next stack may be there */
}

void backend_table_written(gpa_t entry, uint64_t value)
{
	count(STAT_WRITES);
	tables_of_frame((uint32_t)(entry.v >> PAGE_SHIFT), written,
			(unsigned)(entry.v & (PAGE_SIZE - 1)) / 8, value);
}

/* --- address spaces
 * ------------------------------------------------------------------------------------------ */

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
	struct space old = current;
	uint32_t gfn = (uint32_t)((root.v & PTE_ADDR) >> PAGE_SHIFT);

	count(STAT_ROOTS);
	current.kernel = make(gfn, TOP, TABLE_PLAIN, 0);
	table_hold(current.kernel);
	current.user = make(gfn, TOP, TABLE_USER, 0);
	table_hold(current.user);
	release_space(&old);
	backend_flush_all(false);
	forget_supervisor(current.kernel);
	exit_work |= current.kernel->supervisor;
	compare_kernel_top(old.kernel);
	if (applications_ran)
		return;
	show_stacks();
	complete(current.kernel, USER_SLOTS);
	updates_do(); /* shadow_enter() may find this space loaded, and nothing that must be done */
}

static void load_space(void)
{
	struct mmuext_op operations[2] = {
		{.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = current.kernel->mfn},
		{.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = current.user->mfn},
	};
	struct space old = loaded;
	long result = xen_mmuext_op(operations, 2, NULL);

	if (result)
		die_hypercall("loading page tables", result);
	loaded = current;
	table_hold(loaded.kernel);
	table_hold(loaded.user);
	release_space(&old);
}

/* What was put off until an application runs. */
void exit_work_now(void);
void exit_work_now(void)
{
	if (current.kernel->supervisor)
		backend_fatal("application runs in an address space with supervisor pages below "
			      "the kernel's half: not modelled");
	updates_do();
	exit_work = 0;
}

void shadow_enter(void)
{
	applications_ran |= vcpu.cpl == 3;
	if (updates_must() || loaded.kernel != current.kernel)
		updates_do();
	if (loaded.kernel != current.kernel)
		load_space();
}

void backend_before_store(gpa_t address, size_t length)
{
	uint64_t first = address.v >> PAGE_SHIFT, last = (address.v + length - 1) >> PAGE_SHIFT;

	for (uint64_t gfn = first; gfn <= last && gfn < machine_memory.guest_pages; gfn++)
		protect_end(gfn);
}

void shadow_start(mword direct_map)
{
	vmm_watched.direct_map = direct_map;
	memset(ones, 0xff, sizeof(ones));
	open_bus = memory_frame_of(ones);
	tables_start();
}
