/* SPDX-License-Identifier: BSD-2-Clause */
/* signal.S: the host's signal frames come in, an application's do not, whatever it forges and
 * wherever it jumps; and what comes in goes out as the frame or the virtual CPU says.
 */
#include "test/unit/linux/doors.h"

#include <string.h>

#define NONCE	    UINT64_C(0x0123456789abcdef)
#define FRAME_BYTES 8192
#define OPENED	    0 /* all keys */

/* The host's frame is below the top of the alternate stack: return address, context. */
static ucontext_t *const context = (ucontext_t *)(void *)(altstack + ALTSTACK_BYTES - FRAME_BYTES);
static siginfo_t info;
static uint8_t state_area[4096] __attribute__((aligned(64)));

static uint64_t *return_address(void)
{
	return (uint64_t *)(void *)context - 1;
}

static struct machine_state expected;

/* A frame of who stood at CODE_AT, with registers of its own. */
static void make_frame(void)
{
	static const int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				    REG_RSI, REG_RDI, REG_R8,  REG_R9,	REG_R10, REG_R11,
				    REG_R12, REG_R13, REG_R14, REG_R15};
	greg_t *regs = context->uc_mcontext.gregs;

	machine_end(CODE_AT);
	machine_registers(CODE_AT, FLAG_CF | FLAG_OF);
	expected = before;
	for (unsigned i = 0; i < GPR_COUNT; i++)
		expected.gpr[i] += 0x100; /* not what the door was called with */
	memset(context, 0, sizeof(*context));
	for (unsigned i = 0; i < GPR_COUNT; i++)
		regs[order[i]] = (greg_t)expected.gpr[i];
	regs[REG_RIP] = CODE_AT;
	regs[REG_EFL] = (greg_t)expected.rflags;
	regs[REG_CSGSFS] = 0x2b000000000033; /* ss, cs */
	context->uc_mcontext.fpregs = (void *)state_area;
	*(uint32_t *)(void *)(state_area + 24) = 0x1f80; /* MXCSR */
}

/* As the host calls: the stack below the frame, three arguments. */
static void call(const void *entry, mword stack)
{
	machine_registers((mword)entry, FLAG_ZF);
	before.gpr[RSP] = stack;
	before.gpr[RDI] = SIGUSR1;
	before.gpr[RSI] = (mword)&info;
	before.gpr[RDX] = (mword)context;
	doors_run(0, NULL);
}

static int setup(void **state)
{
	int result = doors_reset(state);

	signal_nonce = NONCE;
	make_frame();
	*return_address() = NONCE;
	return result;
}

static void assert_handled(void)
{
	assert_false(refused);
	assert_int_equal(handled, 1);
	assert_int_equal(handled_number, SIGUSR1);
	assert_ptr_equal(handled_info, &info);
	assert_ptr_equal(handled_context, context);
}

static void assert_refused(void)
{
	assert_true(refused);
	assert_int_equal(handled, 0);
	refused = false;
	rights = APPLICATION_RIGHTS;
}

static void the_vmm_goes_on(void **state)
{
	(void)state;
	call(signal_entry_keys, (mword)return_address());
	assert_handled();
	assert_int_equal(told, 0);
	assert_int_equal(*return_address(), 0);
	assert_same_registers(&after, &expected, FLAGS_ALL);
}

/* Then the frame's registers are not used: the virtual CPU has them. */
static void the_guest_was_interrupted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GPR_COUNT; i++)
		vcpu.regs.gpr[i] = expected.gpr[i] += 0x100;
	vcpu.regs.rip = CODE_AT;
	vcpu.regs.rflags = expected.rflags = FLAG_SF | FLAG_ONE | FLAG_IF;
	__asm__ volatile("rdfsbase %0" : "=r"(vcpu.fs_base));
	vcpu.in_vmm = 1;
	vcpu.masked = 0;
	handle_answer = 1;
	call(signal_entry_keys, (mword)return_address());
	assert_handled();
	assert_int_equal(told, 1);
	assert_same_registers(&after, &expected, FLAGS_ALL);
}

/* signal_handle() sees it (doors.c); the frame's flags are not touched. */
static void flags_of_applications_are_off(void **state)
{
	(void)state;
	machine_registers((mword)signal_entry, FLAG_AC | FLAG_NT);
	before.gpr[RSP] = (mword)return_address();
	before.gpr[RDI] = SIGUSR1;
	before.gpr[RSI] = (mword)&info;
	before.gpr[RDX] = (mword)context;
	rights = OPENED;
	doors_run(0, NULL);
	assert_handled();
	assert_same_registers(&after, &expected, FLAGS_ALL);
}

static void a_number_serves_once(void **state)
{
	(void)state;
	call(signal_entry_keys, (mword)return_address());
	assert_handled();
	handled = 0;
	rights = APPLICATION_RIGHTS;
	call(signal_entry_keys, (mword)return_address());
	assert_refused();
}

static void forged_numbers(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		*return_address() = NONCE ^ UINT64_C(1) << bit;
		call(signal_entry_keys, (mword)return_address());
		assert_refused();
	}
	*return_address() = 0;
	call(signal_entry_keys, (mword)return_address());
	assert_refused();
}

/* The number, where it is not the host's to put it, or where a frame has no room. */
static void other_stacks(void **state)
{
	static uint64_t elsewhere[64];
	uint8_t *const top = altstack + ALTSTACK_BYTES;
	uint8_t *const places[] = {(uint8_t *)&elsewhere[32], top - FRAME_LEAST, top - 8};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		memcpy(places[i], &signal_nonce, sizeof(signal_nonce));
		call(signal_entry_keys, (mword)places[i]);
		assert_refused();
	}
	call(signal_entry_keys, (mword)top);
	assert_refused();
	call(signal_entry_keys, (mword)altstack - 8);
	assert_refused();
	call(signal_entry_keys, 8);
	assert_refused();
}

/* A refused application learns nothing: not the number, and not from the flags. */
static void nothing_is_told(void **state)
{
	(void)state;
	memset(&after, 0, sizeof(after));
	*return_address() = 1;
	call(signal_entry_keys, (mword)return_address());
	assert_refused();
	for (unsigned i = 0; i < GPR_COUNT; i++)
		assert_int_not_equal(after.gpr[i], NONCE);
}

/* --- jumps to the doors --------------------------------------------------------------------- */

static const uint32_t values[] = {1, 3, 0x55555554, 0x5555555c, 0xffffffff, 0xfffffffc};

static const uint8_t *wrpkru_of(const char *from, const char *end)
{
	const uint8_t *at = memmem(from, (size_t)(end - from), "\x0f\x0b", 2); /* ud2: doors.h */

	assert_non_null(at);
	return at;
}

static void jump(const void *to, uint32_t value)
{
	machine_registers((mword)to, 0);
	before.gpr[RAX] = value;
	before.gpr[RSP] = (mword)return_address();
	before.gpr[RCX] = before.gpr[RDX] = 0;
	doors_run(0, NULL);
}

/* Whoever comes with another value than the code's own stops with it, even with a frame that
 * is the host's. */
static void the_way_in(void **state)
{
	const uint8_t *wrpkru = wrpkru_of(signal_entry_keys, signal_entry);

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		jump(wrpkru, values[i]);
		assert_refused();
	}
}

/* With its own rights it leaves to where it was going, and with no others. */
static void the_way_out(void **state)
{
	const uint8_t *wrpkru = wrpkru_of(keys_exit, keys_exit_end);

	(void)state;
	exit_page.frame[0] = CODE_AT;
	exit_page.frame[2] = FLAG_ONE | FLAG_IF;
	exit_page.frame[3] = (uint64_t)STACK_MIDDLE;
	exit_page.rax = 7;
	jump(wrpkru, OPENED);
	assert_refused();
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		jump(wrpkru, values[i]);
		assert_refused();
	}
	jump(wrpkru, APPLICATION_RIGHTS);
	assert_false(refused);
	assert_int_equal(rights, APPLICATION_RIGHTS);
	assert_int_equal(after.gpr[RAX], 7);
	assert_int_equal(after.gpr[RSP], (mword)STACK_MIDDLE);
}

/* The xrstor of the handler's end, with a mask that has the keys' component. */
static void the_xrstor(void **state)
{
	static const char bytes[] = {0x48, 0x0f, (char)0xae, 0x2f}; /* xrstor64 (%rdi) */
	const uint8_t *xrstor =
		memmem(signal_entry, (size_t)(vmm_user_exit - signal_entry), bytes, sizeof(bytes));

	(void)state;
	assert_non_null(xrstor);
	machine_registers((mword)xrstor, 0);
	before.gpr[RDI] = (mword)state_area;
	before.gpr[RAX] = XSTATE_PKRU;
	before.gpr[RDX] = 0;
	before.gpr[R12] = 0;
	before.gpr[RBX] = (mword)&context->uc_mcontext;
	doors_run(0, NULL);
	assert_refused();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_vmm_goes_on, setup),
		cmocka_unit_test_setup(the_guest_was_interrupted, setup),
		cmocka_unit_test_setup(flags_of_applications_are_off, setup),
		cmocka_unit_test_setup(a_number_serves_once, setup),
		cmocka_unit_test_setup(forged_numbers, setup),
		cmocka_unit_test_setup(other_stacks, setup),
		cmocka_unit_test_setup(nothing_is_told, setup),
		cmocka_unit_test_setup(the_way_in, setup),
		cmocka_unit_test_setup(the_way_out, setup),
		cmocka_unit_test_setup(the_xrstor, setup),
	};

	return cmocka_run_group_tests(tests, machine_setup, NULL);
}
