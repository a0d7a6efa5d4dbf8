/* SPDX-License-Identifier: BSD-2-Clause */
/* The test's machine: entry, exit, single steps, and doubles of the VMM's other parts. */
#include "machine.h"

#include "vmm/backend.h"
#include "vmm/frontend.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <ucontext.h>

void guest_enter(void);

struct vcpu vcpu;
struct machine_state before, after;
mword guest_stack[STACK_WORDS];
unsigned site_calls, resume_calls;
mword site_next;
struct regs site_regs;
mword site_gs_base;
void (*site_action)(void);
void (*resume_action)(void);
bool wanted;
unsigned stored_calls;
gpa_t stored_entry;
void (*stored_action)(void);
bool keeps_bases;
extern const bool backend_keeps_bases __attribute__((alias("keeps_bases")));

/* --- doubles -------------------------------------------------------------------- */

void vmm_table_stored(gpa_t entry)
{
	stored_calls++;
	stored_entry = entry;
	if (stored_action)
		stored_action();
}

void vmm_site(mword next)
{
	assert_int_equal(vcpu.in_vmm, 1);
	assert_false(__builtin_ia32_readeflags_u64() & (FLAG_DF | FLAG_AC | FLAG_NT | FLAG_TF));
	site_calls++;
	site_next = next;
	site_regs = vcpu.regs;
	site_gs_base = vcpu.gs_base;
	vcpu.regs.rip = next;
	if (site_action)
		site_action();
}

void vmm_settle_bases(void)
{
	mword base = vcpu.gs_base;

	assert_int_equal(vcpu.in_vmm, 1);
	if (vcpu.swapped) {
		vcpu.gs_base = vcpu.kernel_gs_base;
		vcpu.kernel_gs_base = base;
	}
	vcpu.swapped = 0;
}

void vmm_before_resume(void)
{
	assert_int_equal(vcpu.in_vmm, 1);
	resume_calls++;
	if (resume_action)
		resume_action();
}

void backend_before_resume(void)
{
	assert_int_equal(vcpu.in_vmm, 1);
}

void backend_log(const char *text, size_t length)
{
	(void)text;
	(void)length;
}

bool backend_wants(uint16_t class)
{
	(void)class;
	return wanted;
}

void backend_write_code(void *to, const void *from, size_t length)
{
	assert_true((unsigned char *)to >= vmm_thunks &&
		    (unsigned char *)to + length <= vmm_thunks + VMM_THUNK_BYTES);
	memcpy(to, from, length);
}

static bool plain_read(const struct code_view *view, mword va, void *to, size_t length)
{
	(void)view;
	memcpy(to, (const void *)va, length);
	return true;
}

static bool plain_write(const struct code_view *view, mword va, const void *from, size_t length)
{
	(void)view;
	memcpy((void *)va, from, length);
	return true;
}

struct code_view plain_view = {plain_read, plain_write};

/* --- set-up --------------------------------------------------------------------- */

static void on_trap(int number, siginfo_t *info, void *context);

int machine_setup(void **state)
{
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	(void)state;
	if (mmap((void *)CODE_AT, CODE_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)CODE_AT)
		return -1;
	if (mprotect(vmm_thunks, VMM_THUNK_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC))
		return -1;
	return sigaltstack(&alternate, NULL) | sigaction(SIGTRAP, &action, NULL);
}

static void reset_cpu(void)
{
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.masked = 1;
	vcpu.host_cs = 0x33;
	vcpu.host_ss = 0x2b;
	vcpu.segment[SEG_CS] = 0x10;
	vcpu.segment[SEG_SS] = 0x18;
	vcpu.cr0 = 0x80050033;
	vcpu.cr2 = 0xffff88800badf00d;
	vcpu.cr3 = 0x1234000;
	vcpu.cr4 = 0x6b0;
	vcpu.cr8 = 0xf;
	vcpu.star = UINT64_C(0x0023001000000000);
	vcpu.efer = EFER_SCE;
	vcpu.kernel_gs_base = UINT64_C(0x123456789000);
}

int machine_reset(void **state)
{
	(void)state;
	rewrite_forget(0, ~(mword)0);
	reset_cpu();
	memset((void *)CODE_AT, 0xcc, CODE_PAGES * PAGE_SIZE);
	for (unsigned i = 0; i < STACK_WORDS; i++)
		guest_stack[i] = UINT64_C(0x5555000000000000) + i;
	site_calls = resume_calls = 0;
	site_next = 0;
	site_action = resume_action = NULL;
	wanted = keeps_bases = false;
	stored_calls = 0;
	stored_action = NULL;
	return 0;
}

void machine_registers(mword rip, mword flags)
{
	for (unsigned i = 0; i < GPR_COUNT; i++)
		before.gpr[i] = UINT64_C(0xa0b0c0d0e0f01000) + i;
	before.gpr[RSP] = (mword)STACK_MIDDLE;
	before.rip = rip;
	before.rflags = flags | FLAG_ONE | FLAG_IF;
}

/* --- sites -------------------------------------------------------------------------- */

static void write_site(mword at, const struct sample *sample)
{
	uint8_t *to = (uint8_t *)at;

	if (sample->flags & AB_F_PREFIX) {
		memset(to, AB_PREFIX, sample->pad);
		memcpy(to + sample->pad, sample->bytes, sample->length);
	} else {
		memcpy(to, sample->bytes, sample->length);
		memset(to + sample->length, 0x90, sample->pad);
	}
}

enum rewrite_error machine_rewrite(mword at, const struct sample *sample,
				   struct rewrite_report *report, struct rewrite_failure *failure)
{
	static struct ab_annot annot;

	annot = (struct ab_annot){
		.start = (int32_t)(at - (mword)&annot),
		.class = sample->class,
		.total_len = (uint8_t)(sample->length + sample->pad),
		.insn_off = sample->flags & AB_F_PREFIX ? sample->pad : 0,
		.insn_len = sample->length,
		.mode_version = AB_MODE_64 | AB_VERSION << AB_VERSION_SHIFT,
		.flags = sample->flags,
	};
	write_site(at, sample);
	return rewrite(&plain_view, (mword)&annot, sizeof(annot), CODE_AT,
		       CODE_AT + CODE_PAGES * PAGE_SIZE, report, failure);
}

void machine_end(mword at)
{
	int32_t distance = (int32_t)((mword)guest_done - (at + 5));

	*(uint8_t *)at = 0xe9; /* jmp rel32 */
	memcpy((uint8_t *)at + 1, &distance, 4);
}

mword machine_place(mword at, const struct sample *sample)
{
	struct rewrite_report report;
	struct rewrite_failure failure;
	mword next = at + sample->length + sample->pad;

	if (machine_rewrite(at, sample, &report, &failure))
		fail_msg("%s: %s", sample->name, rewrite_error_text(failure.error));
	machine_end(next);
	return next;
}

/* --- running ---------------------------------------------------------------------- */

static unsigned steps_left;
static void (*boundary)(const struct machine_state *now);

void machine_run(void)
{
	memset(&after, 0, sizeof(after));
	guest_enter();
	after.rflags &= ~FLAG_IF;
}

static const int context_of[GPR_COUNT] = {
	[RAX] = REG_RAX, [RCX] = REG_RCX, [RDX] = REG_RDX, [RBX] = REG_RBX,
	[RSP] = REG_RSP, [RBP] = REG_RBP, [RSI] = REG_RSI, [RDI] = REG_RDI,
	[R8] = REG_R8,	 [R9] = REG_R9,	  [R10] = REG_R10, [R11] = REG_R11,
	[R12] = REG_R12, [R13] = REG_R13, [R14] = REG_R14, [R15] = REG_R15,
};

void machine_take_registers(const greg_t *regs)
{
	for (unsigned i = 0; i < GPR_COUNT; i++)
		vcpu.regs.gpr[i] = (mword)regs[context_of[i]];
	vcpu.regs.rip = (mword)regs[REG_RIP];
	vcpu.regs.rflags = (mword)regs[REG_EFL] & ~FLAG_TF;
	__asm__ volatile("rdgsbase %0" : "=r"(vcpu.gs_base));
}

/* What a back-end does: registers into vcpu.regs, rewrite_restart(), and back. */
static void interrupt(greg_t *regs)
{
	struct machine_state now;

	machine_take_registers(regs);
	assert_true(rewrite_restart(&vcpu.regs.rip, &vcpu.regs.gpr[RSP], &vcpu));
	memcpy(now.gpr, vcpu.regs.gpr, sizeof(now.gpr));
	now.rip = vcpu.regs.rip;
	now.rflags = vcpu.regs.rflags & ~FLAG_TF;
	boundary(&now);
	for (unsigned i = 0; i < GPR_COUNT; i++)
		regs[context_of[i]] = (greg_t)now.gpr[i];
	regs[REG_RIP] = (greg_t)now.rip;
	regs[REG_EFL] = (greg_t)(now.rflags | FLAG_IF);
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	mword rip = (mword)regs[REG_RIP];

	(void)number;
	(void)info;
	if (rip == (mword)guest_done || vcpu.in_vmm) { /* no stub comes any more */
		regs[REG_EFL] &= ~(greg_t)FLAG_TF;
		return;
	}
	regs[REG_EFL] |= (greg_t)FLAG_TF; /* popf and iret load it */
	if (!rewrite_in_stub(rip, &vcpu) || !steps_left || --steps_left)
		return;
	if (boundary)
		interrupt(regs);
	else if (vcpu.masked)
		vcpu.pending = 1;
}

static bool run_stepped(unsigned step)
{
	steps_left = step;
	before.rflags |= FLAG_TF;
	machine_run();
	before.rflags &= ~FLAG_TF;
	return !steps_left;
}

bool machine_run_interrupted(unsigned step, void (*at_boundary)(const struct machine_state *now))
{
	boundary = at_boundary;
	return run_stepped(step);
}

bool machine_run_marked(unsigned step)
{
	boundary = NULL;
	return run_stepped(step);
}

void assert_same_registers(const struct machine_state *now, const struct machine_state *expected,
			   mword flag_mask)
{
	for (unsigned i = 0; i < GPR_COUNT; i++)
		if (now->gpr[i] != expected->gpr[i])
			fail_msg("register %u: %#lx, expected %#lx", i, now->gpr[i],
				 expected->gpr[i]);
	if ((now->rflags ^ expected->rflags) & flag_mask)
		fail_msg("flags: %#lx, expected %#lx", now->rflags, expected->rflags);
}
