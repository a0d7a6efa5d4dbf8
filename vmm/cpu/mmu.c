/* SPDX-License-Identifier: BSD-2-Clause */
/* The page walker (SDM 3A 4.5, "4-Level Paging").
 *
 * One loop over the levels: each narrows the rights. Accessed bits are set on the
 * way back, only when the whole walk is allowed, as hardware may do as well; by an
 * atomic OR, for the guest's own tables can be written meanwhile by its other
 * threads. PAE and 32-bit tables will differ in the entry size and in `levels`.
 */
#include "vmm/mmu.h"

#include "vmm/cpu/cpu.h"
#include "vmm/memory.h"

#define LEVELS	  4
#define TOP_SHIFT 39

struct walk {
	uint64_t *entries[LEVELS]; /* NULL: not in memory */
	unsigned count;
	uint64_t entry; /* the last one */
	gpa_t entry_at;
	uint8_t shift;
	bool present, reserved;
	bool writable, user, executable;
};

/* Reserved are: address bits the processor does not have, NX without EFER.NXE, PS in
 * the top level, and the low address bits of large pages (SDM 3A figure 4-11). */
static bool reserved_bits(uint64_t entry, unsigned shift)
{
	uint64_t reserved = PTE_ADDR & ~(BIT(PHYSICAL_BITS) - 1);

	if (!(vcpu.efer & EFER_NXE))
		reserved |= PTE_NX;
	if (shift == TOP_SHIFT)
		reserved |= PTE_PS;
	else if (shift != PAGE_SHIFT && (entry & PTE_PS))
		reserved |= (BIT(shift) - 1) & PTE_ADDR & ~BIT(12); /* bit 12 is PAT */
	return entry & reserved;
}

/* An address without memory behind it reads as all ones. */
static uint64_t load_entry(struct walk *walk)
{
	uint64_t *entry = memory_at(walk->entry_at, sizeof(*entry));

	walk->entries[walk->count++] = entry;
	return entry ? __atomic_load_n(entry, __ATOMIC_RELAXED) : ~UINT64_C(0);
}

static void walk_tables(gva_t va, struct walk *walk)
{
	gpa_t table = gpa(vcpu.cr3 & PTE_ADDR);

	/* not the pointers: setting them all costs as much as a level */
	walk->count = 0;
	walk->present = walk->reserved = false;
	walk->writable = walk->user = walk->executable = true;
	for (walk->shift = TOP_SHIFT;; walk->shift -= 9) {
		walk->entry_at = gpa(table.v + (va.v >> walk->shift & 511) * 8);
		walk->entry = load_entry(walk);
		if (!(walk->entry & PTE_P))
			return;
		if (reserved_bits(walk->entry, walk->shift)) {
			walk->reserved = true;
			return;
		}
		walk->writable &= (walk->entry & PTE_W) != 0;
		walk->user &= (walk->entry & PTE_U) != 0;
		walk->executable &= !(walk->entry & PTE_NX);
		if (walk->shift == PAGE_SHIFT || (walk->entry & PTE_PS))
			break;
		table = gpa(walk->entry & PTE_ADDR);
	}
	walk->present = true;
}

static uint64_t *leaf(const struct walk *walk)
{
	return walk->entries[walk->count - 1];
}

/* SDM 3A 4.6.1; SMEP, SMAP and protection keys are hidden from the guest. */
static bool allowed(const struct walk *walk, mword access)
{
	if ((access & ACCESS_USER) && !walk->user)
		return false;
	if ((access & ACCESS_FETCH) && !walk->executable)
		return false;
	if (!(access & ACCESS_WRITE) || walk->writable)
		return true;
	return !(access & ACCESS_USER) && !(vcpu.cr0 & CR0_WP);
}

/* The I bit is reported only where fetches can be told apart (SDM 3A 4.7). */
static mword error_code(const struct walk *walk, mword access)
{
	mword error = access & (ACCESS_WRITE | ACCESS_USER);

	if ((access & ACCESS_FETCH) && (vcpu.efer & EFER_NXE))
		error |= ACCESS_FETCH;
	if (walk->reserved)
		error |= PF_PRESENT | PF_RESERVED;
	else if (walk->present)
		error |= PF_PRESENT;
	return error;
}

static void set_bits(uint64_t *entry, uint64_t bits)
{
	if (entry && (*entry & bits) != bits)
		__atomic_fetch_or(entry, bits, __ATOMIC_RELAXED);
}

static void mark(struct walk *walk, mword access)
{
	uint64_t bits = PTE_A | (access & ACCESS_WRITE ? PTE_D : 0);

	for (unsigned i = 0; i + 1 < walk->count; i++)
		set_bits(walk->entries[i], PTE_A);
	set_bits(leaf(walk), bits);
	walk->entry |= bits;
}

static void report(const struct walk *walk, gva_t va, bool user_access, struct translation *result)
{
	uint64_t offset = va.v & (BIT(walk->shift) - 1);
	uint64_t page = walk->entry & PTE_ADDR & ~(BIT(walk->shift) - 1);

	*result = (struct translation){
		.address = gpa(page | offset),
		.shift = walk->shift,
		.writable = walk->writable || (!user_access && !(vcpu.cr0 & CR0_WP)),
		.user = walk->user,
		.executable = walk->executable,
		.global = (walk->entry & PTE_G) && (vcpu.cr4 & CR4_PGE),
		.dirty = walk->entry & PTE_D,
		.entry_at = walk->entry_at,
		.entry = walk->entry,
	};
}

bool mmu_translate(gva_t va, mword access, struct translation *translation, mword *error)
{
	struct walk walk;

	if (!canonical(va.v)) {
		*error = MMU_NOT_CANONICAL;
		return false;
	}
	walk_tables(va, &walk);
	if (!walk.present || !allowed(&walk, access)) {
		*error = error_code(&walk, access);
		return false;
	}
	mark(&walk, access);
	report(&walk, va, access & ACCESS_USER, translation);
	return true;
}

bool mmu_probe(gva_t va, struct translation *translation)
{
	struct walk walk;

	if (!canonical(va.v))
		return false;
	walk_tables(va, &walk);
	if (!walk.present)
		return false;
	report(&walk, va, true, translation);
	return true;
}

bool mmu_page_table(gva_t va, struct page_table *table)
{
	struct walk walk;

	if (!canonical(va.v))
		return false;
	walk_tables(va, &walk);
	if (walk.count != LEVELS)
		return false;
	table->entries = memory_at(gpa(walk.entry_at.v & PAGE_MASK), PAGE_SIZE);
	table->path = walk.entry_at.v & PAGE_MASK;
	for (unsigned i = 0; i + 1 < LEVELS && table->entries; i++)
		table->path ^= (*walk.entries[i] & (PTE_W | PTE_U)) << i * 2 |
			       (*walk.entries[i] & PTE_NX) >> i;
	return table->entries != NULL;
}

bool mmu_empty(gpa_t root, gva_t end)
{
	const uint64_t *entries = memory_at(root, PAGE_SIZE);

	for (mword i = 0; entries && i < end.v >> TOP_SHIFT; i++)
		if (entries[i] & PTE_P)
			return false;
	return true;
}
