/* SPDX-License-Identifier: BSD-2-Clause */
/* Host mappings as a TLB of the guest's page tables, with a host that remembers what it
 * was asked for (fake_host.c) and a guest of 8 MiB with real tables.
 */
#include "backends/linux/shadow.h"

#include "test/unit/linux/fake_guest.h"
#include "test/unit/linux/fake_host.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define FRAMES_AT FAKE_TABLES_END
#define FRAMES	  ((FAKE_MEMORY - FRAMES_AT) / PAGE_SIZE)

#define USER   UINT64_C(0x400000)
#define KERNEL (LAYOUT_KERNEL + 0x40000000)

#define USED  (PTE_P | PTE_A)
#define WRITE (PTE_W | PTE_D)

/* Two processes of the machine; what one of them has is copied in when it gets its turn. */
static struct shadow_tables tables, asleep, twins;
struct shadow_tables *shadow;
struct shadow_tables *const shadow_own = &tables, *const shadow_twin = &twins;
static struct fake_process processes[2];

static uint64_t *entry_of(mword va)
{
	return fake_entry(va, PAGE_SHIFT);
}

static uint64_t *upper_of(mword va)
{
	entry_of(va); /* is below it */
	return fake_entry(va, BLOCK_SHIFT);
}

static uint64_t frame(unsigned n)
{
	return FRAMES_AT + (uint64_t)(n % FRAMES) * PAGE_SIZE;
}

static void guest_maps(mword va, uint64_t at, uint64_t flags)
{
	*entry_of(va) = at | flags;
}

static void clear_calls(void)
{
	memset(&fake_calls, 0, sizeof(fake_calls));
}

static void assert_calls(unsigned maps, unsigned unmaps, unsigned protects)
{
	assert_int_equal(fake_calls.maps, maps);
	assert_int_equal(fake_calls.unmaps, unmaps);
	assert_int_equal(fake_calls.protects, protects);
	clear_calls();
}

static int set_up(enum isolation isolation)
{
	fake_guest_start();
	memset(&tables, 0, sizeof(tables));
	memset(&twins, 0, sizeof(twins));
	memset(processes, 0, sizeof(processes));
	memset(&fake_twin, 0, sizeof(fake_twin));
	shared->isolation = isolation;
	fake_process = &processes[0];
	shadow_start();
	clear_calls();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return set_up(ISOLATION_NONE);
}

/* --- how many host calls ---------------------------------------------------------------- */

static void a_page_costs_one_call(void **state)
{
	(void)state;
	guest_maps(USER, frame(0), PTE_P | PTE_U | PTE_W | PTE_NX);
	assert_true(touch(USER + 5, ACCESS_USER));
	assert_calls(1, 0, 0);
	assert_int_equal(rights_of(USER), PROT_READ);
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	assert_calls(0, 0, 1); /* the first write */
	assert_int_equal(rights_of(USER), PROT_READ | PROT_WRITE);
	assert_false(touch(USER, ACCESS_USER | ACCESS_FETCH));
	assert_calls(0, 0, 0);
}

static void neighbours_come_along(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 512; i++) {
		guest_maps(KERNEL + i * PAGE_SIZE, frame(i < 300 ? i : i + 1), PTE_P | WRITE);
		guest_maps(USER + i * PAGE_SIZE, frame(i), USED | PTE_U);
	}
	*entry_of(USER + 9 * PAGE_SIZE) &= ~PTE_A;
	assert_true(touch(KERNEL + 100 * PAGE_SIZE, ACCESS_READ));
	assert_calls(1, 0, 0);
	assert_int_equal(rights_of(KERNEL), PROT_READ | PROT_WRITE | PROT_EXEC);
	assert_int_equal(rights_of(KERNEL + 299 * PAGE_SIZE), PROT_READ | PROT_WRITE | PROT_EXEC);
	assert_null(fake_mapped(KERNEL + 300 * PAGE_SIZE));
	assert_true(touch(USER + 4 * PAGE_SIZE, ACCESS_USER));
	assert_calls(1, 0, 0);
	assert_int_equal(fake_process->count, 300 + 9);
	assert_null(fake_mapped(USER + 9 * PAGE_SIZE)); /* not accessed */
	assert_true(touch(USER + 60 * PAGE_SIZE, ACCESS_USER));
	assert_calls(1, 0, 0);
	assert_int_equal(fake_process->count, 300 + 9 + 16); /* 16 are enough */
}

static void rights_change_without_mapping(void **state)
{
	(void)state;
	guest_maps(USER, frame(7), USED | PTE_U | WRITE | PTE_NX);
	assert_true(touch(USER, ACCESS_USER | ACCESS_WRITE));
	clear_calls();
	*entry_of(USER) &= ~PTE_W;
	shadow_flush_page(gva(USER));
	assert_calls(0, 0, 1);
	assert_int_equal(rights_of(USER), PROT_READ);
	*entry_of(USER) |= PTE_W;
	shadow_flush_page(gva(USER));
	assert_calls(0, 0, 1); /* given back before it is asked for */
	assert_int_equal(rights_of(USER), PROT_READ | PROT_WRITE);
	*entry_of(USER) &= ~PTE_NX;
	shadow_flush_page(gva(USER));
	assert_calls(0, 0, 0); /* but execution is not */
	*entry_of(USER) = 0;
	shadow_flush_page(gva(USER));
	assert_calls(0, 1, 0);
	assert_int_equal(fake_process->count, 0);
}

/* Mapped while an upper level allowed writing; then it does not again. */
static void upper_levels_count(void **state)
{
	mword second = USER + PAGE_SIZE;

	(void)state;
	guest_maps(USER, frame(0), USED | PTE_U | WRITE | PTE_NX);
	guest_maps(second, frame(5), USED | PTE_U | WRITE | PTE_NX);
	*upper_of(USER) &= ~PTE_W;
	assert_true(touch(USER, ACCESS_USER));
	shadow_flush_user();
	*upper_of(USER) |= PTE_W;
	assert_true(touch(second, ACCESS_USER | ACCESS_WRITE));
	*upper_of(USER) &= ~PTE_W;
	shadow_flush_user();
	assert_int_equal(rights_of(second), PROT_READ);
}

static void a_cleared_half_goes_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		mword va = USER + i * 3 * BLOCK_SIZE;

		guest_maps(va, frame(i * 2), USED | PTE_U);
		assert_true(touch(va, ACCESS_USER));
	}
	guest_maps(KERNEL, frame(1), USED);
	assert_true(touch(KERNEL, ACCESS_READ));
	clear_calls();
	shadow_flush_user();
	assert_calls(0, 0, 0);
	*fake_word(FAKE_TABLES) = 0;
	shadow_flush_user();
	assert_calls(0, 1, 0);
	assert_int_equal(fake_process->count, 1);
	assert_int_equal(tables.half[true].count, 0);
	assert_int_equal(tables.free_leaves, LEAVES - 1);
}

/* --- always right ------------------------------------------------------------------------- */

/* Nothing is mapped that the guest's tables would not allow; and what is remembered is mapped. */
static void assert_sound(void)
{
	for (unsigned i = 0; i < fake_process->count; i++) {
		const struct fake_page *page = &fake_process->pages[i];
		struct translation now;

		assert_true(mmu_probe(gva(page->va), &now));
		assert_int_equal(now.address.v, page->offset);
		assert_false((page->protection & PROT_WRITE) && !(now.writable && now.dirty));
		assert_false((page->protection & PROT_EXEC) && !now.executable);
		assert_non_null(leaf_with(page->va));
	}
}

#define PLACES 96

/* Pages in 24 blocks of each half, four of them side by side. */
static mword place(unsigned n)
{
	mword base = n % 2 ? USER : KERNEL;

	return base + (n / 8) * 5 * BLOCK_SIZE + (n / 2 % 4) * PAGE_SIZE;
}

static void change_something(unsigned n)
{
	static const uint64_t some[] = {0,
					USED,
					USED | WRITE,
					USED | PTE_NX,
					USED | PTE_W,
					USED | WRITE | PTE_NX,
					PTE_P,
					PTE_P | PTE_W};
	uint64_t flags = some[(unsigned)rand() % 8] | (n % 2 ? PTE_U : 0);

	/* now and then the same frame with other rights, or one that continues a run */
	if (rand() % 3 == 0)
		flags |= *entry_of(place(n)) & PTE_ADDR;
	else
		flags |= frame(rand() % 2 ? n / 2 : (unsigned)rand());
	*entry_of(place(n)) = flags & PTE_P ? flags : 0;
}

static void access_something(unsigned n)
{
	mword access = (n % 2 ? ACCESS_USER : 0) | (rand() % 2 ? ACCESS_WRITE : 0);
	int need = PROT_READ | (access & ACCESS_WRITE ? PROT_WRITE : 0);
	int have = rights_of(place(n));

	if (have >= 0 && (have & need) == need)
		return;
	if (touch(place(n), access))
		assert_int_equal(rights_of(place(n)) & need, need);
}

static void flush(unsigned n)
{
	if (rand() % 4)
		shadow_flush_page(gva(place(n)));
	else if (n % 2)
		shadow_flush_user();
	else
		shadow_flush_kernel();
}

/* Rights of 2 MiB: taken away with a flush, given without one. */
static void change_upper(unsigned n)
{
	uint64_t *upper = upper_of(place(n));

	*upper ^= rand() % 2 ? PTE_W : PTE_NX;
	if (rand() % 2 || !(*upper & PTE_W) || (*upper & PTE_NX)) {
		shadow_flush_user();
		if (n % 2 == 0)
			shadow_flush_kernel();
	}
}

static void any_order(void **state)
{
	(void)state;
	srand(4);
	for (unsigned step = 0; step < 40000; step++) {
		unsigned n = (unsigned)rand() % PLACES;

		if (rand() % 3) {
			access_something(n);
			continue;
		}
		if (rand() % 8 == 0)
			change_upper(n);
		change_something(n);
		flush(n);
		assert_sound();
	}
}

static void take_turns(void)
{
	fake_swap(&tables, &asleep);
	fake_process = &processes[fake_process == processes];
	space_replay();
	shadow_flush_user();
}

/* One guest address space, two processes: what is flushed in one counts in both. */
static void the_other_process_learns(void **state)
{
	(void)state;
	srand(5);
	memcpy(&asleep, &tables, sizeof(tables));
	for (unsigned turn = 0; turn < 40; turn++) {
		unsigned steps = turn % 8 ? 40 : 600; /* longer than the log */

		while (steps--) {
			unsigned n = (unsigned)rand() % PLACES;

			access_something(n);
			change_something(n);
			shadow_flush_page(gva(place(n)));
		}
		take_turns();
		assert_sound();
	}
}

static void the_zygote_warms(void **state)
{
	(void)state;
	memcpy(&asleep, &tables, sizeof(tables));
	for (unsigned i = 0; i < 8; i++) {
		guest_maps(KERNEL + i * PAGE_SIZE * 2, frame(i), USED | WRITE);
		assert_true(touch(KERNEL + i * PAGE_SIZE * 2, ACCESS_READ));
	}
	*entry_of(KERNEL) = 0;
	shadow_flush_page(gva(KERNEL));
	take_turns();
	clear_calls();
	shadow_warm();
	assert_calls(7, 0, 0);
	assert_sound();
	shadow_warm();
	assert_calls(0, 0, 0);
}

/* --- applications in a process of their own --------------------------------------------------- */

static int setup_twin(void **state)
{
	(void)state;
	return set_up(ISOLATION_PROCESSES);
}

static const struct fake_page *in_twin(mword va)
{
	struct fake_process *own = fake_process;
	const struct fake_page *page;

	fake_process = &fake_twin;
	page = fake_mapped(va);
	fake_process = own;
	return page;
}

static void the_twin_has_applications_pages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		guest_maps(USER + i * PAGE_SIZE, frame(i), USED | WRITE | (i != 2 ? PTE_U : 0));
	vcpu.cpl = 3;
	assert_true(touch(USER, ACCESS_USER | ACCESS_FETCH));
	assert_int_equal(in_twin(USER)->protection, PROT_READ | PROT_WRITE | PROT_EXEC);
	assert_non_null(in_twin(USER + PAGE_SIZE));
	assert_null(in_twin(USER + 2 * PAGE_SIZE)); /* the kernel's */
	assert_int_equal(fake_process->count, 0);
	vcpu.cpl = 0;
	assert_true(touch(USER, ACCESS_WRITE));
	assert_int_equal(rights_of(USER), PROT_READ | PROT_WRITE); /* and no execution */
	assert_true(touch(USER + 2 * PAGE_SIZE, ACCESS_WRITE));
	assert_int_equal(rights_of(USER + 2 * PAGE_SIZE), PROT_READ | PROT_WRITE | PROT_EXEC);
}

static void both_are_invalidated(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		guest_maps(USER + i * PAGE_SIZE, frame(i), USED | WRITE | PTE_U);
	for (vcpu.cpl = 0; vcpu.cpl <= 3; vcpu.cpl += 3)
		assert_true(touch(USER, vcpu.cpl ? ACCESS_USER : ACCESS_READ));
	vcpu.cpl = 0;
	*entry_of(USER) = 0;
	*entry_of(USER + PAGE_SIZE) &= ~PTE_W;
	*entry_of(USER + 2 * PAGE_SIZE) &= ~PTE_U;
	shadow_flush_user();
	assert_null(in_twin(USER));
	assert_null(fake_mapped(USER));
	assert_false(in_twin(USER + PAGE_SIZE)->protection & PROT_WRITE);
	assert_false(rights_of(USER + PAGE_SIZE) & PROT_WRITE);
	assert_null(in_twin(USER + 2 * PAGE_SIZE));
	*entry_of(USER + 3 * PAGE_SIZE) = 0;
	shadow_flush_page(gva(USER + 3 * PAGE_SIZE));
	assert_null(in_twin(USER + 3 * PAGE_SIZE));
	assert_null(fake_mapped(USER + 3 * PAGE_SIZE));
	shadow_drop_user();
	assert_int_equal(fake_twin.count, 0);
}

/* --- the tables ----------------------------------------------------------------------------- */

static void blocks_come_and_go(void **state)
{
	static bool there[3000];
	unsigned count = 0;

	(void)state;
	srand(6);
	for (unsigned step = 0; step < 60000; step++) {
		unsigned n = (unsigned)rand() % 3000;
		mword va = USER + n * BLOCK_SIZE * (n % 3 ? 1 : 511);

		assert_int_equal(block_find(va) != NULL, there[n]);
		if (there[n])
			block_remove(block_find(va));
		else
			assert_int_equal(block_address(block_make(va)), va & ~(BLOCK_SIZE - 1));
		count += there[n] ? -1u : 1u;
		there[n] = !there[n];
		assert_int_equal(tables.half[true].count, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_page_costs_one_call, setup),
		cmocka_unit_test_setup(neighbours_come_along, setup),
		cmocka_unit_test_setup(rights_change_without_mapping, setup),
		cmocka_unit_test_setup(upper_levels_count, setup),
		cmocka_unit_test_setup(a_cleared_half_goes_at_once, setup),
		cmocka_unit_test_setup(any_order, setup),
		cmocka_unit_test_setup(the_other_process_learns, setup),
		cmocka_unit_test_setup(the_zygote_warms, setup),
		cmocka_unit_test_setup(the_twin_has_applications_pages, setup_twin),
		cmocka_unit_test_setup(both_are_invalidated, setup_twin),
		cmocka_unit_test_setup(blocks_come_and_go, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
