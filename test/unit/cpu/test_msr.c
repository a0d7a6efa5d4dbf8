/* SPDX-License-Identifier: BSD-2-Clause */
#include "test/unit/cpu/guest.h"

#include "vmm/cpu/msr.h"

static void write_msr(uint32_t index, uint64_t value)
{
	vcpu.regs.gpr[RCX] = index;
	vcpu.regs.gpr[RAX] = (uint32_t)value;
	vcpu.regs.gpr[RDX] = value >> 32;
	EXECUTE(0x0f, 0x30);
}

static uint64_t read_msr(uint32_t index)
{
	vcpu.regs.gpr[RCX] = index;
	vcpu.regs.gpr[RAX] = vcpu.regs.gpr[RDX] = UINT64_MAX;
	EXECUTE(0x0f, 0x32);
	assert_int_equal(vcpu.regs.gpr[RAX] >> 32 | vcpu.regs.gpr[RDX] >> 32, 0);
	return vcpu.regs.gpr[RDX] << 32 | vcpu.regs.gpr[RAX];
}

static void test_table_is_sorted(void **state)
{
	size_t count;
	const struct msr *table = msr_table(&count);

	(void)state;
	for (size_t i = 1; i < count; i++)
		assert_true(table[i - 1].index < table[i].index);
	for (size_t i = 0; i < count; i++)
		assert_non_null(table[i].name);
}

/* What can be written can be read back. */
static void test_fields(void **state)
{
	size_t count;
	const struct msr *table = msr_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		if (!table[i].field || table[i].write)
			continue;
		write_msr(table[i].index, 0x1234);
		assert_int_equal(vcpu.cpl, 0);
		assert_int_equal(read_msr(table[i].index), 0x1234);
	}
	write_msr(0xc0000101, KERNEL + 8);
	assert_int_equal(vcpu.gs_base, KERNEL + 8);
	write_msr(0xc0000102, UINT64_C(0xffff888000000000));
	assert_int_equal(vcpu.kernel_gs_base, UINT64_C(0xffff888000000000));
}

static void test_bad_values(void **state)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} bad[] = {
		{0xc0000082, CANONICAL_NOT},
		{0xc0000100, CANONICAL_NOT},
		{0xc0000084, BIT(32)},
		{0xc0000080, BIT(14) | EFER_LME | EFER_LMA}, /* FFXSR is hidden */
		{0xc0000080, EFER_SCE},			     /* LME with paging on */
		{0x277, 2},				     /* reserved memory type */
		{0xfe, 0},				     /* read-only */
		{0x48, 0},				     /* SPEC_CTRL is hidden */
		{0x12345678, 0},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		guest_setup(state);
		write_msr(bad[i].index, bad[i].value);
		assert_raised(VECTOR_GP, 0);
		assert_int_equal(guest_frame(true).rip, KERNEL + CODE_AT);
	}
}

static void test_efer(void **state)
{
	(void)state;
	stub.count = 0;
	write_msr(0xc0000080, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(stub_count("flush_all"), 0);
	write_msr(0xc0000080, EFER_LME); /* LMA cannot be written */
	assert_int_equal(vcpu.efer, EFER_LME | EFER_LMA);
	assert_int_equal(stub_count("flush_all"), 1);
}

/* Obstacle of the first boots: see write_misc_enable(). */
static void test_misc_enable_reads_1(void **state)
{
	(void)state;
	assert_int_equal(read_msr(0x1a0), 1);
	write_msr(0x1a0, 0);
	assert_int_equal(read_msr(0x1a0), 1);
}

static void test_apic_stays_off(void **state)
{
	(void)state;
	write_msr(0x1b, 0xfee00900);
	assert_int_equal(read_msr(0x1b), 0xfee00100);
}

static void test_unknown_is_said_once(void **state)
{
	size_t before, after;
	const struct msr_unknown *unknown = msr_unknown(&before);

	(void)state;
	vcpu.regs.gpr[RCX] = 0xabcd;
	EXECUTE(0x0f, 0x32);
	assert_raised(VECTOR_GP, 0);
	unknown = msr_unknown(&after);
	assert_int_equal(after, before + 1);
	assert_non_null(strstr(stub.log, "msr=0xabcd"));
	stub.log_length = 0;
	vcpu.regs.rip = KERNEL + CODE_AT;
	vcpu.regs.gpr[RCX] = 0xabcd;
	EXECUTE(0x0f, 0x32);
	assert_int_equal(stub.log_length, 0);
	assert_int_equal(unknown[after - 1].count, 2);
}

static void test_time_stamp_counter(void **state)
{
	uint64_t before, after;

	(void)state;
	before = read_msr(0x10);
	EXECUTE(0x0f, 0x31);
	after = vcpu.regs.gpr[RDX] << 32 | vcpu.regs.gpr[RAX];
	assert_true(after > before);
	vcpu.tsc_aux = 7;
	EXECUTE(0x0f, 0x01, 0xf9); /* rdtscp */
	assert_int_equal(vcpu.regs.gpr[RCX], 7);
	EXECUTE(0xf3, 0x0f, 0xc7, 0xfb); /* rdpid %rbx */
	assert_int_equal(vcpu.regs.gpr[RBX], 7);
}

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_table_is_sorted),	 TEST(test_fields),
		TEST(test_bad_values),		 TEST(test_efer),
		TEST(test_misc_enable_reads_1),	 TEST(test_apic_stays_off),
		TEST(test_unknown_is_said_once), TEST(test_time_stamp_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
