/* SPDX-License-Identifier: BSD-2-Clause */
/*@130 One host process per guest address space
 *
 * Host page tables are what guest page directories become, and only the host's
 * kernel may load them: so each guest address space (value of CR3) has a process
 * of its own, with its own mappings and its own shadow tables. The machine runs in
 * one of them at a time. When the guest loads CR3 the registers are in the
 * virtual CPU, which all share; the floating-point state is put beside it, and one
 * futex call wakes the process whose turn it is.
 *
 * Processes are forked by a zygote that never ran a guest, because forking costs
 * time for every mapping (38 us with few, 467 us with 2000). It has the kernel's half
 * mapped as others needed it, in some ten long pieces. Processes are kept:
 * a page directory that was used before finds its process. A new one gets that of a page
 * directory which has no applications any more, else one more process, or at last the one
 * unused for longest.
 */
#include "backends/linux/code.h"
#include "backends/linux/confine.h"
#include "backends/linux/gates.h"
#include "backends/linux/host.h"
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "backends/linux/twin.h"
#include "vmm/backend.h"
#include "vmm/format.h"
#include "vmm/frontend.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/wait.h>

#define SLOTS	  (HOST_PROCESSES - 1)
#define NO_SLOT	  UINT32_MAX
#define NO_ROOT	  UINT64_MAX /* of a process that nobody needs: a spare one */
#define REAP	  BIT(31)    /* in `request`: a child died */
#define FPU_BYTES 16384

struct slot {
	uint64_t root; /* guest CR3, page-aligned */
	uint64_t used; /* turn in which it last ran */
	uint32_t wake; /* futex */
	uint32_t pid;  /* 0: not yet forked */
	bool recycled; /* its mappings are another address space's */
};

static struct slot slots[SLOTS];
static uint32_t slot_count;
static uint64_t turn;
static uint32_t request; /* futex of the zygote: slot to fork, plus 1 */
static uint8_t fpu[FPU_BYTES] __attribute__((aligned(64)));
static uint64_t target; /* root the guest wants */
static bool flush_user;

static uint32_t mine PRIVATE; /* this process's slot */

void backend_load_root(gpa_t root)
{
	target = root.v & PAGE_MASK;
	flush_user = true;
}

void backend_flush_page(gva_t va)
{
	shadow_flush_page(va);
}

/* Without global pages, CR3 loads concern the kernel's half too. */
void backend_flush_all(bool global)
{
	flush_user = true;
	if (global)
		shadow_flush_kernel();
}

/* x87 and SSE as after fninit, MXCSR 0x1f80 */
static void reset_fpu(void)
{
	__builtin_memset(fpu, 0, sizeof(fpu));
	*(uint16_t *)(void *)&fpu[0] = 0x37f;
	*(uint32_t *)(void *)&fpu[24] = 0x1f80;
}

/* --- hand-over ------------------------------------------------------------------- */

static uint32_t find_slot(uint64_t root)
{
	for (uint32_t i = 0; i < slot_count; i++)
		if (slots[i].root == root)
			return i;
	return NO_SLOT;
}

static bool has_applications(uint64_t root)
{
	return root != NO_ROOT && !mmu_empty(gpa(root), gva(LAYOUT_USER_END));
}

/* A process whose address space the guest has cleared, the last used first: most of
 * what it has of the kernel's half is still in the caches. */
static uint32_t spare_slot(void)
{
	uint32_t spare = NO_SLOT;

	for (uint32_t i = 0; i < slot_count; i++)
		if (i != mine && (spare == NO_SLOT || slots[i].used > slots[spare].used) &&
		    !has_applications(slots[i].root))
			spare = i;
	return spare;
}

static uint32_t oldest_slot(void)
{
	uint32_t oldest = NO_SLOT;

	for (uint32_t i = 0; i < slot_count; i++)
		if (i != mine && (oldest == NO_SLOT || slots[i].used < slots[oldest].used))
			oldest = i;
	return oldest;
}

static uint32_t take_slot(uint64_t root)
{
	uint32_t slot = spare_slot();

	if (slot == NO_SLOT && slot_count < SLOTS) {
		slots[slot_count].root = root;
		return slot_count++;
	}
	if (slot == NO_SLOT)
		slot = oldest_slot();
	count(COUNT_RECYCLED);
	slots[slot].root = root;
	slots[slot].recycled = true;
	return slot;
}

static void ask_zygote(uint32_t slot)
{
	count(COUNT_SPAWNS);
	__atomic_fetch_or(&request, slot + 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&request);
}

static void wake_slot(uint32_t slot)
{
	__atomic_store_n(&slots[slot].wake, 1, __ATOMIC_SEQ_CST);
	if (slots[slot].pid)
		host_futex_wake(&slots[slot].wake);
	else
		ask_zygote(slot);
}

/* It is this process's turn: bring it up to date and go on with the guest. */
static _Noreturn void activate(void)
{
	struct slot *slot = &slots[mine];

	__atomic_store_n(&shared->active_pid, slot->pid, __ATOMIC_SEQ_CST);
	slot->used = ++turn;
	if (slot->recycled)
		shadow_drop_user();
	slot->recycled = false;
	exit_wipe();
	gates_wipe();
	flush_user = true;
	space_replay();
	shadow_catch_up();
	code_catch_up();
	fpu_restore(fpu);
	resume_guest();
}

static _Noreturn void wait_for_turn(void)
{
	struct slot *slot = &slots[mine];

	while (!__atomic_load_n(&slot->wake, __ATOMIC_SEQ_CST))
		host_futex_wait(&slot->wake, 0, UINT64_MAX);
	slot->wake = 0;
	activate();
}

static _Noreturn void hand_over(uint32_t slot)
{
	count(COUNT_SWITCHES);
	fpu_save(fpu);
	count_host_calls();
	wake_slot(slot);
	wait_for_turn();
}

/* Nothing of an application is left in this address space, so this process can be
 * another one's: no hand-over. A guest's process that ends goes to the kernel's own page
 * directory this way. */
static bool become(uint64_t root)
{
	uint32_t other = find_slot(root);

	if (has_applications(slots[mine].root))
		return false;
	if (other != NO_SLOT) {
		uint32_t needless = has_applications(root) ? mine : other;

		slots[needless].root = NO_ROOT;
		if (needless == mine)
			return false;
	}
	shadow_drop_user();
	exit_wipe();
	gates_wipe();
	slots[mine].root = root;
	return true;
}

void space_enter(void)
{
	if (slots[mine].root != target && !become(target)) {
		uint32_t slot = find_slot(target);

		hand_over(slot == NO_SLOT ? take_slot(target) : slot);
	}
	if (flush_user) {
		flush_user = false;
		shadow_flush_user();
		if (!(vcpu.cr4 & CR4_PGE))
			shadow_flush_kernel();
	}
}

/* --- the zygote ------------------------------------------------------------------- */

/* Die with the parent. False: it died before this was said. */
static bool die_with_parent(long parent, int number)
{
	host_call2(__NR_prctl, PR_SET_PDEATHSIG, number);
	return host_call0(__NR_getppid) == parent;
}

static _Noreturn void child(uint32_t slot, long parent)
{
	mine = slot;
	host_self = slot + 1;
	if (!die_with_parent(parent, SIGKILL))
		end_machine(END_KILLED, SIGKILL, "parent process");
	host_call2(__NR_prctl, PR_SET_NAME, "afterburn-guest");
	signal_thread_start();
	slots[slot].pid = (uint32_t)host_call0(__NR_getpid);
	confine_address_space();
	wait_for_turn();
}

static void spawn(uint32_t slot)
{
	long parent = host_call0(__NR_getpid), pid;

	space_replay();
	shadow_catch_up();
	code_catch_up();
	shadow_warm();
	pid = host_call5(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		child(slot, parent);
	if (pid < 0)
		end_machine(END_HOST, (int)-pid, "creating a process for an address space");
}

static uint32_t slot_of(long pid)
{
	for (uint32_t i = 0; i < slot_count; i++)
		if (slots[i].pid == (uint32_t)pid)
			return i;
	return NO_SLOT;
}

static _Noreturn void forbidden(uint32_t slot)
{
	struct line line = {0};

	line_text(&line, "system call ");
	if (slot != NO_SLOT)
		line_decimal(&line, host_last_call[slot + 1]);
	else
		line_text(&line, "of the process that makes those for applications");
	line_text(&line, ", which the machine's filter forbids");
	end_machine(END_VMM, SIGSYS, line.text);
}

/* Without isolation, an application that traps with its stack pointer near the bottom of
 * the alternate stack (altstack.c) leaves the host no room for a signal frame, and the
 * host kills the process. It is the application's own fault: as a general protection fault
 * where it was entered last, with none of its registers, in a new process. */
static bool application_died(uint32_t slot, int signal)
{
	return signal == SIGSEGV && slot != NO_SLOT && slots[slot].pid == shared->active_pid &&
	       vcpu.cpl == 3 && !vcpu.in_vmm;
}

static void fault_anew(uint32_t slot)
{
	vcpu.in_vmm = 1;
	vcpu.regs = (struct regs){.rip = vcpu.iret_frame[0], .rflags = FLAG_ONE | FLAG_IF};
	vcpu.regs.gpr[RSP] = vcpu.iret_frame[3];
	vcpu.gs_base = 0; /* the last one seen may be the kernel's */
	reset_fpu();
	trap_raise(VECTOR_GP, 0);
	slots[slot].pid = 0;
	wake_slot(slot);
}

/* A child ended. If it did not end the machine itself, it was killed. */
static void ended(uint32_t slot, int signal)
{
	if (__atomic_load_n(&shared->ended, __ATOMIC_SEQ_CST))
		host_call1(__NR_exit_group, 0);
	if (application_died(slot, signal))
		fault_anew(slot);
	else if (signal == SIGSYS)
		forbidden(slot);
	else
		end_machine(END_KILLED, signal, "a process of the machine");
}

static void reap(void)
{
	int status = 0;
	long pid;

	while ((pid = host_call4(__NR_wait4, -1, &status, WNOHANG | __WALL, 0)) > 0) {
		if (pid == twin_zygote_pid && !(status & 0x7f)) /* its code: a twin's end */
			status >>= 8;
		ended(slot_of(pid), status & 0x7f);
	}
}

/* The launcher was killed, and with it whoever would have done this. */
static _Noreturn void launcher_died(void)
{
	if (shared->terminal_raw)
		host_call3(__NR_ioctl, FD_TERMINAL, TCSETS, shared->terminal);
	end_machine(END_KILLED, SIGKILL, "the launcher");
}

_Noreturn void space_zygote(void)
{
	reset_fpu();
	host_call2(__NR_prctl, PR_SET_NAME, "afterburn-vmm");
	if (!die_with_parent(shared->launcher_pid, SIGUSR2))
		launcher_died();
	slots[0].root = target;
	slot_count = 1;
	wake_slot(0);
	for (;;) {
		uint32_t what = __atomic_exchange_n(&request, 0, __ATOMIC_SEQ_CST);

		if (what & REAP)
			reap();
		if (what & ~REAP)
			spawn((what & ~REAP) - 1);
		else if (!what)
			host_futex_wait(&request, 0, UINT64_MAX);
	}
}

void space_zygote_signal(bool child_died)
{
	if (twin_zygote_self) {
		twin_zygote_signal();
		return;
	}
	if (!child_died)
		launcher_died();
	__atomic_fetch_or(&request, REAP, __ATOMIC_SEQ_CST);
}
