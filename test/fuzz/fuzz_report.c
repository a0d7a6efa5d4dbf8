/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer: reports of an application's process (twin_report.c) with any arguments, any signal
 * frames and any state of theirs. Nothing outside of the area is read, and what is told to the
 * guest is what an application can do. */
#include "backends/linux/private.h"
#include "backends/linux/twin.h"
#include "vmm/backend.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* As of a processor with AVX-512 and AMX; PKRU and AMX are not loaded. */
#define XCR0	   UINT64_C(0x602e7)
#define COMPONENTS UINT64_C(0xe7)
#define BYTES	   2688
#define CODE	   LAYOUT_TWIN

/* Not aligned to pages: clang looks at the ends of no such variables. */
static uint8_t areas[2 * TWIN_AREA_BYTES] __attribute__((aligned(32)));
static struct shared the_shared;
static bool changes;
static unsigned outcomes;

uint8_t *const twin_areas = areas;
struct shared *const shared = &the_shared;
uint32_t host_self = 2; /* the last area: what is read behind it is found */
struct vcpu vcpu;
const struct twin_code twin_code = {CODE, CODE + 0x20, CODE + 0x40, CODE + 0x80, CODE + 0x10};

static void check(bool holds)
{
	if (!holds)
		abort();
}

uint64_t backend_xcr0(void)
{
	return XCR0;
}

void backend_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	static const uint32_t size[] = {[2] = 256, [5] = 64, [6] = 512, [7] = 1024};
	static const uint32_t offset[] = {[2] = 576, [5] = 1088, [6] = 1152, [7] = 1664};

	check(leaf == 0xd && subleaf < 8 && size[subleaf]);
	out[0] = size[subleaf];
	out[1] = offset[subleaf];
}

/* As the processor: it reads all of it, and refuses some. */
bool backend_load_state(const void *area, uint64_t mask)
{
	const uint8_t *state = area;
	uint64_t header[8];
	uint32_t mxcsr, sum = 0;

	check(mask == COMPONENTS && (state - areas) % 64 == 0);
	for (unsigned i = 0; i < BYTES; i++)
		sum += state[i];
	memcpy(header, state + 512, sizeof(header));
	memcpy(&mxcsr, state + 24, sizeof(mxcsr));
	check(!(header[0] & ~XCR0) && !(mxcsr >> 16));
	for (unsigned i = 1; i < 8; i++)
		check(!header[i]);
	return sum % 7;
}

void trap_raise(unsigned vector, mword error)
{
	check(vector == VECTOR_GP && !error);
	outcomes++;
}

static bool is_canonical(mword base)
{
	return (base + (UINT64_C(1) << 47)) >> 48 == 0;
}

void signal_application(int number, const struct siginfo *info, const struct sigcontext *at,
			mword fs_base, mword gs_base)
{
	bool fault = number == SIGSEGV;

	check((const uint8_t *)info >= areas + TWIN_AREA_BYTES + TWIN_COMMAND_BYTES);
	check(is_canonical(fs_base) && is_canonical(gs_base));
	check(fault || number == SIGUSR1 || number == SIGSYS);
	check((at->eflags & ~UINT64_C(0x254dd7)) == 0 && at->eflags & 2);
	check(at->rip - CODE >= TWIN_TEXT_BYTES);
	if (fault) {
		check(at->trapno < 20 && at->trapno != 2 && at->trapno != 8 && at->trapno != 18);
		check(at->trapno == VECTOR_PF ? at->err & ACCESS_USER : at->err <= UINT16_MAX);
		check(at->rip < LAYOUT_USER_END || at->rip >> 12 == 0xffffffffff600 ||
		      at->trapno == VECTOR_PF || at->trapno == VECTOR_GP);
	}
	outcomes++;
}

void twin_erase_frames(void)
{
	memset(areas + TWIN_AREA_BYTES + TWIN_COMMAND_BYTES, 0, TWIN_STACK_BYTES);
}

bool twin_changes(void)
{
	return changes;
}

void twin_changed(void)
{
	check(outcomes == 0);
}

void twin_settle(void)
{
	check(changes);
	outcomes++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Arguments that point into the area, or anywhere; then what lies there. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seccomp_notif got = {.pid = 1};
	uint8_t *stack = areas + TWIN_AREA_BYTES + TWIN_COMMAND_BYTES;
	uint16_t place;

	if (size < 3 + sizeof(uint64_t) * 5)
		return 0;
	memcpy(got.data.args, data + 1, sizeof(uint64_t) * 5);
	for (unsigned i = 1; i < 3; i++)
		if (!(data[0] >> i & 1))
			got.data.args[i] = TWIN_STACK + (uint16_t)got.data.args[i];
	if (!(data[0] & 8))
		got.data.args[0] &= 31;
	changes = data[0] & 1;
	data += 1 + sizeof(uint64_t) * 5;
	size -= 1 + sizeof(uint64_t) * 5;
	memset(areas, 0, sizeof(areas));
	memcpy(&place, data, sizeof(place));
	place %= TWIN_STACK_BYTES;
	if (size > TWIN_STACK_BYTES - place)
		size = TWIN_STACK_BYTES - place;
	memcpy(stack + place, data, size);
	vcpu.pending = 0;
	outcomes = 0;
	twin_reported(&got);
	check(outcomes <= 1 && outcomes + vcpu.pending >= 1);
	return 0;
}
