/* SPDX-License-Identifier: BSD-2-Clause */
/* The vDSO inside of a kernel's image: found, its silent instructions trapping, and
 * nothing else changed; broken ones do no harm.
 */
#include "test/unit/cpu/guest.h"

#include "vmm/load/elf.h"

#define IMAGE	  0x80000 /* three pages; the vDSO begins on the second */
#define VDSO	  0x81000
#define CODE	  0x200
#define RECORDS	  0x400
#define NAMES	  0x500
#define SECTIONS  0x600
#define USER_VDSO (USER + 0x20000)

static const uint8_t lsl[8] = {0x0f, 0x03, 0xc0, 0x0f, 0x1f, 0x44, 0, 0}; /* lsl %eax, %eax */
static const uint8_t verr[5] = {0x2e, 0x2e, 0x0f, 0x00, 0xe0};		  /* verr %ax */
static const uint8_t rdtsc[2] = {0x0f, 0x31};

static uint8_t *vdso(unsigned offset)
{
	return guest_ram + VDSO + offset;
}

static void put_record(unsigned number, unsigned start, uint16_t class, uint8_t total, uint8_t off,
		       uint8_t length, uint16_t flags)
{
	unsigned at = RECORDS + number * AB_RECORD_SIZE;
	struct ab_annot annot = {
		.start = (int32_t)start - (int32_t)at,
		.class = class,
		.total_len = total,
		.insn_off = off,
		.insn_len = length,
		.mode_version = AB_MODE_64 | AB_VERSION << AB_VERSION_SHIFT,
		.flags = flags,
	};

	memcpy(vdso(at), &annot, sizeof(annot));
}

static void put_section(unsigned number, uint32_t name, uint64_t offset, uint64_t size)
{
	struct elf_section section = {.name = name, .type = 1, .offset = offset, .size = size};

	memcpy(vdso(SECTIONS + number * sizeof(section)), &section, sizeof(section));
}

static int setup(void **state)
{
	static const char names[] = "\0.afterburn\0.shstrtab";
	struct elf_header header = {
		.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
		.type = 3,
		.machine = ELF_EM_X86_64,
		.shoff = SECTIONS,
		.shentsize = sizeof(struct elf_section),
		.shnum = 3,
		.shstrndx = 2,
	};

	guest_setup(state);
	memcpy(vdso(0), &header, sizeof(header));
	memcpy(vdso(NAMES), names, sizeof(names));
	put_section(1, 1, RECORDS, 3 * AB_RECORD_SIZE);
	put_section(2, 12, NAMES, sizeof(names));
	memcpy(vdso(CODE), lsl, sizeof(lsl));
	memcpy(vdso(CODE + 0x10), rdtsc, sizeof(rdtsc));
	memcpy(vdso(CODE + 0x20), verr, sizeof(verr));
	put_record(0, CODE, AB_CLASS_LSL, 8, 0, 3, AB_F_USER);
	put_record(1, CODE + 0x10, AB_CLASS_RDTSC, 2, 0, 2, AB_F_USER);
	put_record(2, CODE + 0x20, AB_CLASS_VERR, 5, 2, 3, AB_F_USER);
	guest_map(USER_VDSO, VDSO, PTE_P | PTE_U);
	return 0;
}

static void find(void)
{
	vmm_application_code(gpa(IMAGE), 0x3000);
}

static void test_only_silent_ones_trap(void **state)
{
	uint8_t copy[0x1000];

	(void)state;
	memcpy(copy, vdso(0), sizeof(copy));
	copy[CODE] = copy[CODE + 0x20] = 0xf4;
	find();
	assert_memory_equal(copy, vdso(0), sizeof(copy));
}

/* USER32_CS of the guest's table, not of the host's; on behind the pad. */
static void test_emulated(void **state)
{
	(void)state;
	find();
	guest_enter_user();
	vcpu.regs.rip = USER_VDSO + CODE;
	vcpu.regs.gpr[RAX] = USER32_CS;
	vmm_exception(VECTOR_GP, 0);
	assert_int_equal(vcpu.regs.rip, USER_VDSO + CODE + 8);
	assert_int_equal(vcpu.regs.gpr[RAX], UINT32_MAX);
	assert_true(vcpu.regs.rflags & FLAG_ZF);
	vcpu.regs.rip = USER_VDSO + CODE + 0x20;
	vcpu.regs.gpr[RAX] = 0x78; /* not there */
	vmm_exception(VECTOR_GP, 0);
	assert_int_equal(vcpu.regs.rip, USER_VDSO + CODE + 0x25);
	assert_false(vcpu.regs.rflags & FLAG_ZF);
}

/* A hlt that is an application's own, even with the vDSO's bytes around it. */
static void test_other_hlt_faults(void **state)
{
	(void)state;
	find();
	memcpy(guest_ram + 0x40000, vdso(CODE), 8);
	guest_enter_user();
	vmm_exception(VECTOR_GP, 0);
	assert_raised(VECTOR_GP, 0);
	assert_int_equal(guest_frame(true).rip, USER);
}

static void test_flags_decide(void **state)
{
	(void)state;
	put_record(0, CODE, AB_CLASS_LSL, 8, 0, 3, AB_F_USER | AB_F_COPIED);
	put_record(2, CODE + 0x20, AB_CLASS_VERR, 5, 2, 3, 0);
	find();
	assert_memory_equal(vdso(CODE), lsl, sizeof(lsl));
	assert_memory_equal(vdso(CODE + 0x20), verr, sizeof(verr));
}

static void find_it(void *unused)
{
	(void)unused;
	find();
}

static void test_bad_records_end(void **state)
{
	(void)state;
	put_record(0, CODE + 1, AB_CLASS_LSL, 8, 0, 3, AB_F_USER); /* no lsl is there */
	assert_true(stub_ends(find_it, NULL));
	put_record(0, 0x2000, AB_CLASS_LSL, 8, 0, 3, AB_F_USER); /* outside */
	assert_true(stub_ends(find_it, NULL));
	put_record(0, CODE, AB_CLASS_LSL, 2, 0, 3, AB_F_USER); /* longer than its site */
	assert_true(stub_ends(find_it, NULL));
}

/* What only looks like an object of ours is left alone, and never read beyond. */
static void test_other_files(void **state)
{
	struct elf_header *header = (struct elf_header *)vdso(0), kept = *header;
	uint16_t *const fields[] = {&header->type, &header->machine, &header->shnum,
				    &header->shstrndx, &header->shentsize};

	(void)state;
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		*fields[i] = 0xfff0;
		find();
		*header = kept;
	}
	header->shoff = 0x1fff;
	find();
	header->shoff = UINT64_MAX - 8;
	find();
	*header = kept;
	put_section(1, 1, UINT64_MAX - 4, 3 * AB_RECORD_SIZE);
	find();
	put_section(1, 1, RECORDS, 0x2000);
	find();
	put_section(1, UINT32_MAX, RECORDS, 3 * AB_RECORD_SIZE);
	find();
	assert_memory_equal(vdso(CODE), lsl, sizeof(lsl));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_only_silent_ones_trap), TEST(test_emulated),
		TEST(test_other_hlt_faults),	  TEST(test_flags_decide),
		TEST(test_bad_records_end),	  TEST(test_other_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
