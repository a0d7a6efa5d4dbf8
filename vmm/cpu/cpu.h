/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the virtual CPU share; nobody else includes this. */
#ifndef AFTERBURN_VMM_CPU_CPU_H
#define AFTERBURN_VMM_CPU_CPU_H

#include "vmm/insn.h"
#include "vmm/mmu.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

/* --- emulators --------------------------------------------------------------------- */

/* One instruction. true: done, the guest goes on behind it. false: regs.rip has been
 * set, by an exception or because the instruction is a transfer. */
typedef bool emulator(const struct insn *insn, mword next);

/* Who may execute it (SDM 3A 5.9, "Privileged Instructions"). */
enum privilege {
	PRIVILEGE_ANY,
	PRIVILEGE_KERNEL, /* #GP(0) unless CPL is 0 */
	PRIVILEGE_IOPL,	  /* #GP(0) unless CPL <= IOPL */
};

struct emulation {
	emulator *run; /* NULL: a named hole */
	uint8_t privilege;
	uint8_t undefined; /* hidden in CPUID: #UD */
};

/* NULL: no such class. */
const struct emulation *emulation_of(uint16_t class);

/* emulate() of a trapped instruction: counted apart. */
void emulate_trap(const struct insn *insn, mword next);

/* The instruction being emulated has trapped; false: it is a rewritten site. */
extern bool emulating_trap;

/* Make the instruction at `at` trap, of which `annot` tells. false: it is not there, or the
 * table is full. */
struct ab_annot;
bool trapping_add(gpa_t at, const struct ab_annot *annot);

/* The guest executes `hlt` at rip: emulate what stood there. false: a `hlt`. */
bool trapping_emulate(void);

/* Is it one for this CPL, or does its exception belong to the guest? */
bool emulation_applies(uint16_t class);

emulator emulate_cli, emulate_sti, emulate_pushf, emulate_popf;
emulator emulate_sti_hlt, emulate_sti_sysexit, emulate_hlt;
emulator emulate_mov_from_cr, emulate_mov_to_cr, emulate_mov_from_dr, emulate_mov_to_dr;
emulator emulate_clts, emulate_lmsw, emulate_smsw, emulate_xgetbv, emulate_xsetbv;
emulator emulate_xrstor;
emulator emulate_lgdt, emulate_lidt, emulate_sgdt, emulate_sidt;
emulator emulate_lldt, emulate_ltr, emulate_sldt, emulate_str;
emulator emulate_lar, emulate_lsl, emulate_verr, emulate_verw;
emulator emulate_mov_from_seg, emulate_mov_to_seg, emulate_push_seg, emulate_pop_seg;
emulator emulate_load_far, emulate_swapgs;
emulator emulate_rdfsbase, emulate_rdgsbase, emulate_wrfsbase, emulate_wrgsbase;
emulator emulate_iret, emulate_lret, emulate_ljmp, emulate_lcall, emulate_int;
emulator emulate_syscall, emulate_sysret, emulate_sysenter, emulate_sysexit;
emulator emulate_in, emulate_out, emulate_ins, emulate_outs;
emulator emulate_rdmsr, emulate_wrmsr, emulate_rdtsc, emulate_rdtscp, emulate_rdpid;
emulator emulate_rdpmc, emulate_cpuid, emulate_invlpg, emulate_nothing;
emulator emulate_module_load, emulate_module_unload;
emulator emulate_store, emulate_load, emulate_exchange, emulate_test_clear;

/* --- flags ------------------------------------------------------------------------- */

#define FLAGS_ALL UINT64_C(0x3f7fd5) /* defined ones, SDM 1 figure 3-8 */

/* vcpu.masked and vcpu.iopl are the truth; regs.rflags follows. */
static inline void flags_set(mword flags)
{
	vcpu.regs.rflags = (flags & FLAGS_ALL) | FLAG_ONE;
	vcpu.masked = !(flags & FLAG_IF);
	vcpu.iopl = flags & FLAG_IOPL;
}

/* After an entry: regs.rflags is the real processor's. */
static inline void flags_sync(void)
{
	mword real = vcpu.regs.rflags & ~(FLAG_IF | FLAG_IOPL);

	vcpu.regs.rflags = real | FLAG_ONE | interrupt_flag(&vcpu) | vcpu.iopl;
}

static inline unsigned iopl(void)
{
	return vcpu.iopl >> 12 & 3;
}

/* --- memory and registers as instructions use them ---------------------------------- */

static inline bool canonical(mword va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* Raise and return false, for `return fault(...)`. */
bool fault(unsigned vector, mword error);

/* Accesses at the guest's CPL; false: the exception is raised. */
bool cpu_read(mword va, void *to, size_t length);
bool cpu_write(mword va, const void *from, size_t length);
/* Raise what a failed guest_read or guest_write reported; false. */
bool access_fault(mword error, unsigned not_canonical);

/* mmu_address() as host memory, the rest of the page; NULL: no memory is there. Remembered
 * as in a processor's TLB ... */
bool tlb_bytes(mword va, mword access, void **bytes, mword *error);

struct tlb_entry {
	_Alignas(32) mword readable, writable; /* the page's last byte; 0: it is not */
	uintptr_t shift;		       /* from the page to where it is mapped here */
};
#define TLB_ENTRIES 16
extern struct tlb_entry tlb[TLB_ENTRIES];

static inline struct tlb_entry *tlb_entry(mword va)
{
	return &tlb[va >> PAGE_SHIFT & (TLB_ENTRIES - 1)];
}

/* ... so that an access of the kernel's, to one page, is a comparison: the `length` bytes
 * at `va`. NULL: they cross pages, or nothing is remembered, also where no memory is. */
static inline void *tlb_find(mword va, size_t length, mword access)
{
	const struct tlb_entry *entry = tlb_entry(va);
	mword page = access & ACCESS_WRITE ? entry->writable : entry->readable;

	/* the next page would be in the next entry: looking at the last byte is enough */
	if (length > PAGE_SIZE || ((va + length - 1) | ~PAGE_MASK) != page)
		return NULL;
	return (void *)(va + entry->shift);
}

/* Counts up, by this, when the TLB forgets or a register of a descriptor table or the TSS
 * is loaded: until then, what tlb_find() gave stays what is there. */
#define TLB_GENERATION BIT(16)
extern mword tlb_generation;
void tlb_tables_moved(void);

/* What makes the TLB forget; the back-end is told as well. */
void tlb_flush_page(gva_t va);
void tlb_flush_all(bool global);
void tlb_load_root(gpa_t root);

/* Linear address of the ModRM operand. */
mword operand_address(const struct insn *insn);
/* `size` bytes of the ModRM operand, zero-extended. */
bool operand_read(const struct insn *insn, unsigned size, mword *value);
/* Registers are written `register_size` wide (4 clears the upper half), memory `size`. */
bool operand_write(const struct insn *insn, unsigned register_size, unsigned size, mword value);
void register_write(unsigned gpr, unsigned size, mword value);
mword register_read(unsigned gpr, unsigned size);
/* Width of a general register in moves to and from system registers: 8 or 4. */
unsigned word_size(void);

/* `count` slots of `size` bytes, `offset` above the stack pointer, which does not move. */
bool stack_read(mword offset, mword *values, unsigned count, unsigned size);
bool stack_push(mword value, unsigned size);
bool stack_push_far(uint16_t selector, mword offset, unsigned size);
void stack_drop(unsigned bytes);

/* --- descriptors --------------------------------------------------------------------- */

struct descriptor {
	uint64_t low, high; /* high: of 16-byte system descriptors */
	mword at;	    /* where it lies */
};

#define SELECTOR_INDEX 0xfffc
#define SELECTOR_RPL   3
#define SELECTOR_TI    4

#define DESCRIPTOR_ACCESSED BIT(40)
#define DESCRIPTOR_W	    BIT(41) /* data: writable; code: readable */
#define DESCRIPTOR_C	    BIT(42) /* data: grows down; code: conforming */
#define DESCRIPTOR_CODE	    BIT(43)
#define DESCRIPTOR_S	    BIT(44) /* code or data */
#define DESCRIPTOR_P	    BIT(47)
#define DESCRIPTOR_L	    BIT(53)
#define DESCRIPTOR_DB	    BIT(54)
#define DESCRIPTOR_G	    BIT(55)

static inline unsigned descriptor_dpl(const struct descriptor *d)
{
	return d->low >> 45 & 3;
}

static inline unsigned descriptor_type(const struct descriptor *d) /* S in bit 4 */
{
	return d->low >> 40 & 0x1f;
}

static inline uint64_t descriptor_base(const struct descriptor *d)
{
	return (d->low >> 16 & 0xffffff) | (d->low >> 56 & 0xff) << 24;
}

uint32_t descriptor_limit(const struct descriptor *d);

enum lookup { LOOKUP_OK, LOOKUP_OUTSIDE, LOOKUP_FAULT };

/* Fetch the descriptor of a selector that is not null; `wide`: 16 bytes.
 * OUTSIDE: behind the table's limit. FAULT: *error as of guest_read(), CR2 set. */
enum lookup descriptor_fetch(uint16_t selector, bool wide, struct descriptor *d, mword *error);
/* The same; #GP(selector) or the page fault is raised. */
bool descriptor_load(uint16_t selector, bool wide, struct descriptor *d);

static inline bool selector_null(uint16_t selector)
{
	return !(selector & SELECTOR_INDEX);
}

/* Load es, ds, fs, gs or ss with all checks and the base. */
bool segment_load(unsigned segment, uint16_t selector);
/* A descriptor was loaded into fs or gs: the base comes with it. */
void segment_set_base(unsigned segment, uint64_t base);

/* --- control flow ---------------------------------------------------------------------- */

/* Enter privilege level `cpl` at code selector `cs`. */
void change_privilege(unsigned cpl, uint16_t cs, uint16_t ss);
void enter_syscall(mword next);
bool port_allowed(uint16_t port, unsigned size);

/* #DB with these bits in DR6. */
void trap_debug(mword dr6);
#define DR6_BS BIT(14)

/* --- interrupts ------------------------------------------------------------------------- */

void interrupt_look(void);    /* let the devices look; pending; timer */
void interrupt_refresh(void); /* a device was accessed: pending and the timer anew */
bool interrupt_deliver(void); /* if not masked and there is one */
void interrupt_shadow(mword rip);
void interrupt_reset(void);

/* --- model-specific ----------------------------------------------------------------------- */

/* false: #GP */
bool msr_read(uint32_t index, uint64_t *value);
bool msr_write(uint32_t index, uint64_t value);

/* What the guest sees of leaf and subleaf: eax, ebx, ecx, edx. */
void cpuid_policy(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
void cpuid_reset(void);
/* XCR0 bits a guest may set. */
uint64_t cpuid_xcr0(void);

/* A limit of the model: say it once per `reason` (a string literal) and go on. */
void limit_once(const char *reason);
/* backend_fatal() with a number. */
_Noreturn void fatal_value(const char *reason, const char *name, uint64_t value);

#endif
