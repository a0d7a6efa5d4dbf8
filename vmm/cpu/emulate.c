/* SPDX-License-Identifier: BSD-2-Clause */
/* The dispatch table: class to emulator, privilege, count. */
#include "vmm/emulate.h"

#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/format.h"

#define INDEX(group, number, name, sensitive) INDEX_##name,
enum class_index { AB_CLASSES(INDEX) CLASS_COUNT };

#define COUNT(group, number, name, sensitive) {AB_CLASS_##name, #name, 0, 0},
static struct class_count counts[CLASS_COUNT] = {AB_CLASSES(COUNT)};

/* index + 1 of [group][number]; 0: no such class */
#define GROUPS				   0x12
#define NUMBERS				   16
#define AT(group, number, name, sensitive) [AB_GROUP_##group][number] = INDEX_##name + 1,
static const uint8_t index_of[GROUPS][NUMBERS] = {AB_CLASSES(AT)};

bool vmm_trace_class[CLASS_COUNT];
bool emulating_trap;

#define ANY(name, function)    [INDEX_##name] = {emulate_##function, PRIVILEGE_ANY, 0}
#define KERNEL(name, function) [INDEX_##name] = {emulate_##function, PRIVILEGE_KERNEL, 0}
#define IOPL(name, function)   [INDEX_##name] = {emulate_##function, PRIVILEGE_IOPL, 0}
/* Of a feature that CPUID hides. */
#define UNDEFINED(name) [INDEX_##name] = {NULL, PRIVILEGE_ANY, 1}

/* Not here: MODE is no instruction, ARPL is 32-bit code's. */
static const struct emulation table[CLASS_COUNT] = {
	IOPL(CLI, cli),
	IOPL(STI, sti),
	KERNEL(STI_HLT, sti_hlt),
	KERNEL(STI_MWAIT, sti_hlt),
	KERNEL(STI_SYSEXIT, sti_sysexit),
	ANY(PUSHF, pushf),
	ANY(POPF, popf),
	UNDEFINED(CLUI),
	UNDEFINED(STUI),
	KERNEL(MOV_FROM_CR, mov_from_cr),
	KERNEL(MOV_TO_CR, mov_to_cr),
	KERNEL(MOV_FROM_DR, mov_from_dr),
	KERNEL(MOV_TO_DR, mov_to_dr),
	KERNEL(CLTS, clts),
	KERNEL(LMSW, lmsw),
	ANY(SMSW, smsw), /* UMIP is hidden, so applications may: also sgdt, sidt, sldt, str */
	ANY(XGETBV, xgetbv),
	KERNEL(XSETBV, xsetbv),
	UNDEFINED(MOV_TR),
	KERNEL(LGDT, lgdt),
	KERNEL(LIDT, lidt),
	KERNEL(LLDT, lldt),
	KERNEL(LTR, ltr),
	ANY(SGDT, sgdt),
	ANY(SIDT, sidt),
	ANY(SLDT, sldt),
	ANY(STR, str),
	ANY(LAR, lar),
	ANY(LSL, lsl),
	ANY(VERR, verr),
	ANY(VERW, verw),
	ANY(MOV_FROM_SEG, mov_from_seg),
	ANY(MOV_TO_SEG, mov_to_seg),
	ANY(PUSH_SEG, push_seg),
	ANY(POP_SEG, pop_seg),
	ANY(LOAD_FAR, load_far),
	KERNEL(SWAPGS, swapgs),
	ANY(RDFSBASE, rdfsbase),
	ANY(RDGSBASE, rdgsbase),
	ANY(WRFSBASE, wrfsbase),
	ANY(WRGSBASE, wrgsbase),
	UNDEFINED(LKGS),
	ANY(IRET, iret),
	ANY(LRET, lret),
	ANY(LJMP, ljmp),
	ANY(LCALL, lcall),
	ANY(INT, int),
	ANY(SYSCALL, syscall),
	KERNEL(SYSRET, sysret),
	ANY(SYSENTER, sysenter),
	KERNEL(SYSEXIT, sysexit),
	UNDEFINED(UIRET),
	UNDEFINED(ERET),
	UNDEFINED(RSM),
	ANY(IN, in), /* these four look at IOPL and the bitmap */
	ANY(OUT, out),
	ANY(INS, ins),
	ANY(OUTS, outs),
	KERNEL(RDMSR, rdmsr),
	KERNEL(WRMSR, wrmsr),
	ANY(RDTSC, rdtsc),
	ANY(RDTSCP, rdtscp),
	KERNEL(RDPMC, rdpmc),
	ANY(RDPID, rdpid),
	ANY(CPUID, cpuid),
	UNDEFINED(HRESET),
	UNDEFINED(PCONFIG),
	KERNEL(INVLPG, invlpg),
	UNDEFINED(INVPCID),
	KERNEL(INVD, nothing),
	KERNEL(WBINVD, nothing),
	UNDEFINED(INVLPGB),
	UNDEFINED(TLBSYNC),
	ANY(SERIALIZE, nothing),
	KERNEL(HLT, hlt),
	UNDEFINED(MONITOR),
	UNDEFINED(MWAIT),
	UNDEFINED(CLAC),
	UNDEFINED(STAC),
	UNDEFINED(RDPKRU),
	UNDEFINED(WRPKRU),
	UNDEFINED(XSAVES),
	UNDEFINED(XRSTORS),
	UNDEFINED(SHADOW_STACK),
	UNDEFINED(LOADIWKEY),
	UNDEFINED(ENQCMDS),
	ANY(XRSTOR, xrstor),
	UNDEFINED(VMCALL),
	UNDEFINED(VMX),
	UNDEFINED(SVM),
	UNDEFINED(SNP),
	UNDEFINED(TDX),
	UNDEFINED(SGX),
	UNDEFINED(GETSEC),
	ANY(PGD_WRITE, store),
	ANY(PTE_WRITE, store),
	ANY(PTE_READ_CLEAR, exchange),
	ANY(PTE_TEST_CLEAR, test_clear),
	ANY(DEVICE_READ, load),
	ANY(DEVICE_WRITE, store),
	KERNEL(MODULE_LOAD, module_load),
	KERNEL(MODULE_UNLOAD, module_unload),
};

/* -1: no such class */
static int class_index(uint16_t class)
{
	unsigned group = class >> 8, number = class & 0xff;

	return group < GROUPS && number < NUMBERS ? index_of[group][number] - 1 : -1;
}

const struct emulation *emulation_of(uint16_t class)
{
	int index = class_index(class);

	return index < 0 ? NULL : &table[index];
}

const char *emulate_class_name(uint16_t class)
{
	int index = class_index(class);

	return index < 0 ? "?" : counts[index].name;
}

const struct class_count *emulate_counts(size_t *count)
{
	*count = CLASS_COUNT;
	return counts;
}

bool emulation_applies(uint16_t class)
{
	const struct emulation *entry = emulation_of(class);

	if (!entry || class >> 8 >= AB_GROUP_MEMORY)
		return false;
	if (!entry->run)
		return entry->undefined;
	return vcpu.cpl == 0 || entry->privilege == PRIVILEGE_ANY ||
	       (entry->privilege == PRIVILEGE_IOPL && vcpu.cpl <= iopl());
}

_Noreturn static void hole(const struct insn *insn)
{
	static struct line line;

	line_text(line_text(&line, "no emulation of "), emulate_class_name(insn->class));
	line_field(line_field(&line, "class", insn->class), "rip", vcpu.regs.rip);
	backend_fatal(line.text);
}

static bool forbidden(const struct emulation *entry)
{
	if (entry->privilege == PRIVILEGE_KERNEL)
		return vcpu.cpl != 0;
	return entry->privilege == PRIVILEGE_IOPL && vcpu.cpl > iopl();
}

static void run(const struct insn *insn, mword next, const struct emulation *entry)
{
	bool step = vcpu.regs.rflags & FLAG_TF;

	if (entry->undefined) {
		trap_raise(VECTOR_UD, 0);
		return;
	}
	if (!entry->run)
		hole(insn);
	if (forbidden(entry)) {
		trap_raise(VECTOR_GP, 0);
		return;
	}
	if (!entry->run(insn, next))
		return;
	vcpu.regs.rip = next;
	vcpu.regs.rflags &= ~FLAG_RF; /* done: debug faults may come again (SDM 3A 17.3.1.1) */
	if (step)
		trap_debug(DR6_BS);
}

static void dispatch(const struct insn *insn, mword next, bool trap)
{
	int index = class_index(insn->class);

	if (index < 0)
		hole(insn);
	if (trap)
		counts[index].traps++;
	else
		counts[index].sites++;
	if (vmm_trace_class[index])
		vmm_trace(insn->class, vcpu.regs.rip);
	emulating_trap = trap;
	run(insn, next, &table[index]);
}

void emulate(const struct insn *insn, mword next)
{
	dispatch(insn, next, false);
}

void emulate_trap(const struct insn *insn, mword next)
{
	dispatch(insn, next, true);
}
