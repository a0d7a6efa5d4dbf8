/* SPDX-License-Identifier: BSD-2-Clause */
/* What the launcher (`afterburn run`, hosted) and the machine's processes share.
 *
 * One page-aligned memory file, mapped by all of them. Words that the other side
 * waits for are futexes and are accessed atomically.
 */
#ifndef AFTERBURN_BACKENDS_LINUX_SHARED_H
#define AFTERBURN_BACKENDS_LINUX_SHARED_H

#include "vmm/load.h"
#include "vmm/types.h"
#include "vmm/vcpu.h"

/* Descriptors that the VMM program inherits. */
enum {
	FD_CONSOLE = 1,
	FD_LOG = 2,
	FD_SHARED = 3,	    /* struct shared */
	FD_RAM = 4,	    /* guest-physical memory */
	FD_TRAMPOLINES = 5, /* LAYOUT_TRAMPOLINE_BYTES */
	FD_TIMER = 6,	    /* timerfd that the launcher polls */
	FD_TERMINAL = 7,    /* the terminal to restore, if `terminal_raw` */
	FD_COPIES = 8,	    /* LAYOUT_COPY_BYTES */
	FD_TWINS = 9,	    /* what the twins report (twin.h); made by the VMM itself */
	FD_COUNT
};

/* What keeps applications from the guest's kernel. */
enum isolation {
	ISOLATION_NONE,
	ISOLATION_KEYS,	     /* protection keys: keys.c */
	ISOLATION_PROCESSES, /* processes of their own: twin.c */
};

/* How the machine ended. NOT_ENDED in `ended` when nobody said so: it was killed. */
enum end {
	NOT_ENDED,
	END_POWER_OFF, /* code: the guest's */
	END_RESET,
	END_TRIPLE, /* triple fault */
	END_HALTED, /* interrupts off, nothing to wake it */
	END_GUEST,  /* the guest did what is not modelled: reason */
	END_VMM,    /* a bug of ours: reason */
	END_HOST,   /* the host refused memory, a process, a mapping: reason, code = errno */
	END_KILLED, /* a process of the machine was killed: code = signal */
	END_COUNT
};

#define SHARED_INPUT  4096 /* bytes of the console's input ring, a power of two */
#define SHARED_SPARE  64   /* bytes for the terminal's settings */
#define SHARED_COUNTS 160  /* classes, in the order of AB_CLASSES */

/* Host events worth counting (--stats). */
enum host_count {
	COUNT_FILLS,
	COUNT_PREFILLS,
	COUNT_UNMAPS,
	COUNT_SIGSEGV,
	COUNT_SIGSYS,
	COUNT_EVENTS,
	COUNT_SWITCHES,
	COUNT_SPAWNS,
	COUNT_RECYCLED,
	COUNT_IDLE,
	COUNT_HOST_CALLS,
	COUNT_GUEST_FAULTS,
	COUNT_EVICTIONS,
	COUNT_COPIES,
	COUNT_COPIES_DROPPED,
	COUNT_GATES,
	COUNT_GATE_TRAPS,
	COUNT_CPUIDS,
	COUNT_DISARMED,
	COUNT_TWIN_RUNS,
	COUNT_COUNT
};

struct class_stat {
	uint16_t class;
	uint64_t sites, traps;
};

struct shared {
	/* launcher -> machine */
	uint32_t event;	       /* futex: devices should look */
	uint32_t power_button; /* times pressed, not yet seen */
	uint32_t input_head;   /* written by the launcher */
	uint8_t input[SHARED_INPUT];

	/* machine -> launcher */
	uint32_t input_tail;
	uint32_t idle;	     /* waits on `event` */
	uint32_t active_pid; /* whom to interrupt */
	uint32_t ended;	     /* enum end */
	int32_t end_code;
	char reason[256];
	struct vcpu last; /* the virtual CPU when the machine ended */

	/* start-up parameters */
	uint64_t ram_bytes;
	uint64_t entry, boot_params, root;	/* guest-physical */
	uint64_t image_start, image_end;	/* moved guest-virtual, all of the image */
	uint64_t image_physical;		/* guest-physical of image_start */
	uint64_t text_start, text_end;		/* moved: where sites may lie */
	struct load_range code[LOAD_CODE_MOST]; /* moved: each executable part of that */
	uint64_t records, records_size;		/* moved address of .afterburn */
	uint64_t tsc_khz, tsc_start, tsc_mult;	/* ns = (tsc - start) * mult >> 32 */
	uint64_t wall_clock;			/* seconds at tsc_start */
	uint64_t trace[4];			/* bit per row of AB_CLASSES */
	uint32_t isolation;			/* enum isolation */
	uint32_t launcher_pid;
	uint32_t terminal_raw;
	uint32_t no_gates;		/* --no-gates */
	uint8_t terminal[SHARED_SPARE]; /* struct termios of the kernel to restore */

	/* --stats */
	uint64_t counts[COUNT_COUNT];
	uint32_t class_count;
	struct class_stat classes[SHARED_COUNTS];
	uint32_t rewritten[SHARED_COUNTS][8]; /* sites by class and outcome */
	uint32_t rewritten_total;
};

/* The file goes on with one page of all ones: what an empty bus reads as. */
#define SHARED_BYTES (sizeof(struct shared) + (-sizeof(struct shared) & (PAGE_SIZE - 1)))
#define SHARED_BUS   SHARED_BYTES
#define SHARED_FILE  (SHARED_BUS + PAGE_SIZE)

#endif
