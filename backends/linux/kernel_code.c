/* SPDX-License-Identifier: BSD-2-Clause */
/*@142 What the guest's kernel executes, where keys isolate it
 *
 * An application may jump to the kernel's code too, so the kernel's may hold nothing that
 * loads the rights of protection keys (scan.h), at any offset. Its own text is looked at
 * once, after rewriting, and so are the VMM's trampolines and thunks: a kernel that has
 * something left is refused. Everything else that its tables call executable, modules
 * above all, is looked at whenever it is mapped, and is not executable if it has
 * anything. The linear mapping of all memory, which kernels leave executable for a while
 * when they start, never is.
 *
 * Not seen is what a kernel writes into code that is mapped: its own patches of branches
 * and calls. A kernel that compiles programs of applications' (BPF) does not keep that
 * promise; the configuration of this project has none.
 */
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "backends/linux/scan.h"
#include "backends/linux/shadow.h"
#include "vmm/cpu/cpu.h"
#include "vmm/entry.h"
#include "vmm/memory.h"

#define LINEAR_END 0x490000000000 /* layout.h: vmalloc */

static bool clean(const uint8_t *page, bool more)
{
	return !scan_page(page, NULL, 0) && !(more && scan_across(page, page + PAGE_SIZE));
}

static void check(const uint8_t *bytes, uint64_t size, mword va, const char *what)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		if (!clean(bytes + at, at + PAGE_SIZE < size)) {
			vcpu.regs.rip = va + at;
			end_machine(END_GUEST, 0, what);
		}
}

void kernel_code_start(void)
{
	for (int i = 0; i < LOAD_CODE_MOST && shared->code[i].end; i++) {
		mword start = shared->code[i].start & PAGE_MASK;
		mword end = (shared->code[i].end + PAGE_SIZE - 1) & PAGE_MASK;
		const uint8_t *text = memory_at(
			gpa(start - shared->image_start + shared->image_physical), end - start);

		if (text)
			check(text, end - start, start,
			      "its text has a wrpkru or xrstor in this page that the rewriter does "
			      "not know, perhaps inside of another instruction; build it with this "
			      "version's rules, or say --no-isolation");
	}
	check((const uint8_t *)LAYOUT_TRAMPOLINES, LAYOUT_TRAMPOLINE_BYTES, LAYOUT_TRAMPOLINES,
	      "a trampoline looks like wrpkru or xrstor");
	check(vmm_thunks, VMM_THUNK_BYTES, (mword)vmm_thunks,
	      "a thunk looks like wrpkru or xrstor");
}

static bool in_image(mword va)
{
	return va - shared->image_start < shared->image_end - shared->image_start;
}

bool kernel_code_clean(mword va, uint64_t bytes, uint64_t frame)
{
	const uint8_t *page = memory_at(gpa(frame), bytes);

	if (shared->isolation != ISOLATION_KEYS || in_image(va))
		return true;
	if (va < LINEAR_END || !page)
		return false;
	for (uint64_t at = 0; at < bytes; at += PAGE_SIZE)
		if (!clean(page + at, at + PAGE_SIZE < bytes))
			return false;
	return true;
}
