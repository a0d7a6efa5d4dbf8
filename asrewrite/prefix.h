/* SPDX-License-Identifier: BSD-2-Clause */
/* x86 instruction prefixes that gas accepts as words in front of a mnemonic. */
#ifndef AFTERBURN_PREFIX_H
#define AFTERBURN_PREFIX_H

#include "asrewrite/lexer.h"

/* True if the statement's word is a prefix. */
bool ab_is_prefix(const struct ab_stmt *stmt);

/*
 * Step over prefixes on the statement itself (`rep insb`, `rep/insb`): its
 * word becomes the mnemonic, begin stays. False if only prefixes are there.
 */
bool ab_skip_prefixes(struct ab_stmt *stmt);

#endif
