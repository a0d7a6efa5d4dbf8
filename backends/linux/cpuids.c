/* SPDX-License-Identifier: BSD-2-Clause */
/*@155 Applications' cpuid, without the hypervisor below
 *
 * The host makes an application's cpuid fault. Where it is a virtual machine itself, its
 * hypervisor takes every cpuid first, and finds out then that it should fault: 7 us of 9. The C
 * library executes up to 60 before main().
 *
 * So the first byte of one that was executed becomes `hlt` in a copy of its page
 * (copies.h), which faults at once. What the fault means is decided as before, by the
 * bytes of the frame, where cpuid still stands.
 */
#include "backends/linux/copies.h"
#include "backends/linux/private.h"
#include "vmm/memory.h"
#include "vmm/mmu.h"
#include "vmm/vcpu.h"

#define HLT	  0xf4
#define OPCODE_0F 0x0f

static bool is_cpuid(uint64_t address)
{
	static const uint8_t opcode[2] = {OPCODE_0F, 0xa2};
	const uint8_t *bytes = memory_at(gpa(address), sizeof(opcode));

	return address % PAGE_SIZE <= PAGE_SIZE - sizeof(opcode) && bytes &&
	       !__builtin_memcmp(bytes, opcode, sizeof(opcode));
}

void cpuids_trapped(void)
{
	gva_t va = gva(vcpu.regs.rip);
	struct translation at;
	struct copy *copy;
	uint8_t *byte;

	if (shared->no_gates || !mmu_probe(va, &at) || !is_cpuid(at.address.v) ||
	    !shadow_may_copy(&at))
		return;
	copy = copies_find(at.address.v & PAGE_MASK);
	if (!copy)
		copy = copies_make(at.address.v & PAGE_MASK);
	if (!copy)
		return;
	byte = copies_bytes(copy) + at.address.v % PAGE_SIZE;
	if (*byte != OPCODE_0F)
		return; /* changed already; this is another place where the frame is mapped */
	*byte = HLT;
	copies_generation++;
	count(COUNT_CPUIDS);
	shadow_catch_up();
	shadow_show(va, &at);
}
