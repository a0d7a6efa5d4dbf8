/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_xen.h explains. */
#include "test/unit/xen/fake_xen.h"

#include "backends/xen/hypercall.h"
#include "backends/xen/memory.h"
#include "backends/xen/stats.h"
#include "test/unit/xen/fake_mmu.h"
#include "vmm/mmu.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

struct fake_log fake_log;
struct fake_domain fake_domain;
struct fake_console fake_console;
void (*fake_on_yield)(void), (*fake_on_block)(void), (*fake_on_root)(void),
	(*fake_on_shutdown)(void);

uint64_t hypercall_counts[64], stats[STAT_COUNT];

static struct {
	unsigned number, done;
	long result; /* 0: none */
} refusal;

void fake_refuse(unsigned number, long result, unsigned done)
{
	refusal.number = number;
	refusal.result = result;
	refusal.done = done;
}

void fake_clear_calls(void)
{
	memset(&fake_log, 0, sizeof(fake_log));
	memset(hypercall_counts, 0, sizeof(hypercall_counts));
}

void fake_xen_start(void)
{
	frames_start();
	fake_clear_calls();
	fake_tlb_flush();
	memset(&fake_domain, 0, sizeof(fake_domain));
	memset(&fake_console, 0, sizeof(fake_console));
	memset(&refusal, 0, sizeof(refusal));
	memset(stats, 0, sizeof(stats));
	fake_on_yield = fake_on_block = fake_on_root = fake_on_shutdown = NULL;
}

/* --- the domain's addresses are not the test's -------------------------------------------- */

mword fake_image, fake_image_end;

static mword domain_address(mword here)
{
	if (here >= fake_image && here < fake_image_end)
		return LAYOUT_VMM + (here - fake_image);
	return here >= LAYOUT_RAM && here < FAKE_PLACES_END ? here | ~UINT64_C(0x7fffffffffff)
							    : here;
}

/* The test's process has what the domain has. A page of its own image that goes is another: LSan
 * reads all of it. */
static void map_here(mword va, uint64_t entry)
{
	int protection = PROT_READ | (entry & ENTRY_W ? PROT_WRITE : 0);
	bool own = va >= fake_image && va < fake_image_end;
	void *at;

	if (domain_address(va) == va)
		return;
	if (entry & ENTRY_P)
		at = mmap((void *)va, PAGE_SIZE, protection, MAP_SHARED | MAP_FIXED, frames_file,
			  (off_t)(entry & PTE_ADDR));
	else
		at = mmap((void *)va, PAGE_SIZE, own ? PROT_READ | PROT_WRITE : PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_ptr_equal(at, (void *)va);
}

bool fake_show(mword here)
{
	struct fake_page page = fake_walk(domain_address(here), false);

	if (page.present)
		map_here(here, page.mfn << PAGE_SHIFT | ENTRY_P | (page.writable ? ENTRY_W : 0));
	return page.present;
}

static void happen(void (*what)(void))
{
	if (what)
		what();
}

/* --- page tables ----------------------------------------------------------------------------- */

static bool is_refused(unsigned number, long *result)
{
	if (!refusal.result || refusal.number != number)
		return false;
	*result = refusal.result;
	refusal.result = 0;
	return true;
}

static long mmu_update(const mmu_update_t *updates, unsigned count, unsigned *done)
{
	long result = 0;
	bool refused = is_refused(__HYPERVISOR_mmu_update, &result);
	unsigned i;

	for (i = 0; i < (refused ? refusal.done : count); i++) {
		long now;

		if (fake_log.updates < FAKE_UPDATES)
			fake_log.update[fake_log.updates] = updates[i];
		fake_log.updates++;
		now = (updates[i].ptr & 7) == MMU_NORMAL_PT_UPDATE
			      ? frame_change(updates[i].ptr >> PAGE_SHIFT,
					     (unsigned)(updates[i].ptr / 8 & 511), updates[i].val)
			      : -ENOSYS;
		if (now) {
			result = now;
			break;
		}
	}
	if (done)
		*done = i;
	return result;
}

static long update_va_mapping(mword here, uint64_t entry, mword flags)
{
	mword va = domain_address(here);
	unsigned index;
	uint64_t mfn = fake_table_at(va, 1, &index);
	long result = mfn ? frame_change(mfn, index, entry) : -EINVAL;

	if (result)
		return result;
	map_here(here, entry);
	if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_INVLPG) {
		fake_tlb_flush_page(va);
		fake_log.page_flushes++;
	} else if (flags & UVMF_TLB_FLUSH) {
		fake_tlb_flush();
		fake_log.flushes++;
	}
	return 0;
}

static long load_root(uint64_t *root, uint64_t mfn)
{
	long result = mfn ? frame_use(mfn, 4) : 0;

	if (result)
		return result;
	if (*root)
		frame_unuse(*root);
	*root = mfn;
	return 0;
}

static long new_root(uint64_t mfn)
{
	long result = mfn ? load_root(&fake_domain.root, mfn) : -EINVAL;

	if (result)
		return result;
	fake_tlb_flush();
	happen(fake_on_root);
	return 0;
}

static long extended(const struct mmuext_op *op)
{
	fake_log.last = *op;
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return frame_pin(op->arg1.mfn, op->cmd - MMUEXT_PIN_L1_TABLE + 1);
	case MMUEXT_UNPIN_TABLE:
		return frame_unpin(op->arg1.mfn);
	case MMUEXT_NEW_BASEPTR:
		return new_root(op->arg1.mfn);
	case MMUEXT_NEW_USER_BASEPTR: /* in force when an application runs; flushes nothing */
		return load_root(&fake_domain.user_root, op->arg1.mfn);
	case MMUEXT_TLB_FLUSH_LOCAL:
		fake_log.flushes++;
		fake_tlb_flush();
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		fake_log.page_flushes++;
		fake_tlb_flush_page(op->arg1.linear_addr);
		return 0;
	default:
		return -ENOSYS;
	}
}

static long mmuext_op(const struct mmuext_op *operations, unsigned count, unsigned *done)
{
	long result = 0;
	unsigned i = 0;

	while (i < count && !(result = extended(&operations[i])))
		i++;
	if (done)
		*done = i;
	return result;
}

/* --- everything else -------------------------------------------------------------------------- */

static long set_trap_table(const trap_info_t *table)
{
	for (unsigned i = 0; i < 64; i++) {
		fake_domain.traps[i] = table[i];
		if (!table[i].address)
			return 0;
	}
	return -EINVAL;
}

static long set_segment_base(unsigned which, uint64_t base)
{
	if (which > SEGBASE_GS_USER_SEL ||
	    (which != SEGBASE_GS_USER_SEL && (uint64_t)((int64_t)(base << 16) >> 16) != base))
		return -EINVAL;
	fake_domain.bases[which] = base;
	return 0;
}

static long event_channel_op(int command, void *argument)
{
	struct evtchn_bind_virq *bind = argument;

	if (command == EVTCHNOP_send) {
		fake_log.events++;
		return 0;
	}
	if (command != EVTCHNOP_bind_virq || bind->virq >= NR_VIRQS)
		return -EINVAL;
	if (fake_domain.port_of[bind->virq])
		return -EEXIST;
	bind->port = fake_domain.port_of[bind->virq] = 70 + bind->virq;
	return 0;
}

static long sched_op(int command, const void *argument)
{
	if (command == SCHEDOP_yield) {
		fake_log.yields++;
		happen(fake_on_yield);
	} else if (command == SCHEDOP_block) {
		fake_log.blocks++;
		happen(fake_on_block);
	} else if (command == SCHEDOP_shutdown) {
		fake_domain.reason = ((const struct sched_shutdown *)argument)->reason;
		happen(fake_on_shutdown);
	} else {
		return -ENOSYS;
	}
	return 0;
}

static long console_io(int command, unsigned length, char *text)
{
	if (command == CONSOLEIO_write) {
		assert_true(fake_console.written + length < sizeof(fake_console.text));
		memcpy(fake_console.text + fake_console.written, text, length);
		fake_console.written += length;
		return 0;
	}
	for (unsigned i = 0; i < length; i++) {
		if (!fake_console.typed || !*fake_console.typed)
			return i;
		text[i] = *fake_console.typed++;
	}
	return length;
}

static long vcpu_op(int command, const void *argument)
{
	if (command == VCPUOP_stop_periodic_timer)
		fake_domain.stopped_timer++;
	else if (command == VCPUOP_register_vcpu_info)
		memcpy(&fake_domain.info, argument, sizeof(fake_domain.info));
	else
		return -ENOSYS;
	return 0;
}

static long callback_op(int command, const struct callback_register *callback)
{
	if (command != CALLBACKOP_register || callback->type >= 16)
		return -EINVAL;
	fake_domain.callbacks[callback->type] = callback->address;
	return 0;
}

static long multicall(multicall_entry_t *calls, unsigned count);

static long answer(unsigned number, mword a, mword b, mword c)
{
	switch (number) {
	case __HYPERVISOR_set_trap_table:
		return set_trap_table((const trap_info_t *)a);
	case __HYPERVISOR_mmu_update:
		return mmu_update((const mmu_update_t *)a, (unsigned)b, (unsigned *)c);
	case __HYPERVISOR_stack_switch:
		fake_domain.stack = b;
		return 0;
	case __HYPERVISOR_update_va_mapping:
		return update_va_mapping(a, b, c);
	case __HYPERVISOR_set_timer_op:
		fake_domain.deadline = a;
		return 0;
	case __HYPERVISOR_multicall:
		return multicall((multicall_entry_t *)a, (unsigned)b);
	case __HYPERVISOR_console_io:
		return console_io((int)a, (unsigned)b, (char *)c);
	case __HYPERVISOR_vcpu_op:
		return vcpu_op((int)a, (const void *)c);
	case __HYPERVISOR_set_segment_base:
		return set_segment_base((unsigned)a, b);
	case __HYPERVISOR_mmuext_op:
		return mmuext_op((const struct mmuext_op *)a, (unsigned)b, (unsigned *)c);
	case __HYPERVISOR_sched_op:
		return sched_op((int)a, (const void *)b);
	case __HYPERVISOR_callback_op:
		return callback_op((int)a, (const struct callback_register *)b);
	case __HYPERVISOR_event_channel_op:
		return event_channel_op((int)a, (void *)b);
	default:
		fail_msg("hypercall %u", number);
		return -ENOSYS;
	}
}

static long call(unsigned number, bool inner, mword a, mword b, mword c, mword d)
{
	long result;

	if (fake_log.count < FAKE_CALLS)
		fake_log.calls[fake_log.count] = (struct fake_call){number, inner, a, b, c, d};
	fake_log.count++;
	fake_log.by_number[number]++;
	if (number != __HYPERVISOR_mmu_update && is_refused(number, &result))
		return result;
	return answer(number, a, b, c);
}

static long multicall(multicall_entry_t *calls, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const xen_ulong_t *args = calls[i].args;

		calls[i].result = (xen_ulong_t)call((unsigned)calls[i].op, true, args[0], args[1],
						    args[2], args[3]);
	}
	return 0;
}

long hypercall_raw(unsigned number, mword a, mword b, mword c, mword d)
{
	return call(number, false, a, b, c, d);
}
