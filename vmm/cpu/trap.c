/* SPDX-License-Identifier: BSD-2-Clause */
/* Delivery through the IDT in 64-bit mode (SDM 3A 6.14, 6.15).
 *
 * An event is delivered, or delivering it meets an exception, which becomes the
 * next event: itself, a double fault, or the end of the machine. Nothing of the
 * virtual CPU changes until the frame is written, so a nested exception finds the
 * state of the instruction that was interrupted. Frames are written with supervisor
 * rights whatever CPL was.
 *
 * Page faults are many: the way to a handler is remembered and compared, which leaves 130
 * instructions of 1,000 (300 with the walk before, docs/performance.md).
 */
#include "vmm/trap.h"

#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/format.h"
#include "vmm/memory.h"

enum source { SOURCE_EXCEPTION, SOURCE_INTERRUPT, SOURCE_SOFTWARE };

struct event {
	uint8_t vector;
	uint8_t source; /* enum source */
	bool has_error;
	mword error;
	mword rip; /* to return to */
	mword flags;
};

struct gate {
	uint64_t low, high;
};

/* Where the handler runs. */
struct handler {
	mword rip;
	uint16_t cs;
	bool outer;	/* CPL changes */
	bool interrupt; /* gate that clears IF */
};

#define ERROR_VECTORS                                                                              \
	(BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) |      \
	 BIT(VECTOR_PF) | BIT(VECTOR_AC) | BIT(VECTOR_CP))
#define CONTRIBUTORY                                                                               \
	(BIT(VECTOR_DE) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) |      \
	 BIT(VECTOR_CP))
/* Reported behind the instruction: RF stays as it is in the saved flags. */
#define TRAPS (BIT(VECTOR_DB) | BIT(VECTOR_NMI) | BIT(VECTOR_BP) | BIT(VECTOR_OF) | BIT(VECTOR_DF))

#define ERROR_EXT BIT(0)
#define ERROR_IDT BIT(1)

static struct event exception(unsigned vector, mword error)
{
	return (struct event){
		.vector = (uint8_t)vector,
		.source = SOURCE_EXCEPTION,
		.has_error = ERROR_VECTORS & BIT(vector),
		.error = error,
		.rip = vcpu.regs.rip,
		.flags = vcpu.regs.rflags | (TRAPS & BIT(vector) ? 0 : FLAG_RF),
	};
}

/* `nested` is met while `event` is delivered; false, so that callers return it. */
static bool meet(const struct event *event, struct event *nested, unsigned vector, mword error)
{
	bool has_ext = vector != VECTOR_PF && event->source != SOURCE_SOFTWARE;

	*nested = exception(vector, error | (has_ext ? ERROR_EXT : 0));
	return false;
}

static bool meet_access(const struct event *event, struct event *nested, mword error,
			unsigned not_canonical)
{
	if (error == MMU_NOT_CANONICAL)
		return meet(event, nested, not_canonical, 0);
	return meet(event, nested, VECTOR_PF, error);
}

static gva_t gate_at(const struct event *event)
{
	return gva(vcpu.idtr.base + event->vector * 16u);
}

static bool read_gate(const struct event *event, struct gate *gate, struct event *nested)
{
	mword name = (mword)event->vector << 3 | ERROR_IDT, error;

	if (event->vector * 16u + 15 > vcpu.idtr.limit)
		return meet(event, nested, VECTOR_GP, name);
	if (!guest_read(gate_at(event), gate, sizeof(*gate), ACCESS_READ, &error))
		return meet_access(event, nested, error, VECTOR_GP);
	if ((gate->low >> 40 & 0x1e) != 0x0e) /* 64-bit interrupt or trap gate */
		return meet(event, nested, VECTOR_GP, name);
	if (event->source == SOURCE_SOFTWARE && (gate->low >> 45 & 3) < vcpu.cpl)
		return meet(event, nested, VECTOR_GP, name);
	if (!(gate->low >> 47 & 1))
		return meet(event, nested, VECTOR_NP, name);
	return true;
}

/* The handler's code segment must be 64-bit code, no less privileged. */
static bool check_code(const struct event *event, uint16_t selector, struct descriptor *code,
		       struct event *nested)
{
	mword error;

	if (selector_null(selector))
		return meet(event, nested, VECTOR_GP, 0);
	switch (descriptor_fetch(selector, false, code, &error)) {
	case LOOKUP_FAULT:
		return meet_access(event, nested, error, VECTOR_GP);
	case LOOKUP_OUTSIDE:
		return meet(event, nested, VECTOR_GP, selector & SELECTOR_INDEX);
	default:
		break;
	}
	if (!(code->low & DESCRIPTOR_S) || !(code->low & DESCRIPTOR_CODE) ||
	    descriptor_dpl(code) > vcpu.cpl || !(code->low & DESCRIPTOR_L) ||
	    (code->low & DESCRIPTOR_DB))
		return meet(event, nested, VECTOR_GP, selector & SELECTOR_INDEX);
	if (!(code->low & DESCRIPTOR_P))
		return meet(event, nested, VECTOR_NP, selector & SELECTOR_INDEX);
	return true;
}

/* Stack pointers of the 64-bit TSS (SDM 3A figure 7-11). */
#define TSS_RSP0 4
#define TSS_IST1 36

static bool read_stack(const struct event *event, unsigned offset, mword *rsp, struct event *nested)
{
	mword error;

	if (offset + 7 > vcpu.tr.limit)
		return meet(event, nested, VECTOR_TS, vcpu.tr.selector & SELECTOR_INDEX);
	if (!guest_read(gva(vcpu.tr.base + offset), rsp, sizeof(*rsp), ACCESS_READ, &error))
		return meet_access(event, nested, error, VECTOR_GP);
	return true;
}

/* --- the way to a handler ---------------------------------------------------------- */

/* How an event came to its handler, for the next one of that vector at that CPL. The guest may
 * write its tables at any time: gate and code segment are compared with what they were, the
 * stack pointer is read. Where these lie holds as long as the TLB's generation. */
struct path {
	mword key; /* 0: none */
	const void *gate_now, *code_now, *rsp_now;
	struct gate gate;
	uint64_t code;
	struct handler handler;
};

static struct path paths[128];

static unsigned path_number(const struct event *event)
{
	return (unsigned)event->vector << 2 | vcpu.cpl;
}

static struct path *path_of(const struct event *event)
{
	return &paths[path_number(event) % (sizeof(paths) / sizeof(paths[0]))];
}

static mword path_key(const struct event *event)
{
	return tlb_generation | path_number(event);
}

static mword word_at(const void *at)
{
	mword word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

/* Software interrupts have a check more. */
static bool path_holds(const struct path *path, const struct event *event)
{
	return path->key == path_key(event) && event->source != SOURCE_SOFTWARE &&
	       word_at(path->gate_now) == path->gate.low &&
	       word_at((const uint64_t *)path->gate_now + 1) == path->gate.high &&
	       word_at(path->code_now) == path->code;
}

static void remember(const struct event *event, struct path *path, const struct descriptor *code,
		     unsigned stack)
{
	path->code = code->low;
	path->gate_now = tlb_find(gate_at(event).v, sizeof(path->gate), ACCESS_READ);
	path->code_now = tlb_find(code->at, sizeof(path->code), ACCESS_READ);
	path->rsp_now = stack ? tlb_find(vcpu.tr.base + stack, sizeof(mword), ACCESS_READ)
			      : &vcpu.regs.gpr[RSP];
	if (path->gate_now && path->code_now && path->rsp_now)
		path->key = path_key(event);
}

/* Not inlined: what it needs would be saved and restored on the short way, too. */
__attribute__((noinline)) static bool look_up(const struct event *event, struct path *path,
					      mword *rsp, struct event *nested)
{
	const struct gate *gate = &path->gate;
	struct handler *handler = &path->handler;
	struct descriptor code;
	unsigned ist, stack = 0; /* in the TSS; 0: the interrupted one */

	path->key = 0;
	if (!read_gate(event, &path->gate, nested))
		return false;
	handler->cs = (uint16_t)(gate->low >> 16);
	if (!check_code(event, handler->cs, &code, nested))
		return false;
	handler->rip = (gate->low & 0xffff) | (gate->low >> 32 & 0xffff0000) | gate->high << 32;
	handler->interrupt = !(gate->low >> 40 & 1);
	handler->outer = !(code.low & DESCRIPTOR_C) && descriptor_dpl(&code) < vcpu.cpl;
	handler->cs &= SELECTOR_INDEX;
	if (!handler->outer)
		handler->cs |= vcpu.cpl;
	ist = gate->low >> 32 & 7;
	if (ist || handler->outer)
		stack = ist ? TSS_IST1 + 8 * (ist - 1) : TSS_RSP0;
	*rsp = vcpu.regs.gpr[RSP];
	if (stack && !read_stack(event, stack, rsp, nested))
		return false;
	if (!canonical(handler->rip))
		return meet(event, nested, VECTOR_GP, 0);
	remember(event, path, &code, stack);
	return true;
}

/* NULL: there is none, for a `nested` reason. */
static const struct handler *find_handler(const struct event *event, mword *rsp,
					  struct event *nested)
{
	struct path *path = path_of(event);

	if (path_holds(path, event)) {
		*rsp = word_at(path->rsp_now);
		return &path->handler;
	}
	return look_up(event, path, rsp, nested) ? &path->handler : NULL;
}

/* --- the frame ----------------------------------------------------------------------- */

#define FRAME_WORDS 6

/* SS:RSP is always pushed in 64-bit mode; the error code last, lowest. */
static void fill_frame(const struct event *event, mword *frame)
{
	if (event->has_error)
		*frame++ = event->error;
	frame[0] = event->rip;
	frame[1] = vcpu.segment[SEG_CS];
	frame[2] = event->flags;
	frame[3] = vcpu.regs.gpr[RSP];
	frame[4] = vcpu.segment[SEG_SS];
}

/* Below *rsp, which becomes the handler's. */
static bool push_frame(const struct event *event, mword *rsp, struct event *nested)
{
	mword apart[FRAME_WORDS], *frame, error;
	size_t size = event->has_error ? sizeof(apart) : sizeof(apart) - sizeof(error);

	*rsp = (*rsp & ~UINT64_C(15)) - size;
	frame = tlb_find(*rsp, size, ACCESS_WRITE);
	if (frame) {
		backend_before_store(memory_address(frame), size);
		fill_frame(event, frame);
		return true;
	}
	fill_frame(event, apart);
	if (!guest_write(gva(*rsp), apart, size, ACCESS_WRITE, &error))
		return meet_access(event, nested, error, VECTOR_SS);
	return true;
}

void change_privilege(unsigned cpl, uint16_t cs, uint16_t ss)
{
	vcpu.cpl = (uint8_t)cpl;
	vcpu.segment[SEG_CS] = cs;
	vcpu.segment[SEG_SS] = ss;
}

static bool deliver(const struct event *event, struct event *nested)
{
	const struct handler *handler;
	mword rsp, flags = vcpu.regs.rflags & ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);

	if (!(vcpu.efer & EFER_LMA))
		backend_fatal("exception or interrupt outside of 64-bit mode");
	handler = find_handler(event, &rsp, nested);
	if (!handler || !push_frame(event, &rsp, nested))
		return false;
	vcpu.regs.gpr[RSP] = rsp;
	vcpu.regs.rip = handler->rip;
	if (handler->outer) /* SS becomes null with the new CPL as RPL */
		vcpu.segment[SEG_SS] = handler->cs & SELECTOR_RPL;
	change_privilege(handler->cs & SELECTOR_RPL, handler->cs, (uint16_t)vcpu.segment[SEG_SS]);
	flags_set(handler->interrupt ? flags & ~FLAG_IF : flags);
	vcpu.halted = 0;
	vcpu.shadow = 0;
	return true;
}

/* SDM 3A table 6-5, "Conditions for Generating a Double Fault". */
static bool doubles(const struct event *first, const struct event *second)
{
	bool page_fault = first->source == SOURCE_EXCEPTION && first->vector == VECTOR_PF;
	bool contributory =
		first->source == SOURCE_EXCEPTION && (BIT(first->vector) & CONTRIBUTORY);

	if (BIT(second->vector) & CONTRIBUTORY)
		return page_fault || contributory;
	return second->vector == VECTOR_PF && page_fault;
}

_Noreturn static void triple_fault(const struct event *event)
{
	struct line line = {0};

	line_field(line_text(&line, "triple fault:"), "vector", event->vector);
	line_field(line_field(&line, "rip", vcpu.regs.rip), "cr2", vcpu.cr2);
	line_field(line_field(&line, "error", event->error), "idt", vcpu.idtr.base);
	line_log(&line);
	backend_exit(BACKEND_EXIT_TRIPLE, 0);
}

static void send(struct event *event)
{
	struct event nested;

	while (!deliver(event, &nested)) {
		if (event->source == SOURCE_EXCEPTION && event->vector == VECTOR_DF)
			triple_fault(&nested);
		*event = doubles(event, &nested) ? exception(VECTOR_DF, 0) : nested;
	}
}

void trap_raise(unsigned vector, mword error)
{
	struct event event = exception(vector, error);

	send(&event);
}

void trap_page_fault(gva_t va, mword error)
{
	vcpu.cr2 = va.v;
	trap_raise(VECTOR_PF, error);
}

void trap_debug(mword dr6)
{
	vcpu.dr[6] |= dr6;
	vcpu.dr[7] &= ~BIT(13); /* GD */
	trap_raise(VECTOR_DB, 0);
}

void trap_interrupt(unsigned vector)
{
	struct event event = {
		.vector = (uint8_t)vector,
		.source = SOURCE_INTERRUPT,
		.rip = vcpu.regs.rip,
		.flags = vcpu.regs.rflags,
	};

	send(&event);
}

/* A fault on the way is reported at the instruction, its frame's return address is
 * behind it. */
void trap_software(unsigned vector, unsigned length)
{
	struct event event = {
		.vector = (uint8_t)vector,
		.source = SOURCE_SOFTWARE,
		.rip = vcpu.regs.rip,
		.flags = vcpu.regs.rflags & ~FLAG_RF,
	};

	vcpu.regs.rip -= length;
	send(&event);
}
