/*@120 Host mappings as a translation look-aside buffer
 *
 * A page that the guest's tables map is mapped into this process when it is first
 * touched, from the file of guest-physical memory, with the rights the guest's entry
 * gives (writable only once the entry is dirty, so that the walker sees first
 * writes). Like a hardware TLB these mappings may be stale until the guest says
 * invlpg or loads CR3: then they are compared with the guest's tables, and what
 * allows more than the tables do is unmapped or protected. Upgrades cost nothing:
 * the next access faults and is filled again.
 *
 * What is mapped is remembered per 2 MiB: one large mapping, or 512 entries in a leaf
 * (address of the frame | rights). Tables and leaves are private to the process, as
 * the mappings are. Leaves are visited in the order of addresses, so that one
 * system call covers neighbours.
 *
 * The kernel's half is the same in all guest address spaces but is filled in each
 * process by itself. Its invalidations are logged (kernel_log) and replayed
 * when a process gets its turn.
 */
#include "backends/linux/shadow.h"

#include "backends/linux/code.h"
#include "backends/linux/disarm.h"
#include "backends/linux/host.h"
#include "vmm/backend.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#include <linux/mman.h>

#define FILL_MOST 16 /* pages around a fault that are mapped with it */

bool shadow_may_map(mword va)
{
	return is_user(va) || (va >= LAYOUT_KERNEL && va < LAYOUT_VMM) ||
	       (va >= LAYOUT_VMM_END && va < LAYOUT_GUEST_END);
}

/* A twin has what is the applications', and nothing of that is executed elsewhere. */
uint64_t entry_for(const struct translation *translation, uint64_t frame)
{
	bool write = translation->writable && translation->dirty &&
		     !(frame && copies_find(frame)) && !code_watched(frame);
	uint64_t rights =
		MAY_READ | (write ? MAY_WRITE : 0) | (translation->executable ? MAY_EXEC : 0);

	if (of_twin() && !translation->user)
		rights = 0;
	else if (has_twin() && !of_twin() && translation->user)
		rights &= ~MAY_EXEC;
	return frame | rights;
}

/* `pages` pages from `va` on are mapped: `first` is the first one's entry, `guest` are
 * the guest's, of the table `path`. */
static void remember(mword va, unsigned pages, uint64_t first, const uint64_t *guest, uint64_t path)
{
	struct leaf *leaf = leaf_make(va);
	unsigned index = page_index(va);

	if (leaf->path != path)
		leaf->path = 0; /* entries of two tables: none is taken for compared */
	for (unsigned i = 0; i < pages; i++, index++) {
		leaf->used[index / 64] |= BIT(index % 64);
		leaf->page[index].entry = first + i * PAGE_SIZE;
		leaf->page[index].guest = guest[i];
	}
}

/* A read of physical memory that is not there gives all ones, as an empty bus does. */
static void fill_open_bus(mword va, const struct translation *translation, bool write)
{
	uint64_t frame = translation->address.v & PAGE_MASK;
	long result;

	if (write)
		end_machine(END_GUEST, 0, "write to physical memory that does not exist");
	result = host_call6(__NR_mmap, (long)va, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED,
			    FD_SHARED, SHARED_BUS);
	if (result < 0)
		end_machine(END_HOST, (int)-result, "mapping a page");
	if (!is_user(va))
		keys_protect(va, PAGE_SIZE, PROT_READ);
	remember(va, 1, frame | MAY_READ, &translation->entry, 0);
}

/* Pages side by side in one page table of the guest's and in guest-physical memory. */
struct run {
	const uint64_t *entries; /* of the whole table */
	uint64_t path;
	uint64_t alike;	   /* what must be the same in all entries */
	unsigned from, to; /* indices */
};

/* Is page `index` as much farther on in memory as it is in the table, with the same
 * rights, and not mapped yet? */
static bool belongs(const struct run *run, const struct leaf *leaf, unsigned index, uint64_t entry)
{
	return (run->entries[index] & run->alike) == (entry & run->alike) &&
	       (entry & PTE_ADDR) + PAGE_SIZE <= guest_memory.size &&
	       !(entry & PTE_W && code_watched(entry & PTE_ADDR)) &&
	       !(leaf && leaf->used[index / 64] & BIT(index % 64)) &&
	       !copies_find(entry & PTE_ADDR);
}

/* Applications' pages that were not accessed stay out: the guest could not see that
 * they are, and would take them away first. Its kernel's it does not ask. */
static void find_run(mword va, const struct translation *translation, struct run *run)
{
	const struct block *block = block_find(va);
	const struct leaf *leaf = block && block->leaf ? leaf_of(block) : NULL;
	unsigned index = page_index(va);
	unsigned most = is_user(va) ? FILL_MOST : BLOCK_PAGES;
	uint64_t entry = translation->entry;
	struct page_table table;

	run->entries = NULL;
	run->path = 0;
	run->from = index;
	run->to = index + 1;
	if (translation->shift != PAGE_SHIFT || !mmu_page_table(gva(va), &table) ||
	    copies_find(entry & PTE_ADDR))
		return;
	run->entries = table.entries;
	run->path = table.path;
	run->alike = PTE_ADDR | PTE_P | PTE_W | PTE_U | PTE_D | PTE_NX | (is_user(va) ? PTE_A : 0);
	while (run->to < BLOCK_PAGES && run->to - run->from < most &&
	       belongs(run, leaf, run->to, entry + (run->to - index) * PAGE_SIZE))
		run->to++;
	while (run->from > 0 && run->to - run->from < most &&
	       belongs(run, leaf, run->from - 1, entry - (index - run->from + 1) * PAGE_SIZE))
		run->from--;
}

/* The same page with other rights, as after the first write to it: a third of what a new
 * mapping costs. */
static bool change_rights(mword va, const struct translation *translation)
{
	uint64_t entry = entry_for(translation, translation->address.v & PAGE_MASK);
	const struct leaf *leaf = leaf_with(va);
	uint64_t had = leaf ? leaf->page[page_index(va)].entry : 0;
	struct page_table table;

	if (!had || ((had ^ entry) & ~RIGHTS) || had == entry || (entry & MAY_EXEC) ||
	    !protect_guest(va, PAGE_SIZE, entry))
		return false;
	if (!mmu_page_table(gva(va), &table))
		table.path = 0;
	remember(va, 1, entry, &translation->entry, table.path);
	return true;
}

/* Of a run around `va`, whose page gets `entry`. */
static bool map_run(const struct run *run, mword va, const struct translation *translation,
		    uint64_t entry)
{
	unsigned before = page_index(va) - run->from, pages = run->to - run->from;

	va -= before * PAGE_SIZE;
	entry -= before * PAGE_SIZE;
	if (!map_guest(va, pages * PAGE_SIZE, entry, pages <= FILL_MOST ? MAP_POPULATE : 0))
		return false;
	remember(va, pages, entry, run->entries ? run->entries + run->from : &translation->entry,
		 run->path);
	return true;
}

/* One page, and its neighbours that one host call maps as well. The host
 * maps neighbours of its own accord when they are read, and one after the other when they are
 * written: a short run is populated at once, of a long one only what is used. */
static bool fill_small(mword va, const struct translation *translation)
{
	struct run run;

	find_run(va, translation, &run);
	return map_run(&run, va, translation,
		       entry_for(translation, translation->address.v & PAGE_MASK));
}

/* A page that has a changed copy, where applications execute it. */
static bool fill_copy(mword va, const struct translation *translation, const struct copy *copy)
{
	uint64_t entry = copy->frame | MAY_READ | MAY_EXEC | SHOWS_COPY;
	struct page_table table;

	if (!map_guest(va, PAGE_SIZE, entry, MAP_POPULATE))
		return false;
	if (!mmu_page_table(gva(va), &table))
		table.path = 0;
	remember(va, 1, entry, &translation->entry, table.path);
	shadow_showing(va, copy);
	return true;
}

/* The pages of `run` that may be executable together with the one at `va`, `index`. false:
 * not even that one, which the run is then. */
static bool cut_to_code(struct run *run, unsigned index, mword va, uint64_t frame)
{
	unsigned before = index - run->from, pages;

	pages = code_run(va - before * PAGE_SIZE, frame - before * PAGE_SIZE, run->to - run->from);
	if (before && pages <= before) {
		run->from = index;
		pages = code_run(va, frame, run->to - index);
	}
	run->to = run->from + (pages ? pages : 1);
	return pages;
}

/* What applications execute: executable or writable (code.h). */
static bool fill_code(mword va, const struct translation *translation, bool write)
{
	unsigned index = page_index(va);
	uint64_t frame = translation->address.v & PAGE_MASK, entry;
	const struct copy *copy;
	struct run run;
	bool code;

	find_run(va, translation, &run);
	if (write) {
		run.from = index;
		run.to = index + 1;
	}
	code = !write && cut_to_code(&run, index, va, frame);
	if (!write && !code)
		disarm_page(va, translation);
	copy = write ? NULL : shadow_copy_for(va, translation);
	if (copy && code_copy(va, copy))
		return fill_copy(va, translation, copy);
	entry = entry_for(translation, frame) & ~(code ? MAY_WRITE : MAY_EXEC);
	return map_run(&run, va, translation, entry);
}

/* Is this page remembered as mapped just so? */
static bool is_mapped(mword va, uint64_t entry)
{
	const struct leaf *leaf = leaf_with(va);

	if (!leaf)
		return shadow_large_entry(va) == entry;
	return (leaf->page[page_index(va)].entry & ~SHOWS_COPY) == entry;
}

/* What the fault needs was mapped already. Once that may be: another process of the
 * machine has changed the tables, or the host has dropped a page. For ever, it is a
 * bug here: say so instead of spinning. In a twin it may be made up. */
static bool makes_progress(mword va, uint64_t entry)
{
	bool again = shadow->last_fault == va && is_mapped(va, entry);

	shadow->repeated = again ? shadow->repeated + 1 : 0;
	shadow->last_fault = va;
	if (shadow->repeated <= 64)
		return true;
	if (!of_twin())
		end_machine(END_VMM, 0, "page fault that filling does not resolve");
	return false;
}

static bool fill(mword va, const struct translation *translation, bool write)
{
	uint64_t frame = translation->address.v & PAGE_MASK;
	bool code = code_frames && is_user(va) && translation->executable;
	bool large = translation->shift > PAGE_SHIFT && !code &&
		     (frame | (BLOCK_SIZE - 1)) < guest_memory.size;
	const struct copy *copy;

	if (!shadow_may_map(va))
		end_machine(END_GUEST, 0, "the guest maps memory at the VMM's addresses");
	if (shadow->mappings > MAPPINGS_MOST)
		evict_user();
	if (of_twin() && (!is_user(va) || frame >= guest_memory.size))
		return false;
	if (frame >= guest_memory.size) {
		fill_open_bus(va, translation, write);
		return true;
	}
	if (translation->shift > (large ? BLOCK_SHIFT : PAGE_SHIFT))
		shadow_note_pieces(va, translation->shift);
	if (!large)
		shadow_drop_large(va);
	if (code) {
		shadow_give_way(va, PAGE_SIZE);
		return fill_code(va, translation, write);
	}
	if (large) {
		shadow_give_way(va & ~(BLOCK_SIZE - 1), BLOCK_SIZE);
		return shadow_fill_large(va, translation, write);
	}
	shadow_give_way(va, PAGE_SIZE);
	copy = shadow_copy_for(va, translation);
	if (copy)
		return fill_copy(va, translation, copy);
	return change_rights(va, translation) || fill_small(va, translation);
}

/* Where processes had to fill their kernel's half, the latest ones. */
#define WARM_MOST 64
static struct {
	uint32_t count;
	mword va[WARM_MOST];
} kernel_fills;

/* The zygote maps there, too: the processes that it forks begin with what others have
 * needed, for 0.2 us a mapping instead of the 4 us of a fault. */
void shadow_warm(void)
{
	uint32_t at = shadow->warmed;
	struct translation translation;

	if (kernel_fills.count - at > WARM_MOST)
		at = kernel_fills.count - WARM_MOST;
	for (; at != kernel_fills.count; at++) {
		mword va = kernel_fills.va[at % WARM_MOST];
		const struct block *block = block_find(va);

		if (!(block && block->large) && !leaf_with(va) && mmu_probe(gva(va), &translation))
			fill(va, &translation, false);
	}
	shadow->warmed = at;
}

/* Applications run in the twin, and only there. */
void shadow_choose(gva_t va)
{
	if (has_twin() && vcpu.cpl == 3 && is_user(va.v))
		shadow = shadow_twin;
}

bool shadow_fill(gva_t va, const struct translation *translation, bool write)
{
	bool done;

	if (write)
		backend_before_store(translation->address, 1);
	shadow_choose(va);
	count(COUNT_FILLS);
	if (!is_user(va.v))
		kernel_fills.va[kernel_fills.count++ % WARM_MOST] = va.v & PAGE_MASK;
	done = makes_progress(va.v & PAGE_MASK,
			      entry_for(translation, translation->address.v & PAGE_MASK)) &&
	       fill(va.v & PAGE_MASK, translation, write);
	shadow = shadow_own;
	return done;
}

/* Before the guest retries an access that its own page-fault handler just made
 * possible: saves the fault of the retry, 1.4 us. */
void shadow_prefill(gva_t va)
{
	struct translation translation;

	if (!is_user(va.v) || !mmu_probe(va, &translation) || !(translation.entry & PTE_A))
		return;
	if (!translation.user ||
	    (translation.address.v & PAGE_MASK) + PAGE_SIZE > guest_memory.size)
		return;
	shadow_choose(va);
	/* else a signal was delivered instead, and nothing has changed */
	if (!is_mapped(va.v, entry_for(&translation, translation.address.v & PAGE_MASK))) {
		count(COUNT_PREFILLS);
		fill(va.v & PAGE_MASK, &translation, false);
	}
	shadow = shadow_own;
}
