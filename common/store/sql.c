/*
 * Prepared statements, kept per connection under the address of their text: preparing costs more than most of
 * our statements do.
 */
#include "common/store/sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>

#include "common/base/mem.h"
#include "common/store/sql_internal.h"
#include "common/store/sql_row.h"

/* A borrowed value lives until sql_done(), which is all that SQLITE_STATIC asks. */
#define EMPTY_BLOB ""

struct sql {
    struct db *db;
    sqlite3_stmt *stmt;
    const char *text;
    bool busy; /* somebody steps it now: another user of the same text gets one of its own */
    struct sql *next;
};

struct sqlite3 *sql_handle(struct db *db)
{
    return db->handle;
}

static int prepare(struct db *db, const char *text, struct sql **ret)
{
    struct sql *q = mem_zalloc(sizeof *q);
    int rc;

    if (!q)
        return -ENOMEM;
    rc = sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL);
    if (rc != SQLITE_OK) {
        mem_free(q);
        return sql_error(db, rc);
    }
    q->db = db;
    q->text = text;
    q->next = db->cache;
    db->cache = q;
    *ret = q;
    return 0;
}

static int take(struct db *db, const char *text, struct sql **ret)
{
    struct sql *q = db->cache;
    int r = 0;

    while (q && (q->text != text || q->busy))
        q = q->next;
    if (!q)
        r = prepare(db, text, &q);
    if (r == 0) {
        q->busy = true;
        *ret = q;
    }
    return r;
}

static int bind_text(sqlite3_stmt *stmt, int at, struct str s)
{
    return s.p ? sqlite3_bind_text64(stmt, at, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8)
               : sqlite3_bind_null(stmt, at);
}

static int bind_blob(sqlite3_stmt *stmt, int at, struct str s)
{
    return s.p ? sqlite3_bind_blob64(stmt, at, s.n > 0 ? s.p : EMPTY_BLOB, s.n, SQLITE_STATIC)
               : sqlite3_bind_null(stmt, at);
}

static int bind_all(sqlite3_stmt *stmt, const char *fmt, va_list ap)
{
    int rc = SQLITE_OK;

    for (int at = 1; rc == SQLITE_OK && *fmt; fmt++, at++) {
        switch (*fmt) {
        case 'i':
            rc = sqlite3_bind_int64(stmt, at, va_arg(ap, int64_t));
            break;
        case 's':
            rc = bind_text(stmt, at, str_from(va_arg(ap, const char *)));
            break;
        case 't':
            rc = bind_text(stmt, at, va_arg(ap, struct str));
            break;
        case 'b':
            rc = bind_blob(stmt, at, va_arg(ap, struct str));
            break;
        default:
            rc = sqlite3_bind_null(stmt, at);
            break;
        }
    }
    return rc;
}

static int query(struct db *db, const char *text, struct sql **ret, const char *fmt, va_list ap)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = take(db, text, &q);

    if (r == 0)
        r = sql_error(db, bind_all(q->stmt, fmt, ap));
    if (r == 0)
        *ret = TAKE(q);
    return r;
}

int sql_query(struct db *db, const char *sql, struct sql **ret, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = query(db, sql, ret, fmt, ap);
    va_end(ap);
    return r;
}

int sql_next(struct sql *q)
{
    int rc = sqlite3_step(q->stmt);

    return rc == SQLITE_ROW ? SQL_ROW : sql_error(q->db, rc);
}

int64_t sql_int(const struct sql *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

struct str sql_text(const struct sql *q, int column)
{
    const char *p = (const char *)sqlite3_column_text(q->stmt, column);

    return (struct str){ p, p ? (size_t)sqlite3_column_bytes(q->stmt, column) : 0 };
}

struct str sql_blob(const struct sql *q, int column)
{
    const char *p;

    if (sql_is_null(q, column))
        return STR_NULL;
    p = sqlite3_column_blob(q->stmt, column); /* NULL for no bytes */
    return (struct str){ p ? p : EMPTY_BLOB, (size_t)sqlite3_column_bytes(q->stmt, column) };
}

bool sql_is_null(const struct sql *q, int column)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

void sql_done(struct sql **qp)
{
    struct sql *q = *qp;

    *qp = NULL;
    if (!q)
        return;
    (void)sqlite3_reset(q->stmt);
    (void)sqlite3_clear_bindings(q->stmt);
    q->busy = false;
}

/* Steps a statement to its end. Outside a transaction a write is committed by that. */
static int run_to_end(struct sql *q)
{
    bool commits = sqlite3_get_autocommit(q->db->handle) != 0 && sqlite3_stmt_readonly(q->stmt) == 0;
    int r;

    while ((r = sql_next(q)) == SQL_ROW)
        continue;
    return r == 0 && commits ? db_check_in_place(q->db) : r;
}

int sql_run(struct db *db, const char *sql, const char *fmt, ...)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = query(db, sql, &q, fmt, ap);
    va_end(ap);
    return r == 0 ? run_to_end(q) : r;
}

int sql_get_int(struct db *db, const char *sql, int64_t *ret, const char *fmt, ...)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = query(db, sql, &q, fmt, ap);
    va_end(ap);
    if (r == 0)
        r = sql_next(q);
    if (r == 0)
        return SQL_NO_ROW;
    if (r != SQL_ROW)
        return r;
    *ret = sql_int(q, 0);
    return 0;
}

int sql_exec(struct db *db, const char *sql)
{
    return sql_error(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int64_t sql_changes(const struct db *db)
{
    return sqlite3_changes64(db->handle);
}

int64_t sql_last_id(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

void sql_cache_free(struct db *db)
{
    while (db->cache) {
        struct sql *q = db->cache;

        db->cache = q->next;
        (void)sqlite3_finalize(q->stmt);
        mem_free(q);
    }
}

/* ---- whole rows ------------------------------------------------------------------------------ */

static int64_t read_int(const void *member, size_t size)
{
    if (size == sizeof(int64_t))
        return *(const int64_t *)member;
    return size == sizeof(int) ? *(const int *)member : *(const bool *)member;
}

static void write_int(void *member, size_t size, int64_t v)
{
    if (size == sizeof(int64_t))
        *(int64_t *)member = v;
    else if (size == sizeof(int))
        *(int *)member = (int)v;
    else
        *(bool *)member = v != 0;
}

void sql_read_row(const struct sql *q, int first, const struct sql_column *columns, size_t n, void *ret)
{
    for (size_t i = 0; i < n; i++) {
        char *member = (char *)ret + columns[i].at;

        if (columns[i].kind == SQL_KIND_TEXT)
            str_copy(sql_text(q, first + (int)i), member, columns[i].size);
        else
            write_int(member, columns[i].size, sql_int(q, first + (int)i));
    }
}

static int bind_row(sqlite3_stmt *stmt, const struct sql_column *columns, size_t n, const void *row)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
        const char *member = (const char *)row + columns[i].at;

        if (columns[i].kind == SQL_KIND_TEXT)
            rc = bind_text(stmt, (int)i + 1, str_from(member));
        else
            rc = sqlite3_bind_int64(stmt, (int)i + 1, read_int(member, columns[i].size));
    }
    return rc;
}

int sql_write_row(struct db *db, const char *sql, const struct sql_column *columns, size_t n, const void *row)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = take(db, sql, &q);

    if (r == 0)
        r = sql_error(db, bind_row(q->stmt, columns, n, row));
    return r == 0 ? run_to_end(q) : r;
}
