/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this back-end tell each other. */
#ifndef AFTERBURN_BACKENDS_LINUX_PRIVATE_H
#define AFTERBURN_BACKENDS_LINUX_PRIVATE_H

#include "backends/linux/shared.h"
#include "vmm/mmu.h"
#include "vmm/types.h"

/* Data of which every process of the machine has its own copy. */
#define PRIVATE __attribute__((section(".bss.private")))
/* The same, and the host's kernel or the last instructions before an application read
 * it with the application's rights: applications may read but not write it. */
#define READABLE __attribute__((section(".bss.readable")))
/* The same, written with the application's rights: it may change this at any time. */
#define OPEN __attribute__((section(".bss.open")))

extern struct shared *const shared; /* at a fixed address */

struct sigcontext;
struct siginfo;

/* shadow.c: this process's host mappings as a TLB of the guest's page tables */
void shadow_start(void);
bool shadow_fill(gva_t va, const struct translation *translation, bool write);
void shadow_prefill(gva_t va);
void shadow_warm(void);
void shadow_flush_page(gva_t va);
void shadow_flush_user(void);
void shadow_flush_kernel(void);
void shadow_drop_user(void);
void shadow_drop_twin(void);

/* shadow_copies.c: changed copies of applications' pages */
struct copy;
bool shadow_may_copy(const struct translation *translation);
void shadow_show(gva_t va, const struct translation *translation); /* the copy, if there is one */
struct copy *shadow_shown(gva_t va);				   /* NULL: none */
void shadow_catch_up(void); /* copies were made or dropped: before the guest runs */

/* space.c: one process per guest page directory */
_Noreturn void space_zygote(void);
void space_enter(void);
void space_replay(void);
void space_zygote_signal(bool child_died);

/* signal.c */
void signal_start(void);
void signal_thread_start(void);				    /* in every new process */
void signal_twin(void *stack, size_t bytes, mword handler); /* in a twin */
void signal_application(int number, const struct siginfo *info, const struct sigcontext *at,
			mword fs_base, mword gs_base);

/* keys.c: protection keys, if shared->isolation */
void keys_start(void);
bool keys_application(const struct sigcontext *at);	     /* its rights were in force */
void keys_protect(mword va, uint64_t bytes, int protection); /* from applications */

/* twin.c, twin_report.c: applications in processes of their own, if shared->isolation
 * says so. The changes are those of the twin's mappings, in its next run. */
struct seccomp_notif;
void twin_start(void);
void twin_run(void); /* the application at vcpu.regs, until it needs something */
void twin_map(mword va, uint64_t bytes, int protection, int flags, int file, uint64_t offset);
void twin_protect(mword va, uint64_t bytes, int protection);
void twin_unmap(mword va, uint64_t bytes);

/* kernel_code.c: nothing in the kernel's code that opens the keys; with keys only */
void kernel_code_start(void); /* its own text, or the end of the machine */
bool kernel_code_clean(mword va, uint64_t bytes, uint64_t frame); /* may be executable */

/* exit.c: what is done once before the next application runs (EXIT_* of keys.h) */
extern uint8_t exit_work;
void exit_prefill(gva_t va);
void exit_wipe(void); /* a signal frame was not the next application's */

/* altstack.c: of signal handlers */
void altstack_start(void);
void altstack_set(void *stack, size_t bytes, int flags); /* the host's call */
void altstack_enter(const void *frame);			 /* a handler begins on this one */
void altstack_leave(bool guest); /* and ends; `guest`: so do those that it interrupted */
void altstack_wipe(void);

/* start.S: the whole extended state, for hand-over between processes */
void fpu_save(void *area);
void fpu_restore(const void *area);

/* resume.S: forget the stack, go on at vmm_resume. */
_Noreturn void resume_guest(void);

/* cpuids.c: #GP of an application, perhaps at its cpuid */
void cpuids_trapped(void);

/* console.c */
void console_flush(void);

/* time.c */
void time_arm(void);	/* program the host's timer if the deadline changed */
bool event_taken(void); /* has the launcher told of something since the last call? */

/* processor.c */
void processor_start(void);

/* end.c */
void count_host_calls(void); /* before this process waits */
_Noreturn void end_machine(enum end why, int code, const char *reason);

static inline void count(enum host_count which)
{
	shared->counts[which]++;
}

#endif
