/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPUID policy on a processor that claims everything, and on the real one. */
#include "test/unit/cpu/guest.h"

enum { EAX, EBX, ECX, EDX };

/* A processor with AVX512, PKRU and AMX: sizes and offsets as on real ones. */
static const struct {
	uint32_t component, size, offset, align;
} components[] = {
	{2, 256, 576, 0}, {5, 64, 1088, 0},  {6, 512, 1152, 0},	  {7, 1024, 1664, 0},
	{9, 8, 2688, 0},  {17, 64, 2752, 2}, {18, 8192, 2816, 2},
};
#define REAL_XCR0 UINT64_C(0x602e7)
#define REAL_SIZE 11008

static void extended_state(uint32_t subleaf, uint32_t out[4])
{
	memset(out, 0, 16);
	if (subleaf == 0) {
		out[EAX] = (uint32_t)REAL_XCR0;
		out[EBX] = out[ECX] = REAL_SIZE;
	} else if (subleaf == 1) {
		out[EAX] = 0x1f;
		out[EBX] = REAL_SIZE;
		out[ECX] = 0x1900;
	}
	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		if (components[i].component == subleaf) {
			out[EAX] = components[i].size;
			out[EBX] = components[i].offset;
			out[ECX] = components[i].align;
		}
	}
}

static void everything(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	memset(out, 0xff, 16);
	if (leaf == 0)
		out[EAX] = 0x24;
	if (leaf == 0x80000000)
		out[EAX] = 0x80000021;
	if (leaf == 0xd)
		extended_state(subleaf, out);
}

static int setup_everything(void **state)
{
	guest_setup(state);
	stub.cpuid = everything;
	stub.xcr0 = REAL_XCR0;
	return 0;
}

static uint32_t bits(uint32_t leaf, uint32_t subleaf, unsigned reg)
{
	uint32_t out[4];

	cpuid_policy(leaf, subleaf, out);
	return out[reg];
}

#define HIDDEN(leaf, subleaf, reg, mask)                                                           \
	assert_int_equal(bits(leaf, subleaf, reg) & (uint32_t)(mask), 0)

static void test_hidden_features(void **state)
{
	(void)state;
	/* MONITOR VMX SMX PDCM PCID x2APIC TSC-deadline OSXSAVE HYPERVISOR */
	HIDDEN(1, 0, ECX,
	       BIT(3) | BIT(5) | BIT(6) | BIT(15) | BIT(17) | BIT(21) | BIT(24) | BIT(27) |
		       BIT(31));
	/* VME MCE APIC MTRR MCA HTT */
	HIDDEN(1, 0, EDX, BIT(1) | BIT(7) | BIT(9) | BIT(12) | BIT(14) | BIT(28));
	/* TSC_ADJUST SMEP INVPCID SMAP PT */
	HIDDEN(7, 0, EBX, BIT(1) | BIT(7) | BIT(10) | BIT(20) | BIT(25));
	/* UMIP PKU OSPKE WAITPKG CET LA57 RDPID ENQCMD */
	HIDDEN(7, 0, ECX, BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(7) | BIT(16) | BIT(22) | BIT(29));
	/* UINTR PCONFIG IBT AMX IBRS STIBP FLUSH_L1D ARCH_CAPABILITIES SSBD */
	HIDDEN(7, 0, EDX,
	       BIT(5) | BIT(18) | BIT(20) | BIT(22) | 7 << 24 | BIT(27) | BIT(28) | BIT(29) |
		       BIT(31));
	/* LASS FRED LKGS WRMSRNS AMX HRESET LAM */
	HIDDEN(7, 1, EAX, BIT(6) | BIT(17) | BIT(18) | BIT(19) | BIT(21) | BIT(22) | BIT(26));
	/* SVM MWAITX TOPOEXT */
	HIDDEN(0x80000001, 0, ECX, BIT(2) | BIT(29) | BIT(22));
	/* FFXSR RDTSCP APIC MTRR */
	HIDDEN(0x80000001, 0, EDX, BIT(25) | BIT(27) | BIT(9) | BIT(12));
	HIDDEN(0xd, 1, EAX, BIT(2) | BIT(3) | BIT(4)); /* XGETBV1 XSAVES XFD */
}

static void test_hidden_leaves(void **state)
{
	static const uint32_t leaves[] = {
		3,	    5,		6,	    8,		9,	    0xa,	0xb,
		0xc,	    0xe,	0xf,	    0x10,	0x12,	    0x14,	0x17,
		0x19,	    0x1d,	0x1f,	    0x24,	0x40000000, 0x40000001, 0x80000009,
		0x8000000a, 0x8000001e, 0x80000022, 0x8fffffff, 0xc0000000, UINT32_MAX,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		for (unsigned reg = 0; reg < 4; reg++)
			assert_int_equal(bits(leaves[i], 0, reg), 0);
	assert_int_equal(bits(7, 2, EAX), 0);
}

static void test_needed_features(void **state)
{
	/* what a 64-bit Linux refuses to boot without */
	uint32_t needed = BIT(0) | BIT(3) | BIT(5) | BIT(6) | BIT(8) | BIT(13) | BIT(15) | BIT(24) |
			  BIT(25) | BIT(26);

	(void)state;
	assert_int_equal(bits(1, 0, EDX) & needed, needed);
	assert_int_equal(bits(0x80000001, 0, EDX) & BIT(29), BIT(29));
	assert_true(bits(0x80000001, 0, EDX) & BIT(11));		       /* SYSCALL */
	assert_true(bits(7, 0, EBX) & BIT(0));				       /* FSGSBASE */
	assert_true((bits(7, 0, EBX) & BIT(9)) && (bits(7, 0, EDX) & BIT(4))); /* ERMS, FSRM */
	assert_int_equal(bits(0x80000007, 0, EDX), BIT(8));
}

static void test_maxima_and_topology(void **state)
{
	(void)state;
	assert_int_equal(bits(0, 0, EAX), 0x16);
	assert_int_equal(bits(0x80000000, 0, EAX), 0x80000021);
	assert_int_equal(bits(0x80000021, 0, EAX), BIT(6)); /* null selectors clear bases */
	assert_int_equal(bits(0x80000021, 0, EBX), 0);
	assert_int_equal(bits(7, 0, EAX), 1);
	assert_int_equal(bits(1, 0, EBX) >> 16, 1); /* APIC ID 0, one thread */
	assert_int_equal(bits(4, 0, EAX) >> 14, 0);
	assert_int_equal(bits(0x80000008, 0, EAX), 48 << 8 | PHYSICAL_BITS);
	assert_int_equal(bits(0x80000008, 0, ECX), 0);
}

static void test_frequency(void **state)
{
	(void)state;
	assert_int_equal((uint64_t)bits(0x15, 0, ECX) * bits(0x15, 0, EBX) / bits(0x15, 0, EAX),
			 UINT64_C(2500000000));
	assert_int_equal(bits(0x16, 0, EAX), 2500);
}

static void test_osxsave_mirrors_cr4(void **state)
{
	(void)state;
	assert_false(bits(1, 0, ECX) & BIT(27));
	vcpu.cr4 |= CR4_OSXSAVE;
	assert_true(bits(1, 0, ECX) & BIT(27));
	vcpu.cr4 &= ~CR4_OSXSAVE;
	assert_false(bits(1, 0, ECX) & BIT(27));
}

/* An application's native xsave writes what the real XCR0 says. */
static void test_extended_state(void **state)
{
	(void)state;
	assert_int_equal(bits(0xd, 0, EAX), 0xe7);
	assert_int_equal(bits(0xd, 0, EDX), 0);
	assert_int_equal(bits(0xd, 0, EBX), REAL_SIZE);
	assert_int_equal(bits(0xd, 0, ECX), REAL_SIZE);
	assert_int_equal(bits(0xd, 1, EAX), 3);
	assert_int_equal(bits(0xd, 2, EAX), 256);
	assert_int_equal(bits(0xd, 7, EBX), 1664);
	for (uint32_t component = 8; component < 64; component++)
		assert_int_equal(bits(0xd, component, EAX), 0);
	assert_int_equal(cpuid_xcr0(), 0xe7);
}

/* What Linux compares with its own sum, and turns xsave off if they differ. */
static void test_compacted_size(void **state)
{
	(void)state;
	assert_int_equal(bits(0xd, 1, EBX), 576);
	vcpu.xcr0 = 7;
	assert_int_equal(bits(0xd, 1, EBX), 576 + 256);
	vcpu.xcr0 = 0xe7;
	assert_int_equal(bits(0xd, 1, EBX), 576 + 256 + 64 + 512 + 1024);
	assert_int_equal(bits(0xd, 1, ECX), 0); /* no supervisor state */
}

static void test_processor_is_asked_once(void **state)
{
	size_t before;

	(void)state;
	bits(7, 0, EBX);
	before = stub_count("cpuid");
	bits(7, 0, ECX);
	assert_int_equal(stub_count("cpuid"), before);
	bits(1, 0, EAX);
	before = stub_count("cpuid");
	bits(1, 5, EAX); /* leaf 1 ignores ECX */
	assert_int_equal(stub_count("cpuid"), before);
}

/* More questions than are remembered are answered all the same. */
static void test_many_questions(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(bits(0x1000 + i, 0, EAX), 0);
	assert_int_equal(bits(0, 0, EAX), 0x16);
}

static void test_instruction(void **state)
{
	(void)state;
	guest_enter_user();
	vcpu.regs.gpr[RAX] = UINT64_C(0xffffffff00000000);
	vcpu.regs.gpr[RCX] = 0;
	EXECUTE(0x0f, 0xa2);
	assert_int_equal(vcpu.regs.rip, USER + 2);
	assert_int_equal(vcpu.regs.gpr[RAX], 0x16);
}

/* Whatever runs this test: a subset of it. */
static void test_real_processor(void **state)
{
	static const uint32_t features[][3] = {{1, 0, ECX}, {1, 0, EDX}, {7, 0, EBX},
					       {7, 0, ECX}, {7, 0, EDX}, {0x80000001, 0, EDX}};
	uint32_t real[4], out[4];

	(void)state;
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		backend_cpuid(features[i][0], features[i][1], real);
		cpuid_policy(features[i][0], features[i][1], out);
		assert_int_equal(out[features[i][2]] & ~real[features[i][2]], 0);
	}
	cpuid_policy(0, 0, out);
	backend_cpuid(0, 0, real);
	assert_memory_equal(out + 1, real + 1, 12); /* the vendor */
}

#define TEST(name) cmocka_unit_test_setup(name, setup_everything)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_hidden_features),
		TEST(test_hidden_leaves),
		TEST(test_needed_features),
		TEST(test_maxima_and_topology),
		TEST(test_frequency),
		TEST(test_osxsave_mirrors_cr4),
		TEST(test_extended_state),
		TEST(test_compacted_size),
		TEST(test_processor_is_asked_once),
		TEST(test_many_questions),
		TEST(test_instruction),
		cmocka_unit_test_setup(test_real_processor, guest_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
