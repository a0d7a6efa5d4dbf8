/* SPDX-License-Identifier: BSD-2-Clause */
/* Control, debug and extended control registers (SDM 3A 2.5, 2.6, 17.2). */
#include "vmm/cpu/cpu.h"

#define CR0_KNOWN                                                                                  \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)
/* Bits of features that CPUID hides are reserved: #GP, as on a processor without. */
#define CR4_KNOWN                                                                                  \
	(CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT |  \
	 CR4_FSGSBASE | CR4_OSXSAVE)
/* Changing these makes every translation stale (SDM 3A 4.10.4.1). */
#define CR0_TRANSLATION (CR0_WP | CR0_PG | CR0_CD)
#define CR4_TRANSLATION (CR4_PGE | CR4_PAE | CR4_PSE)

static bool cr0_valid(mword value)
{
	if (value >> 32)
		return false;
	if ((value & CR0_PG) && !(value & CR0_PE))
		return false;
	if ((value & CR0_NW) && !(value & CR0_CD))
		return false;
	/* paging cannot be left from 64-bit code */
	return (value & CR0_PG) || !(vcpu.efer & EFER_LMA);
}

static bool write_cr0(mword value)
{
	mword changed;

	if (!cr0_valid(value))
		return fault(VECTOR_GP, 0);
	value = (value & CR0_KNOWN) | CR0_ET;
	changed = value ^ vcpu.cr0;
	vcpu.cr0 = value;
	if (changed & CR0_TRANSLATION)
		tlb_flush_all(true);
	return true;
}

static bool write_cr2(mword value)
{
	vcpu.cr2 = value;
	return true;
}

static bool write_cr3(mword value)
{
	if (value >> PHYSICAL_BITS)
		return fault(VECTOR_GP, 0);
	vcpu.cr3 = value;
	tlb_load_root(gpa(value & PTE_ADDR));
	return true;
}

static bool cr4_valid(mword value)
{
	if (value & ~CR4_KNOWN)
		return false;
	if ((value & CR4_OSXSAVE) && !cpuid_xcr0())
		return false;
	return (value & CR4_PAE) || !(vcpu.efer & EFER_LMA);
}

static bool write_cr4(mword value)
{
	mword changed = value ^ vcpu.cr4;

	if (!cr4_valid(value))
		return fault(VECTOR_GP, 0);
	if (changed & value & CR4_TSD)
		limit_once("CR4.TSD does not keep applications from rdtsc");
	vcpu.cr4 = value;
	if (changed & CR4_TRANSLATION)
		tlb_flush_all(true);
	return true;
}

/* The task priority holds back interrupts of a local APIC only; there is none. */
static bool write_cr8(mword value)
{
	if (value >> 4)
		return fault(VECTOR_GP, 0);
	vcpu.cr8 = value;
	return true;
}

static const struct {
	uint64_t *value;
	bool (*write)(mword value);
} control_registers[16] = {
	[0] = {&vcpu.cr0, write_cr0}, [2] = {&vcpu.cr2, write_cr2}, [3] = {&vcpu.cr3, write_cr3},
	[4] = {&vcpu.cr4, write_cr4}, [8] = {&vcpu.cr8, write_cr8},
};

bool emulate_mov_from_cr(const struct insn *insn, mword next)
{
	(void)next;
	if (!control_registers[insn->reg & 15].value)
		return fault(VECTOR_UD, 0);
	register_write(insn->rm, word_size(), *control_registers[insn->reg & 15].value);
	return true;
}

bool emulate_mov_to_cr(const struct insn *insn, mword next)
{
	(void)next;
	if (!control_registers[insn->reg & 15].write)
		return fault(VECTOR_UD, 0);
	return control_registers[insn->reg & 15].write(register_read(insn->rm, word_size()));
}

bool emulate_clts(const struct insn *insn, mword next)
{
	(void)insn, (void)next;
	vcpu.cr0 &= ~CR0_TS;
	return true;
}

/* PE can be set but not cleared (SDM 2 LMSW). */
bool emulate_lmsw(const struct insn *insn, mword next)
{
	mword value, low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;

	(void)next;
	if (!operand_read(insn, 2, &value))
		return false;
	return write_cr0((vcpu.cr0 & ~(low & ~CR0_PE)) | (value & low));
}

bool emulate_smsw(const struct insn *insn, mword next)
{
	(void)next;
	return operand_write(insn, insn->operand, 2, vcpu.cr0);
}

/* --- debug registers ------------------------------------------------------------ */

#define DR6_FIXED  UINT64_C(0xffff0ff0)
#define DR6_KNOWN  UINT64_C(0x0000e00f)
#define DR7_FIXED  BIT(10)
#define DR7_KNOWN  UINT64_C(0xffff2bff) /* without 10, 12, 14, 15; 11 is RTM */
#define DR7_ENABLE UINT64_C(0xff)

/* 4 and 5 are other names of 6 and 7 (SDM 3A 17.2.2); -1: #UD. */
static int debug_register(const struct insn *insn)
{
	if (insn->reg > 7 || ((insn->reg == 4 || insn->reg == 5) && (vcpu.cr4 & CR4_DE)))
		return -1;
	return insn->reg == 4 || insn->reg == 5 ? insn->reg + 2 : insn->reg;
}

bool emulate_mov_from_dr(const struct insn *insn, mword next)
{
	int number = debug_register(insn);

	(void)next;
	if (number < 0)
		return fault(VECTOR_UD, 0);
	register_write(insn->rm, word_size(), vcpu.dr[number]);
	return true;
}

bool emulate_mov_to_dr(const struct insn *insn, mword next)
{
	int number = debug_register(insn);
	mword value = register_read(insn->rm, word_size());

	(void)next;
	if (number < 0)
		return fault(VECTOR_UD, 0);
	if (number >= 6 && value >> 32)
		return fault(VECTOR_GP, 0);
	if (number == 6)
		value = (value & DR6_KNOWN) | DR6_FIXED;
	if (number == 7) {
		value = (value & DR7_KNOWN) | DR7_FIXED;
		if (value & DR7_ENABLE)
			limit_once("hardware breakpoints (DR7) do not trap");
	}
	vcpu.dr[number] = value;
	return true;
}

/* --- extended control registers --------------------------------------------------- */

/* ECX = 1 (XINUSE) is hidden in CPUID leaf 0xD. */
bool emulate_xgetbv(const struct insn *insn, mword next)
{
	(void)insn, (void)next;
	if (!(vcpu.cr4 & CR4_OSXSAVE))
		return fault(VECTOR_UD, 0);
	if ((uint32_t)vcpu.regs.gpr[RCX] != 0)
		return fault(VECTOR_GP, 0);
	register_write(RAX, 4, vcpu.xcr0);
	register_write(RDX, 4, vcpu.xcr0 >> 32);
	return true;
}

#define XCR0_X87    BIT(0)
#define XCR0_SSE    BIT(1)
#define XCR0_AVX    BIT(2)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))

/* Which combinations there are: SDM 3A 2.6. */
static bool xcr0_valid(uint64_t value)
{
	if (!(value & XCR0_X87) || (value & ~cpuid_xcr0()))
		return false;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return false;
	if (!(value & XCR0_AVX512))
		return true;
	return (value & XCR0_AVX512) == XCR0_AVX512 && (value & XCR0_AVX);
}

/* The real XCR0 stays what the host made it: it has all these bits, and the guest's
 * xsave asks for those it set. */
bool emulate_xsetbv(const struct insn *insn, mword next)
{
	uint64_t value = register_read(RDX, 4) << 32 | register_read(RAX, 4);

	(void)insn, (void)next;
	if (!(vcpu.cr4 & CR4_OSXSAVE))
		return fault(VECTOR_UD, 0);
	if ((uint32_t)vcpu.regs.gpr[RCX] != 0 || !xcr0_valid(value))
		return fault(VECTOR_GP, 0);
	vcpu.xcr0 = value;
	return true;
}
