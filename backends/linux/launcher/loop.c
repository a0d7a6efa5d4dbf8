/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher while the machine runs: it waits for the timer, for keys and for
 * signals, tells the machine by one word of shared memory, and interrupts it if it is
 * running (SIGUSR1 to the process whose turn it is; an idle one waits for the
 * word itself).
 *
 * Escape key: Ctrl-A, as in QEMU: Ctrl-A x ends the machine at once, Ctrl-A p
 * presses the power button, Ctrl-A h explains, Ctrl-A Ctrl-A sends one.
 */
#include "backends/linux/launcher/run.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ESCAPE 1 /* Ctrl-A */

enum { POLL_MACHINE, POLL_SIGNALS, POLL_TIMER, POLL_INPUT, POLL_COUNT };

struct loop {
	struct run *run;
	struct pollfd polled[POLL_COUNT];
	bool escaped;  /* the last key was the escape key */
	int presses;   /* of the power button, by signals */
	bool terminal; /* input is a terminal in raw mode */
};

static void notify(struct run *run)
{
	struct shared *shared = run->shared;
	uint32_t pid;

	__atomic_store_n(&shared->event, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&shared->idle, __ATOMIC_SEQ_CST)) {
		syscall(SYS_futex, &shared->event, FUTEX_WAKE, 1, NULL, NULL, 0);
		return;
	}
	/* The machine says whom to interrupt: nobody but one of its own, which cannot
	 * leave its process group (confine.c). */
	pid = __atomic_load_n(&shared->active_pid, __ATOMIC_SEQ_CST);
	if (pid > 1 && getpgid((pid_t)pid) == run->machine)
		kill((pid_t)pid, SIGUSR1);
}

static void end_now(struct loop *loop)
{
	uint32_t none = NOT_ENDED;

	if (__atomic_compare_exchange_n(&loop->run->shared->ended, &none, END_KILLED, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		loop->run->shared->end_code = SIGTERM;
		strcpy(loop->run->shared->reason, "as the user asked");
	}
	kill(loop->run->machine, SIGKILL);
}

static void press_power_button(struct loop *loop)
{
	__atomic_fetch_add(&loop->run->shared->power_button, 1, __ATOMIC_SEQ_CST);
	notify(loop->run);
}

/* --- the console's input --------------------------------------------------------- */

static uint32_t room(const struct shared *shared)
{
	return SHARED_INPUT -
	       (shared->input_head - __atomic_load_n(&shared->input_tail, __ATOMIC_ACQUIRE));
}

static void type(struct shared *shared, uint8_t key)
{
	if (!room(shared))
		return;
	shared->input[shared->input_head % SHARED_INPUT] = key;
	__atomic_store_n(&shared->input_head, shared->input_head + 1, __ATOMIC_RELEASE);
}

static void escape(struct loop *loop, uint8_t key)
{
	switch (key) {
	case 'x':
		end_now(loop);
		break;
	case 'p':
		press_power_button(loop);
		break;
	case ESCAPE:
		type(loop->run->shared, ESCAPE);
		break;
	default:
		fprintf(stderr,
			"\r\nafterburn: Ctrl-A x ends the machine, Ctrl-A p presses its power "
			"button, Ctrl-A Ctrl-A sends Ctrl-A; the guest is in process %u\r\n",
			loop->run->shared->active_pid);
	}
}

static void read_input(struct loop *loop)
{
	struct shared *shared = loop->run->shared;
	uint8_t keys[256];
	uint32_t space = room(shared);
	ssize_t n = read(STDIN_FILENO, keys, space < sizeof(keys) ? space : sizeof(keys));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		loop->polled[POLL_INPUT].fd = -1;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (loop->escaped)
			escape(loop, keys[i]);
		else if (!loop->terminal || keys[i] != ESCAPE)
			type(shared, keys[i]);
		loop->escaped = loop->terminal && !loop->escaped && keys[i] == ESCAPE;
	}
	notify(loop->run);
}

/* --- signals ------------------------------------------------------------------------ */

/* SIGINT and SIGTERM press the power button; the third time they pull the plug. */
static void read_signal(struct loop *loop)
{
	struct signalfd_siginfo info;

	if (read(loop->polled[POLL_SIGNALS].fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP || ++loop->presses > 2)
		end_now(loop);
	else
		press_power_button(loop);
}

/* The host's limits are told by error numbers, not by a signal that kills. */
int run_signals(void)
{
	sigset_t set;

	signal(SIGXFSZ, SIG_IGN);

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void read_timer(struct loop *loop)
{
	uint64_t times;

	if (read(loop->run->fd[FD_TIMER], &times, sizeof(times)) == sizeof(times))
		notify(loop->run);
}

/* Input waits while the guest has not taken what came before. */
static int poll_once(struct loop *loop)
{
	bool full = room(loop->run->shared) == 0;
	int timeout = full ? 20 : -1;

	loop->polled[POLL_INPUT].events = full ? 0 : POLLIN;
	return poll(loop->polled, POLL_COUNT, timeout);
}

/* The machine's other processes die with its first one, and became our children. */
static void reap_all(struct run *run)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR)
		if (pid == run->machine && WIFSIGNALED(status))
			run->machine_signal = WTERMSIG(status);
}

void run_loop(struct run *run)
{
	struct loop loop = {.run = run, .terminal = run->shared->terminal_raw};

	loop.polled[POLL_MACHINE] = (struct pollfd){run->machine_fd, POLLIN, 0};
	loop.polled[POLL_SIGNALS] = (struct pollfd){run->signal_fd, POLLIN, 0};
	loop.polled[POLL_TIMER] = (struct pollfd){run->fd[FD_TIMER], POLLIN, 0};
	loop.polled[POLL_INPUT] = (struct pollfd){run->quiet_input ? -1 : STDIN_FILENO, POLLIN, 0};
	for (;;) {
		if (poll_once(&loop) < 0 && errno != EINTR)
			break;
		if (loop.polled[POLL_MACHINE].revents)
			break;
		if (loop.polled[POLL_SIGNALS].revents & POLLIN)
			read_signal(&loop);
		if (loop.polled[POLL_TIMER].revents & POLLIN)
			read_timer(&loop);
		if (loop.polled[POLL_INPUT].revents)
			read_input(&loop);
	}
	reap_all(run);
}
