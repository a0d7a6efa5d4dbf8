/* SPDX-License-Identifier: BSD-2-Clause */
#include "backends/stub/stub.h"

#include <cpuid.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

struct stub stub;
bool stub_keeps_bases;
extern const bool backend_keeps_bases __attribute__((alias("stub_keeps_bases")));

static jmp_buf end;
static bool may_end;

void stub_reset(void)
{
	memset(&stub, 0, sizeof(stub));
	stub.xcr0 = 7;
	stub_keeps_bases = false;
}

static void record(const char *name, uint64_t a, uint64_t b, uint64_t c)
{
	if (stub.count < sizeof(stub.calls) / sizeof(stub.calls[0]))
		stub.calls[stub.count] = (struct stub_call){name, {a, b, c}};
	stub.count++;
}

static size_t recorded(void)
{
	size_t room = sizeof(stub.calls) / sizeof(stub.calls[0]);

	return stub.count < room ? stub.count : room;
}

size_t stub_count(const char *name)
{
	size_t found = 0;

	for (size_t i = 0; i < recorded(); i++)
		found += !strcmp(stub.calls[i].name, name);
	return found;
}

const struct stub_call *stub_last(const char *name)
{
	for (size_t i = recorded(); i-- > 0;)
		if (!strcmp(stub.calls[i].name, name))
			return &stub.calls[i];
	return NULL;
}

bool stub_ends(void (*function)(void *argument), void *argument)
{
	stub.end = STUB_RUNS;
	may_end = true;
	if (!setjmp(end))
		function(argument);
	may_end = false;
	return stub.end != STUB_RUNS;
}

_Noreturn static void finish(enum stub_end how)
{
	stub.end = how;
	if (!may_end)
		abort();
	longjmp(end, 1);
}

static void append(char *to, size_t room, size_t *used, const char *text, size_t length)
{
	if (length > room - 1 - *used)
		length = room - 1 - *used;
	memcpy(to + *used, text, length);
	*used += length;
	to[*used] = 0;
}

/* --- backend.h, in its order ----------------------------------------------------- */

void backend_before_store(gpa_t address, size_t length)
{
	record("before_store", address.v, length, 0);
}

void backend_flush_page(gva_t va)
{
	record("flush_page", va.v, 0, 0);
}

void backend_flush_all(bool global)
{
	record("flush_all", global, 0, 0);
}

void backend_load_root(gpa_t root)
{
	record("load_root", root.v, 0, 0);
}

void backend_table_written(gpa_t entry, uint64_t value)
{
	record("table_written", entry.v, value, 0);
}

void backend_write_code(void *to, const void *from, size_t length)
{
	record("write_code", (uintptr_t)to, (uintptr_t)from, length);
	memcpy(to, from, length);
}

bool backend_wants(uint16_t class)
{
	record("wants", class, 0, 0);
	return class == stub.wanted;
}

void backend_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	record("cpuid", leaf, subleaf, 0);
	if (stub.cpuid)
		stub.cpuid(leaf, subleaf, out);
	else
		__cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}

uint64_t backend_xcr0(void)
{
	record("xcr0", 0, 0, 0);
	return stub.xcr0;
}

bool backend_load_state(const void *area, uint64_t mask)
{
	record("load_state", (uintptr_t)area, mask, 0);
	return !stub.bad_state;
}

void backend_before_resume(void)
{
	record("before_resume", 0, 0, 0);
}

uint64_t backend_now(void)
{
	return stub.now; /* not recorded: everybody asks, all the time */
}

uint64_t backend_wall_clock(void)
{
	record("wall_clock", 0, 0, 0);
	return stub.wall_clock;
}

void backend_set_timer(uint64_t deadline)
{
	record("set_timer", deadline, 0, 0);
}

void backend_idle(void)
{
	record("idle", 0, 0, 0);
	if (stub.idle)
		stub.idle();
}

void backend_console_write(const char *text, size_t length)
{
	record("console_write", length, 0, 0);
	append(stub.console, sizeof(stub.console), &stub.console_length, text, length);
}

size_t backend_console_read(char *text, size_t room)
{
	size_t length = stub.typed ? strlen(stub.typed) : 0;

	record("console_read", room, 0, 0);
	if (length > room)
		length = room;
	if (length) {
		memcpy(text, stub.typed, length);
		stub.typed += length;
	}
	return length;
}

void backend_exit(enum backend_exit why, unsigned code)
{
	record("exit", why, code, 0);
	stub.why = why;
	stub.code = code;
	finish(STUB_EXIT);
}

void backend_fatal(const char *reason)
{
	record("fatal", 0, 0, 0);
	strncpy(stub.reason, reason, sizeof(stub.reason) - 1);
	finish(STUB_FATAL);
}

void backend_log(const char *text, size_t length)
{
	record("log", length, 0, 0);
	append(stub.log, sizeof(stub.log), &stub.log_length, text, length);
}
