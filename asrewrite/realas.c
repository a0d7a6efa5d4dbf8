/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/realas.h"

#include "asrewrite/diag.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char found[PATH_MAX];

/* "x86_64-linux-gnu-gcc-12" -> "x86_64-linux-gnu-"; "" for "gcc", "ccache-gcc", "clang" and others
 */
static size_t machine_prefix(const char *compiler)
{
	static const char *const tails[] = {"-gcc", "-g++", "-cpp", "-c++"};
	const char *best = NULL;
	size_t dashes = 0;

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		const char *at = strstr(compiler, tails[i]);
		if (at && (!best || at < best))
			best = at;
	}
	for (const char *p = compiler; best && p < best; p++)
		dashes += *p == '-';
	return dashes >= 1 ? (size_t)(best - compiler) + 1 : 0;
}

const char *ab_real_as_name(void)
{
	static char name[NAME_MAX + 1];
	const char *chosen = getenv("AFTERBURN_AS");
	const char *compiler = getenv("COLLECT_GCC");
	size_t prefix;

	if (chosen && *chosen)
		return chosen;
	if (!compiler)
		return "as";
	if (strrchr(compiler, '/'))
		compiler = strrchr(compiler, '/') + 1;
	prefix = machine_prefix(compiler);
	if (snprintf(name, sizeof(name), "%.*sas", (int)prefix, compiler) >= (int)sizeof(name))
		return "as";
	return name;
}

static bool is_self(const struct stat *st)
{
	struct stat self;

	return stat("/proc/self/exe", &self) == 0 && self.st_dev == st->st_dev &&
	       self.st_ino == st->st_ino;
}

enum verdict { ABSENT, NOT_EXECUTABLE, SELF, GOOD };

static enum verdict judge(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return ABSENT;
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return NOT_EXECUTABLE;
	return is_self(&st) ? SELF : GOOD;
}

static const char *by_path(const char *path, int *status)
{
	switch (judge(path)) {
	case GOOD:
		return path;
	case SELF:
		ab_error("AFTERBURN_AS=%s names this wrapper, not an assembler", path);
		*status = AB_EXIT_RECURSION;
		return NULL;
	case NOT_EXECUTABLE:
		ab_error("real assembler %s is not an executable file", path);
		break;
	case ABSENT:
		ab_error("real assembler %s: %s", path, strerror(errno));
		break;
	}
	*status = AB_EXIT_ASSEMBLER;
	return NULL;
}

static const char *by_search(const char *name, int *status)
{
	const char *path = getenv("PATH");
	bool unusable = false;

	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t len = strcspn(p, ":");
		/* a relative entry means the caller's directory: Kbuild changes it, so pass it over
		 */
		if (len && *p == '/' &&
		    snprintf(found, sizeof(found), "%.*s/%s", (int)len, p, name) <
			    (int)sizeof(found)) {
			enum verdict verdict = judge(found);
			if (verdict == GOOD)
				return found;
			unusable |= verdict == NOT_EXECUTABLE;
		}
		p += len + (p[len] == ':');
	}
	ab_error("no real assembler: `%s` is %s in PATH; install binutils or set AFTERBURN_AS",
		 name, unusable ? "not executable" : "not found");
	*status = AB_EXIT_ASSEMBLER;
	return NULL;
}

const char *ab_real_as_find(const char *name, int *status)
{
	if (getenv(AB_GUARD)) {
		ab_error("recursion: the real assembler `%s` led back to this wrapper", name);
		*status = AB_EXIT_RECURSION;
		return NULL;
	}
	return strchr(name, '/') ? by_path(name, status) : by_search(name, status);
}
