/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports, and memory operations of annotated sources. */
#include "test/unit/cpu/guest.h"

#define DONE(length) assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT + (length))

/* Run it again from the start, in the kernel. */
static void fresh(void)
{
	guest_setup(NULL);
}

/* --- ports --------------------------------------------------------------------------------- */

static void test_ports(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = UINT64_C(0x1122334455667788);
	vcpu.regs.gpr[RDX] = 0x10cf8;
	EXECUTE(0xef); /* out %eax, %dx */
	assert_int_equal(fake_machine.out_port, 0x0cf8);
	assert_int_equal(fake_machine.out_value, 0x55667788);
	assert_int_equal(fake_machine.out_size, 4);
	EXECUTE(0xe6, 0x80); /* out %al, $0x80 */
	assert_int_equal(fake_machine.out_port, 0x80);
	assert_int_equal(fake_machine.out_value, 0x88);
	fake_machine.in_value = 0x5a;
	EXECUTE(0xe4, 0x64); /* in $0x64, %al: the rest of rax stays */
	assert_int_equal(vcpu.regs.gpr[RAX], UINT64_C(0x112233445566775a));
	EXECUTE(0xed); /* in %dx, %eax: the upper half is cleared */
	assert_int_equal(vcpu.regs.gpr[RAX], 0x5a);
}

static void allow_port(uint16_t port)
{
	guest_ram[TSS_AT + 0x68 + port / 8] &= (uint8_t) ~(1 << (port & 7));
}

static void test_ports_of_applications(void **state)
{
	(void)state;
	guest_enter_user();
	EXECUTE(0xe4, 0x64);
	assert_raised(VECTOR_GP, 0);
	fresh();
	guest_enter_user();
	allow_port(0x64);
	EXECUTE(0xe4, 0x64);
	assert_int_equal(vcpu.cpl, 3);
	assert_int_equal(fake_machine.ins, 1);
	EXECUTE(0xe5, 0x64); /* 4 ports, only one is allowed */
	assert_raised(VECTOR_GP, 0);
	fresh();
	guest_enter_user();
	vcpu.iopl = FLAG_IOPL;
	EXECUTE(0xe5, 0x64);
	assert_int_equal(vcpu.cpl, 3);
	vcpu.iopl = 0;
	vcpu.tr.limit = 0x67; /* no bitmap */
	allow_port(0x64);
	EXECUTE(0xe4, 0x64);
	assert_raised(VECTOR_GP, 0);
}

static void test_string_ports(void **state)
{
	(void)state;
	vcpu.regs.gpr[RSI] = KERNEL + 0x28000;
	vcpu.regs.gpr[RCX] = 3;
	vcpu.regs.gpr[RDX] = 0x3f8;
	memcpy(guest_ram + 0x28000, "abc", 3);
	EXECUTE(0xf3, 0x6e); /* rep outsb */
	assert_int_equal(fake_machine.outs, 3);
	assert_int_equal(fake_machine.out_value, 'c');
	assert_int_equal(vcpu.regs.gpr[RCX], 0);
	assert_int_equal(vcpu.regs.gpr[RSI], KERNEL + 0x28003);
	fake_machine.in_value = 0x1234;
	vcpu.regs.gpr[RDI] = KERNEL + 0x28100;
	flags_set(FLAG_DF);
	EXECUTE(0x66, 0x6d); /* insw, down */
	assert_int_equal(*(uint16_t *)(guest_ram + 0x28100), 0x1234);
	assert_int_equal(vcpu.regs.gpr[RDI], KERNEL + 0x280fe);
}

/* It starts over where it faulted, and the device was not read for nothing. */
static void test_string_port_fault(void **state)
{
	(void)state;
	vcpu.regs.gpr[RDI] = KERNEL + HOLE - 2;
	vcpu.regs.gpr[RCX] = 4;
	EXECUTE(0xf3, 0x6c);
	assert_raised(VECTOR_PF, ACCESS_WRITE);
	assert_int_equal(vcpu.cr2, KERNEL + HOLE);
	assert_int_equal(vcpu.regs.gpr[RCX], 2);
	assert_int_equal(fake_machine.ins, 2);
}

/* Interrupts must have their chance: it leaves after a while and goes on. */
static void test_long_string(void **state)
{
	(void)state;
	vcpu.regs.gpr[RSI] = KERNEL + 0x28000;
	vcpu.regs.gpr[RCX] = 5000;
	EXECUTE(0xf3, 0x6e);
	DONE(0);
	assert_int_equal(fake_machine.outs, 4096);
	EXECUTE(0xf3, 0x6e);
	DONE(2);
	assert_int_equal(fake_machine.outs, 5000);
	EXECUTE(0xf3, 0x6e); /* nothing to do */
	DONE(4);
	assert_int_equal(fake_machine.outs, 5000);
}

/* --- memory operations of annotated sources ------------------------------------------------ */

static void run_site(const uint8_t *bytes, size_t length)
{
	struct insn insn;
	mword next = vcpu.regs.rip + length;

	assert_int_equal(insn_decode(&insn, bytes, length, 64), length);
	emulate(&insn, next);
	assert_int_equal(vcpu.regs.rip, next);
}

static void test_memory_operations(void **state)
{
	uint64_t *word = guest_word(0x28000);

	(void)state;
	vcpu.regs.gpr[RBX] = KERNEL + 0x28000;
	vcpu.regs.gpr[RAX] = UINT64_C(0x1122334455667788);
	run_site((uint8_t[]){0x48, 0x89, 0x03}, 3); /* mov %rax, (%rbx) */
	assert_int_equal(*word, UINT64_C(0x1122334455667788));
	vcpu.regs.gpr[RAX] = 9;
	run_site((uint8_t[]){0x48, 0x87, 0x03}, 3); /* xchg */
	assert_int_equal(*word, 9);
	assert_int_equal(vcpu.regs.gpr[RAX], UINT64_C(0x1122334455667788));
	run_site((uint8_t[]){0x48, 0x8b, 0x0b}, 3); /* mov (%rbx), %rcx */
	assert_int_equal(vcpu.regs.gpr[RCX], 9);
	run_site((uint8_t[]){0xf0, 0x48, 0x0f, 0xba, 0x33, 0x03}, 6); /* lock btrq $3 */
	assert_int_equal(*word, 1);
	assert_true(vcpu.regs.rflags & FLAG_CF);
	vcpu.regs.gpr[RAX] = 64 + 1;
	word[1] = 1;
	run_site((uint8_t[]){0x48, 0x0f, 0xb3, 0x03}, 4); /* btr %rax: bit 1 of the next word */
	assert_int_equal(word[1], 1);
	assert_false(vcpu.regs.rflags & FLAG_CF);
}

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_ports),	 TEST(test_ports_of_applications),
		TEST(test_string_ports), TEST(test_string_port_fault),
		TEST(test_long_string),	 TEST(test_memory_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
