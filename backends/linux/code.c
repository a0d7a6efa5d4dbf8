/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that applications may execute: see code.h. */
#include "backends/linux/code.h"

#include "backends/linux/copies.h"
#include "backends/linux/host.h"
#include "backends/linux/scan.h"
#include "backends/linux/shadow.h"
#include "vmm/memory.h"

#include <linux/memfd.h>
#include <linux/mman.h>

#define LOG_SIZE 1024

uint8_t *code_frames;

/* Frames that were watched, or are no more (WRITTEN), for all processes. */
#define WRITTEN UINT64_C(1)
static struct {
	uint64_t next;
	uint64_t frame[LOG_SIZE];
} frame_log;

/* Frames that are watched may hold something else than when this process last ran. */
static bool rewritten PRIVATE;

/* Mapped before the processes part: all of them share it. */
void code_start(void)
{
	uint64_t bytes = (shared->ram_bytes / PAGE_SIZE + PAGE_SIZE - 1) & PAGE_MASK;
	long fd, at;

	if (shared->isolation != ISOLATION_KEYS)
		return;
	fd = host_call2(__NR_memfd_create, "afterburn-frames", MFD_CLOEXEC);
	if (fd < 0 || host_call2(__NR_ftruncate, fd, bytes) < 0)
		end_machine(END_HOST, (int)-fd, "creating the VMM's memory");
	at = host_call6(__NR_mmap, LAYOUT_FRAMES, (long)bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, fd, 0);
	if (at < 0)
		end_machine(END_HOST, (int)-at, "mapping the VMM's memory");
	host_call1(__NR_close, fd);
	keys_protect(LAYOUT_FRAMES, bytes, PROT_READ | PROT_WRITE);
	code_frames = (uint8_t *)LAYOUT_FRAMES;
}

static const uint8_t *bytes_of(uint64_t frame)
{
	return memory_at(gpa(frame), PAGE_SIZE);
}

/* The entry of a page that is mapped by itself, or 0. */
static uint64_t entry_at(mword va)
{
	struct leaf *leaf = leaf_with(va);

	return leaf ? leaf->page[page_index(va)].entry : 0;
}

/* What is mapped by such an entry. */
static const uint8_t *bytes_at(uint64_t entry)
{
	return entry & SHOWS_COPY ? copies_bytes(copies_find(entry & PTE_ADDR))
				  : bytes_of(entry & PTE_ADDR);
}

bool code_executable(mword va)
{
	return entry_at(va) & MAY_EXEC;
}

/* --- watching -------------------------------------------------------------------------- */

/* code_catch_up() is due. */
static void change(uint64_t frame, bool watch)
{
	code_frames[frame >> PAGE_SHIFT] = watch;
	frame_log.frame[frame_log.next++ % LOG_SIZE] = frame | (watch ? 0 : WRITTEN);
}

void code_written(uint64_t frame)
{
	if (!code_watched(frame))
		return;
	change(frame, false);
	code_catch_up();
}

/* Does the page make such an instruction together with a neighbour that is executable? */
static bool across(mword va, const uint8_t *page)
{
	uint64_t before = entry_at(va - PAGE_SIZE), behind = entry_at(va + PAGE_SIZE);

	return (before & MAY_EXEC && scan_across(bytes_at(before), page)) ||
	       (behind & MAY_EXEC && scan_across(page, bytes_at(behind)));
}

bool code_copy(mword va, const struct copy *copy)
{
	const uint8_t *page = copies_bytes(copy);

	return !scan_page(page, NULL, 0) && !across(va, page);
}

static bool clean(uint64_t frame)
{
	if (code_watched(frame))
		return true;
	if (scan_page(bytes_of(frame), NULL, 0))
		return false;
	change(frame, true);
	return true;
}

unsigned code_run(mword va, uint64_t frame, unsigned pages)
{
	unsigned n = 0;

	for (; n < pages; n++, va += PAGE_SIZE, frame += PAGE_SIZE)
		if (!clean(frame) || across(va, bytes_of(frame)) ||
		    (n && scan_across(bytes_of(frame - PAGE_SIZE), bytes_of(frame))))
			break;
	code_catch_up();
	return n;
}

/* --- large mappings ---------------------------------------------------------------------- */

static void set_rights(mword va, uint64_t bytes, uint64_t entry)
{
	if (!protect_guest(va, bytes, entry))
		end_machine(END_HOST, 0, "write-protecting what applications execute");
}

void code_protect(mword va, uint64_t bytes, uint64_t entry)
{
	uint64_t first = (entry & PTE_ADDR) >> PAGE_SHIFT, pages = bytes / PAGE_SIZE;

	if (!code_frames || !(entry & MAY_WRITE))
		return;
	for (uint64_t i = 0, run; i < pages; i += run) {
		uint8_t watched = code_frames[first + i];

		for (run = 1; i + run < pages && code_frames[first + i + run] == watched; run++)
			;
		if (!watched)
			continue;
		set_rights(va + i * PAGE_SIZE, run * PAGE_SIZE, entry & ~MAY_WRITE);
		shadow->mappings += 2;
	}
}

static void protect_frame(uint64_t frame)
{
	for (int user = 0; user < 2; user++) {
		struct half *half = &shadow->half[user];

		for (uint32_t i = 0; i < half->count; i++) {
			struct block *block = &half->blocks[i];
			uint64_t offset = frame - (block->large & PTE_ADDR);

			if (block->large & MAY_WRITE && offset < BLOCK_SIZE)
				set_rights(block_address(block) + offset, PAGE_SIZE,
					   block->large & ~MAY_WRITE);
		}
	}
	shadow->mappings += 2;
}

static void protect_all(void)
{
	for (int user = 0; user < 2; user++) {
		struct half *half = &shadow->half[user];

		for (uint32_t i = 0; i < half->count; i++)
			code_protect(block_address(&half->blocks[i]), BLOCK_SIZE,
				     half->blocks[i].large);
	}
}

/* --- pages mapped by themselves ------------------------------------------------------------- */

static void forget(struct leaf *leaf, unsigned index, mword va)
{
	unmap_guest(va, PAGE_SIZE);
	leaf->used[index / 64] &= ~BIT(index % 64);
}

/* What was written and looked at again, elsewhere, is harmless by itself; here it has
 * neighbours. Copies are nobody's to write, and go by themselves (shadow_copies.c). */
static bool may_stay(mword va, uint64_t entry)
{
	if (rewritten && across(va, bytes_at(entry)))
		return false;
	return entry & SHOWS_COPY || code_watched(entry & PTE_ADDR);
}

static void review(struct leaf *leaf, unsigned index, mword va)
{
	uint64_t *entry = &leaf->page[index].entry;

	if (*entry & MAY_EXEC && is_user(va)) {
		if (!may_stay(va, *entry))
			forget(leaf, index, va);
	} else if (*entry & MAY_WRITE && code_watched(*entry & PTE_ADDR)) {
		*entry &= ~MAY_WRITE;
		if (!protect_guest(va, PAGE_SIZE, *entry))
			forget(leaf, index, va);
	}
}

/* Large mappings, and what is to be known for the others. */
static void replay(uint64_t at)
{
	rewritten = frame_log.next - at > LOG_SIZE;
	if (rewritten) {
		protect_all();
		return;
	}
	for (; at < frame_log.next; at++) {
		uint64_t frame = frame_log.frame[at % LOG_SIZE];

		if (!code_watched(frame))
			continue;
		protect_frame(frame & PTE_ADDR);
		rewritten |= frame & WRITTEN;
	}
}

void code_catch_up(void)
{
	uint64_t at = shadow->code_seen;

	if (at == frame_log.next)
		return;
	shadow->code_seen = frame_log.next;
	replay(at);
	shadow_each_page(false, review);
	shadow_each_page(true, review);
}

/* --- one instruction -------------------------------------------------------------------------- */

bool code_open(mword va)
{
	struct translation translation;
	uint64_t entry;

	if (!mmu_probe(gva(va), &translation) || !translation.user || !translation.executable ||
	    (translation.address.v & PAGE_MASK) >= guest_memory.size)
		return false;
	entry = entry_for(&translation, translation.address.v & PAGE_MASK);
	shadow_drop_large(va);
	return map_guest(va & PAGE_MASK, PAGE_SIZE, entry | MAY_EXEC, MAP_POPULATE);
}

void code_close(mword va)
{
	struct leaf *leaf = leaf_with(va);

	unmap_guest(va & PAGE_MASK, PAGE_SIZE);
	if (leaf)
		leaf->used[page_index(va) / 64] &= ~BIT(page_index(va) % 64);
}
