/* SPDX-License-Identifier: BSD-2-Clause */
/* Host signals: what do they mean for whoever was interrupted (frame.h)?
 *
 * SA_NODEFER: handlers do not return, so no signal may stay blocked.
 *
 * A handler runs in two parts. The first is on the alternate stack, where another signal's
 * frame may come below it, and keeps of its own frame what matters; then, if it is the
 * guest that was interrupted, the VMM's stack is free and the second part is like
 * any other visit of the VMM's.
 */
#include "backends/linux/code.h"
#include "backends/linux/disarm.h"
#include "backends/linux/frame.h"
#include "backends/linux/gates.h"
#include "backends/linux/host.h"
#include "backends/linux/keys.h"
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "backends/linux/step.h"
#include "backends/linux/twin.h"
#include "vmm/backend.h"
#include "vmm/entry.h"
#include "vmm/frontend.h"
#include "vmm/rewrite.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <asm/sigcontext.h>
#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/signal.h>

#include <asm/ucontext.h> /* needs the types of linux/signal.h */

/* asm/signal.h defines the C library's view; the system call takes this. */
struct host_sigaction {
	void (*handler)(int, siginfo_t *, struct ucontext *);
	unsigned long flags;
	mword restorer; /* the frame's return address: to where, is our own affair */
	uint64_t mask;
};

void signal_entry(int number, siginfo_t *info, struct ucontext *context);
void signal_entry_keys(int number, siginfo_t *info, struct ucontext *context);
void signal_restorer(void);
int signal_handle(int number, siginfo_t *info, struct ucontext *context);
void signal_guest(void);

uint64_t signal_nonce;

/* What the second part of a handler needs of the first one's frame. */
static struct {
	int number, code;
	unsigned arch;
	mword call; /* address of a system call's instruction */
	mword rip, cr2, trap, error;
	bool application; /* had its rights (keys.c) */
	bool goes_on;	  /* where it is: nothing is to be told */
} event;

static void save_registers(const struct sigcontext *at)
{
	struct regs *regs = &vcpu.regs;

	regs->gpr[RAX] = at->rax;
	regs->gpr[RCX] = at->rcx;
	regs->gpr[RDX] = at->rdx;
	regs->gpr[RBX] = at->rbx;
	regs->gpr[RSP] = at->rsp;
	regs->gpr[RBP] = at->rbp;
	regs->gpr[RSI] = at->rsi;
	regs->gpr[RDI] = at->rdi;
	regs->gpr[R8] = at->r8;
	regs->gpr[R9] = at->r9;
	regs->gpr[R10] = at->r10;
	regs->gpr[R11] = at->r11;
	regs->gpr[R12] = at->r12;
	regs->gpr[R13] = at->r13;
	regs->gpr[R14] = at->r14;
	regs->gpr[R15] = at->r15;
	regs->rip = at->rip;
	/* The real IF is always 1 and means nothing. */
	regs->rflags = (at->eflags & ~FLAG_IF) | interrupt_flag(&vcpu);
	__asm__ volatile("rdfsbase %0" : "=r"(vcpu.fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(vcpu.gs_base));
}

/* The kernel, once it has left its identity mapping: see kernel_code.c. */
static void check_fetch(const struct translation *translation)
{
	if (event.cr2 >= LAYOUT_USER_END && !kernel_code_clean(event.cr2 & PAGE_MASK, PAGE_SIZE,
							       translation->address.v & PAGE_MASK))
		end_machine(END_GUEST, 0,
			    "its kernel executes memory that would open the protection keys");
}

static void page_fault(void)
{
	bool application = vcpu.cpl == 3;
	struct translation translation;
	mword error = application ? event.error : event.error & ~ACCESS_USER;

	if (vmm_page_fault(gva(event.cr2), error, &translation)) {
		uint64_t frame = translation.address.v & PAGE_MASK;
		bool watched = error & ACCESS_WRITE && code_watched(frame);

		if (!application && error & ACCESS_FETCH)
			check_fetch(&translation);
		/* Below the host's vm.mmap_min_addr there is nothing to be had: the
		 * application's fault, as far as the guest can be told. */
		if (!shadow_fill(gva(event.cr2), &translation, error & ACCESS_WRITE))
			trap_raise(VECTOR_GP, 0);
		else if (application)
			step_look(event.cr2, error, watched ? frame : 0);
		return;
	}
	count(COUNT_GUEST_FAULTS);
	if (application)
		exit_prefill(gva(event.cr2));
}

/* A fault on a guest stack while a stub uses it: fill, and let the stub go on. If
 * the guest has no such page, the site has the fault. */
static int stub_fault(const struct sigcontext *at)
{
	struct translation translation;
	mword error;

	if (at->trapno != VECTOR_PF)
		end_machine(END_VMM, (int)at->trapno,
			    "exception other than a page fault in a stub");
	if (mmu_translate(gva(at->cr2), at->err & ACCESS_WRITE, &translation, &error)) {
		shadow_fill(gva(at->cr2), &translation, at->err & ACCESS_WRITE);
		return 0;
	}
	save_registers(at);
	rewrite_restart(&vcpu.regs.rip, &vcpu.regs.gpr[RSP], &vcpu);
	return 1;
}

/* The host has a vsyscall page too, at the same address, and emulates calls of it as
 * its own: for the guest, whose page it is, these are faults of fetching. Without
 * the filter (confine.c) the host answers with its own clock; with it SIGSYS comes,
 * after the return that a call ends with. Where it refuses, trap number and address
 * are an earlier signal's. */
#define VSYSCALL_PAGE UINT64_C(0xffffffffff600000)

static bool is_vsyscall(mword va)
{
	return (va & PAGE_MASK) == VSYSCALL_PAGE;
}

static void vsyscall(mword va)
{
	struct translation translation;

	vcpu.regs.rip = va;
	if (vmm_page_fault(gva(va), ACCESS_FETCH | ACCESS_USER, &translation))
		end_machine(END_GUEST, 0,
			    "the guest maps a page where the host has its vsyscall page");
	count(COUNT_GUEST_FAULTS);
}

static void system_call(void)
{
	count(COUNT_SIGSYS);
	if (event.code == SYS_SECCOMP && is_vsyscall(event.call)) {
		vcpu.regs.gpr[RSP] -= sizeof(mword);
		vsyscall(event.call);
	} else if (event.arch == AUDIT_ARCH_X86_64) {
		gates_syscall();
		vmm_syscall();
	} else {
		vmm_software_interrupt(0x80);
	}
}

/* The host tells faults of stack segments (#SS: also a stack pointer that is not canonical)
 * and alignment checks by SIGBUS as well. */
static bool lacks_memory(void)
{
	return event.number == SIGBUS && event.code != SI_KERNEL && event.code != BUS_ADRALN;
}

/* The second part: vcpu.regs and `event` say all. */
void signal_guest(void)
{
	bool stepped = step_end(event.number == SIGTRAP && event.trap == VECTOR_DB);

	if (event.goes_on && !vcpu.pending) {
		/* In a trampoline, which the guest must not see: what comes from here on
		 * waits for the next instruction. */
		vcpu.shadow = 1;
		vcpu.shadow_rip = vcpu.regs.rip;
		return;
	}
	if (gates_settle(event.application) || event.goes_on || event.number == SIGUSR1)
		return; /* vmm_resume looks at what is pending */
	if (event.number == SIGSYS) {
		system_call();
		return;
	}
	if (lacks_memory())
		end_machine(END_HOST, 0, "no host memory behind guest memory (SIGBUS)");
	if (stepped)
		return;
	count(COUNT_SIGSEGV);
	if ((event.trap == VECTOR_UD || event.trap == VECTOR_GP) && gates_trapped())
		return;
	if (event.trap == VECTOR_UD && disarm_trapped() && vmm_application_instruction())
		return;
	if (event.trap == VECTOR_GP && vcpu.cpl == 3)
		cpuids_trapped();
	if (is_vsyscall(event.rip))
		vsyscall(event.rip);
	else if (event.trap == VECTOR_PF)
		page_fault();
	else
		vmm_exception((unsigned)event.trap, event.error);
}

static int interrupted(struct sigcontext *at, bool application)
{
	enum frame_who who = frame_interruption(at, application);

	count(COUNT_EVENTS);
	vcpu.pending = 1;
	if (who == FRAME_VMM)
		return 0;
	if (who != FRAME_LEAVING) {
		save_registers(at);
		rewrite_restart(&vcpu.regs.rip, &vcpu.regs.gpr[RSP], &vcpu);
	}
	return 1;
}

static void bug(int number, const struct sigcontext *at)
{
	if (number == SIGBUS)
		end_machine(END_HOST, 0, "no host memory behind guest memory (SIGBUS)");
	vcpu.regs.rip = at->rip;
	vcpu.regs.gpr[RSP] = at->rsp;
	vcpu.cr2 = at->cr2;
	end_machine(END_VMM, number, "exception in the VMM itself");
}

/* As 1, but it goes on where it is: by the way out, which closes the keys again. */
#define RESUME 2

static int exception(int number, struct sigcontext *at, bool application)
{
	enum frame_who who;
	bool resume = false;

	frame_set_trap(number, at);
	who = frame_exception(at, application);
	if (who == FRAME_STUB)
		return stub_fault(at);
	if (who == FRAME_VMM)
		return 0;
	if (who == FRAME_BUG)
		bug(number, at);
	if (who == FRAME_RIGHTS)
		end_machine(END_VMM, 0, "an application ran with the VMM's rights");
	if (number != SIGSYS && gates_own_trap(at)) {
		if (!application)
			return 0;
		resume = true;
	}
	save_registers(at);
	return resume ? RESUME : 1;
}

static void keep_event(int number, const siginfo_t *info, const struct sigcontext *at)
{
	event.number = number;
	event.code = info->si_code;
	event.arch = info->si_arch;
	event.call = (mword)info->si_call_addr;
	event.rip = at->rip;
	event.cr2 = at->cr2;
	event.trap = at->trapno;
	event.error = at->err;
}

/* The same for an application in its twin. */
void signal_application(int number, const struct siginfo *info, const struct sigcontext *at,
			mword fs_base, mword gs_base)
{
	save_registers(at);
	vcpu.fs_base = fs_base;
	vcpu.gs_base = gs_base;
	if (number == SIGUSR1) {
		count(COUNT_EVENTS);
		vcpu.pending = 1;
	}
	keep_event(number, info, at);
	event.application = true;
	event.goes_on = false;
	signal_guest();
}

static int handle_signal(int number, const siginfo_t *info, struct sigcontext *at)
{
	bool application = keys_application(at);
	int guest;

	if (!application)
		exit_wipe();
	if (number == SIGCHLD || number == SIGUSR2) {
		space_zygote_signal(number == SIGCHLD);
		return 0;
	}
	guest = number == SIGUSR1 ? interrupted(at, application)
				  : exception(number, at, application);
	if (!guest)
		return 0;
	vcpu.in_vmm = 1;
	keep_event(number, info, at);
	event.application = application;
	event.goes_on = guest == RESUME;
	return 1;
}

/* The first part. Returns 1 if the guest was interrupted: its registers are in
 * vcpu.regs then. 0: the interrupted code goes on. */
int signal_handle(int number, siginfo_t *info, struct ucontext *context)
{
	int guest;

	altstack_enter(context);
	guest = handle_signal(number, info, (struct sigcontext *)&context->uc_mcontext);
	altstack_leave(guest);
	return guest;
}

static void set_action(int number, const struct host_sigaction *action)
{
	long result = host_call4(__NR_rt_sigaction, number, action, NULL, sizeof(action->mask));

	if (result < 0)
		end_machine(END_HOST, (int)-result, "sigaction");
}

static const uint8_t exceptions[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGUSR1};

/* In a twin: all of an application's signals go to its handler. A report that was interrupted
 * is made again. */
void signal_twin(void *stack, size_t bytes, mword handler)
{
	struct host_sigaction action = {
		.handler = (void (*)(int, siginfo_t *, struct ucontext *))handler,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER | SA_RESTART,
	};

	altstack_set(stack, bytes, 0);
	for (size_t i = 0; i < sizeof(exceptions); i++)
		set_action(exceptions[i], &action);
}

static void handle(int number)
{
	bool keys = shared->isolation == ISOLATION_KEYS;
	struct host_sigaction action = {
		.handler = keys ? signal_entry_keys : signal_entry,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER | SA_NOCLDSTOP,
		.restorer = keys ? signal_nonce : (mword)signal_restorer,
	};

	set_action(number, &action);
}

void signal_start(void)
{
	altstack_start();
	if (host_call3(__NR_getrandom, &signal_nonce, sizeof(signal_nonce), 0) !=
	    sizeof(signal_nonce))
		end_machine(END_HOST, 0, "no random number");
	for (size_t i = 0; i < sizeof(exceptions); i++)
		handle(exceptions[i]);
	handle(SIGCHLD);
	handle(SIGUSR2);
}

/* Syscall User Dispatch is not inherited. No allowed range: code in it could be
 * jumped to; only the selector opens the way (host.h). */
void signal_thread_start(void)
{
	long result = host_call5(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0,
				 &host_selector);

	if (result < 0)
		end_machine(END_HOST, (int)-result,
			    "Syscall User Dispatch (the host needs Linux 5.11 or newer)");
}
