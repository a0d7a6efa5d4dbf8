/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows in front of system calls: which are found, what becomes of them, and that
 * every trampoline does what its window did. The trampolines run here.
 */
#include "backends/linux/window.h"

#include "backends/linux/layout.h"
#include "backends/linux/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define PAGE 4096u

/* Code that ends with the system call; in front of it, NOPs. */
struct sample {
	const char *bytes;
	unsigned length;
	unsigned want; /* length of the displaced instruction, the first of two; 0: no window */
	enum window_form form;
	unsigned second;
};

#define SAMPLE(want, form, text) PAIR(want, 0, form, text)
#define PAIR(want, second, form, text)                                                             \
	{                                                                                          \
		text "\x0f\x05", sizeof(text) + 1, want, form, second                              \
	}

static const struct sample samples[] = {
	SAMPLE(5, WINDOW_PLAIN, "\xb8\x27\0\0\0"),		      /* mov $39, %eax */
	SAMPLE(6, WINDOW_PLAIN, "\x41\xba\x08\0\0\0"),		      /* mov $8, %r10d */
	SAMPLE(7, WINDOW_PLAIN, "\x48\xc7\xc0\x0f\0\0\0"),	      /* mov $15, %rax */
	SAMPLE(10, WINDOW_PLAIN, "\x48\xb8\1\2\3\4\5\6\7\x08"),	      /* movabs */
	SAMPLE(5, WINDOW_PLAIN, "\x4c\x8b\x4c\x24\x08"),	      /* mov 8(%rsp), %r9 */
	SAMPLE(7, WINDOW_PLAIN, "\x4c\x8b\x8f\0\1\0\0"),	      /* mov 256(%rdi), %r9 */
	SAMPLE(0, WINDOW_NONE, "\x81\xe6\xff\xff\0\0\x90"),	      /* a NOP in between */
	SAMPLE(6, WINDOW_PLAIN, "\x81\xe6\xff\xff\0\0"),	      /* and $0xffff, %esi */
	SAMPLE(7, WINDOW_FLAG, "\x80\x3d\1\2\3\4\0\x74\x13\x31\xc0"), /* glibc's read */
	SAMPLE(7, WINDOW_FLAG, "\x80\x3d\1\2\3\4\0\x75\x13\x31\xc0"),
	SAMPLE(0, WINDOW_NONE, "\x80\x3d\1\2\3\4\0\x72\x13\x31\xc0"), /* jb */
	SAMPLE(0, WINDOW_NONE, "\x31\xc0"),			      /* too short */
	PAIR(5, 2, WINDOW_PLAIN, "\xb8\x27\0\0\0\x89\xf7"),   /* mov $39, %eax; mov %esi, %edi */
	PAIR(3, 2, WINDOW_PLAIN, "\x48\x89\xef\x31\xc0"),     /* mov %rbp, %rdi; xor %eax, %eax */
	PAIR(3, 3, WINDOW_PLAIN, "\x48\x89\xef\x48\x89\xde"), /* and mov %rbx, %rsi */
	PAIR(2, 3, WINDOW_PLAIN, "\x31\xc0\x48\x89\xef"),
	PAIR(10, 3, WINDOW_PLAIN, "\x48\xb8\1\2\3\4\5\6\7\x08\x4d\x89\xca"),
	PAIR(5, 3, WINDOW_PLAIN, "\x4c\x8b\x4c\x24\x08\x48\x8b\x37"), /* mov (%rdi), %rsi */
	SAMPLE(0, WINDOW_NONE, "\x31\xc0\x31\xff"),		      /* four bytes: too short */
	SAMPLE(0, WINDOW_NONE, "\x31\xd2\x31\xc0\x31\xff"),	/* three: no room for a third */
	SAMPLE(0, WINDOW_NONE, "\x48\x89\xef\x48\x8b\x70\x08"), /* 24 does not trap */
	SAMPLE(0, WINDOW_NONE, "\xe8\0\0\0\0\x31\xc0"),		/* call, then xor */
	SAMPLE(0, WINDOW_NONE, "\xb8\x27\0\0\0\xf3\x90"),	/* pause */
	SAMPLE(0, WINDOW_NONE, "\x48\x8d\x3d\1\0\0\0\x31\xc0"), /* lea 1(%rip); xor */
	SAMPLE(0, WINDOW_NONE, "\x48\xc7\x84\x24\0\1\0\0\0\0\0\0\x31\xc0"), /* 12 + 2 bytes */
	SAMPLE(0, WINDOW_NONE, "\x48\x8d\x3d\1\0\0\0"),			    /* lea 1(%rip) */
	SAMPLE(0, WINDOW_NONE, "\xe8\0\0\0\0"),				    /* call */
	SAMPLE(0, WINDOW_NONE, "\xe9\0\0\0\0"),				    /* jmp */
	SAMPLE(0, WINDOW_NONE, "\x0f\x84\0\0\0\0"),			    /* je */
	SAMPLE(0, WINDOW_NONE, "\x68\0\0\0\0"),				    /* push */
	SAMPLE(0, WINDOW_NONE, "\x65\x8b\x04\x25\0\0\0\0"),		    /* mov %gs:0, %eax */
	SAMPLE(0, WINDOW_NONE, "\xf0\x81\x07\1\0\0\0"),			    /* lock add */
	SAMPLE(0, WINDOW_NONE, "\xa1\1\2\3\4\5\6\7\x08"),		    /* mov moffs */
	SAMPLE(0, WINDOW_NONE, "\x48"),					    /* REX.W syscall */
};

static bool find(const struct sample *sample, unsigned at, struct window *window)
{
	uint8_t code[WINDOW_LEAD];

	memset(code, 0x90, sizeof(code));
	memcpy(code + sizeof(code) - sample->length, sample->bytes, sample->length);
	return window_find(window, code, sizeof(code), at);
}

static void samples_are_found(void **state)
{
	struct window window;

	(void)state;
	for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		if (find(&samples[i], 1000, &window) != (samples[i].want != 0))
			fail_msg("sample %u", i);
		if (!samples[i].want)
			continue;
		assert_int_equal(window.form, samples[i].form);
		assert_int_equal(window.length, samples[i].want);
		assert_int_equal(window.second, samples[i].second);
		assert_int_equal(window.start, 1000 - (samples[i].length - 2));
		assert_int_equal(window.at, 1000);
	}
}

/* Where the window would begin in the page before, there is none. */
static void windows_lie_in_one_page(void **state)
{
	struct window window;

	(void)state;
	for (unsigned at = 0; at < 20; at++) {
		assert_int_equal(find(&samples[0], at, &window), at >= 5);
		assert_int_equal(find(&samples[8], at, &window), at >= 11);
	}
	assert_true(find(&samples[0], PAGE - 2, &window));
	assert_false(find(&samples[0], PAGE - 1, &window)); /* nor does half a system call */
}

/* Bytes in front that fit but are the end of a longer instruction. */
static void longer_instructions_are_seen(void **state)
{
	static const struct sample hidden =
		SAMPLE(0, WINDOW_NONE, "\x48\xb9\0\0\0\xb8\x27\0\0\0"); /* movabs $..., %rcx */
	struct window window;

	(void)state;
	assert_true(find(&hidden, 500, &window));
	assert_int_equal(window.length, 10);
}

static void little_code_is_not_enough(void **state)
{
	uint8_t code[WINDOW_LEAD];
	struct window window;

	(void)state;
	memset(code, 0x90, sizeof(code));
	memcpy(code + sizeof(code) - 7, samples[0].bytes, 7);
	for (unsigned length = 0; length <= sizeof(code); length++)
		assert_int_equal(window_find(&window, code + sizeof(code) - length, length, 900),
				 length >= 33);
}

/* Every byte of a jump but the first two is no instruction that an application may execute;
 * and pointers do not overlap. */
static bool traps(uint8_t byte)
{
	static const uint8_t none[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27,
				       0x2f, 0x37, 0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce,
				       0xd4, 0xd6, 0xea, 0xf4, 0xe4, 0xe5, 0xe6, 0xe7,
				       0xec, 0xed, 0xee, 0xef, 0x6c, 0x6d, 0x6e, 0x6f};

	return memchr(none, byte, sizeof(none)) != NULL;
}

static void jumps_are_made_of_traps(void **state)
{
	struct window window;
	uint8_t page[PAGE];

	(void)state;
	assert_true(find(&samples[2], 1000, &window));
	for (unsigned i = 0; i < WINDOW_POINTERS; i++) {
		uint32_t pointer = window_pointer(i);

		assert_in_range(pointer, LAYOUT_POINTERS, LAYOUT_POINTERS_END - 8);
		for (unsigned k = 0; k < i; k++)
			assert_true(abs((int)(pointer - window_pointer(k))) >= 8);
		window_patch(&window, pointer, page);
		assert_memory_equal(page + 993, "\x36\x36\xff\x24", 4);
		assert_true(traps(page[997]) && traps(page[998]) && traps(page[999]) &&
			    traps(page[1000]));
	}
}

/* Bytes of an innocuous instruction of this length, or NULL. */
static const char *instruction(unsigned length)
{
	static const char *const of[] = {
		[2] = "\x31\xc0",
		[3] = "\x48\x89\xef",
		[4] = "\x48\x8b\x70\x08",
		[5] = "\xb8\x27\0\0\0",
		[6] = "\x41\xba\x08\0\0\0",
		[7] = "\x48\xc7\xc0\x0f\0\0\0",
		[8] = "\x48\x8b\x84\x24\0\1\0\0",
		[9] = "\x48\xc7\x44\x24\x08\0\0\0\0",
		[10] = "\x48\xb8\1\2\3\4\5\6\7\x08",
		[11] = "\x48\xc7\x80\0\1\0\0\0\0\0\0",
		[12] = "\x48\xc7\x84\x24\0\1\0\0\0\0\0\0",
	};

	return length < sizeof(of) / sizeof(of[0]) ? of[length] : NULL;
}

/* Two instructions of all lengths: where there is a window, the second's address is a byte
 * that traps, and where there is none, there was a reason. */
static void check_pair(unsigned first, unsigned second)
{
	uint8_t code[32], page[PAGE] = {0};
	const struct sample sample = {(const char *)code, first + second + 2, 0, 0, 0};
	bool together = second < 4 && first + second >= 5 && first + second <= 13, found;
	struct window window;

	memcpy(code, instruction(first), first);
	memcpy(code + first, instruction(second), second);
	memcpy(code + first + second, "\x0f\x05", 2);
	found = find(&sample, 1000, &window);
	if (found != (together || second >= 5))
		fail_msg("%u and %u bytes: %d", first, second, found);
	if (!found)
		return;
	assert_int_equal(window.second, together ? second : 0);
	assert_int_equal(window.length, together ? first : second);
	for (unsigned i = 0; together && i < WINDOW_POINTERS; i++) {
		window_patch(&window, window_pointer(i), page);
		assert_true(traps(page[1000 - second]));
	}
}

static void boundaries_are_traps(void **state)
{
	(void)state;
	for (unsigned first = 2; instruction(first); first++)
		for (unsigned second = 2; instruction(second); second++)
			check_pair(first, second);
}

/* Neither behind any two bytes of a program nor by themselves are jumps instructions that open
 * protection keys. */
static void jumps_open_no_keys(void **state)
{
	static const uint8_t before[][2] = {{0x0f, 0xae}, {0x0f, 0x01}, {0, 0x0f}};
	struct window window;
	uint8_t page[PAGE];

	(void)state;
	for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		for (unsigned k = 0; k < 3 * WINDOW_POINTERS && samples[i].want; k++) {
			memset(page, 0, sizeof(page));
			assert_true(find(&samples[i], 1000, &window));
			memcpy(page + window.start - 2, before[k % 3], 2);
			window_patch(&window, window_pointer(k / 3), page);
			assert_int_equal(scan_page(page, NULL, 0), 0);
		}
}

/* The comparison's address is another in the trampoline: a program can choose it so that it
 * becomes `wrpkru` there. */
static void trampolines_open_no_keys(void **state)
{
	static const uint8_t flag[] = {0x80, 0x3d, 0x15, 0x01, 0xef, 0, 0, 0x74, 0x13, 0x31, 0xc0};
	static const struct window_places places = {0x7dff80f40000, 0x7dff80200000, 0x7dff80200008,
						    0x7dff80200010, 0x7dff80001000};
	const struct window window = {WINDOW_FLAG, 7, 0, 989, 996, 1000};
	struct window_step steps[WINDOW_STEPS];
	uint8_t page[PAGE] = {0}, code[WINDOW_TRAMPOLINE];

	(void)state;
	memcpy(page + 989, flag, sizeof(flag));
	assert_int_equal(scan_page(page, NULL, 0), 0);
	assert_false(window_trampoline(&window, page, &places, code, steps));
	page[991]++;
	assert_true(window_trampoline(&window, page, &places, code, steps));
}

/* --- the trampolines, executed ------------------------------------------------------------- */

struct machine {
	uint8_t code[WINDOW_TRAMPOLINE];
	mword next, other, r11;
	uint8_t flag;
	uint8_t exits[32]; /* what gate and `other` lead to: return */
};

static struct machine *machine;

static int map_machine(void **state)
{
	(void)state;
	machine = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	return machine == MAP_FAILED;
}

struct outcome {
	mword rax, rcx, r11;
	mword gate; /* 1: reached, 2: the other way */
};

static struct outcome execute(mword rax, mword r11)
{
	struct outcome out = {.rax = rax, .r11 = r11};
	mword code = (mword)machine->code;

	__asm__ volatile("movq	%[r11], %%r11\n\t"
			 "xorl	%%edx, %%edx\n\t"
			 "call	*%[code]\n\t"
			 "movq	%%r11, %[r11]"
			 : "+a"(out.rax), "=&c"(out.rcx), "=&d"(out.gate), [r11] "+b"(out.r11)
			 : [code] "S"(code)
			 : "r8", "r9", "r10", "r11", "rdi", "memory", "cc");
	return out;
}

static void build(const struct sample *sample, struct window *window,
		  struct window_step steps[WINDOW_STEPS])
{
	/* gate: mov $1, %edx; ret. other: mov $2, %edx; ret */
	static const uint8_t exits[] = {0xba, 1, 0, 0, 0, 0xc3, 0x90, 0x90, 0xba, 2, 0, 0, 0, 0xc3};
	const struct window_places places = {(mword)machine->code, (mword)&machine->next,
					     (mword)&machine->other, (mword)&machine->r11,
					     (mword)machine->exits};
	uint8_t page[PAGE];

	assert_true(find(sample, 1000, window));
	memcpy(page + 1002 - sample->length, sample->bytes, sample->length);
	memcpy(machine->exits, exits, sizeof(exits));
	machine->other = (mword)machine->exits + 8;
	assert_true(window_trampoline(window, page, &places, machine->code, steps));
}

static void a_plain_trampoline_runs(void **state)
{
	struct window_step steps[WINDOW_STEPS];
	struct window window;
	struct outcome out;

	(void)state;
	build(&samples[0], &window, steps);
	machine->next = 0x123456789;
	out = execute(7, 5);
	assert_int_equal(out.rax, 39);
	assert_int_equal(out.rcx, 0x123456789);
	assert_int_equal(out.gate, 1);
	assert_int_equal(out.r11, 5);
	assert_int_equal(steps[0].where, AT_INSIDE);
	assert_int_equal(steps[1].at, 5);
	assert_int_equal(steps[1].where, AT_SYSCALL);
	assert_int_equal(steps[2].at, 12);
	assert_int_equal(steps[2].where, AT_GATE);
	assert_int_equal(steps[3].where, AT_NOWHERE);
}

static void a_trampoline_of_two_runs(void **state)
{
	static const struct sample pair =
		PAIR(5, 3, WINDOW_PLAIN, "\xb8\x27\0\0\0\x49\x89\xc3"); /* mov %rax, %r11 */
	struct window_step steps[WINDOW_STEPS];
	struct window window;
	struct outcome out;

	(void)state;
	build(&pair, &window, steps);
	machine->next = 0x123456789;
	out = execute(7, 5);
	assert_int_equal(out.rax, 39);
	assert_int_equal(out.r11, 39);
	assert_int_equal(out.rcx, 0x123456789);
	assert_int_equal(out.gate, 1);
	assert_int_equal(steps[0].where, AT_INSIDE);
	assert_int_equal(steps[1].at, window.length);
	assert_int_equal(steps[1].where, AT_BEHIND);
	assert_int_equal(steps[2].at, window.length + window.second);
	assert_int_equal(steps[2].where, AT_SYSCALL);
	assert_int_equal(steps[3].where, AT_GATE);
	assert_int_equal(steps[4].where, AT_NOWHERE);
}

/* The flag is 0x01020304 from the comparison's end, which is 6 in front of `next`. */
static void a_flag_trampoline_decides(void **state)
{
	struct window_step steps[WINDOW_STEPS];
	struct window window;

	(void)state;
	for (unsigned sample = 8; sample < 10; sample++)
		for (machine->flag = 0; machine->flag < 2; machine->flag++) {
			bool taken = (machine->flag == 0) == (sample == 8);
			struct outcome out;

			build(&samples[sample], &window, steps);
			machine->next = (mword)&machine->flag - 0x04030201 + 6;
			out = execute(77, 0x5555);
			assert_int_equal(out.gate, taken ? 2 : 1);
			assert_int_equal(out.rax, taken ? 77 : 0);
			assert_int_equal(out.r11, 0x5555);
			if (!taken)
				assert_int_equal(out.rcx, machine->next);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_found),
		cmocka_unit_test(windows_lie_in_one_page),
		cmocka_unit_test(longer_instructions_are_seen),
		cmocka_unit_test(little_code_is_not_enough),
		cmocka_unit_test(jumps_are_made_of_traps),
		cmocka_unit_test(boundaries_are_traps),
		cmocka_unit_test(jumps_open_no_keys),
		cmocka_unit_test(trampolines_open_no_keys),
		cmocka_unit_test(a_plain_trampoline_runs),
		cmocka_unit_test(a_trampoline_of_two_runs),
		cmocka_unit_test(a_flag_trampoline_decides),
	};

	return cmocka_run_group_tests(tests, map_machine, NULL);
}
