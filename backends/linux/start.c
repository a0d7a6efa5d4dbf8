/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of a machine: from execve to the zygote's loop. */
#include "backends/linux/code.h"
#include "backends/linux/confine.h"
#include "backends/linux/gates.h"
#include "backends/linux/host.h"
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "backends/linux/shadow.h"
#include "backends/linux/twin.h"
#include "rules/annot.h"
#include "vmm/backend.h"
#include "vmm/devices/acpi.h"
#include "vmm/emulate.h"
#include "vmm/entry.h"
#include "vmm/frontend.h"
#include "vmm/memory.h"
#include "vmm/rewrite.h"

#include <linux/errno.h>
#include <linux/memfd.h>
#include <linux/mman.h>

struct shared *const shared = (struct shared *)LAYOUT_SHARED;
struct shadow_tables *shadow PRIVATE;
struct shadow_tables *const shadow_own = (struct shadow_tables *)LAYOUT_SHADOW;
struct shadow_tables *const shadow_twin = (struct shadow_tables *)LAYOUT_SHADOW_TWIN;
uint8_t *const twin_areas = (uint8_t *)LAYOUT_TWINS;

extern char vmm_data_start[], vmm_data_end[];

void start_c(void);

/* The host's stack, vDSO and whatever else: no guest address may reach them. */
static void unmap_host(void)
{
	host_call2(__NR_munmap, LAYOUT_VMM_END, LAYOUT_HOST_END - LAYOUT_VMM_END);
	host_call2(__NR_munmap, 0, LAYOUT_RAM);
}

static void map_file(uint64_t at, uint64_t bytes, int protection, int fd, uint64_t offset)
{
	long result = host_call6(__NR_mmap, (long)at, (long)bytes, protection,
				 MAP_SHARED | MAP_FIXED, fd, (long)offset);

	if (result < 0) {
		if (at == LAYOUT_SHARED)
			host_call1(__NR_exit_group, 1);
		end_machine(END_HOST, (int)-result, "mapping the machine's memory");
	}
}

/* .data and .bss become memory that all processes of the machine share. */
static void share_data(void)
{
	uint64_t bytes = (uint64_t)(vmm_data_end - vmm_data_start);
	long fd = host_call2(__NR_memfd_create, "afterburn-vmm", MFD_CLOEXEC);

	if (fd < 0 || host_call2(__NR_ftruncate, fd, bytes) < 0 ||
	    host_call3(__NR_write, fd, vmm_data_start, bytes) != (long)bytes)
		end_machine(END_HOST, (int)-fd, "creating the VMM's memory");
	map_file(LAYOUT_DATA, bytes, PROT_READ | PROT_WRITE, (int)fd, 0);
	host_call1(__NR_close, fd);
}

static void map_everything(void)
{
	map_file(LAYOUT_SHARED, SHARED_BYTES, PROT_READ | PROT_WRITE, FD_SHARED, 0);
	share_data();
	map_file(LAYOUT_RAM, shared->ram_bytes, PROT_READ | PROT_WRITE, FD_RAM, 0);
	map_file(LAYOUT_TRAMPOLINES, LAYOUT_TRAMPOLINE_BYTES, PROT_READ | PROT_EXEC, FD_TRAMPOLINES,
		 0);
	map_file((uint64_t)vmm_thunks, VMM_THUNK_BYTES, PROT_READ | PROT_EXEC, FD_TRAMPOLINES,
		 LAYOUT_TRAMPOLINE_BYTES);
	map_file(LAYOUT_THUNKS, VMM_THUNK_BYTES, PROT_READ | PROT_WRITE, FD_TRAMPOLINES,
		 LAYOUT_TRAMPOLINE_BYTES);
	map_file(LAYOUT_COPIES, LAYOUT_COPY_BYTES, PROT_READ | PROT_WRITE, FD_COPIES, 0);
	map_file(LAYOUT_GATES, LAYOUT_GATE_BYTES, PROT_READ | PROT_EXEC, FD_COPIES, 0);
	guest_memory.base = (uint8_t *)LAYOUT_RAM;
	guest_memory.size = shared->ram_bytes;
}

void backend_write_code(void *to, const void *from, size_t length)
{
	uint8_t *alias = (uint8_t *)LAYOUT_THUNKS + ((uint8_t *)to - vmm_thunks);

	__builtin_memcpy(alias, from, length);
}

bool backend_wants(uint16_t class)
{
	/* shadow.c looks at page tables when the guest invalidates */
	return class == AB_CLASS_XRSTOR && shared->isolation == ISOLATION_KEYS;
}

void backend_table_written(gpa_t entry, uint64_t value)
{
	(void)entry, (void)value;
	backend_fatal("told of a page-table write that nobody wanted");
}

void backend_before_resume(void)
{
	if (event_taken()) {
		console_flush();
		vmm_event();
		vmm_before_resume();
	}
	time_arm();
	space_enter();
}

/* --- rewriting the kernel: before it runs, its image lies at known places ---------- */

static void *image_at(mword va, size_t length)
{
	if (va < shared->image_start || va > shared->image_end || length > shared->image_end - va)
		return NULL;
	return memory_at(gpa(va - shared->image_start + shared->image_physical), length);
}

static bool image_read(const struct code_view *view, mword va, void *to, size_t length)
{
	const void *from = image_at(va, length);

	(void)view;
	if (!from)
		return false;
	__builtin_memcpy(to, from, length);
	return true;
}

static bool image_write(const struct code_view *view, mword va, const void *from, size_t length)
{
	void *to = image_at(va, length);

	(void)view;
	if (!to)
		return false;
	__builtin_memcpy(to, from, length);
	return true;
}

static void set_traces(void)
{
	size_t classes;

	emulate_counts(&classes);
	for (size_t row = 0; row < classes; row++)
		vmm_trace_class[row] = shared->trace[row / 64] >> row % 64 & 1;
}

static void set_deltas(void)
{
	static const int64_t deltas[AB_LAYOUT_KINDS] = LAYOUT_DELTAS;

	for (int i = 0; i < AB_LAYOUT_KINDS; i++)
		vmm_layout_delta[i] = deltas[i];
}

static void keep_report(const struct rewrite_report *report)
{
	for (size_t row = 0; row < SHARED_COUNTS; row++)
		for (size_t outcome = 0; outcome < REWRITE_OUTCOMES; outcome++)
			shared->rewritten[row][outcome] = report->counts[row][outcome];
	shared->rewritten_total = report->total;
}

static void rewrite_kernel(void)
{
	static const struct code_view view = {image_read, image_write};
	static struct rewrite_report report;
	struct rewrite_failure failure;
	struct line line = {0};
	enum rewrite_error error = rewrite(&view, shared->records, shared->records_size,
					   shared->text_start, shared->text_end, &report, &failure);

	if (error == REWRITE_OK) {
		keep_report(&report);
		if (shared->isolation == ISOLATION_KEYS)
			kernel_code_start();
		vmm_application_code(gpa(shared->image_physical),
				     shared->image_end - shared->image_start);
		return;
	}
	vcpu.regs.rip = failure.address;
	rewrite_explain(&failure, &line);
	end_machine(END_GUEST, 0, line.text);
}

void start_c(void)
{
	unmap_host();
	map_everything();
	shadow_start();
	processor_start();
	keys_start();
	code_start();
	signal_start();
	gates_start();
	vmm_tsc_khz = shared->tsc_khz;
	vcpu.host_cs = 0x33; /* arch/x86/include/asm/segment.h: __USER_CS, __USER_DS */
	vcpu.host_ss = 0x2b;
	set_deltas();
	set_traces();
	rewrite_kernel();
	if (!acpi_write_tables(gpa(LAYOUT_ACPI)))
		end_machine(END_VMM, 0, "no room for the ACPI tables");
	vmm_reset(gva(shared->entry), gpa(shared->root), gpa(shared->boot_params));
	backend_load_root(gpa(shared->root));
	if (shared->isolation == ISOLATION_PROCESSES)
		twin_start();
	host_call2(__NR_munmap, LAYOUT_TWIN, TWIN_TEXT_BYTES); /* theirs only */
	confine_machine();
	space_zygote();
}
