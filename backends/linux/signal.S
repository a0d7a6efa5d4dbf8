/* SPDX-License-Identifier: BSD-2-Clause */
/*@110 From a host signal to the guest's next instruction
 *
 * Every way out of the guest that is no call of a rewritten site is a host signal:
 * faults, blocked system calls, interruptions. The handler never returns to the
 * host's rt_sigreturn: that is a system call, costs 0.4 us, and a door that
 * applications could knock at. Instead it restores the floating-point state from the
 * signal frame (the host has reset it for the handler) and leaves by iret, in ring
 * 3, which sets instruction pointer, flags and stack at once and touches no guest
 * stack.
 *
 * With protection keys (keys.c) both doors to the VMM's memory are here. Any
 * application may jump to any of these instructions with any registers, so behind each
 * `wrpkru` and `xrstor` the value is looked at again: whoever came with another one
 * meets a hlt, with whatever rights, and that is a fault of the application's.
 */

#include "backends/linux/keys.h"
#include <vmm/offsets.inc>

/* struct ucontext: the general registers begin at byte 40 (asm/sigcontext.h) */
#define UC_REGS	   40
#define R8_AT	   0
#define R9_AT	   8
#define R10_AT	   16
#define R11_AT	   24
#define R12_AT	   32
#define R13_AT	   40
#define R14_AT	   48
#define R15_AT	   56
#define RDI_AT	   64
#define RSI_AT	   72
#define RBP_AT	   80
#define RBX_AT	   88
#define RDX_AT	   96
#define RAX_AT	   104
#define RCX_AT	   112
#define RSP_AT	   120
#define RIP_AT	   128
#define EFLAGS_AT  136
#define CS_AT	   144
#define SS_AT	   150
#define FPSTATE_AT 184

#define FLAG_TF 0x100
#define FLAG_NT 0x4000
#define FLAG_RF 0x10000
#define FLAG_AC 0x40000

	.text
/* An application's attempt: signal.c takes the fault for its own. */
	.globl	keys_refuse
	.type	keys_refuse, @function
keys_refuse:
	hlt
	.size	keys_refuse, . - keys_refuse

/* The handler on a host with protection keys: only key 0 is open.
 * in: as signal_entry, if the host calls; anything, if an application jumps here
 *
 * Until the frame is known to be the host's, no register is believed, and none is
 * loaded with what an application may not know: after a fault in here it sees them.
 */
	.globl	signal_entry_keys
	.type	signal_entry_keys, @function
signal_entry_keys:
	movq	%rdx, %r8
	xorl	%eax, %eax
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	wrpkru					# all keys open
	testl	%eax, %eax
	jnz	keys_refuse
	leaq	altstack(%rip), %rax
	movq	%rsp, %rcx
	subq	%rax, %rcx
	cmpq	$ALTSTACK_BYTES - FRAME_LEAST, %rcx
	jae	keys_refuse
	movq	(%rsp), %rax			# sa_restorer
	cmpq	signal_nonce(%rip), %rax
	jne	keys_refuse
	movq	$0, (%rsp)
	movq	%r8, %rdx
	/* fall through */
	.size	signal_entry_keys, . - signal_entry_keys

/* void signal_entry(int signal, siginfo_t *, struct ucontext *)
 * in: edi, rsi, rdx, on the alternate stack. Does not return.
 */
	.globl	signal_entry
	.type	signal_entry, @function
signal_entry:
	pushfq
	testl	$FLAG_AC | FLAG_NT, (%rsp)	# the host leaves them as the application had
	jz	1f				# them; the VMM is not written for the one, and
	andl	$~(FLAG_AC | FLAG_NT), (%rsp)	# signal_return's iretq faults with the other
	popfq
	pushfq
1:	leaq	UC_REGS(%rdx), %rbx
	call	signal_handle			# eax: 1 the guest was interrupted, 0 the VMM
	movl	%eax, %r12d
	movq	FPSTATE_AT(%rbx), %rdi
	movl	$~XSTATE_PKRU, %eax
	movl	$-1, %edx
	xrstor64 (%rdi)
	testl	$XSTATE_PKRU, %eax
	jnz	keys_refuse
	testl	%r12d, %r12d
	jz	signal_return
	leaq	vmm_stack_top(%rip), %rsp	# the frame is not needed any more
	call	signal_guest
	jmp	vmm_resume

/* The interrupted code goes on: all registers from the frame. */
signal_return:
	movzwl	SS_AT(%rbx), %eax
	pushq	%rax
	pushq	RSP_AT(%rbx)
	pushq	EFLAGS_AT(%rbx)
	movzwl	CS_AT(%rbx), %eax
	pushq	%rax
	pushq	RIP_AT(%rbx)
	movq	R8_AT(%rbx), %r8
	movq	R9_AT(%rbx), %r9
	movq	R10_AT(%rbx), %r10
	movq	R11_AT(%rbx), %r11
	movq	R12_AT(%rbx), %r12
	movq	R13_AT(%rbx), %r13
	movq	R14_AT(%rbx), %r14
	movq	R15_AT(%rbx), %r15
	movq	RDI_AT(%rbx), %rdi
	movq	RSI_AT(%rbx), %rsi
	movq	RBP_AT(%rbx), %rbp
	movq	RDX_AT(%rbx), %rdx
	movq	RAX_AT(%rbx), %rax
	movq	RCX_AT(%rbx), %rcx
	movq	RBX_AT(%rbx), %rbx
	iretq
	.size	signal_entry, . - signal_entry

/* The last step to an application, in the place of vmm/rewrite/templates.S's. What is
 * put off until one runs (exit.c) costs one comparison here when there is nothing.
 * in: vcpu.iret_frame, all registers but rsp the application's; rsp and flags free.
 * Interrupted in here: frame.c takes it for interrupted at the first instruction.
 */
	.globl	vmm_user_exit, vmm_user_exit_end
	.type	vmm_user_exit, @function
vmm_user_exit:
	cmpb	$0, exit_work(%rip)
	je	vmm_leave
	cmpb	$EXIT_KEYS, exit_work(%rip)
	jne	exit_slow
vmm_user_exit_end:
	.size	vmm_user_exit, . - vmm_user_exit
	/* fall through */

/* The same with the application's rights: what is needed after they are in force is on
 * a page that it may read. Interrupted in here, before or after that, its registers are
 * rax, rcx, rdx from that page, and the others as they are (keys_exit_saved and on).
 */
	.globl	keys_exit, keys_exit_saved, keys_exit_end
	.type	keys_exit, @function
keys_exit:
	movq	%rax, exit_page + EXIT_RAX(%rip)
	movq	%rcx, exit_page + EXIT_RCX(%rip)
	movq	%rdx, exit_page + EXIT_RDX(%rip)
keys_exit_saved:
	movq	vcpu + VCPU_IRET_FRAME + 0(%rip), %rax
	movq	%rax, exit_page + EXIT_FRAME + 0(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 8(%rip), %rax
	movq	%rax, exit_page + EXIT_FRAME + 8(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 16(%rip), %rax
	movq	%rax, exit_page + EXIT_FRAME + 16(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 24(%rip), %rax
	movq	%rax, exit_page + EXIT_FRAME + 24(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 32(%rip), %rax
	movq	%rax, exit_page + EXIT_FRAME + 32(%rip)
	movl	exit_page + EXIT_PKRU(%rip), %eax
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	wrpkru					# the application's keys
	cmpl	exit_page + EXIT_PKRU(%rip), %eax
	jne	keys_refuse
	movq	exit_page + EXIT_RAX(%rip), %rax
	movq	exit_page + EXIT_RCX(%rip), %rcx
	movq	exit_page + EXIT_RDX(%rip), %rdx
	testl	$FLAG_TF | FLAG_RF, exit_page + EXIT_FRAME + 16(%rip)
	jnz	1f				# these two need the real iret
	leaq	exit_page + EXIT_FRAME + 16(%rip), %rsp
	popfq
	movq	exit_page + EXIT_FRAME + 24(%rip), %rsp
	jmp	*exit_page + EXIT_FRAME(%rip)
1:	leaq	exit_page + EXIT_FRAME(%rip), %rsp
	iretq
keys_exit_end:
	.size	keys_exit, . - keys_exit

/* There is work: as vmm_site_entry, but the guest's registers are an application's. */
	.type	exit_slow, @function
exit_slow:
	movb	$1, vcpu + VCPU_IN_VMM(%rip)
	movq	%rax, vcpu + VCPU_GPR + 8 * 0(%rip)
	movq	%rcx, vcpu + VCPU_GPR + 8 * 1(%rip)
	movq	%rdx, vcpu + VCPU_GPR + 8 * 2(%rip)
	movq	%rbx, vcpu + VCPU_GPR + 8 * 3(%rip)
	movq	%rbp, vcpu + VCPU_GPR + 8 * 5(%rip)
	movq	%rsi, vcpu + VCPU_GPR + 8 * 6(%rip)
	movq	%rdi, vcpu + VCPU_GPR + 8 * 7(%rip)
	movq	%r8, vcpu + VCPU_GPR + 8 * 8(%rip)
	movq	%r9, vcpu + VCPU_GPR + 8 * 9(%rip)
	movq	%r10, vcpu + VCPU_GPR + 8 * 10(%rip)
	movq	%r11, vcpu + VCPU_GPR + 8 * 11(%rip)
	movq	%r12, vcpu + VCPU_GPR + 8 * 12(%rip)
	movq	%r13, vcpu + VCPU_GPR + 8 * 13(%rip)
	movq	%r14, vcpu + VCPU_GPR + 8 * 14(%rip)
	movq	%r15, vcpu + VCPU_GPR + 8 * 15(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 0(%rip), %rax
	movq	%rax, vcpu + VCPU_RIP(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 16(%rip), %rax
	movq	%rax, vcpu + VCPU_RFLAGS(%rip)
	movq	vcpu + VCPU_IRET_FRAME + 24(%rip), %rax
	movq	%rax, vcpu + VCPU_GPR + 8 * 4(%rip)
	rdfsbase %rax
	movq	%rax, vcpu + VCPU_FS_BASE(%rip)
	rdgsbase %rax
	movq	%rax, vcpu + VCPU_GS_BASE(%rip)
	leaq	vmm_stack_top(%rip), %rsp
	call	exit_work_now
	jmp	vmm_resume
	.size	exit_slow, . - exit_slow

/* The host insists on a restorer; nothing ever returns to it. */
	.globl	signal_restorer
	.type	signal_restorer, @function
signal_restorer:
	hlt
	.size	signal_restorer, . - signal_restorer

	.section .note.GNU-stack, "", @progbits
