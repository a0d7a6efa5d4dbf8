/* SPDX-License-Identifier: BSD-2-Clause */
/*@140 Protection keys: what applications cannot reach
 *
 * Applications share a host address space with the guest's kernel and the VMM. Pages
 * carry keys, and a register (PKRU) says which keys the running code may use; loading
 * it takes no system call (SDM 3A 4.6.2):
 *
 *   key 0    applications' pages; the VMM's text; the alternate signal stack
 *   ours     the guest kernel's half, guest RAM, tables, stacks, everything else
 *   readable the selector byte of Syscall User Dispatch (which the host reads with the
 *            application's rights), and exit_page
 *
 * The guest's kernel and the VMM run with all keys open. There are two doors, both in
 * signal.S: signal_entry_keys opens, keys_exit closes. Applications may jump to
 * anything, so what follows a `wrpkru` or `xrstor` looks at the value that it was
 * given, and an entry believes nothing but a signal frame of the host's.
 *
 * The alternate stack has to be writable for applications: hosts before 6.12 write
 * the frame with their rights. Nothing on it is trusted once an application has run,
 * and nothing of the kernel's stays on it (exit.c). A frame is the host's if its
 * return address is `signal_nonce`, a random number that is on the stack only until
 * the handler's first instructions.
 */
#include "backends/linux/keys.h"

#include "backends/linux/host.h"
#include "backends/linux/layout.h"
#include "backends/linux/private.h"
#include "backends/linux/shadow.h"
#include "vmm/backend.h"
#include "vmm/entry.h"

#include <asm/sigcontext.h>
#include <linux/mman.h>

#define ALL_DENIED	    UINT32_C(0x55555554) /* access disabled, for keys 1 to 15 */
#define ACCESS_DISABLE(key) (UINT32_C(1) << 2 * (key))
#define WRITE_DISABLE(key)  (UINT32_C(2) << 2 * (key))

#define XSAVE_HEADER 512 /* offset of XSTATE_BV in an area (SDM 1, 13.4.2) */
#define LEAF_XSAVE   0xd

struct exit_page exit_page READABLE __attribute__((aligned(64)));

extern char vmm_private_start[], vmm_private_end[];
extern char vmm_readable_start[], vmm_readable_end[];
extern char vmm_data_start[], vmm_data_end[];

static uint32_t key_ours; /* 0: no isolation */
static uint32_t pkru_at;  /* offset of PKRU in the extended state */

static void put_key(mword start, mword end, int protection, uint32_t key)
{
	long result = host_call4(__NR_pkey_mprotect, start, end - start, protection, key);

	if (result < 0)
		end_machine(END_HOST, (int)-result, "protecting memory with a key");
}

void keys_protect(mword va, uint64_t bytes, int protection)
{
	if (key_ours)
		put_key(va, va + bytes, protection, key_ours);
}

/* The host's call opens the key for the caller, so no instruction that does has to be
 * here, to be jumped to. */
static uint32_t new_key(void)
{
	long key = host_call2(__NR_pkey_alloc, 0, 0);

	if (key < 0)
		end_machine(END_HOST, (int)-key, "allocating a protection key");
	return (uint32_t)key;
}

static uint32_t current_rights(void)
{
	uint32_t rights, zero;

	__asm__ volatile("rdpkru" : "=a"(rights), "=d"(zero) : "c"(0));
	return rights;
}

static void protect_all(void)
{
	static const struct {
		mword start;
		uint64_t bytes;
	} areas[] = {{LAYOUT_SHADOW, sizeof(struct shadow_tables)},
		     {LAYOUT_THUNKS, VMM_THUNK_BYTES},
		     {LAYOUT_COPIES, LAYOUT_COPY_BYTES},
		     {LAYOUT_SHARED, (sizeof(struct shared) + PAGE_SIZE - 1) & PAGE_MASK}};
	const int protection = PROT_READ | PROT_WRITE;

	for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
		keys_protect(areas[i].start, areas[i].bytes, protection);
	keys_protect(LAYOUT_RAM, shared->ram_bytes, protection);
	put_key((mword)vmm_private_start, (mword)vmm_private_end, protection, key_ours);
	put_key((mword)vmm_data_start, (mword)vmm_data_end, protection, key_ours);
}

/* A handler begins with the rights of a new program. Were they an application's, an
 * application interrupted at the handler's first instruction would look like a handler. */
void keys_start(void)
{
	uint32_t initial, readable, leaf[4];

	if (shared->isolation != ISOLATION_KEYS)
		return;
	initial = current_rights();
	key_ours = new_key();
	readable = new_key();
	backend_cpuid(LEAF_XSAVE, 9, leaf);
	pkru_at = leaf[1];
	exit_page.pkru = (ALL_DENIED & ~ACCESS_DISABLE(readable)) | WRITE_DISABLE(readable);
	if (initial == exit_page.pkru || initial & 3 || pkru_at < XSAVE_HEADER + 64)
		end_machine(END_HOST, 0, "the host's initial rights of protection keys");
	protect_all();
	put_key((mword)vmm_readable_start, (mword)vmm_readable_end, PROT_READ | PROT_WRITE,
		readable);
	exit_work = EXIT_KEYS;
}

/* The rights in force when the host made the frame; in their initial state (all
 * open) they need not have been written. */
bool keys_application(const struct sigcontext *at)
{
	const uint8_t *state = (const uint8_t *)at->fpstate;

	return key_ours && *(const uint64_t *)(const void *)(state + XSAVE_HEADER) & XSTATE_PKRU &&
	       *(const uint32_t *)(const void *)(state + pkru_at) == exit_page.pkru;
}
