/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the real assembler, never this program itself. */
#ifndef AFTERBURN_REALAS_H
#define AFTERBURN_REALAS_H

/* Environment set for the real assembler; seeing it at start means we called ourselves. */
#define AB_GUARD "AFTERBURN_GUARD"

/*
 * Name of the real assembler: AFTERBURN_AS; else `as` with the machine prefix
 * of the compiler that calls us (gcc sets COLLECT_GCC: `aarch64-linux-gnu-gcc`
 * gives `aarch64-linux-gnu-as`); else `as`. Never NULL; lives as long as the
 * process.
 */
const char *ab_real_as_name(void);

/*
 * Path of that program, absolute or as AFTERBURN_AS has it, found in PATH.
 * Candidates that are this very file (same device and inode) are passed over.
 * NULL after printing what was looked for and how to help; *status then holds
 * the enum ab_exit.
 */
const char *ab_real_as_find(const char *name, int *status);

#endif
