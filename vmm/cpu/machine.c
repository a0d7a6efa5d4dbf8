/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/cpu/machine.h"

#include "vmm/backend.h"
#include "vmm/frontend.h"
#include "vmm/platform.h"

static struct platform platform;

void machine_reset(void)
{
	platform_init(&platform, backend_wall_clock());
}

uint32_t machine_in(uint16_t port, unsigned size)
{
	return platform_in(&platform, port, size, backend_now());
}

void machine_out(uint16_t port, unsigned size, uint32_t value)
{
	platform_out(&platform, port, size, value, backend_now());
}

void machine_tick(void)
{
	uint64_t now = backend_now();

	platform_receive_console(&platform, now);
	platform_tick(&platform, now);
}

uint64_t machine_deadline(void)
{
	return platform_deadline(&platform);
}

bool machine_interrupt(void)
{
	return platform_interrupt_pending(&platform);
}

int machine_acknowledge(void)
{
	return platform_acknowledge(&platform);
}

void vmm_power_button(void)
{
	platform_power_button(&platform);
}
