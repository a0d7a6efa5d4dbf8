/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of a domain: from Xen's first instruction to the guest's. */
#include "backends/xen/hypercall.h"
#include "backends/xen/layout.h"
#include "backends/xen/memory.h"
#include "backends/xen/payload.h"
#include "backends/xen/private.h"
#include "backends/xen/shadow.h"
#include "backends/xen/stats.h"
#include "rules/annot.h"
#include "vmm/backend.h"
#include "vmm/devices/acpi.h"
#include "vmm/entry.h"
#include "vmm/format.h"
#include "vmm/frontend.h"
#include "vmm/load.h"
#include "vmm/load/elf.h"
#include "vmm/memory.h"
#include "vmm/rewrite.h"
#include "vmm/string.h"

/* Guest-physical: a boot loader's stack, behind what boot_setup() writes. */
#define EARLY_STACK 0x18000

extern char vmm_end[];

start_info_t start_info;
union shared_page shared_page __attribute__((aligned(4096)));

static struct xen_payload payload;
static struct load_result loaded;
static struct boot_result booted;

void start_c(const start_info_t *from, mword boot_end);

void backend_write_code(void *to, const void *from, size_t length)
{
	memcpy(to, from, length);
}

bool backend_wants(uint16_t class)
{
	return class == AB_CLASS_PTE_WRITE; /* what takes rights away is found by comparing */
}

/* Not inlined: it is rare, and what it needs would be saved and restored each time. */
__attribute__((noinline)) static void handle_events(void)
{
	while (events_taken()) {
		time_fired();
		console_flush();
		vmm_event();
		vmm_before_resume();
	}
}

void backend_before_resume(void)
{
	if (events_any())
		handle_events();
	time_arm();
	shadow_enter();
	processor_load_bases();
	traps_look();
}

/* --- the payload ------------------------------------------------------------------------ */

_Noreturn static void bad_load(const struct load_failure *failure)
{
	die(load_error_text(failure->error), "address", failure->address);
}

static void check_payload(const uint8_t *bytes, uint64_t room)
{
	enum xen_payload_error error = xen_payload_check(bytes, room, &payload);

	if (error)
		die(xen_payload_error_text(error), "version", payload.version);
}

/* Where the image of the kernel will end in guest-physical memory. */
static uint64_t kernel_end(const uint8_t *file)
{
	struct load_failure failure;
	struct elf elf;
	uint64_t end = 0;

	if (!elf_open(&elf, file, payload.kernel_bytes, &failure))
		bad_load(&failure);
	for (unsigned i = 0; i < elf.header.phnum; i++) {
		struct elf_segment segment = elf_segment(&elf, i);

		if (segment.type == ELF_PT_LOAD && segment.paddr + segment.memsz > end)
			end = segment.paddr + segment.memsz;
	}
	return end;
}

/* The platform's, the image's, and what the domain's configuration adds. Linux believes CPUID
 * about the counter's frequency on Intel's processors only; programs that execute cpuid see
 * Xen's answers, which tests must know. */
#define PLATFORM                                                                                   \
	"console=ttyS0 mitigations=off tsc=reliable no_timer_check lpj=4000000 "                   \
	"random.trust_cpu=on afterburn.cpuid=host"
static const char *command_line(const char *of_image)
{
	static char text[4096]; /* boot_setup() takes 2047, and says so */
	struct line frequency = {0};
	const char *const parts[] = {
		PLATFORM, frequency.text, " ", of_image, " ", (const char *)start_info.cmd_line};
	size_t n = 0;

	line_decimal(line_text(&frequency, " tsc_early_khz="), vmm_tsc_khz);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const char *p = parts[i]; *p && n < sizeof(text) - 1; p++)
			text[n++] = *p;
	text[n] = 0;
	return text;
}

static void look_for_options(const char *line)
{
	static const char option[] = "afterburn.stats";

	for (; *line; line++)
		if (!memcmp(line, option, sizeof(option) - 1))
			stats_wanted = true;
}

static void load_guest(void)
{
	const uint8_t *at = guest_memory.base + machine_memory.payload * PAGE_SIZE;
	struct load_failure failure;
	struct load_request load = {.file = at + payload.kernel_offset,
				    .file_size = payload.kernel_bytes,
				    .ram = guest_memory.base,
				    .ram_size = guest_memory.size};
	struct boot_request boot = {.ram = guest_memory.base,
				    .ram_size = guest_memory.size,
				    .initrd = payload.initrd_bytes ? at + payload.initrd_offset
								   : NULL,
				    .initrd_size = payload.initrd_bytes,
				    .rsdp = {LAYOUT_ACPI}};

	if (!load_kernel(&load, &loaded, &failure))
		bad_load(&failure);
	if (!loaded.annotations.size)
		die("the kernel has no annotations: compile it with `gcc -B'", "entry",
		    loaded.entry.v);
	boot.kernel = loaded.lowest;
	boot.kernel_end = loaded.end;
	boot.command_line = command_line((const char *)at + payload.command_line_offset);
	look_for_options(boot.command_line);
	if (!boot_setup(&boot, &booted, &failure))
		bad_load(&failure);
}

/* --- rewriting the kernel: before it runs, its image lies at known places ----------------------
 */

static void *image_at(mword va, size_t length)
{
	if (va < loaded.base || va > loaded.limit || length > loaded.limit - va)
		return NULL;
	return memory_at(gpa(va - loaded.base + loaded.lowest.v), length);
}

static bool image_read(const struct code_view *view, mword va, void *to, size_t length)
{
	const void *from = image_at(va, length);

	(void)view;
	if (!from)
		return false;
	memcpy(to, from, length);
	return true;
}

static bool image_write(const struct code_view *view, mword va, const void *from, size_t length)
{
	void *to = image_at(va, length);

	(void)view;
	if (!to)
		return false;
	memcpy(to, from, length);
	return true;
}

/* The guest's own idea of it: the word that its first layout record of that kind names. */
static mword direct_map(void)
{
	const uint8_t *records = memory_at(loaded.layout.pa, loaded.layout.size);

	for (uint64_t at = 0; records && at + AB_LAYOUT_RECORD_SIZE <= loaded.layout.size;
	     at += AB_LAYOUT_RECORD_SIZE) {
		struct ab_layout record;
		mword base;

		memcpy(&record, records + at, sizeof(record));
		if (record.kind == AB_LAYOUT_DIRECT_MAP &&
		    image_read(NULL, loaded.layout.va + at + (mword)(int64_t)record.word, &base,
			       sizeof(base)))
			return base;
	}
	return 0;
}

static void rewrite_kernel(void)
{
	static const struct code_view view = {image_read, image_write};
	static struct rewrite_report report;
	struct rewrite_failure failure;
	struct line line = {0};
	enum rewrite_error error = rewrite(&view, loaded.annotations.va, loaded.annotations.size,
					   loaded.text, loaded.text_end, &report, &failure);

	if (error == REWRITE_OK) {
		vmm_application_code(loaded.lowest, loaded.limit - loaded.base);
		vmm_startup_code(loaded.annotations.va, loaded.annotations.size, loaded.base,
				 loaded.lowest);
		return;
	}
	vcpu.regs.rip = failure.address;
	rewrite_explain(&failure, &line);
	backend_fatal(line.text);
}

/* --- in order ------------------------------------------------------------------------------------
 */

static void register_vcpu(void)
{
	struct vcpu_register_vcpu_info argument = {
		.mfn = memory_frame_of(&vcpu),
		.offset = (uint32_t)((mword)&vcpu & (PAGE_SIZE - 1))};
	long result;

	vcpu.masked = 1;
	result = xen_vcpu_op(VCPUOP_register_vcpu_info, &argument);
	if (result)
		die_hypercall("register_vcpu_info", result);
}

/* `from`: Xen's page, gone with its page tables; `boot_end`: the end of its boot memory. */
void start_c(const start_info_t *from, mword boot_end)
{
	start_info = *from;
	start_info.flags &= SIF_INITDOMAIN;
	traps_start();
	check_payload((const uint8_t *)vmm_end, start_info.pt_base - (mword)vmm_end);
	memory_start(boot_end, kernel_end((const uint8_t *)vmm_end + payload.kernel_offset),
		     payload.initrd_bytes, payload.total_bytes);
	register_vcpu();
	events_start();
	console_start();
	time_start();
	load_guest();
	shadow_start(direct_map());
	vcpu.host_cs = LAYOUT_CS;
	vcpu.host_ss = LAYOUT_SS;
	rewrite_kernel();
	if (!acpi_write_tables(gpa(LAYOUT_ACPI)))
		die("no room for the ACPI tables", "at", LAYOUT_ACPI);
	shadow_stacks(loaded.lowest, loaded.end, loaded.base);
	vmm_reset(gva(loaded.entry.v), booted.root, booted.zero_page);
	vcpu.regs.gpr[RSP] = EARLY_STACK;
	resume_guest();
}
