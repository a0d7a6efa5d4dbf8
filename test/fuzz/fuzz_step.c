/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer: what an application may execute in a page that holds such bytes (step.c), against
 * Zydis: neither WRPKRU nor XRSTOR is ever stepped over, whatever its prefixes; transactions go
 * on where they must; all else takes a step. */
#include "backends/linux/step.h"

#include "backends/linux/code.h"
#include "backends/linux/private.h"
#include "vmm/frontend.h"
#include "vmm/insn.h"
#include "vmm/memory.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <Zydis/Zydis.h>
#include <stdlib.h>
#include <string.h>

#define AT UINT64_C(0x400ff8)

static uint8_t bytes[INSN_MAX], watched;
static size_t length;
static unsigned opened, raised;

uint8_t *code_frames = &watched;
struct guest_memory guest_memory;
struct vcpu vcpu;

static void check(bool holds)
{
	if (!holds)
		abort();
}

bool guest_peek(gva_t va, void *to, size_t count)
{
	if (va.v < AT || va.v + count > AT + length)
		return false;
	memcpy(to, bytes + (va.v - AT), count);
	return true;
}

bool mmu_probe(gva_t va, struct translation *translation)
{
	(void)va, (void)translation;
	return false;
}

bool code_executable(mword va)
{
	(void)va;
	return false;
}

bool code_open(mword va)
{
	(void)va;
	opened++;
	return true;
}

void code_close(mword va)
{
	check(va % PAGE_SIZE == 0);
	opened--;
}

bool vmm_application_instruction(void)
{
	return false;
}

void trap_raise(unsigned vector, mword error)
{
	check(vector == VECTOR_UD && !error);
	raised++;
}

enum meaning { OTHER, NO_INSTRUCTION, OPENS_KEYS, TRANSACTION };

/* `aborted`: where a transaction goes on. */
static enum meaning decode(mword *aborted)
{
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, length, &insn, operands)))
		return NO_INSTRUCTION;
	if (insn.mnemonic == ZYDIS_MNEMONIC_XBEGIN) {
		check(ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&insn, &operands[0], AT, aborted)));
		return TRANSACTION;
	}
	return insn.mnemonic == ZYDIS_MNEMONIC_WRPKRU || insn.mnemonic == ZYDIS_MNEMONIC_XRSTOR ||
			       insn.mnemonic == ZYDIS_MNEMONIC_XRSTOR64
		       ? OPENS_KEYS
		       : OTHER;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum meaning meaning;
	mword aborted = 0;
	bool steps;

	length = size < INSN_MAX ? size : INSN_MAX;
	memcpy(bytes, data, length);
	opened = raised = 0;
	vcpu = (struct vcpu){.cpl = 3, .regs.rip = AT, .regs.rflags = FLAG_ONE};
	meaning = decode(&aborted);
	step_look(AT, ACCESS_USER | ACCESS_FETCH, 0);
	steps = vcpu.regs.rflags & FLAG_TF;
	check(steps == (opened == 2) && steps + raised <= 1);
	check(meaning != OPENS_KEYS || raised);
	check(meaning != TRANSACTION || vcpu.regs.rip == aborted);
	check(meaning != OTHER || steps + raised == 1); /* f3 0f 01 ef is another, and no loss */
	step_end(true);
	check(!opened && !(vcpu.regs.rflags & FLAG_TF));
	return 0;
}
