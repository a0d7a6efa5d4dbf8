/* SPDX-License-Identifier: BSD-2-Clause */
/* 8259A programmable interrupt controllers, master and slave.
 *
 * From the data sheet, Intel 231468-003; the edge/level registers from the
 * 82371AB (PIIX4) data sheet, 4.2.5. What decides over lost and doubled interrupts:
 *
 * - A request is an edge and a level: "the IR inputs must remain high until after
 *   the falling edge of the first INTA", otherwise the request is withdrawn, and if
 *   the processor had already seen INTR it gets IR7 ("default"), with no bit set in
 *   the in-service register.
 * - The slave's INT line falls at each acknowledge and rises again for what is
 *   left: the master's IR2 is edge-triggered too and would miss the rest otherwise.
 *
 * Not modelled, and fatal: single chips, the MCS-80 mode, other wirings. LTIM is
 * ignored, as chip sets with edge/level registers do.
 */
#include "vmm/devices/i8259.h"

#include "vmm/backend.h"

#define BIT8(n) ((uint8_t)(1u << (n)))

enum {
	CASCADE = 2, /* the master's input to which the slave is wired */
	SPURIOUS = 7,
	NO_LINE = -1,
};

enum {
	ICW1 = 0x10, /* at the even port; without it: OCW2 or OCW3 */
	ICW1_ICW4 = 0x01,
	ICW1_SINGLE = 0x02,
	ICW2_VECTOR = 0xf8,
	ICW4_8086 = 0x01,
	ICW4_AUTO_EOI = 0x02,
	ICW4_SPECIAL_NESTED = 0x10,
};

enum {
	OCW2_LINE = 0x07,
	OCW2_EOI = 0x20,
	OCW2_SPECIFIC = 0x40,
	OCW2_ROTATE = 0x80,
	OCW3 = 0x08,
	OCW3_READ_IN_SERVICE = 0x01,
	OCW3_READ = 0x02,
	OCW3_POLL = 0x04,
	OCW3_SPECIAL_MASK = 0x20,
	OCW3_SET_SPECIAL_MASK = 0x40,
	POLL_REQUEST = 0x80,
};

/* The timer, the keyboard, the cascade, the clock and the coprocessor are always
 * edge-triggered. */
enum {
	MASTER_LEVEL_CAPABLE = 0xf8,
	SLAVE_LEVEL_CAPABLE = 0xde,
	SCI_AT_SLAVE = 9 - 8,
};

/* What the processor would read as IRR. */
static uint8_t requests(const struct i8259_chip *chip)
{
	return (uint8_t)((chip->latch & ~chip->level) | (chip->lines & chip->level));
}

/* The bit of `set` with the highest priority, that of the input after `lowest`. */
static int highest(const struct i8259_chip *chip, uint8_t set)
{
	unsigned first = chip->lowest + 1u;
	unsigned rotated = (set | (unsigned)set << 8) >> (first & 7);

	return set ? (int)((first + (unsigned)__builtin_ctz(rotated)) & 7) : NO_LINE;
}

/* 0 is the highest; 8 for NO_LINE. */
static unsigned rank(const struct i8259_chip *chip, int line)
{
	return line == NO_LINE ? 8 : (unsigned)(line - chip->lowest - 1) & 7;
}

/* The input for which the chip asserts INT. In-service inputs hold back their own
 * and lower priorities; not those that are masked in special mask mode, nor the
 * slave's in special fully nested mode. */
static int requested_line(const struct i8259_chip *chip)
{
	int line = highest(chip, requests(chip) & (uint8_t)~chip->mask);
	uint8_t holding = chip->in_service;

	if (chip->special_mask)
		holding &= (uint8_t)~chip->mask;
	if (chip->special_nested && chip->wiring == BIT8(CASCADE))
		holding &= (uint8_t)~BIT8(CASCADE);
	return rank(chip, line) < rank(chip, highest(chip, holding)) ? line : NO_LINE;
}

static void set_input(struct i8259_chip *chip, unsigned input, bool level)
{
	uint8_t bit = BIT8(input);

	if (!level) {
		chip->lines &= (uint8_t)~bit;
		chip->latch &= (uint8_t)~bit;
	} else if (!(chip->lines & bit)) {
		chip->lines |= bit;
		chip->latch |= bit;
	}
}

/* The slave's INT output is the master's input 2. */
static void update_cascade(struct i8259 *pic)
{
	set_input(&pic->master, CASCADE, requested_line(&pic->slave) != NO_LINE);
}

/* An acknowledge cycle at one chip. */
static int acknowledge_chip(struct i8259 *pic, struct i8259_chip *chip)
{
	int line = requested_line(chip);

	if (line != NO_LINE) {
		chip->latch &= (uint8_t)~BIT8(line);
		if (!chip->auto_eoi)
			chip->in_service |= BIT8(line);
		else if (chip->rotate)
			chip->lowest = (uint8_t)line;
	}
	if (chip == &pic->slave) {
		set_input(&pic->master, CASCADE, false);
		update_cascade(pic);
	}
	return line;
}

static void initialize(struct i8259_chip *chip, uint8_t icw1)
{
	if (icw1 & ICW1_SINGLE)
		backend_fatal("8259A: a chip without cascade");
	if (!(icw1 & ICW1_ICW4))
		backend_fatal("8259A: MCS-80 mode");
	chip->latch = 0;
	chip->in_service = 0;
	chip->mask = 0;
	chip->lowest = 7;
	chip->auto_eoi = chip->rotate = false;
	chip->special_mask = chip->special_nested = false;
	chip->poll = chip->read_in_service = false;
	chip->next_icw = 2;
}

static void write_icw(struct i8259_chip *chip, uint8_t value)
{
	switch (chip->next_icw) {
	case 2:
		chip->vector = value & ICW2_VECTOR;
		chip->next_icw = 3;
		break;
	case 3:
		if (value != chip->wiring)
			backend_fatal("8259A: ICW3 does not say how the chips are wired");
		chip->next_icw = 4;
		break;
	default:
		if (!(value & ICW4_8086))
			backend_fatal("8259A: MCS-80 mode");
		chip->auto_eoi = value & ICW4_AUTO_EOI;
		chip->special_nested = value & ICW4_SPECIAL_NESTED;
		chip->next_icw = 0;
	}
}

/* A non-specific EOI does not end what is masked in special mask mode. */
static int line_to_end(const struct i8259_chip *chip, uint8_t ocw2)
{
	if (ocw2 & OCW2_SPECIFIC)
		return ocw2 & OCW2_LINE;
	return highest(chip, chip->in_service & (chip->special_mask ? (uint8_t)~chip->mask : 0xff));
}

static void write_ocw2(struct i8259_chip *chip, uint8_t value)
{
	bool rotate = value & OCW2_ROTATE;

	if (value & OCW2_EOI) {
		int line = line_to_end(chip, value);

		if (line == NO_LINE)
			return;
		chip->in_service &= (uint8_t)~BIT8(line);
		if (rotate)
			chip->lowest = (uint8_t)line;
	} else if (!(value & OCW2_SPECIFIC)) {
		chip->rotate = rotate;
	} else if (rotate) {
		chip->lowest = value & OCW2_LINE;
	} /* else: no operation */
}

static void write_ocw3(struct i8259_chip *chip, uint8_t value)
{
	chip->poll = value & OCW3_POLL;
	if (value & OCW3_READ)
		chip->read_in_service = value & OCW3_READ_IN_SERVICE;
	if (value & OCW3_SET_SPECIAL_MASK)
		chip->special_mask = value & OCW3_SPECIAL_MASK;
}

static void write_chip(struct i8259_chip *chip, bool odd, uint8_t value)
{
	if (odd && chip->next_icw)
		write_icw(chip, value);
	else if (odd)
		chip->mask = value;
	else if (value & ICW1)
		initialize(chip, value);
	else if (value & OCW3)
		write_ocw3(chip, value);
	else
		write_ocw2(chip, value);
}

static uint8_t poll_chip(struct i8259 *pic, struct i8259_chip *chip)
{
	int line = acknowledge_chip(pic, chip);

	chip->poll = false;
	return line == NO_LINE ? 0 : (uint8_t)(POLL_REQUEST | line);
}

static uint32_t i8259_in(struct device *device, uint16_t offset, unsigned size, uint64_t now)
{
	struct i8259 *pic = DEVICE_STATE(struct i8259, device);
	struct i8259_chip *chip = offset & 2 ? &pic->slave : &pic->master;

	(void)size, (void)now;
	if (offset >= I8259_ELCR)
		return offset & 1 ? pic->slave.level : pic->master.level;
	if (chip->poll)
		return poll_chip(pic, chip);
	if (offset & 1)
		return chip->mask;
	return chip->read_in_service ? chip->in_service : requests(chip);
}

static void i8259_out(struct device *device, uint16_t offset, unsigned size, uint32_t value,
		      uint64_t now)
{
	struct i8259 *pic = DEVICE_STATE(struct i8259, device);
	struct i8259_chip *chip;

	(void)size, (void)now;
	if (offset >= I8259_ELCR) {
		chip = offset & 1 ? &pic->slave : &pic->master;
		chip->level = (uint8_t)(value & chip->level_capable);
	} else {
		chip = offset & 2 ? &pic->slave : &pic->master;
		write_chip(chip, offset & 1, (uint8_t)value);
	}
	update_cascade(pic);
}

void i8259_set(void *controller, unsigned irq, bool level)
{
	struct i8259 *pic = controller;

	set_input(irq & 8 ? &pic->slave : &pic->master, irq & 7, level);
	update_cascade(pic);
}

bool i8259_pending(const struct i8259 *pic)
{
	return requested_line(&pic->master) != NO_LINE;
}

int i8259_acknowledge(struct i8259 *pic)
{
	int line = acknowledge_chip(pic, &pic->master);

	if (line != CASCADE)
		return pic->master.vector + (line == NO_LINE ? SPURIOUS : line);
	line = acknowledge_chip(pic, &pic->slave);
	return pic->slave.vector + (line == NO_LINE ? SPURIOUS : line);
}

static const struct device_ops i8259_ops = {
	.name = "8259A",
	.width = 1,
	.in = i8259_in,
	.out = i8259_out,
};

void i8259_init(struct i8259 *pic)
{
	*pic = (struct i8259){
		.device.ops = &i8259_ops,
		.master =
			{
				.mask = 0xff,
				.lowest = 7,
				.level_capable = MASTER_LEVEL_CAPABLE,
				.wiring = BIT8(CASCADE),
			},
		.slave =
			{
				.mask = 0xff,
				.lowest = 7,
				.level = BIT8(SCI_AT_SLAVE),
				.level_capable = SLAVE_LEVEL_CAPABLE,
				.wiring = CASCADE,
				.vector = 8,
			},
	};
}
