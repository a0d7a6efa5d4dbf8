/* SPDX-License-Identifier: BSD-2-Clause */
/* Annotated writes of page tables: what the instruction does, and what the back-end is told. */
#include "test/unit/cpu/guest.h"

#include "vmm/emulate.h"

#define ENTRY 0x40000
#define VA    (KERNEL + ENTRY)

static int setup(void **state)
{
	guest_setup(state);
	vcpu.regs.gpr[RDI] = VA;
	*guest_word(ENTRY) = 0x1067;
	return 0;
}

/* Operand at (%rdi), source in %rax. */
static struct insn insn(uint16_t class, unsigned operand)
{
	return (struct insn){
		.class = class,
		.operand = (uint8_t)operand,
		.reg = RAX,
		.rm_kind = INSN_RM_MEM,
		.base = RDI,
		.index = INSN_NO_REG,
		.segment = INSN_NO_REG,
		.address = 8,
	};
}

static void run(struct insn what)
{
	emulate(&what, vcpu.regs.rip + 8);
}

static void expect_told(size_t count, uint64_t value)
{
	const struct stub_call *call = stub_last("table_written");

	assert_int_equal(stub_count("table_written"), count);
	assert_int_equal(call->arguments[0], ENTRY);
	assert_int_equal(call->arguments[1], value);
	assert_int_equal(*guest_word(ENTRY), value);
}

static void test_stores(void **state)
{
	static const uint16_t classes[] = {AB_CLASS_PGD_WRITE, AB_CLASS_PTE_WRITE};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		setup(NULL);
		vcpu.regs.gpr[RAX] = 0x2067;
		run(insn(classes[i], 8));
		expect_told(1, 0x2067);
		run(insn(classes[i], 8)); /* the same again: the site may have stored itself */
		expect_told(2, 0x2067);
		vcpu.regs.gpr[RDI] = VA + 4; /* half of it */
		run(insn(classes[i], 4));
		expect_told(3, UINT64_C(0x206700002067));
	}
}

static void test_read_clear(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = 0;
	run(insn(AB_CLASS_PTE_READ_CLEAR, 8));
	expect_told(1, 0);
	assert_int_equal(vcpu.regs.gpr[RAX], 0x1067);
}

/* By a constant, and by a register that reaches another entry. */
static void test_test_clear(void **state)
{
	struct insn btr = insn(AB_CLASS_PTE_TEST_CLEAR, 8);

	(void)state;
	vcpu.regs.gpr[RDI] = VA - 16;
	vcpu.regs.gpr[RAX] = 128 + 5;
	run(btr);
	expect_told(1, 0x1047);
	assert_true(vcpu.regs.rflags & FLAG_CF);
	run(btr);
	assert_false(vcpu.regs.rflags & FLAG_CF);
	btr.reg = INSN_NO_REG;
	btr.imm = 6;
	vcpu.regs.gpr[RDI] = VA;
	run(btr);
	expect_told(3, 0x1007);
}

/* A device's register is no page table; nor is what faults, or is no memory. */
static void test_not_told(void **state)
{
	(void)state;
	run(insn(AB_CLASS_DEVICE_WRITE, 8));
	vcpu.regs.gpr[RDI] = VA;
	guest_map(KERNEL + 0x200000, MEMORY_SIZE + 0x1000, PTE_P | PTE_W);
	vcpu.regs.gpr[RDI] = KERNEL + 0x200000;
	run(insn(AB_CLASS_PTE_WRITE, 8));
	vcpu.regs.gpr[RDI] = 0x123456000;
	run(insn(AB_CLASS_PTE_WRITE, 8));
	assert_raised(VECTOR_PF, 2);
	assert_int_equal(stub_count("table_written"), 0);
}

static void write_two(void *unused)
{
	(void)unused;
	vcpu.regs.gpr[RDI] = VA + 4;
	run(insn(AB_CLASS_PTE_WRITE, 8));
}

static void test_two_entries(void **state)
{
	(void)state;
	assert_true(stub_ends(write_two, NULL));
	assert_int_equal(stub.end, STUB_FATAL);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_stores),   TEST(test_read_clear),  TEST(test_test_clear),
		TEST(test_not_told), TEST(test_two_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
