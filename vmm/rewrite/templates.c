/* SPDX-License-Identifier: BSD-2-Clause */
/*@051 Which template a sensitive instruction gets
 *
 * Frequent instructions become one instruction on the virtual CPU's memory, or a call
 * of a stub in templates.S; the rest calls the general emulation. Everything is
 * addressed relative to the instruction pointer, which needs no register and no
 * relocation: the VMM lies within 2 GiB of the guest's kernel, and each displacement
 * is checked.
 *
 * None of these changes a flag that the instruction leaves alone.
 */
#include "vmm/rewrite/templates.h"
#include "rules/nops.h"

#include "vmm/backend.h"
#include "vmm/frontend.h"
#include "vmm/rewrite/classes.h"
#include "vmm/vcpu.h"

struct watched vmm_watched;

/* --- emitting --------------------------------------------------------------------- */

static void emit(struct code *code, uint8_t byte)
{
	if (code->length < sizeof(code->bytes))
		code->bytes[code->length] = byte;
	code->length++;
}

static void emit_32(struct code *code, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		emit(code, (uint8_t)(value >> (8 * i)));
}

/* A displacement to `target` of an instruction that ends `behind` bytes later. */
static void emit_displacement(struct code *code, mword target, unsigned behind)
{
	mword distance = target - (code->at + code->length + 4 + behind);

	if (distance + BIT(31) >= BIT(32))
		code->out_of_reach = true;
	emit_32(code, (uint32_t)distance);
}

#define CALL_BYTES 5

/* The call is the last of the site's bytes: its return address is the one behind the
 * site, which finds the site again, and where the guest goes on. */
static void emit_call(struct code *code, const struct site *site, const char *target)
{
	if (site->total > CALL_BYTES) {
		code->length = site->total - CALL_BYTES;
		template_fill(code->bytes, code->length);
	}
	emit(code, 0xe8); /* call rel32 */
	emit_displacement(code, (mword)target, 0);
}

static void emit_jump(struct code *code, mword target)
{
	emit(code, 0xe9); /* jmp rel32 */
	emit_displacement(code, target, 0);
}

/* A RIP-relative operand with `reg` in ModRM: 00 reg 101. */
static void emit_operand(struct code *code, unsigned reg, const void *field, unsigned behind)
{
	emit(code, (uint8_t)((reg & 7) << 3 | 5));
	emit_displacement(code, (mword)field, behind);
}

static uint8_t rex(unsigned bits, unsigned reg)
{
	return (uint8_t)(0x40 | bits | (reg & 8 ? 4 /* REX.R */ : 0));
}
#define REX_W 8

/* mov field(%rip), %reg, of 8 bytes */
static void emit_load(struct code *code, unsigned reg, const void *field)
{
	emit(code, rex(REX_W, reg)); /* REX.W */
	emit(code, 0x8b);	     /* mov r/m64, r64 */
	emit_operand(code, reg, field, 0);
}

/* mov %reg, field(%rip), of 8 bytes */
static void emit_store(struct code *code, unsigned reg, const void *field)
{
	emit(code, rex(REX_W, reg)); /* REX.W */
	emit(code, 0x89);	     /* mov r64, r/m64 */
	emit_operand(code, reg, field, 0);
}

/* movl $value, field(%rip) */
static void emit_store_32(struct code *code, uint32_t value, const void *field)
{
	emit(code, 0xc7); /* mov imm32, r/m32 */
	emit_operand(code, 0, field, 4);
	emit_32(code, value);
}

/* --- sites ------------------------------------------------------------------------- */

static enum rewrite_outcome build_call(struct code *code, const struct site *site)
{
	emit_call(code, site, vmm_site_entry);
	return REWRITE_CALL;
}

static enum rewrite_outcome build_cli(struct code *code, const struct site *site)
{
	(void)site;
	emit(code, 0xc6); /* movb $1, masked(%rip) */
	emit_operand(code, 0, &vcpu.masked, 1);
	emit(code, 1);
	return REWRITE_INLINE;
}

static enum rewrite_outcome build_sti(struct code *code, const struct site *site)
{
	emit_call(code, site, vmm_sti);
	return REWRITE_STUB;
}

static enum rewrite_outcome build_pushf(struct code *code, const struct site *site)
{
	if (site->insn.operand != 8)
		return build_call(code, site);
	emit_call(code, site, vmm_pushf);
	return REWRITE_STUB;
}

static enum rewrite_outcome build_popf(struct code *code, const struct site *site)
{
	if (site->insn.operand != 8)
		return build_call(code, site);
	emit_call(code, site, vmm_popf);
	return REWRITE_STUB;
}

/* mov %cr, %r64 */
static enum rewrite_outcome build_from_cr(struct code *code, const struct site *site)
{
	static const uint64_t *const fields[16] = {
		[0] = &vcpu.cr0, [2] = &vcpu.cr2, [3] = &vcpu.cr3, [4] = &vcpu.cr4, [8] = &vcpu.cr8,
	};
	const struct insn *insn = &site->insn;

	if (insn->rm_kind != INSN_RM_REG || insn->reg >= 16 || !fields[insn->reg])
		return build_call(code, site);
	emit_load(code, insn->rm, fields[insn->reg]);
	return REWRITE_INLINE;
}

/* mov %seg, %r16, %r32 or %r64: all but the first clear what is above (SDM 2, "MOV"). */
static enum rewrite_outcome build_from_seg(struct code *code, const struct site *site)
{
	const struct insn *insn = &site->insn;

	if (insn->rm_kind != INSN_RM_REG || insn->reg >= SEG_COUNT)
		return build_call(code, site);
	if (insn->operand == 2)
		emit(code, 0x66); /* 16 bits */
	if (insn->rm & 8)
		emit(code, rex(0, insn->rm));
	emit(code, 0x8b); /* mov r/m32, r32 */
	emit_operand(code, insn->rm, &vcpu.segment[insn->reg], 0);
	return REWRITE_INLINE;
}

/* The back-end keeps the bases: they are exchanged when somebody asks. */
static enum rewrite_outcome build_swapgs(struct code *code, const struct site *site)
{
	(void)site;
	emit(code, 0xf6); /* notb swapped(%rip) */
	emit_operand(code, 2, &vcpu.swapped, 0);
	return REWRITE_INLINE;
}

static const void *thunk_of(const struct site *site)
{
	return vmm_thunks + site->thunk * THUNK_BYTES;
}

static enum rewrite_outcome build_jump(struct code *code, const struct site *site)
{
	emit_jump(code, (mword)thunk_of(site));
	return REWRITE_STUB;
}

static enum rewrite_outcome build_table_store(struct code *code, const struct site *site)
{
	return site->thunk == SITE_NO_THUNK ? build_call(code, site) : build_jump(code, site);
}

/* --- thunks ------------------------------------------------------------------------- */

/* scratch[3] = the address behind the site; jump to `target`. */
static void thunk_jump(struct code *code, const struct site *site, const char *target)
{
	mword next = site->start + site->total;

	emit_store_32(code, (uint32_t)next, &vcpu.scratch[3]);
	emit_store_32(code, (uint32_t)(next >> 32), (const uint8_t *)&vcpu.scratch[3] + 4);
	emit_jump(code, (mword)target);
}

static void thunk_general(struct code *code, const struct site *site)
{
	thunk_jump(code, site, vmm_jump_entry);
}

static void thunk_iret(struct code *code, const struct site *site)
{
	thunk_jump(code, site, site->insn.operand == 8 ? vmm_user_iret : vmm_jump_entry);
}

static void thunk_sysret(struct code *code, const struct site *site)
{
	thunk_jump(code, site, site->insn.operand == 8 ? vmm_user_sysret : vmm_jump_entry);
}

/* swapgs: exchange the real GS base with the virtual CPU's. The stack may be the
 * application's, so rax is kept in scratch[0]; no flag changes.
 *
 * wrgsbase is the commit: interrupted up to it, the guest goes back to the site,
 * behind it the exchange is completed (restart.c). Half of it would leave both
 * bases the same, and the kernel on the application's. */
#define SWAPGS_SAVED  7	 /* rax is in scratch[0] from here on */
#define SWAPGS_COMMIT 31 /* wrgsbase is done */
static void thunk_swapgs(struct code *code, const struct site *site)
{
	emit_store(code, RAX, &vcpu.scratch[0]); /* 0 */
	emit(code, 0xf3);			 /* 7: rdgsbase %rax */
	emit(code, 0x48);
	emit(code, 0x0f);
	emit(code, 0xae);
	emit(code, 0xc8);
	emit_store(code, RAX, &vcpu.scratch[1]);    /* 12 */
	emit_load(code, RAX, &vcpu.kernel_gs_base); /* 19 */
	emit(code, 0xf3);			    /* 26: wrgsbase %rax */
	emit(code, 0x48);
	emit(code, 0x0f);
	emit(code, 0xae);
	emit(code, 0xd8);
	emit_load(code, RAX, &vcpu.scratch[1]); /* 31 */
	emit_store(code, RAX, &vcpu.kernel_gs_base);
	emit_load(code, RAX, &vcpu.scratch[0]);
	emit_jump(code, site->start + site->total);
}

/* mov %reg, disp(%base): a page-table write that the back-end asked for. The store itself is the
 * guest's, and only an entry that is present goes on to vmm_table_store, with its address
 * in rcx. Flags change: these stores are C's (annot.h), where they mean nothing.
 *
 * Interrupted anywhere in here, the guest goes back to the site and stores once more. */
#define STORE_TEST 4 /* testb $PTE_P, %reg */
#define STORE_JUMP 2
#define STORE_SAVE 7 /* rcx is in scratch[1] behind it */
static unsigned store_saved(const struct site *site)
{
	return site->insn.length + STORE_TEST + STORE_JUMP + STORE_SAVE;
}

/* REX.W 89 /r, nothing around it, not relative to the instruction pointer. */
static bool is_plain_store(const struct site *site)
{
	const uint8_t *bytes = site->original;

	return site->insn.rm_kind == INSN_RM_MEM && site->insn.length == site->total &&
	       site->total <= 8 && (bytes[0] & 0xf8) == 0x48 && bytes[1] == 0x89;
}

static void emit_store_address(struct code *code, const struct site *site)
{
	const uint8_t *bytes = site->original;

	emit(code, bytes[0] & ~4); /* REX without R: lea disp(%base), %rcx */
	emit(code, 0x8d);
	emit(code, (bytes[2] & 0xc7) | RCX << 3);
	for (unsigned i = 3; i < site->total; i++)
		emit(code, bytes[i]);
}

static void thunk_table_store(struct code *code, const struct site *site)
{
	unsigned jump;

	for (unsigned i = 0; i < site->total; i++)
		emit(code, site->original[i]);
	emit(code, 0x40 | site->insn.reg >> 3); /* testb $PTE_P, %reg */
	emit(code, 0xf6);
	emit(code, 0xc0 | (site->insn.reg & 7));
	emit(code, 1);
	jump = code->length + 1;
	emit(code, 0x74); /* je to the jump back */
	emit(code, 0);
	emit_store(code, RCX, &vcpu.scratch[1]);
	emit_store_address(code, site);
	thunk_jump(code, site, vmm_table_store);
	code->bytes[jump] = (uint8_t)(code->length - jump - 1);
	emit_jump(code, site->start + site->total);
}

bool template_store_saved(const struct site *site, unsigned offset)
{
	return offset >= store_saved(site);
}

bool template_swapgs_done(unsigned offset, bool *saved)
{
	*saved = offset >= SWAPGS_SAVED;
	return offset >= SWAPGS_COMMIT;
}

/* --- the table ---------------------------------------------------------------------- */

struct template
{
	enum binding binding;
	enum rewrite_outcome (*build)(struct code * code, const struct site *site);
	void (*thunk)(struct code * code, const struct site *site);
	const struct template *kept; /* instead, if the back-end keeps the bases */
};

static const struct template called, kept_swapgs = {.build = build_swapgs};

/* A class that is not here is called. NATIVE ones are right in ring 3 as they are: the
 * real GS base is the guest's current one unless kept, XCR0 is the hardware's, the
 * time-stamp counter is not virtualized, serialize is shown in CPUID only if the real
 * processor has it, and no kernel executes syscall. verw may stand
 * between the load of the application's stack pointer and sysret. */
static const struct template templates[CLASS_ROWS] = {
	[CLASS_ROW_CLI] = {.build = build_cli},
	[CLASS_ROW_STI] = {.build = build_sti},
	[CLASS_ROW_STI_SYSEXIT] = {BIND_THUNK, build_jump, thunk_general},
	[CLASS_ROW_PUSHF] = {.build = build_pushf},
	[CLASS_ROW_POPF] = {.build = build_popf},
	[CLASS_ROW_MOV_FROM_CR] = {.build = build_from_cr},
	[CLASS_ROW_XGETBV] = {.binding = BIND_NATIVE},
	[CLASS_ROW_VERW] = {BIND_THUNK, build_jump, thunk_general},
	[CLASS_ROW_MOV_FROM_SEG] = {.build = build_from_seg},
	[CLASS_ROW_SWAPGS] = {BIND_THUNK, build_jump, thunk_swapgs, &kept_swapgs},
	[CLASS_ROW_RDFSBASE] = {.binding = BIND_NATIVE, .kept = &called},
	[CLASS_ROW_RDGSBASE] = {.binding = BIND_NATIVE, .kept = &called},
	[CLASS_ROW_WRFSBASE] = {.binding = BIND_NATIVE, .kept = &called},
	[CLASS_ROW_WRGSBASE] = {.binding = BIND_NATIVE, .kept = &called},
	[CLASS_ROW_IRET] = {BIND_THUNK, build_jump, thunk_iret},
	[CLASS_ROW_SYSCALL] = {.binding = BIND_NATIVE},
	[CLASS_ROW_SYSRET] = {BIND_THUNK, build_jump, thunk_sysret},
	[CLASS_ROW_SYSEXIT] = {BIND_THUNK, build_jump, thunk_general},
	[CLASS_ROW_UIRET] = {BIND_THUNK, build_jump, thunk_general},
	[CLASS_ROW_ERET] = {BIND_THUNK, build_jump, thunk_general},
	[CLASS_ROW_RDTSC] = {.binding = BIND_NATIVE},
	[CLASS_ROW_SERIALIZE] = {.binding = BIND_NATIVE},
	[CLASS_ROW_XRSTOR] = {.binding = BIND_WANTED},
	[CLASS_ROW_PGD_WRITE] = {.binding = BIND_WANTED},
	[CLASS_ROW_PTE_WRITE] = {BIND_WANTED, build_table_store, thunk_table_store},
	[CLASS_ROW_PTE_READ_CLEAR] = {.binding = BIND_WANTED},
	[CLASS_ROW_PTE_TEST_CLEAR] = {.binding = BIND_WANTED},
	[CLASS_ROW_DEVICE_READ] = {.binding = BIND_WANTED},
	[CLASS_ROW_DEVICE_WRITE] = {.binding = BIND_WANTED},
};

static const struct template *template_of(uint16_t class)
{
	const struct template *template = &templates[rewrite_row(class)];

	return backend_keeps_bases && template->kept ? template->kept : template;
}

enum binding template_binding(uint16_t class)
{
	return template_of(class)->binding;
}

bool template_likes_thunk(const struct site *site)
{
	return site->insn.class == AB_CLASS_PTE_WRITE && is_plain_store(site);
}

static void start_code(struct code *code, mword at)
{
	*code = (struct code){.at = at};
}

enum rewrite_outcome template_build(struct code *code, const struct site *site)
{
	const struct template *template = template_of(site->insn.class);
	enum rewrite_outcome outcome;

	start_code(code, site->start);
	if (!template->build)
		return build_call(code, site);
	outcome = template->build(code, site);
	if (code->length > site->total && template->binding == BIND_CALL) {
		start_code(code, site->start);
		outcome = build_call(code, site);
	}
	return outcome;
}

void template_build_thunk(struct code *code, const struct site *site)
{
	start_code(code, (mword)thunk_of(site));
	template_of(site->insn.class)->thunk(code, site);
}

void template_fill(uint8_t *bytes, unsigned length)
{
	static const uint8_t nops[AB_NOP_LONGEST][AB_NOP_LONGEST] = {AB_NOPS_64};

	while (length) {
		unsigned count = length < AB_NOP_LONGEST ? length : AB_NOP_LONGEST;

		__builtin_memcpy(bytes, nops[count - 1], count);
		bytes += count;
		length -= count;
	}
}
