/* SPDX-License-Identifier: BSD-2-Clause */
/* What gcc may call by itself in freestanding code, and all there is of <string.h>. */
#ifndef AFTERBURN_VMM_STRING_H
#define AFTERBURN_VMM_STRING_H

#include "vmm/types.h"

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);

#endif
