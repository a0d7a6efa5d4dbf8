/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of a sensitive instruction to struct insn.
 *
 * Prefixes, opcode, a line of opcodes.c, ModRM, immediate: in the order of the
 * bytes (SDM 2, 2.1). Redundant prefixes are part of the instruction: the
 * assembler stage pads with them. 16-bit addressing is not known.
 */
#include "vmm/cpu/opcodes.h"
#include "vmm/insn.h"
#include "vmm/vcpu.h"

/* What has been read so far. `short_read`: ran out of bytes. */
struct reader {
	const uint8_t *bytes;
	size_t room, at;
	bool short_read;
	unsigned bits;
	bool size_prefix, address_prefix, lock;
	uint8_t rep, rex, segment;
	uint8_t map, opcode;
	bool has_modrm;
	uint8_t modrm;
};

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

static uint8_t next_byte(struct reader *reader)
{
	if (reader->at >= reader->room) {
		reader->short_read = true;
		return 0;
	}
	return reader->bytes[reader->at++];
}

static uint8_t peek_byte(const struct reader *reader)
{
	return reader->at < reader->room ? reader->bytes[reader->at] : 0;
}

/* `count` bytes, little-endian, sign-extended. */
static int64_t next_value(struct reader *reader, unsigned count)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < count; i++)
		value |= (uint64_t)next_byte(reader) << (8 * i);
	return (int64_t)(value << (64 - 8 * count)) >> (64 - 8 * count);
}

/* One legacy prefix; false: the byte is none. */
static bool take_prefix(struct reader *reader, uint8_t byte)
{
	static const struct {
		uint8_t byte, segment;
	} overrides[] = {
		{0x26, SEG_ES}, {0x2e, SEG_CS}, {0x36, SEG_SS},
		{0x3e, SEG_DS}, {0x64, SEG_FS}, {0x65, SEG_GS},
	};

	for (unsigned i = 0; i < sizeof(overrides) / sizeof(overrides[0]); i++) {
		if (overrides[i].byte == byte) {
			/* in 64-bit mode es, cs, ss, ds overrides do nothing (SDM 2, 2.1.1) */
			if (reader->bits == 32 || byte >= 0x64)
				reader->segment = overrides[i].segment;
			return true;
		}
	}
	if (byte == 0x66)
		reader->size_prefix = true;
	else if (byte == 0x67)
		reader->address_prefix = true;
	else if (byte == 0xf0)
		reader->lock = true;
	else if (byte == 0xf2 || byte == 0xf3)
		reader->rep = byte;
	else
		return false;
	return true;
}

/* REX counts only directly in front of the opcode (SDM 2, 2.2.1). */
static void read_prefixes(struct reader *reader)
{
	for (;;) {
		uint8_t byte = peek_byte(reader);

		if (reader->at >= reader->room)
			return;
		if (reader->bits == 64 && (byte & 0xf0) == 0x40)
			reader->rex = byte;
		else if (take_prefix(reader, byte))
			reader->rex = 0;
		else
			return;
		reader->at++;
	}
}

static void read_opcode(struct reader *reader)
{
	reader->map = MAP_ONE;
	reader->opcode = next_byte(reader);
	if (reader->opcode != 0x0f)
		return;
	reader->map = MAP_0F;
	reader->opcode = next_byte(reader);
	if (reader->opcode == 0x38 || reader->opcode == 0x3a) {
		reader->map = reader->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
		reader->opcode = next_byte(reader);
	}
}

static bool prefix_fits(const struct reader *reader, uint8_t wanted)
{
	switch (wanted) {
	case PREFIX_NONE:
		return !reader->rep && !reader->size_prefix;
	case PREFIX_NO_REP:
		return !reader->rep;
	case PREFIX_66:
		return !reader->rep && reader->size_prefix;
	case PREFIX_F3:
		return reader->rep == 0xf3;
	case PREFIX_F2:
		return reader->rep == 0xf2;
	default:
		return true;
	}
}

static bool form_fits(const struct reader *reader, const struct opcode *opcode)
{
	bool reg = reader->modrm >> 6 == 3;

	if (opcode->form == FORM_PLAIN)
		return true;
	if (opcode->form == FORM_BYTE)
		return reader->modrm == opcode->reg;
	/* in les and lds the line's `reg` is the segment, not a part of the opcode */
	if (opcode->reg != ANY_REG && opcode->class != AB_CLASS_LOAD_FAR &&
	    opcode->reg != (reader->modrm >> 3 & 7))
		return false;
	return (opcode->form != FORM_MEM || !reg) && (opcode->form != FORM_REG || reg);
}

/* Lines are ordered by this: a trap must not look at all of them (0.9 us). */
#define OPCODE_KEY(of) ((unsigned)((of)->map << 8 | (of)->opcode))

/* The first line of the reader's opcode, or the one behind where it would be. */
static const struct opcode *first_line(const struct reader *reader)
{
	unsigned key = OPCODE_KEY(reader);
	size_t low = 0, high;
	const struct opcode *table = opcode_table(&high);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (OPCODE_KEY(&table[middle]) < key)
			low = middle + 1;
		else
			high = middle;
	}
	return &table[low];
}

static const struct opcode *find(struct reader *reader)
{
	size_t count;
	const struct opcode *end = opcode_table(&count) + count;
	uint8_t wrong_mode = reader->bits == 64 ? ONLY_32 : ONLY_64;

	for (const struct opcode *opcode = first_line(reader);
	     opcode < end && OPCODE_KEY(opcode) == OPCODE_KEY(reader); opcode++) {
		if (opcode->form != FORM_PLAIN && !reader->has_modrm) {
			reader->modrm = next_byte(reader);
			reader->has_modrm = true;
		}
		if (!(opcode->flags & wrong_mode) && prefix_fits(reader, opcode->prefix) &&
		    form_fits(reader, opcode))
			return opcode;
	}
	return NULL;
}

static uint8_t operand_size(const struct reader *reader, uint8_t size)
{
	uint8_t word = reader->bits == 64 ? 8 : 4;
	uint8_t small = reader->size_prefix ? 2 : 4;

	switch (size) {
	case SIZE_1:
		return 1;
	case SIZE_2:
		return 2;
	case SIZE_V:
		return reader->rex & REX_W ? 8 : small;
	case SIZE_Z:
		return small;
	case SIZE_D64:
		return reader->size_prefix && !(reader->rex & REX_W) ? 2 : word;
	default:
		return word;
	}
}

static void read_sib(struct reader *reader, struct insn *insn, unsigned mod)
{
	uint8_t sib = next_byte(reader);
	uint8_t index = (sib >> 3 & 7) | (reader->rex & REX_X ? 8 : 0);

	insn->scale = (uint8_t)(1 << (sib >> 6));
	if (index != RSP) /* 4 without REX.X: none (SDM 2, table 2-3) */
		insn->index = index;
	if ((sib & 7) == 5 && mod == 0)
		insn->disp = (int32_t)next_value(reader, 4);
	else
		insn->base = (sib & 7) | (reader->rex & REX_B ? 8 : 0);
}

static void read_memory(struct reader *reader, struct insn *insn)
{
	unsigned mod = reader->modrm >> 6, rm = reader->modrm & 7;

	insn->rm_kind = INSN_RM_MEM;
	if (rm == 4) {
		read_sib(reader, insn, mod);
	} else if (mod == 0 && rm == 5) {
		insn->disp = (int32_t)next_value(reader, 4);
		if (reader->bits == 64)
			insn->rm_kind = INSN_RM_RIP;
	} else {
		insn->base = (uint8_t)(rm | (reader->rex & REX_B ? 8 : 0));
	}
	if (mod == 1)
		insn->disp = (int32_t)next_value(reader, 1);
	else if (mod == 2)
		insn->disp = (int32_t)next_value(reader, 4);
}

/* The register of ModRM.reg. REX.R does not reach segment registers, which there are
 * six of; lss, lfs, lgs name theirs by the opcode, which goes into `segment_loaded`. */
static uint8_t reg_of(const struct reader *reader, const struct opcode *opcode)
{
	uint8_t reg = reader->modrm >> 3 & 7;

	if (opcode->class == AB_CLASS_MOV_FROM_SEG || opcode->class == AB_CLASS_MOV_TO_SEG)
		return reg;
	return reg | (reader->rex & REX_R ? 8 : 0);
}

static uint8_t loaded_segment(const struct opcode *opcode)
{
	if (opcode->map == MAP_ONE)
		return opcode->reg;
	return opcode->opcode == 0xb2 ? SEG_SS : opcode->opcode == 0xb4 ? SEG_FS : SEG_GS;
}

static void read_modrm(struct reader *reader, const struct opcode *opcode, struct insn *insn)
{
	if (opcode->form == FORM_PLAIN) {
		insn->reg = opcode->reg;
		return;
	}
	if (opcode->form == FORM_BYTE)
		return;
	insn->reg = reg_of(reader, opcode);
	if (opcode->class == AB_CLASS_LOAD_FAR)
		insn->imm = loaded_segment(opcode);
	if (reader->modrm >> 6 == 3 || opcode->form == FORM_ALWAYS_REG) {
		insn->rm_kind = INSN_RM_REG;
		insn->rm = (reader->modrm & 7) | (reader->rex & REX_B ? 8 : 0);
	} else {
		read_memory(reader, insn);
	}
}

static void read_immediate(struct reader *reader, const struct opcode *opcode, struct insn *insn)
{
	if (opcode->flags & IMM_8)
		insn->imm = next_value(reader, 1) & 0xff;
	if (opcode->flags & IMM_16)
		insn->imm = next_value(reader, 2) & 0xffff;
	if (opcode->flags & FAR_POINTER) {
		int64_t offset = next_value(reader, insn->operand);

		insn->disp = (int32_t)offset;
		insn->imm = next_value(reader, 2) & 0xffff;
	}
	if (reader->map == MAP_ONE && opcode->opcode == 0xce) /* into is int $4 */
		insn->imm = VECTOR_OF;
}

/* APM 3, "MOV CRn": a lock prefix adds 8 to the number. */
static void apply_lock(const struct reader *reader, struct insn *insn)
{
	if (reader->lock &&
	    (insn->class == AB_CLASS_MOV_FROM_CR || insn->class == AB_CLASS_MOV_TO_CR))
		insn->reg |= 8;
}

/* Ports and bits are named by an immediate or by a register: `reg` tells which. */
static void note_immediate(const struct opcode *opcode, struct insn *insn)
{
	if (insn->class == AB_CLASS_IN || insn->class == AB_CLASS_OUT)
		insn->reg = RDX;
	if (opcode->flags & IMM_8)
		insn->reg = INSN_NO_REG;
}

unsigned insn_decode(struct insn *insn, const uint8_t *bytes, size_t room, unsigned bits)
{
	struct reader reader = {
		.bytes = bytes,
		.room = room < INSN_MAX ? room : INSN_MAX,
		.bits = bits,
		.segment = INSN_NO_REG,
	};
	const struct opcode *opcode;

	read_prefixes(&reader);
	read_opcode(&reader);
	opcode = reader.short_read ? NULL : find(&reader);
	if (!opcode || reader.short_read || (reader.lock && !(opcode->flags & LOCKABLE)))
		return 0;
	if (bits == 32 && reader.address_prefix && opcode->form != FORM_PLAIN &&
	    opcode->form != FORM_BYTE && opcode->form != FORM_ALWAYS_REG && reader.modrm >> 6 != 3)
		return 0; /* 16-bit addressing */
	*insn = (struct insn){
		.class = opcode->class,
		.operand = operand_size(&reader, opcode->size),
		.base = INSN_NO_REG,
		.index = INSN_NO_REG,
		.rm = INSN_NO_REG,
		.reg = INSN_NO_REG,
		.scale = 1,
		.segment = reader.segment,
		.rep = reader.rep,
	};
	insn->address =
		bits == 64 ? (reader.address_prefix ? 4 : 8) : (reader.address_prefix ? 2 : 4);
	read_modrm(&reader, opcode, insn);
	read_immediate(&reader, opcode, insn);
	apply_lock(&reader, insn);
	note_immediate(opcode, insn);
	if (reader.short_read)
		return 0;
	insn->length = (uint8_t)reader.at;
	return insn->length;
}
