/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer: page tables of a guest's on Xen, with anything in them, changed by annotated
 * instructions and others, invalidated or not. Xen (fake_xen.h) refuses nothing; the VMM stays
 * mapped; and after a flush the processor sees nothing that the guest's tables do not allow.
 */
#include "test/unit/xen/fake_guest.h"

/* All state of the back-end's, for a domain that begins anew. */
#pragma clang section bss = "domain_bss" data = "domain_data"
#include "backends/xen/protect.c"
#include "backends/xen/shadow.c"
#include "backends/xen/shadow_compare.c"
#include "backends/xen/shadow_entry.c"
#include "backends/xen/shadow_link.c"
#include "backends/xen/shadow_stack.c"
#include "backends/xen/tables.c"
#include "backends/xen/updates.c"
static volatile int some = 1; /* the section is there */
#pragma clang section bss = "" data = ""

#include <stdlib.h>
#include <string.h>

extern uint64_t __start_domain_bss[], __stop_domain_bss[];
extern uint64_t __start_domain_data[], __stop_domain_data[];

#define POOL   160
#define TABLES 12
#define NONE   UINT64_MAX

struct input {
	const uint8_t *at, *end;
};

static __attribute__((noinline)) void check(bool holds) /* seen in what the fuzzer prints */
{
	if (!holds)
		abort();
}

static unsigned take(struct input *input, unsigned most)
{
	return input->at < input->end ? *input->at++ % most : 0;
}

/* --- what the guest does ------------------------------------------------------------------- */

/* Mostly where something is linked. */
static unsigned an_index(struct input *input)
{
	static const uint16_t often[] = {0,   0,   0,	1,   7,	  8,   8,  255,
					 256, 273, 273, 509, 510, 511, 511};
	unsigned n = take(input, 24);

	return n < 15 ? often[n] : n * 21;
}

static mword an_address(struct input *input)
{
	mword va = 0;

	for (unsigned shift = 39; shift >= 12; shift -= 9)
		va |= (mword)an_index(input) << shift;
	return (mword)((int64_t)(va << 16) >> 16);
}

static uint64_t a_table(struct input *input)
{
	return GUEST_TABLES + take(input, TABLES) * PAGE_SIZE;
}

static uint64_t an_entry(struct input *input)
{
	static const uint64_t odd[] = {0,	0,	 0,	  BIT(7), BIT(12),
				       BIT(44), BIT(46), BIT(51), BIT(52)};
	uint64_t flags = take(input, 128);
	unsigned kind = take(input, 16);

	flags |= kind & 1 ? PTE_NX : 0;
	flags ^= odd[take(input, 9)];
	if (kind < 10)
		return a_table(input) | flags;
	if (kind < 14)
		return (uint64_t)take(input, 256) << 15 | flags;
	return (uint64_t)take(input, 256) << 37 | (uint64_t)take(input, 8) << 21 | flags;
}

static void write_entry(struct input *input)
{
	uint64_t at = a_table(input) + an_index(input) * 8u;
	bool annotated = take(input, 2);

	*fake_word(at) = an_entry(input);
	if (annotated)
		backend_table_written(gpa(at), *fake_word(at));
}

static void resume(unsigned cpl)
{
	vcpu.cpl = (uint8_t)cpl;
	shadow_enter();
	if (cpl && vcpu.hypervisor[EXIT_WORK])
		exit_work_now();
}

static void touch(struct input *input)
{
	static const mword kinds[] = {0, ACCESS_WRITE, ACCESS_FETCH, 0};
	mword va = an_address(input), access = kinds[take(input, 4)], error;
	bool user = take(input, 2);
	struct translation translation;

	access |= user ? ACCESS_USER : 0;
	resume(user ? 3 : 0);
	if (fake_access(va, access) || !mmu_translate(gva(va), access, &translation, &error))
		return;
	shadow_fill(gva(va), &translation, access & ACCESS_WRITE);
	resume(user ? 3 : 0);
	if (translation.address.v < guest_memory.size && !fake_access(va, access)) {
		/* it had seen something else, which is no more */
		check(mmu_translate(gva(va), access, &translation, &error));
		shadow_fill(gva(va), &translation, access & ACCESS_WRITE);
		resume(user ? 3 : 0);
		check(fake_access(va, access));
	}
}

static void act(struct input *input)
{
	switch (take(input, 8)) {
	case 0:
		backend_flush_page(gva(an_address(input)));
		break;
	case 1:
		backend_flush_all(take(input, 2));
		break;
	case 2:
		vcpu.cr3 = a_table(input);
		backend_load_root(gpa(vcpu.cr3));
		break;
	case 3:
	case 4:
		touch(input);
		break;
	default:
		write_entry(input);
		break;
	}
	resume(take(input, 4) ? 0 : 3);
}

/* --- what must hold ----------------------------------------------------------------------------
 */

static bool is_vmms(mword va)
{
	return (va >> 39 & 511) == LAYOUT_SLOT || (va >= LAYOUT_BASE && va < LAYOUT_VMM_END);
}

static void check_leaf(mword va, bool user)
{
	struct fake_page page = fake_sees(va, user);
	struct translation translation;
	uint64_t at = fake_guest_frame(page.mfn);

	if (is_vmms(va)) {
		check(!user);
		return;
	}
	check(mmu_probe(gva(va), &translation));
	check(!page.executable || translation.executable);
	check(!user || (translation.user && va < BIT(47)));
	if (at == NONE)
		check(!page.writable && translation.address.v >= guest_memory.size);
	else
		check(at == (translation.address.v & PAGE_MASK));
	check(!page.writable || (translation.writable && translation.dirty));
}

static void check_table(uint64_t mfn, unsigned level, mword va, bool user)
{
	for (unsigned i = 0; i < 512; i++) {
		uint64_t entry = frames_words[mfn][i];
		mword at = va | (mword)i << (12 + 9 * (level - 1));

		if (level == 4)
			at = (mword)((int64_t)(at << 16) >> 16);
		if (!(entry & ENTRY_P) || (level == 4 && i == LAYOUT_SLOT))
			continue;
		if (level > 1)
			check_table((entry & PTE_ADDR) >> PAGE_SHIFT, level - 1, at, user);
		else if (i % 8 < 2) /* there are many */
			check_leaf(at, user);
	}
}

static void check_vmm(void)
{
	for (unsigned i = 0; i < LAYOUT_WINDOW_L2S; i++)
		check(fake_walk(LAYOUT_BASE + i * UINT64_C(0x200000), false).present);
	check(fake_walk(LAYOUT_POOL | 0xffff800000000000, false).present);
}

/* Reasons that are the guest's fault. */
static bool is_end(void)
{
	static const char *const reasons[] = {
		"supervisor pages below",
		"write to physical memory",
		"the VMM's part of the address space",
		"a page in the kernel's half",
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strstr(fake_reason, reasons[i]))
			return true;
	return false;
}

static void run(struct input *input)
{
	vcpu.cr3 = GUEST_TABLES;
	vcpu.hypervisor[EXIT_WORK] = 0;
	shadow_start(0);
	backend_load_root(gpa(vcpu.cr3));
	resume(0);
	while (input->at < input->end) {
		act(input);
		check_vmm();
	}
	backend_flush_all(true);
	resume(0);
	check_table(fake_domain.root, 4, 0, false);
	resume(3);
	check_table(fake_domain.user_root, 4, 0, true);
}

/* Word by word: what lies between the variables is ASan's. */
static __attribute__((no_sanitize("address"))) void copy(uint64_t *to, const uint64_t *end,
							 const uint64_t *from)
{
	while (to < end)
		*to++ = from ? *from++ : 0;
}

/* A guest with a page table for applications, and one for its kernel at two addresses. */
static void link_some(void)
{
	static const struct {
		uint8_t table;
		uint16_t index;
		uint8_t to;
	} links[] = {{0, 0, 1}, {1, 0, 2},   {2, 0, 3},	  {0, 273, 4}, {4, 0, 5},
		     {5, 0, 6}, {0, 511, 7}, {7, 510, 8}, {8, 8, 6}};

	memset(fake_ram + GUEST_TABLES, 0, TABLES * PAGE_SIZE);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		fake_word(GUEST_TABLES + links[i].table * PAGE_SIZE)[links[i].index] =
			(GUEST_TABLES + links[i].to * PAGE_SIZE) | PTE_P | PTE_W | PTE_U | PTE_A;
	for (unsigned i = 0; i < 9; i++) {
		uint64_t flags = PTE_P | (i % 3 ? PTE_W | PTE_A : 0) | (i % 3 == 2 ? PTE_D : 0);

		fake_word(GUEST_TABLES + 3 * PAGE_SIZE)[i] = fake_frame(i) | flags | PTE_U;
		fake_word(GUEST_TABLES + 6 * PAGE_SIZE)[i] = fake_frame(i + 9) | flags;
	}
}

static void begin(void)
{
	static uint64_t kept[64];
	static bool is_kept;
	uint64_t *data = __start_domain_data;

	check(some == 1 && __stop_domain_data - data <= 64);
	if (!is_kept)
		copy(kept, kept + (__stop_domain_data - data), data);
	is_kept = true;
	copy(data, __stop_domain_data, kept);
	copy(__start_domain_bss, __stop_domain_bss, NULL);
	fake_guest_start(POOL);
	link_some();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + (size < 600 ? size : 600)};

	begin();
	if (ENDS(run(&input)))
		check(is_end());
	return 0;
}
