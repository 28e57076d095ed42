/*
 * SQL for the files of this folder, and for nobody else: prepared statements kept per connection, bindings by
 * a format, codes translated. sqlite3.h itself is included by the .c files that need more than this.
 *
 *   CLEANUP(sql_done) struct sql *q = NULL;
 *   int r = sql_query(db, "SELECT id, due_at FROM session WHERE bridge = ?1", &q, "t", bridge);
 *
 *   while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
 *       use(sql_text(q, 0), sql_int(q, 1));
 *       r = 0;
 *   }
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/store/db.h"

struct sqlite3;
struct sql;

/* A writer of state.db holds the lock for one small transaction, an fsync or two: 10 s covers a slow disk. */
#define SQL_BUSY_TIMEOUT_MS 10000

#define SQL_ROW 1 /* answer of sql_next(): there is a row */

/* The rules a file is opened with; see db.h. */
enum sql_rules {
    SQL_STATE, /* rollback journal, several writers */
    SQL_STATE_READER,
    SQL_LOG_WRITER, /* WAL, the one writer: no checkpoint unless asked for, none at close */
    SQL_LOG_READER, /* WAL, read-only, never checkpoints */
    SQL_OWNED,      /* WAL, its one owner writes and checkpoints; a commit costs no fsync */
    SQL_COPY,       /* a new file that is worth nothing before it is whole: no journal, no sync */
};

/* @schema may be NULL (readers: the version is checked against @version_max then, when that is not 0). */
int sql_open(const char *path, enum sql_rules rules, const struct db_schema *schema, int version_max,
             struct db **ret);
/* Syncs a file that was written without. Returns 0 or -errno. */
int sql_sync_file(const char *path);
struct sqlite3 *sql_handle(struct db *db);
/* Translates a code of SQLite's, keeps its text for db_error(). 0 for SQLITE_OK, _ROW and _DONE. */
int sql_error(struct db *db, int rc);

/*
 * Binds by @fmt, one letter per value from ?1 on: i int64_t, s const char * (NULL binds NULL), t struct str
 * as text, b struct str as blob (p == NULL binds NULL), n nothing (NULL). @sql must be static text: the
 * prepared statement is kept under its address. Bound memory is borrowed until the statement is done with.
 */
int sql_query(struct db *db, const char *sql, struct sql **ret, const char *fmt, ...);
/* Returns SQL_ROW, 0 (no more rows) or -errno. */
int sql_next(struct sql *q);
/* Of the current row; text and blob live until the next sql_next() or sql_done(). A NULL is 0 / STR_NULL. */
int64_t sql_int(const struct sql *q, int column);
struct str sql_text(const struct sql *q, int column);
struct str sql_blob(const struct sql *q, int column);
bool sql_is_null(const struct sql *q, int column);
/* For CLEANUP; gives the statement back. */
void sql_done(struct sql **q);

/* Runs a statement to its end, rows are dropped. */
int sql_run(struct db *db, const char *sql, const char *fmt, ...);
/* First column of the first row; *ret is untouched when there is no row (SQL_NO_ROW). */
#define SQL_NO_ROW 2
int sql_get_int(struct db *db, const char *sql, int64_t *ret, const char *fmt, ...);
/* Any text, not kept: PRAGMA, CREATE, several statements in a row. */
int sql_exec(struct db *db, const char *sql);
/* Rows the last INSERT, UPDATE or DELETE changed; rowid of the last INSERT. */
int64_t sql_changes(const struct db *db);
int64_t sql_last_id(const struct db *db);
