#include "common/store/attempts.h"

#include "common/base/mem.h"
#include "common/store/columns.h"

#define COLUMNS ATTEMPT_COLUMNS(SQL_NAMES)

#define SQL_ROW_STRUCT struct attempt_row
static const struct sql_column columns[] = { ATTEMPT_COLUMNS(SQL_COLUMNS) };

static void read_row(const struct sql *q, struct attempt_row *ret)
{
    ret->token = sql_int(q, 0);
    sql_read_row(q, 1, columns, ARRAY_LEN(columns), ret);
}

static int each(struct sql *q, int (*on_row)(void *ctx, const struct attempt_row *row), void *ctx)
{
    struct attempt_row row;
    int r = 0;

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}

int attempts_begin(struct db *db, const struct attempt_row *row, int64_t *ret_token)
{
    int r = sql_insert_row(
        db, "INSERT INTO attempt (" COLUMNS ") VALUES (" ATTEMPT_COLUMNS(SQL_MARKS) ") RETURNING token",
        columns, ARRAY_LEN(columns), row, ret_token);

    if (r != 0)
        return r;
    return sql_run(db,
                   "DELETE FROM attempt WHERE bridge = ?1 AND session = ?2 AND token <= (SELECT token FROM"
                   " attempt WHERE bridge = ?1 AND session = ?2 ORDER BY token DESC LIMIT 1 OFFSET ?3)",
                   "ssi", row->bridge, row->session, (int64_t)ATTEMPTS_MAX);
}

int attempts_answered(struct db *db, int64_t token, const struct attempt_row *row)
{
    return sql_run(db,
                   "UPDATE attempt SET outcome = ?2, http_status = ?3, took_ms = ?4, answered_at = ?5,"
                   " fault = ?6, detail = ?7 WHERE token = ?1",
                   "iiiiiis", token, (int64_t)row->outcome, (int64_t)row->http_status, row->took_ms,
                   row->answered_at, (int64_t)row->fault, row->detail);
}

int attempts_end(struct db *db, const struct now *now, int64_t token, enum attempt_outcome outcome,
                 const struct retry *next, const char *detail)
{
    int64_t next_at = next->phase == RETRY_DUE ? steady_to_wall(now, next->due_at) : 0;

    return sql_run(db,
                   "UPDATE attempt SET outcome = ?2, ended = ?3, next_at = ?4, parked = ?5, published = 0,"
                   " detail = coalesce(?6, detail) WHERE token = ?1",
                   "iiiiis", token, (int64_t)outcome, now->wall_ms, next_at,
                   (int64_t)(next->phase == RETRY_PARKED), detail);
}

int attempts_breaker_gen(struct db *db, int64_t token, int64_t *ret)
{
    int r = sql_get_int(db, "SELECT breaker_gen FROM attempt WHERE token = ?1", ret, "i", token);

    return r == SQL_NO_ROW ? 0 : r;
}

int attempts_window(struct db *db, const char *bridge, int64_t after, struct breaker_window *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT count(*), count(*) FILTER (WHERE fault <> 0) FROM attempt WHERE bridge = ?1"
                      " AND answered_at > ?2",
                      &q, "si", bridge, after);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    *ret = (struct breaker_window){ .n = sql_int(q, 0), .bad = sql_int(q, 1) };
    return 0;
}

#define IS_FAULT "(fault <> 0 OR http_status >= 500 OR http_status IN (401, 403))"

int attempts_before(struct db *db, const char *bridge, const char *session, int64_t token,
                    int64_t *ret_answered_at, bool *ret_fault)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT answered_at, " IS_FAULT " FROM attempt WHERE bridge = ?1 AND session = ?2"
                      " AND token < ?3 AND answered_at > 0 ORDER BY token DESC LIMIT 1",
                      &q, "ssi", bridge, session, token);

    *ret_answered_at = 0;
    *ret_fault = false;
    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    *ret_answered_at = sql_int(q, 0);
    *ret_fault = sql_int(q, 1) != 0;
    return 0;
}

int attempts_of_others(struct db *db, const char *bridge, const char *session, int64_t well_after,
                       int64_t bad_after, int64_t *ret_well, int64_t *ret_bad)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT count(*) FILTER (WHERE answered_at > ?3 AND NOT " IS_FAULT "),"
                      " count(*) FILTER (WHERE answered_at > ?4 AND " IS_FAULT ")"
                      " FROM attempt WHERE bridge = ?1 AND session <> ?2 AND answered_at > ?5",
                      &q, "ssiii", bridge, session, well_after, bad_after,
                      well_after < bad_after ? well_after : bad_after);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    *ret_well = sql_int(q, 0);
    *ret_bad = sql_int(q, 1);
    return 0;
}

int attempts_each(struct db *db, const char *bridge, const char *session, int limit,
                  int (*on_row)(void *ctx, const struct attempt_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT token, " COLUMNS " FROM attempt WHERE bridge = ?1 AND session = ?2"
                      " ORDER BY token DESC LIMIT ?3",
                      &q, "ssi", bridge, session, (int64_t)limit);

    return r == 0 ? each(q, on_row, ctx) : r;
}

int attempts_each_unpublished(struct db *db, const char *bridge, int limit,
                              int (*on_row)(void *ctx, const struct attempt_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT token, " COLUMNS " FROM attempt WHERE bridge = ?1 AND published = 0"
                      " ORDER BY token LIMIT ?2",
                      &q, "si", bridge, (int64_t)limit);

    return r == 0 ? each(q, on_row, ctx) : r;
}

int attempts_set_published(struct db *db, int64_t token)
{
    return sql_run(db, "UPDATE attempt SET published = 1 WHERE token = ?1", "i", token);
}
