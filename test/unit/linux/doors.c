/* SPDX-License-Identifier: BSD-2-Clause */
/* doors.h explains. */
#include "test/unit/linux/doors.h"

#include <string.h>

#define UD2_BYTES 2

uint32_t rights;
bool refused;
unsigned stepped;
unsigned handled, told;
int handled_number, handle_answer;
void *handled_info, *handled_context;

struct exit_page exit_page __attribute__((aligned(64)));
uint8_t altstack[ALTSTACK_BYTES] __attribute__((aligned(4096)));
uint64_t signal_nonce;
uint8_t exit_work;

static struct shared the_shared;
struct shared *const shared = &the_shared;

static unsigned steps_left;
static void (*boundary)(greg_t *regs);

/* --- doubles -------------------------------------------------------------------------- */

int signal_handle(int number, void *info, void *context);
void signal_guest(void);
void exit_work_now(void);

int signal_handle(int number, void *info, void *context)
{
	assert_int_equal(rights, 0);
	assert_false(__builtin_ia32_readeflags_u64() & (FLAG_AC | FLAG_NT | FLAG_DF));
	handled++;
	handled_number = number;
	handled_info = info;
	handled_context = context;
	return handle_answer;
}

void signal_guest(void)
{
	uint8_t here;

	assert_false(&here >= altstack && &here < altstack + ALTSTACK_BYTES);
	told++;
}

void exit_work_now(void)
{
	fail_msg("work on the way out");
}

/* --- traps ---------------------------------------------------------------------------- */

static greg_t *registers(void *context)
{
	return ((ucontext_t *)context)->uc_mcontext.gregs;
}

static void leave(greg_t *regs)
{
	regs[REG_RIP] = (greg_t)(mword)guest_done;
	regs[REG_EFL] &= ~(greg_t)(FLAG_TF | FLAG_AC);
}

static void on_step(int number, siginfo_t *info, void *context)
{
	greg_t *regs = registers(context);
	mword rip = (mword)regs[REG_RIP];

	(void)number, (void)info;
	if (rip == (mword)guest_done)
		regs[REG_EFL] &= ~(greg_t)FLAG_TF;
	if (rip - (mword)vmm_user_exit >= (mword)(keys_exit_end - vmm_user_exit))
		return;
	stepped++;
	if (steps_left && !--steps_left)
		boundary(regs);
}

static void on_refusal(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	refused = true;
	leave(registers(context));
}

/* SDM 2, WRPKRU: rcx and rdx must be 0. */
static void on_wrpkru(int number, siginfo_t *info, void *context)
{
	greg_t *regs = registers(context);

	if ((uint32_t)regs[REG_RCX] || (uint32_t)regs[REG_RDX]) {
		on_refusal(number, info, context);
		return;
	}
	rights = (uint32_t)regs[REG_RAX];
	regs[REG_RIP] += UD2_BYTES;
	if (regs[REG_EFL] & FLAG_TF)
		on_step(number, info, context); /* no step is behind a trap */
}

/* Not before: cmocka has handlers of its own. */
static void set_handlers(void)
{
	static const struct {
		int number;
		void (*handler)(int, siginfo_t *, void *);
	} all[] = {{SIGTRAP, on_step},
		   {SIGILL, on_wrpkru},
		   {SIGSEGV, on_refusal},
		   {SIGBUS, on_refusal}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct sigaction action = {.sa_sigaction = all[i].handler,
					   .sa_flags = SA_SIGINFO | SA_ONSTACK};

		assert_int_equal(sigaction(all[i].number, &action, NULL), 0);
	}
}

int doors_reset(void **state)
{
	the_shared = (struct shared){.isolation = ISOLATION_KEYS};
	exit_work = EXIT_KEYS;
	memset(&exit_page, 0, sizeof(exit_page));
	exit_page.pkru = rights = APPLICATION_RIGHTS;
	refused = false;
	handled = told = stepped = 0;
	handle_answer = 0;
	return machine_reset(state);
}

void doors_jump(mword at, const void *to)
{
	int32_t distance = (int32_t)((mword)to - (at + 5));

	*(uint8_t *)at = 0xe9; /* jmp rel32 */
	memcpy((uint8_t *)at + 1, &distance, 4);
}

bool doors_run(unsigned step, void (*at_boundary)(greg_t *regs))
{
	steps_left = step;
	boundary = at_boundary;
	if (step)
		before.rflags |= FLAG_TF;
	set_handlers();
	machine_run();
	return !steps_left;
}
