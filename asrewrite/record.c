/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/record.h"

#include "asrewrite/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int cannot(const char *variable, const char *path)
{
	ab_error("%s: cannot write %s: %s", variable, path, strerror(errno));
	return AB_EXIT_ENV;
}

static int append(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return ok ? 0 : cannot("AFTERBURN_LOG", path);
}

int ab_record_log(const char *path, const char *output, const struct ab_rules *rules)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	const char *comma = "";
	int status;

	if (!f)
		abort();
	fprintf(f, "%s\t%s\t", output, ab_rules_path(rules));
	for (size_t i = 0; i < ab_rules_count(rules); i++) {
		const struct ab_rule *rule = ab_rules_at(rules, i);
		if (rule->hits) {
			fprintf(f, "%s%u:%u", comma, rule->line, rule->hits);
			comma = ",";
		}
	}
	for (size_t i = 0; i < ab_directives_count(rules); i++) {
		const struct ab_directive *directive = ab_directives_at(rules, i);
		if (directive->hits) {
			fprintf(f, "%s%u:%u", comma, directive->line, directive->hits);
			comma = ",";
		}
	}
	fputs(*comma ? "\n" : "-\n", f);
	fclose(f);
	status = append(path, text, len);
	free(text);
	return status;
}

static int save_one(const char *base, const char *suffix, const char *text, size_t len)
{
	char path[PATH_MAX * 2];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s%s", base, suffix);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return ok ? 0 : cannot("AFTERBURN_SAVE", path);
}

static int save_args(const char *base, const struct ab_args *args)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int status;

	if (!f)
		abort();
	for (int i = 0; i < args->argc; i++)
		fwrite(args->argv[i], 1, strlen(args->argv[i]) + 1, f);
	fclose(f);
	status = save_one(base, ".args", text, len);
	free(text);
	return status;
}

int ab_record_save(const char *dir, const struct ab_args *args, const struct ab_input *input)
{
	char base[PATH_MAX + NAME_MAX], cwd[PATH_MAX];
	const char *argument = input->path ? input->path : "-";
	int len, status;

	if (strcmp(args->output, "/dev/null") == 0)
		return 0; /* a compiler probe */
	len = snprintf(base, sizeof(base), "%s/", dir);
	snprintf(base + len, sizeof(base) - (size_t)len, "%s", args->output);
	for (char *p = base + len; *p; p++)
		if (*p == '/')
			*p = '_';
	if (!getcwd(cwd, sizeof(cwd)))
		return cannot("AFTERBURN_SAVE", dir);
	if ((status = save_one(base, ".s", input->text, input->len)) ||
	    (status = save_one(base, ".input", argument, strlen(argument))) ||
	    (status = save_one(base, ".cwd", cwd, strlen(cwd))))
		return status;
	return save_args(base, args);
}
