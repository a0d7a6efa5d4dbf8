/* SPDX-License-Identifier: BSD-2-Clause */
#include "test/unit/xen/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int run_one(const struct CMUnitTest *test)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		const struct CMUnitTest one[] = {*test};

		exit(cmocka_run_group_tests_name(test->name, one, NULL, NULL));
	}
	return child < 0 || waitpid(child, &status, 0) != child || status;
}

int fake_run(const struct CMUnitTest *tests, unsigned count)
{
	int failed = 0;

	for (unsigned i = 0; i < count; i++)
		failed |= run_one(&tests[i]);
	return failed;
}
