/* SPDX-License-Identifier: BSD-2-Clause */
/* From class and operands to the bytes that replace a site. */
#ifndef AFTERBURN_VMM_REWRITE_TEMPLATES_H
#define AFTERBURN_VMM_REWRITE_TEMPLATES_H

#include "vmm/entry.h"
#include "vmm/rewrite.h"

#define THUNK_BYTES 64
#define THUNKS	    (VMM_THUNK_BYTES / THUNK_BYTES)

/* A bounded scratch buffer for code that will run at `at`. */
struct code {
	uint8_t bytes[THUNK_BYTES];
	unsigned length; /* more than there is room for: it did not fit */
	mword at;
	bool out_of_reach; /* something addressed is farther than 2 GiB */
};

/* What stands in for `class`. */
enum binding {
	BIND_CALL,   /* a call, or what build() makes of it */
	BIND_THUNK,  /* a jump to a thunk, for the stack may not be used */
	BIND_NATIVE, /* left as it is */
	BIND_WANTED, /* a call if the back-end wants one, else left as it is */
};
enum binding template_binding(uint16_t class);

/* A site that is better with a thunk, if there is one left, but can be called. */
bool template_likes_thunk(const struct site *site);

/* The site's new bytes, no longer than site->total, without the fill; if only the
 * general call fits, that one. The code is longer than the site if nothing fits. */
enum rewrite_outcome template_build(struct code *code, const struct site *site);

/* The bytes of the site's thunk, which is at vmm_thunks + site->thunk * THUNK_BYTES. */
void template_build_thunk(struct code *code, const struct site *site);

/* Multi-byte NOPs in `length` bytes at `bytes`. */
void template_fill(uint8_t *bytes, unsigned length);

/* The thunk of a page-table write: is rcx in scratch[1] at `offset` in it? */
bool template_store_saved(const struct site *site, unsigned offset);

/* The thunk of a swapgs site: the guest is interrupted at `offset` in it. true: the
 * thunk is behind its committing instruction; *saved: scratch[0] holds rax. */
bool template_swapgs_done(unsigned offset, bool *saved);

#endif
