/* SPDX-License-Identifier: BSD-2-Clause */
/* One instruction in a page that an application may not execute: which take a step, which
 * fault, what is open meanwhile, and what the guest sees of it.
 */
#include "backends/linux/step.h"

#include "backends/linux/code.h"
#include "backends/linux/private.h"
#include "vmm/frontend.h"
#include "vmm/insn.h"
#include "vmm/memory.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CODE  UINT64_C(0x400000)
#define PAGES 4
#define FRAME 0x8000 /* of the first page */

/* Four pages of an application, one behind the other. */
static uint8_t text[PAGES * PAGE_SIZE], frames[64];
static unsigned mapped; /* of them, by the guest */
static bool executable[PAGES], opened[PAGES];
static bool emulates;
static unsigned emulated, raised;

uint8_t *code_frames;
struct guest_memory guest_memory = {NULL, sizeof(frames) * PAGE_SIZE};
struct vcpu vcpu;

static unsigned page_of(mword va)
{
	assert_true(va >= CODE && va < CODE + sizeof(text));
	return (unsigned)((va - CODE) / PAGE_SIZE);
}

/* --- doubles -------------------------------------------------------------------------------- */

bool guest_peek(gva_t va, void *to, size_t length)
{
	if (va.v - CODE >= mapped * PAGE_SIZE || length > mapped * PAGE_SIZE - (va.v - CODE))
		return false;
	memcpy(to, text + (va.v - CODE), length);
	return true;
}

bool mmu_probe(gva_t va, struct translation *translation)
{
	*translation = (struct translation){.address = gpa(FRAME + (va.v - CODE))};
	return va.v - CODE < mapped * PAGE_SIZE;
}

bool code_executable(mword va)
{
	return executable[page_of(va)];
}

bool code_open(mword va)
{
	assert_false(executable[page_of(va)]);
	if (page_of(va) >= mapped)
		return false;
	assert_false(opened[page_of(va)]);
	return opened[page_of(va)] = true;
}

void code_close(mword va)
{
	assert_int_equal(va % PAGE_SIZE, 0);
	assert_true(opened[page_of(va)]);
	opened[page_of(va)] = false;
}

bool vmm_application_instruction(void)
{
	emulated++;
	return emulates;
}

void trap_raise(unsigned vector, mword error)
{
	assert_int_equal(vector, VECTOR_UD);
	assert_int_equal(error, 0);
	raised++;
}

static unsigned open_pages(void)
{
	return opened[0] + opened[1] + opened[2] + opened[3];
}

static int setup(void **state)
{
	(void)state;
	step_end(true);
	memset(text, 0x90, sizeof(text));
	memset(executable, 0, sizeof(executable));
	memset(opened, 0, sizeof(opened));
	mapped = PAGES;
	emulates = false;
	emulated = raised = 0;
	code_frames = frames;
	vcpu = (struct vcpu){.cpl = 3, .regs.rflags = FLAG_ONE | FLAG_IF};
	return 0;
}

/* An application was to execute this, and the page was mapped, without execution. */
static void fetch(mword rip, const char *bytes, size_t length)
{
	memcpy(text + (rip - CODE), bytes, length);
	vcpu.regs.rip = rip;
	step_look(rip, ACCESS_USER | ACCESS_FETCH, 0);
}

static void assert_stepping(unsigned pages)
{
	assert_int_equal(open_pages(), pages);
	assert_true(vcpu.regs.rflags & FLAG_TF);
	assert_int_equal(vcpu.shadow, 1);
	assert_int_equal(vcpu.shadow_rip, vcpu.regs.rip);
	assert_int_equal(raised, 0);
}

static void assert_not_stepping(void)
{
	assert_int_equal(open_pages(), 0);
	assert_false(vcpu.regs.rflags & FLAG_TF);
	assert_int_equal(vcpu.shadow, 0);
	assert_false(step_end(true)); /* a debug exception is the guest's */
}

/* --- tests ---------------------------------------------------------------------------------- */

static void one_instruction(void **state)
{
	(void)state;
	fetch(CODE + 100, "\xc3", 1);
	assert_stepping(1);
	assert_int_equal(emulated, 1);
	vcpu.regs.rip = CODE + 2 * PAGE_SIZE;
	assert_true(step_end(true));
	assert_not_stepping();
}

/* By a fault of its own, an interruption, a system call: these are told to the guest. */
static void ended_by_something_else(void **state)
{
	(void)state;
	fetch(CODE, "\xc3", 1);
	assert_false(step_end(false));
	assert_not_stepping();
}

/* A debugger's step goes on being one. */
static void stepped_by_the_guest(void **state)
{
	(void)state;
	vcpu.regs.rflags |= FLAG_TF;
	fetch(CODE, "\xc3", 1);
	assert_stepping(1);
	assert_false(step_end(true));
	assert_int_equal(open_pages(), 0);
	assert_true(vcpu.regs.rflags & FLAG_TF);
	assert_int_equal(vcpu.shadow, 0);
	vcpu.regs.rflags = FLAG_ONE;
	fetch(CODE, "\xc3", 1); /* and is forgotten */
	assert_true(step_end(true));
}

static void two_pages(void **state)
{
	(void)state;
	fetch(CODE + PAGE_SIZE - INSN_MAX, "\xc3", 1); /* ends where the page does */
	assert_stepping(1);
	step_end(true);
	fetch(CODE + PAGE_SIZE - INSN_MAX + 1, "\xc3", 1);
	assert_stepping(2);
	assert_true(step_end(true));
	assert_not_stepping();
	executable[1] = true; /* the other one is anyway, and stays so */
	fetch(CODE + PAGE_SIZE - 1, "\xb0\x01", 2);
	assert_stepping(1);
	assert_true(opened[0]);
	step_end(true);
	mapped = 1; /* and here it is not there */
	fetch(CODE + PAGE_SIZE - 1, "\xc3", 1);
	assert_stepping(1);
	step_end(true);
}

static const char *const opens[] = {"\x0f\x01\xef", "\x0f\xae\x2f", "\x0f\xae\xac\x24\x40",
				    "\x0f\xae\x68\x10"};

/* No prefixes make it another instruction to the processor; none may here. */
static void what_opens_keys_never_runs(void **state)
{
	static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67,
					   0xf0, 0xf2, 0xf3, 0x40, 0x41, 0x48, 0x4f};

	(void)state;
	for (unsigned i = 0; i < 4 * 400; i++) {
		mword rip = CODE + PAGE_SIZE - (i % 30);
		unsigned count = (unsigned)rand() % 13;
		char bytes[20] = {0};

		for (unsigned k = 0; k < count; k++)
			bytes[k] = (char)prefixes[(unsigned)rand() % sizeof(prefixes)];
		strcpy(bytes + count, opens[i / 400]);
		fetch(rip, bytes, sizeof(bytes));
		assert_int_equal(raised, 1);
		assert_not_stepping();
		raised = 0;
	}
}

/* An xrstor is emulated where the guest may do it; wrpkru is no instruction there. */
static void emulated_first(void **state)
{
	(void)state;
	emulates = true;
	fetch(CODE, "\x0f\xae\x2f", 3);
	assert_int_equal(raised, 0);
	assert_int_equal(emulated, 1);
	assert_not_stepping();
	fetch(CODE, "\x9c", 1); /* pushf: the trap flag would show */
	assert_int_equal(raised, 0);
	assert_not_stepping();
	fetch(CODE, "\x0f\x01\xef", 3);
	assert_int_equal(raised, 1);
	assert_int_equal(emulated, 2);
	assert_not_stepping();
}

/* Bytes that are not there cannot be executed, and are not looked for. */
static void cut_off(void **state)
{
	(void)state;
	mapped = 1;
	fetch(CODE + PAGE_SIZE - 2, "\x0f\x01\xef", 2);
	assert_stepping(1);
	step_end(true);
}

static void only_where_it_must(void **state)
{
	(void)state;
	executable[0] = true; /* it was looked at, and is clean */
	fetch(CODE, "\xc3", 1);
	assert_not_stepping();
	code_frames = NULL; /* no keys */
	executable[0] = false;
	fetch(CODE, "\xc3", 1);
	assert_not_stepping();
}

/* Writing to a page takes its execution away: only who stands in it takes a step. */
static void writers(void **state)
{
	static const struct {
		mword rip;
		uint64_t unwatched;
		bool steps;
	} cases[] = {
		{CODE, 0, false},
		{CODE, FRAME, true},
		{CODE, FRAME + PAGE_SIZE, false},
		{CODE + PAGE_SIZE - 3, FRAME, true},
		{CODE + PAGE_SIZE - INSN_MAX, FRAME + PAGE_SIZE, false},
		{CODE + PAGE_SIZE - INSN_MAX + 1, FRAME + PAGE_SIZE, true},
		{CODE + PAGE_SIZE, FRAME, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vcpu.regs.rip = cases[i].rip;
		step_look(CODE + 3 * PAGE_SIZE, ACCESS_USER | ACCESS_WRITE, cases[i].unwatched);
		assert_int_equal((vcpu.regs.rflags & FLAG_TF) != 0, cases[i].steps);
		assert_int_equal(step_end(true), cases[i].steps);
		assert_not_stepping();
	}
}

/* A trap flag aborts a transaction, and the trap comes one instruction too late. */
static void transactions_abort(void **state)
{
	static const struct {
		const char *bytes;
		unsigned length;
		mword to;
	} with[] = {
		{"\xc7\xf8\x10\x00\x00\x00", 6, CODE + 0x116},
		{"\xc7\xf8\xf0\xff\xff\xff", 6, CODE + 0xf6},
		{"\x66\xc7\xf8\x00\x80", 5, CODE + 0x105 - 0x8000},
		{"\x48\xc7\xf8\x00\x00\x00\x7f", 7, CODE + 0x107 + 0x7f000000},
		{"\x66\x2e\xc7\xf8\x02\x00", 6, CODE + 0x108},
		{"\x66\x48\xc7\xf8\x00\x00\x00\x7f", 8, CODE + 0x108 + 0x7f000000},
		{"\x48\x66\xc7\xf8\x02\x00", 6, CODE + 0x108},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		vcpu.regs.gpr[RAX] = 5;
		fetch(CODE + 0x100, with[i].bytes, with[i].length);
		assert_int_equal(vcpu.regs.rip, with[i].to);
		assert_int_equal(vcpu.regs.gpr[RAX], 0);
		assert_int_equal(vcpu.regs.rflags & FLAG_TF, 0);
		assert_int_equal(open_pages(), 0);
	}
	mapped = 1; /* the rest of it faults */
	fetch(CODE + PAGE_SIZE - 5, "\xc7\xf8\x02\x00\x00", 5);
	assert_stepping(1);
	step_end(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_instruction, setup),
		cmocka_unit_test_setup(ended_by_something_else, setup),
		cmocka_unit_test_setup(stepped_by_the_guest, setup),
		cmocka_unit_test_setup(two_pages, setup),
		cmocka_unit_test_setup(what_opens_keys_never_runs, setup),
		cmocka_unit_test_setup(emulated_first, setup),
		cmocka_unit_test_setup(cut_off, setup),
		cmocka_unit_test_setup(only_where_it_must, setup),
		cmocka_unit_test_setup(writers, setup),
		cmocka_unit_test_setup(transactions_abort, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
