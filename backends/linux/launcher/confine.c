/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher gives up what it will not need: before the machine starts, all
 * capabilities (for the machine and, once it runs, for itself); while it runs, most system
 * calls. It runs no guest code, but reads memory that a guest may have written.
 */
#include "asrewrite/diag.h"
#include "backends/linux/filter.h"
#include "backends/linux/launcher/run.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bounding set first, while there is the right to: execve of a program gives root all
 * that is in it. Who has no capabilities is told EPERM, and has none to lose. */
void run_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	for (unsigned long capability = 0; capability < 64; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	syscall(SYS_capset, &header, none);
}

#define ALLOW  SECCOMP_RET_ALLOW
#define NOEXEC FILTER_BITS(2, PROT_READ | PROT_WRITE, 0)

/* Files are still opened for reading: the kernel's, for the symbols of a last message.
 * The others are the C library's. */
static struct filter_rule rules[] = {
	FILTER_CALL(poll, ALLOW),
	FILTER_CALL(read, ALLOW),
	FILTER_CALL(getpgid, ALLOW),
	FILTER_CALL(kill, ALLOW, FILTER_IF(FILTER_INT(1, SIGUSR1))),
	FILTER_CALL(futex, ALLOW, FILTER_IF(FILTER_BITS(1, FUTEX_PRIVATE_FLAG | FUTEX_WAKE, 0))),
	FILTER_CALL(write, ALLOW, FILTER_IF(FILTER_INT(0, STDOUT_FILENO))),
	FILTER_CALL(write, ALLOW, FILTER_IF(FILTER_INT(0, STDERR_FILENO))),
	FILTER_CALL(kill, ALLOW,
		    FILTER_IF({0}, FILTER_INT(1, SIGKILL))), /* run_confine(): the machine */
	FILTER_CALL(wait4, ALLOW),
	FILTER_CALL(ioctl, ALLOW, FILTER_IF(FILTER_INT(1, TCSETSW))),
	FILTER_CALL(ioctl, ALLOW, FILTER_IF(FILTER_INT(1, TCGETS))),
	FILTER_CALL(openat, ALLOW, FILTER_IF(FILTER_BITS(2, O_CLOEXEC | O_NONBLOCK, O_RDONLY))),
	FILTER_CALL(mmap, ALLOW, FILTER_IF(NOEXEC)),
	FILTER_CALL(mprotect, ALLOW, FILTER_IF(NOEXEC)),
	FILTER_CALL(munmap, ALLOW),
	FILTER_CALL(mremap, ALLOW),
	FILTER_CALL(madvise, ALLOW),
	FILTER_CALL(brk, ALLOW),
	FILTER_CALL(close, ALLOW),
	FILTER_CALL(fstat, ALLOW),
	FILTER_CALL(newfstatat, ALLOW),
	FILTER_CALL(lseek, ALLOW),
	FILTER_CALL(pread64, ALLOW),
	FILTER_CALL(getrandom, ALLOW),
	FILTER_CALL(clock_gettime, ALLOW),
	FILTER_CALL(rt_sigprocmask, ALLOW),
	FILTER_CALL(rt_sigreturn, ALLOW),
	FILTER_CALL(restart_syscall, ALLOW),
	FILTER_CALL(exit, ALLOW),
	FILTER_CALL(exit_group, ALLOW),
};

static void allow_to_kill(pid_t machine)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].nr == SYS_kill && rules[i].when[1].value == SIGKILL)
			rules[i].when[0] =
				(struct filter_condition)FILTER_INT(0, (uint32_t)machine);
}

/* Calls that another C library may try are refused; nobody dies of them. */
int run_confine(const struct run *run)
{
	struct sock_filter filter[FILTER_MOST];
	struct sock_fprog program = {.filter = filter};

	run_drop_capabilities();
	allow_to_kill(run->machine);
	program.len = (unsigned short)filter_build(rules, sizeof(rules) / sizeof(rules[0]),
						   SECCOMP_RET_ERRNO | EPERM, filter);
	if (program.len && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	    !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return RUN_EXIT_OK;
	ab_error("cannot confine this process (seccomp): %s", strerror(errno));
	kill(run->machine, SIGKILL);
	return RUN_EXIT_HOST;
}
