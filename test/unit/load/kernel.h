/* SPDX-License-Identifier: BSD-2-Clause */
/* The small kernel of guest.S, as a file to break and as memory to run. */
#ifndef AFTERBURN_TEST_LOAD_KERNEL_H
#define AFTERBURN_TEST_LOAD_KERNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/load.h"
#include "vmm/load/elf.h"

#define RAM_SIZE    0x400000
#define AREA_AT	    0x300000 /* in guest memory, so that tests can run it */
#define AREA_SIZE   0x4000
#define LINKED_HIGH UINT64_C(0xffffffff80000000)
#define MOVED_HIGH  UINT64_C(0x7dff80000000)
#define LINKED_LOW  UINT64_C(0x10000000)
#define DELTA	    (MOVED_HIGH - LINKED_HIGH)

/* General registers by number (4 is unused), and flags. */
struct registers {
	uint64_t r[16], flags;
};

void run(void *function, struct registers *registers);

/* A file in memory, with exactly its size on the heap. */
struct kernel {
	uint8_t *bytes;
	size_t size;
	struct elf elf; /* of the intact file */
};

struct kernel kernel_read(const char *path);
void kernel_free(struct kernel *kernel);

/* Value of a symbol; the test fails if there is none. */
uint64_t kernel_symbol(const struct kernel *kernel, const char *name);
unsigned kernel_section(const struct kernel *kernel, const char *name);

/* The bytes of an address, of headers, of a record: to break them. */
uint8_t *kernel_at(const struct kernel *kernel, uint64_t address);
struct elf_header *kernel_header(const struct kernel *kernel);
struct elf_segment *kernel_segment(const struct kernel *kernel, unsigned i);
struct elf_section *kernel_shdr(const struct kernel *kernel, const char *name);

/* Relocation `index` of the section. */
struct elf_rela *kernel_rela(const struct kernel *kernel, const char *section, unsigned index);

/* A request that moves `kernel` to MOVED_HIGH. */
struct load_request kernel_request(const struct kernel *kernel, uint8_t *ram,
				   struct load_area *area);

#endif
