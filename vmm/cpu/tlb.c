/* SPDX-License-Identifier: BSD-2-Clause */
/* The front-end's own translations, and instructions about caches.
 *
 * Delivering an exception reads the IDT, the GDT and the TSS and writes to a stack: five
 * walks through the guest's tables, 0.2 us. As in a processor, what was walked is kept
 * until the guest invalidates: it must, so nothing else has to be watched. Kept are
 * accesses of the kernel's, which these are; a write only where the walk was for one (its
 * dirty bit is set).
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"

#define ENTRIES 16

struct entry {
	mword page; /* VALID: there is one */
	gpa_t frame;
	bool write;
};
#define VALID BIT(0)

static struct entry entries[ENTRIES];

static void forget(void)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		entries[i].page = 0;
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

static bool walk(gva_t va, mword access, struct entry *entry, mword *error)
{
	struct translation translation;

	if (!mmu_translate(va, access, &translation, error))
		return false;
	*entry = (struct entry){
		.page = access & ACCESS_USER ? 0 : (va.v & PAGE_MASK) | VALID,
		.frame = gpa(translation.address.v & PAGE_MASK),
		.write = access & ACCESS_WRITE,
	};
	return true;
}

bool tlb_translate(gva_t va, mword access, gpa_t *address, mword *error)
{
	struct entry *entry = &entries[va.v >> PAGE_SHIFT & (ENTRIES - 1)];
	bool hit = entry->page == ((va.v & PAGE_MASK) | VALID) && !(access & ACCESS_USER) &&
		   (entry->write || !(access & ACCESS_WRITE));

	if (!hit && !walk(va, access, entry, error))
		return false;
	*address = gpa(entry->frame.v | (va.v & ~PAGE_MASK));
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
