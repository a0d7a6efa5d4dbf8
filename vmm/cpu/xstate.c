/* SPDX-License-Identifier: BSD-2-Clause */
/* xrstor of the guest's kernel (SDM 1, 13.8), where the back-end wants it, and of
 * applications, where it does not let them execute it.
 *
 * The state that it loads is in the real processor. The instruction itself is innocuous
 * but for one component, the rights of protection keys: a back-end that keeps
 * applications from the kernel by these may leave no xrstor that they could jump to.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"

#define PKRU	     BIT(9)
#define LEGACY	     512 /* bytes; then the header */
#define HEADER	     64
#define AREA_MOST    16384
#define COMPACTED    BIT(63) /* of XCOMP_BV */
#define LEAF_XSAVE   0xd
#define FIRST_OFFSET (LEGACY + HEADER)
#define COMPONENTS   32

struct header {
	uint64_t present;   /* XSTATE_BV */
	uint64_t compacted; /* XCOMP_BV */
};

static uint8_t area[AREA_MOST] __attribute__((aligned(64)));

/* What CPUID says of a component, kept: where a hypervisor below the host emulates cpuid, it
 * takes microseconds. */
struct component {
	bool known, aligned;
	uint32_t size, offset;
};

static const struct component *component(uint32_t number)
{
	static struct component components[COMPONENTS];
	struct component *it = &components[number];
	uint32_t leaf[4];

	if (!it->known) {
		backend_cpuid(LEAF_XSAVE, number, leaf);
		*it = (struct component){true, leaf[2] & BIT(1), leaf[0], leaf[1]};
	}
	return it;
}

/* Bytes up to the end of the last component that is in the area. */
static uint32_t area_size(const struct header *header)
{
	bool compacted = header->compacted & COMPACTED;
	uint64_t components = compacted ? header->compacted : header->present;
	uint32_t size = FIRST_OFFSET, at;

	for (uint32_t i = 2; i < COMPONENTS; i++) {
		const struct component *part;

		if (!(components >> i & 1))
			continue;
		part = component(i);
		if (!compacted)
			at = part->offset;
		else
			at = part->aligned ? (size + 63) & ~UINT32_C(63) : size;
		if (at < AREA_MOST && part->size < AREA_MOST && at + part->size > size)
			size = at + part->size;
	}
	return size < AREA_MOST ? size : AREA_MOST;
}

/* What is wrong with the area itself, the processor finds when it loads it. */
bool emulate_xrstor(const struct insn *insn, mword next)
{
	mword va = operand_address(insn);
	uint64_t mask = register_read(RDX, 4) << 32 | register_read(RAX, 4);
	struct header header;

	(void)next;
	if (!(vcpu.cr4 & CR4_OSXSAVE))
		return fault(VECTOR_UD, 0);
	if (vcpu.cr0 & CR0_TS)
		return fault(VECTOR_NM, 0);
	if (va & 63)
		return fault(VECTOR_GP, 0);
	if (!cpu_read(va + LEGACY, &header, sizeof(header)) ||
	    !cpu_read(va, area, area_size(&header)))
		return false;
	if (!backend_load_state(area, mask & ~PKRU))
		return fault(VECTOR_GP, 0);
	return true;
}
