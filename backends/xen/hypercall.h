/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls, the first two of three layers: the instruction, and one typed function
 * each. What they are used for is the other files' business; nobody else sees assembler.
 *
 * A hypercall is `syscall` with its number in rax and arguments in rdi, rsi, rdx, r10,
 * r8; rcx and r11 are lost (arch-x86/xen-x86_64.h). Results below 0 are -errno of xen/errno.h.
 */
#ifndef AFTERBURN_BACKENDS_XEN_HYPERCALL_H
#define AFTERBURN_BACKENDS_XEN_HYPERCALL_H

#include "backends/xen/abi.h"
#include "vmm/types.h"

/* Counted by number, for --stats and scripts/bench. */
extern uint64_t hypercall_counts[64];

#ifdef XEN_HYPERCALL_FAKE
/* Unit tests answer themselves. */
long hypercall_raw(unsigned number, mword a, mword b, mword c, mword d);
#else
static inline long hypercall_raw(unsigned number, mword a, mword b, mword c, mword d)
{
	register mword r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10)
			 : "a"((mword)number)
			 : "rcx", "r8", "r9", "r11", "memory");
	return result;
}
#endif

static inline long hypercall(unsigned number, mword a, mword b, mword c, mword d)
{
	hypercall_counts[number]++;
	return hypercall_raw(number, a, b, c, d);
}

static inline long xen_set_trap_table(const trap_info_t *table)
{
	return hypercall(__HYPERVISOR_set_trap_table, (mword)table, 0, 0, 0);
}

/* `done`: how many were. */
static inline long xen_mmu_update(const mmu_update_t *updates, unsigned count, unsigned *done)
{
	return hypercall(__HYPERVISOR_mmu_update, (mword)updates, count, (mword)done, DOMID_SELF);
}

static inline long xen_stack_switch(mword ss, mword rsp)
{
	return hypercall(__HYPERVISOR_stack_switch, ss, rsp, 0, 0);
}

/* `entry`: of a level-1 table; `flags`: UVMF_* */
static inline long xen_update_va_mapping(mword va, uint64_t entry, mword flags)
{
	return hypercall(__HYPERVISOR_update_va_mapping, va, entry, flags, 0);
}

static inline long xen_set_timer_op(uint64_t deadline)
{
	return hypercall(__HYPERVISOR_set_timer_op, deadline, 0, 0, 0);
}

static inline long xen_multicall(multicall_entry_t *calls, unsigned count)
{
	return hypercall(__HYPERVISOR_multicall, (mword)calls, count, 0, 0);
}

static inline long xen_console_write(const char *text, unsigned length)
{
	return hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, length, (mword)text, 0);
}

static inline long xen_console_read(char *text, unsigned room)
{
	return hypercall(__HYPERVISOR_console_io, CONSOLEIO_read, room, (mword)text, 0);
}

static inline long xen_vcpu_op(int command, const void *argument)
{
	return hypercall(__HYPERVISOR_vcpu_op, (mword)command, 0, (mword)argument, 0);
}

static inline long xen_set_segment_base(int which, mword base)
{
	return hypercall(__HYPERVISOR_set_segment_base, (mword)which, base, 0, 0);
}

static inline long xen_mmuext_op(const struct mmuext_op *operations, unsigned count, unsigned *done)
{
	return hypercall(__HYPERVISOR_mmuext_op, (mword)operations, count, (mword)done, DOMID_SELF);
}

static inline long xen_sched_op(int command, const void *argument)
{
	return hypercall(__HYPERVISOR_sched_op, (mword)command, (mword)argument, 0, 0);
}

static inline long xen_callback_op(int command, const void *argument)
{
	return hypercall(__HYPERVISOR_callback_op, (mword)command, (mword)argument, 0, 0);
}

static inline long xen_event_channel_op(int command, void *argument)
{
	return hypercall(__HYPERVISOR_event_channel_op, (mword)command, (mword)argument, 0, 0);
}

static inline long xen_vm_assist(unsigned command, unsigned type)
{
	return hypercall(__HYPERVISOR_vm_assist, command, type, 0, 0);
}

#endif
