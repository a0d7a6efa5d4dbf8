/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_shadow.h explains. */
#include "test/unit/xen/fake_shadow.h"

#include "backends/xen/shadow.h"
#include "backends/xen/tables.h"
#include "backends/xen/traps.h"
#include "vmm/backend.h"
#include "vmm/frontend.h"
#include "vmm/vcpu.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRIES 3 /* faults that one access may need: upper levels, write, look-aside buffer */

/* traps.S's part of shadow.c. */
void exit_work_now(void);

void fake_shadow_start(uint64_t pool, mword direct_map)
{
	fake_guest_start(pool);
	shadow_start(direct_map);
	fake_load(vcpu.cr3);
	fake_resume(0);
	fake_clear_calls();
}

void fake_leave(void)
{
	vcpu.cpl = 3;
	if (vcpu.hypervisor[EXIT_WORK])
		exit_work_now();
	assert_int_equal(vcpu.hypervisor[EXIT_WORK], 0);
}

void fake_resume(unsigned cpl)
{
	vcpu.cpl = (uint8_t)cpl;
	shadow_enter();
	if (cpl == 3)
		fake_leave();
}

void fake_write(uint64_t *entry, uint64_t value)
{
	uint64_t at = (uint64_t)((uint8_t *)entry - fake_ram);

	*entry = value;
	if (value & PTE_P && vmm_watched.marks[at >> PAGE_SHIFT])
		backend_table_written(gpa(at), value);
}

void fake_load(uint64_t root)
{
	vcpu.cr3 = root;
	backend_load_root(gpa(root));
}

bool fake_touch(mword va, mword access)
{
	unsigned cpl = access & ACCESS_USER ? 3 : 0;

	if (vcpu.cpl == 0 && cpl == 3)
		fake_leave();
	vcpu.cpl = (uint8_t)cpl;
	for (unsigned i = 0; i < TRIES; i++) {
		struct translation translation;
		mword error;

		if (fake_access(va, access))
			return true;
		if (!mmu_translate(gva(va), access, &translation, &error))
			return false;
		shadow_fill(gva(va), &translation, access & ACCESS_WRITE);
		fake_resume(cpl);
	}
	fail_msg("no progress at %#lx, access %lu", va, access);
	return false;
}

void assert_vmm_is_there(void)
{
	for (unsigned i = 0; i < LAYOUT_WINDOW_L2S; i++) {
		mword va = LAYOUT_VMM - 0x100000 + i * UINT64_C(0x200000);

		assert_true(fake_walk(va, false).present);
		assert_false(fake_walk(va, true).present);
	}
	assert_true(fake_walk(LAYOUT_POOL | 0xffff800000000000, false).present);
	assert_true(fake_walk(LAYOUT_RAM | 0xffff800000000000, false).writable);
	assert_false(fake_walk(LAYOUT_RAM | 0xffff800000000000, true).present);
	for (unsigned i = 256; i < TABLE_ENTRIES && fake_domain.user_root; i++)
		assert_int_equal(frames_words[fake_domain.user_root][i], 0);
}
