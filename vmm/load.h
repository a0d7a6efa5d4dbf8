/* SPDX-License-Identifier: BSD-2-Clause */
/* From a kernel's ELF file to guest memory: load, move, hand over.
 *
 *      load_kernel()    segments to guest-physical memory, moved by the back-end's deltas
 *      boot_setup()     what Linux's boot protocol wants besides: the zero page,
 *                       first page tables, command line, initial RAM disk
 *
 * Both work on plain memory of the caller and call nothing. The files they are given
 * are not trusted: whatever is wrong with one ends in a struct load_failure, never
 * in an access outside of the memory that was handed in.
 */
#ifndef AFTERBURN_VMM_LOAD_H
#define AFTERBURN_VMM_LOAD_H

#include "rules/annot.h"
#include "vmm/types.h"

/* Room for code that the moved kernel jumps to: memory of the back-end that the
 * guest's page tables do not know, at guest-virtual `va` within 2 GiB of the moved image. */
struct load_area {
	uint8_t *bytes; /* where the loader writes it */
	mword va;	/* where the guest runs it */
	size_t size;
	size_t used; /* in: first free byte; out: behind the last trampoline */
};

struct load_request {
	const uint8_t *file; /* ELF64, x86-64, ET_EXEC, linked with --emit-relocs */
	uint64_t file_size;
	uint8_t *ram; /* guest-physical 0; the segments' places are overwritten */
	uint64_t ram_size;
	/* By AB_LAYOUT_*, added modulo 2^64; all zero: load as linked. Multiples of the
	 * page size, [AB_LAYOUT_IMAGE] of 2^39 (a slot of the top-level page table). */
	int64_t delta[AB_LAYOUT_KINDS];
	struct load_area *area; /* may be NULL if the image is not moved */
};

/* A section in its two address spaces; size 0: the kernel has none. */
struct load_section {
	mword va; /* moved */
	gpa_t pa;
	uint64_t size;
};

/* What became of the absolute addresses. name, and what it counts */
#define LOAD_COUNTS(X)                                                                             \
	X(WORD_MOVED, "64-bit words moved")                                                        \
	X(WORD_PHYSICAL, "64-bit words that are physical addresses, left")                         \
	X(HALF_PHYSICAL, "32-bit words that are physical addresses, left")                         \
	X(RELATIVE, "relative references, left")                                                   \
	X(EARLY, "references in code of the identity mapping, left")                               \
	X(LEA, "mov of an address, made a lea")                                                    \
	X(LITERAL, "mov of an address and jump, made a load")                                      \
	X(RIP, "absolute memory operands, made relative")                                          \
	X(TRAMPOLINE, "instructions moved to trampolines")                                         \
	X(UNLOADED, "sections of relocations for what is not loaded")                              \
	X(LAYOUT, "layout constants changed")

#define LOAD_ENUM_(name, text) LOAD_##name,
enum load_count { LOAD_COUNTS(LOAD_ENUM_) LOAD_COUNT_KINDS };

/* [start, end), moved */
struct load_range {
	mword start, end;
};
#define LOAD_CODE_MOST 16

struct load_result {
	gpa_t entry;	   /* first instruction, run on an identity mapping (Linux: startup_64) */
	gpa_t lowest, end; /* the image, bss included */
	mword linked;	   /* its lowest guest-virtual address as linked; moved: + delta */
	mword base, limit; /* where it was moved: [base, limit) */
	mword text, text_end;			/* the moved executable sections, for rewrite() */
	struct load_range code[LOAD_CODE_MOST]; /* and each, neighbours as one */
	uint32_t code_count;
	struct load_section annotations; /* AB_SECTION */
	/* AB_LAYOUT_SECTION. Its records are used up: if anything was moved the loader
	 * has put literals there, and zeroes. */
	struct load_section layout;
	uint32_t counts[LOAD_COUNT_KINDS];
};

/* name, what is wrong and what to do */
#define LOAD_ERRORS(X)                                                                             \
	X(NONE, "no error")                                                                        \
	X(NOT_ELF, "not an ELF file; give the uncompressed vmlinux, not a bzImage")                \
	X(WRONG_ELF, "not a 64-bit x86 executable (ELF64, little-endian, EM_X86_64, ET_EXEC)")     \
	X(TRUNCATED, "a header, segment or section lies outside of the file; copy it again")       \
	X(BAD_HEADER, "a header's sizes or links contradict each other; the file is damaged")      \
	X(NO_SEGMENTS, "nothing to load: no PT_LOAD segment at a kernel address")                  \
	X(TOO_MANY_SEGMENTS, "more PT_LOAD segments than any kernel has")                          \
	X(SEGMENT_OUTSIDE, "a segment does not fit in guest memory; give the guest more memory")   \
	X(SEGMENT_OVERLAP, "two segments overlap; the file is damaged")                            \
	X(SEGMENT_WINDOW, "a segment lies outside of the 2 GiB window of the kernel's image")      \
	X(ENTRY_OUTSIDE, "the entry point is in no executable segment")                            \
	X(BAD_DELTA, "the back-end's delta is no multiple of 2^39 (image) or of the page size")    \
	X(BAD_BASE, "the moved image would not lie at canonical addresses")                        \
	X(NO_RELOCATIONS, "cannot be moved: build with CONFIG_RELOCATABLE=y and RANDOMIZE_BASE=y") \
	X(NO_LAYOUT, "no layout records: build with the guest patch and `gcc -B' "                 \
		     "(scripts/build-guest --afterburned)")                                        \
	X(LAYOUT_SIZE, "section .afterburn.layout is not a whole number of loaded records")        \
	X(LAYOUT_VERSION, "layout record of an unknown version; use the matching afterburn")       \
	X(LAYOUT_KIND, "layout record of an unknown kind; use the matching afterburn")             \
	X(LAYOUT_OUTSIDE, "layout record names a word outside of the image")                       \
	X(LAYOUT_OVERLAP, "two layout records name overlapping words")                             \
	X(LAYOUT_RELOCATED, "a relocation changes a word that a layout record names")              \
	X(RELOC_OUTSIDE, "relocation of a place outside of its section")                           \
	X(RELOC_SYMBOL, "relocation against a symbol that the file does not have")                 \
	X(RELOC_TYPE, "relocation of a type that the loader does not know")                        \
	X(RELOC_GOT, "relocation against a GOT, which no kernel has; compile with hidden.h")       \
	X(RELOC_MISMATCH, "the word is not what its relocation says; do not post-process vmlinux") \
	X(RELOC_VALUE, "the address is neither in the kernel's window nor below 2 GiB")            \
	X(RELOC_FAR, "relative reference out of the image; per-processor data must not use %rip")  \
	X(RELOC_NARROW, "32-bit word of data holds a kernel address and cannot be moved")          \
	X(TEXT_UNKNOWN, "instruction with an absolute address that the loader cannot move")        \
	X(TEXT_LOST, "no instruction found around the address; are symbols stripped?")             \
	X(TEXT_COPIED, "absolute address in alternative code, which is copied before it runs")     \
	X(TEXT_FAULTING, "instruction with an exception-table entry needs a trampoline")           \
	X(AREA_FULL, "the area for trampolines is full; the back-end must give more")              \
	X(AREA_FAR, "the area for trampolines is farther than 2 GiB from the image, or missing")   \
	X(LITERALS_FULL, "more early jumps than layout records to keep their targets in")          \
	X(BOOT_MEMORY, "guest memory is too small for the boot protocol; give the guest more")     \
	X(BOOT_COMMAND_LINE, "the kernel's command line is longer than 2047 bytes; shorten it")    \
	X(BOOT_RESERVED, "a reserved range is empty, wraps around or lies on the kernel")          \
	X(BOOT_RANGES, "more reserved ranges than the memory map has room for")                    \
	X(BOOT_KERNEL, "the kernel's image lies on the boot protocol's pages below 640 KiB")       \
	X(BOOT_INITRD, "the initial RAM disk does not fit; give the guest more memory")

#define LOAD_ERROR_(name, text) LOAD_E_##name,
enum load_error { LOAD_ERRORS(LOAD_ERROR_) LOAD_ERROR_COUNT };

/* What was wrong, and where. Numbers that do not apply are 0. */
struct load_failure {
	enum load_error error;
	unsigned section;	  /* section header, or program header for SEGMENT_* */
	uint64_t index;		  /* record in that section */
	uint64_t address;	  /* guest-virtual, as linked; guest-physical for BOOT_* */
	uint64_t offset;	  /* in the file */
	uint64_t value;		  /* the address referred to, delta, size, as the text says */
	uint8_t bytes[16], count; /* of the instruction, if any */
};

/* Load and move. False: *failure says why, guest memory and area are undefined. */
bool load_kernel(const struct load_request *request, struct load_result *result,
		 struct load_failure *failure);

const char *load_error_text(enum load_error error);
const char *load_count_text(enum load_count count);

/* --- Linux's boot protocol ----------------------------------------------------- */

/* Guest-physical places, below 640 KiB: see bootparams.c for why these. */
#define BOOT_ZERO_PAGE	  0x10000
#define BOOT_COMMAND_LINE 0x11000
#define BOOT_PAGE_TABLES  0x12000 /* three pages */
#define BOOT_END	  0x15000

#define BOOT_RANGES 64 /* reserved ranges at most */

struct boot_range {
	gpa_t start;
	uint64_t size;
};

struct boot_request {
	uint8_t *ram; /* guest-physical 0 */
	uint64_t ram_size;
	gpa_t kernel, kernel_end; /* load_result.lowest, .end */
	const char *command_line; /* 0-terminated; NULL: empty */
	const uint8_t *initrd;	  /* copied; NULL: none */
	uint64_t initrd_size;
	const struct boot_range *reserved; /* memory the guest must not use (ACPI tables, ...) */
	unsigned reserved_count;
	gpa_t rsdp; /* ACPI's root pointer; 0: none */
};

struct boot_result {
	gpa_t zero_page; /* for %rsi */
	gpa_t root;	 /* for %cr3: the first GiB mapped to itself */
	gpa_t initrd;	 /* where it was put; 0: none */
};

/* Prepare to enter the kernel at startup_64. False: *failure says why. */
bool boot_setup(const struct boot_request *request, struct boot_result *result,
		struct load_failure *failure);

#endif
