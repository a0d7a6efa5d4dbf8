/* SPDX-License-Identifier: BSD-2-Clause */
/* The real processor: cpuid, and segment bases, which only Xen can load.
 *
 * What the guest would do with a feature decides whether it sees it: instructions on segment
 * bases would change what vcpu says they are; extended state needs XSETBV and a
 * CR4 that are Xen's; 1 GiB pages are not shadowed.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/layout.h"
#include "backends/xen/private.h"
#include "vmm/backend.h"
#include "vmm/frontend.h"

const bool backend_keeps_bases = true;

#define LEAF_1_ECX_HIDDEN                                                                          \
	(BIT(12) | BIT(26) | BIT(27) | BIT(28) | BIT(29))   /* FMA XSAVE OSXSAVE AVX F16C */
#define LEAF_7_EBX_HIDDEN   (BIT(0) | BIT(5) | 0xdc230000u) /* FSGSBASE AVX2, all of AVX-512 */
#define EXTENDED_EDX_HIDDEN BIT(26)			    /* 1 GiB pages */
#define EXTENDED_ECX_HIDDEN (BIT(11) | BIT(15) | BIT(16))   /* XOP LWP FMA4 */

/* Loads of the null selector are emulated, or found out: they clear the base, on any processor
 * (APM 3, Fn8000_0021_EAX). Linux loads one twice at each context switch if it does not know. */
#define NULL_LEAF	 0x80000021
#define NULL_CLEARS_BASE (1u << 6)

void backend_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
			 : "a"(leaf), "c"(subleaf));
	if (leaf == NULL_LEAF)
		out[0] = out[1] = out[2] = out[3] = 0;
	switch (leaf) {
	case 1:
		out[2] &= ~(uint32_t)LEAF_1_ECX_HIDDEN;
		break;
	case 7:
		if (subleaf == 0)
			out[1] &= ~(uint32_t)LEAF_7_EBX_HIDDEN;
		out[2] = out[3] = 0;
		if (subleaf)
			out[0] = out[1] = 0;
		break;
	case 0xd:
		out[0] = out[1] = out[2] = out[3] = 0;
		break;
	case 0x80000000:
		if (out[0] < NULL_LEAF)
			out[0] = NULL_LEAF;
		break;
	case NULL_LEAF:
		out[0] |= NULL_CLEARS_BASE;
		break;
	case 0x80000001:
		out[2] &= ~(uint32_t)EXTENDED_ECX_HIDDEN;
		out[3] &= ~(uint32_t)EXTENDED_EDX_HIDDEN;
		break;
	}
}

/* x87 and SSE: what fxsave knows. */
uint64_t backend_xcr0(void)
{
	return 3;
}

bool backend_load_state(const void *area, uint64_t mask)
{
	(void)area, (void)mask;
	backend_fatal("xrstor without XSAVE in CPUID: not modelled");
}

/* What Xen loads: FS, the GS of the guest's kernel, and that of applications. */
static uint64_t real[3];
#define UNKNOWN UINT64_MAX /* no canonical address */

static void load(int which, uint64_t base)
{
	long result;

	if (real[which] == base)
		return;
	result = xen_set_segment_base(which, base);
	if (result)
		die_hypercall("set_segment_base", result);
	real[which] = base;
}

/* --- selectors ----------------------------------------------------------------------------
 *
 * The guest's descriptor tables are not real, so an application that loads a selector traps, and
 * vcpu.segment has it; but one that loads the null selector does not trap. So while the guest's
 * is not null, the real register holds Xen's flat segment: found null, it was loaded.
 */
uint8_t selectors_odd;

#define REAL_DATA LAYOUT_SS

static const uint8_t data_segments[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

static uint16_t real_selector(unsigned segment)
{
	uint16_t selector = 0;

	switch (segment) {
	case SEG_ES:
		__asm__ volatile("mov %%es, %0" : "=r"(selector));
		break;
	case SEG_DS:
		__asm__ volatile("mov %%ds, %0" : "=r"(selector));
		break;
	case SEG_FS:
		__asm__ volatile("mov %%fs, %0" : "=r"(selector));
		break;
	default:
		__asm__ volatile("mov %%gs, %0" : "=r"(selector));
	}
	return selector;
}

/* Loading FS or GS changes the base, which is loaded again then. */
static void load_selector(unsigned segment, uint16_t selector)
{
	switch (segment) {
	case SEG_ES:
		__asm__ volatile("mov %0, %%es" : : "r"(selector));
		break;
	case SEG_DS:
		__asm__ volatile("mov %0, %%ds" : : "r"(selector));
		break;
	case SEG_FS:
		__asm__ volatile("mov %0, %%fs" : : "r"(selector));
		real[SEGBASE_FS] = UNKNOWN;
		break;
	default:
		xen_set_segment_base(SEGBASE_GS_USER_SEL, selector);
		real[SEGBASE_GS_USER] = UNKNOWN;
	}
}

void processor_application_stopped(void)
{
	selectors_odd = 0;
	for (size_t i = 0; i < sizeof(data_segments); i++) {
		unsigned segment = data_segments[i];

		if (!vcpu.segment[segment])
			continue;
		if (real_selector(segment)) {
			selectors_odd = 1;
			continue;
		}
		vcpu.segment[segment] = 0;
		if (segment == SEG_FS)
			vcpu.fs_base = 0;
		if (segment == SEG_GS)
			vcpu.gs_base = 0;
	}
}

static void load_selectors(void)
{
	for (size_t i = 0; i < sizeof(data_segments); i++) {
		unsigned segment = data_segments[i];
		bool wanted = vcpu.segment[segment] & ~3u;

		if (wanted)
			selectors_odd = 1;
		if (wanted != (real_selector(segment) != 0))
			load_selector(segment, wanted ? REAL_DATA : 0);
	}
}

/* Xen exchanges the two GS bases with the mode. The guest's kernel does the same by swapgs,
 * a little later and a little earlier: in between it has the wrong one, and uses none. So which
 * is the kernel's is told by the address: of the two the one in the upper half, where no
 * application may have its own; both alike, it is the one that is in force. */
void processor_load_bases(void)
{
	bool other = vcpu.cpl == 3 || (!(vcpu.gs_base >> 63) && vcpu.kernel_gs_base >> 63);

	if (vcpu.cpl == 3)
		load_selectors();
	load(SEGBASE_FS, vcpu.fs_base);
	load(SEGBASE_GS_KERNEL, other ? vcpu.kernel_gs_base : vcpu.gs_base);
	load(SEGBASE_GS_USER, other ? vcpu.gs_base : vcpu.kernel_gs_base);
}
