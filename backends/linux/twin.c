/* SPDX-License-Identifier: BSD-2-Clause */
/*@145 Twins: applications in host processes of their own
 *
 * The way to keep applications from the guest's kernel on hosts without protection
 * keys. Each address space has two processes: one as before, with the VMM, the kernel
 * and the applications' half, which the kernel reads and writes there but nothing
 * executes; and its twin, where the applications run. The twin has
 * their half, one page of code (twin.S), and an area that it shares with its
 * process; guest memory and changed copies (copies.h) are open descriptors that it cannot use by
 * itself.
 *
 * Whatever an application does that needs the kernel or the VMM is a signal in the
 * twin. Its handler makes one system call, the report, which the host passes to
 * the process of the VMM that waits for it (seccomp user notification) and which returns
 * in the twin when that answers. Meanwhile the twin stands still: the signal
 * frame in the area can be read without haste. The answer sends it through the
 * command: changes of its mappings, then the application's registers.
 *
 * Applications can jump to the twin's code and report what they like. So a report is
 * untrusted input: it may say what the application could have done, and no more.
 * Changes of mappings need a key, which is the answer to a report if there are any
 * and which the twin forgets before the application runs (twin.S). If a signal
 * comes in between, the key is in its frame: such frames are erased. How that is
 * known: as long as no application has run since the answer, the report tells the
 * truth; and if one has, the key is gone.
 */
#include "backends/linux/twin.h"

#include "backends/linux/host.h"
#include "backends/linux/private.h"
#include "vmm/backend.h"
#include "vmm/frontend.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <asm/ioctl.h>
#include <asm/sigcontext.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/signal.h>

#include <asm/ucontext.h> /* needs the types of linux/signal.h */

struct twin {
	uint64_t report; /* the host's number of the report that waits for an answer */
	uint32_t pid;	 /* 0: there is none */
};

static struct twin twins[HOST_PROCESSES];

static uint32_t mine(void)
{
	return host_self - 1;
}

static uint8_t *area(void)
{
	return twin_areas + (uint64_t)mine() * TWIN_AREA_BYTES;
}

static struct twin_command *command(void)
{
	return (struct twin_command *)(void *)area();
}

/* --- reports and answers -------------------------------------------------------------- */

static long notify(unsigned long what, void *with)
{
	return host_call3(__NR_ioctl, FD_TWINS, what, with);
}

/* The twin may have died meanwhile: its zygote will say so. */
static void answer(uint64_t report, uint64_t value)
{
	struct seccomp_notif_resp response = {.id = report, .val = (int64_t)value};

	notify(SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* false: it was nobody's. */
static bool mark_dead(uint64_t pid)
{
	for (uint32_t i = 0; i < HOST_PROCESSES; i++)
		if (pid && twins[i].pid == pid) {
			twins[i].pid = 0;
			return true;
		}
	return false;
}

/* The next report of this process's twin. One twin runs at a time, so it is no
 * other's. */
static void receive(struct seccomp_notif *got)
{
	long result;

	do {
		__builtin_memset(got, 0, sizeof(*got));
		result = notify(SECCOMP_IOCTL_NOTIF_RECV, got);
	} while (result == -EINTR || result == -ENOENT);
	if (result < 0)
		end_machine(END_HOST, (int)-result, "waiting for an application");
}

/* Answer the twin, or wait for the first report of a new one. false: it died. */
static bool exchange(uint64_t value, struct seccomp_notif *got)
{
	struct twin *twin = &twins[mine()];
	bool born = !twin->pid;

	if (!born)
		answer(twin->report, value);
	for (;;) {
		receive(got);
		if (got->pid != twin_zygote_pid)
			break;
		answer(got->id, 0);
		if (!mark_dead(got->data.args[0]) && born)
			end_machine(END_HOST, 0, "a process for applications died at once");
		if (!born && !twin->pid)
			return false;
	}
	twin->pid = got->pid;
	twin->report = got->id;
	return true;
}

/* A signal came while the twin had the key, or may have: it is in a frame. */
void twin_erase_frames(void)
{
	__builtin_memset(area() + TWIN_COMMAND_BYTES, 0, TWIN_STACK_BYTES);
}

/* --- its mappings --------------------------------------------------------------------- */

static bool lost PRIVATE;    /* what shadow.c remembers of the twin is not there */
static bool refused PRIVATE; /* the host does not let it have a page */

static void append(const struct twin_op *op)
{
	command()->ops[command()->count++] = *op;
}

static void append_unmap_all(void)
{
	append(&(struct twin_op){.nr = __NR_munmap, .length = LAYOUT_USER_END / 2});
	append(&(struct twin_op){
		.nr = __NR_munmap, .address = LAYOUT_USER_END / 2, .length = LAYOUT_USER_END / 2});
}

/* The host has no more mappings, or no memory: all go. To tell the two, the change
 * that failed is tried once more, and undone. */
static void start_over(struct twin_op op)
{
	if (lost)
		end_machine(END_HOST, ENOMEM, "mapping an application's memory");
	lost = true;
	command()->count = 0;
	append_unmap_all();
	append(&op);
	append_unmap_all();
}

static void change_failed(struct twin_op *op, long error)
{
	if (op->nr == __NR_mprotect) {
		op->nr = __NR_munmap; /* the next access brings it back */
	} else if (op->nr == __NR_mmap && error == -EPERM) {
		op->nr = __NR_munmap; /* below the host's vm.mmap_min_addr */
		refused = true;
	} else if (error == -ENOMEM) {
		start_over(*op);
	} else {
		end_machine(END_HOST, (int)-error, "mapping an application's memory");
	}
}

/* Make all changes that wait. No application runs meanwhile, so what is reported is
 * the truth. Changes are made again from the first one if need be. The trap flag is the
 * application's, if it jumped to the report with it: the handler runs without. */
static void settle(void)
{
	struct seccomp_notif got;

	command()->run = 0;
	while (command()->count) {
		if (!exchange(twin_key, &got))
			return;
		if (got.data.args[0] == SIGUSR1 || got.data.args[0] == SIGTRAP)
			twin_erase_frames();
		else if (got.data.args[0])
			end_machine(END_VMM, (int)got.data.args[0],
				    "exception in a twin's own code");
		else if (!got.data.args[1])
			command()->count = 0;
		else
			change_failed(&command()->ops[got.data.args[2] % TWIN_OPS_MOST],
				      (long)got.data.args[1]);
	}
}

bool twin_changes(void)
{
	return command()->count;
}

void twin_changed(void)
{
	command()->count = 0;
}

static void change(struct twin_op op)
{
	if (!twins[mine()].pid)
		return; /* a new one begins with nothing */
	if (command()->count + 2 > TWIN_OPS_MOST)
		settle();
	append(&op);
}

void twin_map(mword va, uint64_t bytes, int protection, int flags, int file, uint64_t offset)
{
	change((struct twin_op){__NR_mmap, (uint32_t)file, va, bytes, (uint64_t)protection,
				(uint64_t)flags, offset});
}

void twin_protect(mword va, uint64_t bytes, int protection)
{
	change((struct twin_op){.nr = __NR_mprotect,
				.address = va,
				.length = bytes,
				.rights = (uint64_t)protection});
}

void twin_unmap(mword va, uint64_t bytes)
{
	if (bytes < LAYOUT_USER_END) {
		change((struct twin_op){.nr = __NR_munmap, .address = va, .length = bytes});
	} else if (twins[mine()].pid) {
		command()->count = 0; /* whatever they are: nothing is left of them */
		append_unmap_all();
	}
}

/* --- into the application ------------------------------------------------------------- */

static void give_birth(void)
{
	struct seccomp_notif got;

	count(COUNT_SPAWNS);
	twin_erase_frames(); /* the one before may have died with the key */
	shadow_drop_twin();
	lost = false;
	command()->count = command()->run = 0;
	twin_spawn(mine());
	exchange(0, &got);
}

static void set_command(void)
{
	struct twin_command *to = command();

	for (int i = 0; i < GPR_COUNT; i++)
		to->gpr[i] = vcpu.regs.gpr[i];
	to->flags = 2;
	for (size_t i = 0; i < sizeof(to->frame) / sizeof(to->frame[0]); i++)
		to->frame[i] = vcpu.iret_frame[i];
	to->fs_base = vcpu.fs_base;
	to->gs_base = vcpu.gs_base;
	fpu_save(area() + TWIN_FPU);
	to->run = 1;
}

/* The launcher stores the event and then asks whom to interrupt; this asks the other way
 * round, so that one of them sees the other. */
static bool interrupted(void)
{
	return __atomic_load_n(&shared->event, __ATOMIC_SEQ_CST) ||
	       (vcpu.pending && !vcpu.masked && !vcpu.shadow);
}

static void set_active(uint32_t pid)
{
	__atomic_store_n(&shared->active_pid, pid, __ATOMIC_SEQ_CST);
}

static void prepare(void)
{
	if (!twins[mine()].pid)
		give_birth();
	if (lost)
		shadow_drop_twin();
	lost = false;
}

void twin_run(void)
{
	uint32_t own = __atomic_load_n(&shared->active_pid, __ATOMIC_RELAXED);
	struct seccomp_notif got;
	bool alive = true, ran;

	prepare();
	set_active(twins[mine()].pid);
	ran = !interrupted();
	if (ran) {
		count(COUNT_TWIN_RUNS);
		set_command();
		alive = exchange(command()->count ? twin_key : 0, &got);
	}
	set_active(own);
	if (!alive)
		trap_raise(VECTOR_GP, 0);
	else if (ran)
		twin_reported(&got);
}

/* A change failed, says the report. */
void twin_settle(void)
{
	settle();
	if (refused)
		trap_raise(VECTOR_GP, 0);
	refused = false;
}
