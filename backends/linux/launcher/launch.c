/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMM program starts in a process of its own, with an address space that holds
 * nothing else, and with no descriptors but those of shared.h. It is part of this
 * program's file (vmm_image) and is executed from memory.
 */
#include "asrewrite/diag.h"
#include "backends/linux/launcher/run.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* image.S */
extern const unsigned char vmm_image[], vmm_image_end[];

/* Put `run->fd[i]` at number i for all i; everything above is closed. */
static bool place_descriptors(const struct run *run)
{
	int high[FD_COUNT];

	for (int i = FD_CONSOLE; i < FD_COUNT; i++) {
		high[i] = run->fd[i] < 0 ? -1 : fcntl(run->fd[i], F_DUPFD, 64);
		if (run->fd[i] >= 0 && high[i] < 0)
			return false;
	}
	close(0);
	for (int i = FD_CONSOLE; i < FD_COUNT; i++)
		if (high[i] < 0)
			close(i);
		else if (dup2(high[i], i) < 0)
			return false;
	return true;
}

static int image_file(void)
{
	size_t size = (size_t)(vmm_image_end - vmm_image);
	int fd = memfd_create("afterburn-vmm", MFD_CLOEXEC);

	if (fd < 0 || write(fd, vmm_image, size) != (ssize_t)size)
		return -1;
	return fd;
}

static void ignore_terminal_signals(void)
{
	static const int ignored[] = {SIGINT,  SIGQUIT, SIGTERM, SIGHUP,
				      SIGTTOU, SIGTTIN, SIGTSTP, SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Said by the child, found by run_verdict(). */
static _Noreturn void cannot_start(const struct run *run)
{
	run->shared->end_code = errno;
	strcpy(run->shared->reason, "starting the VMM program");
	run->shared->ended = END_HOST;
	_exit(1);
}

/* The machine's processes take turns: on one processor a turn costs half as much. */
static void choose_processor(int cpu)
{
	cpu_set_t set;

	if (cpu == RUN_CPU_ANY)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu == RUN_CPU_HERE ? sched_getcpu() : cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Descriptors above the VMM's are closed but for the program's own, which goes at
 * execve. */
static _Noreturn void become_machine(const struct run *run, int image)
{
	static char name[] = "afterburn-vmm";
	char *argv[] = {name, NULL}, *envp[] = {NULL};
	int program = fcntl(image, F_DUPFD_CLOEXEC, 128);

	setpgid(0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	choose_processor(run->cpu);
	run_drop_capabilities();
	ignore_terminal_signals();
	if (program >= 0 && place_descriptors(run)) {
		close_range(FD_COUNT, (unsigned)program - 1, 0);
		close_range((unsigned)program + 1, ~0U, 0);
		syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
	}
	cannot_start(run);
}

static bool may_use_processor(int cpu)
{
	cpu_set_t set;

	return cpu < 0 || sched_getaffinity(0, sizeof(set), &set) || CPU_ISSET(cpu, &set);
}

int run_launch(struct run *run)
{
	int image;

	if (!may_use_processor(run->cpu)) {
		ab_error("this process may not run on processor %d", run->cpu);
		return RUN_EXIT_HOST;
	}
	image = image_file();

	if (image < 0) {
		ab_error("cannot hold the VMM program in memory: %s", strerror(errno));
		return RUN_EXIT_HOST;
	}
	/* Processes that lose their parent become ours: none is left behind. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	run->shared->launcher_pid = (uint32_t)getpid();
	run->machine = fork();
	if (run->machine == 0)
		become_machine(run, image);
	close(image);
	if (run->machine < 0) {
		ab_error("cannot create a process: %s", strerror(errno));
		return RUN_EXIT_HOST;
	}
	run->machine_fd = (int)syscall(SYS_pidfd_open, run->machine, 0);
	if (run->machine_fd < 0) {
		ab_error("cannot watch a process (pidfd_open): %s", strerror(errno));
		kill(run->machine, SIGKILL);
		waitpid(run->machine, NULL, 0);
		return RUN_EXIT_HOST;
	}
	return RUN_EXIT_OK;
}
