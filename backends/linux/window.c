/* SPDX-License-Identifier: BSD-2-Clause */
/* window.h explains. */
#include "backends/linux/window.h"

#include "backends/linux/boundary.h"
#include "backends/linux/layout.h"
#include "backends/linux/scan.h"
#include "vmm/load/x86.h"

#define CALL  2 /* bytes of `syscall` */
#define ROOM  (WINDOW_JUMP - CALL)
#define TRAPS 3 /* bytes of the jump in front of the system call's that trap */

/* %ss, without meaning for a jump in 64-bit mode. Behind 0f ae, as ends of a program's
 * instructions may be, it is no xrstor, as %cs would be. */
#define PREFIX 0x36

/* What is in front of the system call. */
struct code {
	const uint8_t *bytes;
	unsigned length;
};

static void copy(uint8_t *to, const void *from, size_t length)
{
	__builtin_memcpy(to, from, length);
}

/* The length of the instruction that ends `back` bytes in front of the system call. */
static unsigned length_before(const struct code *code, unsigned back)
{
	return boundary_before(code->bytes, code->length, code->length - CALL - back);
}

/* --- what may be displaced ------------------------------------------------------------ */

/* Opcodes that do the same anywhere: moves, lea, arithmetic with registers, memory,
 * immediates. No flow, no stack, no strings, nothing privileged. */
static bool innocuous(const struct x86 *insn)
{
	static const uint8_t one_byte[] = {0x01, 0x03, 0x09, 0x0b, 0x21, 0x23, 0x29, 0x2b,
					   0x31, 0x33, 0x39, 0x3b, 0x63, 0x81, 0x83, 0x85,
					   0x88, 0x89, 0x8a, 0x8b, 0x8d, 0xb8, 0xb9, 0xba,
					   0xbb, 0xbc, 0xbd, 0xbe, 0xbf, 0xc6, 0xc7};
	static const uint8_t two_byte[] = {0xb6, 0xb7, 0xbe, 0xbf}; /* movzx, movsx */
	const uint8_t *list = insn->map == 1 ? one_byte : two_byte;
	size_t count = insn->map == 1 ? sizeof(one_byte) : sizeof(two_byte);

	if (insn->vex || insn->prefixes || insn->map > 2)
		return false;
	if (insn->map == 1 && (insn->opcode & 0xfe) == 0xc6 && insn->reg)
		return false;
	if (insn->modrm_at && insn->mod == 0 && insn->rm == 5)
		return false; /* relative to the instruction pointer */
	for (size_t i = 0; i < count; i++)
		if (list[i] == insn->opcode)
			return true;
	return false;
}

/* The length of the instruction that ends `back` bytes in front of the system call if it
 * may be displaced, or 0. */
static unsigned innocuous_before(const struct code *code, unsigned back)
{
	unsigned length = length_before(code, back);
	const uint8_t *first = code->bytes + code->length - CALL - back - length;
	struct x86 insn;

	return length && x86_decode(&insn, first, length) && innocuous(&insn) ? length : 0;
}

static bool plain(struct window *window, const struct code *code, unsigned at)
{
	unsigned first = innocuous_before(code, 0), second = 0, all;

	if (first && first <= TRAPS) {
		second = first;
		first = innocuous_before(code, second);
	}
	all = first + second;
	if (!first || all < ROOM || all > ROOM + WINDOW_PREFIXES || all > at)
		return false;
	*window = (struct window){
		.form = WINDOW_PLAIN,
		.length = (uint8_t)first,
		.second = (uint8_t)second,
		.start = (uint16_t)(at - all),
		.end = (uint16_t)(at + CALL),
		.at = (uint16_t)at,
	};
	return true;
}

#define CMP  7 /* 80 3d rel32 ib */
#define JUMP 2 /* 74 or 75 rel8 */
#define XOR  2 /* 31 c0 */
#define FORM (CMP + JUMP + XOR)

static bool flag(struct window *window, const struct code *code, unsigned at)
{
	const uint8_t *cmp = code->bytes + code->length - CALL - FORM;

	if (at < FORM || cmp[0] != 0x80 || cmp[1] != 0x3d || (cmp[CMP] & 0xfe) != 0x74 ||
	    cmp[CMP + JUMP] != 0x31 || cmp[CMP + JUMP + 1] != 0xc0)
		return false;
	if (length_before(code, 0) != XOR || length_before(code, XOR + JUMP) != CMP)
		return false;
	*window = (struct window){
		.form = WINDOW_FLAG,
		.length = CMP,
		.start = (uint16_t)(at - FORM),
		.end = (uint16_t)(at - FORM + CMP),
		.at = (uint16_t)at,
	};
	return true;
}

bool window_find(struct window *window, const uint8_t *bytes, unsigned length, unsigned at)
{
	const struct code code = {bytes, length};

	if (length < FORM + CALL || length > WINDOW_LEAD || at + CALL > PAGE_SIZE)
		return false;
	if (bytes[length - 2] != 0x0f || bytes[length - 1] != 0x05)
		return false;
	return flag(window, &code, at) || plain(window, &code, at);
}

/* --- the jump ------------------------------------------------------------------------- */

/* Bytes that fault as first of an instruction in 64-bit user mode: none there (SDM 2
 * table A-2; d5 is one with APX), or in and out. Low bytes are 8 apart, as pointers have 8 bytes.
 */
static const uint8_t low[] = {0x06, 0x0e, 0x16, 0x1e, 0x27, 0x2f, 0x37, 0x60,
			      0x6c, 0x82, 0x9a, 0xce, 0xd6, 0xe4, 0xec, 0xf4};
static const uint8_t high[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
			       0x60, 0x61, 0x6c, 0x6d, 0x6e, 0x6f, 0x82, 0x9a, 0xce, 0xd4, 0xef,
			       0xd6, 0xe4, 0xe5, 0xe6, 0xe7, 0xea, 0xec, 0xed, 0xee, 0xf4};

_Static_assert(sizeof(low) * sizeof(high) == WINDOW_POINTERS, "a pointer for each pair");
_Static_assert(LAYOUT_POINTERS >> 16 == 0x06, "the byte where the system call was");

uint32_t window_pointer(unsigned index)
{
	return LAYOUT_POINTERS | (uint32_t)high[index / sizeof(low)] << 8 |
	       low[index % sizeof(low)];
}

void window_patch(const struct window *window, uint32_t pointer, uint8_t *page)
{
	uint8_t *at = page + window->start;

	while (at < page + window->end - WINDOW_JUMP)
		*at++ = PREFIX;
	*at++ = 0xff; /* jmp *pointer, with a SIB of no base and no index: scale 8 */
	*at++ = 0x24;
	*at++ = 0xe5;
	copy(at, &pointer, sizeof(pointer));
}

/* --- the trampoline -------------------------------------------------------------------- */

struct writer {
	uint8_t *code;
	unsigned at;
	struct window_step *step;
	const struct window_places *places;
};

static void step(struct writer *w, enum window_where where, bool r11)
{
	*w->step++ = (struct window_step){(uint8_t)w->at, (uint8_t)where, r11};
}

static void bytes(struct writer *w, const void *from, size_t length)
{
	copy(w->code + w->at, from, length);
	w->at += (unsigned)length;
}

#define BYTES(w, ...)                                                                              \
	bytes(w, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* The last field of an instruction, relative to its end. */
static void relative(struct writer *w, mword target)
{
	int32_t value = (int32_t)(target - (w->places->trampoline + w->at + 4));

	bytes(w, &value, sizeof(value));
}

static void enter_gate(struct writer *w)
{
	step(w, AT_SYSCALL, false);
	BYTES(w, 0x48, 0x8b, 0x0d); /* mov next(%rip), %rcx */
	relative(w, w->places->next);
	step(w, AT_GATE, false);
	BYTES(w, 0xe9); /* jmp gate */
	relative(w, w->places->gate);
}

static void plain_trampoline(struct writer *w, const struct window *window, const uint8_t *page)
{
	step(w, AT_INSIDE, false);
	bytes(w, page + window->start, window->length);
	if (window->second) {
		step(w, AT_BEHIND, false);
		bytes(w, page + window->start + window->length, window->second);
	}
	enter_gate(w);
}

/* %r11 holds an address for a moment. In one process one thread of the guest is in here
 * at a time: interrupted ones are put back to the window. */
static void keep_r11(struct writer *w, uint8_t opcode)
{
	BYTES(w, 0x4c, opcode, 0x1d); /* mov %r11, r11(%rip), or back */
	relative(w, w->places->r11);
}

static void flag_trampoline(struct writer *w, const struct window *window, const uint8_t *page)
{
	const uint8_t *cmp = page + window->start;
	unsigned to_gate = XOR + 7 + 5;
	int32_t displacement;

	copy((uint8_t *)&displacement, cmp + 2, sizeof(displacement));
	displacement -= FORM + CALL - CMP; /* from its end to behind the call */
	step(w, AT_INSIDE, false);
	keep_r11(w, 0x89);
	step(w, AT_INSIDE, false);
	BYTES(w, 0x4c, 0x8b, 0x1d); /* mov next(%rip), %r11 */
	relative(w, w->places->next);
	step(w, AT_INSIDE, true);
	BYTES(w, 0x41, 0x80, 0xbb); /* cmpb $imm8, displacement(%r11) */
	bytes(w, &displacement, sizeof(displacement));
	bytes(w, cmp + 6, 1);
	step(w, AT_BEHIND, true);
	keep_r11(w, 0x8b);
	step(w, AT_BEHIND, false);
	BYTES(w, cmp[CMP], (uint8_t)to_gate); /* the program's own condition */
	step(w, AT_BEHIND, false);
	BYTES(w, 0x31, 0xc0); /* xor %eax, %eax */
	enter_gate(w);
	step(w, AT_BEHIND, false);
	BYTES(w, 0xff, 0x25); /* jmp *other(%rip): the condition is evaluated again there */
	relative(w, w->places->other);
}

static bool opens_keys(const uint8_t code[WINDOW_TRAMPOLINE])
{
	for (unsigned at = 0; at + 3 <= WINDOW_TRAMPOLINE; at++)
		if (scan_at(code + at) != SCAN_NOTHING)
			return true;
	return false;
}

bool window_trampoline(const struct window *window, const uint8_t *page,
		       const struct window_places *places, uint8_t code[WINDOW_TRAMPOLINE],
		       struct window_step steps[WINDOW_STEPS])
{
	struct writer w = {code, 0, steps, places};

	__builtin_memset(code, 0, WINDOW_TRAMPOLINE);
	if (window->form == WINDOW_FLAG)
		flag_trampoline(&w, window, page);
	else
		plain_trampoline(&w, window, page);
	w.step->where = AT_NOWHERE;
	return !opens_keys(code);
}
