/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel's start-up code, which runs on the identity mapping before anything else.
 *
 * A call in it would be relative to where it is linked, so its records say COPIED and it
 * is not rewritten (rules/x86.rules, .head.text). Where all of its sensitive instructions
 * trap, nothing more is needed. Some hypervisors execute a part of them, for their own
 * processor and not for the guest's: then they are made to trap.
 *
 * COPIED is also what really is copied before it runs (alternatives, ftrace's trampolines,
 * relocate_kernel), and there a `hlt` would be copied, too, to where nobody knows it. A
 * linked kernel has no sections to tell one from the other, but Linux links .head.text
 * first: start-up code is what stands below the first site that can be rewritten.
 */
#include "vmm/cpu/cpu.h"
#include "vmm/frontend.h"
#include "vmm/memory.h"
#include "vmm/string.h"

/* The kernel's records, and where its image lies. */
struct kernel {
	mword records, start;
	size_t size;
	gpa_t at;
};

_Noreturn static void bad_record(mword record)
{
	fatal_value("start-up code: bad annotation record, or one too many", "record", record);
}

static gpa_t physical(const struct kernel *kernel, mword va)
{
	return gpa(va - kernel->start + kernel->at.v);
}

static mword record_at(const struct kernel *kernel, size_t offset, struct ab_annot *annot)
{
	mword at = kernel->records + offset;
	const void *from = memory_at(physical(kernel, at), sizeof(*annot));

	if (!from)
		bad_record(at);
	memcpy(annot, from, sizeof(*annot));
	if (annot->mode_version >> AB_VERSION_SHIFT != AB_VERSION)
		bad_record(at);
	return at + (mword)(int64_t)annot->start;
}

/* The first site that is the kernel's own and not copied: behind the start-up code. */
static mword startup_end(const struct kernel *kernel)
{
	mword end = UINT64_MAX;
	struct ab_annot annot;

	for (size_t i = 0; i + AB_RECORD_SIZE <= kernel->size; i += AB_RECORD_SIZE) {
		mword start = record_at(kernel, i, &annot);

		if (annot.class != AB_CLASS_MODE && !(annot.flags & (AB_F_COPIED | AB_F_USER)) &&
		    start < end)
			end = start;
	}
	return end;
}

/* Not `sti; hlt` and the like: both trap everywhere. */
static bool is_wanted(const struct ab_annot *annot)
{
	return (annot->flags & AB_F_COPIED) && !(annot->flags & (AB_F_USER | AB_F_FUSED)) &&
	       (annot->mode_version & AB_MODE_MASK) == AB_MODE_64 &&
	       annot->class != AB_CLASS_MODE && annot->class >> 8 < AB_GROUP_MEMORY;
}

void vmm_startup_code(mword records, size_t size, mword start, gpa_t at)
{
	const struct kernel kernel = {records, start, size, at};
	mword end = startup_end(&kernel);
	struct ab_annot annot;

	for (size_t i = 0; i + AB_RECORD_SIZE <= size; i += AB_RECORD_SIZE) {
		mword site = record_at(&kernel, i, &annot);

		if (site < end && is_wanted(&annot) &&
		    !trapping_add(physical(&kernel, site), &annot))
			bad_record(records + i);
	}
}
