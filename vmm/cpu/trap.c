/* SPDX-License-Identifier: BSD-2-Clause */
/* Delivery through the IDT in 64-bit mode (SDM 3A 6.14, 6.15).
 *
 * An event is delivered, or delivering it meets an exception, which becomes the
 * next event: itself, a double fault, or the end of the machine. Nothing of the
 * virtual CPU changes until the frame is written, so a nested exception finds the
 * state of the instruction that was interrupted. Frames are written with supervisor
 * rights whatever CPL was.
 */
#include "vmm/trap.h"

#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/format.h"

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
	mword rip, rsp;
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

static bool read_gate(const struct event *event, struct gate *gate, struct event *nested)
{
	mword name = (mword)event->vector << 3 | ERROR_IDT, error;
	unsigned type;

	if (event->vector * 16u + 15 > vcpu.idtr.limit)
		return meet(event, nested, VECTOR_GP, name);
	if (!guest_read(gva(vcpu.idtr.base + event->vector * 16u), gate, sizeof(*gate), ACCESS_READ,
			&error))
		return meet_access(event, nested, error, VECTOR_GP);
	type = gate->low >> 40 & 0x1f;
	if (type != 0x0e && type != 0x0f)
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

/* A stack pointer of the 64-bit TSS: RSP0 at 4, IST1 at 36 (SDM 3A figure 7-11). */
static bool read_stack(const struct event *event, unsigned offset, mword *rsp, struct event *nested)
{
	mword error;

	if (offset + 7 > vcpu.tr.limit)
		return meet(event, nested, VECTOR_TS, vcpu.tr.selector & SELECTOR_INDEX);
	if (!guest_read(gva(vcpu.tr.base + offset), rsp, sizeof(*rsp), ACCESS_READ, &error))
		return meet_access(event, nested, error, VECTOR_GP);
	return true;
}

static bool find_handler(const struct event *event, struct handler *handler, struct event *nested)
{
	struct gate gate;
	struct descriptor code;
	unsigned ist;

	if (!read_gate(event, &gate, nested))
		return false;
	handler->cs = (uint16_t)(gate.low >> 16);
	if (!check_code(event, handler->cs, &code, nested))
		return false;
	handler->rip = (gate.low & 0xffff) | (gate.low >> 32 & 0xffff0000) | gate.high << 32;
	handler->interrupt = !(gate.low >> 40 & 1);
	handler->outer = !(code.low & DESCRIPTOR_C) && descriptor_dpl(&code) < vcpu.cpl;
	handler->cs &= SELECTOR_INDEX;
	if (!handler->outer)
		handler->cs |= vcpu.cpl;
	ist = gate.low >> 32 & 7;
	handler->rsp = vcpu.regs.gpr[RSP];
	if (ist && !read_stack(event, 36 + 8 * (ist - 1), &handler->rsp, nested))
		return false;
	if (!ist && handler->outer && !read_stack(event, 4, &handler->rsp, nested))
		return false;
	handler->rsp &= ~UINT64_C(15);
	if (!canonical(handler->rip))
		return meet(event, nested, VECTOR_GP, 0);
	return true;
}

/* SS:RSP is always pushed in 64-bit mode; the error code last, lowest. */
static bool push_frame(const struct event *event, struct handler *handler, struct event *nested)
{
	mword frame[6] = {
		event->error, event->rip,	  vcpu.segment[SEG_CS],
		event->flags, vcpu.regs.gpr[RSP], vcpu.segment[SEG_SS],
	};
	unsigned skip = event->has_error ? 0 : 1;
	size_t size = sizeof(frame) - skip * sizeof(frame[0]);
	mword error;

	handler->rsp -= size;
	if (!guest_write(gva(handler->rsp), frame + skip, size, ACCESS_WRITE, &error))
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
	struct handler handler;
	mword flags = vcpu.regs.rflags & ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);

	if (!(vcpu.efer & EFER_LMA))
		backend_fatal("exception or interrupt outside of 64-bit mode");
	if (!find_handler(event, &handler, nested) || !push_frame(event, &handler, nested))
		return false;
	vcpu.regs.gpr[RSP] = handler.rsp;
	vcpu.regs.rip = handler.rip;
	if (handler.outer) /* SS becomes null with the new CPL as RPL */
		change_privilege(handler.cs & SELECTOR_RPL, handler.cs, handler.cs & SELECTOR_RPL);
	else
		change_privilege(vcpu.cpl, handler.cs, (uint16_t)vcpu.segment[SEG_SS]);
	flags_set(handler.interrupt ? flags & ~FLAG_IF : flags);
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

static void send(struct event event)
{
	struct event nested;

	while (!deliver(&event, &nested)) {
		if (event.source == SOURCE_EXCEPTION && event.vector == VECTOR_DF)
			triple_fault(&nested);
		event = doubles(&event, &nested) ? exception(VECTOR_DF, 0) : nested;
	}
}

void trap_raise(unsigned vector, mword error)
{
	send(exception(vector, error));
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
	send((struct event){
		.vector = (uint8_t)vector,
		.source = SOURCE_INTERRUPT,
		.rip = vcpu.regs.rip,
		.flags = vcpu.regs.rflags,
	});
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
	send(event);
}
