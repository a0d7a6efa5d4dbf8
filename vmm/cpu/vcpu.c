/* SPDX-License-Identifier: BSD-2-Clause */
/* The one virtual CPU, its memory, its clock. */
#include "vmm/vcpu.h"

#include "vmm/frontend.h"
#include "vmm/memory.h"

struct vcpu vcpu;
struct guest_memory guest_memory;
uint64_t vmm_tsc_khz;
