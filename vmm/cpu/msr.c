/* SPDX-License-Identifier: BSD-2-Clause */
/* Model-specific registers (SDM 4; APM 2 appendix A).
 *
 * A sorted table. What is not in it does not exist: #GP(0), which kernels expect from
 * registers of features that CPUID does not show. Constants are what a processor
 * without the feature, or firmware that locked it, would give.
 */
#include "vmm/cpu/msr.h"

#include "vmm/cpu/cpu.h"
#include "vmm/format.h"

/* --- writers: false is #GP ------------------------------------------------------- */

static bool write_efer(uint64_t value)
{
	uint64_t known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	uint64_t changed = value ^ vcpu.efer;

	if (value & ~known)
		return false;
	if ((changed & EFER_LME) && (vcpu.cr0 & CR0_PG))
		return false;
	vcpu.efer = (value & ~EFER_LMA) | (vcpu.efer & EFER_LMA);
	if (changed & EFER_NXE)
		tlb_flush_all(true);
	return true;
}

/* Memory types: SDM 3A 12.12.2; 2 and 3 are reserved. */
static bool write_pat(uint64_t value)
{
	for (unsigned i = 0; i < 64; i += 8) {
		uint64_t type = value >> i & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	vcpu.pat = value;
	return true;
}

/* There is no local APIC to enable (bit 11) or to move. */
static bool write_apic_base(uint64_t value)
{
	vcpu.apic_base = value & ~BIT(11);
	return true;
}

/* Fast strings (bit 0) stay on: Linux drops ERMS without them, keeps FSRM, and its
 * memmove then corrupts memory. */
static bool write_misc_enable(uint64_t value)
{
	vcpu.misc_enable = value | 1;
	return true;
}

static bool write_tsc(uint64_t value)
{
	(void)value;
	limit_once("the time-stamp counter cannot be written: ignored");
	return true;
}

static bool write_ignored(uint64_t value)
{
	(void)value;
	return true;
}

#define DEBUGCTL_BTF BIT(1)

/* Stepping by branches becomes stepping by instructions: a debugger stops too often. */
static bool write_debugctl(uint64_t value)
{
	if (value & DEBUGCTL_BTF)
		limit_once("DEBUGCTL.BTF steps every instruction");
	return !(value & ~DEBUGCTL_BTF);
}

static bool write_zero(uint64_t value)
{
	return value == 0;
}

static uint64_t read_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* --- the table ------------------------------------------------------------------- */

#define FIELD(index, name, member, flags)                                                          \
	{                                                                                          \
		index, flags, name, &vcpu.member, 0, NULL, NULL                                    \
	}
#define CHECKED(index, name, member, write)                                                        \
	{                                                                                          \
		index, 0, name, &vcpu.member, 0, NULL, write                                       \
	}
#define CONSTANT(index, name, value, write)                                                        \
	{                                                                                          \
		index, 0, name, NULL, value, NULL, write                                           \
	}

/* clang-format off */
static const struct msr table[] = {
	{ 0x00000010, 0, "TSC", NULL, 0, read_tsc, write_tsc },
	CHECKED(0x0000001b, "APIC_BASE", apic_base, write_apic_base),
	CONSTANT(0x00000034, "SMI_COUNT", 0, NULL), /* none is delivered */
	CONSTANT(0x0000003a, "FEATURE_CONTROL", 1, NULL), /* locked */
	/* Linux looks here for microcode with known faults; so new that there is none. */
	CONSTANT(0x0000008b, "UCODE_REV", UINT64_C(0xffffffff) << 32, write_zero),
	CONSTANT(0x000000ce, "PLATFORM_INFO", 0, NULL),
	CONSTANT(0x000000fe, "MTRRCAP", 0, NULL),
	CONSTANT(0x00000140, "MISC_FEATURES_ENABLES", 0, write_zero),
	FIELD(0x00000174, "SYSENTER_CS", sysenter_cs, 0),
	FIELD(0x00000175, "SYSENTER_ESP", sysenter_esp, MSR_CANONICAL),
	FIELD(0x00000176, "SYSENTER_EIP", sysenter_eip, MSR_CANONICAL),
	CONSTANT(0x00000179, "MCG_CAP", 0, NULL),
	CONSTANT(0x0000017a, "MCG_STATUS", 0, write_ignored),
	CHECKED(0x000001a0, "MISC_ENABLE", misc_enable, write_misc_enable),
	CONSTANT(0x000001d9, "DEBUGCTL", 0, write_debugctl),
	CHECKED(0x00000277, "PAT", pat, write_pat),
	CONSTANT(0x000002ff, "MTRRdefType", 6, write_ignored), /* all write-back */
	CHECKED(0xc0000080, "EFER", efer, write_efer),
	FIELD(0xc0000081, "STAR", star, 0),
	FIELD(0xc0000082, "LSTAR", lstar, MSR_CANONICAL),
	FIELD(0xc0000083, "CSTAR", cstar, MSR_CANONICAL),
	FIELD(0xc0000084, "FMASK", sfmask, MSR_32_BITS),
	FIELD(0xc0000100, "FS_BASE", fs_base, MSR_CANONICAL),
	FIELD(0xc0000101, "GS_BASE", gs_base, MSR_CANONICAL),
	FIELD(0xc0000102, "KERNEL_GS_BASE", kernel_gs_base, MSR_CANONICAL),
	FIELD(0xc0000103, "TSC_AUX", tsc_aux, MSR_32_BITS),
	CONSTANT(0xc0010015, "HWCR", BIT(24), write_ignored), /* the TSC counts at P0 */
};
/* clang-format on */

const struct msr *msr_table(size_t *count)
{
	*count = sizeof(table) / sizeof(table[0]);
	return table;
}

static const struct msr *find(uint32_t index)
{
	size_t low = 0, high = sizeof(table) / sizeof(table[0]);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table[middle].index == index)
			return &table[middle];
		if (table[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* --- what is not there, once each --------------------------------------------------- */

static struct msr_unknown unknown[64];
static size_t unknown_count;

const struct msr_unknown *msr_unknown(size_t *count)
{
	*count = unknown_count;
	return unknown;
}

static bool report_unknown(uint32_t index, bool write)
{
	struct line line = {0};

	for (size_t i = 0; i < unknown_count; i++) {
		if (unknown[i].index == index) {
			unknown[i].count++;
			return false;
		}
	}
	if (unknown_count < sizeof(unknown) / sizeof(unknown[0]))
		unknown[unknown_count++] = (struct msr_unknown){index, 1};
	line_text(&line, write ? "unknown MSR written, #GP:" : "unknown MSR read, #GP:");
	line_field(line_field(&line, "msr", index), "rip", vcpu.regs.rip);
	line_log(&line);
	return false;
}

bool msr_read(uint32_t index, uint64_t *value)
{
	const struct msr *msr = find(index);

	if (!msr)
		return report_unknown(index, false);
	*value = msr->read ? msr->read() : msr->field ? *msr->field : msr->constant;
	return true;
}

bool msr_write(uint32_t index, uint64_t value)
{
	const struct msr *msr = find(index);

	if (!msr)
		return report_unknown(index, true);
	if (msr->write)
		return msr->write(value);
	if (!msr->field || ((msr->flags & MSR_CANONICAL) && !canonical(value)) ||
	    ((msr->flags & MSR_32_BITS) && value >> 32))
		return false;
	*msr->field = value;
	return true;
}

/* --- instructions --------------------------------------------------------------------- */

bool emulate_rdmsr(const struct insn *insn, mword next)
{
	uint64_t value;

	(void)insn, (void)next;
	if (!msr_read((uint32_t)vcpu.regs.gpr[RCX], &value))
		return fault(VECTOR_GP, 0);
	register_write(RAX, 4, value);
	register_write(RDX, 4, value >> 32);
	return true;
}

bool emulate_wrmsr(const struct insn *insn, mword next)
{
	uint64_t value = register_read(RDX, 4) << 32 | register_read(RAX, 4);

	(void)insn, (void)next;
	return msr_write((uint32_t)vcpu.regs.gpr[RCX], value) || fault(VECTOR_GP, 0);
}

bool emulate_rdtsc(const struct insn *insn, mword next)
{
	uint64_t value = read_tsc();

	(void)insn, (void)next;
	if (vcpu.cpl == 3 && (vcpu.cr4 & CR4_TSD))
		return fault(VECTOR_GP, 0);
	register_write(RAX, 4, value);
	register_write(RDX, 4, value >> 32);
	return true;
}

/* Hidden in CPUID, because applications would read the host's TSC_AUX; here for code
 * that does not ask. */
bool emulate_rdtscp(const struct insn *insn, mword next)
{
	if (!emulate_rdtsc(insn, next))
		return false;
	register_write(RCX, 4, vcpu.tsc_aux);
	return true;
}

bool emulate_rdpid(const struct insn *insn, mword next)
{
	(void)next;
	register_write(insn->rm, 8, vcpu.tsc_aux);
	return true;
}

/* No counter exists: every number is out of range (SDM 2 RDPMC). */
bool emulate_rdpmc(const struct insn *insn, mword next)
{
	(void)insn, (void)next;
	return fault(VECTOR_GP, 0);
}
