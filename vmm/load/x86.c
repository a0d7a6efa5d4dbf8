/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction lengths by table. The maps are SDM 2 appendix A, tables, for
 * 64-bit mode; test/unit/load compares them with Zydis. One letter per opcode:
 *
 *      .  nothing follows          m  ModRM           b  8-bit immediate
 *      x  no instruction           M  ModRM, imm8     z  16/32-bit immediate
 *      o  moffs, 8 bytes           Z  ModRM, imm16/32 v  16/32/64-bit immediate
 *      w  16-bit immediate         t  group 3, imm8   J  32-bit, whatever the prefixes
 *      e  enter: imm16, imm8       T  group 3, imm16/32
 */
#include "vmm/load/x86.h"

static const char one_byte[257] = "mmmmbzxxmmmmbzxx"  /* 00: add, or */
				  "mmmmbzxxmmmmbzxx"  /* 10: adc, sbb */
				  "mmmmbzxxmmmmbzxx"  /* 20: and, sub; prefixes are not looked up */
				  "mmmmbzxxmmmmbzxx"  /* 30: xor, cmp */
				  "xxxxxxxxxxxxxxxx"  /* 40: REX */
				  "................"  /* 50: push, pop */
				  "xxxmxxxxzZbM...."  /* 60: movslq; push, imul; ins, outs */
				  "bbbbbbbbbbbbbbbb"  /* 70: jcc */
				  "MZxMmmmmmmmmmmmm"  /* 80: group 1, test, xchg, mov, lea, pop */
				  "..........x....."  /* 90: xchg, cltq, fwait, pushf, sahf */
				  "oooo....bz......"  /* a0: mov moffs, strings, test */
				  "bbbbbbbbvvvvvvvv"  /* b0: mov */
				  "MMw.xxMZe.w..bx."  /* c0: shifts, ret, mov, enter, int, iret */
				  "mmmmxxx.mmmmmmmm"  /* d0: shifts, xlat, x87 */
				  "bbbbbbbbJJxb...."  /* e0: loop, in, out, call, jmp */
				  "x.xx..tT......mm"; /* f0: hlt, group 3, cli ..., inc, dec, ff */

static const char two_byte[257] = "mmmmx.....x.xm.M" /* 00: groups 6, 7, syscall, clts, ud2 */
				  "mmmmmmmmmmmmmmmm" /* 10: SSE moves, hint NOPs */
				  "mmmmxxxxmmmmmmmm" /* 20: mov cr, dr; SSE */
				  "......x.xxxxxxxx" /* 30: wrmsr, rdtsc ... getsec */
				  "mmmmmmmmmmmmmmmm" /* 40: cmov */
				  "mmmmmmmmmmmmmmmm" /* 50 */
				  "mmmmmmmmmmmmmmmm" /* 60 */
				  "MMMMmmm.mmxxmmmm" /* 70: pshuf, shifts, emms */
				  "JJJJJJJJJJJJJJJJ" /* 80: jcc */
				  "mmmmmmmmmmmmmmmm" /* 90: setcc */
				  "...mMmmm...mMmmm" /* a0: push fs, cpuid, bt, shld, VIA, fences */
				  "mmmmmmmmmmMmmmmm" /* b0: cmpxchg, movzx, bts, movsx */
				  "mmMmMMMm........" /* c0: xadd, cmpps, movnti, bswap */
				  "mmmmmmmmmmmmmmmm" /* d0 */
				  "mmmmmmmmmmmmmmmm" /* e0 */
				  "mmmmmmmmmmmmmmmm"; /* f0 */

struct cursor {
	const uint8_t *bytes;
	size_t room, at;
};

static int peek(const struct cursor *c)
{
	return c->at < c->room && c->at < X86_MAX ? c->bytes[c->at] : -1;
}

static int next(struct cursor *c)
{
	int byte = peek(c);

	c->at++;
	return byte;
}

/* Notes what a legacy prefix means; false: it is none. */
static bool legacy_prefix(struct x86 *insn, int byte)
{
	switch (byte) {
	case 0x66:
		insn->operand16 = true;
		return true;
	case 0x67:
		insn->address32 = true;
		return true;
	case 0x64:
	case 0x65:
		insn->segment = true;
		return true;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0xf0:
	case 0xf2:
	case 0xf3:
		return true;
	default:
		return false;
	}
}

static bool is_rex(int byte)
{
	return byte >= 0 && (byte & 0xf0) == 0x40;
}

/* A REX prefix counts only directly in front of the opcode (SDM 2 2.2.1): one with
 * another prefix behind it is as good as a legacy prefix without meaning. */
static void legacy_prefixes(struct x86 *insn, struct cursor *c)
{
	for (;; c->at++, insn->prefixes++) {
		struct x86 ignored = {0};
		struct cursor behind = {c->bytes, c->room, c->at + 1};

		if (!legacy_prefix(insn, peek(c)) &&
		    !(is_rex(peek(c)) &&
		      (is_rex(peek(&behind)) || legacy_prefix(&ignored, peek(&behind)))))
			return;
	}
}

/* VEX and EVEX (SDM 2 2.3, 2.7): c5 p, c4 p p, 62 p p p; the first p of the long
 * forms names the map in its lower bits. */
static bool vex(struct x86 *insn, struct cursor *c, int escape)
{
	int payload = next(c);

	insn->vex = true;
	insn->map = 2;
	if (payload < 0)
		return false;
	if (escape != 0xc5) {
		insn->map = (uint8_t)((payload & (escape == 0x62 ? 7 : 31)) + 1);
		if (escape == 0x62 && insn->map >= 6) /* maps 5 and 6, FP16: like 0f 38 */
			insn->map = 3;
		c->at += escape == 0x62 ? 2 : 1;
	}
	return insn->map >= 2 && insn->map <= 4;
}

/* The letter of the opcode; fills in map and opcode. */
static char opcode(struct x86 *insn, struct cursor *c)
{
	int byte = next(c);

	insn->map = 1;
	if (is_rex(byte)) {
		insn->rex = (uint8_t)byte;
		byte = next(c);
	}
	if (byte == 0xc4 || byte == 0xc5 || byte == 0x62) {
		if (!vex(insn, c, byte))
			return 'x';
		byte = next(c);
	} else if (byte == 0x0f) {
		insn->map = 2;
		byte = next(c);
		if (byte == 0x38 || byte == 0x3a) {
			insn->map = byte == 0x38 ? 3 : 4;
			byte = next(c);
		}
	}
	if (byte < 0)
		return 'x';
	insn->opcode = (uint8_t)byte;
	switch (insn->map) {
	case 1:
		return one_byte[byte];
	case 2: /* with VEX everything but vzeroupper has a ModRM */
		if (insn->vex && byte != 0x77)
			return two_byte[byte] == 'M' ? 'M' : 'm';
		return two_byte[byte];
	default:
		return insn->map == 3 ? 'm' : 'M';
	}
}

static void modrm(struct x86 *insn, struct cursor *c)
{
	int byte;

	insn->modrm_at = (uint8_t)c->at;
	byte = next(c);
	if (byte < 0)
		return;
	insn->mod = (uint8_t)(byte >> 6);
	insn->reg = byte >> 3 & 7;
	insn->rm = byte & 7;
	if (insn->map == 2 && !insn->vex && (insn->opcode & 0xfc) == 0x20)
		insn->mod = 3; /* mov %cr, %dr: registers whatever mod says (SDM 2, MOV) */
	if (insn->mod == 3)
		return;
	if (insn->rm == 4) {
		byte = next(c);
		insn->sib = (uint8_t)byte;
	}
	if (insn->mod == 1)
		insn->disp_size = 1;
	else if (insn->mod == 2 || insn->rm == 5 || (insn->rm == 4 && (insn->sib & 7) == 5))
		insn->disp_size = 4;
	insn->disp_at = insn->disp_size ? (uint8_t)c->at : 0;
	c->at += insn->disp_size;
}

static uint8_t immediate(const struct x86 *insn, char letter)
{
	uint8_t z = insn->operand16 && !(insn->rex & X86_REX_W) ? 2 : 4;

	switch (letter) {
	case 'b':
	case 'M':
		return 1;
	case 'z':
	case 'Z':
		return z;
	case 'v':
		return insn->rex & X86_REX_W ? 8 : z;
	case 'o':
		return insn->address32 ? 4 : 8;
	case 'J':
		return 4;
	case 'w':
		return 2;
	case 'e':
		return 3;
	case 't': /* test; the group's others have no immediate (SDM 2 table A-6) */
		return insn->reg < 2 ? 1 : 0;
	case 'T':
		return insn->reg < 2 ? z : 0;
	default:
		return 0;
	}
}

bool x86_decode(struct x86 *insn, const uint8_t *bytes, size_t room)
{
	struct cursor c = {bytes, room, 0};
	char letter;

	*insn = (struct x86){0};
	legacy_prefixes(insn, &c);
	letter = opcode(insn, &c);
	if (letter == 'x')
		return false;
	if (letter == 'm' || letter == 'M' || letter == 'Z' || letter == 't' || letter == 'T')
		modrm(insn, &c);
	insn->imm_size = immediate(insn, letter);
	insn->imm_at = insn->imm_size ? (uint8_t)c.at : 0;
	c.at += insn->imm_size;
	if (c.at > room || c.at > X86_MAX)
		return false;
	insn->length = (uint8_t)c.at;
	return true;
}
