/* SPDX-License-Identifier: BSD-2-Clause */
/* What an entry of ours should be: made of the guest's, with machine addresses. */
#include "backends/xen/shadow_private.h"

#include "backends/xen/protect.h"
#include "vmm/memory.h"
#include "vmm/string.h"

/* What is read of physical memory that is not there. */
static uint8_t ones[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t open_bus; /* its machine frame */

void entry_start(void)
{
	memset(ones, 0xff, sizeof(ones));
	open_bus = memory_frame_of(ones);
}

/* --- the guest's side ---------------------------------------------------------------------- */

/* Pieces of a large page have no table of the guest's. */
static uint64_t piece(const struct table *table, unsigned index)
{
	uint64_t at = ((uint64_t)table->gfn << PAGE_SHIFT) + index * span(table->level);

	return at | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | (table->level > 1 ? PTE_PS : 0);
}

uint64_t *entry_guest(const struct table *table, unsigned index)
{
	if (table->gfn == NO_FRAME)
		return NULL;
	return memory_at(gpa(((uint64_t)table->gfn << PAGE_SHIFT) + index * 8u), 8);
}

const uint64_t *entry_guests(const struct table *table)
{
	static const uint64_t nothing[TABLE_ENTRIES];
	const uint64_t *guests = entry_guest(table, 0);

	return guests ? guests : nothing;
}

uint64_t entry_guest_value(const struct table *table, unsigned index)
{
	return table->kind == TABLE_SPLIT ? piece(table, index) : entry_guests(table)[index];
}

/* --- what ours should be -------------------------------------------------------------------- */

/* Address bits that the processor does not have: it takes no such entry. */
#define RESERVED (PTE_ADDR & ~(BIT(PHYSICAL_BITS) - 1))

/* Not accessed: the guest would miss the accessed bit. */
bool entry_is_shown(uint64_t guest)
{
	return (guest & (PTE_P | PTE_A | RESERVED)) == (PTE_P | PTE_A);
}

/* 0: nothing. Depends on what is protected: after entry_note(). */
uint64_t entry_leaf(uint64_t guest)
{
	uint64_t gfn = (guest & PTE_ADDR) >> PAGE_SHIFT, flags = ENTRY_P | ENTRY_U | ENTRY_A;

	if (!entry_is_shown(guest))
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
void entry_note(struct table *table, unsigned index, uint64_t guest)
{
	uint64_t seen = table->seen[index];

	table_note(table, index, guest);
	if (table->kind == TABLE_SPLIT)
		return;
	if (is_writer(seen))
		protect_writer((seen & PTE_ADDR) >> PAGE_SHIFT, false);
	if (!is_writer(guest))
		return;
	protect_writer((guest & PTE_ADDR) >> PAGE_SHIFT, true);
	protect_end((guest & PTE_ADDR) >> PAGE_SHIFT);
}

bool entry_is_large(const struct table *parent, uint64_t guest)
{
	return parent->level > 1 && parent->level < TOP && guest & PTE_PS;
}

/* A large page that is not dirty is made read-only in the level above its pieces. */
uint64_t entry_link(const struct table *parent, uint64_t guest, const struct table *child)
{
	bool write = guest & PTE_W && (!entry_is_large(parent, guest) || guest & PTE_D);
	uint64_t flags = ENTRY_P | ENTRY_U | ENTRY_A | (write ? ENTRY_W : 0);

	return child->mfn << PAGE_SHIFT | flags | (guest & PTE_NX);
}

uint64_t entry_link_seen(const struct table *parent, uint64_t guest)
{
	return entry_is_large(parent, guest) ? guest & ~PTE_A : guest & ~(PTE_A | PTE_D);
}

/* On the way to the VMM's image: the guest's entry may be absent there, ours is not. */
bool entry_is_window(const struct table *parent, unsigned index)
{
	if (parent->level == TOP)
		return parent->kind == TABLE_PLAIN && index == LAYOUT_WINDOW;
	return parent->kind == TABLE_WINDOW && parent->level == 3 && index == LAYOUT_WINDOW_L3;
}

/* Entries that are the VMM's alone, or Xen's. */
bool entry_is_fixed(const struct table *table, unsigned index)
{
	if (table->level == TOP)
		return index == LAYOUT_SLOT || (index >= LAYOUT_XEN && index < LAYOUT_XEN_END);
	return table->kind == TABLE_WINDOW && table->level == 2 && index < LAYOUT_WINDOW_L2S;
}

/* Does an entry of the guest's lead anywhere? Not with reserved bits (SDM 3A figure 4-11), nor does
 * a large page hide the VMM's image. */
bool entry_leads(const struct table *parent, unsigned index, uint64_t guest)
{
	uint64_t reserved = RESERVED | (parent->level == TOP ? PTE_PS : 0);

	if (entry_is_large(parent, guest))
		reserved |= (span(parent->level) - 1) & PTE_ADDR & ~BIT(12); /* PAT */
	return guest & PTE_P && !(guest & reserved) &&
	       !(entry_is_large(parent, guest) && entry_is_window(parent, index));
}
