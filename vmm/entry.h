/* SPDX-License-Identifier: BSD-2-Clause */
/* Symbols of the assembler parts: templates.S, entry.S, and what a back-end adds.
 *
 * vmm_site_entry: target of `call` from a rewritten site. Saves the guest's
 * registers into vcpu.regs (rip = the site's start is set by vmm_site), switches to
 * the VMM's stack, calls vmm_site(return address), goes on at vmm_resume.
 *
 * vmm_jump_entry: the same for stubs that were jumped to (iret, sysret, verw: the
 * guest's stack pointer is not to be touched). vcpu.scratch[3] holds the address
 * behind the site.
 *
 * vmm_resume: leave the VMM: vmm_before_resume(), backend_before_resume(), then
 * registers from vcpu.regs. Interrupted in [vmm_resume_commit,
 * vmm_resume_end), a back-end starts it over at vmm_resume, and leaves vcpu.regs
 * alone: the guest's registers are still there.
 *
 * vmm_leave: last step of every way out: registers are the guest's already, the rest
 * comes from vcpu.iret_frame. vmm_leave_call: the same, by `ret`, to the instruction behind
 * a site's call. vmm_user_exit: the same for applications (vcpu.cpl is 3), a weak symbol: a
 * back-end with more to do (protection keys) defines its own. rsp is at iret_frame[0], with
 * vcpu.frame_room below it, or at the end of the VMM's stack. Interrupts are on then, and
 * nobody looks at vcpu.pending any more: a hypervisor that does not call when
 * vcpu.masked is cleared must look on this way out by itself.
 * vmm_user_sysret, vmm_user_iret: where the guest's sysretq and iretq sites come first; weak
 * symbols for vmm_sysret and vmm_iret, to which a back-end's own may go on with nothing changed.
 *
 * Interrupted in vmm_leave, or at the first instruction of vmm_user_exit,
 * rewrite_restart() completes the way out.
 */
#ifndef AFTERBURN_VMM_ENTRY_H
#define AFTERBURN_VMM_ENTRY_H

/* Room for code made at run time: a thunk per iret, sysret, verw site, and per
 * swapgs site if the real bases are the guest's. It is
 * in section .thunks, page-aligned; backend_write_code() writes it. */
#define VMM_THUNK_BYTES 16384

#ifndef __ASSEMBLER__

extern const char vmm_site_entry[], vmm_jump_entry[];
extern const char vmm_resume[], vmm_resume_commit[], vmm_resume_end[];
extern const char vmm_leave[], vmm_leave_call[], vmm_user_exit[];

/* The stubs of templates.S: targets of `call` (sti, pushf, popf) and of thunks. */
extern const char vmm_stubs_start[], vmm_stubs_end[];
extern const char vmm_sti[], vmm_pushf[], vmm_popf[];
extern const char vmm_iret[], vmm_sysret[], vmm_table_store[];
extern const char vmm_user_iret[], vmm_user_sysret[];

/* The end of the VMM's stack, 16-byte aligned; the back-end has it. vmm_stack: its address. */
extern char vmm_stack_top[];
extern char *const vmm_stack;

extern unsigned char vmm_thunks[VMM_THUNK_BYTES];

#endif
#endif
