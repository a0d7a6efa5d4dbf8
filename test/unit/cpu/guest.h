/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest for tests of the virtual CPU: 1 MiB of memory, page tables, descriptor
 * tables laid out as Linux does, a recording machine around it.
 *
 *   guest-virtual               guest-physical
 *   KERNEL + x                  x             supervisor, all of memory but the hole
 *   KERNEL + HOLE                             4 KiB, not present
 *   USER .. USER + 64 KiB       0x40000       applications may write
 *   USER_RO, one page           0x50000       applications may read
 *   KERNEL_RO, one page         0x51000       supervisor, read-only, no execution
 */
#ifndef TEST_UNIT_CPU_GUEST_H
#define TEST_UNIT_CPU_GUEST_H

#include "backends/stub/stub.h"
#include "vmm/cpu/cpu.h"
#include "vmm/emulate.h"
#include "vmm/frontend.h"
#include "vmm/insn.h"
#include "vmm/memory.h"
#include "vmm/rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY_SIZE (1u << 20)
#define KERNEL	    UINT64_C(0x7dff80000000)
#define USER	    UINT64_C(0x400000)
#define USER_RO	    UINT64_C(0x600000)
#define KERNEL_RO   UINT64_C(0x7dffc0000000)
#define HOLE	    0x30000

/* Physical places; virtual ones are KERNEL + these. */
#define GDT_AT	 0x10000
#define IDT_AT	 0x11000
#define TSS_AT	 0x12000
#define CODE_AT	 0x18000
#define STACK_AT 0x22000 /* top of the kernel's stack */
#define RSP0_AT	 0x24000
#define IST_AT	 0x26000

#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER32_CS 0x23
#define USER_DS	  0x2b
#define USER_CS	  0x33
#define TSS_SEL	  0x40
#define LDT_SEL	  0x50

#define CANONICAL_NOT UINT64_C(0x1234000000000000)

extern uint8_t guest_ram[MEMORY_SIZE];

/* cmocka setup: everything as after boot, in the kernel at CODE_AT, IF clear. */
int guest_setup(void **state);
/* Go on as an application at USER, IF set. */
void guest_enter_user(void);

uint64_t *guest_word(uint64_t physical);
void guest_map(uint64_t va, uint64_t pa, uint64_t flags);
uint64_t *guest_entry(uint64_t va, unsigned shift); /* page-table entry of that level */
void guest_descriptor(uint16_t selector, uint64_t descriptor);
/* Gate `type`: 14 interrupt, 15 trap. The handler is at KERNEL + 0x1000 * vector. */
void guest_gate(unsigned vector, unsigned type, unsigned dpl, unsigned ist);
#define HANDLER(vector) (KERNEL + 0x100000 + 0x10 * (vector))

/* Put `bytes` at RIP and execute them as if they had trapped with `vector`. */
void guest_trap(unsigned vector, mword error, const void *bytes, size_t length);
#define EXECUTE(...)                                                                               \
	do {                                                                                       \
		const uint8_t code_[] = {__VA_ARGS__};                                             \
		guest_trap(VECTOR_GP, 0, code_, sizeof(code_));                                    \
	} while (0)

/* The frame at RSP of a handler just entered; `error`: it has an error code. */
struct frame {
	mword error, rip, cs, rflags, rsp, ss;
};
struct frame guest_frame(bool error);
/* The handler of `vector` was entered, with this error code if it has one. */
void assert_raised(unsigned vector, mword error);

/* The machine around it. */
struct fake_machine {
	uint64_t deadline;
	int vector; /* requested interrupt, -1: none */
	unsigned ticks, resets;
	uint16_t in_port, out_port;
	unsigned in_size, out_size;
	uint32_t in_value, out_value;
	unsigned ins, outs;
};
extern struct fake_machine fake_machine;
extern struct site fake_site; /* what rewrite_site_before(start + total) finds */

#endif
