/* SPDX-License-Identifier: BSD-2-Clause */
/* The program that scripts/bench linux measures: one static file for host and
 * guests (main.c has the protocol). */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Do an operation n times. */
struct row {
	const char *name;
	void (*run)(long n);
};

/* Ended by a row without a name. */
extern const struct row kernel_rows[];	/* kernel.c: system calls, signals, memory, files */
extern const struct row process_rows[]; /* processes.c: fork, exec */
extern const struct row program_rows[]; /* programs.c: whole programs at work */
extern const struct row user_rows[];	/* user.c: no kernel at all */

/* What was computed is used: the compiler may not leave the work out. */
extern volatile long result;

/* A row that does not do its work has no figure: say what and why, end the program. */
__attribute__((noreturn)) void fail(const char *what);

/* Copies in the working directory, to be executed: this program, which with the argument only
 * returns 0, one that has no C library (exit/exit.c), and others (main.c). */
#define SELF	     "./bench"
#define EXIT_AT_ONCE "--exit"
#define EXIT_ONLY    "./exit-only"
#define BUSYBOX	     "./busybox"
#define SQL	     "./sql"

/* A program with up to three arguments, the first its name, or a script of busybox's shell; waits
 * for its success. */
void run(const char *path, const char *a, const char *b, const char *c);
void run_shell(const char *script);

#endif
