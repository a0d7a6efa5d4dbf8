/* SPDX-License-Identifier: BSD-2-Clause */
/* A database in a file, and statements to execute: all that the row sqlite needs of SQLite. */
#include <sqlite3.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	sqlite3 *db;

	if (argc != 3 || sqlite3_open(argv[1], &db))
		return 2;
	if (sqlite3_exec(db, argv[2], NULL, NULL, NULL)) {
		fprintf(stderr, "sql: %s\n", sqlite3_errmsg(db));
		return 1;
	}
	return sqlite3_close(db) != SQLITE_OK;
}
