/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's serial line: Xen's own console for domain 0, the ring that xenconsoled
 * empties for others (public/io/console.h). Characters are collected: a hypercall for
 * each would cost more than the device model.
 */
#include "backends/xen/hypercall.h"
#include "backends/xen/private.h"
#include "vmm/backend.h"

/* start.c maps the ring's page here; of domain 0 it is a page like any other. */
union ring_page console_ring __attribute__((aligned(4096)));

static unsigned ring_port;

static struct {
	size_t used;
	char text[1024];
} output;

void console_start(void)
{
	if (is_dom0()) {
		events_bind(VIRQ_CONSOLE);
		return;
	}
	ring_port = start_info.console.domU.evtchn;
	events_open(ring_port);
}

static void ring_write(const char *text, size_t length)
{
	struct xencons_interface *ring = &console_ring.ring;
	size_t done = 0;

	while (done < length) {
		XENCONS_RING_IDX consumed = __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
		XENCONS_RING_IDX produced = ring->out_prod;

		while (done < length && produced - consumed < sizeof(ring->out))
			ring->out[MASK_XENCONS_IDX(produced++, ring->out)] = text[done++];
		__atomic_store_n(&ring->out_prod, produced, __ATOMIC_RELEASE);
		events_send(ring_port);
		if (done < length)
			xen_sched_op(SCHEDOP_yield, NULL);
	}
}

void console_flush(void)
{
	if (!output.used)
		return;
	if (is_dom0())
		xen_console_write(output.text, (unsigned)output.used);
	else
		ring_write(output.text, output.used);
	output.used = 0;
}

void backend_console_write(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (output.used == sizeof(output.text))
			console_flush();
		output.text[output.used++] = text[i];
	}
}

size_t backend_console_read(char *text, size_t room)
{
	struct xencons_interface *ring = &console_ring.ring;
	XENCONS_RING_IDX produced, consumed;
	size_t n = 0;

	if (is_dom0()) {
		long result = xen_console_read(text, (unsigned)room);

		return result > 0 ? (size_t)result : 0;
	}
	produced = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);
	consumed = ring->in_cons;
	while (n < room && consumed != produced)
		text[n++] = ring->in[MASK_XENCONS_IDX(consumed++, ring->in)];
	if (n) {
		__atomic_store_n(&ring->in_cons, consumed, __ATOMIC_RELEASE);
		events_send(ring_port);
	}
	return n;
}
