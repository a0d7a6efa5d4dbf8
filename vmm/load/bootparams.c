/* SPDX-License-Identifier: BSD-2-Clause */
/*@045 What a boot loader hands to Linux
 *
 * The kernel is entered where its own decompressor would: at startup_64, in 64-bit
 * mode, %rsi pointing to the zero page (struct boot_params), %cr3 to page tables that
 * map everything involved to itself (Documentation/x86/boot.rst, "64-bit Boot Protocol").
 *
 * Zero page, command line and page tables lie at 64 KiB in conventional memory. That
 * is safe because of what the kernel does: startup_64 loads its own page tables before
 * it allocates anything, x86_64_start_kernel() copies zero page and command line
 * (copy_bootdata()) before it has an allocator, and setup_arch() then keeps all of the
 * first MiB from it for good (reserve_real_mode(), arch/x86/realmode/init.c). So the
 * pages need no entry of their own in the memory map.
 *
 * The page tables map the first GiB with 2 MiB pages: every x86-64 processor has those.
 */
#include "vmm/load.h"
#include "vmm/string.h"

/* Offsets in the zero page: Documentation/x86/zero-page.rst, and for the setup header
 * (0x1f1 and up) boot.rst, "Details of Header Fields". */
#define ZP_ACPI_RSDP	 0x070
#define ZP_EXT_RAMDISK	 0x0c0
#define ZP_EXT_RAMDISK_N 0x0c4
#define ZP_EXT_CMD_LINE	 0x0c8
#define ZP_E820_COUNT	 0x1e8
#define ZP_BOOT_FLAG	 0x1fe
#define ZP_HEADER	 0x202
#define ZP_VERSION	 0x206
#define ZP_LOADER	 0x210
#define ZP_LOADFLAGS	 0x211
#define ZP_RAMDISK	 0x218
#define ZP_RAMDISK_N	 0x21c
#define ZP_CMD_LINE	 0x228
#define ZP_INITRD_MAX	 0x22c
#define ZP_CMD_LINE_MAX	 0x238
#define ZP_E820		 0x2d0
#define E820_ENTRY	 20 /* bytes: address, size, type */

#define E820_RAM      1
#define E820_RESERVED 2

#define COMMAND_LINE_MAX 2047	    /* COMMAND_LINE_SIZE - 1, asm/setup.h */
#define INITRD_MAX	 0x7fffffff /* initrd_addr_max of every x86 kernel */
#define LOW_END		 0x9fc00    /* the extended BIOS data area is said to begin here */
#define HIGH_START	 0x100000

#define PTE_TABLE (0x01 | 0x02)	       /* present, writable */
#define PTE_LARGE (0x01 | 0x02 | 0x80) /* and 2 MiB */

struct boot {
	const struct boot_request *request;
	struct boot_result *result;
	struct load_failure *failure;
	uint8_t *zero_page;
};

static bool fail(struct boot *boot, enum load_error error, uint64_t index, uint64_t address,
		 uint64_t value)
{
	*boot->failure = (struct load_failure){
		.error = error, .index = index, .address = address, .value = value};
	return false;
}

static void put(struct boot *boot, unsigned offset, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		boot->zero_page[offset + i] = (uint8_t)(value >> 8 * i);
}

static bool overlap(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	return a < b_end && b < a_end;
}

static bool check_ranges(struct boot *boot)
{
	const struct boot_request *r = boot->request;

	if (r->ram_size < HIGH_START + PAGE_SIZE)
		return fail(boot, LOAD_E_BOOT_MEMORY, 0, 0, r->ram_size);
	if (r->kernel.v < BOOT_END || r->kernel_end.v > r->ram_size ||
	    r->kernel.v > r->kernel_end.v)
		return fail(boot, LOAD_E_BOOT_KERNEL, 0, r->kernel.v, r->kernel_end.v);
	if (r->reserved_count > BOOT_RANGES)
		return fail(boot, LOAD_E_BOOT_RANGES, r->reserved_count, 0, BOOT_RANGES);
	for (unsigned i = 0; i < r->reserved_count; i++) {
		uint64_t start = r->reserved[i].start.v, end = start + r->reserved[i].size;

		if (end <= start || overlap(start, end, r->kernel.v, r->kernel_end.v))
			return fail(boot, LOAD_E_BOOT_RESERVED, i, start, r->reserved[i].size);
	}
	return true;
}

static void add_e820(struct boot *boot, uint64_t start, uint64_t end, uint32_t type)
{
	unsigned count = boot->zero_page[ZP_E820_COUNT]++;
	unsigned at = ZP_E820 + count * E820_ENTRY;

	put(boot, at, start, 8);
	put(boot, at + 8, end - start, 8);
	put(boot, at + 16, type, 4);
}

/* Reserved ranges simply lie on top of the memory: of overlapping entries Linux takes
 * the one with the higher type (e820__update_table(), arch/x86/kernel/e820.c). */
static void memory_map(struct boot *boot)
{
	const struct boot_request *r = boot->request;

	add_e820(boot, 0, LOW_END, E820_RAM);
	add_e820(boot, LOW_END, HIGH_START, E820_RESERVED);
	add_e820(boot, HIGH_START, r->ram_size, E820_RAM);
	for (unsigned i = 0; i < r->reserved_count; i++)
		add_e820(boot, r->reserved[i].start.v, r->reserved[i].start.v + r->reserved[i].size,
			 E820_RESERVED);
}

static bool command_line(struct boot *boot)
{
	const char *text = boot->request->command_line ? boot->request->command_line : "";
	uint64_t length = 0;

	while (text[length])
		if (++length > COMMAND_LINE_MAX)
			return fail(boot, LOAD_E_BOOT_COMMAND_LINE, 0, 0, length);
	memcpy(boot->request->ram + BOOT_COMMAND_LINE, text, (size_t)length + 1);
	put(boot, ZP_CMD_LINE, BOOT_COMMAND_LINE, 4);
	put(boot, ZP_EXT_CMD_LINE, 0, 4);
	put(boot, ZP_CMD_LINE_MAX, COMMAND_LINE_MAX, 4);
	return true;
}

/* Something that [start, end) overlaps: its start; or `end` if nothing is there. */
static uint64_t obstacle(const struct boot_request *r, uint64_t start, uint64_t end)
{
	if (overlap(start, end, r->kernel.v, r->kernel_end.v))
		return r->kernel.v;
	for (unsigned i = 0; i < r->reserved_count; i++)
		if (overlap(start, end, r->reserved[i].start.v,
			    r->reserved[i].start.v + r->reserved[i].size))
			return r->reserved[i].start.v;
	return end;
}

/* As high as possible, so that it is out of the way of what the kernel allocates early.
 * A place that overlaps something is tried again below that; each retry ends lower. */
static bool initrd(struct boot *boot)
{
	const struct boot_request *r = boot->request;
	uint64_t top = r->ram_size < INITRD_MAX ? r->ram_size : INITRD_MAX;
	uint64_t start, found, size = r->initrd_size;

	if (!r->initrd || !size)
		return true;
	for (;; top = found) {
		if (top < HIGH_START || size > top - HIGH_START)
			return fail(boot, LOAD_E_BOOT_INITRD, 0, top, size);
		start = (top - size) & PAGE_MASK;
		found = obstacle(r, start, start + size);
		if (found == start + size)
			break;
	}
	memcpy(r->ram + start, r->initrd, (size_t)size);
	boot->result->initrd = gpa(start);
	put(boot, ZP_RAMDISK, start, 4);
	put(boot, ZP_EXT_RAMDISK, start >> 32, 4);
	put(boot, ZP_RAMDISK_N, size, 4);
	put(boot, ZP_EXT_RAMDISK_N, size >> 32, 4);
	return true;
}

static void put_entry(uint8_t *table, unsigned i, uint64_t entry)
{
	memcpy(table + i * sizeof(entry), &entry, sizeof(entry));
}

static void page_tables(struct boot *boot)
{
	uint8_t *pml4 = boot->request->ram + BOOT_PAGE_TABLES;
	uint8_t *pdpt = pml4 + PAGE_SIZE, *pd = pdpt + PAGE_SIZE;

	memset(pml4, 0, 3 * PAGE_SIZE);
	put_entry(pml4, 0, (BOOT_PAGE_TABLES + PAGE_SIZE) | PTE_TABLE);
	put_entry(pdpt, 0, (BOOT_PAGE_TABLES + 2 * PAGE_SIZE) | PTE_TABLE);
	for (unsigned i = 0; i < 512; i++)
		put_entry(pd, i, (uint64_t)i << 21 | PTE_LARGE);
	boot->result->root = gpa(BOOT_PAGE_TABLES);
}

/* The setup header's fields that a kernel entered at startup_64 looks at, and those by
 * which it tells a header from none. Bytes that stay 0 include the sentinel (0x1ef),
 * which says that everything else was cleared. */
static void header(struct boot *boot)
{
	put(boot, ZP_BOOT_FLAG, 0xaa55, 2);
	put(boot, ZP_HEADER, 0x53726448, 4); /* "HdrS" */
	put(boot, ZP_VERSION, 0x020f, 2);    /* 2.15, of Linux 5.14 and later */
	put(boot, ZP_LOADER, 0xff, 1);	     /* no assigned loader */
	put(boot, ZP_LOADFLAGS, 0x01, 1);    /* LOADED_HIGH */
	put(boot, ZP_INITRD_MAX, INITRD_MAX, 4);
	put(boot, ZP_ACPI_RSDP, boot->request->rsdp.v, 8);
}

bool boot_setup(const struct boot_request *request, struct boot_result *result,
		struct load_failure *failure)
{
	struct boot boot = {.request = request, .result = result, .failure = failure};

	*result = (struct boot_result){.zero_page = gpa(BOOT_ZERO_PAGE)};
	*failure = (struct load_failure){0};
	if (!check_ranges(&boot))
		return false;
	boot.zero_page = request->ram + BOOT_ZERO_PAGE;
	memset(boot.zero_page, 0, PAGE_SIZE);
	header(&boot);
	memory_map(&boot);
	page_tables(&boot);
	return command_line(&boot) && initrd(&boot);
}
