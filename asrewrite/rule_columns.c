/* SPDX-License-Identifier: BSD-2-Clause */
/* The columns of a rule: mode, class, pad, place, flags. */
#include "asrewrite/rules_parse.h"

#include "asrewrite/rules_impl.h"
#include "rules/annot.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PAD	     64
#define MAX_PREFIXES 6

static bool parse_modes(struct parser *parser, struct word *word, uint8_t *modes)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} names[] = {{"16", 1 << AB_MODE_16}, {"32", 1 << AB_MODE_32}, {"64", 1 << AB_MODE_64}};
	char *save = NULL;

	*modes = 0;
	if (word->text[0] == '*' && !word->text[1]) {
		*modes = 0xff;
		return true;
	}
	for (char *name = strtok_r(word->text, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		size_t i = 0;
		while (i < 3 && strcmp(name, names[i].name) != 0)
			i++;
		if (i == 3) {
			ab_rule_complain(parser, word, "mode must be `*` or a list of 16, 32, 64");
			return false;
		}
		*modes |= names[i].bit;
	}
	return true;
}

static bool parse_class(struct parser *parser, struct word *word, uint16_t *class)
{
	*class = ab_class_by_name(word->text, word->len);
	if (!*class)
		ab_rule_complain(parser, word, "unknown class; annot.h lists them");
	return *class != 0;
}

static bool parse_pad(struct parser *parser, struct word *word, uint8_t *pad)
{
	char *end;
	unsigned long value = strtoul(word->text, &end, 10);

	if (*end || word->text[0] < '0' || word->text[0] > '9' || value > MAX_PAD) {
		ab_rule_complain(parser, word, "pad must be a number of bytes from 0 to 64");
		return false;
	}
	if (value && !parser->rules->target->nop_len) {
		ab_rule_complain(parser, word, "this target's pads are not supported: use 0");
		return false;
	}
	if (value && value % parser->rules->target->nop_len) {
		ab_rule_complain(parser, word, "pad must be a multiple of the target's nop");
		return false;
	}
	*pad = (uint8_t)value;
	return true;
}

static bool parse_place(struct parser *parser, struct word *word, uint8_t *place)
{
	static const char *const names[] = {[AB_PLACE_PREFIX] = "prefix",
					    [AB_PLACE_AFTER] = "after",
					    [AB_PLACE_BEFORE] = "before",
					    [AB_PLACE_SHADOW] = "shadow"};

	for (uint8_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_word(word, names[i])) {
			*place = i;
			return true;
		}
	ab_rule_complain(parser, word, "place must be prefix, after, before or shadow");
	return false;
}

/* An instruction may have 15 bytes, and gas itself adds up to 5 prefixes (-malign-branch). */
static bool check_prefixes(struct parser *parser, const struct word *pad,
			   const struct ab_rule *rule)
{
	if (rule->place != AB_PLACE_PREFIX)
		return true;
	if (parser->rules->target->nop)
		ab_rule_complain(parser, pad, "this target has no prefixes");
	else if (rule->pad > MAX_PREFIXES)
		ab_rule_complain(parser, pad, "at most 6 prefixes can stand before an instruction");
	else
		return true;
	return false;
}

static struct ab_sequence *sequence_of(struct ab_rule *rule)
{
	if (!rule->sequence)
		rule->sequence = calloc(1, sizeof(*rule->sequence));
	if (!rule->sequence)
		abort();
	return rule->sequence;
}

/* fuse=NEXT:FUSED */
static bool parse_fuse(struct parser *parser, struct word *flag, struct ab_rule *rule)
{
	struct ab_sequence *sequence = sequence_of(rule);
	const char *value = flag->text + 5;
	const char *colon = strchr(value, ':');
	uint16_t next = 0, fused = 0;

	if (colon) {
		next = ab_class_by_name(value, (size_t)(colon - value));
		fused = ab_class_by_name(colon + 1, strlen(colon + 1));
	}
	if (!next || !fused || sequence->nfuse == AB_MAX_FUSE) {
		ab_rule_complain(parser, flag, "want fuse=CLASS:FUSED_CLASS, at most four a rule");
		return false;
	}
	sequence->fuse[sequence->nfuse].next = next;
	sequence->fuse[sequence->nfuse++].fused = fused;
	return true;
}

/* window=nop+cli */
static bool parse_window(struct parser *parser, struct word *flag, struct ab_rule *rule)
{
	char *value = flag->text + 7;
	char *plus = strchr(value, '+');

	if (!plus || plus == value || !plus[1] || strchr(plus + 1, '+')) {
		ab_rule_complain(parser, flag, "want window=MNEMONIC+MNEMONIC");
		return false;
	}
	*plus = '\0';
	sequence_of(rule)->window[0] = value;
	sequence_of(rule)->window[1] = plus + 1;
	return true;
}

static bool parse_flags(struct parser *parser, struct word *word, struct ab_rule *rule)
{
	char *save = NULL;

	if (is_word(word, "-"))
		return true;
	for (char *text = strtok_r(word->text, ",", &save); text;
	     text = strtok_r(NULL, ",", &save)) {
		struct word flag = {text, strlen(text)};
		bool ok;

		if (strncmp(text, "fuse=", 5) == 0)
			ok = parse_fuse(parser, &flag, rule);
		else if (strncmp(text, "window=", 7) == 0)
			ok = parse_window(parser, &flag, rule);
		else
			ok = (ab_rule_complain(parser, &flag, "unknown flag"), false);
		if (!ok)
			return false;
	}
	return true;
}

bool ab_parse_columns(struct parser *parser, struct word words[COLUMNS], struct ab_rule *rule)
{
	if (parse_modes(parser, &words[2], &rule->modes) &&
	    parse_class(parser, &words[3], &rule->class) &&
	    parse_pad(parser, &words[4], &rule->pad) &&
	    parse_place(parser, &words[5], &rule->place) &&
	    check_prefixes(parser, &words[4], rule) && parse_flags(parser, &words[6], rule))
		return true;
	free(rule->sequence);
	return false;
}
