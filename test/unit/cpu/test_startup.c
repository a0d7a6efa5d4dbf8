/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel's start-up code: its instructions trap, and are emulated wherever it is mapped;
 * copied code and all else is left alone.
 */
#include "test/unit/cpu/guest.h"

#define LINKED	UINT64_C(0xffffffff81000000)
#define IMAGE	0x50000
#define RECORDS 0x1000 /* in the image */
#define MIDDLE	0x400  /* where the start-up code ends */

static unsigned count;

static uint8_t *code(unsigned offset)
{
	return guest_ram + IMAGE + offset;
}

static struct ab_annot *put(unsigned offset, uint16_t class, uint16_t flags, const void *bytes,
			    unsigned length)
{
	unsigned at = RECORDS + count++ * AB_RECORD_SIZE;
	struct ab_annot *annot = (struct ab_annot *)code(at);

	*annot = (struct ab_annot){
		.start = (int32_t)offset - (int32_t)at,
		.class = class,
		.total_len = (uint8_t)length,
		.insn_len = (uint8_t)length,
		.mode_version = AB_MODE_64 | AB_VERSION << AB_VERSION_SHIFT,
		.flags = flags,
	};
	memcpy(code(offset), bytes, length);
	return annot;
}
#define PUT(offset, class, flags, ...)                                                             \
	put(offset, AB_CLASS_##class, flags, (const uint8_t[]){__VA_ARGS__},                       \
	    sizeof((uint8_t[]){__VA_ARGS__}))

enum { CPUID = 0, PUSHF = 0x10, SGDT = 0x20, RAW = 0x30, FUSED = 0x40, OLD = 0x50, BEHIND = 0x500 };

static int setup(void **state)
{
	guest_setup(state);
	count = 0;
	PUT(BEHIND, RDMSR, AB_F_COPIED, 0x0f, 0x32); /* an alternative: the order is any */
	PUT(CPUID, CPUID, AB_F_COPIED, 0x0f, 0xa2);
	PUT(PUSHF, PUSHF, AB_F_COPIED, 0x9c);
	PUT(SGDT, SGDT, AB_F_COPIED, 0x0f, 0x01, 0x05, 0x41, 0, 0, 0); /* sgdt 0x41(%rip) */
	PUT(RAW, CPUID, AB_F_COPIED | AB_F_RAW, 0x0f, 0xa2, 0x90, 0x90);
	PUT(FUSED, STI_HLT, AB_F_COPIED | AB_F_FUSED, 0xfb, 0xf4);
	PUT(OLD, CLI, AB_F_COPIED, 0xfa)->mode_version = AB_MODE_32 | AB_VERSION
									      << AB_VERSION_SHIFT;
	PUT(OLD + 1, MODE, 0, 0x90)->total_len = 0;
	PUT(MIDDLE, CLI, 0, 0xfa, 0x90);
	PUT(MIDDLE - 0x10, RDTSC, AB_F_USER, 0x0f, 0x31);
	return 0;
}

static void find(void)
{
	vmm_startup_code(LINKED + RECORDS, count * AB_RECORD_SIZE, LINKED, gpa(IMAGE));
}

static void find_it(void *unused)
{
	(void)unused;
	find();
}

static void test_what_traps(void **state)
{
	uint8_t copy[RECORDS];

	(void)state;
	memcpy(copy, code(0), sizeof(copy));
	copy[CPUID] = copy[PUSHF] = copy[SGDT] = copy[RAW] = 0xf4;
	find();
	assert_memory_equal(copy, code(0), sizeof(copy));
}

static void run(mword base, unsigned offset, unsigned length)
{
	vcpu.regs.rip = base + offset;
	vmm_exception(VECTOR_GP, 0);
	assert_int_equal(vcpu.regs.rip, base + offset + length);
}

static void test_emulated(void **state)
{
	static const mword places[] = {KERNEL + IMAGE, KERNEL + 0x200000};
	uint32_t vendor[4];

	(void)state;
	backend_cpuid(0, 0, vendor);
	find();
	guest_map(places[1], IMAGE, PTE_P | PTE_W);
	for (unsigned i = 0; i < 2; i++) {
		mword rsp = vcpu.regs.gpr[RSP];

		vcpu.regs.gpr[RAX] = 0;
		run(places[i], CPUID, 2);
		assert_int_equal(vcpu.regs.gpr[RBX], vendor[1]);
		run(places[i], PUSHF, 1);
		assert_int_equal(vcpu.regs.gpr[RSP], rsp - 8);
		assert_int_equal(*guest_word(vcpu.regs.gpr[RSP] - KERNEL) & FLAG_IF, 0);
		*guest_word(IMAGE + SGDT + 7 + 0x41) = 0;
		run(places[i], SGDT, 7);
		assert_int_equal(*guest_word(IMAGE + SGDT + 7 + 0x41) & 0xffff, vcpu.gdtr.limit);
		run(places[i], RAW, 4);
	}
}

/* An application that has the page finds what it would find without. */
static void test_application(void **state)
{
	(void)state;
	PUT(0x60, RDMSR, AB_F_COPIED, 0x0f, 0x32);
	find();
	guest_map(USER + 0x200000, IMAGE, PTE_P | PTE_U);
	guest_enter_user();
	vcpu.regs.rip = USER + 0x200060;
	vmm_exception(VECTOR_GP, 0);
	assert_raised(VECTOR_GP, 0);
}

static void test_real_hlt(void **state)
{
	(void)state;
	find();
	guest_enter_user();
	EXECUTE(0xf4);
	assert_raised(VECTOR_GP, 0);
}

static void expect_bad(void)
{
	assert_true(stub_ends(find_it, NULL));
	assert_int_equal(stub.end, STUB_FATAL);
}

static void test_bad_records(void **state)
{
	setup(state);
	PUT(0x70, CPUID, AB_F_COPIED, 0x0f, 0x32); /* that is rdmsr */
	expect_bad();
	setup(state);
	PUT(0x70, CPUID, AB_F_COPIED, 0x0f, 0xa2, 0x90); /* longer than it is */
	expect_bad();
	setup(state);
	PUT(0x70, CPUID, AB_F_COPIED, 0x0f, 0xa2)->mode_version = AB_MODE_64;
	expect_bad();
	setup(state);
	PUT(0x70, CPUID, AB_F_COPIED, 0x0f, 0xa2)->start = -(int32_t)0x60000; /* below all memory */
	expect_bad();
	setup(state);
	count = MEMORY_SIZE / AB_RECORD_SIZE; /* records in no memory */
	expect_bad();
}

static void test_too_many(void **state)
{
	setup(state);
	count = 0;
	for (unsigned i = 0; i < 200; i++)
		PUT(i, CLI, AB_F_COPIED, 0xfa);
	expect_bad();
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_what_traps), TEST(test_emulated),    TEST(test_application),
		TEST(test_real_hlt),   TEST(test_bad_records), TEST(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
