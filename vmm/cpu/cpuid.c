/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID: the real processor's, less what ring 3 cannot give.
 *
 * A table of leaves and registers: which bits of the real one pass, and what a
 * function makes of the rest. It is an allow-list: a feature nobody thought of stays
 * hidden. Hidden are instructions that are #UD or #GP at this privilege (clac, monitor,
 * swapgs-less FRED, xsaves), those that would silently show the host (rdtscp, rdpid),
 * state the VMM does not switch (PKRU, AMX, CET), and devices that are not there
 * (local APIC, MTRR, machine check, performance counters).
 *
 * Answers are remembered: a hypervisor below may trap cpuid, which then costs 755 ns,
 * and exec runs it 20 times.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/frontend.h"
#include "vmm/string.h"

enum { EAX, EBX, ECX, EDX };

#define ALL UINT32_MAX

typedef void fixup(uint32_t subleaf, uint32_t out[4]);

struct policy {
	uint32_t leaf;
	uint32_t subleaf; /* ANY_SUBLEAF, or this one */
	uint32_t pass[4]; /* bits of the real processor that show */
	fixup *fix;
};

#define ANY_SUBLEAF  UINT32_MAX
#define MAX_BASIC    0x16
#define MAX_EXTENDED 0x80000021

/* Leaf 1, SDM 2 tables 3-10 and 3-11. */
#define FEATURES_1_ECX                                                                             \
	(BIT(0) /* SSE3 */ | BIT(1) /* PCLMULQDQ */ | BIT(9) /* SSSE3 */ | BIT(12) /* FMA */ |     \
	 BIT(13) /* CMPXCHG16B */ | BIT(19) /* SSE4.1 */ | BIT(20) /* SSE4.2 */ |                  \
	 BIT(22) /* MOVBE */ | BIT(23) /* POPCNT */ | BIT(25) /* AES */ | BIT(26) /* XSAVE */ |    \
	 BIT(28) /* AVX */ | BIT(29) /* F16C */ | BIT(30) /* RDRAND */)
/* No VME, MCE, APIC, MTRR, MCA, DS, ACPI, HTT, TM, PBE. */
#define FEATURES_1_EDX                                                                             \
	(BIT(0) /* FPU */ | BIT(2) /* DE */ | BIT(3) /* PSE */ | BIT(4) /* TSC */ |                \
	 BIT(5) /* MSR */ | BIT(6) /* PAE */ | BIT(8) /* CX8 */ | BIT(11) /* SEP */ |              \
	 BIT(13) /* PGE */ | BIT(15) /* CMOV */ | BIT(16) /* PAT */ | BIT(17) /* PSE36 */ |        \
	 BIT(19) /* CLFSH */ | BIT(23) /* MMX */ | BIT(24) /* FXSR */ | BIT(25) /* SSE */ |        \
	 BIT(26) /* SSE2 */ | BIT(27) /* SS */)
/* Leaf 7. No TSC_ADJUST, SGX, HLE, SMEP, INVPCID, RTM, RDT, MPX, SMAP, PT. */
#define FEATURES_7_EBX                                                                             \
	(BIT(0) /* FSGSBASE */ | BIT(3) /* BMI1 */ | BIT(5) /* AVX2 */ | BIT(6) /* FDP */ |        \
	 BIT(8) /* BMI2 */ | BIT(9) /* ERMS */ | BIT(13) /* no FPU CS, DS */ |                     \
	 BIT(16) /* AVX512F */ | BIT(17) /* DQ */ | BIT(18) /* RDSEED */ | BIT(19) /* ADX */ |     \
	 BIT(21) /* IFMA */ | BIT(23) /* CLFLUSHOPT */ | BIT(24) /* CLWB */ | BIT(28) /* CD */ |   \
	 BIT(29) /* SHA */ | BIT(30) /* BW */ | BIT(31) /* VL */)
/* No UMIP, PKU, WAITPKG, CET, LA57, RDPID, KL, ENQCMD. */
#define FEATURES_7_ECX                                                                             \
	(BIT(1) /* VBMI */ | BIT(6) /* VBMI2 */ | BIT(8) /* GFNI */ | BIT(9) /* VAES */ |          \
	 BIT(10) /* VPCLMULQDQ */ | BIT(11) /* VNNI */ | BIT(12) /* BITALG */ |                    \
	 BIT(14) /* VPOPCNTDQ */ | BIT(25) /* CLDEMOTE */ | BIT(27) /* MOVDIRI */ |                \
	 BIT(28) /* MOVDIR64B */)
/* No speculation controls, UINTR, hybrid, TSX, AMX, PCONFIG, CET. SERIALIZE runs natively and
 * spares Linux an iret per sync_core(). */
#define FEATURES_7_EDX                                                                             \
	(BIT(2) | BIT(3) /* AVX512 4VNNIW, 4FMAPS */ | BIT(4) /* FSRM */ |                         \
	 BIT(8) /* VP2INTERSECT */ | BIT(14) /* SERIALIZE */ | BIT(23) /* AVX512 FP16 */)
/* No LASS, AMX, FRED, LKGS, WRMSRNS, HRESET, LAM. */
#define FEATURES_7_1_EAX                                                                           \
	(BIT(4) /* AVX VNNI */ | BIT(5) /* AVX512 BF16 */ | BIT(7) /* CMPCCXADD */ | BIT(10) |     \
	 BIT(11) | BIT(12) /* fast short rep */ | BIT(23) /* AVX IFMA */)
#define FEATURES_7_1_EDX                                                                           \
	(BIT(4) | BIT(5) | BIT(10) /* AVX VNNI INT8, NE CONVERT, VNNI INT16 */ |                   \
	 BIT(14) /* PREFETCHI */)
/* 0x80000001, APM 3 appendix E. No CMP, SVM, extended APIC, IBS, SKINIT, TOPOEXT, MWAITX. */
#define FEATURES_81_ECX                                                                            \
	(BIT(0) /* LAHF */ | BIT(5) /* LZCNT */ | BIT(6) /* SSE4A */ |                             \
	 BIT(7) /* misaligned SSE */ | BIT(8) /* PREFETCHW */ | BIT(11) /* XOP */ |                \
	 BIT(16) /* FMA4 */ | BIT(21) /* TBM */)
/* No FFXSR (an EFER bit), RDTSCP. Bits 0 to 24 repeat leaf 1 on AMD. */
#define FEATURES_81_EDX                                                                            \
	((FEATURES_1_EDX & UINT32_C(0x0183f3ff) & ~BIT(11)) | BIT(11) /* SYSCALL */ |              \
	 BIT(20) /* NX */ | BIT(22) /* MMXEXT */ | BIT(26) /* 1 GiB pages */ | BIT(29) /* LM */ |  \
	 BIT(30) | BIT(31) /* 3DNow */)

/* x87 SSE AVX, AVX512 */
#define XCR0_ALLOWED UINT32_C(0xe7)
/* XSAVEOPT, XSAVEC; no XGETBV(1), XSAVES, XFD */
#define FEATURES_D1_EAX UINT32_C(3)

static void fix_max_basic(uint32_t subleaf, uint32_t out[4])
{
	(void)subleaf;
	out[EAX] = MAX_BASIC; /* also where the real one has fewer: 0x15 is needed */
}

/* One processor with APIC ID 0. */
static void fix_features(uint32_t subleaf, uint32_t out[4])
{
	(void)subleaf;
	out[EBX] |= 1 << 16;
}

static void fix_max_subleaf(uint32_t subleaf, uint32_t out[4])
{
	(void)subleaf;
	out[EAX] = out[EAX] > 1 ? 1 : out[EAX];
}

/* Hz of the TSC = ECX * EBX / EAX; the "crystal" has 1 kHz, so that nothing is lost and
 * kHz times EBX fits in 32 bits. */
static void fix_tsc(uint32_t subleaf, uint32_t out[4])
{
	(void)subleaf;
	out[EAX] = 1;
	out[EBX] = (uint32_t)vmm_tsc_khz;
	out[ECX] = 1000;
}

static void fix_frequency(uint32_t subleaf, uint32_t out[4])
{
	(void)subleaf;
	out[EAX] = out[EBX] = (uint32_t)(vmm_tsc_khz / 1000); /* base, maximum: MHz */
	out[ECX] = 100;					      /* bus */
}

static void fix_max_extended(uint32_t subleaf, uint32_t out[4])
{
	(void)subleaf;
	if (out[EAX] > MAX_EXTENDED)
		out[EAX] = MAX_EXTENDED;
}

static void fix_address_sizes(uint32_t subleaf, uint32_t out[4])
{
	(void)subleaf;
	out[EAX] = 48 << 8 | PHYSICAL_BITS;
}

/* Sizes of extended state.
 *
 * The real XCR0 cannot be changed from here, and applications execute xsave natively
 * with the size they read in leaf 0xD EBX: that one must be the real processor's, AMX
 * included. What is hidden (AMX, PKRU) has no component and cannot be enabled. The
 * size of the compacted form (subleaf 1) is what a kernel checks against its own sum.
 */
static void fix_xsave(uint32_t subleaf, uint32_t out[4])
{
	if (subleaf == 0) {
		out[EAX] &= (uint32_t)cpuid_xcr0();
		out[EDX] = 0;
	} else if (subleaf > 1 && (subleaf >= 32 || !(cpuid_xcr0() >> subleaf & 1))) {
		memset(out, 0, 4 * sizeof(out[0]));
	} else if (subleaf == 1) {
		out[EAX] &= FEATURES_D1_EAX;
		out[EBX] = out[ECX] = out[EDX] = 0; /* EBX: see compacted_size() */
	}
}

#define HIDE_LEAF(leaf)                                                                            \
	{                                                                                          \
		leaf, ANY_SUBLEAF, {0, 0, 0, 0}, NULL                                              \
	}
#define PASS_LEAF(leaf)                                                                            \
	{                                                                                          \
		leaf, ANY_SUBLEAF, {ALL, ALL, ALL, ALL}, NULL                                      \
	}

/* clang-format off */
static const struct policy policies[] = {
	{ 0, ANY_SUBLEAF, { ALL, ALL, ALL, ALL }, fix_max_basic },
	/* EBX: brand, cache line; the count of processors and the APIC ID are ours */
	{ 1, ANY_SUBLEAF, { ALL, 0x0000ffff, FEATURES_1_ECX, FEATURES_1_EDX }, fix_features },
	PASS_LEAF(2),
	/* EAX 31:14 count threads and cores that share the cache */
	{ 4, ANY_SUBLEAF, { 0x00003fff, ALL, ALL, ALL }, NULL },
	HIDE_LEAF(5), /* MWAIT */
	HIDE_LEAF(6), /* thermal, ARAT */
	{ 7, 0, { ALL, FEATURES_7_EBX, FEATURES_7_ECX, FEATURES_7_EDX }, fix_max_subleaf },
	{ 7, 1, { FEATURES_7_1_EAX, 0, 0, FEATURES_7_1_EDX }, NULL },
	HIDE_LEAF(0xa), /* performance counters */
	HIDE_LEAF(0xb), /* x2APIC topology */
	{ 0xd, ANY_SUBLEAF, { ALL, ALL, ALL, ALL }, fix_xsave },
	{ 0x15, ANY_SUBLEAF, { 0, 0, 0, 0 }, fix_tsc },
	{ 0x16, ANY_SUBLEAF, { 0, 0, 0, 0 }, fix_frequency },
	{ 0x80000000, ANY_SUBLEAF, { ALL, ALL, ALL, ALL }, fix_max_extended },
	{ 0x80000001, ANY_SUBLEAF, { ALL, ALL, FEATURES_81_ECX, FEATURES_81_EDX }, NULL },
	PASS_LEAF(0x80000002), PASS_LEAF(0x80000003), PASS_LEAF(0x80000004), /* brand */
	PASS_LEAF(0x80000005), PASS_LEAF(0x80000006), /* caches */
	{ 0x80000007, ANY_SUBLEAF, { 0, 0, 0, BIT(8) }, NULL }, /* invariant TSC */
	/* EBX: CLZERO. Sizes of addresses are the MMU's, not the host's. */
	{ 0x80000008, ANY_SUBLEAF, { 0, BIT(0), 0, 0 }, fix_address_sizes },
	{ 0x80000021, ANY_SUBLEAF, { BIT(6), 0, 0, 0 }, NULL }, /* null selectors clear bases */
};
/* clang-format on */

/* --- the real processor, asked once ----------------------------------------------- */

struct answer {
	uint32_t leaf, subleaf;
	uint32_t out[4];
};

static struct answer answers[96];
static size_t answer_count;
static uint64_t xcr0_allowed;
static bool xcr0_known;

void cpuid_reset(void)
{
	answer_count = 0;
	xcr0_known = false;
}

uint64_t cpuid_xcr0(void)
{
	uint32_t features[4];

	if (!xcr0_known) {
		backend_cpuid(1, 0, features);
		xcr0_allowed = features[ECX] & BIT(26) ? backend_xcr0() & XCR0_ALLOWED : 0;
		xcr0_known = true;
	}
	return xcr0_allowed;
}

static const struct policy *policy_of(uint32_t leaf, uint32_t subleaf)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (policies[i].leaf == leaf &&
		    (policies[i].subleaf == ANY_SUBLEAF || policies[i].subleaf == subleaf))
			return &policies[i];
	return NULL;
}

static void compute(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	const struct policy *policy = policy_of(leaf, subleaf);

	memset(out, 0, 4 * sizeof(out[0]));
	if (!policy)
		return;
	backend_cpuid(leaf, subleaf, out);
	for (unsigned i = 0; i < 4; i++)
		out[i] &= policy->pass[i];
	if (policy->fix)
		policy->fix(subleaf, out);
}

static void remembered(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	struct answer *answer;

	for (size_t i = 0; i < answer_count; i++) {
		answer = &answers[i];
		if (answer->leaf == leaf && answer->subleaf == subleaf) {
			memcpy(out, answer->out, sizeof(answer->out));
			return;
		}
	}
	compute(leaf, subleaf, out);
	if (answer_count < sizeof(answers) / sizeof(answers[0])) {
		answer = &answers[answer_count++];
		answer->leaf = leaf;
		answer->subleaf = subleaf;
		memcpy(answer->out, out, sizeof(answer->out));
	}
}

/* Header and components of the guest's XCR0 in compacted form (SDM 1 13.4.3). */
static uint32_t compacted_size(void)
{
	uint32_t size = 512 + 64, part[4];

	for (uint32_t i = 2; i < 32; i++) {
		if (!(vcpu.xcr0 >> i & 1))
			continue;
		remembered(0xd, i, part);
		if (part[ECX] & BIT(1))
			size = (size + 63) & ~UINT32_C(63);
		size += part[EAX];
	}
	return size;
}

/* Legacy region, header and components of the guest's XCR0 where the real processor
 * puts them. */
static uint32_t standard_size(void)
{
	uint32_t size = 512 + 64, part[4];

	for (uint32_t i = 2; i < 32; i++) {
		remembered(0xd, i, part);
		if (vcpu.xcr0 >> i & 1 && part[EBX] + part[EAX] > size)
			size = part[EBX] + part[EAX];
	}
	return size;
}

/* Without XSAVEC a kernel checks leaf 0xD EBX against its own sum; fix_xsave() says why
 * applications see another size. */
static bool kernel_checks_size(uint32_t leaf, uint32_t subleaf)
{
	uint32_t form[4];

	if (leaf != 0xd || subleaf != 0 || vcpu.cpl != 0)
		return false;
	remembered(0xd, 1, form);
	return !(form[EAX] & BIT(1));
}

/* Leaves whose answer is the same for all subleaves ignore ECX. */
static bool has_subleaves(uint32_t leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

void cpuid_policy(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	remembered(leaf, has_subleaves(leaf) ? subleaf : 0, out);
	if (leaf == 1 && (vcpu.cr4 & CR4_OSXSAVE))
		out[ECX] |= BIT(27);
	if (leaf == 0xd && subleaf == 1 && (out[EAX] & BIT(1)))
		out[EBX] = compacted_size();
	if (kernel_checks_size(leaf, subleaf))
		out[EBX] = standard_size();
}

bool emulate_cpuid(const struct insn *insn, mword next)
{
	uint32_t out[4];

	(void)insn, (void)next;
	cpuid_policy((uint32_t)vcpu.regs.gpr[RAX], (uint32_t)vcpu.regs.gpr[RCX], out);
	register_write(RAX, 4, out[EAX]);
	register_write(RBX, 4, out[EBX]);
	register_write(RCX, 4, out[ECX]);
	register_write(RDX, 4, out[EDX]);
	return true;
}
