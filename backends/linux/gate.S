/* SPDX-License-Identifier: BSD-2-Clause */
/*@151 The gate: what `syscall` does (SDM 2, SYSCALL), without a trap
 *
 * Entered by a jump from a trampoline, with everything the application's but rcx. The
 * application's stack is not touched: it may have a red zone, or be no stack. Flags
 * other than the arithmetic ones and IF go the way of the trap: TF, DF, AC, NT, ID.
 *
 * The table at the end says what is where when a host signal comes in here. All states
 * are settled alike (gates.c): the registers are put back, the privilege too if it had
 * begun to change, and the system call is done in C. So nothing here commits.
 */
#include "backends/linux/gate.h"
#include "backends/linux/keys.h"
#include <vmm/offsets.inc>

#define VCPU(field)	vcpu + VCPU_##field(%rip)
#define SEGMENT(number)	vcpu + VCPU_SEGMENT + 4 * number(%rip)
#define SCRATCH(number)	vcpu + VCPU_SCRATCH + 8 * number(%rip)
#define FRAME(number)	vcpu + VCPU_IRET_FRAME + 8 * number(%rip)
#define STAR_KERNEL	vcpu + VCPU_STAR + 4(%rip)	/* SDM 2, SYSCALL */

#define CS 1
#define SS 2
#define SCE 1				/* EFER: syscall exists */
#define FLAGS_PLAIN 0x2d7		/* CF, bit 1, PF AF ZF SF IF; then OF */
#define FLAG_OF 0x800
/* What the guest must want cleared for the flags below to be right. */
#define FLAGS_CLEARED 0xad5		/* all of these but bit 1 */

	.text
/* in: rcx = address behind the system call, all else the application's
 * out: the guest kernel at LSTAR: rcx; r11 = flags; arithmetic flags clear
 */
	.globl	vmm_gate, vmm_gate_end
	.type	vmm_gate, @function
vmm_gate:
	movq	%rsp, SCRATCH(2)
gate_stack:
	leaq	FRAME(5), %rsp
	pushfq					# FRAME(4)
gate_flags:
	movq	SCRATCH(2), %rsp
	movq	FRAME(4), %r11
	movq	%rax, SCRATCH(0)
gate_rax:
	testl	$~(FLAGS_PLAIN | FLAG_OF), %r11d
	jnz	gate_slow
	cmpl	$0, VCPU(IOPL)
	jne	gate_slow
	testb	$SCE, VCPU(EFER)
	jz	gate_slow			# #UD
	movl	VCPU(SFMASK), %eax
	notl	%eax
	testl	$FLAGS_CLEARED, %eax
	jnz	gate_slow
	movzwl	STAR_KERNEL, %eax
	andl	$0xfffc, %eax
	movb	$0, VCPU(CPL)
	movb	$1, VCPU(MASKED)
	movl	%eax, SEGMENT(CS)
	addl	$8, %eax
	movl	%eax, SEGMENT(SS)
	movq	SCRATCH(0), %rax
	cmpb	$0, one(%rip)			# 1 - 0: no flag is set
	jmp	*VCPU(LSTAR)

/* The same with protection keys: as vmm_gate as soon as they are open. What `wrpkru` needs
 * is kept where the application's rights are enough; `mov` leaves its flags alone. Whoever
 * jumps behind the first instructions makes a system call with other registers.
 */
	.globl	vmm_gate_keys, gate_keys_open
	.type	vmm_gate_keys, @function
vmm_gate_keys:
	movq	%rax, gate_kept(%rip)
	movq	%rdx, gate_kept + 8(%rip)
gate_keys_kept:
	movq	%rcx, %r11
gate_keys_moved:
	movl	$0, %eax
	movl	$0, %ecx
	movl	$0, %edx
	wrpkru					# all keys open
gate_keys_open:
	movq	%rsp, SCRATCH(2)
gate_keys_stack:
	leaq	FRAME(5), %rsp
	pushfq					# FRAME(4)
gate_keys_flags:
	testl	%eax, %eax			# jumped to with another value?
	jnz	keys_refuse
	movq	SCRATCH(2), %rsp
	movq	%r11, %rcx
	movq	gate_kept + 8(%rip), %rdx
	movq	gate_kept(%rip), %rax
	movq	%rax, SCRATCH(0)
gate_keys_done:
	movq	FRAME(4), %r11
	jmp	gate_rax

/* What takes the trap goes there with the application's rights. rcx and r11 are the
 * system call's to change. */
gate_slow_keys:
	leaq	-2(%rcx), %rax
	movq	%rax, FRAME(0)
	movq	VCPU(HOST_CS), %rax
	movq	%rax, FRAME(1)
	movq	%r11, FRAME(2)
	movq	SCRATCH(2), %rax
	movq	%rax, FRAME(3)
	movq	VCPU(HOST_SS), %rax
	movq	%rax, FRAME(4)
	movq	SCRATCH(0), %rax
	jmp	vmm_user_exit

/* To where the system call was, which traps. rcx, which it will set to this but for two
 * bytes, is seen before that only by who is interrupted at that very instruction. */
gate_slow:
	testb	$EXIT_KEYS, exit_work(%rip)
	jnz	gate_slow_keys
	leaq	FRAME(4), %rsp
	popfq
	movq	SCRATCH(2), %rsp
	movq	SCRATCH(0), %rax
	leaq	-2(%rcx), %rcx
gate_back:
	jmp	*%rcx
vmm_gate_end:
	.size	vmm_gate, . - vmm_gate

/* iret is one, to the next instruction but with the caller's stack. clobbers rax, rcx */
	.globl	gate_serialize
	.type	gate_serialize, @function
gate_serialize:
	popq	%rcx
	movq	%rsp, %rax
	pushq	VCPU(HOST_SS)
	pushq	%rax
	pushfq
	pushq	VCPU(HOST_CS)
	pushq	%rcx
	iretq
	.size	gate_serialize, . - gate_serialize

	.section .rodata
one:	.byte	1

/* Instructions in [first, last): what must be put back. */
	.macro	range first, last, saved=0
	.long	\first - .
	.short	\last - \first
	.short	\saved
	.endm

	.balign	4
	.globl	gate_ranges, gate_ranges_end
gate_ranges:
	range	vmm_gate, gate_stack
	range	gate_stack, gate_flags, GATE_RSP
	range	gate_flags, gate_rax, GATE_RSP|GATE_FLAGS
	range	gate_rax, vmm_gate_keys, GATE_RSP|GATE_FLAGS|GATE_RAX
	range	vmm_gate_keys, gate_keys_kept
	range	gate_keys_kept, gate_keys_moved, GATE_KEPT
	range	gate_keys_moved, gate_keys_stack, GATE_KEPT|GATE_NEXT
	range	gate_keys_stack, gate_keys_flags, GATE_RSP|GATE_KEPT|GATE_NEXT
	range	gate_keys_flags, gate_keys_done, GATE_RSP|GATE_FLAGS|GATE_KEPT|GATE_NEXT
	range	gate_keys_done, gate_slow_keys, GATE_RSP|GATE_FLAGS|GATE_RAX
	range	gate_slow_keys, gate_slow, GATE_RSP|GATE_FLAGS11|GATE_RAX
	range	gate_slow, gate_back, GATE_RSP|GATE_FLAGS|GATE_RAX
	range	gate_back, vmm_gate_end, GATE_BACK
gate_ranges_end:

	.section .note.GNU-stack, "", @progbits
