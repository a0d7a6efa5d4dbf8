/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power button: ACPI makes an input device of it, and whoever runs the
 * machine presses it to ask for an orderly end (QEMU's system_powerdown).
 */
#include "init.h"

#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <sys/reboot.h>
#include <unistd.h>

#define MAX_DEVICES 8

static int open_devices(struct pollfd *devices)
{
	char path[32];
	int n = 0;

	for (int i = 0; i < MAX_DEVICES; i++) {
		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		int fd = open(path, O_RDONLY);

		if (fd >= 0)
			devices[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	return n;
}

static int is_press(int fd)
{
	struct input_event event;

	return read(fd, &event, sizeof(event)) == sizeof(event) && event.type == EV_KEY &&
	       event.code == KEY_POWER && event.value == 1;
}

void wait_for_power_button(const char *ready)
{
	struct pollfd devices[MAX_DEVICES];
	int n = open_devices(devices);

	fputs(ready, stdout);
	while (poll(devices, (nfds_t)n, -1) >= 0)
		for (int i = 0; i < n; i++)
			if (devices[i].revents & POLLIN && is_press(devices[i].fd)) {
				printf("init: power button\n");
				return;
			}
}

void watch_power_button(void)
{
	if (fork() == 0) {
		wait_for_power_button("");
		power_off();
	}
}

__attribute__((noreturn)) static void end_by(int how)
{
	fflush(stdout);
	sync();
	reboot(how);
	for (;;)
		pause();
}

void restart(void)
{
	end_by(RB_AUTOBOOT);
}

/* The kernel stops its processor with interrupts off. */
void halt(void)
{
	end_by(RB_HALT_SYSTEM);
}

/* A machine without ACPI cannot be switched off by its software. */
void power_off(void)
{
	end_by(access("/sys/firmware/acpi", F_OK) == 0 ? RB_POWER_OFF : RB_AUTOBOOT);
}
