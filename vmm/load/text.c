/* SPDX-License-Identifier: BSD-2-Clause */
/*@043 Absolute addresses inside of instructions
 *
 * C code is compiled with -fPIE and needs nothing. What is left is assembler, and a
 * few objects that may not be PIE. Three of their forms are changed in place:
 *
 *      mov $sym, %reg         48 c7 c0 imm32     lea sym(%rip), %reg     48 8d 05 rel32
 *      mov sym, %reg       48 8b 04 25 disp32    mov sym(%rip), %reg  2e 48 8b 05 rel32
 *      mov $1f, %rax; jmp *%rax                  mov literal(%rip), %rax; jmp *%rax
 *
 * In the second the pad is a %cs override, which 64-bit mode ignores (SDM 2 2.1.1), so
 * that it stays one instruction. The third is how a kernel leaves the identity mapping
 * it was started on: with lea it would stay there, for %rip is still physical. All
 * else goes to a trampoline (trampoline.c).
 *
 * A relocation names four bytes, and x86 cannot be read backwards: instructions are
 * read forward from the nearest symbol.
 */
#include "vmm/load/image.h"
#include "vmm/load/x86.h"
#include "vmm/string.h"

/* Farthest symbol in front of an instruction. Kernel functions are far smaller; it
 * bounds the work that a hostile file can ask for. */
#define SWEEP_MAX 0x40000

bool text_fail(struct image *image, enum load_error error, const struct fixup *fixup,
	       uint64_t start, unsigned length)
{
	uint64_t left;
	uint8_t *bytes = image_span(image, start, &left);
	struct load_failure *failure = image->failure;

	image_fail(image, error, fixup->section, fixup->index, start, fixup->value);
	if (!bytes)
		return false;
	if (length > left)
		length = (unsigned)left;
	failure->count = (uint8_t)(length < sizeof(failure->bytes) ? length : 15);
	memcpy(failure->bytes, bytes, failure->count);
	return false;
}

/* The instruction that covers the fixup's place. */
static uint8_t *find(struct image *image, const struct fixup *fixup, uint64_t *start,
		     struct x86 *insn)
{
	uint64_t left;

	for (*start = fixup->anchor; *start <= fixup->place; *start += insn->length) {
		uint8_t *bytes = image_span(image, *start, &left);

		if (!bytes || *start - fixup->anchor > SWEEP_MAX ||
		    !x86_decode(insn, bytes, left < X86_MAX ? (size_t)left : X86_MAX))
			break;
		if (*start + insn->length > fixup->place)
			return bytes;
	}
	text_fail(image, LOAD_E_TEXT_LOST, fixup, *start, X86_MAX);
	return NULL;
}

static bool is_mov_address(const struct x86 *insn)
{
	return insn->map == 1 && insn->opcode == 0xc7 && insn->mod == 3 && insn->reg == 0 &&
	       insn->rex & X86_REX_W && insn->prefixes == 0;
}

/* Is it followed by `jmp *%reg` of the same register? ff e0+r, 41 ff e0+r */
static bool before_jump(const struct image *image, uint64_t end, const struct x86 *insn)
{
	uint64_t left;
	const uint8_t *bytes = image_span(image, end, &left);
	bool high = insn->rex & X86_REX_B;

	if (!bytes || left < 2u + high || (high && *bytes++ != 0x41))
		return false;
	return bytes[0] == 0xff && bytes[1] == (0xe0 | insn->rm);
}

/* A literal in the place of a dead layout record: in the image, so that it is as far
 * from the instruction on the identity mapping as it is behind it. */
static bool add_literal(struct image *image, uint64_t value, uint64_t *address)
{
	unsigned i = image->literal_count;

	if (i == IMAGE_LITERALS || i >= image->word_count)
		return false;
	*address = image->result->layout.va - image->delta + i * 8;
	image->literals[i] = value;
	image->literal_count++;
	return true;
}

static bool fix_mov(struct image *image, const struct fixup *fixup, uint64_t start,
		    const struct x86 *insn, uint8_t *bytes)
{
	uint64_t end = start + insn->length;
	uint64_t target = fixup->value;
	bool jump = before_jump(image, end, insn);

	if (jump && !add_literal(image, fixup->value + image->delta, &target))
		return text_fail(image, LOAD_E_LITERALS_FULL, fixup, start, insn->length);
	if (!fits_rel32(target - end))
		return text_fail(image, LOAD_E_RELOC_VALUE, fixup, start, insn->length);
	bytes[0] = insn->rex & X86_REX_B ? 0x4c : 0x48; /* REX.W; the register is now in reg */
	bytes[1] = jump ? 0x8b : 0x8d;			/* mov rel(%rip), or lea */
	bytes[2] = (uint8_t)(insn->rm << 3 | 5);
	image_put32(bytes + 3, (uint32_t)(target - end));
	image->result->counts[jump ? LOAD_LITERAL : LOAD_LEA]++;
	return true;
}

/* ModRM 00 reg 100 and SIB xx 100 101: disp32 alone (SDM 2 table 2-3, note 1) */
static bool is_absolute(const struct x86 *insn)
{
	return insn->mod == 0 && insn->rm == 4 && (insn->sib & 0x3f) == 0x25 &&
	       !(insn->rex & X86_REX_X);
}

static bool fix_absolute(struct image *image, const struct fixup *fixup, uint64_t start,
			 const struct x86 *insn, uint8_t *bytes)
{
	uint64_t distance = fixup->value - (start + insn->length);
	unsigned sib = insn->modrm_at + 1u;

	if (!fits_rel32(distance))
		return text_fail(image, LOAD_E_RELOC_VALUE, fixup, start, insn->length);
	/* The SIB byte goes; a prefix comes, in front of REX, which must be last. */
	memmove(bytes + insn->prefixes + 1, bytes + insn->prefixes, sib - insn->prefixes);
	bytes[insn->prefixes] = AB_PREFIX;
	bytes[sib] = (uint8_t)(insn->reg << 3 | 5);
	image_put32(bytes + insn->disp_at, (uint32_t)distance);
	image->result->counts[LOAD_RIP]++;
	return true;
}

bool text_fix(struct image *image, const struct fixup *fixup)
{
	struct x86 insn;
	uint64_t start;
	uint8_t *bytes = find(image, fixup, &start, &insn);
	unsigned at;

	if (!bytes)
		return false;
	at = (unsigned)(fixup->place - start);
	if (insn.vex || insn.segment || insn.address32)
		return text_fail(image, LOAD_E_TEXT_UNKNOWN, fixup, start, insn.length);
	if (insn.imm_size == 4 && at == insn.imm_at) {
		if (is_mov_address(&insn))
			return fix_mov(image, fixup, start, &insn, bytes);
		return text_trampoline(image, fixup, start, &insn, true);
	}
	if (insn.disp_size == 4 && at == insn.disp_at && !(insn.mod == 0 && insn.rm == 5)) {
		if (is_absolute(&insn))
			return fix_absolute(image, fixup, start, &insn, bytes);
		return text_trampoline(image, fixup, start, &insn, false);
	}
	return text_fail(image, LOAD_E_TEXT_UNKNOWN, fixup, start, insn.length);
}
