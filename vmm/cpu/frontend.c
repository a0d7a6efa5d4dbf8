/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways in: what frontend.h promises to back-ends. */
#include "vmm/frontend.h"

#include "vmm/cpu/cpu.h"
#include "vmm/cpu/machine.h"
#include "vmm/emulate.h"
#include "vmm/rewrite.h"
#include "vmm/string.h"

#define BOOT_CS 0x10 /* Linux Documentation/x86/boot.rst, "64-bit Boot Protocol" */
#define BOOT_DS 0x18

#define PAT_AT_RESET  UINT64_C(0x0007040600070406) /* SDM 3A 12.12.4 */
#define APIC_AT_RESET UINT64_C(0xfee00100)	   /* boot processor, disabled */

void vmm_reset(gva_t entry, gpa_t root, gpa_t boot_params)
{
	struct vcpu fresh = {
		.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG,
		.cr3 = root.v,
		.cr4 = CR4_PAE,
		.efer = EFER_SCE | EFER_LME | EFER_LMA,
		.xcr0 = 1,
		.dr = {[6] = UINT64_C(0xffff0ff0), [7] = BIT(10)},
		.pat = PAT_AT_RESET,
		.apic_base = APIC_AT_RESET,
		.misc_enable = 1,
		.segment = {[SEG_CS] = BOOT_CS, [SEG_SS] = BOOT_DS},
		.gdtr.limit = 0xffff,
		.idtr.limit = 0xffff,
		.in_vmm = vcpu.in_vmm,
		.host_cs = vcpu.host_cs,
		.host_ss = vcpu.host_ss,
		.regs.rip = entry.v,
		.regs.gpr[RSI] = boot_params.v,
	};

	/* what is shared with the hypervisor is not written: it may be marking an event */
	memcpy((uint8_t *)&vcpu + VCPU_SHARED, (const uint8_t *)&fresh + VCPU_SHARED,
	       sizeof(vcpu) - VCPU_SHARED);
	flags_set(0);
	cpuid_reset();
	machine_reset();
	interrupt_reset();
	tlb_load_root(root);
}

/* --- exceptions ------------------------------------------------------------------------ */

/* What a sensitive instruction may raise at the wrong privilege, or because the host's
 * descriptor tables are not the guest's. */
#define DECODED (BIT(VECTOR_UD) | BIT(VECTOR_GP) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_TS))

/* As many bytes as can be read at RIP: the next page may be absent. */
static size_t fetch(uint8_t bytes[INSN_MAX])
{
	mword rip = vcpu.regs.rip;
	size_t first = PAGE_SIZE - (rip & (PAGE_SIZE - 1));

	if (first > INSN_MAX)
		first = INSN_MAX;
	if (!guest_peek(gva(rip), bytes, first))
		return 0;
	if (first < INSN_MAX && guest_peek(gva(rip + first), bytes + first, INSN_MAX - first))
		return INSN_MAX;
	return first;
}

static bool emulate_here(void)
{
	uint8_t bytes[INSN_MAX];
	struct insn insn;

	if (!insn_decode(&insn, bytes, fetch(bytes), word_size() * 8))
		return false;
	if (insn.class == AB_CLASS_HLT && trapping_emulate())
		return true;
	if (!emulation_applies(insn.class))
		return false;
	emulate_trap(&insn, vcpu.regs.rip + insn.length);
	return true;
}

/* #DB: `error` holds the DR6 bits if the back-end knows them. */
static void debug_exception(mword dr6)
{
	if (!dr6 && (vcpu.regs.rflags & FLAG_TF))
		dr6 = DR6_BS;
	trap_debug(dr6);
}

void vmm_exception(unsigned vector, mword error)
{
	flags_sync();
	if (vector == VECTOR_BP || vector == VECTOR_OF) {
		trap_software(vector, 1); /* int3, into: RIP is behind */
		return;
	}
	if (vector == VECTOR_DB) {
		debug_exception(error);
		return;
	}
	if (vector < 32 && (DECODED & BIT(vector)) && emulate_here())
		return;
	trap_raise(vector, error);
}

bool vmm_application_instruction(void)
{
	flags_sync();
	return emulate_here();
}

/* The real processor's U bit says nothing: kernel and applications both run as user. */
bool vmm_page_fault(gva_t va, mword error, struct translation *translation)
{
	mword access = error & (ACCESS_WRITE | ACCESS_FETCH);

	flags_sync();
	if (vcpu.cpl == 3)
		access |= ACCESS_USER;
	if (mmu_translate(va, access, translation, &error))
		return true;
	if (error == MMU_NOT_CANONICAL)
		trap_raise(VECTOR_GP, 0);
	else
		trap_page_fault(va, error);
	return false;
}

void vmm_syscall(void)
{
	flags_sync();
	enter_syscall(vcpu.regs.rip);
}

#define INT_LENGTH 2 /* cd nn */

void vmm_software_interrupt(unsigned vector)
{
	flags_sync();
	trap_software(vector, INT_LENGTH);
}

/* --- rewritten sites ---------------------------------------------------------------------- */

void vmm_site(mword next)
{
	const struct site *site = rewrite_site_before(next);

	if (!site)
		fatal_value("call into the VMM from no site", "next", next);
	flags_sync();
	vcpu.regs.rip = site->start;
	emulate(&site->insn, next);
}
