/* SPDX-License-Identifier: BSD-2-Clause */
/* The real processor's cpuid, read once: under a hypervisor the instruction itself
 * costs 0.8 us, and once applications run it is made to fault (ARCH_SET_CPUID), so
 * that they see what the guest's kernel sees.
 */
#include "backends/linux/host.h"
#include "backends/linux/private.h"
#include "vmm/backend.h"

#include <asm/prctl.h>

struct leaf {
	uint32_t leaf, subleaf;
	uint32_t out[4];
};

const bool backend_keeps_bases = false;

static struct leaf leaves[192];
static uint32_t leaf_count;
static uint64_t xcr0;

static const struct leaf *find(uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < leaf_count; i++)
		if (leaves[i].leaf == leaf && leaves[i].subleaf == subleaf)
			return &leaves[i];
	return NULL;
}

void backend_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	const struct leaf *found = find(leaf, subleaf);

	for (int i = 0; i < 4; i++)
		out[i] = found ? found->out[i] : 0;
}

uint64_t backend_xcr0(void)
{
	return xcr0;
}

static void read_leaf(uint32_t leaf, uint32_t subleaf)
{
	struct leaf *to = &leaves[leaf_count];

	if (leaf_count == sizeof(leaves) / sizeof(leaves[0]))
		end_machine(END_VMM, 0, "more cpuid leaves than there is room for");
	to->leaf = leaf;
	to->subleaf = subleaf;
	__asm__ volatile("cpuid"
			 : "=a"(to->out[0]), "=b"(to->out[1]), "=c"(to->out[2]), "=d"(to->out[3])
			 : "a"(leaf), "c"(subleaf));
	leaf_count++;
}

/* Leaves with sub-leaves, and how many of them mean something (SDM 2A, CPUID). */
static uint32_t subleaves(uint32_t leaf)
{
	static const struct {
		uint32_t leaf, count;
	} with[] = {{0x4, 8},  {0x7, 3},  {0xb, 4},  {0xd, 32}, {0x12, 4}, {0x14, 2},
		    {0x17, 4}, {0x18, 8}, {0x1d, 2}, {0x1f, 6}, {0x20, 1}, {0x8000001d, 8}};

	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		if (with[i].leaf == leaf)
			return with[i].count;
	return 1;
}

static void read_range(uint32_t first, uint32_t most)
{
	uint32_t last;

	read_leaf(first, 0);
	last = leaves[leaf_count - 1].out[0];
	if (last < first || last - first > most)
		last = first + most;
	for (uint32_t leaf = first + 1; leaf <= last; leaf++)
		for (uint32_t sub = 0; sub < subleaves(leaf); sub++)
			read_leaf(leaf, sub);
}

/* A host that cannot make cpuid fault (AMD before Zen 4, some hypervisors) shows
 * its own values to applications; the kernel's are right in any case. */
void processor_start(void)
{
	uint32_t low, high;

	read_range(0, 0x24);
	read_range(0x80000000, 0x28);
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	xcr0 = low | (uint64_t)high << 32;
	host_call2(__NR_arch_prctl, ARCH_SET_CPUID, 0);
}
