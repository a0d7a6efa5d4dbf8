/* SPDX-License-Identifier: BSD-2-Clause */
/* Segment bases and selectors that are really loaded; what cpuid shows. */
#include "backends/xen/private.h"
#include "test/unit/xen/fake_end.h"
#include "test/unit/xen/fake_run.h"
#include "test/unit/xen/fake_xen.h"
#include "vmm/backend.h"
#include "vmm/frontend.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOW   UINT64_C(0x7f0012345000)
#define HIGH  UINT64_C(0xffff888012345000)
#define HIGH2 UINT64_C(0xffff888098765000)

void vmm_settle_bases(void)
{
}

static int setup(void **state)
{
	(void)state;
	fake_xen_start();
	vcpu = (struct vcpu){.cpl = 0};
	selectors_odd = 0;
	return 0;
}

/* Xen exchanges the bases of GS with the mode; which one is the kernel's? */
static void the_kernels_base_is_told(void **state)
{
	static const struct {
		uint8_t cpl;
		uint64_t gs, other, kernel, user;
	} cases[] = {
		{3, LOW, HIGH, HIGH, LOW},     /* an application */
		{3, 0, HIGH, HIGH, 0},	       /* without a base */
		{0, HIGH, LOW, HIGH, LOW},     /* the kernel, after swapgs */
		{0, LOW, HIGH, HIGH, LOW},     /* and before */
		{0, HIGH, HIGH2, HIGH, HIGH2}, /* both alike: as it is */
		{0, LOW, 0, LOW, 0},	       /* a kernel that begins */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vcpu.cpl = cases[i].cpl;
		vcpu.gs_base = cases[i].gs;
		vcpu.kernel_gs_base = cases[i].other;
		vcpu.fs_base = LOW + i;
		processor_load_bases();
		assert_int_equal(fake_domain.bases[SEGBASE_GS_KERNEL], cases[i].kernel);
		assert_int_equal(fake_domain.bases[SEGBASE_GS_USER], cases[i].user);
		assert_int_equal(fake_domain.bases[SEGBASE_FS], LOW + i);
	}
}

static void only_changes_cost(void **state)
{
	(void)state;
	vcpu.gs_base = HIGH;
	processor_load_bases();
	assert_int_equal(fake_log.count, 1); /* the others are 0 */
	processor_load_bases();
	assert_int_equal(fake_log.count, 1);
	vcpu.cpl = 3;
	vcpu.kernel_gs_base = HIGH; /* swapgs on the way */
	vcpu.gs_base = 0;
	processor_load_bases();
	assert_int_equal(fake_log.count, 1);
	vcpu.fs_base = LOW;
	processor_load_bases();
	assert_int_equal(fake_log.count, 2);
}

static void bad_bases_are_an_end(void **state)
{
	(void)state;
	vcpu.fs_base = BIT(50);
	assert_ends(processor_load_bases(), "set_segment_base, error 22");
}

/* --- selectors ----------------------------------------------------------------------------------
 */

static uint16_t real_ds(void)
{
	uint16_t selector;

	__asm__ volatile("mov %%ds, %0" : "=r"(selector));
	return selector;
}

static void load_null(void)
{
	__asm__ volatile("mov %0, %%ds" : : "r"((uint16_t)0));
}

static void data_segments_are_watched(void **state)
{
	(void)state;
	vcpu.cpl = 3;
	processor_load_bases();
	assert_int_equal(real_ds(), 0);
	assert_int_equal(selectors_odd, 0);
	vcpu.segment[SEG_DS] = 0x33; /* of the guest's own table */
	processor_load_bases();
	assert_int_equal(real_ds(), LAYOUT_SS);
	assert_int_equal(selectors_odd, 1);
	processor_application_stopped(); /* it has it still */
	assert_int_equal(vcpu.segment[SEG_DS], 0x33);
	assert_int_equal(selectors_odd, 1);
	load_null(); /* an application may, and nobody hears of it */
	processor_application_stopped();
	assert_int_equal(vcpu.segment[SEG_DS], 0);
	assert_int_equal(selectors_odd, 0);
	processor_load_bases();
	assert_int_equal(real_ds(), 0);
}

static void null_selectors_are_null(void **state)
{
	(void)state;
	vcpu.cpl = 3;
	for (unsigned selector = 0; selector < 4; selector++) {
		vcpu.segment[SEG_DS] = vcpu.segment[SEG_ES] = selector;
		processor_load_bases();
		assert_int_equal(real_ds(), 0);
		assert_int_equal(selectors_odd, 0);
	}
}

static void the_kernel_loads_none(void **state)
{
	(void)state;
	vcpu.segment[SEG_DS] = 0x33;
	processor_load_bases();
	assert_int_equal(real_ds(), 0);
}

/* The base goes with the selector. */
static void loading_gs_changes_its_base(void **state)
{
	(void)state;
	vcpu.cpl = 3;
	vcpu.gs_base = LOW;
	processor_load_bases();
	vcpu.segment[SEG_GS] = 0x33;
	fake_clear_calls();
	processor_load_bases();
	assert_int_equal(fake_domain.bases[SEGBASE_GS_USER_SEL], LAYOUT_SS);
	assert_int_equal(fake_log.by_number[__HYPERVISOR_set_segment_base], 2); /* and the base */
	assert_int_equal(fake_domain.bases[SEGBASE_GS_USER], LOW);
	processor_application_stopped(); /* the real one is null in this process */
	assert_int_equal(vcpu.segment[SEG_GS], 0);
	assert_int_equal(vcpu.gs_base, 0);
}

/* --- features
 * ------------------------------------------------------------------------------------- */

static void some_features_are_hidden(void **state)
{
	uint32_t out[4], none[4] = {0};

	(void)state;
	backend_cpuid(1, 0, out);
	assert_false(out[2] & (BIT(26) | BIT(27) | BIT(28))); /* XSAVE OSXSAVE AVX */
	assert_true(out[3] & BIT(25));			      /* SSE */
	backend_cpuid(7, 0, out);
	assert_false(out[1] & (BIT(0) | BIT(5) | BIT(16))); /* FSGSBASE AVX2 AVX512F */
	assert_int_equal(out[2] | out[3], 0);
	backend_cpuid(7, 1, out);
	assert_memory_equal(out, none, sizeof(out));
	backend_cpuid(0xd, 0, out);
	assert_memory_equal(out, none, sizeof(out));
	backend_cpuid(0x80000001, 0, out);
	assert_false(out[3] & BIT(26)); /* 1 GiB pages */
	assert_true(out[3] & BIT(29));
	assert_int_equal(backend_xcr0(), 3);
	assert_ends(backend_load_state(out, 3), "xrstor without XSAVE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_kernels_base_is_told, setup),
		cmocka_unit_test_setup(only_changes_cost, setup),
		cmocka_unit_test_setup(bad_bases_are_an_end, setup),
		cmocka_unit_test_setup(data_segments_are_watched, setup),
		cmocka_unit_test_setup(null_selectors_are_null, setup),
		cmocka_unit_test_setup(the_kernel_loads_none, setup),
		cmocka_unit_test_setup(loading_gs_changes_its_base, setup),
		cmocka_unit_test_setup(some_features_are_hidden, setup),
	};

	return fake_run(tests, sizeof(tests) / sizeof(tests[0]));
}
