/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/settings.h"

#include "asrewrite/diag.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULES_BESIDE "/../../share/afterburn/x86.rules" /* from libexec/afterburn */

static const char *value_of(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

const char *ab_rules_beside(const char *relative)
{
	static char path[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);

	if (len <= 0)
		return NULL;
	path[len] = '\0';
	snprintf(strrchr(path, '/'), 64, "%s", relative);
	return path;
}

static int read_mode(struct ab_settings *settings)
{
	static const struct {
		const char *name;
		enum ab_mode_setting mode;
	} modes[] = {{"pad", AB_SET_PAD}, {"off", AB_SET_OFF}, {"null", AB_SET_NULL}};
	const char *value = value_of("AFTERBURN_MODE");

	settings->mode = AB_SET_PAD;
	if (!value)
		return 0;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(value, modes[i].name) == 0) {
			settings->mode = modes[i].mode;
			return 0;
		}
	ab_error("AFTERBURN_MODE=%s: want pad, off or null", value);
	return AB_EXIT_ENV;
}

int ab_settings_read(struct ab_settings *settings)
{
	const char *verbose = value_of("AFTERBURN_VERBOSE");
	int status = read_mode(settings);

	if (status)
		return status;
	settings->rules = value_of("AFTERBURN_RULES");
	if (!settings->rules)
		settings->rules = ab_rules_beside(RULES_BESIDE);
	if (!settings->rules) {
		ab_error("cannot tell where this program is (no /proc?): set AFTERBURN_RULES");
		return AB_EXIT_ENV;
	}
	settings->verbose = 0;
	if (verbose && (verbose[1] || verbose[0] < '0' || verbose[0] > '2')) {
		ab_error("AFTERBURN_VERBOSE=%s: want 0, 1 or 2", verbose);
		return AB_EXIT_ENV;
	}
	if (verbose)
		settings->verbose = verbose[0] - '0';
	settings->log = value_of("AFTERBURN_LOG");
	settings->save = value_of("AFTERBURN_SAVE");
	return 0;
}
