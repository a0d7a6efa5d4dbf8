/* SPDX-License-Identifier: BSD-2-Clause */
/*@140 What in front of a system call can make room for a jump
 *
 * A `syscall` has two bytes, a jump that reaches the VMM's trampolines from anywhere has
 * seven: `jmp *disp32`, ff 24 e5, through a pointer at an absolute address. So the
 * instruction in front of the system call is displaced too, to the trampoline, or two are:
 *
 *     b8 27 00 00 00  mov $39, %eax      ->      ff 24 e5 NN NN 06 00  jmp *0x6NNNN
 *     0f 05           syscall
 *
 *     48 89 ef        mov %rbp, %rdi     ->      ff 24 e5 NN NN 06 00  jmp *0x6NNNN
 *     31 c0           xor %eax, %eax                      |
 *     0f 05           syscall                            traps
 *
 * Addresses in code stay what they are. Where the system call was now lies 06, which is no
 * instruction: a jump to the system call itself, or its restart, traps there and is
 * taken for what it was. That is why the pointers lie at 0x6NNNN. All bytes of the
 * jump but the first two trap if control comes to them: e5 (in), NN and NN (from a list),
 * 06. So of two instructions the second has 2 or 3 bytes: its address, which
 * interrupted programs and jumps may have, is a byte that traps, and they go on at the
 * same instruction of the trampoline. A third would begin at a byte that does not.
 *
 * Whoever jumps into the middle of a displaced instruction, a program that hides
 * instructions in others, gets the original page back (gates.c); at the jump's second
 * byte, `and $0xe5, %al` is executed first, and a prefix of the jump leads to the jump: limits.
 *
 * The other form is what glibc makes of a cancellation point whose number is 0 (read):
 *
 *     80 3d rel32 00  cmpb $0, flag(%rip)    displaced
 *     74 13           je   ...               evaluated in the trampoline;
 *     31 c0           xor  %eax, %eax        done there too
 *     0f 05           syscall
 *
 * Where an instruction in front of the system call begins is established by boundary.h.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_WINDOW_H
#define AFTERBURN_BACKENDS_LINUX_WINDOW_H

#include "vmm/types.h"

#define WINDOW_JUMP	  7  /* bytes of the jump without its prefixes */
#define WINDOW_PREFIXES	  8  /* as many as 15 bytes of an instruction have room for */
#define WINDOW_STEPS	  10 /* instructions of a trampoline */
#define WINDOW_TRAMPOLINE 64 /* bytes of one */

enum window_form {
	WINDOW_NONE,
	WINDOW_PLAIN, /* one instruction or two, then the system call */
	WINDOW_FLAG,  /* cmpb with memory; conditional jump; xor; system call */
};

struct window {
	uint8_t form;
	uint8_t length; /* bytes of the displaced instruction, the first of two */
	uint8_t second; /* bytes of the one behind it; 0: there is none */
	uint16_t start; /* the first one's offset in the page */
	uint16_t end;	/* offset behind the bytes that the jump overwrites */
	uint16_t at;	/* offset of the system call */
};

/* Bytes to look at: as many as WINDOW_LEAD, the last two of them the system call's, which
 * is `at` bytes from the beginning of its page; what is in front of that may be known or
 * not. false: no window. */
#define WINDOW_LEAD 96
bool window_find(struct window *window, const uint8_t *code, unsigned length, unsigned at);

/* Bytes page[window->start .. end) that jump through the pointer at `pointer`. */
void window_patch(const struct window *window, uint32_t pointer, uint8_t *page);

/* Where a guest stands that is interrupted at an instruction of a trampoline. */
enum window_where {
	AT_NOWHERE,
	AT_INSIDE, /* at the window, and a single step goes on: nothing of it is done */
	AT_WINDOW,
	AT_BEHIND,  /* behind the displaced instruction, the first of two */
	AT_SYSCALL, /* at the system call */
	AT_GATE,    /* on the way into it: it has begun */
};

struct window_step {
	uint8_t at;    /* offset in the trampoline */
	uint8_t where; /* enum window_where */
	bool r11;      /* is in gate_r11 */
};

/* Addresses that a trampoline uses. The first is where it runs. */
struct window_places {
	mword trampoline;
	mword next;  /* 8 bytes: address behind the system call, in this process */
	mword other; /* 8 bytes: address behind the displaced instruction, the first of two */
	mword r11;   /* 8 bytes: kept here */
	mword gate;
};

/* Write the trampoline for a window of `page` to `code`, which begins with the displaced
 * instructions of a WINDOW_PLAIN, and zeros behind it; say what its instructions are to the
 * guest in `steps` (the last is AT_NOWHERE). false: its addresses would make an instruction
 * that opens protection keys (scan.h), for whoever jumps into it. */
bool window_trampoline(const struct window *window, const uint8_t *page,
		       const struct window_places *places, uint8_t code[WINDOW_TRAMPOLINE],
		       struct window_step steps[WINDOW_STEPS]);

/* The addresses from LAYOUT_POINTERS on that may stand in a jump: 0 when there are no more
 * than `index`. */
#define WINDOW_POINTERS 512
uint32_t window_pointer(unsigned index);

#endif
