/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor tables and segments: SDM 3A chapter 3. */
#include "test/unit/cpu/guest.h"

#define DONE(length) assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT + (length))

/* Run it again from the start, in the kernel. */
static void fresh(void)
{
	guest_setup(NULL);
}

static mword pushed(void)
{
	mword value;

	assert_true(guest_peek(gva(vcpu.regs.gpr[RSP]), &value, 8));
	return value;
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
	vcpu.regs.gpr[RAX] = KERNEL_DS; /* trapped: a later null would not */
	EXECUTE(0x8e, 0xc0);		/* es */
	assert_int_equal(vcpu.segment[SEG_ES], 0);
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

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

static void test_settle(void **state)
{
	(void)state;
	vcpu.gs_base = 1;
	vcpu.kernel_gs_base = 2;
	vmm_settle_bases();
	assert_int_equal(vcpu.gs_base, 1);
	vcpu.swapped = 0xff;
	vmm_settle_bases();
	assert_int_equal(vcpu.gs_base, 2);
	assert_int_equal(vcpu.kernel_gs_base, 1);
	assert_int_equal(vcpu.swapped, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
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
		TEST(test_settle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
