/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the rule-file parser: rules_parse.c reads lines, rule_columns.c a rule's columns. */
#ifndef AFTERBURN_RULES_PARSE_H
#define AFTERBURN_RULES_PARSE_H

#include "asrewrite/rules.h"

#include <string.h>

#define COLUMNS 7

struct word {
	char *text;
	size_t len;
};

struct parser {
	struct ab_rules *rules;
	const struct ab_target *wanted; /* NULL: any */
	const char *line_text;		/* untouched copy of the current line, for messages */
	size_t line_len;
	unsigned line;
	const char *pristine; /* whole file, untouched */
	char *base;	      /* the copy being cut */
	unsigned errors;
};

static inline bool is_word(const struct word *word, const char *text)
{
	return *word->text == *text && strcmp(word->text, text) == 0;
}

/* Report file:line with a caret under `word` (NULL: the whole line), and count the error. */
void ab_rule_complain(struct parser *parser, const struct word *word, const char *reason);

/*
 * Fill `rule` from columns 3 to 7 (mode, class, pad, place, flags), whose words
 * are cut further in place. False after a complaint; nothing is left to free.
 */
bool ab_parse_columns(struct parser *parser, struct word words[COLUMNS], struct ab_rule *rule);

#endif
