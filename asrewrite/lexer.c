/* SPDX-License-Identifier: BSD-2-Clause */
#include "asrewrite/lexer.h"

#include <string.h>

/* 1: may stand in a word; 2: may also begin one. '\\' begins macro arguments, '@' is gas's `\@`. */
#define LOWER_CASE ['a' ... 'z'] = 2
#define UPPER_CASE ['A' ... 'Z'] = 2
const uint8_t ab_word_char[256] = {
	LOWER_CASE, UPPER_CASE, ['0' ... '9'] = 1, ['_'] = 2, ['.'] = 2,
	['$'] = 2,  ['\\'] = 2, ['?'] = 1,	   ['@'] = 1, [128 ... 255] = 2,
};

uint32_t ab_hash(const char *word, size_t len)
{
	uint32_t hash = AB_HASH_SEED;

	for (size_t i = 0; i < len; i++)
		hash = ab_hash_step(hash, (unsigned char)ab_lower(word[i]));
	return hash;
}

bool ab_text_is_no_app(const char *text, size_t len)
{
	static const char mark[] = "#NO_APP";

	return len > sizeof(mark) - 1 && memcmp(text, mark, sizeof(mark) - 1) == 0 &&
	       (ab_is_blank(text[sizeof(mark) - 1]) || text[sizeof(mark) - 1] == '\n');
}

void ab_lexer_init(struct ab_lexer *lexer, const struct ab_target *target, const char *text,
		   size_t len)
{
	lexer->target = target;
	memset(lexer->line_comment, 0, sizeof(lexer->line_comment));
	for (const char *c = target->line_comment; *c; c++)
		lexer->line_comment[(unsigned char)*c] = true;
	lexer->no_app = lexer->raw = ab_text_is_no_app(text, len);
	lexer->start = lexer->pos = text;
	lexer->end = text + len;
	ab_target_chars(target, lexer->chars);
}

static const char *skip_line(const struct ab_lexer *lexer, const char *p)
{
	const char *newline = memchr(p, '\n', (size_t)(lexer->end - p));

	return newline ? newline : lexer->end;
}

/* p is behind the opening `slash star`; returns the byte behind the closing pair. */
static const char *skip_block_comment(const struct ab_lexer *lexer, const char *p)
{
	for (;;) {
		p = memchr(p, '*', (size_t)(lexer->end - p));
		if (!p || p + 1 >= lexer->end)
			return lexer->end;
		if (p[1] == '/')
			return p + 2;
		p++;
	}
}

/* p is behind the opening quote; strings run over newlines until they are closed. */
static const char *skip_string(const struct ab_lexer *lexer, const char *p)
{
	bool escapes = !lexer->target->no_string_escapes;

	for (; p < lexer->end; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && escapes && p + 1 < lexer->end)
			p++;
	}
	return lexer->end;
}

/* p is behind the quote: one character or escape, and perhaps a closing quote. */
static const char *skip_char_constant(const struct ab_lexer *lexer, const char *p)
{
	if (p < lexer->end && *p == '\\')
		p++;
	if (p < lexer->end)
		p++;
	if (p < lexer->end && *p == '\'')
		p++;
	return p;
}

static const char *skip_blanks(const char *p)
{
	while (ab_is_blank(*p))
		p++;
	return p;
}

/* Comment that opens at p inside a statement: returns its end, or NULL if there is none. */
static const char *comment_inside(const struct ab_lexer *lexer, const char *p)
{
	if (lexer->raw)
		return NULL;
	switch (lexer->chars[(unsigned char)*p]) {
	case AB_CH_COMMENT:
		/* gas keeps `\#` as text: macro bodies quote comment characters so */
		return p > lexer->start && p[-1] == '\\' ? NULL : skip_line(lexer, p);
	case AB_CH_SLASH:
		if (p[1] == '*')
			return skip_block_comment(lexer, p + 2);
		if (p[1] == '/' && lexer->target->double_slash)
			return skip_line(lexer, p);
		return NULL;
	default:
		return NULL;
	}
}

static bool is_mark(const char *line, const char *end, const char *mark)
{
	return (size_t)(end - line) == strlen(mark) && memcmp(line, mark, strlen(mark)) == 0;
}

/* `# 7 "x.c"` in column 0: gas reads a string there, and strings run over newlines. */
static const char *line_marker_end(const struct ab_lexer *lexer, const char *p, const char *end)
{
	if (p > lexer->start && p[-1] != '\n')
		return end;
	for (p++; ab_is_blank(*p); p++)
		;
	if (*p < '0' || *p > '9')
		return end;
	while (*p >= '0' && *p <= '9')
		p++;
	p = skip_blanks(p);
	return *p == '"' ? skip_line(lexer, skip_string(lexer, p + 1)) : end;
}

static void switch_scrubber(struct ab_lexer *lexer, const char *p, const char *end)
{
	if (is_mark(p, end, "#APP"))
		lexer->raw = false;
	else if (is_mark(p, end, "#NO_APP"))
		lexer->raw = true;
}

/* The same where a statement may start: line comments count too, `/` on x86 among them. */
static const char *comment_at_start(struct ab_lexer *lexer, const char *p)
{
	const char *end = comment_inside(lexer, p);

	if (!end && lexer->line_comment[(unsigned char)*p])
		end = skip_line(lexer, p);
	if (!end || *p != '#')
		return end;
	if (lexer->no_app)
		switch_scrubber(lexer, p, end);
	return lexer->raw ? end : line_marker_end(lexer, p, end);
}

static const char *skip_blanks_and_comments(struct ab_lexer *lexer, const char *p)
{
	for (;;) {
		p = skip_blanks(p);
		if (ab_word_char[(unsigned char)*p])
			return p; /* nearly always */
		const char *end = p < lexer->end ? comment_at_start(lexer, p) : NULL;
		if (!end || end == lexer->end || *end == '\n')
			return end ? end : p;
		p = end;
	}
}

static const char *trim(const char *from, const char *to)
{
	while (to > from && ab_is_blank(to[-1]))
		to--;
	return to;
}

/* Walk from p to the statement's terminator; sets stmt->end, returns the terminator. */
static const char *scan_rest(const struct ab_lexer *lexer, struct ab_stmt *stmt, const char *p)
{
	const uint8_t *chars = lexer->chars;
	const char *text = p; /* start of what follows the last comment */
	const char *after;

	for (;;) {
		while (chars[(unsigned char)*p] == AB_CH_PLAIN)
			p++;
		switch (chars[(unsigned char)*p]) {
		case AB_CH_STRING:
			stmt->end = text = p = skip_string(lexer, p + 1);
			continue;
		case AB_CH_QUOTE: /* `$' ` ends in a blank that is not to be trimmed */
			stmt->end = text = p = skip_char_constant(lexer, p + 1);
			continue;
		case AB_CH_COMMENT:
		case AB_CH_SLASH:
			after = comment_inside(lexer, p);
			if (!after) {
				p++;
				continue;
			}
			if (trim(text, p) > text)
				stmt->end = trim(text, p);
			stmt->commented = true;
			text = p = after;
			continue;
		case AB_CH_LINE_COMMENT:
			p++;
			continue;
		}
		break;
	}
	if (trim(text, p) > text)
		stmt->end = trim(text, p);
	return p;
}

/* ia64 predicates and x86 {pseudo prefixes} stand before the word. */
static const char *skip_word_prefix(const struct ab_lexer *lexer, const char *p)
{
	char close = 0;

	if (lexer->target->predicate[0] && *p == lexer->target->predicate[0])
		close = lexer->target->predicate[1];
	else if (*p == '{' && lexer->chars['{'] == AB_CH_PLAIN)
		close = '}';
	if (!close)
		return p;
	const char *q = p;
	while (q < lexer->end && *q != close && *q != '\n')
		q++;
	return *q == close ? skip_blanks(q + 1) : p;
}

static void note_label(struct ab_stmt *stmt, const char *name, size_t len)
{
	if (len && *name >= '0' && *name <= '9') {
		stmt->labels |= AB_LABEL_NUMERIC;
		return;
	}
	stmt->labels |= AB_LABEL_NAMED;
	stmt->label = name;
	stmt->label_len = len;
}

/*
 * Word at p, or quoted name, into stmt->word. Returns the byte behind its
 * colon if it is a label (then no word is set), else NULL.
 */
static const char *scan_word(const struct ab_lexer *lexer, struct ab_stmt *stmt, const char *p)
{
	const char *end = p, *colon;
	uint32_t hash = AB_HASH_SEED;
	bool quoted = *p == '"';

	if (quoted)
		end = skip_string(lexer, p + 1);
	else
		for (; ab_word_char[(unsigned char)*end]; end++)
			hash = ab_hash_step(hash, (unsigned char)ab_lower(*end));
	if (end == p)
		return NULL;
	colon = skip_blanks(end);
	if (*colon == ':' ||
	    (lexer->target->column_labels && !quoted && (p == lexer->start || p[-1] == '\n'))) {
		note_label(stmt, p + quoted, (size_t)(end - p) - 2 * quoted);
		return *colon == ':' ? colon + 1 : end;
	}
	if (ab_word_char[(unsigned char)*p] == 2) {
		stmt->word_end = end;
		stmt->hash = hash;
	}
	return NULL;
}

bool ab_lexer_next(struct ab_lexer *lexer, struct ab_stmt *stmt)
{
	const char *p = lexer->pos;

	if (p >= lexer->end)
		return false;
	*stmt = (struct ab_stmt){0};
	do {
		p = skip_blanks_and_comments(lexer, p);
		stmt->begin = p;
		stmt->word = stmt->word_end = skip_word_prefix(lexer, p);
	} while (p < lexer->end && (p = scan_word(lexer, stmt, stmt->word)));
	stmt->ops = skip_blanks(stmt->word_end);
	stmt->assignment = *stmt->ops == '=' && stmt->word_end > stmt->word;
	stmt->end = stmt->word_end;
	p = scan_rest(lexer, stmt, stmt->word_end);
	if (stmt->ops > stmt->end)
		stmt->ops = stmt->end;
	lexer->pos = p < lexer->end ? p + 1 : p;
	return true;
}
