/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process that runs applications may ask of the host: nothing, but for three
 * instructions of its own.
 */
#include "backends/linux/shared.h"
#include "backends/linux/twin.h"
#include "test/unit/linux/filter_run.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/mman.h>

#define KEY	   UINT64_C(0x0123456789abcdef)
#define FIXED	   (MAP_SHARED | MAP_FIXED)
#define ARGUMENTS  6
#define USER	   UINT64_C(0x7fff0000)
#define DESCRIPTOR (KEY << 32 | FD_RAM)
#define FLAGS	   ((KEY >> 32 << 32) | FIXED)

static struct sock_filter filter[FILTER_MOST];
static unsigned length;

static int build(void **state)
{
	(void)state;
	length = twin_filter_build(KEY, filter);
	return length == 0;
}

static uint32_t ask(uint32_t arch, uint64_t at, uint32_t nr, const uint64_t *args)
{
	struct seccomp_data data = {.arch = arch, .nr = (int)nr, .instruction_pointer = at};

	for (int i = 0; i < ARGUMENTS; i++)
		data.args[i] = args[i];
	return filter_run(filter, length, &data);
}

static uint32_t here(uint64_t at, uint32_t nr, const uint64_t *args)
{
	return ask(AUDIT_ARCH_X86_64, at, nr, args);
}

static void applications_trap(void **state)
{
	static const uint64_t places[] = {0x400000, 0x7ffffffff000, LAYOUT_USER_END - 2,
					  UINT64_C(0xffffffffff600000), LAYOUT_TWIN_AREA};
	const uint64_t args[ARGUMENTS] = {USER, 4096, PROT_READ, FLAGS, DESCRIPTOR, 0};

	(void)state;
	for (uint32_t nr = 0; nr < 1024; nr++) {
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			assert_int_equal(here(places[i], nr, args), SECCOMP_RET_TRAP);
			assert_int_equal(here(places[i], nr | 0x40000000, args), SECCOMP_RET_TRAP);
		}
		for (uint64_t at = twin_code.start; at < twin_code.start + TWIN_TEXT_BYTES; at++) {
			bool ours = (at == twin_code.report && nr == __NR_getpgid) ||
				    (at == twin_code.memory && nr == __NR_mmap);

			assert_int_equal(here(at, nr, args) == SECCOMP_RET_TRAP, !ours);
			assert_int_equal(ask(AUDIT_ARCH_I386, at, nr, args), SECCOMP_RET_TRAP);
		}
	}
	assert_int_equal(here(twin_code.report, __NR_getpgid, args), SECCOMP_RET_USER_NOTIF);
}

/* Each argument in turn takes a wrong value. */
static void all_but(uint32_t nr, const uint64_t *right, unsigned argument, uint64_t wrong)
{
	uint64_t args[ARGUMENTS];

	memcpy(args, right, sizeof(args));
	assert_int_equal(here(twin_code.memory, nr, args), SECCOMP_RET_ALLOW);
	args[argument] = wrong;
	assert_int_equal(here(twin_code.memory, nr, args), SECCOMP_RET_TRAP);
}

static void memory_needs_the_key(void **state)
{
	const uint64_t map[ARGUMENTS] = {USER, 4096, 7, FLAGS, DESCRIPTOR, 0x5000};
	const uint64_t others[ARGUMENTS] = {USER, 4096, 3, KEY, 0, 0};
	static const uint32_t changes[] = {__NR_munmap, __NR_mprotect};

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		if (BIT(bit) != MAP_POPULATE)
			all_but(__NR_mmap, map, 3, FLAGS ^ BIT(bit));
		all_but(__NR_mmap, map, 4, DESCRIPTOR ^ BIT(bit));
		for (int i = 0; i < 2; i++)
			all_but(changes[i], others, 3, KEY ^ BIT(bit));
	}
	for (int i = 0; i < 2; i++)
		for (unsigned argument = 0; argument < 2; argument++) {
			all_but(changes[i], others, argument, LAYOUT_USER_END);
			all_but(__NR_mmap, map, argument, UINT64_MAX);
		}
	all_but(__NR_mprotect, others, 2, PROT_GROWSDOWN);
}

/* Code in copies is the VMM's to change. */
static void copies_are_read(void **state)
{
	const uint64_t map[ARGUMENTS] = {
		USER, 4096, PROT_READ | PROT_EXEC, FLAGS, KEY << 32 | FD_COPIES, 0x20000};

	(void)state;
	all_but(__NR_mmap, map, 2, PROT_READ | PROT_WRITE);
	all_but(__NR_mmap, map, 4, KEY << 32 | FD_SHARED);
	all_but(__NR_mmap, map, 4, FD_COPIES);
	all_but(__NR_mmap, map, 0, LAYOUT_USER_END);
}

/* The process that twins are forked from shares the VMM's data, so a hole in the VMM has it
 * call what it likes: from the VMM's addresses, with what it needs and no more. */
static void zygote_is_confined(void **state)
{
	static const uint32_t needed[] = {
		__NR_wait4,  __NR_exit_group,  __NR_restart_syscall, __NR_close,       __NR_getppid,
		__NR_munmap, __NR_sigaltstack, __NR_rt_sigaction,    __NR_close_range,
	};
	static const struct {
		uint32_t nr;
		uint64_t right[ARGUMENTS];
		unsigned argument;
		uint64_t wrong;
	} with[] = {
		{__NR_futex, {USER, 0, 1}, 1, 3},
		{__NR_clone, {17}, 0, 0x100},
		{__NR_clone, {17}, 1, USER},
		{__NR_write, {1}, 0, 2},
		{__NR_dup3, {3, 9}, 1, 4},
		{__NR_unshare, {0x400}, 0, 0x10000000},
		{__NR_prlimit64, {0}, 0, 1},
		{__NR_prctl, {1, 9}, 1, 0},
		{__NR_prctl, {15, USER}, 0, 59},
		{__NR_mmap, {USER, 4096, 3, FIXED, 10}, 2, 7},
		{__NR_mmap, {USER, 4096, 3, FIXED, 10}, 3, MAP_PRIVATE | MAP_FIXED},
		{__NR_mmap, {USER, 4096, 3, FIXED, 10}, 4, 4},
	};
	const uint64_t zeros[ARGUMENTS] = {0}, at = LAYOUT_VMM + 0x1234;

	(void)state;
	for (uint32_t nr = 0; nr < 1024; nr++) {
		uint32_t expected =
			nr == __NR_getpgid ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_KILL_PROCESS;

		for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
			if (needed[i] == nr)
				expected = SECCOMP_RET_ALLOW;
		if (nr != __NR_futex && nr != __NR_prlimit64)
			assert_int_equal(here(at, nr, zeros), expected);
		assert_int_equal(here(at, nr | 0x40000000, zeros), SECCOMP_RET_KILL_PROCESS);
	}
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		uint64_t args[ARGUMENTS];

		memcpy(args, with[i].right, sizeof(args));
		assert_int_equal(here(at, with[i].nr, args), SECCOMP_RET_ALLOW);
		args[with[i].argument] = with[i].wrong;
		assert_int_equal(here(at, with[i].nr, args), SECCOMP_RET_KILL_PROCESS);
	}
}

static void only_the_vmm_goes(void **state)
{
	const uint64_t vmm[ARGUMENTS] = {LAYOUT_VMM, LAYOUT_VMM_END - LAYOUT_VMM};
	const uint64_t other[ARGUMENTS] = {LAYOUT_TWIN, TWIN_TEXT_BYTES};

	(void)state;
	assert_int_equal(here(twin_code.unmap, __NR_munmap, vmm), SECCOMP_RET_ALLOW);
	assert_int_equal(here(twin_code.unmap, __NR_munmap, other), SECCOMP_RET_TRAP);
	assert_int_equal(here(twin_code.unmap, __NR_mmap, vmm), SECCOMP_RET_TRAP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applications_trap), cmocka_unit_test(memory_needs_the_key),
		cmocka_unit_test(copies_are_read),   cmocka_unit_test(zygote_is_confined),
		cmocka_unit_test(only_the_vmm_goes),
	};

	return cmocka_run_group_tests(tests, build, NULL);
}
