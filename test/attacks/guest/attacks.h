/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks of a guest application on its kernel and on the VMM. main.c explains. */
#ifndef ATTACKS_H
#define ATTACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096

struct attack {
	const char *name;
	void (*run)(void); /* in a process of its own; comes back, or traps */
};

/* What the attacker knows: addresses of /targets (test/attacks/run). */
struct target {
	char kind[16]; /* data, readable, code, syscall, doors, range */
	char name[40];
	uintptr_t at, end;
};

extern struct target targets[];
extern int target_count;
extern uintptr_t secret; /* an address of the kernel's that applications must not read */
extern bool has_keys;	 /* does rdpkru work? */

/* gadgets.c: instructions that open protection keys, brought in by every way */
extern const struct attack gadgets[];
extern const size_t gadget_count;

/* state.c: strange registers, stacks, flags, frames */
extern const struct attack states[];
extern const size_t state_count;
void try_stacks(void);

/* gates.c: what patching makes of a program */
void try_gates(bool control);
bool gate_of_comparison(void); /* are such sites patched, where any are? */

/* reach.c: plain accesses; jumps, unless this is the control */
void try_targets(bool control);

/* works.c: what is no attack */
void try_works(void);

/* main.c */
void attempt(const char *kind, const char *name, void (*run)(void));
_Noreturn void verdict(void);	 /* is it open now? Makes no system call before it knows */
void judge_rights(uint32_t now); /* PKRU, just read */
_Noreturn void unable(const char *why);

/* entry.S */
typedef uint32_t gadget(void *area);
extern const char gadget_code[], gadget_code_end[];   /* wrpkru; rdpkru; ret */
extern const char restore_code[], restore_code_end[]; /* the same by xrstor */
gadget gadget_text, gadget_immediate, restore_text;
int neighbour(int value); /* value + 1, in the same page as the gadgets */
uint64_t exercise_here(uint8_t buffer[64]), exercise_there(uint8_t buffer[64]);

/* Sites of system calls that are patched when they are hot: a load in front of one, and
 * comparisons with a byte that is so far behind them. */
#define COMPARE_DISPLACEMENT  0x40ef0115
#define HARMLESS_DISPLACEMENT 0x40ed0115
typedef long flag_call(int descriptor);
long load_and_call(const void *at);
flag_call compare_and_call, harmless_and_call;
extern const uint8_t load_tail[], load_site[], compare_site[], harmless_site[];
uint32_t zero_and_call(const void *at); /* with zeros for wrpkru, and the zero flag set */

/* Go to `at` with a stack full of ways back to verdict(), rax, rdi, rsi, rdx given. */
extern volatile uint8_t *jump_opens; /* a byte to zero as the last thing before */
_Noreturn void jump(uintptr_t at, uintptr_t rax, uintptr_t rdi, const void *rsi, uintptr_t rdx);

/* Stand on stack `rsp`, do `what`, come back if that is possible. */
enum { PIVOT_SYSCALL, PIVOT_TRAP, PIVOT_PUSH, PIVOT_SPIN, PIVOT_STORM };
void pivot(uintptr_t rsp, int what);

#endif
