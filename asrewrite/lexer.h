/* SPDX-License-Identifier: BSD-2-Clause */
/*@020 The lexer: statements of assembler text, without changing a byte of it
 *
 * gas text is lines of statements. Each may begin with labels, then a word
 * (mnemonic, directive or macro) and its operands, up to a separator, a
 * comment or the line's end. The lexer only finds those boundaries, as
 * pointers into the text: everything that is not rewritten is later copied as
 * it stands. It follows gas's own scrubber (gas/app.c) in what opens and ends
 * comments, strings and character constants, per target (target.h).
 */
#ifndef AFTERBURN_LEXER_H
#define AFTERBURN_LEXER_H

#include "asrewrite/target.h"

struct ab_lexer {
	const struct ab_target *target;
	const char *pos;   /* next byte to read */
	const char *end;   /* one past the text; *end must be '\0' (sentinel) */
	const char *start; /* of the text */
	bool no_app; /* the text begins with #NO_APP: gas scrubs only what is in #APP blocks */
	bool raw;    /* outside of those: no comments but whole lines */
	uint8_t chars[256];	/* enum ab_char */
	bool line_comment[256]; /* opens a comment where a statement may start */
};

enum ab_label {
	AB_LABEL_NAMED = 1,
	AB_LABEL_NUMERIC = 2, /* `1:`; the kernel's exception tables point at these */
};

struct ab_stmt {
	const char *begin;	     /* first byte after labels: the word, or a prefix group */
	const char *word, *word_end; /* first word; equal: statement has none */
	const char *ops;	     /* first byte after word and blanks */
	const char *end;	     /* past the last byte that is not blank or comment */
	uint32_t hash;		     /* ab_hash of the word in lower case */
	uint8_t labels;		     /* enum ab_label bits seen before the word */
	bool assignment;	     /* `word = expression` */
	bool commented;		     /* a comment stands inside [begin, end) */
	const char *label;	     /* last named label, or NULL */
	size_t label_len;
};

/* text[len] must be readable and 0. The text is borrowed. */
void ab_lexer_init(struct ab_lexer *lexer, const struct ab_target *target, const char *text,
		   size_t len);

/* Next statement (possibly empty, possibly labels only); false at the end of the text. */
bool ab_lexer_next(struct ab_lexer *lexer, struct ab_stmt *stmt);

/* Does the text begin with a #NO_APP line, which makes gas read it without its scrubber? */
bool ab_text_is_no_app(const char *text, size_t len);

#define AB_HASH_SEED 2166136261u
static inline uint32_t ab_hash_step(uint32_t hash, unsigned char c)
{
	return (hash ^ c) * 16777619u;
}
uint32_t ab_hash(const char *word, size_t len); /* of lower-cased bytes */

/* Characters of words: letters, digits, `_ . $ \ ?` and bytes above 127. */
extern const uint8_t ab_word_char[256];

static inline char ab_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ab_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

#endif
