/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_guest.h explains. */
#include "test/unit/linux/fake_guest.h"

#include "backends/linux/shadow.h"
#include "test/unit/linux/fake_host.h"
#include "vmm/memory.h"
#include "vmm/mmu.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

uint8_t fake_ram[FAKE_MEMORY] __attribute__((aligned(4096)));
static uint64_t next_table;

void fake_guest_start(void)
{
	memset(fake_ram, 0, sizeof(fake_ram));
	guest_memory = (struct guest_memory){fake_ram, FAKE_MEMORY};
	next_table = FAKE_TABLES + PAGE_SIZE;
	vcpu = (struct vcpu){.cr0 = CR0_PE | CR0_PG | CR0_WP,
			     .cr3 = FAKE_TABLES,
			     .cr4 = CR4_PAE | CR4_PGE,
			     .efer = EFER_LME | EFER_LMA | EFER_NXE};
}

uint64_t *fake_word(uint64_t physical)
{
	return (uint64_t *)(void *)(fake_ram + physical);
}

uint64_t *fake_entry(mword va, unsigned shift)
{
	uint64_t table = vcpu.cr3;

	for (unsigned level = 39; level > shift; level -= 9) {
		uint64_t *entry = fake_word(table + (va >> level & 511) * 8);

		if (!*entry) {
			assert_true(next_table < FAKE_TABLES_END);
			*entry = next_table | PTE_P | PTE_W | PTE_U;
			next_table += PAGE_SIZE;
		}
		table = *entry & PTE_ADDR;
	}
	return fake_word(table + (va >> shift & 511) * 8);
}

void fake_linear(mword va)
{
	for (unsigned i = 0; i < 2; i++)
		*fake_entry(va + i * BLOCK_SIZE, BLOCK_SHIFT) =
			(FAKE_FRAMES + i * BLOCK_SIZE) | PTE_P | PTE_W | PTE_A | PTE_D | PTE_PS;
}

void fake_no_copies(void)
{
	for (unsigned i = 0; i < copies_end; i++)
		if (copies[i].frame)
			copies_drop(&copies[i], true);
}

bool guest_peek(gva_t va, void *to, size_t length)
{
	struct translation translation;

	for (size_t i = 0; i < length; i++) {
		if (!mmu_probe(gva(va.v + i), &translation))
			return false;
		((uint8_t *)to)[i] = fake_ram[translation.address.v];
	}
	return true;
}

bool touch(mword va, mword access)
{
	struct translation translation;
	mword error;

	if (!mmu_translate(gva(va), access, &translation, &error))
		return false;
	assert_true(shadow_fill(gva(va), &translation, access & ACCESS_WRITE));
	return true;
}

#define LEAVES_MOST 256 /* all of them are 34 MB */

static void swap(void *one, void *other, size_t bytes)
{
	static uint8_t kept[sizeof(struct leaf) * LEAVES_MOST];

	assert_true(bytes <= sizeof(kept));
	memcpy(kept, one, bytes);
	memcpy(one, other, bytes);
	memcpy(other, kept, bytes);
}

/* The lowest leaves are taken first. */
void fake_swap(struct shadow_tables *running, struct shadow_tables *asleep)
{
	size_t behind = offsetof(struct shadow_tables, free_leaf);

	assert_true(LEAVES - running->free_leaves <= LEAVES_MOST);
	assert_true(LEAVES - asleep->free_leaves <= LEAVES_MOST);
	swap(running->half, asleep->half, sizeof(running->half));
	swap(running->leaves, asleep->leaves, sizeof(struct leaf) * LEAVES_MOST);
	swap((uint8_t *)running + behind, (uint8_t *)asleep + behind, sizeof(*running) - behind);
}

int rights_of(mword va)
{
	const struct fake_page *page = fake_mapped(va);

	return page ? page->protection : -1;
}
