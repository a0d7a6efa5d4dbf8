/* SPDX-License-Identifier: BSD-2-Clause */
/* Modules: what load time is to the kernel, the guest's module loader is to them (paper
 * 5.3). A hook, a NOP on bare hardware, says that a module's text is in place and
 * relocated: then its layout constants are moved and its sites rewritten, like the
 * kernel's. A module without annotations is refused: some of its sensitive
 * instructions (popf, pushf) would misbehave silently.
 */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/format.h"
#include "vmm/frontend.h"
#include "vmm/rewrite.h"

#define NAME_MOST 55	  /* Linux: MODULE_NAME_LEN is 56 */
#define SPAN	  BIT(30) /* a module's parts lie within the 2 GiB window of its kernel */

/* The registers of the hook (scripts/guest, module_finalize). */
struct module {
	mword records, records_size; /* .afterburn */
	mword layout, layout_size;   /* .afterburn.layout */
	char name[NAME_MOST + 1];
};

int64_t vmm_layout_delta[AB_LAYOUT_KINDS];

static bool view_read(const struct code_view *view, mword va, void *to, size_t length)
{
	(void)view;
	return guest_peek(gva(va), to, length);
}

static bool view_write(const struct code_view *view, mword va, const void *from, size_t length)
{
	(void)view;
	return guest_poke(gva(va), from, length);
}

static const struct code_view view = {view_read, view_write};

static void read_name(char name[NAME_MOST + 1], mword va)
{
	size_t i = 0;

	while (i < NAME_MOST && guest_peek(gva(va + i), &name[i], 1) && name[i])
		i++;
	name[i] = 0;
}

static bool refuse(const struct module *module, const char *why, mword where)
{
	struct line line = {0};

	line_text(line_text(&line, "afterburn: module "), module->name);
	line_text(line_text(&line, ": "), why);
	if (where)
		line_field(&line, "address", where);
	line_log(&line);
	return false;
}

static bool layout_word(mword record_va, mword *word, unsigned *kind)
{
	struct ab_layout record;

	if (!guest_peek(gva(record_va), &record, sizeof(record)))
		return false;
	*word = record_va + (mword)(int64_t)record.word;
	*kind = record.kind;
	return record.version == AB_LAYOUT_VERSION && record.kind &&
	       record.kind < AB_LAYOUT_KINDS && *word - record_va + SPAN < 2 * SPAN;
}

static bool move_layout(const struct module *module)
{
	for (mword at = 0; at + AB_LAYOUT_RECORD_SIZE <= module->layout_size;
	     at += AB_LAYOUT_RECORD_SIZE) {
		mword va, value;
		unsigned kind;

		if (!layout_word(module->layout + at, &va, &kind) ||
		    !guest_peek(gva(va), &value, sizeof(value)))
			return refuse(module, "bad layout record", module->layout + at);
		value += (mword)vmm_layout_delta[kind];
		guest_poke(gva(va), &value, sizeof(value));
	}
	return true;
}

/* Init text is freed without a word: sites of an earlier module may be known where
 * this one lies now. */
static void forget_old_sites(const struct module *module)
{
	for (mword at = 0; at + AB_RECORD_SIZE <= module->records_size; at += AB_RECORD_SIZE) {
		mword start = module->records + at;
		struct ab_annot record;

		if (!guest_peek(gva(start), &record, sizeof(record)))
			continue;
		start += (mword)(int64_t)record.start;
		for (mword byte = start; byte < start + record.total_len; byte++) {
			const struct site *old = rewrite_site_at(byte);

			if (old)
				rewrite_forget(old->start, 1);
		}
	}
}

static bool rewrite_module(const struct module *module)
{
	static struct rewrite_report report;
	struct rewrite_failure failure;
	mword low = module->records > SPAN ? module->records - SPAN : 0;
	mword high = module->records < -SPAN ? module->records + SPAN : UINT64_MAX;
	enum rewrite_error error;
	struct line why = {0};

	if (!module->records_size)
		return refuse(module, "no annotations: build it with `gcc -B', as the kernel was",
			      0);
	forget_old_sites(module);
	error = rewrite(&view, module->records, module->records_size, low, high, &report, &failure);
	if (error == REWRITE_OK)
		return true;
	rewrite_explain(&failure, &why);
	return refuse(module, why.text, 0);
}

bool emulate_module_load(const struct insn *insn, mword next)
{
	mword *gpr = vcpu.regs.gpr;
	struct module module = {
		.records = gpr[RDI],
		.records_size = gpr[RSI],
		.layout = gpr[RDX],
		.layout_size = gpr[RCX],
	};

	(void)insn;
	(void)next;
	read_name(module.name, gpr[R8]);
	gpr[RAX] = !(rewrite_module(&module) && move_layout(&module));
	return true;
}

bool emulate_module_unload(const struct insn *insn, mword next)
{
	(void)insn;
	(void)next;
	rewrite_forget(vcpu.regs.gpr[RDI], vcpu.regs.gpr[RSI]);
	return true;
}
