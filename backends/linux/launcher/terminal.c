/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal in raw mode while the guest has it: every key goes to the guest, but
 * the escape key. Whatever ends the launcher, the terminal is put back: by
 * terminal_leave(), or, if the launcher is killed, by the machine's first process,
 * which finds the settings in the shared memory.
 */
#include "backends/linux/launcher/run.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's structure, not the C library's: the VMM hands it to ioctl as it is. */
#include <asm/termbits.h>

_Static_assert(sizeof(struct termios) <= SHARED_SPARE, "room for the terminal's settings");

static struct termios saved;

void terminal_enter(struct run *run)
{
	struct termios raw;

	if (run->fd[FD_TERMINAL] < 0 || ioctl(run->fd[FD_TERMINAL], TCGETS, &saved))
		return;
	memcpy(run->shared->terminal, &saved, sizeof(saved));
	raw = saved;
	raw.c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_oflag &= ~(tcflag_t)OPOST;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	run->shared->terminal_raw = 1;
	ioctl(run->fd[FD_TERMINAL], TCSETSW, &raw);
}

void terminal_leave(struct run *run)
{
	if (!run->shared->terminal_raw)
		return;
	ioctl(run->fd[FD_TERMINAL], TCSETSW, &saved);
	run->shared->terminal_raw = 0;
}
