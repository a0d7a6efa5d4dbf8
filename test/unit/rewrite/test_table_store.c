/* SPDX-License-Identifier: BSD-2-Clause */
/* Page-table writes that a back-end wants to be told of: the guest's own store, and a look at
 * what the back-end watches. Executed, and interrupted at each instruction.
 */
#include "machine.h"
#include "samples.h"
#include "vmm/frontend.h"

#define SITE	CODE_AT
#define FRAMES	4
#define ENTRIES (4096 / 8)

static const struct {
	struct sample sample;
	unsigned value, base; /* registers */
} stores[] = {
	{FOLLOWED("mov %rdx, 0(%rax)", PTE_WRITE, 0, 0x48, 0x89, 0x90, 0, 0, 0, 0), RDX, RAX},
	{FOLLOWED("mov %rax, 0(%rcx)", PTE_WRITE, 0, 0x48, 0x89, 0x81, 0, 0, 0, 0), RAX, RCX},
	{FOLLOWED("mov %rcx, 0(%rdi)", PTE_WRITE, 0, 0x48, 0x89, 0x8f, 0, 0, 0, 0), RCX, RDI},
	{FOLLOWED("mov %r9, 0(%r12)", PTE_WRITE, 0, 0x4d, 0x89, 0x8c, 0x24, 0, 0, 0, 0), R9, R12},
	{FOLLOWED("mov %rbp, 0(%r13)", PTE_WRITE, 0, 0x49, 0x89, 0xad, 0, 0, 0, 0), RBP, R13},
};
#define STORES (sizeof(stores) / sizeof(stores[0]))

static uint64_t tables[FRAMES][ENTRIES] __attribute__((aligned(4096)));
static uint8_t marks[FRAMES];
static uint64_t *const entry = &tables[2][77];

static void place(unsigned i, uint64_t value)
{
	machine_reset(NULL);
	wanted = true;
	vmm_watched = (struct watched){(mword)tables, FRAMES, marks};
	*entry = 0;
	machine_place(SITE, &stores[i].sample);
	machine_registers(SITE, FLAG_IF);
	before.gpr[stores[i].value] = value;
	before.gpr[stores[i].base] = (mword)entry;
}

static void check(unsigned i, uint64_t value, unsigned calls)
{
	assert_int_equal(*entry, value);
	assert_int_equal(site_calls, calls);
	assert_same_registers(&after, &before, 0);
	if (calls)
		assert_int_equal(site_next, SITE + stores[i].sample.length);
}

static void expect_calls(uint64_t value, unsigned calls)
{
	for (unsigned i = 0; i < STORES; i++) {
		place(i, value);
		machine_run();
		check(i, value, calls);
	}
}

static void test_absent(void **state)
{
	(void)state;
	marks[2] = 1;
	expect_calls(0x1000, 0);
	expect_calls(0, 0);
	marks[2] = 0;
}

static void test_not_watched(void **state)
{
	(void)state;
	marks[1] = marks[3] = 1;
	expect_calls(0x1067, 0);
	marks[1] = marks[3] = 0;
}

static void check_stored(unsigned calls)
{
	assert_int_equal(stored_calls, calls);
	if (calls)
		assert_int_equal(stored_entry.v, (uint8_t *)entry - (uint8_t *)tables);
}

static void test_watched(void **state)
{
	(void)state;
	marks[2] = 1;
	for (unsigned i = 0; i < STORES; i++) {
		place(i, 0x1067);
		machine_run();
		check(i, 0x1067, 0);
		check_stored(1);
	}
	marks[2] = 0;
}

/* Registers that C may change. */
static void change_registers(void)
{
	__asm__ volatile("xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx; xor %%esi, %%esi;"
			 "xor %%edi, %%edi; xor %%r8d, %%r8d; xor %%r9d, %%r9d; xor %%r10d, %%r10d;"
			 "xor %%r11d, %%r11d"
			 :
			 :
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");
}

static void test_registers(void **state)
{
	(void)state;
	marks[2] = 1;
	for (unsigned i = 0; i < STORES; i++) {
		place(i, 0x1067);
		stored_action = change_registers;
		machine_run();
		check(i, 0x1067, 0);
		check_stored(1);
		assert_int_equal(vcpu.in_vmm, 0);
	}
	marks[2] = 0;
}

/* An event came meanwhile: the general way looks at it. */
static void mark_pending(void)
{
	vcpu.pending = 1;
}

static void test_pending(void **state)
{
	(void)state;
	marks[2] = 1;
	for (unsigned i = 0; i < STORES; i++) {
		place(i, 0x1067);
		stored_action = mark_pending;
		machine_run();
		check(i, 0x1067, 1);
		check_stored(1);
	}
	marks[2] = 0;
}

/* The guest maps the table somewhere else: only the general way knows which it is. */
static void test_elsewhere(void **state)
{
	static const struct watched nothing;

	(void)state;
	for (unsigned i = 0; i < STORES; i++) {
		place(i, 0x1067);
		vmm_watched.frames = 2;
		machine_run();
		check(i, 0x1067, 1);
		place(i, 0x1067);
		vmm_watched.direct_map = (mword)(tables + 3);
		machine_run();
		check(i, 0x1067, 1);
		place(i, 0x1067);
		vmm_watched = nothing;
		machine_run();
		check(i, 0x1067, 1);
	}
}

/* The guest stands at the site, or behind the store. */
static void at_boundary(const struct machine_state *now)
{
	assert_true(now->rip == SITE || *entry == 0x1067);
	assert_same_registers(now, &before, 0);
}

static void interrupt_everywhere(unsigned i)
{
	unsigned step = 1;

	for (;; step++) {
		place(i, 0x1067);
		if (!machine_run_interrupted(step, at_boundary))
			break;
		assert_int_equal(*entry, 0x1067);
		assert_same_registers(&after, &before, 0);
	}
	assert_true(step > 8);
}

static void test_interrupted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STORES; i++) {
		interrupt_everywhere(i);
		marks[2] = 1;
		interrupt_everywhere(i);
		marks[2] = 0;
	}
}

/* Without a thunk left, or of another form, it is called. */
static void test_called(void **state)
{
	static const struct sample half =
		FOLLOWED("movl %edx, 0(%rax)", PTE_WRITE, 0, 0x89, 0x90, 0, 0, 0, 0);

	(void)state;
	machine_reset(NULL);
	wanted = true;
	machine_place(SITE, &half);
	machine_registers(SITE, FLAG_IF);
	machine_run();
	assert_int_equal(site_calls, 1);
	assert_same_registers(&after, &before, FLAGS_ARITHMETIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_absent, machine_reset),
		cmocka_unit_test_setup(test_not_watched, machine_reset),
		cmocka_unit_test_setup(test_watched, machine_reset),
		cmocka_unit_test_setup(test_registers, machine_reset),
		cmocka_unit_test_setup(test_pending, machine_reset),
		cmocka_unit_test_setup(test_elsewhere, machine_reset),
		cmocka_unit_test_setup(test_interrupted, machine_reset),
		cmocka_unit_test_setup(test_called, machine_reset),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
