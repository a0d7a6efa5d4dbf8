/* SPDX-License-Identifier: BSD-2-Clause */
/*@052 Stubs: what stands in for an instruction that one or two cannot replace
 *
 * Called (sti, pushf, popf: the guest kernel's stack may be used below rsp, there is
 * no red zone) or jumped to by a thunk (iret, sysret: it may not). Registers that a
 * stub needs are kept in vcpu.scratch, not on the stack: 0 rax, 1 rcx, 2 rsp, 3 the
 * address behind the site.
 *
 * A back-end may interrupt the guest anywhere, so also in here, and the guest may know
 * only the instructions it has. Each stub therefore has one committing instruction,
 * the first that changes the virtual CPU. Interrupted up to it, the stub is rolled
 * back: the guest stands at its site, nothing has happened. Behind it, the stub is
 * rolled forward: the guest stands behind the site. The table at the end says which,
 * instruction by instruction, and what must be put back; restart.c does it. Without
 * that, an interrupt would be delivered with a stub's address, stack and registers.
 * Memory faults happen only in front of the commit.
 *
 * A hypervisor that keeps the interrupt flag interrupts nobody while `masked` is set, only
 * marks `pending`, and says nothing when `masked` is cleared. So a stub that clears it
 * in the guest's kernel looks at `pending` behind the commit: what is marked before the
 * look is seen by it, what is marked later interrupts. If there is something, the stub
 * masks again, which is harmless as the instruction sets the flag anyway, and is rolled
 * back by the general way, which emulates the instruction and delivers behind it. On the
 * way to an application it is the back-end that sees to it (vmm_user_exit, entry.h).
 *
 * Where a stub's stack pointer is in vcpu.iret_frame, all that it still needs of the frame
 * is at the stack pointer or above: the hypervisor may push an event's frame below.
 */
#include "vmm/entry.h"
#include "vmm/rewrite/restart.h"
#include <vmm/offsets.inc>

#define VCPU(field)	vcpu + VCPU_##field(%rip)
#define SEGMENT(number)	vcpu + VCPU_SEGMENT + 4 * number(%rip)
#define SCRATCH(number)	vcpu + VCPU_SCRATCH + 8 * number(%rip)
#define FRAME(number)	vcpu + VCPU_IRET_FRAME + 8 * number(%rip)

#define STAR_USER	vcpu + VCPU_STAR + 6(%rip)	/* SDM 2, "SYSRET" */

#define ES 0
#define CS 1
#define SS 2
#define DS 3
#define FS 4
#define GS 5

#define FLAG_TF	0x100
#define FLAG_IF	0x200
#define FLAG_NT	0x4000
#define FLAG_RF	0x10000
#define FLAG_AC	0x40000
#define SCE	1			/* EFER: syscall and sysret exist */
/* CF PF AF ZF SF IF DF OF ID and the bit that is always 1. Flags with anything else
 * (TF, IOPL, NT, AC, ...) take the general way. */
#define FLAGS_COMMON	RESTART_POPF_FLAGS
/* CF PF AF ZF SF OF, IF and the bit that is always 1: what needs no popfq, 8 ns. */
#define FLAGS_PLAIN	0xad7

	.text
	.globl	vmm_stubs_start, vmm_stubs_end
vmm_stubs_start:

/* sti: interrupts are on, a pending one is delivered at once.
 * in: [rsp] = return address. clobbers: nothing, no flag. out: masked = 0
 *
 * Hardware holds interrupts off until after the next instruction. Here one may come in
 * front of it: compilers and Linux count on that only in `sti; hlt` and the like,
 * which are fused sites and never come here. In `sti; nop; cli` (WINDOW) a
 * pending interrupt is delivered by the slow way before the nop.
 */
	.globl	vmm_sti
	.type	vmm_sti, @function
vmm_sti:
	movq	%rcx, SCRATCH(1)
sti_saved:
	movb	$0, VCPU(MASKED)		# commit
sti_done:
	movzbl	VCPU(PENDING), %ecx
	jrcxz	sti_on				# touches no flag
	movb	$1, VCPU(MASKED)
sti_undone:
	movq	SCRATCH(1), %rcx
	jmp	vmm_site_entry
sti_on:
	movq	SCRATCH(1), %rcx
	ret
sti_end:
	.size	vmm_sti, . - vmm_sti

/* pushfq: the real flags, where IF is always 1 and IOPL 0, with the virtual ones.
 * in: [rsp] = return address. clobbers: nothing, no flag
 * out: [rsp] = flags, rsp one less than at the site
 */
	.globl	vmm_pushf
	.type	vmm_pushf, @function
vmm_pushf:
	movq	%rax, SCRATCH(0)
	movq	%rcx, SCRATCH(1)
pushf_saved:
	movl	$0, %eax			# mov, not, lea change no flag
	movb	VCPU(MASKED), %ah		# 256 * masked
	notq	%rax				# - 256 * masked - 1
	pushfq
pushf_deep:
	movq	(%rsp), %rcx
	leaq	2(%rcx, %rax, 2), %rcx		# - masked * IF
	movq	VCPU(IOPL), %rax
	leaq	(%rcx, %rax), %rcx
	movq	8(%rsp), %rax			# return address: one down, so that
	movq	%rax, (%rsp)			# call and ret stay a pair
	movq	%rcx, 8(%rsp)			# commit: the return address has moved
pushf_done:
	movq	SCRATCH(1), %rcx
	movq	SCRATCH(0), %rax
	ret
pushf_end:
	.size	vmm_pushf, . - vmm_pushf

/* popfq: IF to masked, all other flags real. Common flags only.
 * in: [rsp] = return address, 8[rsp] = flags. clobbers: nothing
 * out: flags, masked, rsp one more than at the site
 */
	.globl	vmm_popf
	.type	vmm_popf, @function
vmm_popf:
	movq	%rcx, SCRATCH(1)
popf_saved:
	movl	8(%rsp), %ecx
	testl	$~FLAGS_COMMON, %ecx
	jnz	popf_slow
	cmpl	$0, VCPU(IOPL)
	jne	popf_slow			# would change it
	pushq	8(%rsp)
popf_deep:
	btl	$9, %ecx			# IF
	movq	SCRATCH(1), %rcx
	setnc	VCPU(MASKED)			# commit
popf_done:
	cmpb	$0, VCPU(PENDING)
	jne	popf_pending
popf_load:
	popfq
popf_loaded:
	ret	$8				# and past the flags
popf_pending:
	cmpb	$0, VCPU(MASKED)
	jne	popf_load
	movb	$1, VCPU(MASKED)
popf_undone:
	leaq	8(%rsp), %rsp
popf_shallow:
	jmp	vmm_site_entry
popf_slow:
	movq	SCRATCH(1), %rcx
	jmp	vmm_site_entry
popf_end:
	.size	vmm_popf, . - vmm_popf

/* iretq, when all that is popped is common: the code and stack segments are the
 * current ones of the guest's kernel, or those of 64-bit applications (that sysret
 * would load, too) with interrupts on and nothing in the data segments that hardware
 * would have to clear. Anything else takes the general way.
 * in: rsp = rip, cs, rflags, rsp, ss of the guest; scratch[3]. clobbers: nothing
 * out: the guest there; masked, cpl, segments
 */
	.globl	vmm_iret
	.type	vmm_iret, @function
vmm_iret:
	movq	%rax, SCRATCH(0)
	movq	%rcx, SCRATCH(1)
	movq	%rsp, SCRATCH(2)
iret_saved:
	leaq	FRAME(5), %rsp
	pushfq					# FRAME(4), until the commit
iret_flags:
	testl	$~FLAGS_PLAIN, FRAME(4)		# vmm_leave wants none of these
	jz	1f
	pushq	$FLAG_IF | 2
	popfq
1:	movq	SCRATCH(2), %rsp
	cmpb	$0, VCPU(CPL)
	jne	iret_slow
	cmpl	$0, VCPU(IOPL)
	jne	iret_slow
	testl	$FLAG_NT, FRAME(4)
	jnz	iret_slow			# a task switch: #GP
	movq	(%rsp), %rcx
	movq	%rcx, FRAME(0)
	shlq	$16, %rcx
	sarq	$16, %rcx
	cmpq	FRAME(0), %rcx
	jne	iret_slow			# not canonical: #GP
	movq	24(%rsp), %rcx
	movq	%rcx, FRAME(3)
	movq	VCPU(HOST_CS), %rcx
	movq	%rcx, FRAME(1)
	movl	16(%rsp), %eax
	testl	$~(FLAGS_COMMON | FLAG_RF | FLAG_AC), %eax
	jnz	iret_slow
	movl	%eax, %ecx
	orl	$FLAG_IF | 2, %ecx
	movq	%rcx, FRAME(2)
	movzwl	8(%rsp), %ecx
	cmpl	SEGMENT(CS), %ecx
	jne	iret_user
	movzwl	32(%rsp), %ecx
	cmpl	SEGMENT(SS), %ecx
	jne	iret_slow
	testl	$FLAG_AC, %eax
	jnz	iret_slow
	btl	$9, %eax			# IF
	setnc	VCPU(MASKED)			# commit
iret_kernel:
	cmpb	$0, VCPU(PENDING)
	jne	iret_pending
iret_leave:
	movq	VCPU(HOST_SS), %rcx
	movq	%rcx, FRAME(4)
	movq	SCRATCH(1), %rcx
	movq	SCRATCH(0), %rax
	jmp	vmm_leave
iret_user:
	cmpb	$0, VCPU(PENDING)
	jne	iret_slow
	testl	$FLAG_IF, %eax
	jz	iret_slow
	movzwl	STAR_USER, %eax
	leal	16(%rax), %eax
	orl	$3, %eax			# CS; SS is 8 less
	cmpl	%eax, %ecx
	jne	iret_slow
	leal	-8(%rax), %eax
	movzwl	32(%rsp), %ecx
	cmpl	%eax, %ecx
	jne	iret_slow
	movl	SEGMENT(ES), %ecx
	orl	SEGMENT(DS), %ecx
	orl	SEGMENT(FS), %ecx
	orl	SEGMENT(GS), %ecx
	jnz	iret_slow
	leaq	FRAME(0), %rsp
	movb	$0, VCPU(MASKED)		# commit: all of the next four
iret_to_user:
	movb	$3, VCPU(CPL)
	movl	%eax, SEGMENT(SS)
	leal	8(%rax), %eax
	movl	%eax, SEGMENT(CS)
	movq	VCPU(HOST_SS), %rcx
	movq	%rcx, FRAME(4)
	movq	SCRATCH(1), %rcx
	movq	SCRATCH(0), %rax
	jmp	vmm_user_exit
iret_pending:
	cmpb	$0, VCPU(MASKED)
	jne	iret_leave
	movb	$1, VCPU(MASKED)
iret_slow:
	leaq	FRAME(4), %rsp
	popfq
iret_restored:
	movq	SCRATCH(0), %rax
	movq	SCRATCH(1), %rcx
	movq	SCRATCH(2), %rsp
	jmp	vmm_jump_entry
iret_end:
	.size	vmm_iret, . - vmm_iret

/* sysretq to an application with common flags and interrupts on.
 * in: rcx = rip, r11 = flags, rsp; scratch[3]. clobbers: nothing
 * out: the application; masked, cpl, segments
 */
	.globl	vmm_sysret
	.type	vmm_sysret, @function
vmm_sysret:
	movq	%rax, SCRATCH(0)
	movq	%rsp, SCRATCH(2)
sysret_saved:
	leaq	FRAME(5), %rsp
	pushfq					# FRAME(4), until the commit
sysret_flags:
	testl	$~FLAGS_PLAIN, FRAME(4)		# vmm_leave wants none of these
	jz	1f
	pushq	$FLAG_IF | 2
	popfq
1:	movq	SCRATCH(2), %rsp
	cmpb	$0, VCPU(CPL)
	jne	sysret_slow
	cmpb	$0, VCPU(PENDING)
	jne	sysret_slow
	cmpl	$0, VCPU(IOPL)
	jne	sysret_slow
	testb	$SCE, VCPU(EFER)
	jz	sysret_slow			# #UD
	movq	%rcx, %rax
	shrq	$47, %rax
	jnz	sysret_slow			# not canonical: #GP
	movl	%r11d, %eax
	testl	$~(FLAGS_COMMON | FLAG_AC), %eax
	jnz	sysret_slow
	testl	$FLAG_IF, %eax
	jz	sysret_slow
	orl	$2, %eax
	movq	%rax, FRAME(2)
	movq	%rcx, FRAME(0)
	movq	%rsp, FRAME(3)
	movq	VCPU(HOST_CS), %rax
	movq	%rax, FRAME(1)
	movzwl	STAR_USER, %eax
	addw	$8, %ax
	orl	$3, %eax
	leaq	FRAME(0), %rsp
	movb	$0, VCPU(MASKED)		# commit: all of the next four
sysret_to_user:
	movb	$3, VCPU(CPL)
	movl	%eax, SEGMENT(SS)
	addw	$8, %ax
	movl	%eax, SEGMENT(CS)
	movq	VCPU(HOST_SS), %rax
	movq	%rax, FRAME(4)
	movq	SCRATCH(0), %rax
	jmp	vmm_user_exit
sysret_slow:
	leaq	FRAME(4), %rsp
	popfq
sysret_restored:
	movq	SCRATCH(0), %rax
	movq	SCRATCH(2), %rsp
	jmp	vmm_jump_entry
sysret_end:
	.size	vmm_sysret, . - vmm_sysret

/* A page-table entry at rcx has become present. Reported only if its table is one that the
 * back-end watches (vmm_watched): a table that no processor walks yet, a new
 * process's, costs a dozen instructions an entry. Where the address says all, C is called
 * without giving it the guest's registers; else it is emulated like any other site.
 * in: rcx = its address, rcx in scratch[1], scratch[3]. clobbers: flags
 */
	.globl	vmm_table_store
	.type	vmm_table_store, @function
vmm_table_store:
	movq	%rax, SCRATCH(0)
table_store_saved:
	subq	vmm_watched + WATCHED_DIRECT_MAP(%rip), %rcx
	movq	%rcx, %rax
	shrq	$12, %rax
	cmpq	vmm_watched + WATCHED_FRAMES(%rip), %rax
	jae	2f
	addq	vmm_watched + WATCHED_MARKS(%rip), %rax
	cmpb	$0, (%rax)
	jne	1f
	movq	SCRATCH(1), %rcx
	movq	SCRATCH(0), %rax
	jmp	*SCRATCH(3)
1:	movb	$1, VCPU(IN_VMM)
	movq	%rsp, SCRATCH(2)
	movq	vmm_stack(%rip), %rsp
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	leaq	-8(%rsp), %rsp			# the ABI's alignment
	movq	%rcx, %rdi
	cld
	call	vmm_table_stored		# void vmm_table_stored(gpa_t entry)
	leaq	8(%rsp), %rsp
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	movq	SCRATCH(2), %rsp
	movb	$0, VCPU(IN_VMM)
	cmpb	$0, VCPU(PENDING)		# marked, perhaps, while in_vmm kept it from more
	jne	2f
	movq	SCRATCH(1), %rcx
	movq	SCRATCH(0), %rax
	jmp	*SCRATCH(3)
2:	movq	SCRATCH(1), %rcx
	movq	SCRATCH(0), %rax
	jmp	vmm_jump_entry
table_store_end:
	.size	vmm_table_store, . - vmm_table_store

/* The guest's flags, of vcpu.iret_frame, if they are plain; else on at `odd`. Touches rax,
 * which is in scratch[0] between `saved` and `loaded`. AH to all flags but OF; OF is set
 * if bits 7 and 6 of AL, which here are OF and DF (0), differ.
 */
	.macro	load_flags saved, loaded, odd
	movq	%rax, SCRATCH(0)
\saved:
	movl	FRAME(2), %eax
	testl	$~FLAGS_PLAIN, %eax
	jnz	\odd
	rolw	$8, %ax
	shlb	$4, %al
	addb	%al, %al
	sahf
	movq	SCRATCH(0), %rax
\loaded:
	.endm

/* Out of the VMM, to where vcpu.iret_frame says.
 * in: vcpu.iret_frame; all other registers are the guest's; rsp is not used; the real
 * flags are plain, and not used
 * out: the guest
 *
 * In ring 3 iretq is popfq and two moves, but at once: 98 ns against 10. As an
 * interruption of the three is rolled forward, only TF and RF need the real one.
 */
	.globl	vmm_leave
	.type	vmm_leave, @function
vmm_leave:
	load_flags leave_saved, leave_loaded, leave_odd
	movq	FRAME(3), %rsp
	jmp	*FRAME(0)
	.size	vmm_leave, . - vmm_leave

/* The same to the instruction behind a site's call, whose return address still stands
 * below the guest's stack: only the VMM has run since, and what it pushes there changes
 * where the guest goes on.
 */
	.globl	vmm_leave_call
	.type	vmm_leave_call, @function
vmm_leave_call:
	load_flags leave_call_saved, leave_call_loaded, leave_odd
	movq	FRAME(3), %rsp
	leaq	-8(%rsp), %rsp			# lea: flags are the guest's
	ret
	.size	vmm_leave_call, . - vmm_leave_call

leave_odd:
	testl	$FLAG_TF | FLAG_RF, %eax
	movq	SCRATCH(0), %rax
leave_odd_loaded:
	leaq	FRAME(0), %rsp
	jnz	1f
	pushq	FRAME(2)
	popfq					# IF is 1 and stays so
	movq	FRAME(3), %rsp
	jmp	*FRAME(0)
1:	iretq
leave_end:
	.weak	vmm_user_exit
	.set	vmm_user_exit, vmm_leave	# entry.h says why
	.weak	vmm_user_sysret, vmm_user_iret
	.set	vmm_user_sysret, vmm_sysret
	.set	vmm_user_iret, vmm_iret
vmm_stubs_end:

/* --- the table of restart.c: struct restart ---------------------------------------
 * Instructions in [first, last), by the address they begin at. `depth`: where the
 * return address is, from rsp; `saved`: what has been kept and must be put back.
 */
	.macro	range first, last, action, depth=0, saved=0
	.long	\first - .
	.short	\last - \first
	.byte	\action, \depth
	.long	\saved
	.endm

	.macro	instruction first, action
	.long	\first - .
	.short	1
	.byte	\action, 0
	.long	0
	.endm

	.set	AX, RESTART_RAX
	.set	CX, RESTART_RCX
	.set	SP, RESTART_RSP
	.set	FL, RESTART_FLAGS

	.section .rodata
	.balign	8
	.globl	vmm_restarts, vmm_restarts_end
vmm_restarts:
	instruction vmm_site_entry, RESTART_BACK
	instruction vmm_jump_entry, RESTART_BACK_JUMP

	range	vmm_sti, sti_saved, RESTART_BACK
	range	sti_saved, sti_done, RESTART_BACK, 0, CX
	range	sti_done, sti_undone, RESTART_FORWARD, 0, CX
	range	sti_undone, sti_on, RESTART_BACK, 0, CX
	range	sti_on, sti_end, RESTART_FORWARD, 0, CX

	range	vmm_pushf, pushf_saved, RESTART_BACK
	range	pushf_saved, pushf_deep, RESTART_BACK, 0, AX|CX
	range	pushf_deep, pushf_done, RESTART_BACK, 8, AX|CX
	range	pushf_done, pushf_end, RESTART_FORWARD, 0, AX|CX

	range	vmm_popf, popf_saved, RESTART_BACK
	range	popf_saved, popf_deep, RESTART_BACK, 0, CX
	range	popf_deep, popf_done, RESTART_BACK, 8, CX
	range	popf_done, popf_loaded, RESTART_FORWARD_POPF, 8
	range	popf_loaded, popf_pending, RESTART_FORWARD_POPF, 0
	range	popf_pending, popf_undone, RESTART_FORWARD_POPF, 8
	range	popf_undone, popf_shallow, RESTART_BACK, 8
	range	popf_shallow, popf_slow, RESTART_BACK
	range	popf_slow, popf_end, RESTART_BACK, 0, CX

	range	vmm_iret, iret_saved, RESTART_BACK_JUMP
	range	iret_saved, iret_flags, RESTART_BACK_JUMP, 0, AX|CX|SP
	range	iret_flags, iret_kernel, RESTART_BACK_JUMP, 0, AX|CX|SP|FL
	range	iret_kernel, iret_user, RESTART_FORWARD_FRAME, 0, AX|CX
	range	iret_user, iret_to_user, RESTART_BACK_JUMP, 0, AX|CX|SP|FL
	range	iret_to_user, iret_pending, RESTART_FORWARD_USER, 0, AX|CX
	range	iret_pending, iret_slow, RESTART_FORWARD_FRAME, 0, AX|CX
	range	iret_slow, iret_restored, RESTART_BACK_JUMP, 0, AX|CX|SP|FL
	range	iret_restored, iret_end, RESTART_BACK_JUMP, 0, AX|CX|SP

	range	vmm_sysret, sysret_saved, RESTART_BACK_JUMP
	range	sysret_saved, sysret_flags, RESTART_BACK_JUMP, 0, AX|SP
	range	sysret_flags, sysret_to_user, RESTART_BACK_JUMP, 0, AX|SP|FL
	range	sysret_to_user, sysret_slow, RESTART_FORWARD_USER, 0, AX
	range	sysret_slow, sysret_restored, RESTART_BACK_JUMP, 0, AX|SP|FL
	range	sysret_restored, sysret_end, RESTART_BACK_JUMP, 0, AX|SP

	range	vmm_table_store, table_store_saved, RESTART_BACK_JUMP, 0, CX
	range	table_store_saved, table_store_end, RESTART_BACK_JUMP, 0, AX|CX

	range	vmm_leave, leave_saved, RESTART_FORWARD_FRAME
	range	leave_saved, leave_loaded, RESTART_FORWARD_FRAME, 0, AX
	range	leave_loaded, leave_call_saved, RESTART_FORWARD_FRAME
	range	leave_call_saved, leave_call_loaded, RESTART_FORWARD_FRAME, 0, AX
	range	leave_call_loaded, leave_odd, RESTART_FORWARD_FRAME
	range	leave_odd, leave_odd_loaded, RESTART_FORWARD_FRAME, 0, AX
	range	leave_odd_loaded, leave_end, RESTART_FORWARD_FRAME
	instruction vmm_user_exit, RESTART_FORWARD_FRAME
vmm_restarts_end:

/* Written by templates.c; hlt (f4) traps in ring 3 should anything else come here. */
	.section .thunks, "ax", @progbits
	.balign	4096
	.globl	vmm_thunks
	.type	vmm_thunks, @object
vmm_thunks:
	.skip	VMM_THUNK_BYTES, 0xf4
	.size	vmm_thunks, VMM_THUNK_BYTES

	.section .note.GNU-stack, "", @progbits
