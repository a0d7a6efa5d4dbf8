/* SPDX-License-Identifier: BSD-2-Clause */
/* Code with WRPKRU and XRSTOR in it: of which pages a copy without is made, and what is in
 * it. With the host of fake_host.c and the guest of fake_guest.c.
 */
#include "backends/linux/disarm.h"

#include "backends/linux/code.h"
#include "backends/linux/copies.h"
#include "backends/linux/scan.h"
#include "backends/linux/shadow.h"
#include "test/unit/linux/fake_guest.h"
#include "test/unit/linux/fake_host.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define FRAME FAKE_FRAMES
#define CODE  UINT64_C(0x10000000)
#define TEXT  (PTE_P | PTE_A | PTE_U)
#define AT    0x200 /* of what the tests put into the page, among NOPs */

static uint8_t memory[LAYOUT_COPY_BYTES], frames[FAKE_MEMORY / PAGE_SIZE];
static struct shadow_tables tables, twins;
struct shadow_tables *shadow;
struct shadow_tables *const shadow_own = &tables, *const shadow_twin = &twins;
static struct fake_process process;

static uint8_t *page;

static int setup(void **state)
{
	(void)state;
	copies_memory = memory;
	memset(frames, 0, sizeof(frames));
	code_frames = frames;
	fake_guest_start();
	memset(&tables, 0, sizeof(tables));
	memset(&process, 0, sizeof(process));
	fake_process = &process;
	shared->isolation = ISOLATION_KEYS;
	shared->no_gates = 0;
	shadow_start();
	page = fake_ram + FRAME;
	memset(page, 0x90, PAGE_SIZE);
	*fake_entry(CODE, PAGE_SHIFT) = FRAME | TEXT;
	vcpu.cpl = 3;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_no_copies();
	return 0;
}

static void put(unsigned offset, const char *bytes, size_t length)
{
	memcpy(page + offset, bytes, length);
}

/* What is mapped when an application executes it. */
static const struct fake_page *executed(void)
{
	assert_true(touch(CODE, ACCESS_USER | ACCESS_FETCH));
	return fake_mapped(CODE);
}

static const uint8_t *shown(void)
{
	const struct fake_page *mapped = executed();

	assert_int_equal(mapped->file, FD_COPIES);
	assert_int_equal(mapped->protection, PROT_READ | PROT_EXEC);
	return copies_bytes(copies_find(FRAME));
}

static void not_shown(void)
{
	assert_int_equal(executed()->file, FD_RAM);
	assert_false(executed()->protection & PROT_EXEC);
}

static void instructions_are_replaced(void **state)
{
	const uint8_t *copy;

	(void)state;
	put(AT, "\x0f\xae\x6c\x24\x40", 5);	    /* xrstor 0x40(%rsp) */
	put(AT + 0x80, "\x48\x0f\xae\x2f", 4);	    /* xrstor64 (%rdi) */
	put(AT + 0x100, "\x31\xc9\x0f\x01\xef", 5); /* xor %ecx, %ecx; wrpkru */
	copy = shown();
	assert_int_equal(scan_page(copy, NULL, 0), 0);
	assert_memory_equal(copy + AT, "\x0f\x0b\x6c\x24\x40", 5);
	assert_memory_equal(copy + AT + 0x80, "\x48\x0f\x0b\x2f", 4);
	assert_memory_equal(copy + AT + 0x100, "\x31\xc9\x0f\x0b\xef", 5);
	assert_memory_equal(copy, page, AT);
	assert_memory_equal(page + AT, "\x0f\xae\x6c", 3); /* the guest's own is as it was */
}

/* One that cannot be replaced is enough. */
static void parts_of_others_are_not(void **state)
{
	(void)state;
	put(AT + 0x10, "\x0f\xae\x6c\x24\x40", 5);
	put(AT + 0x80, "\xb8\x0f\x01\xef\x00", 5); /* mov $0xef010f, %eax */
	not_shown();
	not_shown();
}

static void nor_is_what_begins_a_page(void **state)
{
	(void)state;
	put(4, "\x0f\xae\x6c\x24\x40", 5);
	not_shown();
}

/* Unless the page in front is there, to fall into step. */
static void code_before_the_page_counts(void **state)
{
	(void)state;
	memset(fake_ram + FRAME - PAGE_SIZE, 0x90, PAGE_SIZE);
	*fake_entry(CODE - PAGE_SIZE, PAGE_SHIFT) = (FRAME - PAGE_SIZE) | TEXT;
	put(4, "\x0f\xae\x6c\x24\x40", 5);
	shown();
}

static void nor_without_gates(void **state)
{
	(void)state;
	shared->no_gates = 1;
	put(AT, "\x0f\xae\x6c\x24\x40", 5);
	not_shown();
}

/* Memory that the program may write is gone through step by step. */
static void nor_what_may_be_written(void **state)
{
	(void)state;
	*fake_entry(CODE, PAGE_SHIFT) = FRAME | TEXT | PTE_W;
	put(AT, "\x0f\xae\x6c\x24\x40", 5);
	not_shown();
}

static void a_clean_page_is_itself(void **state)
{
	(void)state;
	assert_int_equal(executed()->file, FD_RAM);
	assert_true(executed()->protection & PROT_EXEC);
	assert_null(copies_find(FRAME));
}

/* It stays when other frames become watched, and goes when its own is written. */
static void a_write_ends_it(void **state)
{
	mword alias = CODE + 0x100000, other = CODE + 0x200000;

	(void)state;
	put(AT, "\x0f\xae\x6c\x24\x40", 5);
	shown();
	*fake_entry(other, PAGE_SHIFT) = (FRAME + PAGE_SIZE) | TEXT;
	assert_true(touch(other, ACCESS_USER | ACCESS_FETCH));
	assert_non_null(fake_mapped(CODE));
	*fake_entry(alias, PAGE_SHIFT) = FRAME | TEXT | PTE_W | PTE_D | PTE_NX;
	assert_true(touch(alias, ACCESS_USER | ACCESS_WRITE));
	assert_null(fake_mapped(CODE));
	assert_null(copies_find(FRAME));
}

static void what_a_trap_means(void **state)
{
	(void)state;
	put(AT, "\x0f\xae\x6c\x24\x40", 5);
	put(AT + 0x80, "\x48\x0f\xae\x2f", 4);
	put(AT + 0x100, "\x31\xc9\x0f\x01\xef", 5);
	put(AT + 0x140, "\x0f\x0b", 2);
	vcpu.regs.rip = CODE + AT;
	assert_false(disarm_trapped()); /* it is not shown yet */
	shown();
	assert_true(disarm_trapped());
	vcpu.regs.rip = CODE + AT + 0x80;
	assert_true(disarm_trapped());
	vcpu.regs.rip = CODE + AT + 0x102; /* wrpkru: undefined */
	assert_false(disarm_trapped());
	vcpu.regs.rip = CODE + AT + 0x140; /* the program's own ud2 */
	assert_false(disarm_trapped());
	vcpu.cpl = 0;
	vcpu.regs.rip = CODE + AT;
	assert_false(disarm_trapped());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(instructions_are_replaced), TEST(parts_of_others_are_not),
		TEST(nor_is_what_begins_a_page), TEST(code_before_the_page_counts),
		TEST(nor_without_gates),	 TEST(nor_what_may_be_written),
		TEST(a_clean_page_is_itself),	 TEST(what_a_trap_means),
		TEST(a_write_ends_it), /* the last: no copy of this frame is made again */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
