/* SPDX-License-Identifier: BSD-2-Clause */
/* `as --MD FILE` names its inputs in FILE: put the real names back after a hand-over. */
#ifndef AFTERBURN_DEPFILE_H
#define AFTERBURN_DEPFILE_H

#include "asrewrite/input.h"

/* Replace each handed[i] by inputs[i].name in the dependency file. 0, or AB_EXIT_HANDOVER. */
int ab_depfile_fix(const char *path, char *const *handed, const struct ab_input *inputs, int n);

#endif
