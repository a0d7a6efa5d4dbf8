/* SPDX-License-Identifier: BSD-2-Clause */
/* A page that must not be executable (code.h) is, for one instruction that was looked
 * at, with the trap flag set. It is neither WRPKRU, which is undefined on the guest's
 * processor, nor XRSTOR, nor one that the trap flag would show in (pushf) or that puts
 * the trap off (mov ss, xbegin): these are emulated. Whatever happens next, the page is closed
 * before anything else of the guest's runs; until then no interrupt is delivered, as
 * behind `sti`: the trap flag is not the guest's and must not be seen in a frame.
 *
 * Costs two signals and three changes of mappings: for programs with an unlucky constant,
 * and for code that is written where it is executed.
 */
#include "backends/linux/step.h"

#include "backends/linux/code.h"
#include "backends/linux/private.h"
#include "backends/linux/scan.h"
#include "vmm/frontend.h"
#include "vmm/insn.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

static struct {
	bool active, guest_tf;
	unsigned pages;
	mword page[2];
} step PRIVATE;

static bool is_prefix(uint8_t byte)
{
	static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
					   0x66, 0x67, 0xf0, 0xf2, 0xf3};

	for (size_t i = 0; i < sizeof(prefixes); i++)
		if (byte == prefixes[i])
			return true;
	return (byte & 0xf0) == 0x40; /* REX */
}

/* What stands at the instruction pointer. Bytes that are not there cannot be executed. */
struct bytes {
	uint8_t byte[INSN_MAX + 6]; /* the longest that is looked for, behind prefixes only */
	unsigned count;		    /* that are there */
	unsigned opcode;	    /* index */
	bool short_operand;
};

static void fetch(struct bytes *bytes)
{
	*bytes = (struct bytes){0};
	while (bytes->count < INSN_MAX &&
	       guest_peek(gva(vcpu.regs.rip + bytes->count), &bytes->byte[bytes->count], 1))
		bytes->count++;
	for (; bytes->opcode < INSN_MAX && is_prefix(bytes->byte[bytes->opcode]); bytes->opcode++)
		bytes->short_operand |= bytes->byte[bytes->opcode] == 0x66;
	if (bytes->opcode && (bytes->byte[bytes->opcode - 1] & 0xf8) == 0x48)
		bytes->short_operand = false; /* REX.W */
}

/* A transaction that the trap flag aborts goes on at another instruction, and that one is
 * executed before the trap comes. So it aborts at once, which it may do at any time: no
 * reason in eax, to the address relative to the next instruction (SDM 2, XBEGIN). */
static bool transaction(const struct bytes *bytes)
{
	const uint8_t *at = bytes->byte + bytes->opcode;
	unsigned size = bytes->short_operand ? sizeof(int16_t) : sizeof(int32_t);
	int32_t to = 0;

	if (at[0] != 0xc7 || at[1] != 0xf8 || bytes->opcode + 2 + size > bytes->count)
		return false;
	__builtin_memcpy((uint8_t *)&to + sizeof(to) - size, at + 2, size);
	to >>= 8 * (sizeof(to) - size);
	vcpu.regs.rip += bytes->opcode + 2 + size + (mword)(int64_t)to;
	vcpu.regs.gpr[RAX] = 0;
	return true;
}

static void open(mword va)
{
	if (!code_executable(va) && code_open(va))
		step.page[step.pages++] = va & PAGE_MASK;
}

static void begin(void)
{
	mword rip = vcpu.regs.rip, last = rip + INSN_MAX - 1;
	enum scan_kind kind;
	struct bytes bytes;

	fetch(&bytes);
	kind = scan_at(bytes.byte + bytes.opcode);
	if (kind == SCAN_WRPKRU) {
		trap_raise(VECTOR_UD, 0);
		return;
	}
	if (vmm_application_instruction() || transaction(&bytes))
		return;
	if (kind == SCAN_XRSTOR) {
		trap_raise(VECTOR_UD, 0);
		return;
	}
	step.pages = 0;
	open(rip);
	if ((rip ^ last) & PAGE_MASK)
		open(last);
	step.guest_tf = vcpu.regs.rflags & FLAG_TF;
	step.active = true;
	vcpu.regs.rflags |= FLAG_TF;
	vcpu.shadow = 1;
	vcpu.shadow_rip = rip;
}

static bool lies_in(mword va, uint64_t frame)
{
	struct translation translation;

	return mmu_probe(gva(va), &translation) && (translation.address.v & PAGE_MASK) == frame;
}

void step_look(mword va, mword error, uint64_t unwatched)
{
	mword rip = vcpu.regs.rip;

	if (!code_frames)
		return;
	if (error & ACCESS_FETCH ? !code_executable(va)
				 : unwatched && (lies_in(rip, unwatched) ||
						 lies_in(rip + INSN_MAX - 1, unwatched)))
		begin();
}

bool step_end(bool debug)
{
	if (!step.active)
		return false;
	step.active = false;
	while (step.pages)
		code_close(step.page[--step.pages]);
	vcpu.shadow = 0;
	if (step.guest_tf)
		return false;
	vcpu.regs.rflags &= ~(mword)FLAG_TF;
	return debug;
}
