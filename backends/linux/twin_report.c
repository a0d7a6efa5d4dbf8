/* SPDX-License-Identifier: BSD-2-Clause */
/* What a twin reports: a signal that it got, as its handler saw it.
 *
 * Or what an application made up, see twin.c. Addresses must lie in the area, registers
 * must be such that an application can have, exceptions such that it can raise, and
 * the floating-point state such that loading it is no fault of this process. Nothing in
 * the area changes until the report is answered.
 */
#include "backends/linux/frame.h"
#include "backends/linux/host.h"
#include "backends/linux/private.h"
#include "backends/linux/twin.h"
#include "vmm/backend.h"
#include "vmm/mmu.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <asm/sigcontext.h>
#include <linux/signal.h>

#include <asm/ucontext.h> /* needs the types of linux/signal.h */

#define FLAGS_APPLICATION 0x254dd5 /* vmm/rewrite/entry.S: FLAGS_USER */
#define VSYSCALL_PAGE	  UINT64_C(0xffffffffff600000)

/* Exceptions that applications raise in ring 3, and those that come with a number. */
#define EXCEPTIONS                                                                                 \
	(BIT(VECTOR_DE) | BIT(VECTOR_DB) | BIT(VECTOR_BP) | BIT(VECTOR_OF) | BIT(VECTOR_BR) |      \
	 BIT(VECTOR_UD) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) | BIT(VECTOR_PF) |      \
	 BIT(VECTOR_MF) | BIT(VECTOR_AC) | BIT(VECTOR_XM))
#define WITH_SELECTOR (BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP))

/* The extended state in memory (SDM 1, 13.4) */
#define MXCSR_AT     24
#define MXCSR_VALID  0xffff
#define HEADER_AT    512
#define HEADER_WORDS 8
#define LEGACY_BYTES 576
#define LEAF_XSAVE   0xd
#define NOT_OURS     (BIT(9) | BIT(17) | BIT(18)) /* PKRU; AMX, which the host gives on request */

/* Where `length` bytes at `at` in the twin are here. NULL: not in its handler's stack. */
static const void *in_area(uint64_t at, uint64_t length, uint64_t alignment)
{
	uint64_t offset = at - TWIN_STACK;

	if (at % alignment || offset >= TWIN_STACK_BYTES || length > TWIN_STACK_BYTES - offset)
		return NULL;
	return twin_areas + (uint64_t)(host_self - 1) * TWIN_AREA_BYTES + TWIN_COMMAND_BYTES +
	       offset;
}

/* --- floating point ------------------------------------------------------------------- */

static uint64_t components(void)
{
	return backend_xcr0() & ~(uint64_t)NOT_OURS;
}

static uint64_t state_bytes(void)
{
	static uint64_t known;
	uint64_t bytes = known ? known : LEGACY_BYTES;
	uint32_t leaf[4];

	for (uint32_t i = 2; !known && i < 32; i++)
		if (components() >> i & 1) {
			backend_cpuid(LEAF_XSAVE, i, leaf);
			if (leaf[1] + leaf[0] > bytes)
				bytes = leaf[1] + leaf[0];
		}
	known = bytes;
	return bytes;
}

static bool valid_state(const uint8_t *state)
{
	const uint64_t *header = (const uint64_t *)(const void *)(state + HEADER_AT);
	uint64_t reserved = header[0] & ~backend_xcr0();

	for (int i = 1; i < HEADER_WORDS; i++)
		reserved |= header[i];
	return !reserved &&
	       !(*(const uint32_t *)(const void *)(state + MXCSR_AT) & ~(uint32_t)MXCSR_VALID);
}

static bool load_state(uint64_t at)
{
	const uint8_t *state = in_area(at, state_bytes(), 64);

	return state && valid_state(state) && backend_load_state(state, components());
}

/* --- the signal ----------------------------------------------------------------------- */

static void as_fault(struct sigcontext *at, unsigned vector, mword error)
{
	at->trapno = vector;
	at->err = error;
}

/* The host's kernel says it so or the application has said it: no difference. */
static int check_exception(int number, struct sigcontext *at)
{
	if (number == SIGUSR1 || number == SIGSYS)
		return number;
	frame_set_trap(number, at);
	if (at->rip >= LAYOUT_USER_END && (at->rip & PAGE_MASK) != VSYSCALL_PAGE) {
		as_fault(at, VECTOR_PF, ACCESS_FETCH);
		at->cr2 = at->rip;
	}
	if (at->trapno >= 32 || !(EXCEPTIONS >> at->trapno & 1) ||
	    (number == SIGBUS && at->trapno == VECTOR_PF)) /* no host memory */
		as_fault(at, VECTOR_GP, 0);
	if (at->trapno == VECTOR_PF)
		at->err = (at->err & (PF_PRESENT | ACCESS_WRITE | ACCESS_FETCH)) | ACCESS_USER;
	else
		at->err = WITH_SELECTOR >> at->trapno & 1 ? (uint16_t)at->err : 0;
	return SIGSEGV;
}

static uint64_t canonical(uint64_t base)
{
	return (uint64_t)((int64_t)(base << 16) >> 16) == base ? base : 0;
}

/* What the handler was called with. */
struct report {
	int number;
	uint64_t info, context;
	uint64_t fs_base, gs_base;
};

/* The application's registers, or at least the ones it had before. */
static void application(const struct report *report, struct sigcontext *at)
{
	const siginfo_t *info = in_area(report->info, sizeof(*info), 8);
	int number = check_exception(report->number, at);

	if (!info || !load_state((uint64_t)at->fpstate)) {
		trap_raise(VECTOR_GP, 0);
		return;
	}
	at->eflags = (at->eflags & FLAGS_APPLICATION) | 2;
	signal_application(number, info, at, canonical(report->fs_base),
			   canonical(report->gs_base));
}

static bool context_of(const struct report *report, struct sigcontext *at)
{
	const struct ucontext *context = in_area(report->context, sizeof(*context), 8);

	if (context)
		__builtin_memcpy(at, &context->uc_mcontext, sizeof(*at));
	return context;
}

/* An interruption came before the handler of another signal could report that: its
 * arguments are in the frame, and its own frame is farther up. */
static bool interrupted_handler(struct report *report, const struct sigcontext *at)
{
	if (report->number != SIGUSR1 || at->rdx <= report->context ||
	    at->rip - twin_code.handler >= twin_code.report - twin_code.handler)
		return false;
	vcpu.pending = 1;
	report->number = (int)at->rdi;
	report->info = at->rsi;
	report->context = at->rdx;
	return true;
}

/* Interrupted after the answer: the application has not run. */
static void in_twin_code(const struct report *report)
{
	twin_erase_frames();
	if (report->number == SIGUSR1)
		vcpu.pending = 1;
	else
		trap_raise(VECTOR_GP, 0);
}

void twin_reported(const struct seccomp_notif *got)
{
	const __u64 *args = got->data.args;
	struct report report = {(int)args[0], args[1], args[2], args[3], args[4]};
	struct sigcontext at = {0};
	bool nested = false;

	while (report.number && context_of(&report, &at) && interrupted_handler(&report, &at))
		nested = true;
	if (!report.number && twin_changes())
		twin_settle();
	else if (!report.number || !context_of(&report, &at))
		trap_raise(VECTOR_GP, 0);
	else if (at.rip - LAYOUT_TWIN < TWIN_TEXT_BYTES)
		in_twin_code(&report);
	else {
		twin_changed();
		application(&report, &at);
	}
	if (nested)
		twin_erase_frames();
}
