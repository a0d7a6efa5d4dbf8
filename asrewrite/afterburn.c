/* SPDX-License-Identifier: BSD-2-Clause */
/* `afterburn COMMAND ...`, in the manner of git. */
#include "asrewrite/commands.h"
#include "asrewrite/diag.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
};

static const struct command commands[] = {
	{"check", ab_cmd_check, "fail if a sensitive instruction has no annotation"},
	{"doctor", ab_cmd_doctor, "check that gcc finds and uses the wrapper"},
	{"image", ab_cmd_image, "make an afterburned kernel one file that Xen boots"},
	{"inspect", ab_cmd_inspect, "count annotations per mnemonic, class and section"},
	{"rewrite", ab_cmd_rewrite, "show what the wrapper makes of assembler text"},
	{"rules", ab_cmd_rules, "check rule files; list rules that never matched"},
	{"run", ab_cmd_run, "run an afterburned kernel as a Linux process"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fprintf(out, "Usage: afterburn COMMAND [ARGUMENT...]\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].does);
	fprintf(out, "\n`afterburn COMMAND --help' explains a command and its exit codes; "
		     "`afterburn --version'\nprints the version. Exit code 2: wrong usage.\n");
}

static int run(const struct command *command, int argc, char **argv)
{
	char *name;

	/* argp prints argv[0] in front of messages and usage */
	if (asprintf(&name, "afterburn %s", command->name) < 0)
		abort();
	argv[0] = name;
	argp_err_exit_status = AB_EXIT_USAGE;
	return command->run(argc, argv);
}

static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		ab_error("cannot write to standard output");
		return status ? status : AB_EXIT_FAIL;
	}
	return status;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		puts("afterburn " AB_PACKAGE_VERSION);
		return finish(AB_EXIT_OK);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		usage(stdout);
		return finish(AB_EXIT_OK);
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(word, commands[i].name) == 0)
			return finish(run(&commands[i], argc - 1, argv + 1));
	if (*word)
		ab_error("unknown command `%s'", word);
	usage(stderr);
	return AB_EXIT_USAGE;
}
