/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that neither can be rewritten nor trap by themselves: where a call to the VMM
 * cannot stand, because it would end somewhere else. Their first byte becomes `hlt`, and
 * where it is, by guest-physical address, which no other code can have, tells what
 * stood there. The guest's own `hlt` is a rewritten site, or is not in the table.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/memory.h"

#define HLT   0xf4
#define SITES 128 /* a kernel's start-up code has 40, its vDSO 2 */

struct trapping_site {
	gpa_t at;
	uint8_t total;
	struct insn insn;
};

static struct trapping_site sites[SITES];
static unsigned site_count;

static struct trapping_site *find(gpa_t at)
{
	for (unsigned i = 0; i < site_count; i++)
		if (sites[i].at.v == at.v)
			return &sites[i];
	return NULL;
}

/* As its record says; made of bytes (RAW), there may be more behind it. */
static bool decode(struct insn *insn, const uint8_t *code, const struct ab_annot *annot)
{
	if (annot->insn_off + annot->insn_len > annot->total_len ||
	    !insn_decode(insn, code + annot->insn_off, annot->insn_len, 64) ||
	    insn->class != annot->class)
		return false;
	if (insn->rm_kind == INSN_RM_RIP)
		insn->disp += annot->insn_off;
	return insn->length == annot->insn_len || annot->flags & AB_F_RAW;
}

bool trapping_add(gpa_t at, const struct ab_annot *annot)
{
	uint8_t *code = memory_at(at, annot->total_len);
	struct trapping_site *site = find(at);
	struct insn insn;

	if (!code || !decode(&insn, code, annot) || (!site && site_count == SITES))
		return false;
	if (!site)
		site = &sites[site_count++];
	*site = (struct trapping_site){.at = at, .total = annot->total_len, .insn = insn};
	*code = HLT;
	return true;
}

bool trapping_emulate(void)
{
	struct translation translation;
	const struct trapping_site *site;

	if (!mmu_probe(gva(vcpu.regs.rip), &translation))
		return false;
	site = find(translation.address);
	if (site)
		emulate_trap(&site->insn, vcpu.regs.rip + site->total);
	return site != NULL;
}
