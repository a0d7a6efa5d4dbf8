/* SPDX-License-Identifier: BSD-2-Clause */
/* The wrapper's environment variables (docs/asrewrite.md). */
#ifndef AFTERBURN_SETTINGS_H
#define AFTERBURN_SETTINGS_H

enum ab_mode_setting {
	AB_SET_PAD,  /* default: pad and annotate */
	AB_SET_OFF,  /* run the real assembler and nothing else */
	AB_SET_NULL, /* read and re-emit without rules: for tests of the lexer */
};

struct ab_settings {
	enum ab_mode_setting mode; /* AFTERBURN_MODE */
	const char *rules;	   /* AFTERBURN_RULES, or the file installed beside us */
	int verbose;		   /* AFTERBURN_VERBOSE: 0, 1, 2 */
	const char *log;	   /* AFTERBURN_LOG: one line per call is appended, or NULL */
	const char *save;	   /* AFTERBURN_SAVE: directory for copies of inputs, or NULL */
};

/* Read the environment; 0, or AB_EXIT_ENV after saying which value is wrong. */
int ab_settings_read(struct ab_settings *settings);

/*
 * Path of a file relative to the directory of the running program, or NULL
 * without /proc. Static storage, overwritten by the next call.
 */
const char *ab_rules_beside(const char *relative);

#endif
