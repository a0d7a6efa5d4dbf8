/* SPDX-License-Identifier: BSD-2-Clause */
/* A back-end for devices: what the guest sends is kept, the machine's end comes back
 * to the test. Also short hands for register accesses. */
#ifndef TEST_DEVICES_DOUBLE_H
#define TEST_DEVICES_DOUBLE_H

#include "vmm/backend.h"
#include "vmm/device.h"

#include <setjmp.h>
#include <stdarg.h>

#include <stdio.h>

#include <cmocka.h>

#define MS	  UINT64_C(1000000)
#define US	  UINT64_C(1000)
#define SECOND_NS UINT64_C(1000000000)

/* How the machine ended. */
struct ending {
	bool fatal;
	const char *reason; /* fatal */
	enum backend_exit why;
	unsigned code;
};
extern struct ending ending;
extern jmp_buf ending_jump;
extern bool ending_expected;

/* `statement` must end the machine; `ending` tells how. */
#define ENDS(statement)                                                                            \
	do {                                                                                       \
		ending_expected = true;                                                            \
		if (setjmp(ending_jump) == 0) {                                                    \
			statement;                                                                 \
			fail_msg("the machine did not end: %s", #statement);                       \
		}                                                                                  \
		ending_expected = false;                                                           \
	} while (0)

/* The console: what the guest wrote, and what it will read. */
extern char console_output[4096];
extern size_t console_output_length;
extern const char *console_input;

/* An interrupt line that counts. */
struct wire {
	bool level;
	unsigned edges; /* rising ones */
};
struct irq_line wire_line(struct wire *wire);

uint8_t dev_in(struct device *device, uint16_t offset, uint64_t now);
void dev_out(struct device *device, uint16_t offset, uint8_t value, uint64_t now);
uint64_t dev_deadline(struct device *device);
void dev_tick(struct device *device, uint64_t now);

#define TESTS(...)                                                                                 \
	int main(void)                                                                             \
	{                                                                                          \
		const struct CMUnitTest tests[] = {__VA_ARGS__};                                   \
		return cmocka_run_group_tests(tests, NULL, NULL);                                  \
	}

#endif
