/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices around the virtual CPU, at the present time: all that it knows of them. */
#ifndef AFTERBURN_VMM_CPU_MACHINE_H
#define AFTERBURN_VMM_CPU_MACHINE_H

#include "vmm/types.h"

void machine_reset(void);
uint32_t machine_in(uint16_t port, unsigned size);
void machine_out(uint16_t port, unsigned size, uint32_t value);
void machine_tick(void);	 /* what is due, what was typed */
uint64_t machine_deadline(void); /* ns of backend_now(), or DEVICE_NEVER */
bool machine_interrupt(void);	 /* is one requested? */
int machine_acknowledge(void);	 /* its vector; -1: gone meanwhile */

#endif
