/* SPDX-License-Identifier: BSD-2-Clause */
/* Run what the loader moved. Every function of guest.S runs twice: moved, and as it was
 * linked at a low address. Registers, flags and data must be the same, but for the
 * distance between the two images. */
#include <sys/mman.h>

#include "kernel.h"

#define FLAGS 0x8d5 /* CF PF AF ZF SF OF */

struct image {
	struct kernel kernel;
	uint64_t base; /* of guest-physical 0, where it runs */
	uint8_t *ram;
	struct load_result result;
};

static struct image moved, native;

static uint8_t *map(uint64_t address)
{
	void *at = mmap((void *)(uintptr_t)address, RAM_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(at, (void *)(uintptr_t)address);
	return at;
}

static void load(struct image *image, bool move)
{
	struct load_area area;
	struct load_request request = kernel_request(&image->kernel, image->ram, &area);
	struct load_failure failure;

	if (!move)
		memset(request.delta, 0, sizeof(request.delta));
	if (!load_kernel(&request, &image->result, &failure))
		fail_msg("%s at %lx", load_error_text(failure.error),
			 (unsigned long)failure.address);
}

static int setup(void **state)
{
	(void)state;
	moved.kernel = kernel_read(GUEST_HIGH);
	native.kernel = kernel_read(GUEST_LOW);
	moved.ram = map(moved.base = MOVED_HIGH);
	native.ram = map(native.base = LINKED_LOW);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kernel_free(&moved.kernel);
	kernel_free(&native.kernel);
	munmap(moved.ram, RAM_SIZE);
	munmap(native.ram, RAM_SIZE);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	load(&moved, true);
	load(&native, false);
	return 0;
}

/* An address of the image becomes an offset, all else stays. */
static uint64_t plain(const struct image *image, uint64_t value)
{
	return value - image->base < RAM_SIZE ? value - image->base + 0xab00000000 : value;
}

static void compare_data(const char *name)
{
	uint64_t start = kernel_symbol(&moved.kernel, "pointers") - LINKED_HIGH;
	uint64_t end = kernel_symbol(&moved.kernel, "narrow") - LINKED_HIGH;

	for (uint64_t at = start; at + 8 <= end; at += 8) {
		uint64_t a, b;

		memcpy(&a, moved.ram + at, 8);
		memcpy(&b, native.ram + at, 8);
		if (at == kernel_symbol(&moved.kernel, "layout_word") - LINKED_HIGH)
			continue;
		if (plain(&moved, a) != plain(&native, b))
			fail_msg("%s: word %lx is %lx, should be %lx", name, (unsigned long)at,
				 (unsigned long)a, (unsigned long)b);
	}
}

static void compare(const char *name, const struct registers *a, const struct registers *b)
{
	for (int i = 0; i < 16; i++)
		if (plain(&moved, a->r[i]) != plain(&native, b->r[i]))
			fail_msg("%s: register %d is %lx, should be %lx", name, i,
				 (unsigned long)a->r[i], (unsigned long)b->r[i]);
	if ((a->flags ^ b->flags) & FLAGS)
		fail_msg("%s: flags are %lx, should be %lx", name, (unsigned long)a->flags,
			 (unsigned long)b->flags);
}

static void start_registers(struct registers *r, unsigned rdi, unsigned rsi, uint64_t flags)
{
	for (unsigned i = 0; i < 16; i++)
		r->r[i] = i * 5 % 11;
	r->r[0] = 0x3c21; /* %ah is not %al */
	r->r[7] = rdi;
	r->r[6] = rsi;
	r->flags = flags | 2;
}

static const char *name_of(uint64_t address)
{
	const struct elf *elf = &moved.kernel.elf;
	struct elf_section symtab, strtab;

	elf_find(elf, ".symtab", &symtab);
	strtab = elf_section(elf, symtab.link);
	for (uint64_t i = 0; i < symtab.size / sizeof(struct elf_symbol); i++) {
		struct elf_symbol symbol = elf_symbol(elf, &symtab, i);

		if (symbol.value == address && (symbol.info & 15) == ELF_STT_FUNC)
			return elf_string(elf, &strtab, symbol.name);
	}
	return "?";
}

/* Function `i`, where it is after loading. */
static uint64_t function(const struct image *image, unsigned i)
{
	struct elf_section section;
	uint64_t address;

	assert_true(elf_find(&image->kernel.elf, ".functions", &section));
	if (i >= section.size / 8)
		return 0;
	memcpy(&address, image->ram + (section.addr & 0xfffffff) + i * 8, 8);
	return address;
}

static void test_same_results(void **state)
{
	unsigned i;

	fresh(state);
	for (i = 0; function(&native, i); i++)
		for (unsigned n = 0; n < 16; n++) {
			struct registers a, b;
			const char *name = name_of(function(&moved, i) - DELTA);

			fresh(state);
			start_registers(&a, n & 1, n >> 1 & 3, n & 8 ? FLAGS : 0);
			b = a;
			run((void *)(uintptr_t)function(&moved, i), &a);
			run((void *)(uintptr_t)function(&native, i), &b);
			compare(name, &a, &b);
			compare_data(name);
		}
	assert_int_equal(i, kernel_shdr(&native.kernel, ".functions")->size / 8);
	assert_true(i > 20);
}

static void test_result(void **state)
{
	const struct load_result *r = &moved.result;
	uint64_t base = MOVED_HIGH + 0x200000;

	fresh(state);
	assert_int_equal(r->entry.v, 0x200000);
	assert_int_equal(r->lowest.v, 0x200000);
	assert_int_equal(r->linked, LINKED_HIGH + 0x200000);
	assert_int_equal(r->base, base);
	assert_int_equal(r->limit, kernel_symbol(&moved.kernel, "end") + DELTA);
	assert_int_equal(r->end.v, kernel_symbol(&moved.kernel, "end") - LINKED_HIGH);
	assert_int_equal(r->text, base);
	assert_int_equal(r->text_end, base + kernel_shdr(&moved.kernel, ".text")->size + 1);
	assert_int_equal(r->annotations.size, AB_RECORD_SIZE);
	assert_int_equal(r->annotations.va, kernel_shdr(&moved.kernel, AB_SECTION)->addr + DELTA);
	assert_int_equal(r->annotations.pa.v, r->annotations.va - MOVED_HIGH);
	assert_int_equal(r->layout.size, 2 * AB_LAYOUT_RECORD_SIZE);
	assert_int_equal(r->counts[LOAD_LAYOUT], 2);
	assert_int_equal(r->counts[LOAD_UNLOADED], 1);
	assert_int_equal(r->counts[LOAD_EARLY], 2);
	assert_int_equal(r->counts[LOAD_LITERAL], 2);
	assert_int_equal(r->counts[LOAD_HALF_PHYSICAL], 3);
	assert_int_equal(r->counts[LOAD_WORD_PHYSICAL], 2);
	assert_true(r->counts[LOAD_LEA] && r->counts[LOAD_RIP] && r->counts[LOAD_TRAMPOLINE] > 70);
	assert_int_equal(native.result.counts[LOAD_LAYOUT], 0);
	assert_int_equal(native.result.linked, LINKED_LOW + 0x200000);
}

static void test_layout_words(void **state)
{
	struct registers r = {0};
	uint64_t layout = kernel_symbol(&moved.kernel, "layout") + DELTA;

	fresh(state);
	run((void *)(uintptr_t)layout, &r);
	assert_int_equal(r.r[0], MOVED_HIGH);
	assert_int_equal(r.r[1], 0xffff898000000000);
}

static void test_early_code(void **state)
{
	struct registers r = {0};
	uint64_t start = kernel_symbol(&moved.kernel, "__startup_64") + DELTA;

	fresh(state);
	r.r[7] = 0x200000; /* where it runs: the result is table's address there */
	run((void *)(uintptr_t)start, &r);
	assert_int_equal(r.r[0], kernel_symbol(&moved.kernel, "table") - LINKED_HIGH);
}

/* Loaded as linked, guest memory is the file's, byte by byte. */
static void test_unmoved_is_untouched(void **state)
{
	(void)state;
	load(&moved, false);
	for (unsigned i = 0; i < moved.kernel.elf.header.phnum; i++) {
		struct elf_segment s = elf_segment(&moved.kernel.elf, i);

		assert_memory_equal(moved.ram + s.paddr, moved.kernel.bytes + s.offset, s.filesz);
		for (uint64_t b = s.filesz; b < s.memsz; b++)
			assert_int_equal(moved.ram[s.paddr + b], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_results),	     cmocka_unit_test(test_result),
		cmocka_unit_test(test_layout_words),	     cmocka_unit_test(test_early_code),
		cmocka_unit_test(test_unmoved_is_untouched),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
