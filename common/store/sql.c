/*
 * Prepared statements, kept per connection under the address of their text: preparing costs more than most of
 * our statements do.
 */
#include "common/store/sql.h"

#include <errno.h>
#include <stdarg.h>

#include "common/base/mem.h"
#include "common/store/engine.h"

int sql_take(struct db *db, const char *text, const char *fmt, struct sql **ret)
{
    struct sql *q = db->cache;
    int r;

    while (q && (q->text != text || q->busy))
        q = q->next;
    if (!q) {
        r = db->engine->prepare(db, text, fmt, &q);
        if (r != 0)
            return r;
        q->db = db;
        q->text = text;
        q->next = db->cache;
        db->cache = q;
    }
    q->busy = true;
    *ret = q;
    return 0;
}

static int bind_all(struct sql *q, const char *fmt, va_list ap)
{
    const struct engine *engine = q->db->engine;
    int r = 0;

    for (int at = 1; r == 0 && *fmt; fmt++, at++) {
        switch (*fmt) {
        case 'i':
            r = engine->bind_int(q, at, va_arg(ap, int64_t));
            break;
        case 's':
            r = engine->bind_text(q, at, str_from(va_arg(ap, const char *)));
            break;
        case 't':
            r = engine->bind_text(q, at, va_arg(ap, struct str));
            break;
        case 'b':
            r = engine->bind_blob(q, at, va_arg(ap, struct str));
            break;
        default:
            r = engine->bind_null(q, at);
            break;
        }
    }
    return r;
}

static int query(struct db *db, const char *text, struct sql **ret, const char *fmt, va_list ap)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_take(db, text, fmt, &q);

    if (r == 0)
        r = bind_all(q, fmt, ap);
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
    return q->db->engine->next(q);
}

int64_t sql_int(const struct sql *q, int column)
{
    return q->db->engine->column_int(q, column);
}

struct str sql_text(const struct sql *q, int column)
{
    return q->db->engine->column_text(q, column);
}

struct str sql_blob(const struct sql *q, int column)
{
    return q->db->engine->column_blob(q, column);
}

bool sql_is_null(const struct sql *q, int column)
{
    return q->db->engine->column_is_null(q, column);
}

void sql_done(struct sql **qp)
{
    struct sql *q = *qp;

    *qp = NULL;
    if (!q)
        return;
    q->db->engine->reset(q);
    q->busy = false;
}

int sql_run(struct db *db, const char *sql, const char *fmt, ...)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = query(db, sql, &q, fmt, ap);
    va_end(ap);
    return r == 0 ? db->engine->run_to_end(q) : r;
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

int sql_insert(struct db *db, const char *sql, int64_t *ret_id, const char *fmt, ...)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = query(db, sql, &q, fmt, ap);
    va_end(ap);
    return r == 0 ? sql_returned(q, ret_id) : r;
}

int sql_returned(struct sql *q, int64_t *ret_id)
{
    int r = sql_next(q);
    int64_t id;

    if (r != SQL_ROW)
        return r < 0 ? r : -EPROTO;
    id = sql_int(q, 0);
    r = q->db->engine->run_to_end(q); /* which commits it */
    if (r == 0)
        *ret_id = id;
    return r;
}

int sql_exec(struct db *db, const char *sql)
{
    return db->engine->exec(db, sql);
}

int64_t sql_changes(const struct db *db)
{
    return db->engine->changes(db);
}

void sql_cache_free(struct db *db)
{
    while (db->cache) {
        struct sql *q = db->cache;

        db->cache = q->next;
        db->engine->finalize(q);
    }
}
