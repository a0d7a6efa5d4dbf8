/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that changes its page tables in any order and invalidates as the architecture demands:
 * after each step nothing is shown to it that its tables do not allow, and whatever they allow it
 * can have.
 */
#include "backends/xen/protect.h"
#include "backends/xen/stats.h"
#include "test/unit/xen/fake_shadow.h"
#include "vmm/backend.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DIRECT UINT64_C(0xffff888080000000) /* all memory, by large pages */
#define ROOTS  3
#define PLACES 128
#define STEPS  30000
#define BLOCK  UINT64_C(0x200000)
#define TABLE  (PTE_P | PTE_W | PTE_U | PTE_A)
#define USED   (PTE_P | PTE_A)
#define WRITE  (PTE_W | PTE_D)

static const mword bases[] = {
	0x400000,	    0x400000 + BIT(30),		  0x7ffff0000000,     0x555555000000,
	0xffff888000000000, 0xffff888000000000 + BIT(30), 0xffffffff81000000, 0xffffc90000000000,
};

static uint64_t roots[ROOTS];
static bool stale[ROOTS][PLACES]; /* changed, and not invalidated */
static unsigned now;		  /* the root that is loaded */

/* --- places --------------------------------------------------------------------------------- */

static mword place(unsigned n)
{
	return bases[n % 8] + (n / 8 % 4) * 3 * BLOCK + n / 32 * PAGE_SIZE;
}

static bool is_kernels(unsigned n)
{
	return place(n) >> 63;
}

static unsigned some(unsigned most)
{
	return (unsigned)rand() % most;
}

static uint64_t any_frame(void)
{
	if (some(64) == 0) /* a table, mapped once more */
		return GUEST_TABLES + some(128) * PAGE_SIZE;
	return fake_frame(some(GUEST_PAGES - GUEST_FRAMES / 4096 + 4)); /* a few are no memory */
}

/* --- the architecture's rules --------------------------------------------------------------------
 */

static void set_stale(unsigned n)
{
	for (unsigned root = 0; root < ROOTS; root++)
		stale[root][n] |= root == now || is_kernels(n);
}

static void forget(unsigned root, bool users, bool kernels)
{
	for (unsigned n = 0; n < PLACES; n++)
		if (is_kernels(n) ? kernels : users)
			for (unsigned i = 0; i < ROOTS; i++)
				stale[i][n] &= i != root && !is_kernels(n);
}

static void flush_page(unsigned n)
{
	backend_flush_page(gva(place(n)));
	for (unsigned root = 0; root < ROOTS; root++)
		stale[root][n] &= root != now && !is_kernels(n);
}

/* The kernel's pages are global. */
static void flush_all(bool global)
{
	backend_flush_all(global);
	forget(now, true, global);
}

static void load(unsigned root)
{
	now = root;
	fake_load(roots[root]);
	forget(now, true, false);
}

/* --- what the guest does -----------------------------------------------------------------------
 */

/* By its map of all memory, which the VMM may have write-protected. */
static void store(uint64_t physical)
{
	assert_true(fake_touch(DIRECT + physical, ACCESS_WRITE));
}

static void set(uint64_t *entry, uint64_t value)
{
	store((uint64_t)((uint8_t *)entry - fake_ram));
	if (rand() % 2)
		fake_write(entry, value);
	else
		*entry = value;
}

static void change_page(unsigned n)
{
	static const uint64_t flags[] = {0,
					 USED,
					 USED | WRITE,
					 USED | PTE_NX,
					 USED | PTE_W,
					 USED | WRITE | PTE_NX,
					 PTE_P,
					 PTE_P | PTE_W,
					 USED | WRITE | PTE_G | PTE_PCD};
	uint64_t *upper = fake_entry(place(n), 21), *entry;
	uint64_t value = flags[some(sizeof(flags) / sizeof(flags[0]))];

	if (*upper & PTE_PS)
		return;
	entry = fake_entry(place(n), 12);
	if (*entry & PTE_P)
		set_stale(n);
	if (!is_kernels(n) && some(16))
		value |= PTE_U;
	if (value & PTE_P)
		value |= some(3) ? any_frame() : *entry & PTE_ADDR;
	set(entry, value & PTE_P ? value : 0);
}

/* A table that is linked nowhere is a page like others. */
static void scribble(void)
{
	uint64_t table;

	if (!fake_spare_count)
		return;
	table = fake_spare[some(fake_spare_count)];
	store(table);
	for (unsigned i = 0; i < 512; i++)
		fake_word(table)[i] = any_frame() | some(256) | PTE_U;
}

/* With what it leads to. */
static void free_tables(uint64_t entry, unsigned shift)
{
	uint64_t table = entry & PTE_ADDR;

	if (!(entry & PTE_P) || entry & PTE_PS)
		return;
	for (unsigned i = 0; shift > 21 && i < 512; i++)
		free_tables(fake_word(table)[i], shift - 9);
	fake_free_table(table);
}

static uint64_t filled_table(bool user)
{
	uint64_t table = fake_new_table();

	for (unsigned i = 0; i < 512; i += 1 + some(3))
		fake_word(table)[i] =
			any_frame() | USED | (user ? PTE_U : 0) | (rand() % 2 ? WRITE : PTE_W);
	return table;
}

/* Another table of the same level, or none, or a large page. */
static void change_link(unsigned n, unsigned shift)
{
	uint64_t *entry = fake_entry(place(n), shift), before = *entry;
	bool user = !is_kernels(n);

	if (rand() % 3 == 0)
		set(entry, 0);
	else if (shift == 21 && rand() % 2)
		set(entry, some(4) * BLOCK | USED | PTE_PS | (rand() % 2 ? WRITE : PTE_W) |
				   (user ? PTE_U : 0));
	else
		set(entry, (shift == 21 ? filled_table(user) : fake_new_table()) | TABLE);
	flush_all(true);
	free_tables(before, shift);
}

static void change_rights(unsigned n, unsigned shift)
{
	static const uint64_t flags[] = {PTE_W, PTE_NX, PTE_U};
	uint64_t flag = flags[some(is_kernels(n) ? 2 : 3)];
	uint64_t *entry = fake_entry(place(n), shift);

	set(entry, *entry ^ flag);
	if (((*entry & flag) != 0) == (flag != PTE_NX) && rand() % 2)
		return; /* more rights need no flush */
	if (is_kernels(n) || rand() % 2)
		flush_all(true);
	else
		load(now);
}

static void change_upper(unsigned n)
{
	unsigned shift = some(4) ? 21 : 30;

	if (rand() % 2)
		change_link(n, shift);
	else if (*fake_entry(place(n), shift) & PTE_P)
		change_rights(n, shift);
}

static void touch(unsigned n)
{
	static const mword kinds[] = {ACCESS_READ, ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH};
	mword access = kinds[some(4)] | (!is_kernels(n) && some(4) ? ACCESS_USER : 0);
	struct translation translation = {.user = false};

	if (stale[now][n])
		flush_page(n);
	fake_resume(0);
	mmu_probe(gva(place(n)), &translation);
	/* what ends the domain is tested elsewhere */
	if (!(access & ACCESS_USER) && !is_kernels(n) && !translation.user)
		return;
	if (translation.address.v >= guest_memory.size)
		access &= ~ACCESS_WRITE;
	fake_touch(place(n), access);
}

/* --- what must hold
 * -------------------------------------------------------------------------------- */

static void check(unsigned n, bool user)
{
	struct fake_page page = fake_sees(place(n), user);
	struct translation t;
	uint64_t at;

	if (!page.present || stale[now][n])
		return;
	if (!mmu_probe(gva(place(n)), &t))
		fail_msg("%#lx is shown, and not there", place(n));
	at = fake_guest_frame(page.mfn);
	if (at != (at == UINT64_MAX ? at : t.address.v & PAGE_MASK))
		fail_msg("%#lx shows %#lx instead of %#lx", place(n), at, t.address.v);
	if (at == UINT64_MAX && (page.writable || t.address.v < guest_memory.size))
		fail_msg("%#lx shows no memory", place(n));
	if (page.writable && at != UINT64_MAX && is_protected(at >> PAGE_SHIFT))
		fail_msg("%#lx: a protected table is mapped writable", place(n));
	if ((page.writable && !(t.writable && t.dirty)) || (page.executable && !t.executable) ||
	    (user && (!t.user || is_kernels(n))) || !(t.entry & PTE_A))
		fail_msg("%#lx: too many rights, entry %#lx", place(n), t.entry);
}

static void check_all(void)
{
	bool user = rand() % 2;

	fake_resume(0);
	for (unsigned n = 0; n < PLACES; n++)
		check(n, false);
	if (!user)
		return;
	fake_resume(3);
	for (unsigned n = 0; n < PLACES; n++)
		check(n, true);
	vcpu.cpl = 0;
}

static void start(uint64_t pool)
{
	fake_shadow_start(pool, DIRECT);
	for (unsigned i = 0; i < 4; i++)
		*fake_entry(DIRECT + i * BLOCK, 21) = i * BLOCK | USED | WRITE | PTE_PS;
	fake_on_store = store;
	for (unsigned i = 0; i < ROOTS; i++) {
		roots[i] = i ? fake_new_table() : vcpu.cr3;
		for (unsigned n = 0; n < PLACES; n++)
			if (!is_kernels(n))
				fake_entry_in(roots[i], place(n), 12);
	}
	for (unsigned n = 0; n < PLACES; n++)
		if (is_kernels(n))
			for (unsigned i = 1; fake_entry_in(roots[0], place(n), 12) && i < ROOTS;
			     i++)
				*fake_word(roots[i] + (place(n) >> 39 & 511) * 8) =
					*fake_entry_in(roots[0], place(n), 39);
}

/* The guest runs and leaves its tables alone: they are worth protecting; for long, all of them. */
static void be_calm(void)
{
	unsigned times = some(4) ? 40 : 300;

	for (unsigned i = 0; i < times; i++)
		if (rand() % 2)
			flush_all(true);
		else
			load(some(ROOTS));
}

static void any_order(uint64_t pool, unsigned seed)
{
	start(pool);
	srand(seed);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned n = some(PLACES), what = some(32);

		if (what < 14)
			touch(n);
		else if (what < 24)
			change_page(n);
		else if (what < 26)
			change_upper(n);
		else if (what < 28)
			flush_page(n);
		else if (what < 29)
			flush_all(rand() % 2);
		else if (what < 30)
			scribble();
		else if (what < 31)
			load(some(ROOTS));
		if (step % 256 == 0)
			be_calm();
		check_all();
	}
	assert_vmm_is_there();
	assert_true(stats[STAT_PROTECTED] > 0);
	assert_true(stats[STAT_TRAPPED_WRITES] > 0);
	assert_true(stats[STAT_ROOTS_TRUSTED] > 500);
}

static void there_is_room(void **state)
{
	(void)state;
	any_order(1024, 1);
	assert_int_equal(stats[STAT_TABLES_DROPPED], 0);
}

static void there_is_none(void **state)
{
	(void)state;
	any_order(128, 2);
	assert_true(stats[STAT_TABLES_DROPPED] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_room),
		cmocka_unit_test(there_is_none),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
