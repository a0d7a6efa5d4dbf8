/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/xen/stats.h"

#include "backends/xen/hypercall.h"
#include "vmm/emulate.h"
#include "vmm/format.h"

uint64_t stats[STAT_COUNT];
uint64_t hypercall_counts[64];
bool stats_wanted;

static const char *const stat_names[STAT_COUNT] = {
	[STAT_EVENTS] = "events",
	[STAT_GUEST_FAULTS] = "page faults of the guest's",
	[STAT_FILLS] = "page faults filled",
	[STAT_WRITES] = "annotated page-table writes",
	[STAT_WRITES_SHOWN] = "of these to tables in use",
	[STAT_PROTECTED] = "page tables of the guest's write-protected",
	[STAT_TRAPPED_WRITES] = "of these written, which faulted",
	[STAT_ROOTS] = "address spaces loaded",
	[STAT_ROOTS_TRUSTED] = "of these not compared",
	[STAT_UPDATES] = "page-table entries changed",
	[STAT_BATCHES] = "in batches",
	[STAT_TABLES_MADE] = "page tables made",
	[STAT_TABLES_DROPPED] = "page tables dropped",
};

static const char *const hypercall_names[64] = {
	[__HYPERVISOR_set_trap_table] = "set_trap_table",
	[__HYPERVISOR_mmu_update] = "mmu_update",
	[__HYPERVISOR_set_gdt] = "set_gdt",
	[__HYPERVISOR_stack_switch] = "stack_switch",
	[__HYPERVISOR_memory_op] = "memory_op",
	[__HYPERVISOR_multicall] = "multicall",
	[__HYPERVISOR_update_va_mapping] = "update_va_mapping",
	[__HYPERVISOR_set_timer_op] = "set_timer_op",
	[__HYPERVISOR_console_io] = "console_io",
	[__HYPERVISOR_iret] = "iret",
	[__HYPERVISOR_vcpu_op] = "vcpu_op",
	[__HYPERVISOR_set_segment_base] = "set_segment_base",
	[__HYPERVISOR_mmuext_op] = "mmuext_op",
	[__HYPERVISOR_sched_op] = "sched_op",
	[__HYPERVISOR_callback_op] = "callback_op",
	[__HYPERVISOR_event_channel_op] = "event_channel_op",
	[__HYPERVISOR_vm_assist] = "vm_assist",
};

static void print(const char *kind, const char *name, uint64_t value)
{
	struct line line = {0};

	line_text(line_text(line_text(&line, "afterburn: "), kind), " ");
	line_decimal(line_text(line_text(&line, name), ": "), value);
	line_log(&line);
}

void stats_print(void)
{
	const struct class_count *classes;
	size_t class_count;

	if (!stats_wanted)
		return;
	for (unsigned i = 0; i < STAT_COUNT; i++)
		print("count", stat_names[i], stats[i]);
	for (unsigned i = 0; i < 64; i++)
		if (hypercall_counts[i])
			print("hypercall", hypercall_names[i] ? hypercall_names[i] : "other",
			      hypercall_counts[i]);
	classes = emulate_counts(&class_count);
	for (size_t i = 0; i < class_count; i++)
		if (classes[i].sites + classes[i].traps)
			print("emulated", emulate_class_name(classes[i].class),
			      classes[i].sites + classes[i].traps);
}
