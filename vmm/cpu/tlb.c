/* SPDX-License-Identifier: BSD-2-Clause */
/* The front-end's own translations, and instructions about caches.
 *
 * Delivering an exception reads the IDT, the GDT and the TSS and writes to a stack: walks
 * through the guest's tables, which cost more than the rest of it. As in a processor, what
 * was walked is kept until the guest invalidates: it must, so nothing else has to be
 * watched. Kept are accesses of the kernel's to memory, which these are, as host addresses;
 * a write only where the walk was for one (its dirty bit is set).
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/memory.h"

struct tlb_entry tlb[TLB_ENTRIES];
mword tlb_generation = TLB_GENERATION;

void tlb_tables_moved(void)
{
	tlb_generation += TLB_GENERATION;
}

static void forget(void)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		tlb[i].readable = tlb[i].writable = 0;
	tlb_generation += TLB_GENERATION;
}

void tlb_flush_page(gva_t va)
{
	forget(); /* the page may be a large one: all of it */
	backend_flush_page(va);
}

void tlb_flush_all(bool global)
{
	forget();
	backend_flush_all(global);
}

void tlb_load_root(gpa_t root)
{
	forget();
	backend_load_root(root);
}

static void remember(mword va, mword access, const void *bytes)
{
	mword page = va | ~PAGE_MASK;

	*tlb_entry(va) = (struct tlb_entry){
		.readable = page,
		.writable = access & ACCESS_WRITE ? page : 0,
		.shift = (uintptr_t)bytes - va,
	};
}

bool tlb_bytes(mword va, mword access, void **bytes, mword *error)
{
	gpa_t address;

	*bytes = access & ACCESS_USER ? NULL : tlb_find(va, 1, access);
	if (*bytes)
		return true;
	if (!mmu_address(gva(va), access, &address, error))
		return false;
	*bytes = memory_at(address, 1);
	if (*bytes && !(access & ACCESS_USER))
		remember(va, access, *bytes);
	return true;
}

/* A non-canonical address is no error: nothing is cached there (SDM 2 INVLPG). */
bool emulate_invlpg(const struct insn *insn, mword next)
{
	mword va = operand_address(insn);

	(void)next;
	if (canonical(va))
		tlb_flush_page(gva(va));
	return true;
}

/* invd, wbinvd, serialize: memory is coherent here, and entering the VMM serializes. */
bool emulate_nothing(const struct insn *insn, mword next)
{
	(void)insn, (void)next;
	return true;
}
