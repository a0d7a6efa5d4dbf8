/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways in, the dispatch table, messages. */
#include "test/unit/cpu/guest.h"

#include "vmm/format.h"

static void test_reset(void **state)
{
	(void)state;
	vcpu.host_cs = 0x33;
	vcpu.in_vmm = 1;
	vcpu.hypervisor[0] = vcpu.hypervisor[sizeof(vcpu.hypervisor) - 1] = 5;
	vcpu.cr2 = vcpu.kernel_gs_base = 7;
	vmm_reset(gva(0x1000000), gpa(0x3000), gpa(0x7000));
	assert_int_equal(vcpu.regs.rip, 0x1000000);
	assert_int_equal(vcpu.regs.gpr[RSI], 0x7000);
	assert_int_equal(vcpu.cr0, 0x80000031);
	assert_int_equal(vcpu.cr3, 0x3000);
	assert_int_equal(vcpu.cr4, CR4_PAE);
	assert_int_equal(vcpu.efer, 0x501);
	assert_int_equal(vcpu.regs.rflags, FLAG_ONE);
	assert_int_equal(vcpu.masked, 1);
	assert_int_equal(vcpu.cpl | vcpu.pending | vcpu.cr2 | vcpu.kernel_gs_base, 0);
	assert_int_equal(vcpu.host_cs, 0x33);
	assert_int_equal(vcpu.in_vmm, 1);
	assert_int_equal(vcpu.hypervisor[0], 5);
	assert_int_equal(vcpu.hypervisor[sizeof(vcpu.hypervisor) - 1], 5);
	assert_int_equal(stub_last("load_root")->arguments[0], 0x3000);
	assert_int_equal(fake_machine.resets, 2);
}

/* --- exceptions --------------------------------------------------------------------------- */

static void test_plain_exceptions(void **state)
{
	(void)state;
	EXECUTE(0x48, 0x8b, 0x00); /* mov (%rax), %rax: a non-canonical address */
	assert_raised(VECTOR_GP, 0);
	guest_setup(state);
	guest_trap(VECTOR_UD, 0, (uint8_t[]){0x0f, 0x0b}, 2); /* ud2 */
	assert_raised(VECTOR_UD, 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT);
	guest_setup(state);
	guest_trap(VECTOR_DE, 0, (uint8_t[]){0xf4}, 1); /* not looked at: #DE */
	assert_raised(VECTOR_DE, 0);
}

static void test_hidden_instructions(void **state)
{
	static const uint8_t code[][6] = {
		{3, 0x0f, 0x01, 0xca},
		{3, 0x0f, 0x01, 0xcb},
		{3, 0x0f, 0x01, 0xc8},
		{3, 0x0f, 0x01, 0xc1},
		{5, 0x66, 0x0f, 0x38, 0x82, 0x03},
		{3, 0x0f, 0x01, 0xef},
		{3, 0x0f, 0xc7, 0x2b},
		{2, 0x0f, 0xaa},
	};

	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		guest_setup(state);
		guest_trap(VECTOR_GP, 0, code[i] + 1, code[i][0]);
		assert_raised(VECTOR_UD, 0);
	}
}

static void test_software_interrupts(void **state)
{
	(void)state;
	guest_enter_user();
	guest_gate(0x80, 15, 3, 0);
	/* what hardware reports for int $0x80: #GP with the vector */
	guest_trap(VECTOR_GP, 0x80 << 3 | 2, (uint8_t[]){0xcd, 0x80}, 2);
	assert_raised(0x80, 0);
	assert_int_equal(guest_frame(false).rip, USER + 2);
	guest_setup(state);
	guest_enter_user();
	guest_gate(VECTOR_BP, 15, 3, 0);
	vcpu.regs.rip = USER + 1; /* int3: reported behind */
	vmm_exception(VECTOR_BP, 0);
	assert_raised(VECTOR_BP, 0);
	assert_int_equal(guest_frame(false).rip, USER + 1);
	guest_setup(state);
	guest_enter_user();
	guest_gate(0x80, 15, 3, 0);
	vcpu.regs.rip = USER + 2;
	vmm_software_interrupt(0x80);
	assert_raised(0x80, 0);
}

static void test_debug(void **state)
{
	(void)state;
	vcpu.regs.rflags |= FLAG_TF;
	vmm_exception(VECTOR_DB, 0);
	assert_raised(VECTOR_DB, 0);
	assert_true(vcpu.dr[6] & DR6_BS);
}

/* The real processor shows IF as 1 and IOPL as 0. */
static void test_flags_at_entry(void **state)
{
	(void)state;
	vcpu.masked = 1;
	vcpu.iopl = FLAG_IOPL;
	vcpu.regs.rflags = FLAG_IF | FLAG_CF;
	EXECUTE(0x9c);
	assert_int_equal(*guest_word(STACK_AT - 8), FLAG_CF | FLAG_IOPL | FLAG_ONE);
}

/* Code at the end of a page, with nothing behind. */
static void test_fetch_at_page_end(void **state)
{
	(void)state;
	vcpu.regs.rip = KERNEL + HOLE - 1;
	EXECUTE(0xfb);
	assert_int_equal(vcpu.masked, 0);
	vcpu.regs.rip = KERNEL + HOLE - 1;
	EXECUTE(0x0f);
	assert_raised(VECTOR_GP, 0);
	guest_setup(state);
	vcpu.regs.rip = KERNEL + HOLE;
	vmm_exception(VECTOR_GP, 0);
	assert_raised(VECTOR_GP, 0);
}

static void test_page_faults(void **state)
{
	struct translation translation;

	(void)state;
	assert_true(vmm_page_fault(gva(KERNEL + 0x123), ACCESS_WRITE | ACCESS_USER, &translation));
	assert_int_equal(translation.address.v, 0x123);
	assert_true(translation.dirty);
	guest_enter_user(); /* the real U bit is always set: CPL decides */
	assert_false(vmm_page_fault(gva(KERNEL + 0x123), ACCESS_USER, &translation));
	assert_raised(VECTOR_PF, PF_PRESENT | ACCESS_USER);
	assert_int_equal(vcpu.cr2, KERNEL + 0x123);
	guest_setup(state);
	assert_false(vmm_page_fault(gva(KERNEL + HOLE), 0, &translation));
	assert_raised(VECTOR_PF, 0);
}

/* --- sites ------------------------------------------------------------------------------------ */

static void put_site(mword start, unsigned total, const uint8_t *bytes, size_t length)
{
	fake_site = (struct site){.start = start, .total = (uint8_t)total};
	assert_true(insn_decode(&fake_site.insn, bytes, length, 64));
}

static void test_site(void **state)
{
	size_t count;
	const struct class_count *counts = emulate_counts(&count);
	uint64_t before = 0, after = 0;

	(void)state;
	for (size_t i = 0; i < count; i++)
		before += counts[i].sites;
	put_site(KERNEL + CODE_AT, 8, (uint8_t[]){0x0f, 0x20, 0xd8}, 3);
	vcpu.regs.rip = 0;
	vmm_site(KERNEL + CODE_AT + 8);
	assert_int_equal(vcpu.regs.rip, KERNEL + CODE_AT + 8);
	assert_int_equal(vcpu.regs.gpr[RAX], vcpu.cr3);
	for (size_t i = 0; i < count; i++)
		after += counts[i].sites;
	assert_int_equal(after, before + 1);
}

/* A fault is reported at the site's start, where exception tables point. */
static void test_site_faults_at_start(void **state)
{
	(void)state;
	put_site(KERNEL + CODE_AT, 7, (uint8_t[]){0x0f, 0x32}, 2);
	vcpu.regs.gpr[RCX] = 0x99999;
	vmm_site(KERNEL + CODE_AT + 7);
	assert_raised(VECTOR_GP, 0);
	assert_int_equal(guest_frame(true).rip, KERNEL + CODE_AT);
}

static void test_int_site_returns_behind_pad(void **state)
{
	(void)state;
	guest_gate(0x82, 14, 0, 0);
	put_site(KERNEL + CODE_AT, 7, (uint8_t[]){0xcd, 0x82}, 2);
	vmm_site(KERNEL + CODE_AT + 7);
	assert_raised(0x82, 0);
	assert_int_equal(guest_frame(false).rip, KERNEL + CODE_AT + 7);
}

static void call_no_site(void *argument)
{
	(void)argument;
	vmm_site(0x1234);
}

static void test_no_site(void **state)
{
	(void)state;
	assert_true(stub_ends(call_no_site, NULL));
	assert_int_equal(stub.end, STUB_FATAL);
	assert_string_equal(stub.reason, "call into the VMM from no site next=0x1234");
}

/* --- the table
 * ------------------------------------------------------------------------------------------ */

#define CLASS(group, number, name, sensitive) {AB_CLASS_##name, sensitive},
static const struct {
	uint16_t class;
	bool sensitive;
} classes[] = {AB_CLASSES(CLASS)};

static void test_every_class_has_an_emulation(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const struct emulation *entry = emulation_of(classes[i].class);
		bool hole = classes[i].class == AB_CLASS_MODE || classes[i].class == AB_CLASS_ARPL;

		assert_non_null(entry);
		if (!hole && !entry->run && !entry->undefined)
			fail_msg("no emulation of %s", emulate_class_name(classes[i].class));
		assert_false(entry->run && entry->undefined);
	}
	assert_null(emulation_of(0));
	assert_null(emulation_of(0xffff));
	assert_null(emulation_of(0x01ff));
}

static void run_hole(void *argument)
{
	struct insn insn = {.class = *(uint16_t *)argument, .length = 1};

	emulate(&insn, vcpu.regs.rip + 1);
}

static void test_hole_is_named(void **state)
{
	uint16_t class = AB_CLASS_ARPL;

	(void)state;
	assert_true(stub_ends(run_hole, &class));
	assert_int_equal(stub.end, STUB_FATAL);
	assert_non_null(strstr(stub.reason, "no emulation of ARPL"));
}

/* --- messages
 * ------------------------------------------------------------------------------------------ */

static void test_trace(void **state)
{
	(void)state;
	assert_false(vmm_trace_enable("nonsense"));
	assert_false(vmm_trace_enable("cl"));
	assert_true(vmm_trace_enable("cpuid"));
	vcpu.regs.gpr[RAX] = 0x42;
	EXECUTE(0x0f, 0xa2);
	assert_int_equal(strncmp(stub.log, "trace: CPUID rip=0x7dff80018000 rax=0x42 rcx=0x0", 48),
			 0);
	assert_int_equal(stub.log[stub.log_length - 1], '\n');
}

static void test_lines(void **state)
{
	struct line line = {0};

	(void)state;
	line_decimal(line_hex(line_text(&line, "a="), 0), UINT64_MAX);
	assert_string_equal(line.text, "a=0x018446744073709551615");
	for (unsigned i = 0; i < 100; i++)
		line_field(&line, "name", 0xdeadbeef);
	assert_int_equal(strlen(line.text), line.length);
	line_log(&line);
	assert_int_equal(stub.log_length, sizeof(line.text) - 1);
	assert_int_equal(stub.log[stub.log_length - 1], '\n');
}

static void test_limits_are_said_once(void **state)
{
	(void)state;
	limit_once("a limit");
	limit_once("a limit");
	assert_int_equal(stub_count("log"), 1);
	assert_int_equal(strncmp(stub.log, "limit: a limit", 14), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_reset),
		TEST(test_plain_exceptions),
		TEST(test_hidden_instructions),
		TEST(test_software_interrupts),
		TEST(test_debug),
		TEST(test_flags_at_entry),
		TEST(test_fetch_at_page_end),
		TEST(test_page_faults),
		TEST(test_site),
		TEST(test_site_faults_at_start),
		TEST(test_int_site_returns_behind_pad),
		TEST(test_no_site),
		TEST(test_every_class_has_an_emulation),
		TEST(test_hole_is_named),
		TEST(test_trace),
		TEST(test_lines),
		TEST(test_limits_are_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
