/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that was interrupted inside of a stub: back to its site, or on behind it.
 * templates.S explains; here its table is read.
 */
#include "vmm/rewrite/restart.h"

#include "vmm/entry.h"
#include "vmm/rewrite/sites.h"
#include "vmm/rewrite/templates.h"
#include "vmm/vcpu.h"

struct interrupted {
	mword rip, rsp;
	struct vcpu *state;
	const struct restart *at;
};

static mword first_of(const struct restart *restart)
{
	return (mword)&restart->first + (mword)(int64_t)restart->first;
}

static const struct restart *find(mword rip)
{
	for (const struct restart *at = vmm_restarts; at < vmm_restarts_end; at++)
		if (rip - first_of(at) < at->length)
			return at;
	return NULL;
}

/* A word of the guest's stack that the site's call or the stub has just written. */
static mword stack_word(const struct interrupted *in, mword offset)
{
	return *(const mword *)(in->rsp + offset);
}

static bool go_to_site(struct interrupted *in, mword next)
{
	const struct site *site = rewrite_site_before(next);

	if (!site)
		return false;
	in->rip = site->start;
	return true;
}

static bool back(struct interrupted *in)
{
	if (!go_to_site(in, stack_word(in, in->at->depth)))
		return false;
	in->rsp += in->at->depth + 8u;
	return true;
}

static bool forward(struct interrupted *in)
{
	in->rip = stack_word(in, in->at->depth);
	in->rsp += in->at->depth + 8u;
	return true;
}

static bool forward_popf(struct interrupted *in)
{
	mword popped = stack_word(in, in->at->depth + 8u) & RESTART_POPF_FLAGS;

	in->state->regs.rflags = (in->state->regs.rflags & ~(mword)RESTART_POPF_FLAGS) | popped;
	forward(in);
	in->rsp += 8;
	return true;
}

static bool back_jump(struct interrupted *in)
{
	return go_to_site(in, in->state->scratch[3]);
}

static bool forward_frame(struct interrupted *in)
{
	const uint64_t *frame = in->state->iret_frame;

	in->rip = frame[0];
	in->state->regs.rflags = frame[2];
	in->rsp = frame[3];
	return true;
}

static bool forward_user(struct interrupted *in)
{
	struct vcpu *state = in->state;
	uint16_t user = (uint16_t)(state->star >> 48); /* SDM 2, "SYSRET" */

	state->cpl = 3;
	state->masked = 0;
	state->segment[SEG_CS] = (uint16_t)(user + 16) | 3;
	state->segment[SEG_SS] = (uint16_t)(user + 8) | 3;
	return forward_frame(in);
}

static bool (*const actions[RESTART_ACTIONS])(struct interrupted *in) = {
	[RESTART_BACK] = back,
	[RESTART_FORWARD] = forward,
	[RESTART_FORWARD_POPF] = forward_popf,
	[RESTART_BACK_JUMP] = back_jump,
	[RESTART_FORWARD_FRAME] = forward_frame,
	[RESTART_FORWARD_USER] = forward_user,
};

static bool restart_stub(struct interrupted *in)
{
	struct regs *regs = &in->state->regs;
	uint32_t saved = in->at->saved;

	if (!actions[in->at->action](in))
		return false;
	if (saved & RESTART_RAX)
		regs->gpr[RAX] = in->state->scratch[0];
	if (saved & RESTART_RCX)
		regs->gpr[RCX] = in->state->scratch[1];
	if (saved & RESTART_RSP)
		in->rsp = in->state->scratch[2];
	if (saved & RESTART_FLAGS)
		regs->rflags = in->state->iret_frame[4];
	return true;
}

/* swapgs has its thunk alone; a page-table write stores, and may do so again; all other thunks do
 * nothing before their jump. */
static bool restart_thunk(struct interrupted *in, const struct site *site, unsigned offset)
{
	struct vcpu *state = in->state;
	bool saved = false;

	in->rip = site->start;
	if (site->insn.class == AB_CLASS_PTE_WRITE && template_store_saved(site, offset))
		state->regs.gpr[RCX] = state->scratch[1];
	if (site->insn.class != AB_CLASS_SWAPGS)
		return true;
	if (template_swapgs_done(offset, &saved)) {
		state->kernel_gs_base = state->scratch[1];
		in->rip = site->start + site->total;
	}
	if (saved)
		state->regs.gpr[RAX] = state->scratch[0];
	return true;
}

/* The virtual IF is the only one that guests see. */
static void put_interrupt_flag(struct vcpu *state)
{
	state->regs.rflags = (state->regs.rflags & ~FLAG_IF) | interrupt_flag(state);
}

/* An application may jump anywhere in here: only its way out counts as a stub. */
static bool is_guest_kernel(const struct restart *at, const struct vcpu *state)
{
	return state->cpl != 3 || at->action >= RESTART_FORWARD_FRAME;
}

bool rewrite_in_stub(mword rip, const struct vcpu *state)
{
	const struct restart *at = find(rip);

	if (state->in_vmm)
		return false;
	return at ? is_guest_kernel(at, state)
		  : state->cpl != 3 && rip - (mword)vmm_thunks < VMM_THUNK_BYTES;
}

bool rewrite_restart(mword *rip, mword *rsp, struct vcpu *state)
{
	struct interrupted in = {.rip = *rip, .rsp = *rsp, .state = state, .at = find(*rip)};
	mword offset = *rip - (mword)vmm_thunks;
	const struct site *site = sites_of_thunk((unsigned)(offset / THUNK_BYTES));
	bool done = false;

	if (!rewrite_in_stub(*rip, state))
		return false;
	if (in.at)
		done = restart_stub(&in);
	else if (offset < VMM_THUNK_BYTES && site)
		done = restart_thunk(&in, site, offset % THUNK_BYTES);
	if (!done)
		return false;
	*rip = state->regs.rip = in.rip;
	*rsp = state->regs.gpr[RSP] = in.rsp;
	put_interrupt_flag(state);
	return true;
}
