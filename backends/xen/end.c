/* SPDX-License-Identifier: BSD-2-Clause */
/* How a domain ends. Xen's tools show the reason of a shutdown; a domain 0 takes the
 * machine with it.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "backends/xen/stats.h"
#include "vmm/backend.h"
#include "vmm/format.h"

_Noreturn static void shut_down(unsigned reason)
{
	struct sched_shutdown argument = {.reason = reason};

	console_flush();
	stats_print();
	console_flush();
	for (;;)
		xen_sched_op(SCHEDOP_shutdown, &argument);
}

static void say(const char *text)
{
	struct line line = {0};

	line_log(line_text(line_text(&line, "afterburn: "), text));
}

_Noreturn void backend_exit(enum backend_exit why, unsigned code)
{
	static const struct {
		unsigned reason;
		const char *text;
	} ends[] = {
		[BACKEND_EXIT_POWER_OFF] = {SHUTDOWN_poweroff, "power off, code"},
		[BACKEND_EXIT_RESET] = {SHUTDOWN_reboot, "reset"},
		[BACKEND_EXIT_TRIPLE] = {SHUTDOWN_crash, "triple fault"},
		[BACKEND_EXIT_HALTED] = {SHUTDOWN_crash, "halted with interrupts off"},
	};
	struct line line = {0};

	line_text(line_text(&line, "afterburn: "), ends[why].text);
	if (why == BACKEND_EXIT_POWER_OFF)
		line_decimal(line_text(&line, " "), code);
	line_log(&line);
	shut_down(why == BACKEND_EXIT_POWER_OFF && code ? SHUTDOWN_crash : ends[why].reason);
}

static void print_registers(void)
{
	static const char *const names[GPR_COUNT] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
						     "rsi", "rdi", "r8",  "r9",	 "r10", "r11",
						     "r12", "r13", "r14", "r15"};
	struct line line = {0};

	line_field(line_text(&line, "afterburn: guest"), "rip", vcpu.regs.rip);
	line_field(line_field(&line, "flags", vcpu.regs.rflags), "cpl", vcpu.cpl);
	line_log(line_field(line_field(&line, "cr2", vcpu.cr2), "cr3", vcpu.cr3));
	for (unsigned i = 0; i < GPR_COUNT; i += 4) {
		line = (struct line){0};
		line_text(&line, "afterburn:");
		for (unsigned j = i; j < i + 4; j++)
			line_field(&line, names[j], vcpu.regs.gpr[j]);
		line_log(&line);
	}
}

_Noreturn void backend_fatal(const char *reason)
{
	static bool dying;

	if (!dying) {
		dying = true;
		console_flush();
		say(reason);
		print_registers();
	}
	shut_down(SHUTDOWN_crash);
}

_Noreturn void die(const char *reason, const char *name, uint64_t value)
{
	static struct line line;

	line_field(line_text(&line, reason), name, value);
	backend_fatal(line.text);
}

_Noreturn void die_hypercall(const char *what, long result)
{
	static struct line line;

	line_text(line_text(&line, "hypercall failed: "), what);
	line_decimal(line_text(&line, ", error "), (uint64_t)-result);
	backend_fatal(line.text);
}

void backend_log(const char *text, size_t length)
{
	backend_console_write(text, length);
	console_flush();
}
