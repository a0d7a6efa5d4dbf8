/* SPDX-License-Identifier: BSD-2-Clause */
/* What Xen tells the fake processor (fake_mmu.c). */
#ifndef TEST_UNIT_XEN_FAKE_MMU_H
#define TEST_UNIT_XEN_FAKE_MMU_H

#include "vmm/types.h"

void fake_tlb_flush(void);
void fake_tlb_flush_page(mword va);

#endif
