/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host lets the machine's processes do, once they may run guest code. */
#ifndef AFTERBURN_BACKENDS_LINUX_CONFINE_H
#define AFTERBURN_BACKENDS_LINUX_CONFINE_H

#include "backends/linux/filter.h"

/* No core files, no new descriptors. */
void confine_limits(void);

/* In the zygote before the first guest instruction; inherited by all its children. */
void confine_machine(void);

/* In a process for an address space: what only the zygote needs is over. */
void confine_address_space(void);

#define CONFINE_MOST 64
extern const struct filter_rule confine_rules[];
extern const size_t confine_count;

#endif
