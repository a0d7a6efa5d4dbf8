/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole programs at work, the same files on host and guest: busybox, a C compiler, SQLite. Their
 * input is made here, always the same.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Two commands per iteration, each its own process and program. */
static void shell_loop(long n)
{
	char script[256];

	snprintf(script, sizeof(script),
		 "i=0; while [ $i -lt %ld ]; do " EXIT_ONLY "; " BUSYBOX " true; i=$((i+1)); done",
		 n);
	run_shell(script);
}

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* --- text ------------------------------------------------------------------------------ */

/* Lines of made-up words. */
static void fill(char *block, size_t size, uint32_t *seed)
{
	for (size_t i = 0; i < size; i++)
		block[i] = "etaoin shrdlu e\n"[draw(seed) >> 20];
}

static void make_text(const char *path, long kilobytes)
{
	static char block[1024];
	uint32_t seed = 1;
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	if (fd < 0 && errno == EEXIST)
		return;
	while (kilobytes--) {
		fill(block, sizeof(block), &seed);
		if (write(fd, block, sizeof(block)) != sizeof(block))
			fail(path);
	}
	close(fd);
}

static void gzip_sha256(long n)
{
	make_text("text-8M", 8192);
	while (n--)
		run_shell(BUSYBOX " gzip -c text-8M | " BUSYBOX " sha256sum >/dev/null");
}

static void sort_pipeline(long n)
{
	make_text("text-2M", 2048);
	while (n--)
		run_shell(BUSYBOX " tr ' ' '\\n' <text-2M | " BUSYBOX " sort | " BUSYBOX
				  " uniq -c | " BUSYBOX " sort -n | " BUSYBOX
				  " tail -1 >/dev/null");
}

/* --- a compiler ------------------------------------------------------------------------ */

#define FILES		   9
#define FUNCTIONS_PER_FILE 500

/* A function's number and three constants. */
static const char *const functions[] = {
	"unsigned f%u(unsigned n)\n{\n\tunsigned sum = %u;\n\n"
	"\tfor (unsigned i = 0; i < n; i++)\n\t\tsum = sum * %u + (i ^ sum >> %u %% 32);\n"
	"\treturn sum;\n}\n\n",
	"int f%u(int key)\n{\n\tswitch (key & 3) {\n\tcase 0: return key + %u;\n"
	"\tcase 1: return key * %u;\n\tcase 2: return -key;\n\tdefault: return key ^ "
	"%u;\n\t}\n}\n\n",
	"struct list%1$u { struct list%1$u *next; int value[%2$u %% 64 + 1]; };\n"
	"int f%1$u(struct list%1$u *l)\n{\n\tint count = %3$u;\n\n"
	"\twhile (l) {\n\t\tif (l->value[0] == %4$u)\n\t\t\tcount++;\n\t\tl = l->next;\n\t}\n"
	"\treturn count;\n}\n\n",
	"static const char text%1$u[] = \"%2$u %3$u\";\n"
	"int f%1$u(char *to, int size)\n{\n\tint i = 0;\n\n"
	"\tdo\n\t\tto[i] = text%1$u[i];\n\twhile (text%1$u[i] && ++i < size);\n"
	"\treturn i == size ? -%4$u : i;\n}\n\n",
};

static void make_source(int number)
{
	uint32_t seed = (uint32_t)number;
	char path[16];
	FILE *f;

	snprintf(path, sizeof(path), "%d.c", number);
	f = fopen(path, "w");
	if (!f)
		fail(path);
	for (unsigned i = 0; i < FUNCTIONS_PER_FILE; i++) {
		uint32_t a = draw(&seed), b = draw(&seed), c = draw(&seed);

		fprintf(f, functions[c % ARRAY_SIZE(functions)], i, a, b, c);
	}
	if (fclose(f))
		fail(path);
}

/* Debian's compiler with Debian's libraries; its loader is called by name because they all lie in
 * the working directory. */
static void compile(long n)
{
	for (int i = 1; i <= FILES; i++)
		make_source(i);
	while (n--)
		run_shell("for i in 1 2 3 4 5 6 7 8 9; do ./ld-linux-x86-64.so.2 --library-path . "
			  "./tcc -c $i.c -o $i.o || exit 1; done");
}

/* --- a database -------------------------------------------------------------------------- */

static void sqlite(long n)
{
	while (n--) {
		unlink("db");
		run(SQL, SQL, "db",
		    "create table t(a integer primary key, b integer, c text);"
		    "with recursive n(i) as (select 1 union all select i + 1 from n where i < "
		    "300000)"
		    " insert into t select i, i * 7919 % 1000003, 'row ' || i from n;"
		    "create index tb on t(b);"
		    "select b % 100, sum(length(c)) from t group by 1;"
		    "select c from t where b in (select a * 3 from t where a % 100 = 0);");
	}
}

const struct row program_rows[] = {
	{"shell-loop", shell_loop}, {"compile", compile}, {"gzip-sha256", gzip_sha256},
	{"sort", sort_pipeline},    {"sqlite", sqlite},	  {0},
};
