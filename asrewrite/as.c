/* SPDX-License-Identifier: BSD-2-Clause */
/*@005 The program `as` that gcc -B finds
 *
 * gcc compiles C to assembler text and calls `as`. This one reads the text,
 * inserts pads and annotation records, and becomes the real assembler by exec:
 * same messages, same exit codes, no process in between. When there is nothing
 * to insert it becomes the real assembler with the caller's own arguments.
 */
#include "asrewrite/args.h"
#include "asrewrite/depfile.h"
#include "asrewrite/diag.h"
#include "asrewrite/input.h"
#include "asrewrite/realas.h"
#include "asrewrite/record.h"
#include "asrewrite/rewrite.h"
#include "asrewrite/settings.h"
#include "rules/annot.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
	struct ab_settings settings;
	struct ab_args args;
	const struct ab_target *target;
	const char *name;      /* the real assembler's, as in its messages */
	const char *assembler; /* its path */
	struct ab_rules *rules;
	struct ab_input *inputs;
	int ninputs;
	bool deny_output;
	bool changed; /* some input has insertions, or standard input was consumed */
};

static int become(const struct call *call, char **argv)
{
	argv[0] = (char *)call->name; /* gas begins its own messages with it */
	setenv(AB_GUARD, "1", 1);
	execv(call->assembler, argv);
	ab_error("cannot run %s: %s", call->assembler, strerror(errno));
	return AB_EXIT_ASSEMBLER;
}

/* `use FILE output ...`: the path is relative to the rule file that says so. */
static const char *beside(const char *path, const char *file)
{
	static char joined[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (*file == '/' || !slash)
		return file;
	if (snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - path), path, file) >=
	    (int)sizeof(joined))
		return file;
	return joined;
}

/* Rules for this output. call->rules stays NULL when a skip rule names it. */
static int load_rules(struct call *call)
{
	const char *output = call->args.output;
	const struct ab_directive *found;
	struct ab_rules *rules = ab_rules_load(call->settings.rules, call->target, false);
	int status = 0;

	if (!rules)
		return AB_EXIT_RULES;
	if (ab_rules_judge(rules, AB_SKIP, AB_SCOPE_OUTPUT, output, strlen(output))) {
		if (call->settings.log)
			status = ab_record_log(call->settings.log, output, rules);
		ab_rules_free(rules);
		return status;
	}
	found = ab_rules_judge(rules, AB_USE, AB_SCOPE_OUTPUT, output, strlen(output));
	if (found) {
		call->rules = ab_rules_load(beside(ab_rules_path(rules), found->file), call->target,
					    false);
		if (call->settings.log)
			status = ab_record_log(call->settings.log, output, rules);
		ab_rules_free(rules);
		rules = call->rules;
		if (!rules)
			return AB_EXIT_RULES;
	}
	call->deny_output =
		ab_rules_judge(rules, AB_DENY, AB_SCOPE_OUTPUT, output, strlen(output)) != NULL;
	call->rules = rules;
	return status ? status : ab_rules_broken(rules) ? AB_EXIT_RULES : 0;
}

static int read_inputs(struct call *call)
{
	int n = call->args.ninputs ? call->args.ninputs : 1;
	int status = 0;

	call->inputs = calloc((size_t)n, sizeof(*call->inputs));
	if (!call->inputs)
		abort();
	for (int i = 0; i < n && !status; i++) {
		const char *path =
			call->args.ninputs ? call->args.argv[call->args.inputs[i]] : NULL;
		status = ab_input_read(&call->inputs[i], path);
		call->ninputs++;
		if (!status && call->settings.save && !call->inputs[i].missing)
			status = ab_record_save(call->settings.save, &call->args, &call->inputs[i]);
		if (!call->inputs[i].path)
			call->changed = true; /* read once: it must be handed over */
	}
	return status;
}

static bool any_missing(const struct call *call)
{
	for (int i = 0; i < call->ninputs; i++)
		if (call->inputs[i].missing)
			return true;
	return false;
}

static void summary(const struct call *call, const struct ab_stats *stats)
{
	if (call->settings.verbose)
		ab_note("%s: %u statements, %u sites (%u copied, %u fused, %u windows), "
			"%u in data sections, %u hidden by macro arguments",
			call->args.output, stats->statements, stats->sites, stats->copied,
			stats->fused, stats->windows, stats->data, stats->hidden);
}

static int rewrite_inputs(struct call *call)
{
	struct ab_rewriter rewriter;
	int status = 0;

	ab_rewriter_init(&rewriter, call->target, call->rules, call->args.mode);
	rewriter.verbose = call->settings.verbose;
	rewriter.deny_output = call->deny_output;
	rewriter.context.mri = call->args.mri;
	for (int i = 0; i < call->ninputs && !status; i++) {
		struct ab_input *input = &call->inputs[i];
		status = ab_rewrite(&rewriter, input->name, input->text, input->len, &input->edits);
		call->changed |= ab_edits_needed(&input->edits);
	}
	if (!status && call->rules)
		summary(call, &rewriter.stats);
	ab_rewriter_free(&rewriter);
	if (!status && call->rules && call->settings.log)
		status = ab_record_log(call->settings.log, call->args.output, call->rules);
	return status;
}

/* --MD: stay until the assembler is done, then put the inputs' names into its file. */
static int run_and_fix(const struct call *call, char **argv, char **handed)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(become(call, argv));
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		ab_error("cannot run %s: %s", call->assembler, strerror(errno));
		return AB_EXIT_ASSEMBLER;
	}
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status)); /* the caller shall see the assembler's own death */
		return AB_EXIT_ASSEMBLER;
	}
	if (WEXITSTATUS(status))
		return WEXITSTATUS(status);
	return ab_depfile_fix(call->args.depfile, handed, call->inputs, call->ninputs);
}

static int hand_over(const struct call *call)
{
	const struct ab_args *args = &call->args;
	char **argv = calloc((size_t)args->argc + 2, sizeof(char *));
	char **handed = calloc((size_t)call->ninputs, sizeof(char *));

	if (!argv || !handed)
		abort();
	/* standard input without any name becomes the first argument: gas ignores what is behind
	 * `--` */
	memcpy(argv + 1 + !args->ninputs, args->argv + 1,
	       (size_t)(args->argc - 1) * sizeof(char *));
	for (int i = 0; i < call->ninputs; i++) {
		handed[i] = ab_input_hand_over(&call->inputs[i]);
		if (!handed[i])
			return AB_EXIT_HANDOVER;
		argv[args->ninputs ? args->inputs[i] : 1] = handed[i];
	}
	if (args->depfile)
		return run_and_fix(call, argv, handed);
	return become(call, argv);
}

static int run(struct call *call, char **argv)
{
	int status;

	if (call->args.probe || call->settings.mode == AB_SET_OFF)
		return become(call, argv);
	if (call->settings.mode == AB_SET_PAD && (status = load_rules(call)))
		return status;
	if (!call->rules && call->settings.mode == AB_SET_PAD && !call->settings.save)
		return become(call, argv);
	if ((status = read_inputs(call)))
		return status;
	if (any_missing(call))
		return become(call, argv);
	if (call->rules || call->settings.mode == AB_SET_NULL) {
		if ((status = rewrite_inputs(call)))
			return status;
	}
	return call->changed ? hand_over(call) : become(call, argv);
}

int main(int argc, char **argv)
{
	struct call call = {0};
	int status;

	ab_program = "afterburn as";
	call.name = ab_real_as_name();
	call.assembler = ab_real_as_find(call.name, &status);
	if (!call.assembler)
		return status;
	call.target = ab_target_of_program(call.name);
	if ((status = ab_settings_read(&call.settings)) ||
	    (status = ab_args_parse(&call.args, argc, argv, call.target)))
		return status;
	if (ab_program_is_i386(call.name) && call.args.mode == AB_MODE_64)
		call.args.mode = AB_MODE_32; /* such an assembler's default */
	return run(&call, argv);
}
