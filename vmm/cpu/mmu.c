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
	gpa_t at[LEVELS];     /* where the entries lie */
	uint64_t entry;	      /* the last one */
	uint64_t all;	      /* bits that all entries have */
	uint64_t any;	      /* bits that one of them has */
	uint64_t reserved;    /* bits of the last one that must not be set */
	unsigned last, shift; /* its level, and what it maps */
};

/* Reserved at all levels are address bits the processor does not have, and NX without
 * EFER.NXE (SDM 3A figure 4-11) ... */
static uint64_t always_reserved(void)
{
	return (PTE_ADDR & ~(BIT(PHYSICAL_BITS) - 1)) | (vcpu.efer & EFER_NXE ? 0 : PTE_NX);
}

/* ... PS in the top level, and the low address bits of large pages. */
static uint64_t reserved_by_size(uint64_t entry, unsigned shift)
{
	if (shift == PAGE_SHIFT || !(entry & PTE_PS))
		return 0;
	if (shift == TOP_SHIFT)
		return PTE_PS;
	return (BIT(shift) - 1) & PTE_ADDR & ~BIT(12); /* bit 12 is PAT */
}

/* An address without memory behind it reads as all ones. */
static inline uint64_t load_entry(gpa_t at)
{
	return at.v < guest_memory.size ? __atomic_load_n(memory_word(at), __ATOMIC_RELAXED)
					: ~UINT64_C(0);
}

/* One level: does the walk go on? */
static inline bool descend(struct walk *walk, gva_t va, uint64_t reserved, unsigned level)
{
	unsigned shift = TOP_SHIFT - 9 * level;

	walk->last = level;
	walk->at[level] = gpa((walk->entry & PTE_ADDR) + (va.v >> shift & 511) * PTE_BYTES);
	walk->entry = load_entry(walk->at[level]);
	walk->all &= walk->entry;
	walk->any |= walk->entry;
	return (walk->entry & (PTE_P | PTE_PS | reserved)) == PTE_P;
}

/* To the last level, a large page, or an entry that is not present or has reserved bits. */
static inline struct walk walk_tables(gva_t va)
{
	struct walk walk;
	uint64_t reserved = always_reserved();

	walk.entry = vcpu.cr3;
	walk.all = ~UINT64_C(0);
	walk.any = 0;
	/* not a loop: numbers of levels known to the compiler halve it */
	(void)(descend(&walk, va, reserved, 0) && descend(&walk, va, reserved, 1) &&
	       descend(&walk, va, reserved, 2) && descend(&walk, va, reserved, 3));
	walk.shift = TOP_SHIFT - 9 * walk.last;
	walk.reserved = walk.entry & (reserved | reserved_by_size(walk.entry, walk.shift));
	return walk;
}

static bool present(const struct walk *walk)
{
	return (walk->entry & PTE_P) && !walk->reserved;
}

_Static_assert(ACCESS_WRITE == PTE_W && ACCESS_USER == PTE_U && PF_PRESENT == PTE_P,
	       "an error code has these where an entry has them");

/* SDM 3A 4.6.1; SMEP, SMAP and protection keys are hidden from the guest. */
static bool allowed(const struct walk *walk, mword access)
{
	mword needed = access & (ACCESS_WRITE | ACCESS_USER);

	if ((access & ACCESS_FETCH) && (walk->any & PTE_NX))
		return false;
	if (needed == ACCESS_WRITE && !(vcpu.cr0 & CR0_WP))
		return true;
	return (walk->all & needed) == needed;
}

/* The I bit is reported only where fetches can be told apart (SDM 3A 4.7). */
static mword error_code(const struct walk *walk, mword access)
{
	mword error = (access & (ACCESS_WRITE | ACCESS_USER)) | (walk->entry & PTE_P);

	if ((access & ACCESS_FETCH) && (vcpu.efer & EFER_NXE))
		error |= ACCESS_FETCH;
	if ((walk->entry & PTE_P) && walk->reserved)
		error |= PF_RESERVED;
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

	if ((walk->all & PTE_A) && (walk->entry & bits) == bits)
		return;
	for (unsigned i = 0; i < walk->last; i++)
		set_bits(memory_word(walk->at[i]), PTE_A);
	set_bits(memory_word(walk->at[walk->last]), bits);
	walk->entry |= bits;
}

static gpa_t address_of(const struct walk *walk, gva_t va)
{
	uint64_t offset = BIT(walk->shift) - 1;

	return gpa((walk->entry & PTE_ADDR & ~offset) | (va.v & offset));
}

static void report(const struct walk *walk, gva_t va, bool user_access, struct translation *result)
{
	*result = (struct translation){
		.address = address_of(walk, va),
		.shift = (uint8_t)walk->shift,
		.writable = (walk->all & PTE_W) || (!user_access && !(vcpu.cr0 & CR0_WP)),
		.user = walk->all & PTE_U,
		.executable = !(walk->any & PTE_NX),
		.global = (walk->entry & PTE_G) && (vcpu.cr4 & CR4_PGE),
		.dirty = walk->entry & PTE_D,
		.entry_at = walk->at[walk->last],
		.entry = walk->entry,
	};
}

static inline bool walk_for(gva_t va, mword access, struct walk *walk, mword *error)
{
	if (!canonical(va.v)) {
		*error = MMU_NOT_CANONICAL;
		return false;
	}
	*walk = walk_tables(va);
	if (!present(walk) || !allowed(walk, access)) {
		*error = error_code(walk, access);
		return false;
	}
	mark(walk, access);
	return true;
}

bool mmu_translate(gva_t va, mword access, struct translation *translation, mword *error)
{
	struct walk walk;

	if (!walk_for(va, access, &walk, error))
		return false;
	report(&walk, va, access & ACCESS_USER, translation);
	return true;
}

bool mmu_address(gva_t va, mword access, gpa_t *address, mword *error)
{
	struct walk walk;

	if (!walk_for(va, access, &walk, error))
		return false;
	*address = address_of(&walk, va);
	return true;
}

bool mmu_probe(gva_t va, struct translation *translation)
{
	struct walk walk;

	if (!canonical(va.v))
		return false;
	walk = walk_tables(va);
	if (!present(&walk))
		return false;
	report(&walk, va, true, translation);
	return true;
}

bool mmu_page_table(gva_t va, struct page_table *table)
{
	struct walk walk;

	if (!canonical(va.v))
		return false;
	walk = walk_tables(va);
	if (walk.last != LEVELS - 1)
		return false;
	table->entries = memory_at(gpa(walk.at[walk.last].v & PAGE_MASK), PAGE_SIZE);
	table->path = walk.at[walk.last].v & PAGE_MASK;
	for (unsigned i = 0; i < walk.last && table->entries; i++) {
		uint64_t entry = load_entry(walk.at[i]);

		table->path ^= (entry & (PTE_W | PTE_U)) << i * 2 | (entry & PTE_NX) >> i;
	}
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
