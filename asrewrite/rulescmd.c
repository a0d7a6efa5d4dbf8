/* SPDX-License-Identifier: BSD-2-Clause */
/* `afterburn rules`: are rule files well-formed, and which of their lines never matched? */
#include "asrewrite/commands.h"
#include "asrewrite/diag.h"
#include "asrewrite/rules.h"
#include "asrewrite/settings.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One rule file: its lines' hits over all logs. */
struct file {
	char *path;
	struct ab_rules *rules;
	uint64_t *hits; /* by line number, `lines` of them */
	size_t lines;
};

struct request {
	bool unused;
	char **names; /* rule files, or with --unused logs */
	int nnames;
};

struct files {
	struct file *list;
	size_t count;
};

static const struct argp_option options[] = {
	{"unused", 'u', NULL, 0,
	 "the files are logs that AFTERBURN_LOG made: print the rules and directives that never "
	 "matched in any of them",
	 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;

	(void)arg;
	switch (key) {
	case 'u':
		request->unused = true;
		break;
	case ARGP_KEY_ARGS:
		request->names = state->argv + state->next;
		request->nnames = state->argc - state->next;
		break;
	case ARGP_KEY_END:
		if (request->unused && !request->nnames)
			argp_error(state, "--unused needs a log");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options,
	parse,
	"[FILE...]",
	"Read rule files (default: AFTERBURN_RULES or the installed ones), compile every pattern "
	"and "
	"print what they hold."
	"\vExit codes: 0 all are well-formed (unused rules are no error), 2 usage, 102 bad rules, "
	"103 unreadable or malformed log.",
	NULL,
	NULL,
	NULL};

/* ---- what a file holds ---- */

static int show_file(const char *path)
{
	static const char *const verdicts[] = {"deny", "skip", "use", "except"};
	unsigned counts[sizeof(verdicts) / sizeof(verdicts[0])] = {0};
	struct ab_rules *rules = ab_rules_load(path, NULL, true);

	if (!rules)
		return AB_EXIT_RULES;
	for (size_t i = 0; i < ab_directives_count(rules); i++)
		counts[ab_directives_at(rules, i)->verdict]++;
	printf("%s: %zu rules", path, ab_rules_count(rules));
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (counts[i])
			printf(", %u %s", counts[i], verdicts[i]);
	printf("%s\n", ab_rules_user(rules) ? ", for code in applications" : "");
	ab_rules_free(rules);
	return AB_EXIT_OK;
}

static int show_files(const struct request *request)
{
	static const char *const shipped[] = {"/../share/afterburn/x86.rules",
					      "/../share/afterburn/x86-user.rules"};
	const char *chosen = getenv("AFTERBURN_RULES");
	int status = AB_EXIT_OK;

	for (int i = 0; i < request->nnames; i++)
		if (show_file(request->names[i]))
			status = AB_EXIT_RULES;
	if (request->nnames)
		return status;
	if (chosen && *chosen)
		return show_file(chosen);
	for (size_t i = 0; i < sizeof(shipped) / sizeof(shipped[0]); i++) {
		const char *path = ab_rules_beside(shipped[i]);

		if (!path || show_file(path))
			status = AB_EXIT_RULES;
	}
	return status;
}

/* ---- what never matched ---- */

static size_t last_line(const struct ab_rules *rules)
{
	size_t last = 0;

	for (size_t i = 0; i < ab_rules_count(rules); i++)
		if (ab_rules_at(rules, i)->line > last)
			last = ab_rules_at(rules, i)->line;
	for (size_t i = 0; i < ab_directives_count(rules); i++)
		if (ab_directives_at(rules, i)->line > last)
			last = ab_directives_at(rules, i)->line;
	return last;
}

/* The rule file of a log's line; loaded when it is first named. NULL: it cannot be read. */
static struct file *file_of(struct files *files, const char *path)
{
	struct file file = {0};

	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->list[i].path, path) == 0)
			return &files->list[i];
	file.rules = ab_rules_load(path, NULL, true);
	if (!file.rules)
		return NULL;
	file.path = strdup(path);
	file.lines = last_line(file.rules) + 1;
	file.hits = calloc(file.lines, sizeof(*file.hits));
	files->list = realloc(files->list, (files->count + 1) * sizeof(file));
	if (!file.path || !file.hits || !files->list)
		abort();
	files->list[files->count] = file;
	return &files->list[files->count++];
}

/* "line:hits,line:hits" or "-"; false if it is neither. */
static bool add_hits(struct file *file, const char *text)
{
	if (strcmp(text, "-") == 0)
		return true;
	for (;;) {
		char *end;
		unsigned long line = strtoul(text, &end, 10), hits;

		if (end == text || *end != ':')
			return false;
		text = end + 1;
		hits = strtoul(text, &end, 10);
		if (end == text || (*end != ',' && *end))
			return false;
		if (line < file->lines)
			file->hits[line] += hits;
		if (!*end)
			return true;
		text = end + 1;
	}
}

static int bad_line(const char *log, unsigned number, const char *line, const char *why)
{
	struct ab_place at = {.file = log, .line = number, .text = line, .text_len = strlen(line)};

	ab_error_at(&at, "%s", why);
	return AB_EXIT_INPUT;
}

static int read_line(struct files *files, const char *log, unsigned number, char *line)
{
	char *rules = strchr(line, '\t');
	char *hits = rules ? strchr(rules + 1, '\t') : NULL;
	struct file *file;
	bool good;

	if (!hits)
		return bad_line(log, number, line, "want output, rule file, hits; tabs between");
	*hits = '\0';
	file = file_of(files, rules + 1);
	*hits = '\t';
	if (!file)
		return AB_EXIT_RULES;
	good = add_hits(file, hits + 1);
	return good ? 0 : bad_line(log, number, line, "want hits as line:count,line:count");
}

static int read_log(struct files *files, const char *log)
{
	FILE *f = fopen(log, "r");
	unsigned number = 0;
	char *line = NULL;
	size_t room = 0;
	int status = 0;
	ssize_t len;

	if (!f) {
		ab_error("cannot read %s: %s", log, strerror(errno));
		return AB_EXIT_INPUT;
	}
	while (!status && (len = getline(&line, &room, f)) >= 0) {
		if (len && line[len - 1] == '\n')
			line[len - 1] = '\0';
		status = read_line(files, log, ++number, line);
	}
	if (!status && ferror(f)) {
		ab_error("cannot read %s", log);
		status = AB_EXIT_INPUT;
	}
	free(line);
	fclose(f);
	return status;
}

static bool is_entry(const struct ab_rules *rules, unsigned line)
{
	for (size_t i = 0; i < ab_rules_count(rules); i++)
		if (ab_rules_at(rules, i)->line == line)
			return true;
	for (size_t i = 0; i < ab_directives_count(rules); i++)
		if (ab_directives_at(rules, i)->line == line)
			return ab_directives_at(rules, i)->verdict != AB_EXCEPT;
	return false; /* `except` is for the checker: the wrapper never matches it */
}

static void print_unused(const struct file *file)
{
	FILE *f = fopen(file->path, "r");
	unsigned unused = 0, entries = 0;
	char *line = NULL;
	size_t room = 0;

	for (unsigned number = 1; f && getline(&line, &room, f) >= 0 && number < file->lines;
	     number++) {
		if (!is_entry(file->rules, number))
			continue;
		entries++;
		if (file->hits[number])
			continue;
		unused++;
		printf("%s:%u: %.*s\n", file->path, number, (int)strcspn(line, "\r\n"), line);
	}
	printf("%s: %u of %u rules and directives never matched\n", file->path, unused, entries);
	free(line);
	if (f)
		fclose(f);
}

static int show_unused(const struct request *request)
{
	struct files files = {0};
	int status = 0;

	for (int i = 0; !status && i < request->nnames; i++)
		status = read_log(&files, request->names[i]);
	for (size_t i = 0; i < files.count; i++) {
		if (!status)
			print_unused(&files.list[i]);
		ab_rules_free(files.list[i].rules);
		free(files.list[i].path);
		free(files.list[i].hits);
	}
	free(files.list);
	return status;
}

int ab_cmd_rules(int argc, char **argv)
{
	struct request request = {0};

	if (argp_parse(&argp, argc, argv, 0, NULL, &request))
		return AB_EXIT_USAGE;
	return request.unused ? show_unused(&request) : show_files(&request);
}
