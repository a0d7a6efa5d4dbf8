/* SPDX-License-Identifier: BSD-2-Clause */
/* What a call leaves behind when asked: the log of matched rules, copies of inputs. */
#ifndef AFTERBURN_RECORD_H
#define AFTERBURN_RECORD_H

#include "asrewrite/args.h"
#include "asrewrite/input.h"
#include "asrewrite/rules.h"

/*
 * Append "output TAB rule-file TAB line:hits,..." to the log file `path`, in
 * one write, so that parallel calls do not mix. `afterburn rules --unused`
 * reads it. 0, or AB_EXIT_ENV with a message.
 */
int ab_record_log(const char *path, const char *output, const struct ab_rules *rules);

/*
 * Save one input for a later run: DIR/NAME.s (text), .input (its argument, "-"
 * for standard input), .args (argv, NUL-separated), .cwd. NAME is the output's
 * path with `/` as `_`. 0, or AB_EXIT_ENV with a message.
 */
int ab_record_save(const char *dir, const struct ab_args *args, const struct ab_input *input);

#endif
