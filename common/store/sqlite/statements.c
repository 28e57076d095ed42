/* Prepared statements of SQLite. */
#include "common/store/sqlite/statements.h"

#include <errno.h>
#include <sqlite3.h>

#include "common/base/mem.h"
#include "common/store/sql.h"
#include "common/store/sqlite/handle.h"

/* A borrowed value lives until reset, which is all that SQLITE_STATIC asks. */
#define EMPTY_BLOB ""

struct statement {
    struct sql sql; /* first */
    sqlite3_stmt *stmt;
};

static sqlite3_stmt *stmt_of(const struct sql *q)
{
    return ((const struct statement *)q)->stmt;
}

int sqlite_prepare(struct db *db, const char *text, const char *fmt, struct sql **ret)
{
    struct statement *s = mem_zalloc(sizeof *s);
    int rc;

    (void)fmt; /* a value has its type with it */
    if (!s)
        return -ENOMEM;
    rc = sqlite3_prepare_v3(sqlite_handle(db), text, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL);
    if (rc != SQLITE_OK) {
        mem_free(s);
        return sqlite_error(db, rc);
    }
    *ret = &s->sql;
    return 0;
}

void sqlite_finalize(struct sql *q)
{
    (void)sqlite3_finalize(stmt_of(q));
    mem_free(q);
}

/* ---- values ---------------------------------------------------------------------------------- */

int sqlite_bind_null(struct sql *q, int at)
{
    return sqlite_error(q->db, sqlite3_bind_null(stmt_of(q), at));
}

int sqlite_bind_int(struct sql *q, int at, int64_t v)
{
    return sqlite_error(q->db, sqlite3_bind_int64(stmt_of(q), at, v));
}

int sqlite_bind_text(struct sql *q, int at, struct str s)
{
    if (!s.p)
        return sqlite_bind_null(q, at);
    return sqlite_error(q->db, sqlite3_bind_text64(stmt_of(q), at, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8));
}

int sqlite_bind_blob(struct sql *q, int at, struct str s)
{
    if (!s.p)
        return sqlite_bind_null(q, at);
    return sqlite_error(q->db,
                        sqlite3_bind_blob64(stmt_of(q), at, s.n > 0 ? s.p : EMPTY_BLOB, s.n, SQLITE_STATIC));
}

int64_t sqlite_column_int(const struct sql *q, int column)
{
    return sqlite3_column_int64(stmt_of(q), column);
}

struct str sqlite_column_text(const struct sql *q, int column)
{
    const char *p = (const char *)sqlite3_column_text(stmt_of(q), column);

    return (struct str){ p, p ? (size_t)sqlite3_column_bytes(stmt_of(q), column) : 0 };
}

bool sqlite_column_is_null(const struct sql *q, int column)
{
    return sqlite3_column_type(stmt_of(q), column) == SQLITE_NULL;
}

struct str sqlite_column_blob(const struct sql *q, int column)
{
    const char *p;

    if (sqlite_column_is_null(q, column))
        return STR_NULL;
    p = sqlite3_column_blob(stmt_of(q), column); /* NULL for no bytes */
    return (struct str){ p ? p : EMPTY_BLOB, (size_t)sqlite3_column_bytes(stmt_of(q), column) };
}

/* ---- running --------------------------------------------------------------------------------- */

int sqlite_next(struct sql *q)
{
    int rc = sqlite3_step(stmt_of(q));

    if (rc == SQLITE_ROW)
        return SQL_ROW;
    return rc == SQLITE_DONE ? 0 : sqlite_error(q->db, rc);
}

/* Steps a statement to its end. Outside a transaction a write is committed by that. */
int sqlite_run_to_end(struct sql *q)
{
    bool commits =
        sqlite3_get_autocommit(sqlite_handle(q->db)) != 0 && sqlite3_stmt_readonly(stmt_of(q)) == 0;
    int r;

    while ((r = sqlite_next(q)) == SQL_ROW)
        continue;
    return r == 0 && commits ? sqlite_check_in_place(q->db) : r;
}

void sqlite_reset(struct sql *q)
{
    (void)sqlite3_reset(stmt_of(q));
    (void)sqlite3_clear_bindings(stmt_of(q));
}

int sqlite_exec(struct db *db, const char *sql)
{
    return sqlite_error(db, sqlite3_exec(sqlite_handle(db), sql, NULL, NULL, NULL));
}

int64_t sqlite_changes(const struct db *db)
{
    return sqlite3_changes64(sqlite_handle(db));
}
