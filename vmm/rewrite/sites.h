/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of rewritten sites, for the rewriter alone. */
#ifndef AFTERBURN_VMM_REWRITE_SITES_H
#define AFTERBURN_VMM_REWRITE_SITES_H

#include "vmm/rewrite.h"

/* A new site, all else zero, thunk SITE_NO_THUNK; NULL: table full. Must not overlap. */
struct site *sites_add(mword start, uint8_t total);

/* Out of the table, with its thunk. */
void sites_remove(struct site *site);

/* Does a known site share a byte with [start, start + total)? */
bool sites_overlap(mword start, unsigned total);

/* A free thunk for `site` becomes its own. false: none is left. */
bool sites_take_thunk(struct site *site);

/* The site that owns thunk `number`; NULL: none does. */
const struct site *sites_of_thunk(unsigned number);

#endif
