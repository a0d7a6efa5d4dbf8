/* SPDX-License-Identifier: BSD-2-Clause */
/* Which cpuid of an application becomes hlt in a copy of its page, and which does not. */
#include "backends/linux/copies.h"
#include "backends/linux/private.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FRAME 0x3000
#define VA    UINT64_C(0x400000)

static uint8_t ram[0x8000] __attribute__((aligned(4096))), bytes[PAGE_SIZE];
static struct shared the_shared;
static struct translation page; /* what the guest's tables say */
static struct copy the_copy;
static bool exists, may_make;
static unsigned shown, caught_up;

struct shared *const shared = &the_shared;
struct guest_memory guest_memory = {ram, sizeof(ram)};
struct vcpu vcpu;
uint64_t copies_generation;

bool mmu_probe(gva_t va, struct translation *translation)
{
	*translation = page;
	translation->address = gpa(FRAME | (va.v & ~PAGE_MASK));
	return page.shift != 0;
}

bool shadow_may_copy(const struct translation *translation)
{
	return translation->executable;
}

struct copy *copies_find(uint64_t frame)
{
	return exists && frame == FRAME ? &the_copy : NULL;
}

struct copy *copies_make(uint64_t frame)
{
	exists = may_make;
	memcpy(bytes, ram + frame, PAGE_SIZE);
	return may_make ? &the_copy : NULL;
}

uint8_t *copies_bytes(const struct copy *copy)
{
	(void)copy;
	return bytes;
}

void shadow_catch_up(void)
{
	caught_up++;
}

void shadow_show(gva_t va, const struct translation *translation)
{
	(void)translation;
	assert_int_equal(va.v, vcpu.regs.rip);
	shown++;
}

static int setup(void **state)
{
	(void)state;
	memset(ram, 0x90, sizeof(ram));
	memset(bytes, 0, sizeof(bytes));
	page = (struct translation){.shift = PAGE_SHIFT, .user = true, .executable = true};
	the_shared = (struct shared){0};
	exists = false;
	may_make = true;
	shown = caught_up = 0;
	return 0;
}

static void put_cpuid(unsigned offset)
{
	ram[FRAME + offset] = 0x0f;
	ram[FRAME + offset + 1] = 0xa2;
}

static void trap_at(unsigned offset)
{
	put_cpuid(offset);
	vcpu.regs.rip = VA + offset;
	cpuids_trapped();
}

static void test_changed_in_the_copy_alone(void **state)
{
	uint64_t generation = copies_generation;

	(void)state;
	put_cpuid(PAGE_SIZE - 2);
	trap_at(0x123);
	assert_int_equal(bytes[0x123], 0xf4);
	assert_int_equal(bytes[0x124], 0xa2);
	assert_int_equal(ram[FRAME + 0x123], 0x0f);
	assert_int_equal(shown, 1);
	assert_int_equal(caught_up, 1);
	assert_true(copies_generation > generation);
	assert_int_equal(the_shared.counts[COUNT_CPUIDS], 1);
	assert_int_equal(bytes[PAGE_SIZE - 2], 0x0f); /* not executed, perhaps no instruction */
	trap_at(PAGE_SIZE - 2);			      /* the last that lies on the page */
	assert_int_equal(bytes[PAGE_SIZE - 2], 0xf4);
}

/* Once: where it traps again, the copy is not shown, and must not be asked for again. */
static void test_only_once(void **state)
{
	(void)state;
	trap_at(0x123);
	trap_at(0x123);
	assert_int_equal(shown, 1);
	assert_int_equal(caught_up, 1);
}

static void assert_nothing_done(void)
{
	assert_int_equal(shown + caught_up, 0);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_not_equal(bytes[i], 0xf4);
}

static void test_left_alone(void **state)
{
	(void)state;
	trap_at(PAGE_SIZE - 1); /* the other byte is on another page */
	assert_nothing_done();
	vcpu.regs.rip = VA + 0x200; /* another instruction that trapped */
	cpuids_trapped();
	assert_nothing_done();
	page.executable = false; /* or writable, or dirty: shadow_may_copy() */
	trap_at(0x10);
	assert_nothing_done();
	page = (struct translation){0}; /* gone meanwhile */
	trap_at(0x10);
	assert_nothing_done();
}

static void test_not_where_code_must_not_change(void **state)
{
	(void)state;
	the_shared.no_gates = 1;
	trap_at(0x10);
	the_shared.no_gates = 0;
	may_make = false; /* somebody writes to the page now and then */
	trap_at(0x10);
	assert_int_equal(shown + caught_up, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_changed_in_the_copy_alone, setup),
		cmocka_unit_test_setup(test_only_once, setup),
		cmocka_unit_test_setup(test_left_alone, setup),
		cmocka_unit_test_setup(test_not_where_code_must_not_change, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
