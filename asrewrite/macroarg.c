/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/macroarg.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATE_MAX 256 /* bytes; longer arguments are not one instruction */

struct names {
	struct ab_candidate *list;
	size_t count, room;
};

static void push(struct ab_candidate **list, size_t *count, size_t *room, const char *text,
		 size_t len)
{
	for (size_t i = 0; i < *count; i++)
		if ((*list)[i].len == len && memcmp((*list)[i].text, text, len) == 0)
			return;
	if (*count == *room) {
		*room = *room ? *room * 2 : 16;
		*list = realloc(*list, *room * sizeof(**list));
		if (!*list)
			abort();
	}
	(*list)[(*count)++] = (struct ab_candidate){text, len};
}

static bool is_stmt(const struct ab_stmt *stmt, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(stmt->word_end - stmt->word) == len &&
	       strncasecmp(stmt->word, word, len) == 0;
}

static bool names_has(const struct names *names, const char *text, size_t len)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->list[i].len == len && strncasecmp(names->list[i].text, text, len) == 0)
			return true;
	return false;
}

static void collect_names(struct names *names, const struct ab_target *target, const char *text,
			  size_t len)
{
	struct ab_lexer lexer;
	struct ab_stmt stmt;

	ab_lexer_init(&lexer, target, text, len);
	while (ab_lexer_next(&lexer, &stmt)) {
		const char *p = stmt.ops;

		if (!is_stmt(&stmt, ".macro"))
			continue;
		while (p < stmt.end && ab_word_char[(unsigned char)*p])
			p++;
		push(&names->list, &names->count, &names->room, stmt.ops, (size_t)(p - stmt.ops));
	}
}

/* First word of the text, prefixes and all: is it one the rules know? */
static bool known_word(const struct ab_rules *rules, const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && ab_word_char[(unsigned char)text[n]])
		n++;
	return n && ab_rules_know(rules, text, n, ab_hash(text, n));
}

/* Arguments of one macro call: bare words, and strings of one statement. */
static void collect_arguments(struct ab_candidates *found, const struct ab_rules *rules,
			      const struct ab_stmt *stmt)
{
	const char *p = stmt->ops;

	while (p < stmt->end) {
		const char *from = p;

		if (*p == '"') {
			for (p++, from = p; p < stmt->end && *p != '"'; p++)
				if (*p == '\\' && p + 1 < stmt->end)
					found->quotes |= *++p == '"';
			if (known_word(rules, from, (size_t)(p - from)))
				push(&found->list, &found->count, &found->room, from,
				     (size_t)(p - from));
			p++;
		} else if (ab_word_char[(unsigned char)*p]) {
			while (p < stmt->end && ab_word_char[(unsigned char)*p])
				p++;
			if (known_word(rules, from, (size_t)(p - from)))
				push(&found->list, &found->count, &found->room, from,
				     (size_t)(p - from));
		} else {
			p++;
		}
	}
}

void ab_candidates_collect(struct ab_candidates *candidates, const struct ab_target *target,
			   const struct ab_rules *rules, const char *text, size_t len)
{
	struct names names = {0};
	struct ab_lexer lexer;
	struct ab_stmt stmt;

	if (candidates->collected)
		return;
	candidates->collected = true;
	collect_names(&names, target, text, len);
	ab_lexer_init(&lexer, target, text, len);
	while (ab_lexer_next(&lexer, &stmt))
		if (is_stmt(&stmt, ".irp") ||
		    names_has(&names, stmt.word, (size_t)(stmt.word_end - stmt.word)))
			collect_arguments(candidates, rules, &stmt);
	free(names.list);
}

const struct ab_rule *ab_candidate_rule(const struct ab_candidate *candidate,
					struct ab_rules *rules, const struct ab_target *target,
					const struct ab_stmt *stmt, const struct ab_syntax *syntax)
{
	char text[CANDIDATE_MAX];
	size_t ops = (size_t)(stmt->end - stmt->ops);
	struct ab_lexer lexer;
	struct ab_stmt one;

	if (candidate->len + ops + 2 > sizeof(text))
		return NULL;
	memcpy(text, candidate->text, candidate->len);
	text[candidate->len] = ' ';
	memcpy(text + candidate->len + 1, stmt->ops, ops);
	text[candidate->len + 1 + ops] = '\0';
	ab_lexer_init(&lexer, target, text, candidate->len + 1 + ops);
	if (!ab_lexer_next(&lexer, &one) || one.labels || lexer.pos < lexer.end)
		return NULL; /* several statements in one argument: the checker finds those */
	return ab_rules_match(rules, &one, syntax);
}

void ab_candidates_free(struct ab_candidates *candidates)
{
	free(candidates->list);
	*candidates = (struct ab_candidates){0};
}
