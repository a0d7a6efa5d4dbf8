/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions about caches of translations and of memory. */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"

/* A non-canonical address is no error: nothing is cached there (SDM 2 INVLPG). */
bool emulate_invlpg(const struct insn *insn, mword next)
{
	mword va = operand_address(insn);

	(void)next;
	if (canonical(va))
		backend_flush_page(gva(va));
	return true;
}

/* invd, wbinvd, serialize: memory is coherent here, and entering the VMM serializes. */
bool emulate_nothing(const struct insn *insn, mword next)
{
	(void)insn, (void)next;
	return true;
}
