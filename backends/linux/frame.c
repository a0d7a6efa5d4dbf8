/* SPDX-License-Identifier: BSD-2-Clause */
/* frame.h explains. */
#include "backends/linux/frame.h"

#include "backends/linux/gates.h"
#include "backends/linux/keys.h"
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "vmm/entry.h"
#include "vmm/rewrite.h"
#include "vmm/vcpu.h"

#include <asm/sigcontext.h>

extern const char keys_exit_saved[], keys_exit_end[];
extern const char load_state[], load_state_refused[];
extern const char vmm_text_start[], vmm_text_end[];

static bool within(mword rip, const char *start, const char *end)
{
	return rip - (mword)start < (mword)(end - start);
}

/* An application's registers are all there until the last instruction of its way out:
 * interrupted in it, it has not been begun. */
static bool undo_exit(struct sigcontext *at)
{
	if (!within(at->rip, vmm_user_exit, keys_exit_end))
		return false;
	if (within(at->rip, keys_exit_saved, keys_exit_end)) {
		at->rax = exit_page.rax;
		at->rcx = exit_page.rcx;
		at->rdx = exit_page.rdx;
	}
	at->rip = (mword)vmm_user_exit;
	return true;
}

static enum frame_who at_address(mword rip)
{
	if (!within(rip, vmm_text_start, vmm_text_end) || gates_inside(rip))
		return FRAME_GUEST;
	if (within(rip, vmm_resume_commit, vmm_resume_end))
		return FRAME_LEAVING;
	return rewrite_in_stub(rip, &vcpu) ? FRAME_STUB : FRAME_VMM;
}

enum frame_who frame_interruption(struct sigcontext *at, bool application)
{
	bool left = undo_exit(at);

	return application && !left ? FRAME_GUEST : at_address(at->rip);
}

/* The guest's xrstor, made by the VMM: what it may fault with is the guest's. */
static bool refused_state(struct sigcontext *at)
{
	if (at->rip != (mword)load_state || !vcpu.in_vmm || at->trapno != VECTOR_GP)
		return false;
	at->rip = (mword)load_state_refused;
	return true;
}

/* With keys, an application never runs but with its own rights. */
static bool wrong_rights(const struct sigcontext *at, bool application)
{
	return shared->isolation == ISOLATION_KEYS && vcpu.cpl == 3 && at->rip < LAYOUT_USER_END &&
	       !application;
}

enum frame_who frame_exception(struct sigcontext *at, bool application)
{
	enum frame_who who = application ? FRAME_GUEST : at_address(at->rip);

	if (who == FRAME_STUB || (who == FRAME_VMM && refused_state(at)))
		return who;
	/* An application that jumps into the VMM's text has its fault like any other. */
	if (who == FRAME_LEAVING || (who == FRAME_VMM && (vcpu.in_vmm || vcpu.cpl == 0)))
		return FRAME_BUG;
	return wrong_rights(at, application) ? FRAME_RIGHTS : FRAME_GUEST;
}
