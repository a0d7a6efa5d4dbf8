/* SPDX-License-Identifier: BSD-2-Clause */
/* The process that all twins are forked from: it is forked from the VMM before that
 * confines itself, runs nothing of the guest's, and tells of twins that died. Its own
 * confinement is a part of the twins' filter (twin_filter.c).
 *
 * A twin unmaps what it has inherited, all but one page of code and its area, and
 * closes every descriptor but those of guest memory and of changed copies.
 */
#include "backends/linux/confine.h"
#include "backends/linux/host.h"
#include "backends/linux/keys.h"
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "backends/linux/twin.h"

#include <asm/ioctl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>

/* linux/seccomp.h of Linux 6.6 */
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#endif

#define REAP BIT(31) /* in `request`: a child died */

uint64_t twin_key;
uint32_t twin_zygote_pid;
uint32_t twin_zygote_self PRIVATE;

static uint32_t request; /* futex: slot that needs a twin, plus 1 */
static uint32_t started; /* futex */

static void must(long result, const char *what)
{
	if (result < 0)
		end_machine(END_HOST, (int)-result, what);
}

static void map_area(uint64_t at, uint64_t bytes, int protection, uint64_t offset)
{
	must(host_call6(__NR_mmap, (long)at, (long)bytes, protection, MAP_SHARED | MAP_FIXED,
			FD_AREAS, (long)offset),
	     "mapping the memory of twins");
}

/* --- a twin --------------------------------------------------------------------------- */

static void unmap(uint64_t from, uint64_t to)
{
	must(host_call2(__NR_munmap, from, to - from), "unmapping the VMM in a twin");
}

static _Noreturn void become_twin(uint32_t slot)
{
	uint64_t area = (uint64_t)slot * TWIN_AREA_BYTES;

	must(host_call2(__NR_prctl, PR_SET_NAME, "afterburn-user"), "a twin's name");
	signal_twin((void *)TWIN_STACK, TWIN_STACK_BYTES, twin_code.handler);
	map_area(LAYOUT_TWIN_AREA, TWIN_COMMAND_BYTES, PROT_READ, area);
	map_area(TWIN_STACK, TWIN_STACK_BYTES, PROT_READ | PROT_WRITE, area + TWIN_COMMAND_BYTES);
	must(host_call3(__NR_close_range, 0, FD_RAM - 1, 0), "closing");
	must(host_call3(__NR_close_range, FD_RAM + 1, FD_COPIES - 1, 0), "closing");
	must(host_call3(__NR_close_range, FD_COPIES + 1, UINT32_MAX, 0), "closing");
	unmap(LAYOUT_VMM_END, LAYOUT_HOST_END);
	unmap(0, LAYOUT_TWIN);
	unmap(LAYOUT_TWIN + TWIN_TEXT_BYTES, LAYOUT_TWIN_AREA);
	unmap(LAYOUT_TWIN_END, LAYOUT_VMM);
	__asm__ volatile("jmp *%0" : : "r"(twin_code.start));
	__builtin_unreachable();
}

/* --- the zygote ----------------------------------------------------------------------- */

static void spawn(uint32_t slot, long self)
{
	long pid = host_call5(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	must(pid, "creating a process for applications");
	if (pid)
		return;
	host_call2(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
	if (host_call0(__NR_getppid) != self)
		host_call1(__NR_exit_group, 0);
	become_twin(slot);
}

/* An application can bring its process to die (a stack pointer where the handler's stack
 * ends), and has a fault then; but nobody in the machine can send SIGKILL. The report wakes
 * whoever waits for this twin. */
static void reap(void)
{
	int status;
	long pid;

	while ((pid = host_call4(__NR_wait4, -1, &status, WNOHANG | __WALL, 0)) > 0) {
		if ((status & 0x7f) == SIGKILL || __atomic_load_n(&shared->ended, __ATOMIC_SEQ_CST))
			host_call1(__NR_exit_group, SIGKILL);
		host_call3(TWIN_REPORT, pid, 0, 0);
	}
}

static void listen(void)
{
	struct sock_filter filter[FILTER_MOST];
	struct sock_fprog program = {.filter = filter};
	long fd;

	program.len = (uint16_t)twin_filter_build(twin_key, filter);
	if (!program.len)
		end_machine(END_VMM, 0, "a system call filter is too long");
	fd = host_call3(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
			SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			&program);
	must(fd, "seccomp for applications (the host needs Linux 5.19 or newer)");
	must(host_call3(__NR_dup3, fd, FD_TWINS, 0), "a descriptor");
	host_call1(__NR_close, fd);
	must(host_call1(__NR_unshare, CLONE_FILES), "a descriptor table");
	host_call1(__NR_close, FD_TWINS);
}

static _Noreturn void zygote(long parent)
{
	long self = host_call0(__NR_getpid);

	twin_zygote_self = 1;
	host_call2(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
	if (host_call0(__NR_getppid) != parent)
		host_call1(__NR_exit_group, 0);
	host_call2(__NR_prctl, PR_SET_NAME, "afterburn-twins");
	listen();
	confine_limits();
	__atomic_store_n(&started, 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&started);
	for (;;) {
		uint32_t what = __atomic_exchange_n(&request, 0, __ATOMIC_SEQ_CST);

		if (what & REAP)
			reap();
		if (what & ~REAP)
			spawn((what & ~REAP) - 1, self);
		if (!what)
			host_futex_wait(&request, 0, UINT64_MAX);
	}
}

void twin_zygote_signal(void)
{
	__atomic_fetch_or(&request, REAP, __ATOMIC_SEQ_CST);
}

void twin_spawn(uint32_t slot)
{
	__atomic_fetch_or(&request, slot + 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&request);
}

static void make_areas(void)
{
	uint64_t bytes = (uint64_t)HOST_PROCESSES * TWIN_AREA_BYTES;
	long fd = host_call2(__NR_memfd_create, "afterburn-twins", MFD_CLOEXEC);

	must(fd, "creating the memory of twins");
	must(host_call2(__NR_ftruncate, fd, bytes), "creating the memory of twins");
	must(host_call3(__NR_dup3, fd, FD_AREAS, 0), "a descriptor");
	host_call1(__NR_close, fd);
	map_area(LAYOUT_TWINS, bytes, PROT_READ | PROT_WRITE, 0);
}

/* The zygote installs a filter, and all that wait for reports need the descriptor which it
 * gets for that: as long as both have one table of descriptors, this one has it too. */
void twin_start(void)
{
	long self = host_call0(__NR_getpid), pid;

	make_areas();
	must(host_call3(__NR_getrandom, &twin_key, sizeof(twin_key), 0), "random numbers");
	twin_key &= INT64_MAX; /* it is the answer to a report, and no error number */
	pid = host_call5(__NR_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	must(pid, "creating a process for applications");
	if (!pid)
		zygote(self);
	twin_zygote_pid = (uint32_t)pid;
	while (!__atomic_load_n(&started, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&shared->ended, __ATOMIC_SEQ_CST))
		host_futex_wait(&started, 0, 10000000);
	host_call1(__NR_close, FD_AREAS);
	/* Linux 6.6; without it a report takes longer. */
	host_call3(__NR_ioctl, FD_TWINS, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		   SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	exit_work |= EXIT_TWIN;
}
