/*
 * A table's row as a C struct, by a list of its columns (columns.h): X(kind, column, member).
 *
 *   TEXT  char member[n], cut to fit
 *   INT   int64_t, int, an enum or bool; its size decides which
 *
 * The list's first column is named by the macro's first argument, so that no comma stands before it:
 *
 *   "SELECT " SESSION_COLUMNS(SQL_NAME_1, SQL_NAME) " FROM session"
 */
#pragma once

#include <stddef.h>

#include "common/store/sql.h"

#define SQL_NAME_1(kind, column, member) #column
#define SQL_NAME(kind, column, member)   ", " #column
#define SQL_MARK_1(kind, column, member) "?"
#define SQL_MARK(kind, column, member)   ", ?"
#define SQL_DECL_1(kind, column, member) #column " " SQL_DECL_##kind
#define SQL_DECL(kind, column, member)   ", " #column " " SQL_DECL_##kind
#define SQL_DECL_TEXT                    "TEXT NOT NULL DEFAULT ''"
#define SQL_DECL_INT                     "INTEGER NOT NULL DEFAULT 0"

enum sql_kind { SQL_KIND_TEXT, SQL_KIND_INT };
struct sql_column {
    enum sql_kind kind;
    size_t at, size;
};
/* An entry of a table of struct sql_column; the file that uses it defines SQL_ROW_STRUCT as the row's struct. */
#define SQL_COLUMN(kind, column, member) \
    { SQL_KIND_##kind, offsetof(SQL_ROW_STRUCT, member), sizeof(((SQL_ROW_STRUCT *)0)->member) },

/* Reads @n columns of the current row, from column @first on, into the struct at @ret. */
void sql_read_row(const struct sql *q, int first, const struct sql_column *columns, size_t n, void *ret);
/* Runs @sql, whose ?1 to ?n are these columns of the struct at @row. Returns 0 or -errno. */
int sql_write_row(struct db *db, const char *sql, const struct sql_column *columns, size_t n,
                  const void *row);
