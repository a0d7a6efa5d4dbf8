/* SPDX-License-Identifier: BSD-2-Clause */
/* What /targets names: data that applications must not read or write, code that they may
 * jump to and gain nothing by.
 */
#define _GNU_SOURCE
#include "attacks.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define RANDOM_JUMPS 150 /* into each range */

static const struct target *aim;
static uintptr_t jump_at;
static bool in_control;
static uint8_t area[4096] __attribute__((aligned(64)));

/* It came back from what traps where it is blocked. */
static _Noreturn void reached(void)
{
	_exit(11);
}

static void read_it(void)
{
	*(volatile const uint8_t *)aim->at;
	reached();
}

static void write_it(void)
{
	volatile uint8_t *at = (volatile uint8_t *)aim->at;

	*at = *at;
	reached();
}

static const struct target *find(const char *kind, const char *name)
{
	for (int i = 0; i < target_count; i++)
		if (!strcmp(targets[i].kind, kind) && !strcmp(targets[i].name, name))
			return &targets[i];
	return NULL;
}

/* Open the host's door (host_selector), then ask it by the VMM's own instruction. This
 * guest has no standard error: what comes out of the machine's is the host's call. */
static const char escaped[] = "ESCAPED\n";

static void host_call(void)
{
	jump(aim->at, SYS_write, STDERR_FILENO, escaped, sizeof(escaped) - 1);
}

static void opened_host_call(void)
{
	const struct target *selector = find("readable", "host_selector");

	if (!selector)
		unable("no host_selector");
	jump_opens = (volatile uint8_t *)selector->at;
	host_call();
}

/* Everything zero opens all keys, if it comes to a wrpkru; all ones with xrstor. */
static void through_door(void)
{
	jump(aim->at, 0, (uintptr_t)area, area, 0);
}

static void through_door_ones(void)
{
	jump(aim->at, UINT32_MAX, (uintptr_t)area, area, UINT32_MAX);
}

static void anywhere(void)
{
	struct itimerval soon = {.it_value = {.tv_usec = 200000}};

	setitimer(ITIMER_REAL, &soon, NULL);
	jump(jump_at, 0, (uintptr_t)area, area, 0);
}

static void jump_around(void)
{
	static uint64_t state = 88172645463325252u;

	for (int i = 0; i < RANDOM_JUMPS; i++) {
		char name[80];

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		jump_at = aim->at + state % (aim->end - aim->at);
		snprintf(name, sizeof(name), "%s+%#lx", aim->name, jump_at - aim->at);
		attempt("jump", name, anywhere);
	}
}

static void plain(void)
{
	attempt("reach", aim->name, read_it);
}

static void writing(void)
{
	char name[64];

	snprintf(name, sizeof(name), "write-%s", aim->name);
	attempt("reach", name, write_it);
}

static void both(void)
{
	plain();
	writing();
}

/* What follows the call would soon end a machine without isolation: once is enough. */
static void calls(void)
{
	static bool done;

	if (in_control && done)
		return;
	done = true;
	attempt("escape", aim->name, opened_host_call);
	if (!in_control)
		attempt("jump", aim->name, host_call);
}

static void doors(void)
{
	char name[64];

	attempt("jump", aim->name, through_door);
	snprintf(name, sizeof(name), "ones-%s", aim->name);
	attempt("jump", name, through_door_ones);
}

void try_targets(bool control)
{
	in_control = control;
	static const struct {
		const char *kind;
		void (*all)(void);
		bool control;
	} kinds[] = {
		{"data", both, true},	  {"sealed", both, false}, {"readable", writing, true},
		{"syscall", calls, true}, {"door", doors, false},  {"range", jump_around, false},
	};

	for (int i = 0; i < target_count; i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (!strcmp(targets[i].kind, kinds[k].kind) &&
			    (!control || kinds[k].control)) {
				aim = &targets[i];
				kinds[k].all();
			}
}
