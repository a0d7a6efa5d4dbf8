/* SPDX-License-Identifier: BSD-2-Clause */
/* `afterburn rewrite`: show what the wrapper makes of assembler text, without assembling it. */
#include "asrewrite/commands.h"
#include "asrewrite/diag.h"
#include "asrewrite/input.h"
#include "asrewrite/rewrite.h"
#include "asrewrite/settings.h"
#include "rules/annot.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	const char *rules, *input, *target, *output;
	uint8_t mode;
	int verbose;
	bool null;
};

static const struct argp_option options[] = {
	{"rules", 'r', "FILE", 0, "rule file (default: AFTERBURN_RULES or the installed one)", 0},
	{"target", 't', "NAME", 0, "text is for this gas target (default: x86)", 0},
	{"output", 'o', "NAME", 0, "output name that deny rules see (nothing is written there)", 0},
	{"32", 1, NULL, 0, "text is 32-bit code", 0},
	{"64", 2, NULL, 0, "text is 64-bit code (default)", 0},
	{"null", 'n', NULL, 0, "no rules: only split statements, as AFTERBURN_MODE=null does", 0},
	{"verbose", 'v', NULL, 0, "say what was matched and why", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case 'r':
		request->rules = arg;
		break;
	case 't':
		request->target = arg;
		break;
	case 'o':
		request->output = arg;
		break;
	case 1:
	case 2:
		request->mode = key == 1 ? AB_MODE_32 : AB_MODE_64;
		break;
	case 'n':
		request->null = true;
		break;
	case 'v':
		request->verbose = 2;
		break;
	case ARGP_KEY_ARG:
		if (request->input)
			argp_error(state, "one input at a time");
		request->input = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options,
	parse,
	"[FILE]",
	"Write assembler text as the wrapper would hand it to the real assembler to standard "
	"output. Reads standard input without FILE.\vExit codes: 0 done, 2 usage, 102 bad rules, "
	"103 unreadable input.",
	NULL,
	NULL,
	NULL};

static int rewrite_one(const struct request *request, const struct ab_target *target,
		       struct ab_rules *rules, struct ab_input *input)
{
	struct ab_rewriter rewriter;
	int status;

	ab_rewriter_init(&rewriter, target, rules, target->nop ? AB_MODE_OTHER : request->mode);
	rewriter.verbose = request->verbose;
	if (rules && request->output)
		rewriter.deny_output = ab_rules_judge(rules, AB_DENY, AB_SCOPE_OUTPUT,
						      request->output, strlen(request->output));
	status = ab_rewrite(&rewriter, input->name, input->text, input->len, &input->edits);
	ab_rewriter_free(&rewriter);
	if (!status && ab_edits_write(&input->edits, input->text, input->len, STDOUT_FILENO) < 0) {
		ab_error("cannot write to standard output");
		status = AB_EXIT_HANDOVER;
	}
	return status;
}

static const char *default_rules(void)
{
	const char *chosen = getenv("AFTERBURN_RULES");

	return chosen && *chosen ? chosen : ab_rules_beside("/../share/afterburn/x86.rules");
}

int ab_cmd_rewrite(int argc, char **argv)
{
	struct request request = {.mode = AB_MODE_64, .target = "x86"};
	const struct ab_target *target;
	struct ab_rules *rules = NULL;
	struct ab_input input;
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &request))
		return AB_EXIT_USAGE;
	target = ab_target_by_name(request.target, strlen(request.target));
	if (!target) {
		ab_error("unknown target `%s'", request.target);
		return AB_EXIT_USAGE;
	}
	if (!request.null) {
		const char *path = request.rules ? request.rules : default_rules();
		rules = path ? ab_rules_load(path, target, true) : NULL;
		if (!rules)
			return AB_EXIT_RULES;
	}
	status = ab_input_read(&input, request.input);
	if (!status && input.missing) {
		ab_error("cannot read %s", input.name);
		status = AB_EXIT_INPUT;
	}
	if (!status)
		status = rewrite_one(&request, target, rules, &input);
	ab_input_free(&input);
	ab_rules_free(rules);
	return status;
}
