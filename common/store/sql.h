/*
 * SQL for the files of this folder, and for nobody else: prepared statements kept per connection, bindings by
 * a format, codes translated. The texts are those that SQLite and PostgreSQL both understand, with ?1, ?2 … for values.
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

struct db;
struct sql;

#define SQL_ROW 1 /* answer of sql_next(): there is a row */

/*
 * Binds by @fmt, one letter per value from ?1 on: i int64_t, s const char * (NULL binds NULL), t struct str
 * as text, b struct str as blob (p == NULL binds NULL), n nothing (NULL). @sql must be static text: the
 * prepared statement is kept under its address, with the letters of its first use. Bound memory is borrowed until the statement is done with.
 */
int sql_query(struct db *db, const char *sql, struct sql **ret, const char *fmt, ...);
/* The statement of this text with nothing bound, for sql_row.c. */
int sql_take(struct db *db, const char *sql, const char *fmt, struct sql **ret);
/* Runs the statement to its end; *ret_id is the number in its first row. */
int sql_returned(struct sql *q, int64_t *ret_id);
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
/* Runs an INSERT … RETURNING to its end; *ret_id is the number that it returned. -EPROTO when it returned none. */
int sql_insert(struct db *db, const char *sql, int64_t *ret_id, const char *fmt, ...);
/* Any text, not kept: PRAGMA, CREATE, several statements in a row. */
int sql_exec(struct db *db, const char *sql);
/* Rows the last INSERT, UPDATE or DELETE changed. */
int64_t sql_changes(const struct db *db);
/* Gives all prepared statements back to the engine. */
void sql_cache_free(struct db *db);
