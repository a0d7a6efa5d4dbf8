/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels: all the interrupts there are.
 *
 * Xen marks vcpu.pending with each event, and calls event_entry (traps.S) if vcpu.masked
 * is clear. `pending` is the front-end's, too, which computes it anew; what says whether Xen
 * has told of something is the selector word, and it is looked at before every return to the guest
 * that passes through C.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "backends/xen/stats.h"

#define WORD_BITS 64

void events_open(unsigned port)
{
	uint64_t bit = BIT(port % WORD_BITS);

	__atomic_fetch_and(&shared_page.info.evtchn_mask[port / WORD_BITS], ~bit, __ATOMIC_SEQ_CST);
}

void events_send(unsigned port)
{
	struct evtchn_send argument = {.port = port};

	xen_event_channel_op(EVTCHNOP_send, &argument);
}

unsigned events_bind(unsigned virq)
{
	struct evtchn_bind_virq argument = {.virq = virq};
	long result = xen_event_channel_op(EVTCHNOP_bind_virq, &argument);

	if (result)
		die_hypercall("binding a virtual interrupt", result);
	events_open(argument.port);
	return argument.port;
}

void events_start(void)
{
	for (unsigned i = 0; i < WORD_BITS; i++)
		shared_page.info.evtchn_mask[i] = ~UINT64_C(0);
}

/* Which port it was means nothing: timer and console are looked at alike. */
static void take_word(unsigned word)
{
	uint64_t open = ~shared_page.info.evtchn_mask[word];

	__atomic_fetch_and(&shared_page.info.evtchn_pending[word], ~open, __ATOMIC_SEQ_CST);
}

bool events_any(void)
{
	return vcpu_info()->evtchn_pending_sel;
}

bool events_taken(void)
{
	struct vcpu_info *info = vcpu_info();
	uint64_t words;

	if (!events_any())
		return false;
	words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < WORD_BITS; i++)
		if (words & BIT(i))
			take_word(i);
	count(STAT_EVENTS);
	return true;
}
