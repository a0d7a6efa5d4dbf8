/* SPDX-License-Identifier: BSD-2-Clause */
/*@125 What the host lets the machine do
 *
 * A guest kernel that finds a hole in the VMM runs code of its choice in the VMM's
 * process, and so has the system calls that this process has. These are listed here,
 * with all that can be said about their arguments; any other kills the process,
 * and the machine with it. docs/security.md says what is left to such a guest.
 *
 * - Memory: pages of the machine's three files at fixed places of its own address
 *   space. No anonymous memory, no other file, no change of a file's size: the host
 *   gives a machine what its user said and the tables that the VMM has already.
 * - Output on the console and the log, the timer, futexes that wait and wake.
 * - The zygote forks, plainly, and takes note of the dead. Its children lose that.
 *
 * Nothing opens, makes or passes a descriptor, signals, traces or starts a process.
 * `restart_syscall` is what the host makes of a wait that SIGSTOP and SIGCONT have
 * interrupted. The three calls of the host's vsyscall page never come from the VMM: the
 * guest has called that page, which Syscall User Dispatch does not see (signal.c).
 */
#include "backends/linux/confine.h"

#include "backends/linux/host.h"
#include "backends/linux/private.h"

#include <asm/ioctl.h>
#include <asm/ioctls.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/signal.h>

#define ALLOW  SECCOMP_RET_ALLOW
#define TRAP   SECCOMP_RET_TRAP
#define ZYGOTE .once = true

#define PROTECTIONS (PROT_READ | PROT_WRITE | PROT_EXEC)
#define FIXED	    (MAP_SHARED | MAP_FIXED)

const struct filter_rule confine_rules[] = {
	/* every process of the machine; frequent ones first */
	FILTER_CALL(mmap, ALLOW,
		    FILTER_IF(FILTER_INT(4, FD_RAM), FILTER_BITS(3, MAP_POPULATE, FIXED),
			      FILTER_BITS(2, PROTECTIONS, 0))),
	FILTER_CALL(mmap, ALLOW,
		    FILTER_IF(FILTER_INT(4, FD_COPIES), FILTER_BITS(3, MAP_POPULATE, FIXED),
			      FILTER_BITS(2, PROT_READ | PROT_EXEC, 0))),
	FILTER_CALL(futex, ALLOW, FILTER_IF(FILTER_BITS(1, FUTEX_WAIT | FUTEX_WAKE, 0))),
	FILTER_CALL(munmap, ALLOW),
	FILTER_CALL(mprotect, ALLOW),
	FILTER_CALL(pkey_mprotect, ALLOW),
	FILTER_CALL(sigaltstack, ALLOW),
	FILTER_CALL(timerfd_settime, ALLOW, FILTER_IF(FILTER_INT(0, FD_TIMER), FILTER_INT(1, 0))),
	FILTER_CALL(write, ALLOW, FILTER_IF(FILTER_INT(0, FD_CONSOLE))),
	FILTER_CALL(write, ALLOW, FILTER_IF(FILTER_INT(0, FD_LOG))),
	FILTER_CALL(mmap, ALLOW, /* the page of an empty bus */
		    FILTER_IF(FILTER_INT(4, FD_SHARED), FILTER_LONG(3, FIXED),
			      FILTER_LONG(2, PROT_READ))),
	FILTER_CALL(ioctl, ALLOW, /* applications in processes of their own */
		    FILTER_IF(FILTER_INT(0, FD_TWINS), FILTER_INT(1, SECCOMP_IOCTL_NOTIF_RECV))),
	FILTER_CALL(ioctl, ALLOW,
		    FILTER_IF(FILTER_INT(0, FD_TWINS), FILTER_INT(1, SECCOMP_IOCTL_NOTIF_SEND))),
	FILTER_CALL(restart_syscall, ALLOW),
	FILTER_CALL(exit_group, ALLOW),
	FILTER_CALL(gettimeofday, TRAP),
	FILTER_CALL(time, TRAP),
	FILTER_CALL(getcpu, TRAP),

	/* the zygote, and its children until confine_address_space() */
	FILTER_CALL(clone, ALLOW, FILTER_IF(FILTER_LONG(0, SIGCHLD), FILTER_LONG(1, 0)), ZYGOTE),
	FILTER_CALL(getpid, ALLOW, ZYGOTE),
	FILTER_CALL(getppid, ALLOW, ZYGOTE),
	FILTER_CALL(prctl, ALLOW, FILTER_IF(FILTER_INT(0, PR_SET_NAME)), ZYGOTE),
	FILTER_CALL(prctl, ALLOW,
		    FILTER_IF(FILTER_INT(0, PR_SET_PDEATHSIG), FILTER_LONG(1, SIGKILL)), ZYGOTE),
	FILTER_CALL(prctl, ALLOW,
		    FILTER_IF(FILTER_INT(0, PR_SET_PDEATHSIG), FILTER_LONG(1, SIGUSR2)), ZYGOTE),
	FILTER_CALL(prctl, ALLOW,
		    FILTER_IF(FILTER_INT(0, PR_SET_SYSCALL_USER_DISPATCH),
			      FILTER_LONG(1, PR_SYS_DISPATCH_ON)),
		    ZYGOTE),
	FILTER_CALL(seccomp, ALLOW,
		    FILTER_IF(FILTER_INT(0, SECCOMP_SET_MODE_FILTER), FILTER_INT(1, 0)), ZYGOTE),
	FILTER_CALL(wait4, ALLOW, ZYGOTE),
	FILTER_CALL(ioctl, ALLOW, FILTER_IF(FILTER_INT(0, FD_TERMINAL), FILTER_INT(1, TCSETS)),
		    ZYGOTE),
};

const size_t confine_count = sizeof(confine_rules) / sizeof(confine_rules[0]);

static void install(const struct filter_rule *rules, size_t count, uint32_t otherwise)
{
	struct sock_filter filter[FILTER_MOST];
	struct sock_fprog program = {.filter = filter};
	long result;

	program.len = (uint16_t)filter_build(rules, count, otherwise, filter);
	if (!program.len)
		end_machine(END_VMM, 0, "a system call filter is too long");
	result = host_call3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
	if (result < 0)
		end_machine(END_HOST, (int)-result, "seccomp");
}

/* The filter lets nothing through that these are about. They hold if it should ever
 * be wrong. A core file would hold the guest's memory: 1 keeps the host from
 * writing one and from starting a program that does (0 does not: core(5)). */
void confine_limits(void)
{
	static const struct {
		unsigned what;
		struct rlimit64 most;
	} limits[] = {{RLIMIT_CORE, {1, 1}}, {RLIMIT_NOFILE, {0, 0}}};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		host_call4(__NR_prlimit64, 0, limits[i].what, &limits[i].most, NULL);
}

void confine_machine(void)
{
	long result = host_call5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	if (result < 0)
		end_machine(END_HOST, (int)-result, "PR_SET_NO_NEW_PRIVS");
	confine_limits();
	install(confine_rules, confine_count, SECCOMP_RET_KILL_PROCESS);
}

/* A second filter on top: 12 us for a process that is made once and kept. */
void confine_address_space(void)
{
	struct filter_rule over[CONFINE_MOST];
	size_t count = 0;

	for (size_t i = 0; i < confine_count; i++)
		if (confine_rules[i].once) {
			over[count] = confine_rules[i];
			over[count++].action = SECCOMP_RET_KILL_PROCESS;
		}
	install(over, count, ALLOW);
}
