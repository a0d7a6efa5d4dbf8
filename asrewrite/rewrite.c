/* SPDX-License-Identifier: BSD-2-Clause */
/*@025 From statement to site
 *
 * Each statement meets the rules by its mnemonic. A match becomes a site:
 * labels, pad and record around it (emit.h). What makes this more than a
 * look-up is context:
 *
 *  - `sti` opens an interrupt shadow. Its pad is its own prefixes, so the shadow
 *    still covers exactly the next instruction; `sti; hlt` and its like become
 *    one fused site; `sti; nop; cli` is marked as a window.
 *  - `rep` and other prefixes may be statements of their own: the site begins
 *    at the prefix.
 *  - `1: rdmsr` has an exception-table entry on its label: labels stay on the
 *    instruction, pads follow.
 *  - Only executable sections are code; deny rules name code that is copied
 *    elsewhere before it runs: annotated, but neither padded nor rewritten.
 */
#include "asrewrite/rewrite.h"

#include "asrewrite/diag.h"
#include "asrewrite/macroarg.h"
#include "asrewrite/prefix.h"
#include "rules/annot.h"

#include <string.h>

/* ---- messages ---- */

static unsigned line_of(struct ab_rewriter *rw, const char *at)
{
	size_t pos = (size_t)(at - rw->text);

	if (pos < rw->counted)
		rw->counted = rw->lines = 0;
	for (; rw->counted < pos; rw->counted++)
		rw->lines += rw->text[rw->counted] == '\n';
	return rw->lines + 1;
}

static void explain(struct ab_rewriter *rw, const struct ab_stmt *stmt, const char *what,
		    const char *detail, unsigned rule_line)
{
	if (rw->verbose < 2)
		return;
	struct ab_place at = {rw->input_name, line_of(rw, stmt->begin), NULL, 0, 0, 0};
	if (rule_line)
		ab_error_at(&at, "%.*s: %s %s (rule %s:%u)", (int)(stmt->end - stmt->begin),
			    stmt->begin, what, detail, ab_rules_path(rw->rules), rule_line);
	else
		ab_error_at(&at, "%.*s: %s %s", (int)(stmt->end - stmt->begin), stmt->begin, what,
			    detail);
}

/* ---- sites ---- */

static size_t offset(const struct ab_rewriter *rw, const char *p)
{
	return (size_t)(p - rw->text);
}

static void flush(struct ab_rewriter *rw)
{
	if (!rw->pending.rule)
		return;
	ab_emit_start(rw->edits, rw->target, &rw->pending.site);
	ab_emit_end(rw->edits, rw->target, &rw->pending.site);
	rw->pending.rule = NULL;
}

/* The deny rule that covers this place, or NULL. */
static const struct ab_directive *denied(struct ab_rewriter *rw)
{
	const struct ab_context *context = &rw->context;
	const struct ab_section *section = &context->sections.at.now;
	const struct ab_directive *deny = NULL;

	if (context->macro_depth)
		deny = ab_rules_judge(rw->rules, AB_DENY, AB_SCOPE_MACRO, context->macro.name,
				      context->macro.len);
	if (!deny && section->name)
		deny = ab_rules_judge(rw->rules, AB_DENY, AB_SCOPE_SECTION, section->name,
				      section->len);
	if (!deny && rw->label)
		deny = ab_rules_judge(rw->rules, AB_DENY, AB_SCOPE_SYMBOL, rw->label,
				      rw->label_len);
	return deny;
}

static uint16_t site_flags(const struct ab_rewriter *rw, const struct ab_rule *rule, bool copied)
{
	uint16_t flags = 0;

	if (copied)
		flags |= AB_F_COPIED;
	if (ab_rules_user(rw->rules))
		flags |= AB_F_USER;
	if (ab_context_in_body(&rw->context))
		flags |= AB_F_MACRO;
	if (rw->labels & AB_LABEL_NUMERIC)
		flags |= AB_F_EXTABLE;
	if (rule->raw)
		flags |= AB_F_RAW;
	if (rule->place == AB_PLACE_PREFIX && rule->pad && !copied)
		flags |= AB_F_PREFIX;
	return flags;
}

static bool pad_in_front(const struct ab_rewriter *rw, const struct ab_rule *rule)
{
	if (rule->place == AB_PLACE_SHADOW)
		return !(rw->labels & AB_LABEL_NUMERIC);
	return rule->place == AB_PLACE_BEFORE || rule->place == AB_PLACE_PREFIX;
}

static struct ab_site make_site(struct ab_rewriter *rw, const struct ab_rule *rule,
				const struct ab_stmt *stmt)
{
	const struct ab_directive *deny = denied(rw);
	bool copied = rw->deny_output || deny;

	rw->stats.sites++;
	rw->stats.copied += copied;
	explain(rw, stmt, ab_class_name(rule->class),
		!copied ? ""
		: deny	? deny->reason
			: "output is denied",
		rule->line);
	return (struct ab_site){
		.start = offset(rw, rw->prefix ? rw->prefix : stmt->begin),
		.end = offset(rw, stmt->end),
		.class = rule->class,
		.flags = site_flags(rw, rule, copied),
		.pad = copied ? 0 : rule->pad,
		.mode = rw->context.syntax.mode,
		.before = pad_in_front(rw, rule),
	};
}

static bool word_is(const struct ab_stmt *stmt, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(stmt->word_end - stmt->word) == len &&
	       strncasecmp(stmt->word, word, len) == 0;
}

/* Does this statement join the pending site? True if it is consumed. */
static bool join_pending(struct ab_rewriter *rw, const struct ab_rule *rule,
			 const struct ab_stmt *stmt)
{
	struct ab_pending *pending = &rw->pending;
	const struct ab_sequence *sequence = pending->rule->sequence;

	for (size_t i = 0; rule && !pending->window_seen && i < sequence->nfuse; i++) {
		if (sequence->fuse[i].next != rule->class)
			continue;
		pending->site.class = sequence->fuse[i].fused;
		pending->site.flags |= AB_F_FUSED;
		pending->site.end = offset(rw, stmt->end);
		rw->stats.fused++;
		explain(rw, stmt, "fused into", ab_class_name(pending->site.class), rule->line);
		flush(rw);
		return true;
	}
	if (sequence->window[0] && word_is(stmt, sequence->window[pending->window_seen])) {
		if (++pending->window_seen == 1)
			return true;
		pending->site.flags |= AB_F_WINDOW;
		rw->stats.windows++;
		explain(rw, stmt, "closes a window of", ab_class_name(pending->rule->class), 0);
	}
	return false;
}

static void annotate(struct ab_rewriter *rw, const struct ab_rule *rule, const struct ab_stmt *stmt)
{
	rw->pending.site = make_site(rw, rule, stmt);
	rw->pending.rule = rule;
	rw->pending.window_seen = 0;
	if (!rule->sequence)
		flush(rw);
}

/* A statement that is one bare macro argument, `\op`: records under conditions. */
static void annotate_argument(struct ab_rewriter *rw, const struct ab_stmt *stmt)
{
	struct ab_candidates *candidates = &rw->candidates;
	bool labelled = false;

	ab_candidates_collect(candidates, rw->target, rw->rules, rw->text, rw->len);
	for (size_t i = 0; !candidates->quotes && i < candidates->count; i++) {
		const struct ab_candidate *candidate = &candidates->list[i];
		const struct ab_rule *rule = ab_candidate_rule(candidate, rw->rules, rw->target,
							       stmt, &rw->context.syntax);
		if (!rule)
			continue;
		struct ab_site site = make_site(rw, rule, stmt);
		if (!labelled)
			ab_emit_labels(rw->edits, rw->target, site.start, site.end);
		labelled = true;
		site.before = false; /* its NOPs follow, whatever the rule says */
		site.flags &= (uint16_t)~AB_F_PREFIX;
		site.condition = stmt->word;
		site.condition_len = (size_t)(stmt->word_end - stmt->word);
		site.word = candidate->text;
		site.word_len = candidate->len;
		ab_emit_end(rw->edits, rw->target, &site);
	}
	if (!labelled) {
		rw->stats.hidden++;
		explain(rw, stmt, "not annotated:", "macro argument as mnemonic", 0);
	}
}

/* ---- statements ---- */

/* gas takes a choice of encoding as a suffix: `mov.s`, `cli.d32`. */
static const struct ab_rule *match(struct ab_rewriter *rw, const struct ab_stmt *stmt)
{
	const struct ab_rule *rule = ab_rules_match(rw->rules, stmt, &rw->context.syntax);
	size_t len = (size_t)(stmt->word_end - stmt->word);
	const char *dot = rule || !len ? NULL : memchr(stmt->word + 1, '.', len - 1);

	if (dot && *stmt->word != '.')
		rule = ab_rules_match_as(rw->rules, stmt->word, (size_t)(dot - stmt->word), stmt,
					 &rw->context.syntax);
	return rule;
}

static void instruction(struct ab_rewriter *rw, struct ab_stmt *stmt)
{
	const struct ab_rule *rule;
	bool x86 = !rw->target->nop;

	if (x86 && !ab_skip_prefixes(stmt)) {
		if (!rw->prefix)
			rw->prefix = stmt->begin;
		return; /* the instruction is in the next statement */
	}
	rule = match(rw, stmt);
	if (rule && rw->context.shadowed.count &&
	    ab_context_is_macro(&rw->context, stmt->word, (size_t)(stmt->word_end - stmt->word)))
		rule = NULL;
	if (rule && !rw->context.sections.at.now.exec) {
		rw->stats.data++;
		explain(rw, stmt, "not annotated:", "section is not executable", 0);
		rule = NULL;
	}
	if (rw->pending.rule && !rw->prefix && join_pending(rw, rule, stmt))
		goto done;
	flush(rw);
	if (rule)
		annotate(rw, rule, stmt);
	else if (ab_context_in_body(&rw->context) && *stmt->word == '\\')
		annotate_argument(rw, stmt);
done:
	rw->prefix = NULL;
	rw->labels = 0;
}

/*
 * Has the text so far a line marker, `# 25 "x.c"`, which makes names in messages
 * its own affair? Each line is looked at once, however often this is asked.
 */
static bool marker_before(struct ab_rewriter *rw, const char *limit)
{
	const char *p = rw->text + rw->marker_line;

	while (!rw->marker && p < limit) {
		if (*p == '#') {
			const char *digit = p + 1;

			while (ab_is_blank(*digit))
				digit++;
			rw->marker = *digit >= '0' && *digit <= '9';
		}
		p = memchr(p, '\n', (size_t)(limit - p));
		if (!p)
			break;
		rw->marker_line = offset(rw, ++p);
	}
	return rw->marker;
}

/*
 * The text is handed over under a line marker with its name. gas then lets
 * `.file "x.c"` change that name, which it does not for a file of its own.
 */
static void keep_name(struct ab_rewriter *rw, const struct ab_stmt *stmt)
{
	if (rw->context.file && !marker_before(rw, stmt->begin))
		ab_emit_line(rw->edits, rw->target, offset(rw, stmt->end), line_of(rw, stmt->end),
			     rw->input_name);
	rw->context.file = false;
}

/* Mode markers stand where code of another mode begins and ends, in each section. */
static void mark_modes(struct ab_rewriter *rw, const struct ab_stmt *stmt,
		       const struct ab_position *before)
{
	const struct ab_context *context = &rw->context;
	const struct ab_section *section = &context->sections.at.now;
	const struct ab_section *old_section = &before->section;
	bool moved = section->name != old_section->name;
	size_t begin = offset(rw, stmt->begin), end = offset(rw, stmt->end);

	if (context->macro_depth || before->macro_depth || rw->target->nop)
		return;
	if (moved && old_section->exec && before->mode != context->default_mode)
		ab_emit_mode(rw->edits, rw->target, begin, context->default_mode, true);
	if (section->exec && (context->syntax.mode != before->mode ||
			      (moved && context->syntax.mode != context->default_mode)))
		ab_emit_mode(rw->edits, rw->target, end, context->syntax.mode, false);
}

static void directive(struct ab_rewriter *rw, const struct ab_stmt *stmt)
{
	struct ab_context *context = &rw->context;
	struct ab_position before = ab_context_position(context);

	flush(rw);
	if (!ab_context_directive(context, stmt))
		return;
	mark_modes(rw, stmt, &before);
	keep_name(rw, stmt);
	if (context->include) {
		struct ab_place at = {rw->input_name,
				      line_of(rw, stmt->begin),
				      stmt->begin,
				      (size_t)(stmt->end - stmt->begin),
				      0,
				      8};
		ab_error_at(&at, "warning: included text is not annotated: let the "
				 "preprocessor include it, or run `afterburn check`");
		context->include = false;
	}
}

static void statement(struct ab_rewriter *rw, struct ab_stmt *stmt)
{
	rw->stats.statements++;
	if (stmt->labels) {
		flush(rw);
		rw->prefix = NULL;
		rw->labels |= stmt->labels;
		if (stmt->label && !(stmt->label_len > 1 && memcmp(stmt->label, ".L", 2) == 0)) {
			rw->label = stmt->label;
			rw->label_len = stmt->label_len;
		}
	}
	if (stmt->word == stmt->word_end)
		return;
	if (stmt->assignment) {
		flush(rw);
	} else if (*stmt->word == '.' &&
		   !ab_rules_know(rw->rules, stmt->word, (size_t)(stmt->word_end - stmt->word),
				  stmt->hash)) {
		directive(rw, stmt);
		rw->prefix = NULL;
		rw->labels = 0;
	} else {
		instruction(rw, stmt);
	}
}

/*
 * Null mode: cut the text at both places where a site would get insertions, at
 * every instruction. gas must not notice (test/null).
 */
static void split(struct ab_rewriter *rw, const struct ab_stmt *stmt)
{
	bool stops = *stmt->end == rw->target->separator[0]; /* `;;` means something on ia64 */

	if (stmt->word < stmt->word_end && *stmt->word == '.' &&
	    ab_context_directive(&rw->context, stmt))
		keep_name(rw, stmt);
	if (stmt->word == stmt->word_end || *stmt->word == '.' || stmt->assignment ||
	    word_is(stmt, "local")) /* of .altmacro: gas never ends at `local x;` */
		return;
	ab_edits_append(rw->edits, offset(rw, stmt->begin), " ", 1);
	ab_edits_append(rw->edits, offset(rw, stmt->end), stops ? " " : rw->target->separator, 1);
}

void ab_rewriter_init(struct ab_rewriter *rw, const struct ab_target *target,
		      struct ab_rules *rules, uint8_t default_mode)
{
	*rw = (struct ab_rewriter){.target = target, .rules = rules};
	ab_context_init(&rw->context, target, rules, default_mode);
}

void ab_rewriter_free(struct ab_rewriter *rw)
{
	ab_context_free(&rw->context);
	ab_candidates_free(&rw->candidates);
}

static void begin_input(struct ab_rewriter *rw, const char *name, const char *text, size_t len,
			struct ab_edits *edits)
{
	rw->input_name = name;
	rw->text = text;
	rw->len = len;
	rw->edits = edits;
	rw->prefix = NULL;
	rw->labels = 0;
	rw->label = NULL;
	rw->last_end = rw->counted = rw->lines = 0;
	rw->marker_line = 0;
	rw->marker = false;
	ab_candidates_free(&rw->candidates);
}

int ab_rewrite(struct ab_rewriter *rw, const char *name, const char *text, size_t len,
	       struct ab_edits *edits)
{
	struct ab_context *context = &rw->context;
	struct ab_lexer lexer;
	struct ab_stmt stmt;

	begin_input(rw, name, text, len, edits);
	ab_lexer_init(&lexer, rw->target, text, len);
	while (ab_lexer_next(&lexer, &stmt)) {
		if (!rw->rules)
			split(rw, &stmt);
		if (!rw->rules || context->mri || context->ended)
			continue;
		statement(rw, &stmt);
		if (stmt.end > stmt.begin)
			rw->last_end = offset(rw, stmt.end);
	}
	flush(rw);
	if (rw->rules && context->sections.at.now.exec && !rw->target->nop &&
	    context->syntax.mode != context->default_mode && !context->macro_depth)
		ab_emit_mode(edits, rw->target, rw->last_end, context->default_mode, false);
	return rw->rules && ab_rules_broken(rw->rules) ? AB_EXIT_RULES : 0;
}
