/* SPDX-License-Identifier: BSD-2-Clause */
/* The page walker against SDM 3A 4.5 to 4.8, on tables in test memory. */
#include "test/unit/cpu/guest.h"

static struct translation got;
static mword error;

static bool translate(uint64_t va, mword access)
{
	error = 0;
	return mmu_translate(gva(va), access, &got, &error);
}

static void test_small_page(void **state)
{
	(void)state;
	assert_true(translate(KERNEL + 0x12345, ACCESS_READ));
	assert_int_equal(got.address.v, 0x12345);
	assert_int_equal(got.shift, 12);
	assert_true(got.writable && !got.user && got.executable && !got.dirty && !got.global);
	assert_int_equal(got.entry, *guest_word(got.entry_at.v));
	assert_true(got.entry & PTE_A);
}

static void test_large_pages(void **state)
{
	uint64_t *pmd = guest_entry(KERNEL + (1u << 30) * 2ull, 21);
	uint64_t *pud = guest_entry(KERNEL + (1u << 30) * 4ull, 30);

	(void)state;
	*pmd = 0x200000 | PTE_P | PTE_W | PTE_PS | PTE_G;
	vcpu.cr4 |= CR4_PGE;
	assert_true(translate(KERNEL + (1u << 30) * 2ull + 0x12345, ACCESS_WRITE));
	assert_int_equal(got.address.v, 0x212345);
	assert_int_equal(got.shift, 21);
	assert_true(got.global && got.dirty);
	*pud = 0x40000000 | PTE_P | PTE_U | PTE_PS;
	assert_true(translate(KERNEL + (1u << 30) * 4ull + 0x1234567, ACCESS_READ));
	assert_int_equal(got.address.v, 0x41234567);
	assert_int_equal(got.shift, 30);
	assert_false(got.writable);
}

static void test_accessed_and_dirty(void **state)
{
	uint64_t *entry = guest_entry(USER, 12), *top = guest_entry(USER, 39);

	(void)state;
	assert_false(*entry & PTE_A);
	assert_true(mmu_probe(gva(USER), &got));
	assert_false(*entry & PTE_A);
	assert_true(translate(USER, ACCESS_READ | ACCESS_USER));
	assert_int_equal(*entry & (PTE_A | PTE_D), PTE_A);
	assert_true(*top & PTE_A);
	assert_false(*top & PTE_D);
	assert_true(translate(USER, ACCESS_WRITE | ACCESS_USER));
	assert_true((*entry & PTE_D) && got.dirty);
	assert_false(translate(USER_RO, ACCESS_WRITE | ACCESS_USER));
	assert_false(*guest_entry(USER_RO, 12) & (PTE_A | PTE_D));
}

static void test_error_codes(void **state)
{
	static const struct {
		uint64_t va;
		mword access, error;
	} cases[] = {
		{KERNEL + HOLE, ACCESS_READ, 0},
		{KERNEL + HOLE, ACCESS_WRITE, ACCESS_WRITE},
		{KERNEL + HOLE, ACCESS_USER | ACCESS_FETCH, ACCESS_USER | ACCESS_FETCH},
		{KERNEL, ACCESS_USER, PF_PRESENT | ACCESS_USER},
		{KERNEL, ACCESS_USER | ACCESS_WRITE, PF_PRESENT | ACCESS_USER | ACCESS_WRITE},
		{USER_RO, ACCESS_WRITE, PF_PRESENT | ACCESS_WRITE},
		{USER_RO, ACCESS_USER | ACCESS_WRITE, PF_PRESENT | ACCESS_USER | ACCESS_WRITE},
		{KERNEL_RO, ACCESS_FETCH, PF_PRESENT | ACCESS_FETCH},
		{CANONICAL_NOT, ACCESS_READ, MMU_NOT_CANONICAL},
		{UINT64_C(0x0000800000000000), ACCESS_READ, MMU_NOT_CANONICAL},
		{UINT64_C(0xffff800000000000), ACCESS_READ, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(translate(cases[i].va, cases[i].access));
		assert_int_equal(error, cases[i].error);
	}
}

static void test_write_protect(void **state)
{
	(void)state;
	vcpu.cr0 &= ~CR0_WP;
	assert_true(translate(USER_RO, ACCESS_WRITE));
	assert_true(got.writable && got.dirty);
	assert_false(translate(USER_RO, ACCESS_WRITE | ACCESS_USER));
	assert_true(translate(USER_RO, ACCESS_USER));
	assert_false(got.writable);
}

static void test_no_execute_needs_efer(void **state)
{
	(void)state;
	assert_true(translate(KERNEL_RO, ACCESS_READ));
	assert_false(got.executable);
	vcpu.efer &= ~EFER_NXE; /* bit 63 is reserved now */
	assert_false(translate(KERNEL_RO, ACCESS_FETCH));
	assert_int_equal(error, PF_PRESENT | PF_RESERVED);
}

static void test_reserved_bits(void **state)
{
	uint64_t *entry = guest_entry(USER, 12), *pmd = guest_entry(USER, 21), was = *pmd;

	(void)state;
	*entry |= BIT(PHYSICAL_BITS);
	assert_false(translate(USER, ACCESS_READ));
	assert_int_equal(error, PF_PRESENT | PF_RESERVED);
	*pmd = 0x200000 | BIT(13) | PTE_P | PTE_PS;
	assert_false(translate(USER, ACCESS_WRITE | ACCESS_USER));
	assert_int_equal(error, PF_PRESENT | PF_RESERVED | ACCESS_WRITE | ACCESS_USER);
	*pmd = 0x200000 | BIT(12) | PTE_P | PTE_PS; /* PAT */
	assert_true(translate(USER, ACCESS_READ));
	assert_int_equal(got.address.v, 0x200000);
	*pmd = was;
	*guest_entry(USER, 39) |= PTE_PS;
	assert_false(translate(USER, ACCESS_READ));
	assert_int_equal(error, PF_PRESENT | PF_RESERVED);
}

/* Tables outside of memory read as all ones: reserved bits. */
static void test_tables_outside_of_memory(void **state)
{
	(void)state;
	*guest_entry(USER, 21) = UINT64_C(0x30000000000) | PTE_P;
	assert_false(translate(USER, ACCESS_READ));
	assert_int_equal(error, PF_PRESENT | PF_RESERVED);
	vcpu.cr3 = UINT64_C(0x3ffffffff000);
	assert_false(translate(USER, ACCESS_READ));
}

static void test_upper_levels_restrict(void **state)
{
	(void)state;
	*guest_entry(USER, 30) &= ~PTE_W;
	assert_false(translate(USER, ACCESS_WRITE | ACCESS_USER));
	*guest_entry(USER, 21) |= PTE_NX;
	assert_false(translate(USER, ACCESS_FETCH | ACCESS_USER));
	*guest_entry(USER, 39) &= ~PTE_U;
	assert_false(translate(USER, ACCESS_USER));
	assert_true(translate(USER, ACCESS_READ));
	assert_true(!got.writable && !got.user && !got.executable);
}

static void test_copies_cross_pages(void **state)
{
	char text[16] = "0123456789abcde", back[16] = "";

	(void)state;
	assert_true(guest_write(gva(KERNEL + 0x20ff8), text, 16, ACCESS_WRITE, &error));
	assert_true(guest_read(gva(KERNEL + 0x20ff8), back, 16, ACCESS_READ, &error));
	assert_string_equal(back, text);
	assert_memory_equal(guest_ram + 0x20ff8, text, 16);
}

static void test_copies_fault_on_the_second_page(void **state)
{
	char text[16] = "0123456789abcde";

	(void)state;
	assert_false(guest_write(gva(KERNEL + HOLE - 8), text, 16, ACCESS_WRITE, &error));
	assert_int_equal(error, ACCESS_WRITE);
	assert_int_equal(vcpu.cr2, KERNEL + HOLE);
	assert_int_equal(guest_ram[HOLE - 8], 0); /* nothing was written */
	assert_false(guest_read(gva(KERNEL + HOLE - 8), text, 16, ACCESS_READ, &error));
	assert_int_equal(error, 0);
	vcpu.cr2 = 1;
	assert_false(guest_read(gva(UINT64_C(0x00007ffffffffff8)), text, 16, ACCESS_READ, &error));
	assert_false(guest_read(gva(CANONICAL_NOT), text, 16, ACCESS_READ, &error));
	assert_int_equal(error, MMU_NOT_CANONICAL);
}

static void test_no_memory_behind(void **state)
{
	uint32_t value = 5;

	(void)state;
	guest_map(USER, UINT64_C(0x100000000), PTE_P | PTE_W | PTE_U);
	assert_true(guest_write(gva(USER), &value, 4, ACCESS_WRITE, &error));
	assert_true(guest_read(gva(USER), &value, 4, ACCESS_READ, &error));
	assert_int_equal(value, UINT32_MAX);
}

static void test_peek_and_poke_ignore_permissions(void **state)
{
	uint32_t value = 7, back = 0;

	(void)state;
	assert_true(guest_poke(gva(KERNEL_RO + 0x10), &value, 4));
	assert_true(guest_peek(gva(KERNEL_RO + 0x10), &back, 4));
	assert_int_equal(back, 7);
	assert_false(*guest_entry(KERNEL_RO, 12) & (PTE_A | PTE_D));
	assert_false(guest_peek(gva(KERNEL + HOLE - 2), &back, 4));
	assert_false(guest_poke(gva(KERNEL + HOLE), &value, 4));
}

/* --- what is remembered ---------------------------------------------------------------- */

#define REMAPPED (KERNEL + 0x60000)

static mword word_at(mword va, mword access)
{
	mword value = 0;

	assert_true(guest_read(gva(va), &value, sizeof(value), access, &error));
	return value;
}

static void invlpg_instruction(void)
{
	vcpu.regs.gpr[RAX] = REMAPPED;
	EXECUTE(0x0f, 0x01, 0x38); /* invlpg (%rax) */
}

static void write_cr3(void)
{
	vcpu.regs.gpr[RAX] = vcpu.cr3;
	EXECUTE(0x0f, 0x22, 0xd8); /* mov %rax, %cr3 */
}

static void toggle_pge(void)
{
	vcpu.regs.gpr[RAX] = vcpu.cr4 ^ CR4_PGE;
	EXECUTE(0x0f, 0x22, 0xe0); /* mov %rax, %cr4 */
}

static void set_write_protect(void)
{
	vcpu.regs.gpr[RAX] = vcpu.cr0 ^ CR0_WP;
	EXECUTE(0x0f, 0x22, 0xc0); /* mov %rax, %cr0 */
}

static void toggle_nxe(void)
{
	uint64_t value = vcpu.efer ^ EFER_NXE;

	vcpu.regs.gpr[RAX] = (uint32_t)value;
	vcpu.regs.gpr[RDX] = value >> 32;
	vcpu.regs.gpr[RCX] = 0xc0000080;
	EXECUTE(0x0f, 0x30); /* wrmsr */
}

/* A translation may be used until the guest invalidates it, and not longer. */
static void test_forgotten_when_invalidated(void **state)
{
	static void (*const ways[])(void) = {invlpg_instruction, write_cr3, toggle_pge,
					     set_write_protect, toggle_nxe};

	(void)state;
	*guest_word(0x60000) = 1;
	*guest_word(0x61000) = 2;
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		guest_map(REMAPPED, 0x60000, PTE_P | PTE_W);
		ways[i]();
		assert_int_equal(word_at(REMAPPED, ACCESS_READ), 1);
		guest_map(REMAPPED, 0x61000, PTE_P | PTE_W);
		ways[i]();
		assert_int_equal(word_at(REMAPPED, ACCESS_READ), 2);
	}
}

/* A read that is remembered must not let a write go without its dirty bit, nor where it
 * is forbidden; what the kernel may, an application may not. */
static void test_remembered_rights(void **state)
{
	mword value = 3;

	(void)state;
	guest_map(REMAPPED, 0x60000, PTE_P | PTE_W);
	word_at(REMAPPED, ACCESS_READ);
	assert_false(*guest_entry(REMAPPED, 12) & PTE_D);
	assert_true(guest_write(gva(REMAPPED), &value, 8, ACCESS_WRITE, &error));
	assert_true(*guest_entry(REMAPPED, 12) & PTE_D);
	assert_false(guest_read(gva(REMAPPED), &value, 8, ACCESS_READ | ACCESS_USER, &error));
	assert_int_equal(error, PF_PRESENT | ACCESS_USER);
	word_at(KERNEL_RO, ACCESS_READ);
	assert_false(guest_write(gva(KERNEL_RO), &value, 8, ACCESS_WRITE, &error));
	assert_int_equal(error, PF_PRESENT | ACCESS_WRITE);
}

/* An application's access is not remembered for the kernel's nor for another one. */
static void test_application_walks(void **state)
{
	(void)state;
	*guest_word(0x40000) = 1;
	*guest_word(0x41000) = 2;
	assert_int_equal(word_at(USER, ACCESS_READ | ACCESS_USER), 1);
	guest_map(USER, 0x41000, PTE_P | PTE_U);
	assert_int_equal(word_at(USER, ACCESS_READ | ACCESS_USER), 2);
	assert_int_equal(word_at(USER, ACCESS_READ), 2);
}

#define TEST(name) cmocka_unit_test_setup(name, guest_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_small_page),
		TEST(test_large_pages),
		TEST(test_accessed_and_dirty),
		TEST(test_error_codes),
		TEST(test_write_protect),
		TEST(test_no_execute_needs_efer),
		TEST(test_reserved_bits),
		TEST(test_tables_outside_of_memory),
		TEST(test_upper_levels_restrict),
		TEST(test_copies_cross_pages),
		TEST(test_copies_fault_on_the_second_page),
		TEST(test_no_memory_behind),
		TEST(test_peek_and_poke_ignore_permissions),
		TEST(test_forgotten_when_invalidated),
		TEST(test_remembered_rights),
		TEST(test_application_walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
