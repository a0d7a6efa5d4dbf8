/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: traces of instructions, limits of the model, fatal errors with a number. */
#include "vmm/backend.h"
#include "vmm/cpu/cpu.h"
#include "vmm/emulate.h"
#include "vmm/format.h"

void vmm_trace(uint16_t class, mword rip)
{
	struct line line = {0};
	const mword *gpr = vcpu.regs.gpr;

	line_text(line_text(&line, "trace: "), emulate_class_name(class));
	line_field(line_field(&line, "rip", rip), "rax", gpr[RAX]);
	line_field(line_field(&line, "rcx", gpr[RCX]), "rdx", gpr[RDX]);
	line_field(line_field(&line, "rsp", gpr[RSP]), "cpl", vcpu.cpl);
	line_field(&line, "masked", vcpu.masked);
	line_log(&line);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same_name(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

bool vmm_trace_enable(const char *name)
{
	size_t count;
	const struct class_count *classes = emulate_counts(&count);
	bool all = same_name(name, "all"), found = false;

	for (size_t i = 0; i < count; i++) {
		if (!all && !same_name(name, classes[i].name))
			continue;
		vmm_trace_class[i] = true;
		found = true;
	}
	return found;
}

void limit_once(const char *reason)
{
	static const char *said[16];
	struct line line = {0};
	size_t i = 0;

	for (; i < sizeof(said) / sizeof(said[0]) && said[i]; i++)
		if (said[i] == reason)
			return;
	if (i < sizeof(said) / sizeof(said[0]))
		said[i] = reason;
	line_text(line_text(&line, "limit: "), reason);
	line_log(line_field(&line, "rip", vcpu.regs.rip));
}

void fatal_value(const char *reason, const char *name, uint64_t value)
{
	static struct line line;

	line_field(line_text(&line, reason), name, value);
	backend_fatal(line.text);
}
