/* SPDX-License-Identifier: BSD-2-Clause */
#include "test/unit/cpu/guest.h"

#include "vmm/cpu/machine.h"
#include "vmm/device.h"

#define TABLES_AT  0x1000
#define TABLES_END 0x10000

uint8_t guest_ram[MEMORY_SIZE] __attribute__((aligned(4096)));
struct fake_machine fake_machine;
struct site fake_site;

static uint64_t next_table;

uint64_t *guest_word(uint64_t physical)
{
	assert_true(physical + 8 <= MEMORY_SIZE);
	return (uint64_t *)(guest_ram + physical);
}

uint64_t *guest_entry(uint64_t va, unsigned shift)
{
	uint64_t table = TABLES_AT;

	for (unsigned level = 39;; level -= 9) {
		uint64_t *entry = guest_word(table + (va >> level & 511) * 8);

		if (level == shift)
			return entry;
		if (!(*entry & PTE_P)) {
			assert_true(next_table < TABLES_END);
			*entry = next_table | PTE_P | PTE_W | PTE_U;
			next_table += PAGE_SIZE;
		}
		table = *entry & PTE_ADDR;
	}
}

void guest_map(uint64_t va, uint64_t pa, uint64_t flags)
{
	*guest_entry(va, PAGE_SHIFT) = pa | flags;
}

static void build_tables(void)
{
	next_table = TABLES_AT + PAGE_SIZE;
	for (uint64_t at = 0; at < MEMORY_SIZE; at += PAGE_SIZE)
		if (at != HOLE)
			guest_map(KERNEL + at, at, PTE_P | PTE_W);
	for (uint64_t at = 0; at < 0x10000; at += PAGE_SIZE)
		guest_map(USER + at, 0x40000 + at, PTE_P | PTE_W | PTE_U);
	guest_map(USER_RO, 0x50000, PTE_P | PTE_U);
	guest_map(KERNEL_RO, 0x51000, PTE_P | PTE_NX);
}

void guest_descriptor(uint16_t selector, uint64_t descriptor)
{
	*guest_word(GDT_AT + (selector & 0xfff8)) = descriptor;
}

void guest_gate(unsigned vector, unsigned type, unsigned dpl, unsigned ist)
{
	uint64_t rip = HANDLER(vector), *gate = guest_word(IDT_AT + vector * 16);

	gate[0] = (rip & 0xffff) | (uint64_t)KERNEL_CS << 16 | (uint64_t)ist << 32 |
		  (uint64_t)type << 40 | (uint64_t)dpl << 45 | BIT(47) | (rip >> 16 & 0xffff) << 48;
	gate[1] = rip >> 32;
}

/* A base in the places where a descriptor keeps it. */
static uint64_t base_bits(uint64_t base)
{
	return (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
}

static void build_descriptors(void)
{
	guest_descriptor(KERNEL_CS, UINT64_C(0x00af9b000000ffff));
	guest_descriptor(KERNEL_DS, UINT64_C(0x00cf93000000ffff));
	guest_descriptor(USER32_CS, UINT64_C(0x00cffb000000ffff));
	guest_descriptor(USER_DS, UINT64_C(0x00cff3000000ffff));
	guest_descriptor(USER_CS, UINT64_C(0x00affb000000ffff));
	guest_descriptor(TSS_SEL,
			 UINT64_C(0x0000890000000000) | 0x206f | base_bits(KERNEL + TSS_AT));
	*guest_word(GDT_AT + TSS_SEL + 8) = (KERNEL + TSS_AT) >> 32;
	guest_descriptor(LDT_SEL,
			 UINT64_C(0x0000820000000000) | 0x17 | base_bits(KERNEL + 0x15000));
	*guest_word(GDT_AT + LDT_SEL + 8) = (KERNEL + 0x15000) >> 32;
	for (unsigned vector = 0; vector < 256; vector++)
		guest_gate(vector, 14, 0, 0);
	memcpy(guest_ram + TSS_AT + 4, &(uint64_t){KERNEL + RSP0_AT}, 8);
	memcpy(guest_ram + TSS_AT + 36, &(uint64_t){KERNEL + IST_AT}, 8);
	memcpy(guest_ram + TSS_AT + 0x66, &(uint16_t){0x68}, 2);
	memset(guest_ram + TSS_AT + 0x68, 0xff, 0x2000 + 8);
}

int guest_setup(void **state)
{
	(void)state;
	memset(guest_ram, 0, sizeof(guest_ram));
	memset(&fake_machine, 0, sizeof(fake_machine));
	memset(&fake_site, 0, sizeof(fake_site));
	fake_machine.vector = -1;
	fake_machine.deadline = DEVICE_NEVER;
	stub_reset();
	guest_memory = (struct guest_memory){guest_ram, MEMORY_SIZE};
	vmm_tsc_khz = 2500000;
	build_tables();
	build_descriptors();
	vmm_reset(gva(KERNEL + CODE_AT), gpa(TABLES_AT), gpa(0x7000));
	vcpu.efer |= EFER_NXE;
	vcpu.cr0 |= CR0_WP;
	vcpu.star = (uint64_t)KERNEL_CS << 32 | (uint64_t)USER32_CS << 48;
	vcpu.lstar = KERNEL + 0x19000;
	vcpu.sfmask = FLAG_IF | FLAG_TF | FLAG_DF;
	vcpu.gdtr = (struct table_register){KERNEL + GDT_AT, 0x7f};
	vcpu.idtr = (struct table_register){KERNEL + IDT_AT, 0xfff};
	vcpu.tr = (struct system_segment){TSS_SEL, KERNEL + TSS_AT, 0x206f};
	change_privilege(0, KERNEL_CS, KERNEL_DS);
	for (unsigned i = 0; i < SEG_COUNT; i++)
		if (i != SEG_CS && i != SEG_SS)
			vcpu.segment[i] = 0;
	vcpu.regs.gpr[RSP] = KERNEL + STACK_AT;
	stub.count = 0;
	return 0;
}

void guest_enter_user(void)
{
	change_privilege(3, USER_CS, USER_DS);
	vcpu.regs.rip = USER;
	vcpu.regs.gpr[RSP] = USER + 0x8000;
	flags_set(FLAG_IF);
}

void guest_trap(unsigned vector, mword error, const void *bytes, size_t length)
{
	assert_true(guest_poke(gva(vcpu.regs.rip), bytes, length));
	vmm_exception(vector, error);
}

struct frame guest_frame(bool error)
{
	struct frame frame = {0};
	mword at = vcpu.regs.gpr[RSP];

	assert_true(error ? guest_peek(gva(at), &frame, sizeof(frame))
			  : guest_peek(gva(at), &frame.rip, sizeof(frame) - 8));
	return frame;
}

static bool has_error(unsigned vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

void assert_raised(unsigned vector, mword error)
{
	assert_int_equal(vcpu.regs.rip, HANDLER(vector));
	assert_int_equal(vcpu.cpl, 0);
	if (has_error(vector))
		assert_int_equal(guest_frame(true).error, error);
}

/* --- the machine, and the rewriter's table ----------------------------------------- */

void machine_reset(void)
{
	fake_machine.resets++;
}

uint32_t machine_in(uint16_t port, unsigned size)
{
	fake_machine.in_port = port;
	fake_machine.in_size = size;
	fake_machine.ins++;
	return fake_machine.in_value;
}

void machine_out(uint16_t port, unsigned size, uint32_t value)
{
	fake_machine.out_port = port;
	fake_machine.out_size = size;
	fake_machine.out_value = value;
	fake_machine.outs++;
}

void machine_tick(void)
{
	fake_machine.ticks++;
}

uint64_t machine_deadline(void)
{
	return fake_machine.deadline;
}

bool machine_interrupt(void)
{
	return fake_machine.vector >= 0;
}

int machine_acknowledge(void)
{
	int vector = fake_machine.vector;

	fake_machine.vector = -1;
	return vector;
}

const struct site *rewrite_site_before(mword next)
{
	return fake_site.total && next == fake_site.start + fake_site.total ? &fake_site : NULL;
}

enum rewrite_error rewrite(const struct code_view *view, mword records, size_t size, mword lowest,
			   mword end, struct rewrite_report *report,
			   struct rewrite_failure *failure)
{
	(void)view, (void)records, (void)size, (void)lowest, (void)end, (void)report, (void)failure;
	return REWRITE_OK;
}

const struct site *rewrite_site_at(mword va)
{
	return va - fake_site.start < fake_site.total ? &fake_site : NULL;
}

void rewrite_explain(const struct rewrite_failure *failure, struct line *line)
{
	line_text(line, rewrite_error_text(failure->error));
}

void rewrite_forget(mword start, mword size)
{
	(void)start, (void)size;
}

const char *rewrite_error_text(enum rewrite_error error)
{
	(void)error;
	return "";
}
