/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that open protection keys, made by the VMM itself: it patches system calls in
 * copies of their pages (backends/linux/window.h), and displaces instructions of the
 * program's choice. The bytes of neither alone, nor of both together, may be such an instruction.
 */
#define _GNU_SOURCE
#include "attacks.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOT 64 /* calls of a site, and more than are needed */

static uint8_t area[4096] __attribute__((aligned(64))); /* for xrstor: all zeros */

/* A jump through a pointer, behind some prefixes. */
static bool patched(const uint8_t *site)
{
	return memmem(site, 12, "\xff\x24\xe5", 3);
}

/* rax and rsi as `xrstor (%rsi)` wants them for the keys alone, rdi for the load. */
static void call_for(const void *to, const void *rdi)
{
	uint32_t rax = 0x200, rdx = 0;

	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\tcall *%[to]\n\tleaq 128(%%rsp), %%rsp"
			 : "+a"(rax), "+d"(rdx), "+D"(rdi)
			 : [to] "r"(to), "S"(area)
			 : "rcx", "r11", "memory", "cc");
}

/* Entered in front of the jump, where the program has 0f ae, its first byte is the end of an
 * instruction; then what was displaced loads from the kernel's memory. With processes there is
 * no jump. */
static void prefix(void)
{
	for (int i = 0; i < HOT; i++)
		load_and_call(area);
	if (has_keys && !patched(load_site))
		unable("no gate");
	call_for(load_tail, (const void *)secret);
	_exit(11);
}

static void be_hot(flag_call *call, const uint8_t *site, uint32_t displacement)
{
	uintptr_t flag = (uintptr_t)site + 7 + displacement;

	if (mmap((void *)(flag & ~(uintptr_t)(PAGE - 1)), PAGE, PROT_READ,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		unable("mmap");
	for (int i = 0; i < HOT; i++)
		call(-1);
}

/* The comparison's displacement is another one in the trampoline: 0f 01 ef 40. */
static void displacement(void)
{
	const uint8_t *trampoline;

	be_hot(compare_and_call, compare_site, COMPARE_DISPLACEMENT);
	if (!patched(compare_site))
		return;
	memcpy(&trampoline, (void *)(uintptr_t) * (const uint32_t *)(compare_site + 3), 8);
	trampoline = memmem(trampoline, 64, "\x0f\x01\xef", 3);
	if (trampoline)
		judge_rights(zero_and_call(trampoline));
}

bool gate_of_comparison(void)
{
	be_hot(harmless_and_call, harmless_site, HARMLESS_DISPLACEMENT);
	return !has_keys || patched(harmless_site);
}

void try_gates(bool control)
{
	attempt("reach", "gate-prefix", prefix);
	if (!control) /* no such gate is made */
		attempt("jump", "gate-displacement", displacement);
}
