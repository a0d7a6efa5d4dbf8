/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/args.h"

#include "asrewrite/diag.h"
#include "rules/annot.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* gas (libiberty) gives up at the same depth */
#define RESPONSE_FILES_MAX 2000

struct argvec {
	char **list;
	int count, room;
};

static void *must(void *block)
{
	if (!block)
		abort();
	return block;
}

static void push(struct argvec *vec, char *arg)
{
	if (vec->count + 1 >= vec->room) {
		vec->room = vec->room ? vec->room * 2 : 64;
		vec->list = must(realloc(vec->list, (size_t)vec->room * sizeof(char *)));
	}
	vec->list[vec->count++] = arg;
	vec->list[vec->count] = NULL;
}

/* ---- response files ---- */

static char *read_text(const char *path)
{
	struct stat st;
	char *text = NULL;
	size_t len;
	FILE *f;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(f = fopen(path, "re")))
		return NULL;
	text = must(malloc((size_t)st.st_size + 1));
	len = fread(text, 1, (size_t)st.st_size, f);
	text[len] = '\0';
	fclose(f);
	return text;
}

/* One word of a response file: blanks separate, quotes group, a backslash takes the next byte. */
static char *response_word(const char **p)
{
	char *word = must(malloc(strlen(*p) + 1)), *out = word;
	char quote = 0;

	for (; **p && (quote || !isspace((unsigned char)**p)); (*p)++) {
		if (**p == '\\' && (*p)[1])
			*out++ = *++*p;
		else if (quote ? **p == quote : **p == '\'' || **p == '"')
			quote = quote ? 0 : **p;
		else
			*out++ = **p;
	}
	*out = '\0';
	return word;
}

static bool expand(struct argvec *out, char *arg, int *budget)
{
	char *text = arg[0] == '@' ? read_text(arg + 1) : NULL;

	if (!text) {
		push(out, arg);
		return true;
	}
	if (--*budget < 0)
		return false;
	for (const char *p = text;;) {
		while (isspace((unsigned char)*p))
			p++;
		if (!*p)
			break;
		if (!expand(out, response_word(&p), budget))
			return false;
	}
	free(text);
	return true;
}

/* ---- options ---- */

enum { OPT_NONE = 0x100, OPT_ARG, OPT_MD, OPT_PROBE, OPT_MRI, OPT_32, OPT_64 };

/*
 * Long options of gas 2.40. Those without effect on us are here only so that
 * abbreviations resolve as gas resolves them and arguments are skipped.
 */
static const struct option long_options[] = {
	{"32", no_argument, NULL, OPT_32},
	{"64", no_argument, NULL, OPT_64},
	{"MD", required_argument, NULL, OPT_MD},
	{"a", optional_argument, NULL, OPT_NONE},
	{"al", optional_argument, NULL, OPT_NONE},
	{"alternate", no_argument, NULL, OPT_NONE},
	{"compress-debug-sections", optional_argument, NULL, OPT_NONE},
	{"debug-prefix-map", required_argument, NULL, OPT_ARG},
	{"defsym", required_argument, NULL, OPT_ARG},
	{"divide", no_argument, NULL, OPT_NONE},
	{"dump-config", no_argument, NULL, OPT_PROBE},
	{"elf-stt-common", required_argument, NULL, OPT_ARG},
	{"emulation", required_argument, NULL, OPT_ARG},
	{"execstack", no_argument, NULL, OPT_NONE},
	{"fatal-warnings", no_argument, NULL, OPT_NONE},
	{"gdwarf-2", no_argument, NULL, OPT_NONE},
	{"gdwarf-3", no_argument, NULL, OPT_NONE},
	{"gdwarf-4", no_argument, NULL, OPT_NONE},
	{"gdwarf-5", no_argument, NULL, OPT_NONE},
	{"gdwarf-cie-version", required_argument, NULL, OPT_ARG},
	{"gdwarf-sections", no_argument, NULL, OPT_NONE},
	{"gdwarf2", no_argument, NULL, OPT_NONE},
	{"gen-debug", no_argument, NULL, OPT_NONE},
	{"generate-missing-build-notes", required_argument, NULL, OPT_ARG},
	{"gsframe", no_argument, NULL, OPT_NONE},
	{"gstabs", no_argument, NULL, OPT_NONE},
	{"gstabs+", no_argument, NULL, OPT_NONE},
	{"hash-size", required_argument, NULL, OPT_ARG},
	{"help", no_argument, NULL, OPT_PROBE},
	{"itbl", required_argument, NULL, OPT_ARG},
	{"keep-locals", no_argument, NULL, OPT_NONE},
	{"listing-cont-lines", required_argument, NULL, OPT_ARG},
	{"listing-lhs-width", required_argument, NULL, OPT_ARG},
	{"listing-lhs-width2", required_argument, NULL, OPT_ARG},
	{"listing-rhs-width", required_argument, NULL, OPT_ARG},
	{"malign-branch", required_argument, NULL, OPT_ARG},
	{"malign-branch-boundary", required_argument, NULL, OPT_ARG},
	{"malign-branch-prefix-size", required_argument, NULL, OPT_ARG},
	{"march", required_argument, NULL, OPT_ARG},
	{"mavxscalar", required_argument, NULL, OPT_ARG},
	{"mevexlig", required_argument, NULL, OPT_ARG},
	{"mevexrcig", required_argument, NULL, OPT_ARG},
	{"mevexwig", required_argument, NULL, OPT_ARG},
	{"mfence-as-lock-add", required_argument, NULL, OPT_ARG},
	{"mlfence-after-load", required_argument, NULL, OPT_ARG},
	{"mlfence-before-indirect-branch", required_argument, NULL, OPT_ARG},
	{"mlfence-before-ret", required_argument, NULL, OPT_ARG},
	{"mmnemonic", required_argument, NULL, OPT_ARG},
	{"momit-lock-prefix", required_argument, NULL, OPT_ARG},
	{"moperand-check", required_argument, NULL, OPT_ARG},
	{"mrelax-relocations", required_argument, NULL, OPT_ARG},
	{"mri", no_argument, NULL, OPT_MRI},
	{"msse-check", required_argument, NULL, OPT_ARG},
	{"msyntax", required_argument, NULL, OPT_ARG},
	{"mtune", required_argument, NULL, OPT_ARG},
	{"multibyte-handling", required_argument, NULL, OPT_ARG},
	{"mvexwig", required_argument, NULL, OPT_ARG},
	{"mx86-used-note", required_argument, NULL, OPT_ARG},
	{"no-pad-sections", no_argument, NULL, OPT_NONE},
	{"no-warn", no_argument, NULL, OPT_NONE},
	{"nocompress-debug-sections", no_argument, NULL, OPT_NONE},
	{"nocpp", no_argument, NULL, OPT_NONE},
	{"noexecstack", no_argument, NULL, OPT_NONE},
	{"reduce-memory-overheads", no_argument, NULL, OPT_NONE},
	{"sectname-subst", no_argument, NULL, OPT_NONE},
	{"size-check", required_argument, NULL, OPT_ARG},
	{"statistics", no_argument, NULL, OPT_NONE},
	{"strip-local-absolute", no_argument, NULL, OPT_NONE},
	{"target-help", no_argument, NULL, OPT_PROBE},
	{"traditional-format", no_argument, NULL, OPT_NONE},
	{"verbose", no_argument, NULL, OPT_NONE},
	{"version", no_argument, NULL, OPT_PROBE},
	{"warn", no_argument, NULL, OPT_NONE},
	{"x32", no_argument, NULL, OPT_64},
	{NULL, 0, NULL, 0},
};

/* gas's own short options; the leading dash makes getopt return inputs in order, as code 1. */
#define SHORT_OPTIONS "-JKLMRWZa::Dfg::I:o:vwXt:"

static void add_input(struct ab_args *args, int index)
{
	args->inputs[args->ninputs++] = index;
}

static void note_option(struct ab_args *args, int option)
{
	switch (option) {
	case 'o':
		args->output = optarg;
		break;
	case 'M':
	case OPT_MRI:
		args->mri = true;
		break;
	case OPT_MD:
		args->depfile = optarg;
		break;
	case OPT_PROBE:
		args->probe = true;
		break;
	case OPT_32:
		args->mode = AB_MODE_32;
		break;
	case OPT_64:
		args->mode = AB_MODE_64;
		break;
	}
}

static uint8_t default_mode(const struct ab_target *target)
{
	if (target->nop || !target->nop_len)
		return AB_MODE_OTHER;
	return AB_MODE_64;
}

int ab_args_parse(struct ab_args *args, int argc, char **argv, const struct ab_target *target)
{
	struct argvec vec = {0};
	char shorts[64];
	int budget = RESPONSE_FILES_MAX, option;

	for (int i = 0; i < argc; i++) {
		if (i ? expand(&vec, argv[i], &budget) : (push(&vec, argv[i]), true))
			continue;
		ab_error("%s: too many @-files", argv[i]);
		return AB_EXIT_INPUT;
	}
	*args = (struct ab_args){.argc = vec.count,
				 .argv = vec.list,
				 .output = "a.out",
				 .mode = default_mode(target)};
	args->inputs = must(calloc((size_t)vec.count, sizeof(int)));
	snprintf(shorts, sizeof(shorts), SHORT_OPTIONS "%s", target->short_options);
	opterr = 0;
	optind = 0; /* glibc: start over, with the leading dash seen anew */
	while ((option = getopt_long_only(args->argc, args->argv, shorts, long_options, NULL)) !=
	       -1)
		if (option == 1)
			add_input(args, optind - 1);
		else
			note_option(args, option);
	return 0; /* gas ignores what follows `--` */
}
