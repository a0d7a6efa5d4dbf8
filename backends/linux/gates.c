/* SPDX-License-Identifier: BSD-2-Clause */
/* gates.h explains. */
#include "backends/linux/gates.h"

#include "backends/linux/gate.h"
#include "backends/linux/private.h"
#include "backends/linux/window.h"
#include "vmm/frontend.h"
#include "vmm/memory.h"
#include "vmm/mmu.h"
#include "vmm/vcpu.h"

#include <asm/sigcontext.h>

#define SITES  WINDOW_POINTERS
#define HITS   1024
#define HOT    32 /* calls of a site before its page is copied: 10 us */
#define WARM   6  /* and if there is a copy already: 3 us */
#define NEVER  255
#define OPCODE 2 /* bytes of `syscall` */

_Static_assert(SITES *WINDOW_TRAMPOLINE <= LAYOUT_GATE_BYTES, "room for trampolines");

/* A patched system call, shared by all processes. Its number is that of its trampoline
 * and its pointer. */
struct site {
	const struct copy *copy; /* NULL: free */
	uint16_t next;		 /* of the same copy: index + 1 */
	struct window window;
	struct window_step steps[WINDOW_STEPS];
};

static struct site sites[SITES];
static uint16_t first_free; /* look from here on */

/* Calls by SIGSYS of system calls at guest-physical addresses. */
static struct {
	uint64_t address;
	uint8_t calls;
} hits[HITS];

/* Where a site lies in this process: what trampolines read. */
struct place {
	mword next;  /* behind the system call */
	mword other; /* behind the displaced instruction, the first of two */
};

/* Trampolines read and write with the application's rights. */
static struct place places[SITES] READABLE;
static mword kept_r11 OPEN;
mword gate_kept[2] OPEN;

void gates_wipe(void)
{
	kept_r11 = gate_kept[0] = gate_kept[1] = 0;
}

void gates_start(void)
{
	copies_memory = (uint8_t *)LAYOUT_COPIES;
	for (unsigned i = 0; i < SITES; i++) {
		mword trampoline = LAYOUT_GATES + i * WINDOW_TRAMPOLINE;

		__builtin_memcpy(copies_memory + LAYOUT_GATE_BYTES +
					 (window_pointer(i) - LAYOUT_POINTERS),
				 &trampoline, sizeof(trampoline));
	}
}

/* --- places ------------------------------------------------------------------------------ */

static void place(unsigned index, mword page)
{
	const struct window *window = &sites[index].window;

	places[index] = (struct place){
		.next = page + window->at + OPCODE,
		.other = page + window->start + window->length,
	};
}

void gates_place(const struct copy *copy, mword page)
{
	for (unsigned i = copy->first_site; i; i = sites[i - 1].next)
		place(i - 1, page);
}

void gates_drop(struct copy *copy)
{
	for (unsigned i = copy->first_site; i; i = sites[i - 1].next)
		sites[i - 1].copy = NULL;
	copy->first_site = 0;
	first_free = 0;
}

/* --- patching ----------------------------------------------------------------------------- */

static struct site *site_at(const struct copy *copy, unsigned offset)
{
	for (unsigned i = copy->first_site; i; i = sites[i - 1].next)
		if (sites[i - 1].window.at == offset)
			return &sites[i - 1];
	return NULL;
}

static bool overlaps(const struct copy *copy, const struct window *window)
{
	for (unsigned i = copy->first_site; i; i = sites[i - 1].next)
		if (window->start < sites[i - 1].window.at + OPCODE &&
		    sites[i - 1].window.start < window->at + OPCODE)
			return true;
	return false;
}

static struct site *free_site(void)
{
	for (; first_free < SITES; first_free++)
		if (!sites[first_free].copy)
			return &sites[first_free];
	return NULL;
}

/* False: there may be none. */
static bool write_trampoline(struct site *site, const uint8_t *page)
{
	unsigned index = (unsigned)(site - sites);
	mword trampoline = LAYOUT_GATES + index * WINDOW_TRAMPOLINE;
	const struct window_places where = {
		.trampoline = trampoline,
		.next = (mword)&places[index].next,
		.other = (mword)&places[index].other,
		.r11 = (mword)&kept_r11,
		.gate = (mword)(shared->isolation == ISOLATION_KEYS ? vmm_gate_keys : vmm_gate),
	};
	uint8_t code[WINDOW_TRAMPOLINE];

	if (!window_trampoline(&site->window, page, &where, code, site->steps))
		return false;
	__builtin_memcpy(copies_memory + (trampoline - LAYOUT_GATES), code, sizeof(code));
	return true;
}

static void write_site(struct site *site, struct copy *copy)
{
	unsigned index = (unsigned)(site - sites);

	window_patch(&site->window, window_pointer(index), copies_bytes(copy));
	site->copy = copy;
	site->next = copy->first_site;
	copy->first_site = (uint16_t)(index + 1);
	copies_generation++; /* other processes that show the copy have to place the site */
	count(COUNT_GATES);
}

/* The bytes in front of the system call too: of the page before, if the guest has it. */
static bool find_window(struct window *window, mword va)
{
	unsigned length = WINDOW_LEAD, at = va % PAGE_SIZE;
	uint8_t code[WINDOW_LEAD];

	if (at + OPCODE < length && !guest_peek(gva(va + OPCODE - length), code, length))
		length = at + OPCODE;
	return guest_peek(gva(va + OPCODE - length), code, length) &&
	       window_find(window, code, length, at);
}

/* False: it will never be. */
static bool patch(mword va, uint64_t frame)
{
	const uint8_t *page = memory_at(gpa(frame), PAGE_SIZE);
	struct window window;
	struct copy *copy;
	struct site *site;

	if (!page || !find_window(&window, va))
		return false;
	while (!(site = free_site()))
		copies_evict();
	site->window = window;
	copy = copies_find(frame);
	if ((copy && overlaps(copy, &window)) || !write_trampoline(site, page))
		return false;
	if (!copy)
		copy = copies_make(frame);
	if (!copy)
		return false;
	write_site(site, copy);
	return true;
}

/* --- counting ------------------------------------------------------------------------------- */

/* `mov $number, %eax` in front of the call, and another number in the register: control
 * came another way, the bytes may be no such instruction. */
static bool contradicted(const uint8_t *page, unsigned offset)
{
	uint32_t number;

	if (offset < 5 || page[offset - 5] != 0xb8)
		return false;
	__builtin_memcpy(&number, page + offset - 4, sizeof(number));
	return number != (uint32_t)vcpu.regs.gpr[RAX];
}

/* Is it hot? */
static bool hit(mword va, uint64_t address, unsigned enough)
{
	unsigned at = (unsigned)(address * UINT64_C(0x9e3779b97f4a7c15) >> 54);

	_Static_assert(HITS == 1 << (64 - 54), "the hash gives 10 bits");
	if (hits[at].address != address) {
		hits[at].address = address;
		hits[at].calls = 0;
	}
	if (hits[at].calls == NEVER)
		return false;
	if (contradicted(memory_at(gpa(address & PAGE_MASK), PAGE_SIZE), address % PAGE_SIZE))
		hits[at].calls = NEVER;
	else if (++hits[at].calls >= enough)
		hits[at].calls = patch(va, address & PAGE_MASK) ? 0 : NEVER;
	return hits[at].calls == 0;
}

/* From a process of its own an application cannot come here by a jump. */
static bool no_gates(void)
{
	return shared->no_gates || shared->isolation == ISOLATION_PROCESSES;
}

void gates_syscall(void)
{
	struct translation at;
	gva_t va = gva(vcpu.regs.rip - OPCODE);
	const struct copy *copy;

	if (no_gates() || (vcpu.regs.rflags & FLAG_TF) || !mmu_probe(va, &at) ||
	    !shadow_may_copy(&at))
		return;
	copy = copies_find(at.address.v & PAGE_MASK);
	if (!copy || !site_at(copy, at.address.v % PAGE_SIZE)) {
		if (!hit(va.v, at.address.v, copy ? WARM : HOT))
			return;
		shadow_catch_up();
	}
	shadow_show(va, &at);
}

/* --- interrupted ---------------------------------------------------------------------------- */

/* The site whose trampoline this is in; its instruction's meaning, or NULL. */
static const struct window_step *step_at(mword rip, struct site **site)
{
	mword offset = rip - LAYOUT_GATES;

	if (offset >= SITES * WINDOW_TRAMPOLINE || vcpu.cpl != 3)
		return NULL;
	*site = &sites[offset / WINDOW_TRAMPOLINE];
	if (!(*site)->copy)
		return NULL;
	for (const struct window_step *step = (*site)->steps; step->where != AT_NOWHERE; step++)
		if (step->at == offset % WINDOW_TRAMPOLINE)
			return step;
	return NULL;
}

/* From a site's window to the same instruction of its trampoline: the first one if its jump
 * had an alignment check (the pointers are not aligned, window.c, and some set AC), the
 * second if control came there without the first. */
static bool go_to_trampoline(struct sigcontext *at, bool second)
{
	const struct copy *copy = shadow_shown(gva(at->rip));

	for (unsigned i = copy ? copy->first_site : 0; i; i = sites[i - 1].next) {
		const struct window *window = &sites[i - 1].window;
		unsigned skip = second ? window->length : 0;

		if (window->start + skip != at->rip % PAGE_SIZE || (second && !window->second))
			continue;
		at->rip = LAYOUT_GATES + (i - 1) * WINDOW_TRAMPOLINE + skip;
		if (second)
			count(COUNT_GATE_TRAPS);
		return true;
	}
	return false;
}

bool gates_own_trap(struct sigcontext *at)
{
	const struct window_step *step;
	struct site *site;

	if (vcpu.cpl != 3)
		return false;
	if (at->trapno == VECTOR_AC)
		return go_to_trampoline(at, false);
	if (at->trapno == VECTOR_UD || at->trapno == VECTOR_GP)
		return go_to_trampoline(at, true);
	step = at->trapno == VECTOR_DB ? step_at(at->rip, &site) : NULL;
	return step && step->where == AT_INSIDE;
}

static void do_syscall(mword next)
{
	vcpu.regs.rip = next;
	vmm_syscall();
}

static bool settle_trampoline(const struct window_step *step, const struct site *site)
{
	struct regs *regs = &vcpu.regs;
	mword next = places[site - sites].next;

	if (step->r11)
		regs->gpr[R11] = kept_r11;
	switch (step->where) {
	case AT_GATE:
		do_syscall(next);
		return true;
	case AT_SYSCALL:
		regs->rip = next - OPCODE;
		return false;
	case AT_BEHIND:
		regs->rip = places[site - sites].other;
		return false;
	default:
		regs->rip = places[site - sites].other - site->window.length;
		return false;
	}
}

static void settle_gate(uint16_t saved)
{
	struct regs *regs = &vcpu.regs;

	if (saved & GATE_NEXT)
		regs->gpr[RCX] = regs->gpr[R11];
	if (saved & GATE_KEPT) {
		regs->gpr[RAX] = gate_kept[0];
		regs->gpr[RDX] = gate_kept[1];
	}
	if (saved & GATE_RAX)
		regs->gpr[RAX] = vcpu.scratch[0];
	if (saved & GATE_RSP)
		regs->gpr[RSP] = vcpu.scratch[2];
	vcpu.cpl = 3;
	vcpu.masked = 0;
	if (saved & GATE_FLAGS)
		regs->rflags = vcpu.iret_frame[4];
	if (saved & GATE_FLAGS11)
		regs->rflags = regs->gpr[R11];
	regs->rflags |= FLAG_IF;
	do_syscall(regs->gpr[RCX] + (saved & GATE_BACK ? OPCODE : 0));
}

bool gates_inside(mword rip)
{
	return !vcpu.in_vmm && rip - (mword)vmm_gate < (mword)(vmm_gate_end - vmm_gate);
}

/* With an application's rights it is in the gate by its own jump, unless they are about
 * to change; what is kept for the others is none of its business. */
static bool jumped(mword rip, bool application)
{
	return application && rip - (mword)vmm_gate_keys >= (mword)(gate_keys_open - vmm_gate_keys);
}

bool gates_settle(bool application)
{
	const struct window_step *step;
	struct site *site;
	mword rip = vcpu.regs.rip;

	step = step_at(rip, &site);
	if (step)
		return settle_trampoline(step, site);
	if (jumped(rip, application))
		return false;
	for (const struct gate_range *at = gate_ranges; at < gate_ranges_end; at++)
		if (rip - ((mword)&at->first + (mword)(int64_t)at->first) < at->length) {
			settle_gate(at->saved);
			return true;
		}
	return false;
}

/* --- other ways to a site -------------------------------------------------------------------- */

bool gates_trapped(void)
{
	mword rip = vcpu.regs.rip;
	unsigned offset = rip % PAGE_SIZE;
	struct copy *copy = vcpu.cpl == 3 ? shadow_shown(gva(rip)) : NULL;

	for (unsigned i = copy ? copy->first_site : 0; i; i = sites[i - 1].next) {
		const struct window *window = &sites[i - 1].window;

		if (offset == window->at && window->end > window->at) {
			count(COUNT_GATE_TRAPS);
			do_syscall(rip + OPCODE);
			return true;
		}
		if (offset > window->start && offset < window->end) {
			copies_drop(copy, false);
			shadow_catch_up();
			return true;
		}
	}
	return false;
}
