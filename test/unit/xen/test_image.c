/* SPDX-License-Identifier: BSD-2-Clause */
/* Images laid out behind a small wedge, and what is refused: wedges, parts, images. */
#include "backends/xen/image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PT_NULL 0
#define PT_NOTE 4

static uint8_t *wedge; /* a copy to break, exactly as large as the file */
static uint64_t wedge_size;
static uint8_t initrd[PAGE_SIZE], kernel[2 * PAGE_SIZE - 1];
static const struct parts good = {.kernel = {"kernel", kernel, sizeof(kernel)},
				  .initrd = {"initrd", initrd, sizeof(initrd)},
				  .command_line = "quiet"};

static int setup(void **state)
{
	struct input file;

	(void)state;
	assert_int_equal(input_open(&file, SMALL_WEDGE), RUN_EXIT_OK);
	wedge_size = file.size;
	wedge = malloc(wedge_size);
	memcpy(wedge, file.bytes, wedge_size);
	input_close(&file);
	memset(kernel, 'k', sizeof(kernel));
	memset(initrd, 'i', sizeof(initrd));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(wedge);
	return 0;
}

static struct elf open_wedge(void)
{
	struct load_failure failure;
	struct elf elf;

	assert_true(elf_open(&elf, wedge, wedge_size, &failure));
	return elf;
}

/* Its first program header of that type, to break it. */
static struct elf_segment *header_of(uint32_t type)
{
	struct elf elf = open_wedge();
	struct elf_segment *segments = (struct elf_segment *)(wedge + elf.header.phoff);

	for (unsigned i = 0; i < elf.header.phnum; i++)
		if (segments[i].type == type)
			return &segments[i];
	fail_msg("the small wedge has no program header of type %u", type);
	return NULL;
}

static const char *lay_out(struct layout *layout, const struct parts *parts)
{
	struct elf elf = open_wedge();

	return image_lay_out(layout, &elf, parts);
}

/* The file that is made of a layout; the caller frees it. */
static struct input make(const struct layout *layout)
{
	uint8_t *bytes = calloc(1, layout->bytes);

	for (unsigned i = 0; i < PIECES; i++)
		if (layout->pieces[i].size)
			memcpy(bytes + layout->pieces[i].offset, layout->pieces[i].bytes,
			       layout->pieces[i].size);
	return (struct input){"image", bytes, layout->bytes};
}

static void drop(struct input *image)
{
	free((void *)(uintptr_t)image->bytes);
}

/* --- good ones ------------------------------------------------------------------------------ */

static void test_place(void **state)
{
	struct layout layout;
	uint64_t end = 0, delta = 0;
	struct elf elf = open_wedge();

	(void)state;
	assert_null(lay_out(&layout, &good));
	for (unsigned i = 0; i < elf.header.phnum; i++) {
		struct elf_segment s = elf_segment(&elf, i);

		if (s.type == ELF_PT_LOAD && s.vaddr + s.memsz > end) {
			end = s.vaddr + s.memsz;
			delta = s.vaddr - s.paddr;
		}
	}
	assert_int_equal(layout.segment.vaddr, (end + PAGE_SIZE - 1) & PAGE_MASK);
	assert_int_equal(layout.segment.paddr, layout.segment.vaddr - delta);
	assert_int_equal(layout.segment.offset % PAGE_SIZE, 0);
	assert_int_equal(layout.segment.filesz, 5 * PAGE_SIZE); /* 1 + 2 + 1 + 1 */
	assert_int_equal(layout.bytes, layout.segment.offset + layout.segment.filesz);
	assert_true(layout.bytes < wedge_size + 6 * PAGE_SIZE);
}

static void test_file(void **state)
{
	struct load_failure failure;
	struct xen_payload payload;
	struct elf_segment *place;
	struct layout layout;
	struct input image;
	struct elf elf;

	(void)state;
	assert_null(lay_out(&layout, &good));
	image = make(&layout);
	assert_true(elf_open(&elf, image.bytes, image.size, &failure));
	assert_int_equal(elf.header.shnum, 0);
	place = header_of(PT_NULL);
	assert_memory_equal(image.bytes + ((uint8_t *)place - wedge), &layout.segment,
			    sizeof(layout.segment));
	assert_int_equal(xen_payload_check(image.bytes + layout.segment.offset,
					   layout.segment.filesz, &payload),
			 XEN_PAYLOAD_E_NONE);
	assert_string_equal((const char *)image.bytes + layout.segment.offset +
				    payload.command_line_offset,
			    "quiet");
	drop(&image);
}

static void test_without_initrd(void **state)
{
	struct parts parts = good;
	struct layout layout;
	struct piece out;
	struct input image;

	(void)state;
	parts.initrd = (struct input){0};
	parts.command_line = "";
	assert_null(lay_out(&layout, &parts));
	image = make(&layout);
	assert_int_equal(image_kernel(&image, &out), RUN_EXIT_OK);
	assert_int_equal(out.size, sizeof(kernel));
	assert_memory_equal(out.bytes, kernel, sizeof(kernel));
	drop(&image);
}

/* --- bad ones ------------------------------------------------------------------------------- */

static void refused(const char *why)
{
	struct layout layout;
	const char *wrong = lay_out(&layout, &good);

	if (!wrong || !strstr(wrong, why))
		fail_msg("got: %s; want: %s", wrong ? wrong : "a layout", why);
}

static void test_wedges(void **state)
{
	struct elf_segment *note = header_of(PT_NOTE), *null = header_of(PT_NULL),
			   *load = header_of(ELF_PT_LOAD);

	(void)state;
	note->filesz = wedge_size;
	refused("outside of the file");
	note->offset = UINT64_MAX;
	refused("outside of the file");
	note->type = PT_NULL;
	refused("no PT_NOTE");
	note->type = PT_NOTE;
	note->offset = note->filesz = 0;
	null->type = PT_NOTE;
	refused("no PT_NULL");
	null->type = PT_NULL;
	load->vaddr = -PAGE_SIZE;
	load->memsz = load->filesz = 100;
	refused("no addresses left");
	load->vaddr -= IMAGE_MOST;
	refused("no addresses left");
}

static void test_sizes(void **state)
{
	struct parts parts = good;
	struct layout layout;

	(void)state;
	parts.kernel.size = IMAGE_MOST / 2;
	parts.initrd.size = IMAGE_MOST / 2;
	assert_non_null(lay_out(&layout, &parts));
	parts.initrd.size = IMAGE_MOST / 2 - 2 * PAGE_SIZE;
	assert_null(lay_out(&layout, &parts));
	parts.initrd.size = UINT64_MAX;
	assert_non_null(lay_out(&layout, &parts));
}

static void test_images(void **state)
{
	struct input image, plain = {"wedge", wedge, wedge_size};
	struct layout layout;
	struct piece out;

	(void)state;
	assert_int_equal(image_kernel(&plain, &out), RUN_EXIT_INPUT);
	assert_null(lay_out(&layout, &good));
	image = make(&layout);
	image.size--;
	assert_int_equal(image_kernel(&image, &out), RUN_EXIT_INPUT);
	image.size++;
	((uint8_t *)(uintptr_t)image.bytes)[layout.segment.offset] ^= 1;
	assert_int_equal(image_kernel(&image, &out), RUN_EXIT_INPUT);
	drop(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_initrd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wedges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_images, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
