/* SPDX-License-Identifier: BSD-2-Clause */
/* Before the machine starts: its memory files, the kernel moved to its place in
 * them, the initramfs, the boot parameters. All files of the user are read here, in
 * an ordinary process, and every complaint names one.
 */
#include "asrewrite/diag.h"
#include "backends/hosted/input.h"
#include "backends/linux/launcher/run.h"
#include "backends/linux/layout.h"
#include "vmm/entry.h"
#include "vmm/load.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MEMORY_LEAST (UINT64_C(32) << 20)
#define MEMORY_MOST  (LAYOUT_SHADOW - LAYOUT_RAM)

#define NUMBER_(value) #value
#define NUMBER(value)  NUMBER_(value)

/* The time-stamp counter is what the VMM says, there is nothing to calibrate. No
 * mitigations, and so no separate page tables for applications: they would cost a
 * hand-over per system call, and the machine is a process that holds nobody else's
 * secrets. The processor's random numbers are trusted: there is no other source, and
 * making entropy out of ticks takes the guest 2.4 s of spinning. Applications get no page
 * that the host may refuse us (its own vm.mmap_min_addr), nor those of LAYOUT_POINTERS. Every
 * word must be one that kernels know: others become arguments of init. */
static const char command_line[] =
	"console=ttyS0 mitigations=off tsc=reliable no_timer_check lpj=4000000 "
	"random.trust_cpu=on sysctl.vm.mmap_min_addr=" NUMBER(LAYOUT_POINTERS_END);

static int host_error(const char *what)
{
	ab_error("%s: %s", what, strerror(errno));
	return RUN_EXIT_HOST;
}

static int memory_file(struct run *run, int which, uint64_t bytes, void **mapped)
{
	static const char *const names[FD_COUNT] = {
		[FD_SHARED] = "afterburn-shared",
		[FD_RAM] = "afterburn-ram",
		[FD_TRAMPOLINES] = "afterburn-code",
		[FD_COPIES] = "afterburn-copies",
	};
	int fd = memfd_create(names[which], MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return host_error("cannot create memory for the machine");
	*mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*mapped == MAP_FAILED)
		return host_error("cannot map the machine's memory");
	run->fd[which] = fd;
	return RUN_EXIT_OK;
}

/* The relocator checks its area before it knows whether it is needed, so it has all. */
static int load(struct run *run, const struct input *kernel, uint8_t *trampolines,
		struct load_result *result)
{
	struct load_area area = {trampolines, LAYOUT_TRAMPOLINES, LAYOUT_TRAMPOLINE_BYTES, 0};
	struct load_request request = {
		.ram = run->ram,
		.ram_size = run->memory,
		.delta = LAYOUT_DELTAS,
		.area = &area,
	};

	return input_load(kernel, &request, result);
}

/* Linux believes CPUID about the counter's frequency on Intel's processors only; on others it
 * would measure, with device models for a reference. */
static bool asks_cpuid(void)
{
	unsigned most, ebx, ecx, edx;

	return __get_cpuid(0, &most, &ebx, &ecx, &edx) && ebx == signature_INTEL_ebx;
}

/* The caller frees it. */
static char *make_command_line(const struct run *run)
{
	char frequency[40] = "", *line;

	if (!asks_cpuid())
		snprintf(frequency, sizeof(frequency), " tsc_early_khz=%" PRIu64,
			 run->shared->tsc_khz);
	if (asprintf(&line, "%s%s%s%s", command_line, frequency, *run->append ? " " : "",
		     run->append) < 0)
		abort();
	return line;
}

static int set_up_boot(struct run *run, const struct load_result *loaded,
		       const struct input *initrd)
{
	struct boot_request request = {
		.ram = run->ram,
		.ram_size = run->memory,
		.kernel = loaded->lowest,
		.kernel_end = loaded->end,
		.initrd = initrd->bytes,
		.initrd_size = initrd->size,
		.rsdp = {LAYOUT_ACPI},
	};
	struct load_failure failure;
	struct boot_result boot;
	char *line = make_command_line(run);

	request.command_line = line;
	if (!boot_setup(&request, &boot, &failure)) {
		free(line);
		return input_complain(&failure, initrd->name ? initrd->name : run->kernel);
	}
	free(line);
	run->shared->boot_params = boot.zero_page.v;
	run->shared->root = boot.root.v;
	return RUN_EXIT_OK;
}

static void describe_image(struct run *run, const struct load_result *loaded)
{
	struct shared *shared = run->shared;

	shared->ram_bytes = run->memory;
	shared->entry = loaded->entry.v;
	shared->image_start = loaded->base;
	shared->image_end = loaded->limit;
	shared->image_physical = loaded->lowest.v;
	shared->text_start = loaded->text;
	shared->text_end = loaded->text_end;
	memcpy(shared->code, loaded->code, sizeof(shared->code));
	shared->records = loaded->annotations.va;
	shared->records_size = loaded->annotations.size;
}

static int make_memory(struct run *run, uint8_t **trampolines)
{
	uint64_t code = LAYOUT_TRAMPOLINE_BYTES + VMM_THUNK_BYTES;
	void *shared, *ram, *area, *copies;

	if (run->memory < MEMORY_LEAST || run->memory > MEMORY_MOST || run->memory % PAGE_SIZE) {
		ab_error("guest memory must be whole pages between 32M and 384G, not %" PRIu64
			 " bytes",
			 run->memory);
		return RUN_EXIT_USAGE;
	}
	if (memory_file(run, FD_SHARED, SHARED_FILE, &shared) ||
	    memory_file(run, FD_RAM, run->memory, &ram) ||
	    memory_file(run, FD_TRAMPOLINES, code, &area) ||
	    memory_file(run, FD_COPIES, LAYOUT_COPY_BYTES, &copies))
		return RUN_EXIT_HOST;
	munmap(copies, LAYOUT_COPY_BYTES);
	run->shared = shared;
	memset((uint8_t *)shared + SHARED_BUS, 0xff, PAGE_SIZE);
	run->ram = ram;
	*trampolines = area;
	return RUN_EXIT_OK;
}

static int fill_memory(struct run *run, uint8_t *trampolines)
{
	struct input kernel = {0}, initrd = {0};
	struct load_result loaded;
	int result = input_open(&kernel, run->kernel);

	if (!result && run->initrd)
		result = input_open(&initrd, run->initrd);
	if (!result)
		result = load(run, &kernel, trampolines, &loaded);
	if (!result)
		result = set_up_boot(run, &loaded, &initrd);
	if (!result)
		describe_image(run, &loaded);
	input_close(&kernel);
	input_close(&initrd);
	return result;
}

int run_prepare(struct run *run)
{
	uint8_t *trampolines;
	int result;

	for (int i = 0; i < FD_COUNT; i++)
		run->fd[i] = -1;
	run->fd[FD_CONSOLE] = STDOUT_FILENO;
	run->fd[FD_LOG] = STDERR_FILENO;
	run->fd[FD_TIMER] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (run->fd[FD_TIMER] < 0)
		return host_error("cannot create a timer");
	result = make_memory(run, &trampolines);
	if (result)
		return result;
	run_clock(run->shared);
	result = fill_memory(run, trampolines);
	if (result)
		return result;
	munmap(run->ram, run->memory);
	munmap(trampolines, LAYOUT_TRAMPOLINE_BYTES + VMM_THUNK_BYTES);
	run->ram = NULL;
	return RUN_EXIT_OK;
}
