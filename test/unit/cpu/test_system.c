/* SPDX-License-Identifier: BSD-2-Clause */
/* Flags, control and debug registers, descriptor tables, segments, ports. */
#include "test/unit/cpu/guest.h"

#define DONE(length) assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT + (length))

/* Run it again from the start, in the kernel. */
static void fresh(void)
{
	guest_setup(NULL);
}

static void test_cli_sti(void **state)
{
	(void)state;
	EXECUTE(0xfb);
	DONE(1);
	assert_int_equal(vcpu.vif, 1);
	assert_true(vcpu.regs.rflags & FLAG_IF);
	EXECUTE(0xfa);
	assert_int_equal(vcpu.vif, 0);
	assert_false(vcpu.regs.rflags & FLAG_IF);
	fresh();
	guest_enter_user();
	EXECUTE(0xfa);
	assert_raised(VECTOR_GP, 0);
	fresh();
	guest_enter_user();
	vcpu.iopl = FLAG_IOPL;
	EXECUTE(0xfa);
	assert_int_equal(vcpu.vif, 0);
	assert_int_equal(vcpu.cpl, 3);
}

static mword pushed(void)
{
	mword value;

	assert_true(guest_peek(gva(vcpu.regs.gpr[RSP]), &value, 8));
	return value;
}

static void test_pushf(void **state)
{
	(void)state;
	flags_set(FLAG_IF | FLAG_CF | FLAG_IOPL);
	vcpu.regs.rflags |= FLAG_RF;
	EXECUTE(0x9c);
	assert_int_equal(pushed(), FLAG_IF | FLAG_CF | FLAG_IOPL | FLAG_ONE);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT - 8);
	EXECUTE(0x66, 0x9c);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT - 10);
}

static void popf(mword value)
{
	assert_true(guest_poke(gva(vcpu.regs.gpr[RSP]), &value, 8));
	EXECUTE(0x9d);
}

static void test_popf(void **state)
{
	(void)state;
	popf(FLAG_IF | FLAG_ZF | FLAG_IOPL | FLAG_AC | FLAG_VM | FLAG_VIF | FLAG_RF | BIT(3) |
	     BIT(40));
	DONE(1);
	assert_int_equal(vcpu.regs.rflags, FLAG_IF | FLAG_ZF | FLAG_IOPL | FLAG_AC | FLAG_ONE);
	assert_int_equal(vcpu.vif, 1);
	assert_int_equal(vcpu.iopl, FLAG_IOPL);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT + 8);
	fresh();
	guest_enter_user();
	popf(FLAG_IOPL | FLAG_CF); /* IF stays, IOPL stays */
	assert_int_equal(vcpu.regs.rflags, FLAG_IF | FLAG_CF | FLAG_ONE);
	vcpu.iopl = FLAG_IOPL;
	popf(0);
	assert_int_equal(vcpu.vif, 0);
	assert_int_equal(vcpu.iopl, FLAG_IOPL);
}

static void test_popf_16_bits(void **state)
{
	mword value = 0;

	(void)state;
	flags_set(FLAG_AC | FLAG_IF | FLAG_CF);
	assert_true(guest_poke(gva(vcpu.regs.gpr[RSP]), &value, 8));
	EXECUTE(0x66, 0x9d);
	assert_int_equal(vcpu.regs.rflags, FLAG_AC | FLAG_ONE);
}

/* The trap flag of before fires behind the instruction. */
static void test_single_step(void **state)
{
	(void)state;
	popf(FLAG_TF);
	DONE(1); /* not yet */
	EXECUTE(0xfb);
	assert_raised(VECTOR_DB, 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT + 2);
	assert_true(vcpu.dr[6] & DR6_BS);
}

/* --- control registers ---------------------------------------------------------------- */

static void test_read_control_registers(void **state)
{
	(void)state;
	vcpu.cr2 = UINT64_C(0x123456789);
	EXECUTE(0x0f, 0x20, 0xd0); /* mov %cr2, %rax */
	assert_int_equal(vcpu.regs.gpr[RAX], UINT64_C(0x123456789));
	EXECUTE(0x41, 0x0f, 0x20, 0xdc); /* mov %cr3, %r12 */
	assert_int_equal(vcpu.regs.gpr[R12], vcpu.cr3);
	EXECUTE(0x0f, 0x20, 0xc8); /* cr1 */
	assert_raised(VECTOR_UD, 0);
}

static void write_cr(uint8_t modrm, mword value)
{
	vcpu.regs.gpr[RAX] = value;
	EXECUTE(0x0f, 0x22, modrm);
}

static void test_cr3(void **state)
{
	(void)state;
	write_cr(0xd8, 0x5018);
	assert_int_equal(vcpu.cr3, 0x5018);
	assert_int_equal(stub_last("load_root")->arguments[0], 0x5000);
	vcpu.cr3 = 0x1000;
	write_cr(0xd8, BIT(63)); /* PCID's */
	assert_raised(VECTOR_GP, 0);
}

static void test_cr0(void **state)
{
	static const mword bad[] = {CR0_PG, CR0_PE, CR0_PE | CR0_PG | CR0_NW,
				    BIT(32) | CR0_PE | CR0_PG};
	mword plain = CR0_PE | CR0_PG | CR0_NE | CR0_WP;

	(void)state;
	write_cr(0xc0, plain);
	assert_int_equal(vcpu.cr0, plain | CR0_ET);
	assert_int_equal(stub_count("flush_all"), 0);
	write_cr(0xc0, plain & ~CR0_WP);
	assert_int_equal(stub_last("flush_all")->arguments[0], 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh();
		write_cr(0xc0, bad[i]);
		assert_raised(VECTOR_GP, 0);
	}
}

static void test_cr4(void **state)
{
	static const mword hidden[] = {CR4_MCE,	 CR4_UMIP, CR4_LA57, CR4_PCIDE,
				       CR4_SMEP, CR4_SMAP, CR4_PKE,  BIT(13)};

	(void)state;
	write_cr(0xe0, CR4_PAE | CR4_FSGSBASE | CR4_OSFXSR | CR4_OSXSAVE);
	DONE(3);
	assert_int_equal(stub_count("flush_all"), 0);
	write_cr(0xe0, vcpu.cr4 | CR4_PGE);
	assert_int_equal(stub_last("flush_all")->arguments[0], 1);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		fresh();
		write_cr(0xe0, CR4_PAE | hidden[i]);
		assert_raised(VECTOR_GP, 0);
	}
	fresh();
	write_cr(0xe0, 0); /* without PAE in 64-bit mode */
	assert_raised(VECTOR_GP, 0);
}

static void test_cr8(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = 15;
	EXECUTE(0x44, 0x0f, 0x22, 0xc0);
	assert_int_equal(vcpu.cr8, 15);
	vcpu.regs.gpr[RAX] = 16;
	EXECUTE(0x44, 0x0f, 0x22, 0xc0);
	assert_raised(VECTOR_GP, 0);
}

static void test_machine_status_word(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = CR0_TS | CR0_MP;
	EXECUTE(0x0f, 0x01, 0xf0); /* lmsw %ax: PE cannot be cleared */
	assert_int_equal(vcpu.cr0 & 0xf, CR0_PE | CR0_TS | CR0_MP);
	EXECUTE(0x0f, 0x06); /* clts */
	assert_false(vcpu.cr0 & CR0_TS);
	EXECUTE(0x48, 0x0f, 0x01, 0xe3); /* smsw %rbx */
	assert_int_equal(vcpu.regs.gpr[RBX], vcpu.cr0);
	guest_enter_user();
	EXECUTE(0x0f, 0x01, 0xe0); /* UMIP is off: applications may */
	assert_int_equal(vcpu.cpl, 3);
}

static void test_privileged_in_application(void **state)
{
	static const uint8_t code[][4] = {
		{3, 0x0f, 0x20, 0xc0}, {3, 0x0f, 0x22, 0xd8}, {2, 0x0f, 0x06},
		{2, 0x0f, 0x30},       {2, 0x0f, 0x32},	      {1, 0xf4},
		{3, 0x0f, 0x01, 0xf8}, {3, 0x0f, 0x01, 0x38}, {3, 0x0f, 0x01, 0x10},
		{2, 0x0f, 0x09},       {2, 0x0f, 0x33},	      {1, 0xfb},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		fresh();
		guest_enter_user();
		guest_trap(VECTOR_GP, 0, code[i] + 1, code[i][0]);
		assert_raised(VECTOR_GP, 0);
		assert_int_equal(guest_frame(true).rip, USER);
	}
}

static void test_debug_registers(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = KERNEL;
	EXECUTE(0x0f, 0x23, 0xc0); /* mov %rax, %dr0 */
	EXECUTE(0x0f, 0x21, 0xc3); /* mov %dr0, %rbx */
	assert_int_equal(vcpu.regs.gpr[RBX], KERNEL);
	vcpu.regs.gpr[RAX] = 0;
	EXECUTE(0x0f, 0x23, 0xf0); /* dr6 */
	assert_int_equal(vcpu.dr[6], 0xffff0ff0);
	EXECUTE(0x0f, 0x21, 0xe3); /* dr4 is dr6 */
	assert_int_equal(vcpu.regs.gpr[RBX], 0xffff0ff0);
	EXECUTE(0x0f, 0x23, 0xf8); /* dr7 */
	assert_int_equal(vcpu.dr[7], 0x400);
	vcpu.cr4 |= CR4_DE;
	EXECUTE(0x0f, 0x21, 0xe3);
	assert_raised(VECTOR_UD, 0);
	fresh();
	vcpu.regs.gpr[RAX] = BIT(32);
	EXECUTE(0x0f, 0x23, 0xf8);
	assert_raised(VECTOR_GP, 0);
}

static void test_extended_control_register(void **state)
{
	(void)state;
	EXECUTE(0x0f, 0x01, 0xd0);
	assert_raised(VECTOR_UD, 0); /* OSXSAVE is off */
	fresh();
	vcpu.cr4 |= CR4_OSXSAVE;
	vcpu.regs.gpr[RAX] = 7;
	EXECUTE(0x0f, 0x01, 0xd1); /* xsetbv */
	DONE(3);
	vcpu.regs.gpr[RAX] = 0;
	EXECUTE(0x0f, 0x01, 0xd0); /* xgetbv */
	assert_int_equal(vcpu.regs.gpr[RAX], 7);
	vcpu.regs.gpr[RAX] = 5; /* AVX without SSE */
	EXECUTE(0x0f, 0x01, 0xd1);
	assert_raised(VECTOR_GP, 0);
	fresh();
	vcpu.cr4 |= CR4_OSXSAVE;
	vcpu.regs.gpr[RAX] = 0x207; /* PKRU is hidden */
	EXECUTE(0x0f, 0x01, 0xd1);
	assert_raised(VECTOR_GP, 0);
}

/* --- descriptor tables ------------------------------------------------------------------- */

static void test_table_registers(void **state)
{
	uint8_t image[10] = {0x7f, 0x00};
	mword base = KERNEL + GDT_AT;

	(void)state;
	memcpy(image + 2, &base, 8);
	memcpy(guest_ram + 0x28000, image, 10);
	vcpu.gdtr = vcpu.idtr = (struct table_register){0, 0};
	vcpu.regs.gpr[RBX] = KERNEL + 0x28000;
	EXECUTE(0x0f, 0x01, 0x13); /* lgdt (%rbx) */
	EXECUTE(0x0f, 0x01, 0x1b); /* lidt (%rbx) */
	assert_int_equal(vcpu.gdtr.base, base);
	assert_int_equal(vcpu.gdtr.limit, 0x7f);
	assert_int_equal(vcpu.idtr.base, base);
	vcpu.regs.gpr[RBX] += 0x10;
	EXECUTE(0x0f, 0x01, 0x03); /* sgdt */
	assert_memory_equal(guest_ram + 0x28010, image, 10);
	EXECUTE(0x0f, 0x01, 0x4b, 0x10); /* sidt 0x10(%rbx) */
	assert_memory_equal(guest_ram + 0x28020, image, 10);
}

static void test_lgdt_relative_and_faults(void **state)
{
	uint8_t image[10] = {0};

	(void)state;
	memcpy(image + 2, &(mword){CANONICAL_NOT}, 8);
	memcpy(guest_ram + CODE_AT + 7 + 0x100, image, 10);
	EXECUTE(0x0f, 0x01, 0x15, 0x00, 0x01, 0x00, 0x00); /* lgdt 0x100(%rip) */
	assert_raised(VECTOR_GP, 0);
	fresh();
	vcpu.regs.gpr[RBX] = KERNEL + HOLE - 4;
	EXECUTE(0x0f, 0x01, 0x13);
	assert_raised(VECTOR_PF, 0);
	assert_int_equal(vcpu.cr2, KERNEL + HOLE);
}

static void test_task_register(void **state)
{
	(void)state;
	vcpu.tr = (struct system_segment){0, 0, 0};
	vcpu.regs.gpr[RAX] = TSS_SEL;
	EXECUTE(0x0f, 0x00, 0xd8); /* ltr %ax */
	assert_int_equal(vcpu.tr.selector, TSS_SEL);
	assert_int_equal(vcpu.tr.base, KERNEL + TSS_AT);
	assert_int_equal(vcpu.tr.limit, 0x206f);
	assert_int_equal(*guest_word(GDT_AT + TSS_SEL) >> 40 & 0xf, 0xb); /* busy */
	EXECUTE(0x0f, 0x00, 0xcb);					  /* str %ebx */
	assert_int_equal(vcpu.regs.gpr[RBX], TSS_SEL);
	EXECUTE(0x0f, 0x00, 0xd8); /* busy now */
	assert_raised(VECTOR_GP, TSS_SEL);
	fresh();
	EXECUTE(0x0f, 0x00, 0xd8); /* null */
	assert_raised(VECTOR_GP, 0);
}

static void test_local_table(void **state)
{
	(void)state;
	vcpu.regs.gpr[RAX] = LDT_SEL;
	EXECUTE(0x0f, 0x00, 0xd0); /* lldt %ax */
	assert_int_equal(vcpu.ldtr.base, KERNEL + 0x15000);
	*guest_word(0x15008) = UINT64_C(0x00cff3000000ffff) | UINT64_C(0x1234) << 16;
	vcpu.regs.gpr[RAX] = 0xf;
	EXECUTE(0x8e, 0xe0); /* mov %eax, %fs from the LDT */
	assert_int_equal(vcpu.fs_base, 0x1234);
	vcpu.regs.gpr[RAX] = 0;
	EXECUTE(0x0f, 0x00, 0xd0);
	EXECUTE(0x0f, 0x00, 0xc3); /* sldt %ebx */
	assert_int_equal(vcpu.regs.gpr[RBX], 0);
	vcpu.regs.gpr[RAX] = 0xf;
	EXECUTE(0x8e, 0xe0);
	assert_raised(VECTOR_GP, 0xc);
}

static void test_lar_lsl(void **state)
{
	(void)state;
	vcpu.regs.gpr[RCX] = USER_CS;
	EXECUTE(0x0f, 0x02, 0xc1); /* lar %ecx, %eax */
	assert_int_equal(vcpu.regs.gpr[RAX], 0x00affb00 & 0x00ffff00);
	assert_true(vcpu.regs.rflags & FLAG_ZF);
	EXECUTE(0x0f, 0x03, 0xc1); /* lsl */
	assert_int_equal(vcpu.regs.gpr[RAX], 0xffffffff);
	vcpu.regs.gpr[RCX] = 0x7b; /* what the host would answer with its CPU number */
	EXECUTE(0x0f, 0x03, 0xc1);
	assert_false(vcpu.regs.rflags & FLAG_ZF);
	assert_int_equal(vcpu.regs.gpr[RAX], 0xffffffff);
	guest_descriptor(0x78, UINT64_C(0x0040f50000000000) | 5);
	EXECUTE(0x0f, 0x03, 0xc1);
	assert_int_equal(vcpu.regs.gpr[RAX], 5);
	guest_enter_user();
	vcpu.regs.gpr[RCX] = KERNEL_DS;
	EXECUTE(0x0f, 0x03, 0xc1);
	assert_false(vcpu.regs.rflags & FLAG_ZF);
}

static void test_verify(void **state)
{
	(void)state;
	vcpu.regs.gpr[RCX] = USER_DS;
	EXECUTE(0x0f, 0x00, 0xe1); /* verr %cx */
	assert_true(vcpu.regs.rflags & FLAG_ZF);
	EXECUTE(0x0f, 0x00, 0xe9); /* verw %cx */
	assert_true(vcpu.regs.rflags & FLAG_ZF);
	vcpu.regs.gpr[RCX] = USER_CS;
	EXECUTE(0x0f, 0x00, 0xe9);
	assert_false(vcpu.regs.rflags & FLAG_ZF);
	vcpu.regs.gpr[RCX] = TSS_SEL;
	EXECUTE(0x0f, 0x00, 0xe1);
	assert_false(vcpu.regs.rflags & FLAG_ZF);
}

/* --- segments ---------------------------------------------------------------------------- */

static void test_load_segments(void **state)
{
	(void)state;
	vcpu.fs_base = vcpu.gs_base = 5;
	vcpu.regs.gpr[RAX] = USER_DS;
	EXECUTE(0x8e, 0xd8); /* ds */
	EXECUTE(0x8e, 0xe8); /* gs */
	assert_int_equal(vcpu.segment[SEG_DS], USER_DS);
	assert_int_equal(vcpu.gs_base, 0);
	vcpu.regs.gpr[RAX] = 3;
	EXECUTE(0x8e, 0xe0); /* fs = null */
	assert_int_equal(vcpu.segment[SEG_FS], 3);
	assert_int_equal(vcpu.fs_base, 0);
	EXECUTE(0x8c, 0xdb); /* mov %ds, %ebx */
	assert_int_equal(vcpu.regs.gpr[RBX], USER_DS);
	vcpu.regs.gpr[RAX] = 0x68;
	EXECUTE(0x8e, 0xd8);
	assert_raised(VECTOR_GP, 0x68);
}

static void test_load_stack_segment(void **state)
{
	(void)state;
	flags_set(FLAG_IF);
	vcpu.pending = 1;
	fake_machine.vector = 0x20;
	vcpu.regs.gpr[RAX] = KERNEL_DS;
	EXECUTE(0x8e, 0xd0);
	assert_int_equal(vcpu.segment[SEG_SS], KERNEL_DS);
	vmm_before_resume(); /* in the shadow */
	DONE(2);
	vcpu.regs.rip += 3;
	vmm_before_resume();
	assert_raised(0x20, 0);
	fresh();
	vcpu.regs.gpr[RAX] = USER_DS;
	EXECUTE(0x8e, 0xd0);
	assert_raised(VECTOR_GP, USER_DS & ~3);
}

static void test_push_pop_segments(void **state)
{
	(void)state;
	vcpu.segment[SEG_FS] = USER_DS;
	EXECUTE(0x0f, 0xa0); /* push %fs */
	assert_int_equal(pushed(), USER_DS);
	EXECUTE(0x0f, 0xa9); /* pop %gs */
	assert_int_equal(vcpu.segment[SEG_GS], USER_DS);
	assert_int_equal(vcpu.regs.gpr[RSP], KERNEL + STACK_AT);
}

static void test_bases(void **state)
{
	(void)state;
	vcpu.gs_base = 1;
	vcpu.kernel_gs_base = 2;
	EXECUTE(0x0f, 0x01, 0xf8); /* swapgs */
	assert_int_equal(vcpu.gs_base, 2);
	assert_int_equal(vcpu.kernel_gs_base, 1);
	vcpu.cr4 |= CR4_FSGSBASE;
	vcpu.regs.gpr[RAX] = KERNEL;
	EXECUTE(0xf3, 0x48, 0x0f, 0xae, 0xd0); /* wrfsbase %rax */
	assert_int_equal(vcpu.fs_base, KERNEL);
	EXECUTE(0xf3, 0x48, 0x0f, 0xae, 0xcb); /* rdgsbase %rbx */
	assert_int_equal(vcpu.regs.gpr[RBX], 2);
	vcpu.regs.gpr[RAX] = CANONICAL_NOT;
	EXECUTE(0xf3, 0x48, 0x0f, 0xae, 0xd0);
	assert_raised(VECTOR_GP, 0);
	fresh();
	EXECUTE(0xf3, 0x48, 0x0f, 0xae, 0xd0);
	assert_raised(VECTOR_UD, 0);
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
		TEST(test_cli_sti),
		TEST(test_pushf),
		TEST(test_popf),
		TEST(test_popf_16_bits),
		TEST(test_single_step),
		TEST(test_read_control_registers),
		TEST(test_cr3),
		TEST(test_cr0),
		TEST(test_cr4),
		TEST(test_cr8),
		TEST(test_machine_status_word),
		TEST(test_privileged_in_application),
		TEST(test_debug_registers),
		TEST(test_extended_control_register),
		TEST(test_table_registers),
		TEST(test_lgdt_relative_and_faults),
		TEST(test_task_register),
		TEST(test_local_table),
		TEST(test_lar_lsl),
		TEST(test_verify),
		TEST(test_load_segments),
		TEST(test_load_stack_segment),
		TEST(test_push_pop_segments),
		TEST(test_bases),
		TEST(test_ports),
		TEST(test_ports_of_applications),
		TEST(test_string_ports),
		TEST(test_string_port_fault),
		TEST(test_long_string),
		TEST(test_memory_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
