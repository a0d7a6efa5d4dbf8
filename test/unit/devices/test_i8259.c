/* SPDX-License-Identifier: BSD-2-Clause */
/* 8259A pair: initialization, priorities, ends of interrupt, edges and levels. */
#include "vmm/devices/i8259.h"

#include "double.h"

enum { MASTER = 0x30, SLAVE = 0x38 }; /* vectors, as Linux programs them */

static struct i8259 pic;

static uint8_t in(uint16_t offset)
{
	return dev_in(&pic.device, offset, 0);
}

static void out(uint16_t offset, uint8_t value)
{
	dev_out(&pic.device, offset, value, 0);
}

static void set(unsigned irq, bool level)
{
	i8259_set(&pic, irq, level);
}

static void edge(unsigned irq)
{
	set(irq, false);
	set(irq, true);
}

static void program(uint8_t master_icw4, uint8_t slave_icw4)
{
	i8259_init(&pic);
	out(0, 0x11), out(1, MASTER), out(1, 0x04), out(1, master_icw4);
	out(2, 0x11), out(3, SLAVE), out(3, 0x02), out(3, slave_icw4);
	out(1, 0x00), out(3, 0x00);
}

static int setup(void **state)
{
	(void)state;
	program(0x01, 0x01);
	return 0;
}

static uint8_t irr(uint16_t offset)
{
	out(offset, 0x0a);
	return in(offset);
}

static uint8_t isr(uint16_t offset)
{
	out(offset, 0x0b);
	return in(offset);
}

static void power_on_masks_everything(void **state)
{
	(void)state;
	i8259_init(&pic);
	for (unsigned irq = 0; irq < 16; irq++)
		edge(irq);
	assert_false(i8259_pending(&pic));
	assert_int_equal(in(1), 0xff);
	assert_int_equal(in(3), 0xff);
	assert_int_equal(in(5), 0x02); /* SCI */
}

/* Each input has its own bit: irq, not 1 << irq, was a real bug elsewhere. */
static void every_irq_has_its_vector(void **state)
{
	(void)state;
	for (unsigned irq = 0; irq < 16; irq++) {
		if (irq == 2)
			continue;
		program(0x01, 0x01);
		out(5, 0);
		edge(irq);
		assert_true(i8259_pending(&pic));
		assert_int_equal(irr(0), irq < 8 ? 1u << irq : 0x04);
		assert_int_equal(irr(2), irq < 8 ? 0 : 1u << (irq - 8));
		assert_int_equal(i8259_acknowledge(&pic), MASTER + irq);
		assert_int_equal(isr(0), irq < 8 ? 1u << irq : 0x04);
		assert_int_equal(isr(2), irq < 8 ? 0 : 1u << (irq - 8));
		assert_int_equal(irr(0), 0);
		assert_false(i8259_pending(&pic));
	}
}

static void mask_holds_back_and_keeps(void **state)
{
	(void)state;
	out(1, 0x10);
	edge(4);
	assert_false(i8259_pending(&pic));
	assert_int_equal(irr(0), 0x10);
	assert_int_equal(in(1), 0x10);
	out(1, 0x00);
	assert_true(i8259_pending(&pic));
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 4);
}

/* Linux's probe_8259A: the mask register can be read back. */
static void probe_finds_the_chips(void **state)
{
	(void)state;
	i8259_init(&pic);
	out(3, 0xff);
	out(1, (uint8_t) ~(1 << 2));
	assert_int_equal(in(1), 0xfb);
}

static void an_edge_counts_once(void **state)
{
	(void)state;
	edge(4);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 4);
	out(0, 0x20);
	set(4, true); /* still high */
	assert_false(i8259_pending(&pic));
	edge(4);
	assert_true(i8259_pending(&pic));
}

static void edge_during_service_waits_for_eoi(void **state)
{
	(void)state;
	edge(4);
	i8259_acknowledge(&pic);
	edge(4);
	assert_false(i8259_pending(&pic));
	out(0, 0x64); /* specific EOI, as Linux does */
	assert_true(i8259_pending(&pic));
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 4);
}

static void level_comes_again_until_it_falls(void **state)
{
	(void)state;
	out(4, 0x20);
	assert_int_equal(in(4), 0x20);
	set(5, true);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 5);
	assert_false(i8259_pending(&pic));
	out(0, 0x65);
	assert_true(i8259_pending(&pic));
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 5);
	set(5, false);
	out(0, 0x65);
	assert_false(i8259_pending(&pic));
}

static void elcr_has_only_possible_bits(void **state)
{
	(void)state;
	out(4, 0xff), out(5, 0xff);
	assert_int_equal(in(4), 0xf8);
	assert_int_equal(in(5), 0xde);
	out(4, 0), out(5, 0);
	assert_int_equal(in(4), 0);
	assert_int_equal(in(5), 0);
}

static void slave_level_comes_again(void **state)
{
	(void)state;
	out(5, 0x02);
	set(9, true);
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 1);
	out(2, 0x61), out(0, 0x62);
	assert_true(i8259_pending(&pic));
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 1);
	set(9, false);
	out(2, 0x61), out(0, 0x62);
	assert_false(i8259_pending(&pic));
}

static void lower_priority_waits(void **state)
{
	(void)state;
	edge(4);
	i8259_acknowledge(&pic);
	edge(5);
	assert_false(i8259_pending(&pic));
	edge(3);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 3);
	assert_int_equal(isr(0), 0x18);
	out(0, 0x20); /* ends the highest: 3 */
	assert_int_equal(isr(0), 0x10);
	out(0, 0x20);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 5);
}

static void slave_ranks_at_the_cascade(void **state)
{
	(void)state;
	edge(3), edge(15), edge(8), edge(1);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 1);
	out(0, 0x61);
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 0);
	out(2, 0x60), out(0, 0x62);
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 7);
	out(2, 0x67), out(0, 0x62);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 3);
}

static void master_eoi_is_needed_for_the_slave(void **state)
{
	(void)state;
	edge(12);
	i8259_acknowledge(&pic);
	out(2, 0x64);
	edge(12);
	assert_false(i8259_pending(&pic)); /* IR2 is in service */
	out(0, 0x62);
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 4);
}

/* INT of the slave must fall between two requests, or IR2 has no edge. */
static void slave_requests_in_a_row(void **state)
{
	(void)state;
	program(0x03, 0x03);
	edge(8), edge(12), edge(14);
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 0);
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 4);
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 6);
	assert_false(i8259_pending(&pic));
}

static void automatic_eoi(void **state)
{
	(void)state;
	program(0x03, 0x01);
	edge(4);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 4);
	assert_int_equal(isr(0), 0);
	edge(4);
	assert_true(i8259_pending(&pic));
}

static void spurious_of_the_master(void **state)
{
	(void)state;
	edge(4);
	set(4, false); /* withdrawn */
	assert_false(i8259_pending(&pic));
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 7);
	assert_int_equal(isr(0), 0); /* how handlers tell it from a real one */
	edge(7);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 7);
	assert_int_equal(isr(0), 0x80);
}

/* The request vanishes between the two acknowledge cycles: only the master has a bit
 * in service, and wants an EOI. */
static void spurious_of_the_slave(void **state)
{
	(void)state;
	edge(12);
	pic.slave.latch = 0;
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 7);
	assert_int_equal(isr(2), 0);
	assert_int_equal(isr(0), 0x04);
	out(0, 0x62);
	assert_false(i8259_pending(&pic));
}

static void rotation_by_eoi(void **state)
{
	(void)state;
	edge(3);
	i8259_acknowledge(&pic);
	out(0, 0xa0); /* rotate on non-specific EOI: 3 becomes the lowest */
	edge(3), edge(4), edge(1);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 4);
	out(0, 0x20);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 1);
	out(0, 0x20);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 3);
}

static void rotation_by_specific_eoi(void **state)
{
	(void)state;
	edge(3);
	i8259_acknowledge(&pic);
	out(0, 0xe3);
	assert_int_equal(isr(0), 0);
	edge(3), edge(7);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 7);
}

static void set_priority(void **state)
{
	(void)state;
	out(0, 0xc5); /* 5 is the lowest, 6 the highest */
	edge(0), edge(6), edge(5);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 6);
	out(0, 0x40); /* no operation */
	assert_int_equal(isr(0), 0x40);
	out(0, 0x20);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 0);
}

static void rotation_on_automatic_eoi(void **state)
{
	(void)state;
	program(0x03, 0x01);
	out(0, 0x80);
	edge(0), edge(1);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 0);
	edge(0);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 1);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 0);
	out(0, 0x00); /* off */
	edge(0), edge(1);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 1); /* 0 stayed the lowest */
}

static void special_mask_mode(void **state)
{
	(void)state;
	edge(3);
	i8259_acknowledge(&pic);
	edge(5);
	assert_false(i8259_pending(&pic));
	out(0, 0x68);
	out(1, 0x08); /* the level in service is masked: all others may interrupt */
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 5);
	assert_int_equal(isr(0), 0x28);
	out(0, 0x20); /* does not end the masked one */
	assert_int_equal(isr(0), 0x08);
	out(0, 0x20);
	assert_int_equal(isr(0), 0x08);
	assert_int_equal(in(0), 0x08); /* does not change what is read, either */
	out(0, 0x48);		       /* off */
	assert_int_equal(in(0), 0x08);
	edge(5);
	assert_false(i8259_pending(&pic));
	out(0, 0x63);
	assert_true(i8259_pending(&pic));
}

static void special_fully_nested_mode(void **state)
{
	(void)state;
	program(0x11, 0x01);
	edge(12);
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 4);
	edge(8); /* of higher priority at the same slave */
	assert_true(i8259_pending(&pic));
	assert_int_equal(i8259_acknowledge(&pic), SLAVE + 0);
	edge(3);
	assert_true(i8259_pending(&pic));
}

static void poll_mode(void **state)
{
	(void)state;
	out(0, 0x0c);
	assert_int_equal(in(0), 0);
	edge(12), edge(4);
	out(0, 0x0c);
	assert_int_equal(in(0), 0x82);
	out(2, 0x0c);
	assert_int_equal(in(2), 0x84);
	assert_int_equal(isr(0), 0x04);
	assert_int_equal(isr(2), 0x10);
	out(2, 0x64), out(0, 0x62);
	out(0, 0x0c);
	assert_int_equal(in(1), 0x84); /* at either port */
	out(1, 0xa5);
	assert_int_equal(in(1), 0xa5); /* once: the mask again */
}

/* The four words again, to a controller in use. */
static void initialization_forgets(void **state)
{
	(void)state;
	program(0x13, 0x01);
	edge(4);
	out(0, 0x80), out(0, 0xc3), out(0, 0x68), out(0, 0x0b), out(0, 0x0c);
	pic.master.in_service = 0x20;
	out(1, 0xff);
	out(0, 0x11);
	assert_int_equal(in(1), 0);
	out(1, MASTER), out(1, 0x04), out(1, 0x01);
	assert_int_equal(in(0), 0); /* IRR, and nothing is left in it */
	assert_int_equal(isr(0), 0);
	edge(0), edge(4);
	out(1, 0x01);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 4);
	out(1, 0x11);
	edge(5);
	assert_false(i8259_pending(&pic)); /* no special mask */
	out(1, 0x00);
	assert_int_equal(i8259_acknowledge(&pic), MASTER + 0); /* 7 is the lowest again */
	assert_int_equal(isr(0), 0x11);			       /* no automatic EOI */
}

/* Any input in service against any request, for any rotation. */
static void all_pairs_of_priorities(void **state)
{
	(void)state;
	for (unsigned lowest = 0; lowest < 8; lowest++) {
		for (unsigned pair = 0; pair < 64; pair++) {
			unsigned served = pair / 8, asked = pair % 8;
			bool first = (asked + 7 - lowest) % 8 < (served + 7 - lowest) % 8;

			if (served == 2 || asked == 2) /* that is the slave */
				continue;
			program(0x01, 0x01);
			out(0, (uint8_t)(0xc0 | lowest));
			edge(served);
			i8259_acknowledge(&pic);
			edge(asked);
			assert_int_equal(i8259_pending(&pic), first);
		}
	}
}

static void line_that_is_high_needs_an_edge_after_icw1(void **state)
{
	(void)state;
	set(4, true);
	out(0, 0x11), out(1, MASTER), out(1, 0x04), out(1, 0x01);
	assert_int_equal(in(1), 0); /* ICW1 clears the mask */
	assert_false(i8259_pending(&pic));
	edge(4);
	assert_true(i8259_pending(&pic));
}

static void other_modes_are_fatal(void **state)
{
	(void)state;
	ENDS(out(0, 0x13));
	assert_string_equal(ending.reason, "8259A: a chip without cascade");
	ENDS(out(0, 0x10));
	assert_string_equal(ending.reason, "8259A: MCS-80 mode");
	out(0, 0x11), out(1, MASTER);
	ENDS(out(1, 0x08));
	out(0, 0x11), out(1, MASTER), out(1, 0x04);
	ENDS(out(1, 0x00));
	assert_true(ending.fatal);
}

#define T(name) cmocka_unit_test_setup(name, setup)

TESTS(T(power_on_masks_everything), T(every_irq_has_its_vector), T(mask_holds_back_and_keeps),
      T(probe_finds_the_chips), T(an_edge_counts_once), T(edge_during_service_waits_for_eoi),
      T(level_comes_again_until_it_falls), T(elcr_has_only_possible_bits),
      T(slave_level_comes_again), T(lower_priority_waits), T(slave_ranks_at_the_cascade),
      T(master_eoi_is_needed_for_the_slave), T(slave_requests_in_a_row), T(automatic_eoi),
      T(spurious_of_the_master), T(spurious_of_the_slave), T(rotation_by_eoi),
      T(rotation_by_specific_eoi), T(set_priority), T(rotation_on_automatic_eoi),
      T(special_mask_mode), T(special_fully_nested_mode), T(poll_mode), T(initialization_forgets),
      T(all_pairs_of_priorities), T(line_that_is_high_needs_an_edge_after_icw1),
      T(other_modes_are_fatal))
