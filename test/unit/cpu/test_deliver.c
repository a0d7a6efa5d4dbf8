/* SPDX-License-Identifier: BSD-2-Clause */
/* What is remembered of a delivery, and what must end that: each event below comes again after
 * the guest has changed something that decides where it goes.
 */
#include "test/unit/cpu/guest.h"

#include <signal.h>

#define VECTOR	 0x30
#define OTHER_AT 0x60000 /* another page for a table */

static void interrupt(unsigned cpl)
{
	change_privilege(0, KERNEL_CS, KERNEL_DS);
	vcpu.regs.rip = KERNEL + CODE_AT;
	vcpu.regs.gpr[RSP] = KERNEL + STACK_AT;
	if (cpl)
		guest_enter_user();
	trap_interrupt(VECTOR);
}

/* Twice, so that the second one goes where the first one did. */
static int remembered(void **state)
{
	guest_setup(state);
	for (unsigned i = 0; i < 4; i++) {
		interrupt(i % 2);
		assert_raised(VECTOR, 0);
	}
	return 0;
}

static void test_gate_written(void **state)
{
	uint64_t *gate = guest_word(IDT_AT + VECTOR * 16);

	(void)state;
	*gate ^= 0x10; /* the handler's address */
	interrupt(3);
	assert_int_equal(vcpu.regs.rip, HANDLER(VECTOR) ^ 0x10);
	gate[1] = 1;
	interrupt(3);
	assert_int_equal(vcpu.regs.rip, (HANDLER(VECTOR) ^ 0x10) % BIT(32) + BIT(32));
	guest_gate(VECTOR, 15, 0, 0); /* a trap gate: IF stays */
	interrupt(3);
	assert_int_equal(vcpu.masked, 0);
	guest_gate(VECTOR, 14, 0, 1);
	interrupt(0);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + IST_AT - 40);
	gate[1] = 0x10000; /* not canonical */
	interrupt(0);
	assert_raised(VECTOR_GP, 1);
	guest_gate(VECTOR, 14, 0, 0);
	*gate &= ~BIT(47);
	interrupt(0);
	assert_raised(VECTOR_NP, VECTOR << 3 | 3);
	guest_gate(VECTOR, 5, 0, 0);
	interrupt(0);
	assert_raised(VECTOR_GP, VECTOR << 3 | 3);
}

/* The segment of this one gate, so that another one's handler can run. */
static void test_descriptor_written(void **state)
{
	static const struct {
		uint64_t bits;
		unsigned vector;
	} cases[] = {
		{UINT64_C(0x00affb000000ffff), VECTOR_GP}, /* DPL 3 */
		{UINT64_C(0x00af1b000000ffff), VECTOR_NP}, /* P */
		{UINT64_C(0x008f9b000000ffff), VECTOR_GP}, /* L */
		{UINT64_C(0x00ef9b000000ffff), VECTOR_GP}, /* L and D */
		{UINT64_C(0x00af93000000ffff), VECTOR_GP}, /* data */
		{UINT64_C(0x00af9f000000ffff), VECTOR},	   /* conforming */
		{UINT64_C(0x00af9b000000ffff), VECTOR},
	};
	uint64_t *gate = guest_word(IDT_AT + VECTOR * 16);

	(void)state;
	*gate = (*gate & ~UINT64_C(0xffff0000)) | 0x68 << 16;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		guest_descriptor(0x68, UINT64_C(0x00af9b000000ffff));
		interrupt(0);
		assert_raised(VECTOR, 0);
		guest_descriptor(0x68, cases[i].bits);
		interrupt(0);
		assert_raised(cases[i].vector, 0x69);
	}
	guest_descriptor(0x68, UINT64_C(0x00af9f000000ffff)); /* conforming: CPL 3 stays */
	interrupt(3);
	assert_int_equal(vcpu.cpl, 3);
	assert_int_equal(vcpu.segment[SEG_CS], 0x6b);
}

static void test_stack_pointer_written(void **state)
{
	(void)state;
	memcpy(guest_ram + TSS_AT + 4, &(uint64_t){KERNEL + RSP0_AT - 0x800}, 8);
	interrupt(3);
	assert_raised(VECTOR, 0);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + RSP0_AT - 0x800 - 40);
	interrupt(0);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT - 40);
}

static void test_privilege_alternates(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		interrupt(i % 2);
		assert_raised(VECTOR, 0);
		assert_int_equal(guest_frame(false).cs, i % 2 ? USER_CS : KERNEL_CS);
		assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + (i % 2 ? RSP0_AT : STACK_AT) - 40);
		assert_int_equal(vcpu.segment[SEG_SS], i % 2 ? 0 : KERNEL_DS);
	}
}

/* An application may not what the same event from outside may. */
static void test_software_interrupt_checks(void **state)
{
	(void)state;
	guest_enter_user();
	vcpu.regs.rip = USER + 2;
	trap_software(VECTOR, 2);
	assert_raised(VECTOR_GP, VECTOR << 3 | 2);
	interrupt(3);
	assert_raised(VECTOR, 0);
}

/* --- tables that move -------------------------------------------------------------------- */

static void copy_page(uint64_t from)
{
	memcpy(guest_ram + OTHER_AT, guest_ram + from, PAGE_SIZE);
}

static void load_table(uint8_t reg, uint64_t base, uint16_t limit)
{
	uint8_t *image = guest_ram + 0x70000;

	change_privilege(0, KERNEL_CS, KERNEL_DS);
	vcpu.regs.rip = KERNEL + CODE_AT;
	memcpy(image, &limit, 2);
	memcpy(image + 2, &base, 8);
	vcpu.regs.gpr[RAX] = KERNEL + 0x70000;
	EXECUTE(0x0f, 0x01, (uint8_t)(reg << 3)); /* lgdt (%rax), lidt (%rax) */
}

static void test_idt_moved(void **state)
{
	(void)state;
	copy_page(IDT_AT);
	*guest_word(OTHER_AT + VECTOR * 16) ^= 0x10;
	load_table(3, KERNEL + OTHER_AT, 0xfff);
	interrupt(3);
	assert_int_equal(vcpu.regs.rip, HANDLER(VECTOR) ^ 0x10);
}

static void test_idt_shortened(void **state)
{
	(void)state;
	load_table(3, KERNEL + IDT_AT, VECTOR * 16 + 15);
	interrupt(3);
	assert_raised(VECTOR, 0);
	load_table(3, KERNEL + IDT_AT, VECTOR * 16 + 14);
	interrupt(3);
	assert_raised(VECTOR_GP, VECTOR << 3 | 3);
}

static void test_gdt_moved(void **state)
{
	(void)state;
	copy_page(GDT_AT);
	*guest_word(OTHER_AT + KERNEL_CS) = UINT64_C(0x00af9f000000ffff);
	load_table(2, KERNEL + OTHER_AT, 0x7f);
	interrupt(3);
	assert_int_equal(vcpu.cpl, 3); /* conforming now */
}

static void test_tss_moved(void **state)
{
	(void)state;
	copy_page(TSS_AT);
	memcpy(guest_ram + OTHER_AT + 4, &(uint64_t){KERNEL + IST_AT - 0x100}, 8);
	*guest_word(GDT_AT + TSS_SEL) += (uint64_t)(OTHER_AT - TSS_AT) << 16;
	change_privilege(0, KERNEL_CS, KERNEL_DS);
	vcpu.regs.rip = KERNEL + CODE_AT;
	vcpu.regs.gpr[RAX] = TSS_SEL;
	EXECUTE(0x0f, 0x00, 0xd8); /* ltr %ax */
	interrupt(3);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + IST_AT - 0x100 - 40);
}

/* Another page in the place of the IDT's is seen when the guest says so, not later. */
static void remap_idt(void (*invalidate)(void))
{
	copy_page(IDT_AT);
	*guest_word(OTHER_AT + VECTOR * 16) ^= 0x10;
	guest_map(KERNEL + IDT_AT, OTHER_AT, PTE_P | PTE_W);
	change_privilege(0, KERNEL_CS, KERNEL_DS);
	vcpu.regs.rip = KERNEL + CODE_AT;
	invalidate();
	interrupt(3);
	assert_int_equal(vcpu.regs.rip, HANDLER(VECTOR) ^ 0x10);
	assert_true(*guest_entry(KERNEL + IDT_AT, 12) & PTE_A);
}

static void invlpg(void)
{
	vcpu.regs.gpr[RAX] = KERNEL + IDT_AT + 0x123;
	EXECUTE(0x0f, 0x01, 0x38); /* invlpg (%rax) */
}

static void write_cr3(void)
{
	vcpu.regs.gpr[RAX] = vcpu.cr3;
	EXECUTE(0x0f, 0x22, 0xd8); /* mov %rax, %cr3 */
}

static void test_invlpg_forgets(void **state)
{
	(void)state;
	remap_idt(invlpg);
}

static void test_cr3_load_forgets(void **state)
{
	(void)state;
	remap_idt(write_cr3);
}

/* The code segment's page goes: no exception has a handler then. */
static void raise_again(void *argument)
{
	(void)argument;
	interrupt(3);
}

static void test_gdt_unmapped(void **state)
{
	(void)state;
	guest_map(KERNEL + GDT_AT, 0, 0);
	tlb_flush_page(gva(KERNEL + GDT_AT));
	assert_true(stub_ends(raise_again, NULL));
	assert_int_equal(stub.why, BACKEND_EXIT_TRIPLE);
	assert_int_equal(vcpu.cr2, KERNEL + GDT_AT + KERNEL_CS);
}

/* --- the frame ------------------------------------------------------------------------------ */

static void test_frame_crosses_pages(void **state)
{
	mword stack = KERNEL + RSP0_AT + 0x20, frame[5];

	(void)state;
	memcpy(guest_ram + TSS_AT + 4, &stack, 8);
	for (unsigned i = 0; i < 3; i++) {
		memset(guest_ram + RSP0_AT - 8, 0, 0x28);
		interrupt(3);
		assert_raised(VECTOR, 0);
		assert_int_equal(vcpu.regs.gpr[RSP], stack - 40);
		memcpy(frame, guest_ram + RSP0_AT - 8, sizeof(frame));
		assert_int_equal(frame[0], USER);
		assert_int_equal(frame[1], USER_CS);
		assert_int_equal(frame[3], USER + 0x8000);
		assert_int_equal(frame[4], USER_DS);
	}
}

/* Nothing of a frame is written if one of its pages is not there. */
static void test_frame_reaches_a_hole(void **state)
{
	(void)state;
	guest_gate(VECTOR_PF, 14, 0, 1);
	memcpy(guest_ram + TSS_AT + 4, &(uint64_t){KERNEL + HOLE + PAGE_SIZE + 0x10}, 8);
	interrupt(3);
	assert_raised(VECTOR_PF, ACCESS_WRITE);
	assert_int_equal(vcpu.cr2, KERNEL + HOLE + PAGE_SIZE + 0x10 - 40);
	assert_int_equal(*guest_word(HOLE + PAGE_SIZE), 0);
	assert_int_equal(guest_frame(true).rip, USER);
	assert_int_equal(guest_frame(true).rsp, USER + 0x8000);
}

static void test_stack_becomes_read_only(void **state)
{
	(void)state;
	guest_gate(VECTOR_PF, 14, 0, 1);
	guest_map(KERNEL + RSP0_AT - PAGE_SIZE, RSP0_AT - PAGE_SIZE, PTE_P);
	tlb_flush_page(gva(KERNEL + RSP0_AT - PAGE_SIZE));
	interrupt(3);
	assert_raised(VECTOR_PF, PF_PRESENT | ACCESS_WRITE);
	assert_int_equal(vcpu.cr2, KERNEL + RSP0_AT - 40);
}

/* A page that was only read: its dirty bit is set by the frame. */
static void test_frame_sets_dirty(void **state)
{
	mword word, error, top = KERNEL + 0x64000;

	(void)state;
	assert_true(guest_read(gva(top - 8), &word, 8, ACCESS_READ, &error));
	assert_false(*guest_entry(top - 8, 12) & PTE_D);
	memcpy(guest_ram + TSS_AT + 4, &top, 8);
	interrupt(3);
	assert_true(*guest_entry(top - 8, 12) & PTE_D);
}

static void test_store_is_announced(void **state)
{
	(void)state;
	stub.count = 0;
	interrupt(3);
	assert_int_equal(stub_count("before_store"), 1);
	assert_int_equal(stub_last("before_store")->arguments[0], RSP0_AT - 40);
	assert_int_equal(stub_last("before_store")->arguments[1], 40);
}

/* A stack where no memory is swallows the frame, as often as it comes. */
static void test_stack_without_memory(void **state)
{
	(void)state;
	guest_map(KERNEL + RSP0_AT - PAGE_SIZE, UINT64_C(0x100000000), PTE_P | PTE_W);
	tlb_flush_page(gva(KERNEL + RSP0_AT - PAGE_SIZE));
	stub.count = 0;
	for (unsigned i = 0; i < 2; i++) {
		interrupt(3);
		assert_raised(VECTOR, 0);
	}
	assert_int_equal(stub_count("before_store"), 0);
}

/* --- what it costs ------------------------------------------------------------------------ */

static volatile unsigned steps;

static void step(int number)
{
	(void)number;
	steps++;
}

static unsigned count_fault(void)
{
	struct translation translation;
	bool mapped;

	guest_enter_user();
	steps = 0;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
	mapped = vmm_page_fault(gva(USER + 0x20000), ACCESS_WRITE, &translation);
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
	assert_false(mapped);
	assert_raised(VECTOR_PF, ACCESS_USER | ACCESS_WRITE);
	return steps;
}

/* Instructions of a fault that is the guest's own, single-stepped: 300, and the recording
 * back-end's. The limit is for other compilers; the sanitizers' code is not counted. */
static void test_price(void **state)
{
	unsigned first, again;

	(void)state;
	signal(SIGTRAP, step);
	first = count_fault();
	again = count_fault();
	print_message("page fault of the guest's own: %u instructions, then %u\n", first, again);
	assert_int_equal(count_fault(), again);
#ifndef __SANITIZE_ADDRESS__
	assert_in_range(again, 1, 500);
#endif
}

#define TEST(name) cmocka_unit_test_setup(name, remembered)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_gate_written),
		TEST(test_descriptor_written),
		TEST(test_stack_pointer_written),
		TEST(test_privilege_alternates),
		TEST(test_software_interrupt_checks),
		TEST(test_idt_moved),
		TEST(test_idt_shortened),
		TEST(test_gdt_moved),
		TEST(test_tss_moved),
		TEST(test_invlpg_forgets),
		TEST(test_cr3_load_forgets),
		TEST(test_gdt_unmapped),
		TEST(test_frame_crosses_pages),
		TEST(test_frame_reaches_a_hole),
		TEST(test_stack_becomes_read_only),
		TEST(test_frame_sets_dirty),
		TEST(test_store_is_announced),
		TEST(test_stack_without_memory),
		TEST(test_price),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
