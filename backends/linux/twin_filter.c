/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host lets a twin do: by the address of the instruction that asks.
 *
 * A system call of an application's becomes SIGSYS, whatever its number and convention.
 * From the twin's own code come reports, and changes of mappings below the end of the
 * applications' half, if the key is in the right registers: guessing it would take
 * 2^63 attempts of 4 us.
 *
 * The zygote of the twins, and a twin until it is one, call from the VMM's addresses, where
 * a twin has no code. They run nothing of the guest's, but share the VMM's data: who
 * can write that, a guest kernel that found a hole, can have them do anything. So what
 * they need is listed, too, and any other call of theirs ends the machine (confine.c).
 */
#include "backends/linux/shared.h"
#include "backends/linux/twin.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>

#define NOTIFY SECCOMP_RET_USER_NOTIF
#define TRAP   SECCOMP_RET_TRAP
#define ALLOW  SECCOMP_RET_ALLOW

#define APPLICATIONS(argument) FILTER_BITS(argument, LAYOUT_USER_END - 1, 0)
#define RIGHTS		       FILTER_BITS(2, PROT_READ | PROT_WRITE | PROT_EXEC, 0)

static const struct filter_rule zygote[] = {
	FILTER_CALL(futex, ALLOW, FILTER_IF(FILTER_BITS(1, FUTEX_WAIT | FUTEX_WAKE, 0))),
	FILTER_CALL(wait4, ALLOW),
	FILTER_CALL(getpgid, NOTIFY),
	FILTER_CALL(clone, ALLOW, FILTER_IF(FILTER_LONG(0, SIGCHLD), FILTER_LONG(1, 0))),
	FILTER_CALL(exit_group, ALLOW),
	FILTER_CALL(restart_syscall, ALLOW),
	FILTER_CALL(write, ALLOW, FILTER_IF(FILTER_INT(0, FD_CONSOLE))), /* its last words */

	/* once, behind the filter's installation */
	FILTER_CALL(dup3, ALLOW, FILTER_IF(FILTER_INT(1, FD_TWINS))),
	FILTER_CALL(close, ALLOW),
	FILTER_CALL(unshare, ALLOW, FILTER_IF(FILTER_LONG(0, CLONE_FILES))),
	FILTER_CALL(prlimit64, ALLOW, FILTER_IF(FILTER_INT(0, 0))),

	/* a twin to be */
	FILTER_CALL(prctl, ALLOW,
		    FILTER_IF(FILTER_INT(0, PR_SET_PDEATHSIG), FILTER_LONG(1, SIGKILL))),
	FILTER_CALL(prctl, ALLOW, FILTER_IF(FILTER_INT(0, PR_SET_NAME))),
	FILTER_CALL(getppid, ALLOW),
	FILTER_CALL(sigaltstack, ALLOW),
	FILTER_CALL(rt_sigaction, ALLOW),
	FILTER_CALL(mmap, ALLOW,
		    FILTER_IF(FILTER_INT(4, FD_AREAS), FILTER_LONG(3, MAP_SHARED | MAP_FIXED),
			      FILTER_BITS(2, PROT_READ | PROT_WRITE, 0))),
	FILTER_CALL(munmap, ALLOW),
	FILTER_CALL(close_range, ALLOW),
};

/* Rules for calls whose return address is `site`; `wide`: the lower half is free. */
struct site {
	uint64_t site;
	bool wide;
	const struct filter_rule *rules;
	size_t count;
	uint32_t otherwise;
};

struct program {
	struct sock_filter *out;
	unsigned length; /* goes on counting when there is no room */
};

static void emit(struct program *program, struct sock_filter what)
{
	if (program->length < FILTER_MOST)
		program->out[program->length] = what;
	program->length++;
}

static void load(struct program *program, size_t offset)
{
	emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* Unless what is loaded is `value`, skip `count` instructions. */
static void unless(struct program *program, uint32_t value, unsigned count)
{
	emit(program,
	     (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (uint8_t)count));
}

static void add_site(struct program *program, const struct site *site)
{
	const size_t at = offsetof(struct seccomp_data, instruction_pointer);
	struct sock_filter rules[FILTER_MOST];
	unsigned length = filter_build(site->rules, site->count, site->otherwise, rules);

	load(program, at + 4);
	unless(program, (uint32_t)(site->site >> 32), site->wide ? length : length + 2);
	if (!site->wide) {
		load(program, at);
		unless(program, (uint32_t)site->site, length);
	}
	for (unsigned i = 0; i < length; i++)
		emit(program, rules[i]);
}

unsigned twin_filter_build(uint64_t key, struct sock_filter out[FILTER_MOST])
{
	const uint64_t lower = key << 32, upper = key >> 32 << 32;
	const struct filter_rule report[] = {FILTER_CALL(getpgid, NOTIFY)};
	const struct filter_rule memory[] = {
		FILTER_CALL(mmap, ALLOW,
			    FILTER_IF(FILTER_LONG(4, lower | FD_RAM),
				      FILTER_BITS(3, MAP_POPULATE, upper | MAP_SHARED | MAP_FIXED),
				      APPLICATIONS(0), APPLICATIONS(1))),
		FILTER_CALL(mmap, ALLOW,
			    FILTER_IF(FILTER_LONG(4, lower | FD_COPIES),
				      FILTER_BITS(3, MAP_POPULATE, upper | MAP_SHARED | MAP_FIXED),
				      APPLICATIONS(0), APPLICATIONS(1),
				      FILTER_BITS(2, PROT_READ | PROT_EXEC, 0))),
		FILTER_CALL(munmap, ALLOW,
			    FILTER_IF(FILTER_LONG(3, key), APPLICATIONS(0), APPLICATIONS(1))),
		FILTER_CALL(
			mprotect, ALLOW,
			FILTER_IF(FILTER_LONG(3, key), APPLICATIONS(0), APPLICATIONS(1), RIGHTS)),
	};
	const struct filter_rule start[] = {
		FILTER_CALL(munmap, ALLOW,
			    FILTER_IF(FILTER_LONG(0, LAYOUT_VMM),
				      FILTER_LONG(1, LAYOUT_VMM_END - LAYOUT_VMM))),
	};
	const struct site sites[] = {
		{twin_code.report, false, report, 1, TRAP},
		{twin_code.memory, false, memory, sizeof(memory) / sizeof(memory[0]), TRAP},
		{LAYOUT_VMM, true, zygote, sizeof(zygote) / sizeof(zygote[0]),
		 SECCOMP_RET_KILL_PROCESS},
		{twin_code.unmap, false, start, 1, TRAP},
	};
	const struct sock_filter trap = BPF_STMT(BPF_RET | BPF_K, TRAP);
	struct program program = {out, 0};

	load(&program, offsetof(struct seccomp_data, arch));
	emit(&program,
	     (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
	emit(&program, trap);
	for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++)
		add_site(&program, &sites[i]);
	emit(&program, trap);
	return program.length <= FILTER_MOST ? program.length : 0;
}
