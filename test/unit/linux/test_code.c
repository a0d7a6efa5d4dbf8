/* SPDX-License-Identifier: BSD-2-Clause */
/* What applications execute under protection keys: nothing that opens them, at any offset or
 * over the end of a page, and nothing that anybody can write to meanwhile. With the host of
 * fake_host.c, and a guest of 8 MiB that maps what it likes.
 */
#include "backends/linux/code.h"

#include "backends/linux/scan.h"
#include "backends/linux/shadow.h"
#include "test/unit/linux/fake_guest.h"
#include "test/unit/linux/fake_host.h"
#include "vmm/backend.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define CODE   UINT64_C(0x10000000) /* where applications execute, */
#define OTHER  UINT64_C(0x30000000) /* in another order too, */
#define ALIAS  UINT64_C(0x20000000) /* where they write */
#define LINEAR (LAYOUT_KERNEL + 0x40000000)
#define KERNEL (LAYOUT_KERNEL + 0x60000000) /* page by page */

#define TEXT	(PTE_P | PTE_A | PTE_U)
#define DATA	(PTE_P | PTE_A | PTE_D | PTE_U | PTE_W | PTE_NX)
#define ANY	(PTE_P | PTE_A | PTE_D | PTE_U | PTE_W)
#define EXECUTE (ACCESS_USER | ACCESS_FETCH)

static const uint8_t wrpkru[] = {0x0f, 0x01, 0xef}, xrstor[] = {0x0f, 0xae, 0x2f};

static uint8_t memory[LAYOUT_COPY_BYTES], frames[FAKE_MEMORY / PAGE_SIZE];
static struct shadow_tables tables, asleep;
struct shadow_tables *shadow;
struct shadow_tables *const shadow_own = &tables, *const shadow_twin = NULL;
static struct fake_process processes[2];

static void guest_maps(mword va, unsigned n, uint64_t flags)
{
	*fake_entry(va, PAGE_SHIFT) = flags ? fake_frame(n) | flags : 0;
}

/* Page n is frame n in CODE and ALIAS. */
static void both_map(unsigned n, uint64_t code)
{
	guest_maps(page_at(CODE, n), n, code);
	guest_maps(page_at(ALIAS, n), n, DATA);
}

static void put(unsigned n, unsigned offset, const uint8_t *bytes)
{
	memcpy(fake_ram + fake_frame(n) + offset, bytes, 3);
}

static bool executes(mword va)
{
	return touch(va, EXECUTE) && rights_of(va) & PROT_EXEC;
}

static bool writable(mword va)
{
	return fake_mapped(va) && rights_of(va) & PROT_WRITE;
}

static int setup(void **state)
{
	(void)state;
	fake_no_copies();
	copies_memory = memory;
	fake_guest_start();
	memset(&tables, 0, sizeof(tables));
	memset(processes, 0, sizeof(processes));
	memset(frames, 0, sizeof(frames));
	shared->isolation = ISOLATION_KEYS;
	code_frames = frames;
	fake_process = &processes[0];
	shadow_start();
	shadow->copies_seen = copies_generation;
	code_catch_up();
	fake_linear(LINEAR);
	return 0;
}

static void take_turns(void)
{
	fake_swap(&tables, &asleep);
	fake_process = fake_process == &processes[0] ? &processes[1] : &processes[0];
	space_replay();
	shadow_catch_up();
	code_catch_up();
	shadow_flush_user();
}

/* --- clean and unclean pages ---------------------------------------------------------------- */

static void clean_pages_are(void **state)
{
	(void)state;
	both_map(3, TEXT);
	assert_true(executes(page_at(CODE, 3)));
	assert_true(code_executable(page_at(CODE, 3)));
	assert_true(code_watched(fake_frame(3)));
	assert_false(code_executable(page_at(CODE, 4)));
	guest_maps(page_at(CODE, 4), 4, TEXT | PTE_NX);
	assert_false(touch(page_at(CODE, 4), EXECUTE));
}

static void others_are_not(void **state)
{
	static const unsigned offsets[] = {0, 1, 2047, PAGE_SIZE - 3};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		put(2 * i, offsets[i % 4], i < 4 ? wrpkru : xrstor);
		both_map(2 * i, TEXT);
		assert_false(executes(page_at(CODE, 2 * i)));
		assert_int_equal(rights_of(page_at(CODE, 2 * i)), PROT_READ);
		assert_false(code_watched(fake_frame(2 * i)));
		assert_true(touch(page_at(ALIAS, 2 * i), ACCESS_USER | ACCESS_WRITE));
		assert_true(writable(page_at(ALIAS, 2 * i)));
	}
}

/* A run of pages ends in front of one that is not clean, and of one that makes it so. */
static void runs_end_there(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 8; n++)
		guest_maps(page_at(CODE, n), n, TEXT);
	put(3, 100, wrpkru);
	put(6, PAGE_SIZE - 2, xrstor); /* the last byte is page 7's */
	assert_true(executes(page_at(CODE, 0)));
	assert_true(code_executable(page_at(CODE, 2)));
	assert_false(code_executable(page_at(CODE, 3)));
	assert_true(executes(page_at(CODE, 4)));
	assert_true(code_executable(page_at(CODE, 6)));
	assert_false(code_executable(page_at(CODE, 7)));
}

static void neighbours(void **state)
{
	(void)state;
	for (unsigned head = 1; head <= 2; head++)
		for (unsigned first = 0; first < 2; first++) {
			unsigned n = 4 * head + 20 * first;

			put(n, PAGE_SIZE - head, wrpkru);
			guest_maps(page_at(CODE, n + first), n + first, TEXT);
			assert_true(executes(page_at(CODE, n + first)));
			guest_maps(page_at(CODE, n + !first), n + !first, TEXT);
			assert_false(executes(page_at(CODE, n + !first)));
			assert_true(rights_of(page_at(CODE, n + first)) & PROT_EXEC);
			/* not side by side they are harmless */
			guest_maps(page_at(OTHER, n), n + !first, TEXT);
			assert_true(executes(page_at(OTHER, n)));
		}
}

/* --- writers -------------------------------------------------------------------------------- */

static void executable_is_not_writable(void **state)
{
	static const mword views[] = {ALIAS, LINEAR, CODE};

	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		mword view = page_at(views[n], n);

		both_map(n, ANY);
		assert_true(touch(view, ACCESS_WRITE));
		assert_true(writable(view));
		assert_true(executes(page_at(CODE, n)));
		for (unsigned i = 0; i < 3; i++)
			assert_false(writable(page_at(views[i], n)));
		assert_true(touch(view, ACCESS_WRITE));
		assert_true(writable(view));
		assert_false(code_watched(fake_frame(n)));
		assert_false(code_executable(page_at(CODE, n)));
		put(n, 8, wrpkru);
		assert_false(executes(page_at(CODE, n)));
	}
}

/* The VMM writes for the guest: system calls of its front-end, page tables. */
static void the_vmms_writes(void **state)
{
	(void)state;
	both_map(5, TEXT);
	assert_true(executes(page_at(CODE, 5)));
	backend_before_store(gpa(fake_frame(5) + 8), 8);
	assert_false(code_watched(fake_frame(5)));
	assert_null(fake_mapped(page_at(CODE, 5)));
}

/* Mapped when its frames were watched already: with holes from the beginning. */
static void a_large_mapping_comes_later(void **state)
{
	(void)state;
	for (unsigned n = 3; n < 9; n += 5) {
		both_map(n, TEXT);
		assert_true(executes(page_at(CODE, n)));
	}
	assert_true(touch(page_at(LINEAR, 100), ACCESS_WRITE));
	for (unsigned n = 0; n < 12; n++)
		assert_int_equal(!writable(page_at(LINEAR, n)), n == 3 || n == 8);
}

/* While a process sleeps, more frames become watched than the log holds. */
static void the_log_is_too_short(void **state)
{
	(void)state;
	memcpy(&asleep, &tables, sizeof(tables));
	guest_maps(page_at(ALIAS, 7), 7, DATA);
	assert_true(touch(page_at(LINEAR, 0), ACCESS_WRITE));
	assert_true(touch(page_at(LINEAR, 512), ACCESS_WRITE));
	assert_true(touch(page_at(ALIAS, 7), ACCESS_USER | ACCESS_WRITE));
	take_turns();
	for (unsigned n = 0; n < 1000; n++) {
		guest_maps(page_at(CODE, n), n, TEXT);
		assert_true(executes(page_at(CODE, n)));
		if (n >= 950) {
			code_written(fake_frame(n));
			assert_true(executes(page_at(CODE, n)));
		}
	}
	take_turns();
	for (unsigned n = 0; n < 1000; n++)
		assert_false(writable(page_at(LINEAR, n)));
	assert_int_equal(rights_of(page_at(ALIAS, 7)), PROT_READ);
}

/* While a process sleeps, a page is written and looked at again where it has no neighbour. */
static void a_neighbour_is_rewritten(void **state)
{
	(void)state;
	memcpy(&asleep, &tables, sizeof(tables));
	put(3, PAGE_SIZE - 2, wrpkru); /* all but the last byte */
	fake_ram[fake_frame(4)] = 0x90;
	both_map(3, TEXT);
	both_map(4, TEXT);
	guest_maps(page_at(OTHER, 0), 4, TEXT);
	assert_true(executes(page_at(CODE, 3)));
	assert_true(executes(page_at(CODE, 4)));
	take_turns();
	assert_true(touch(page_at(ALIAS, 4), ACCESS_USER | ACCESS_WRITE));
	fake_ram[fake_frame(4)] = wrpkru[2];
	assert_true(executes(page_at(OTHER, 0)));
	take_turns();
	assert_false(code_executable(page_at(CODE, 3)) && code_executable(page_at(CODE, 4)));
}

/* --- copies, one instruction ---------------------------------------------------------------- */

static void unclean_copies(void **state)
{
	struct copy *copy;

	(void)state;
	both_map(3, TEXT);
	copy = copies_make(fake_frame(3));
	shadow_catch_up();
	assert_true(executes(page_at(CODE, 3)));
	assert_int_equal(fake_mapped(page_at(CODE, 3))->file, FD_COPIES);
	memcpy(copies_bytes(copy) + 77, wrpkru, 3);
	assert_false(code_copy(page_at(CODE, 3), copy));
	guest_maps(page_at(OTHER, 3), 3, 0);
	guest_maps(page_at(CODE, 3), 3, 0);
	shadow_flush_user();
	both_map(3, TEXT);
	assert_true(executes(page_at(CODE, 3)));
	assert_int_equal(fake_mapped(page_at(CODE, 3))->file, FD_RAM);
	memcpy(copies_bytes(copy) + PAGE_SIZE - 1, wrpkru, 1);
	memset(copies_bytes(copy) + 77, 0, 3);
	assert_true(code_copy(page_at(CODE, 3), copy));
	memcpy(fake_ram + fake_frame(4), wrpkru + 1, 2);
	both_map(4, TEXT);
	assert_true(executes(page_at(CODE, 4)));
	assert_false(code_copy(page_at(CODE, 3), copy));
	guest_maps(page_at(CODE, 4), 4, 0);
	shadow_flush_user();
	guest_maps(page_at(CODE, 3), 3, 0); /* where it is shown, its end counts, not the frame's */
	shadow_flush_user();
	both_map(3, TEXT);
	assert_true(executes(page_at(CODE, 3)));
	assert_int_equal(fake_mapped(page_at(CODE, 3))->file, FD_COPIES);
	both_map(4, TEXT);
	assert_false(executes(page_at(CODE, 4)));
}

/* Pages of the kernel's are read-only while they must be, and not taken from it. */
static void small_pages_of_the_kernel(void **state)
{
	mword data = page_at(KERNEL, 3), text = page_at(KERNEL, 4);

	(void)state;
	guest_maps(data, 3, DATA & ~PTE_U);
	guest_maps(text, 4, TEXT & ~PTE_U);
	assert_true(touch(data, ACCESS_WRITE));
	assert_true(touch(text, ACCESS_FETCH));
	both_map(3, TEXT);
	assert_true(executes(page_at(CODE, 3)));
	assert_int_equal(rights_of(data), PROT_READ);
	assert_int_equal(rights_of(text), PROT_READ | PROT_EXEC);
	assert_true(touch(data, ACCESS_WRITE));
	assert_true(writable(data));
	assert_false(code_executable(page_at(CODE, 3)));
}

static void open_for_one_instruction(void **state)
{
	static const uint64_t closed[] = {0, TEXT | PTE_NX, TEXT & ~PTE_U};

	(void)state;
	put(3, 9, wrpkru);
	both_map(3, TEXT);
	assert_false(executes(page_at(CODE, 3)));
	assert_true(code_open(page_at(CODE, 3) + 9));
	assert_true(rights_of(page_at(CODE, 3)) & PROT_EXEC);
	assert_false(rights_of(page_at(CODE, 3)) & PROT_WRITE);
	code_close(page_at(CODE, 3) + 9);
	assert_null(fake_mapped(page_at(CODE, 3)));
	assert_null(leaf_with(page_at(CODE, 3)));
	assert_true(touch(page_at(CODE, 3), ACCESS_USER));
	assert_int_equal(rights_of(page_at(CODE, 3)), PROT_READ);
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		guest_maps(page_at(CODE, 5), 5, closed[i]);
		assert_false(code_open(page_at(CODE, 5)));
	}
	*fake_entry(page_at(CODE, 5), PAGE_SHIFT) = FAKE_MEMORY | TEXT;
	assert_false(code_open(page_at(CODE, 5)));
}

/* --- any order ------------------------------------------------------------------------------ */

#define PAGES 10

static const uint8_t *bytes_of(const struct fake_page *at)
{
	return at->file == FD_COPIES ? memory + at->offset : fake_ram + at->offset;
}

static bool may_execute(const struct fake_page *at)
{
	return at && at->va < LAYOUT_USER_END && at->protection & PROT_EXEC;
}

/* The running process, the only one that can do harm. */
static void assert_sound(void)
{
	bool written[FAKE_MEMORY / PAGE_SIZE] = {false};

	for (unsigned i = 0; i < fake_process->count; i++)
		if (fake_process->pages[i].file == FD_RAM &&
		    fake_process->pages[i].protection & PROT_WRITE)
			written[fake_process->pages[i].offset / PAGE_SIZE] = true;
	for (unsigned i = 0; i < fake_process->count; i++) {
		const struct fake_page *at = &fake_process->pages[i], *next;
		struct translation now;

		if (!may_execute(at))
			continue;
		assert_true(mmu_probe(gva(at->va), &now) && now.executable);
		assert_int_equal(scan_page(bytes_of(at), NULL, 0), 0);
		assert_false(written[now.address.v / PAGE_SIZE]);
		next = fake_mapped(at->va + PAGE_SIZE);
		assert_false(may_execute(next) && scan_across(bytes_of(at), bytes_of(next)));
	}
}

/* Parts of instructions at ends of pages, whole ones, and what makes them harmless. */
static void write_something(mword va)
{
	static const uint8_t some[] = {0x0f, 0x01, 0xef, 0xae, 0x2f, 0x90};
	const struct fake_page *at;
	uint8_t *bytes;

	if (!touch(va, ACCESS_WRITE | (va < LAYOUT_USER_END ? ACCESS_USER : 0)))
		return;
	at = fake_mapped(va);
	assert_true(at->protection & PROT_WRITE);
	bytes = fake_ram + at->offset;
	if (rand() % 2)
		memset(bytes, 0x90, PAGE_SIZE);
	else if (rand() % 4 == 0)
		memcpy(bytes + rand() % 4094, rand() % 2 ? wrpkru : xrstor, 3);
	else
		for (unsigned i = 0; i < 2; i++) {
			bytes[i] = some[(unsigned)rand() % sizeof(some)];
			bytes[PAGE_SIZE - 1 - i] = some[(unsigned)rand() % sizeof(some)];
		}
}

/* What may be executed is, at the latest now. */
static void execute(mword va)
{
	const struct fake_page *at, *before, *behind;
	bool harmless;

	if (!touch(va, EXECUTE))
		return;
	at = fake_mapped(va);
	before = fake_mapped(va - PAGE_SIZE);
	behind = fake_mapped(va + PAGE_SIZE);
	harmless = !scan_page(bytes_of(at), NULL, 0) &&
		   !(may_execute(before) && scan_across(bytes_of(before), bytes_of(at))) &&
		   !(may_execute(behind) && scan_across(bytes_of(at), bytes_of(behind)));
	assert_int_equal(may_execute(at), harmless);
}

static void change_copy(unsigned n)
{
	struct copy *copy = copies_find(fake_frame(n));

	if (!copy)
		copies_make(fake_frame(n));
	else if (rand() % 2)
		copies_drop(copy, true);
	shadow_catch_up();
}

static void act(unsigned n)
{
	static const uint64_t some[] = {0, TEXT, TEXT, ANY, ANY, TEXT | PTE_W, TEXT | PTE_NX, DATA};
	static const mword views[] = {CODE, OTHER, ALIAS, LINEAR, KERNEL};
	unsigned which = (unsigned)rand() % 5;
	mword va = page_at(views[which], n);

	switch (rand() % 6) {
	case 0:
		if (views[which] == LINEAR)
			break;
		guest_maps(va, views[which] == OTHER ? n * 3 % PAGES : n,
			   some[rand() % 8] & ~(views[which] == KERNEL ? PTE_U : 0));
		shadow_flush_page(gva(va));
		break;
	case 1:
		write_something(va);
		break;
	case 2:
		if (rand() % 4 == 0)
			take_turns();
		break;
	case 3:
		if (rand() % 4 == 0)
			change_copy(n);
		break;
	default:
		execute(page_at(rand() % 3 ? CODE : OTHER, n));
		break;
	}
}

static void any_order(void **state)
{
	(void)state;
	srand(13);
	memcpy(&asleep, &tables, sizeof(tables));
	for (unsigned i = 0; i < 12000; i++) {
		act((unsigned)rand() % PAGES);
		assert_sound();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(clean_pages_are, setup),
		cmocka_unit_test_setup(others_are_not, setup),
		cmocka_unit_test_setup(runs_end_there, setup),
		cmocka_unit_test_setup(neighbours, setup),
		cmocka_unit_test_setup(executable_is_not_writable, setup),
		cmocka_unit_test_setup(the_vmms_writes, setup),
		cmocka_unit_test_setup(a_large_mapping_comes_later, setup),
		cmocka_unit_test_setup(the_log_is_too_short, setup),
		cmocka_unit_test_setup(a_neighbour_is_rewritten, setup),
		cmocka_unit_test_setup(unclean_copies, setup),
		cmocka_unit_test_setup(small_pages_of_the_kernel, setup),
		cmocka_unit_test_setup(open_for_one_instruction, setup),
		cmocka_unit_test_setup(any_order, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
