/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `afterburn doctor`: does gcc find the wrapper, and does the wrapper work?
 *
 * gcc says nothing when -B leads nowhere: it takes the system's assembler, and
 * the kernel is built without annotations. So ask gcc which `as` it would run,
 * compile something, and look at the object.
 */
#include "asrewrite/annotdb.h"
#include "asrewrite/commands.h"
#include "asrewrite/diag.h"
#include "asrewrite/rules.h"
#include "asrewrite/settings.h"

#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct doctor {
	const char *cc;
	char wrapper[PATH_MAX]; /* this installation's, real path; "" if it is missing */
	char wrapper_dir[PATH_MAX];
	int failures;
};

static const struct argp_option options[] = {
	{"cc", 'c', "COMMAND", 0,
	 "compiler command to examine (default: gcc -B with this installation's directory)", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct doctor *doctor = state->input;

	switch (key) {
	case 'c':
		doctor->cc = arg;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument `%s'", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options,
	parse,
	NULL,
	"Check that a compiler command really runs the wrapper, and that the wrapper annotates; "
	"say whether this host can isolate guests."
	"\vGive the command as the kernel's build uses it: --cc \"gcc -B/abs/dir/\". "
	"gcc is silent about a -B directory that is relative, missing or holds no executable "
	"`as'.\n\n"
	"Exit codes: 0 all is well, 1 something is wrong, 2 usage.",
	NULL,
	NULL,
	NULL};

__attribute__((format(printf, 3, 4))) static bool report(struct doctor *doctor, bool good,
							 const char *fmt, ...)
{
	va_list args;

	printf("%-5s ", good ? "ok" : "WRONG");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	doctor->failures += !good;
	return good;
}

/* Run a shell command, its first line of output into line[room]; its exit code, or -1. */
static int run(const char *command, char *line, size_t room)
{
	FILE *f;
	char rest[256];
	int status;

	fflush(stdout);
	f = popen(command, "r");
	*line = '\0';
	if (!f)
		return -1;
	if (!fgets(line, (int)room, f))
		*line = '\0';
	line[strcspn(line, "\n")] = '\0';
	while (fgets(rest, sizeof(rest), f))
		; /* a command that cannot write would fail */
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the installation ---- */

static void check_wrapper(struct doctor *doctor)
{
	const char *path = ab_rules_beside("/../libexec/afterburn/as");
	bool there = path && realpath(path, doctor->wrapper), good;

	if (!there)
		doctor->wrapper[0] = '\0';
	good = there && access(doctor->wrapper, X_OK) == 0;
	if (!report(doctor, good, "wrapper %s %s", path ? path : "libexec/afterburn/as",
		    good ? "is executable" : "is missing or not executable"))
		return;
	snprintf(doctor->wrapper_dir, sizeof(doctor->wrapper_dir), "%.*s",
		 (int)(strrchr(doctor->wrapper, '/') - doctor->wrapper + 1), doctor->wrapper);
}

static void check_rules(struct doctor *doctor)
{
	const char *chosen = getenv("AFTERBURN_RULES");
	const char *path =
		chosen && *chosen ? chosen : ab_rules_beside("/../share/afterburn/x86.rules");
	struct ab_rules *rules = path ? ab_rules_load(path, NULL, true) : NULL;

	report(doctor, rules, "rules %s load", path ? path : "of this installation");
	ab_rules_free(rules);
}

static void check_environment(struct doctor *doctor)
{
	const char *mode = getenv("AFTERBURN_MODE");

	if (mode && *mode)
		report(doctor, strcmp(mode, "pad") == 0,
		       "AFTERBURN_MODE is %s: nothing is annotated unless it is pad", mode);
}

static void check_real_assembler(struct doctor *doctor)
{
	char command[PATH_MAX + 64], line[256];
	bool good;

	if (!*doctor->wrapper)
		return;
	snprintf(command, sizeof(command), "'%s' --version", doctor->wrapper);
	good = run(command, line, sizeof(line)) == 0 && strncmp(line, "GNU assembler", 13) == 0;
	report(doctor, good, "real assembler: %s", *line ? line : "does not answer");
}

/* ---- the compiler command ---- */

/* Whatever else lies in the directory is found by gcc as well. */
static void check_alone(struct doctor *doctor, const char *directory)
{
	static const char *const programs[] = {"cc1",  "cc1plus",     "collect2", "ld",	   "ld.bfd",
					       "lto1", "lto-wrapper", "crt1.o",	  "crti.o"};
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, programs[i]);
		if (access(path, F_OK) == 0) {
			report(doctor, false, "%s: gcc would use it too; keep only `as' there",
			       path);
			return;
		}
	}
}

/* What is wrong with one -B directory; `found`: gcc found the wrapper, here or elsewhere. */
static void explain_directory(struct doctor *doctor, const char *directory, bool found)
{
	char path[PATH_MAX + 8];
	struct stat st;

	if (directory[0] != '/')
		report(doctor, false, "-B%s is relative: builds that change directory lose it",
		       directory);
	snprintf(path, sizeof(path), "%s/as", directory);
	if (found)
		check_alone(doctor, directory);
	else if (stat(directory, &st) < 0)
		report(doctor, false, "-B%s: %s", directory, strerror(errno));
	else if (stat(path, &st) < 0)
		report(doctor, false, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		report(doctor, false, "%s is not an executable file", path);
}

static void explain_command(struct doctor *doctor, bool found)
{
	char *copy = strdup(doctor->cc), *save = NULL;
	unsigned directories = 0;

	if (!copy)
		abort();
	for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (strncmp(word, "-B", 2) != 0)
			continue;
		if (!word[2])
			word = strtok_r(NULL, " \t", &save);
		else
			word += 2;
		if (!word)
			break;
		word += strspn(word, "'\"");
		word[strcspn(word, "'\"")] = '\0';
		directories++;
		if (*word)
			explain_directory(doctor, word, found);
	}
	free(copy);
	if (!directories && !found && !getenv("COMPILER_PATH"))
		report(doctor, false, "`%s' has no -B: gcc uses the system's assembler",
		       doctor->cc);
}

static bool same_program(const struct doctor *doctor, const char *path)
{
	char real[PATH_MAX], *command;
	bool same;

	if (!realpath(path, real) || !*doctor->wrapper)
		return false;
	if (strcmp(real, doctor->wrapper) == 0)
		return true;
	/* a build may keep a copy in a directory named by its hash, for Kbuild to notice changes */
	if (asprintf(&command, "cmp -s '%s' '%s'", real, doctor->wrapper) < 0)
		abort();
	same = system(command) == 0;
	free(command);
	return same;
}

static bool check_found(struct doctor *doctor)
{
	char *command, line[PATH_MAX];
	bool good;
	int status;

	if (asprintf(&command, "%s -print-prog-name=as", doctor->cc) < 0)
		abort();
	status = run(command, line, sizeof(line));
	free(command);
	if (!report(doctor, status == 0, "compiler command `%s' runs", doctor->cc))
		return false;
	good = same_program(doctor, line);
	return report(doctor, good, "its assembler is `%s'%s", line,
		      good ? "" : ", not the wrapper of this installation");
}

/* ---- an object ---- */

static const char sample[] = "void f(void) { __asm__ volatile(\"cli\"); }\n";

static void judge_object(struct doctor *doctor, const char *path)
{
	struct ab_annotdb db;
	struct ab_elf elf;
	bool good;

	if (ab_elf_open(&elf, path)) {
		report(doctor, false, "the compiled object can be read");
		return;
	}
	ab_annotdb_read(&db, &elf);
	good = db.count == 1 && !db.list[0].fault && db.list[0].record.class == AB_CLASS_CLI;
	report(doctor, good, "compiling a `cli' gives %zu annotation%s%s", db.count,
	       db.count == 1 ? "" : "s", good ? " of class CLI" : "; want one of class CLI");
	ab_annotdb_free(&db);
	ab_elf_close(&elf);
}

static void check_object(struct doctor *doctor)
{
	char directory[] = "/tmp/afterburn-doctor-XXXXXX", path[64], *command, line[256];

	if (!mkdtemp(directory)) {
		report(doctor, false, "cannot make a directory in /tmp: %s", strerror(errno));
		return;
	}
	snprintf(path, sizeof(path), "%s/sample.o", directory);
	if (asprintf(&command, "printf '%%s' '%s' | %s -O2 -x c -c -o %s -", sample, doctor->cc,
		     path) < 0)
		abort();
	if (report(doctor, run(command, line, sizeof(line)) == 0, "it compiles a C file"))
		judge_object(doctor, path);
	free(command);
	unlink(path);
	rmdir(directory);
}

static void examine_command(struct doctor *doctor)
{
	bool found = check_found(doctor);

	explain_command(doctor, found);
	if (found)
		check_object(doctor);
}

/* ---- the host, for `afterburn run' ---- */

/* Not having them is no fault, but wants --no-isolation. */
static void look_for_keys(void)
{
	int key = pkey_alloc(0, 0);

	printf("%-5s %s\n", key < 0 ? "note" : "ok",
	       key < 0 ? "no memory protection keys: `afterburn run' needs --no-isolation here"
		       : "memory protection keys: `afterburn run' isolates the guest's kernel");
	if (key >= 0)
		pkey_free(key);
}

int ab_cmd_doctor(int argc, char **argv)
{
	struct doctor doctor = {0};
	char *command = NULL;

	if (argp_parse(&argp, argc, argv, 0, NULL, &doctor))
		return AB_EXIT_USAGE;
	check_wrapper(&doctor);
	check_rules(&doctor);
	check_environment(&doctor);
	check_real_assembler(&doctor);
	if (!doctor.cc && *doctor.wrapper_dir) {
		if (asprintf(&command, "gcc -B%s", doctor.wrapper_dir) < 0)
			abort();
		doctor.cc = command;
	}
	if (doctor.cc)
		examine_command(&doctor);
	look_for_keys();
	if (doctor.failures)
		printf("%d problem%s\n", doctor.failures, doctor.failures == 1 ? "" : "s");
	else
		puts("all is well");
	free(command);
	return doctor.failures ? AB_EXIT_FAIL : AB_EXIT_OK;
}
