/* SPDX-License-Identifier: BSD-2-Clause */
/* Do the sites of one section of records overlap? */
#ifndef AFTERBURN_VMM_REWRITE_ORDER_H
#define AFTERBURN_VMM_REWRITE_ORDER_H

#include "vmm/types.h"

#define ORDER_MAX 32768 /* sites */

/* Forget all. */
void order_begin(void);

/* Remember [offset, offset + total); offset < 2^56. false: too many. */
bool order_add(mword offset, uint8_t total);

/* Are all remembered ranges disjoint? If not, *offset is that of one that overlaps. */
bool order_disjoint(mword *offset);

#endif
