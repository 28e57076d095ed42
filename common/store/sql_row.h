/*
 * A table's row as a C struct, by a list of its columns (columns.h): X(kind, column, member).
 *
 *   TEXT  char member[n], cut to fit
 *   INT   int64_t, int, an enum or bool; its size decides which
 *
 * KEY columns (the primary key) stand first, then the one named FIRST, so that commas and updates come out right:
 *
 *   "SELECT " SESSION_COLUMNS(SQL_NAMES) " FROM session"
 *   "INSERT INTO session (" SESSION_COLUMNS(SQL_NAMES) ") VALUES (" SESSION_COLUMNS(SQL_MARKS) ")"
 *   " ON CONFLICT (bridge, id) DO UPDATE SET " SESSION_COLUMNS(SQL_SETS)
 */
#pragma once

#include <stddef.h>

#include "common/store/sql.h"

#define SQL_NAMES                          SQL_NAME_KEY, SQL_NAME_1, SQL_NAME
#define SQL_NAME_KEY(kind, column, member) #column ", "
#define SQL_NAME_1(kind, column, member)   #column
#define SQL_NAME(kind, column, member)     ", " #column
#define SQL_MARKS                          SQL_MARK_KEY, SQL_MARK_1, SQL_MARK
#define SQL_MARK_KEY(kind, column, member) "?, "
#define SQL_MARK_1(kind, column, member)   "?"
#define SQL_MARK(kind, column, member)     ", ?"
#define SQL_SETS                           SQL_SET_KEY, SQL_SET_1, SQL_SET
#define SQL_SET_KEY(kind, column, member)
#define SQL_SET_1(kind, column, member) #column " = excluded." #column
#define SQL_SET(kind, column, member)   ", " #column " = excluded." #column

enum sql_kind { SQL_KIND_TEXT, SQL_KIND_INT };
struct sql_column {
    enum sql_kind kind;
    size_t at, size;
};
/* An entry of a table of struct sql_column; the file that uses it defines SQL_ROW_STRUCT as the row's struct. */
#define SQL_COLUMN(kind, column, member) \
    { SQL_KIND_##kind, offsetof(SQL_ROW_STRUCT, member), sizeof(((SQL_ROW_STRUCT *)0)->member) },

/* The same macro three times, for a list of which each entry is handled alike. */
#define SQL_COLUMNS SQL_COLUMN, SQL_COLUMN, SQL_COLUMN
/* Columns of a row at most. */
#define SQL_COLUMNS_MAX 48

/* Reads @n columns of the current row, from column @first on, into the struct at @ret. */
void sql_read_row(const struct sql *q, int first, const struct sql_column *columns, size_t n, void *ret);
/* Runs @sql, whose ?1 to ?n are these columns of the struct at @row. Returns 0 or -errno. */
int sql_write_row(struct db *db, const char *sql, const struct sql_column *columns, size_t n,
                  const void *row);
/* The same for a text that ends in RETURNING a number, which *ret_id gets. */
int sql_insert_row(struct db *db, const char *sql, const struct sql_column *columns, size_t n,
                   const void *row, int64_t *ret_id);
