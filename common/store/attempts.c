/*
 * The log of attempts. Its rowid is the fencing token of the claim; rows that have ended wait in it until one
 * worker has told the bus about them.
 */
#include <errno.h>

#include "common/base/mem.h"
#include "common/store/rows.h"

/* Told by one call of reconnects_collect(): bounds its memory. */
#define COLLECT_MAX 64

#define COLUMNS                                                                                         \
    "bridge, session, token, attempt, reason, outcome, cause, worker, at, ended, http_status, took_ms," \
    " next_at, parked, detail"

static void read_row(const struct sql *q, struct attempt_row *ret)
{
    *ret = (struct attempt_row){
        .token = sql_int(q, 2),
        .attempt = sql_int(q, 3),
        .reason = (enum retry_reason)sql_int(q, 4),
        .outcome = (enum attempt_outcome)sql_int(q, 5),
        .at = sql_int(q, 8),
        .ended = sql_int(q, 9),
        .http_status = (int)sql_int(q, 10),
        .took_ms = sql_int(q, 11),
        .next_at = sql_int(q, 12),
        .parked = sql_int(q, 13) != 0,
    };
    str_copy(sql_text(q, 0), ret->bridge, sizeof ret->bridge);
    str_copy(sql_text(q, 1), ret->session, sizeof ret->session);
    str_copy(sql_text(q, 6), ret->cause, sizeof ret->cause);
    str_copy(sql_text(q, 7), ret->worker, sizeof ret->worker);
    str_copy(sql_text(q, 14), ret->detail, sizeof ret->detail);
}

int attempts_begin(struct db *db, const struct now *now, const struct attempt_row *row, int64_t breaker_gen,
                   int64_t *ret_token)
{
    int r = sql_run(db,
                    "INSERT INTO attempt (bridge, session, attempt, reason, cause, worker, at, breaker_gen)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    "ssiissii", row->bridge, row->session, row->attempt, (int64_t)row->reason, row->cause,
                    row->worker, now->wall_ms, breaker_gen);

    if (r != 0)
        return r;
    *ret_token = sql_last_id(db);
    return sql_run(db,
                   "DELETE FROM attempt WHERE bridge = ?1 AND session = ?2 AND token <= (SELECT token FROM"
                   " attempt WHERE bridge = ?1 AND session = ?2 ORDER BY token DESC LIMIT 1 OFFSET ?3)",
                   "ssi", row->bridge, row->session, (int64_t)RECONNECTS_ATTEMPTS_MAX);
}

int attempts_answered(struct db *db, const struct now *now, int64_t token, const struct call_result *result,
                      bool fault)
{
    return sql_run(db,
                   "UPDATE attempt SET outcome = ?2, http_status = ?3, took_ms = ?4, answered_at = ?5,"
                   " fault = ?6, detail = ?7 WHERE token = ?1",
                   "iiiiiis", token, (int64_t)result->call.outcome, (int64_t)result->http_status,
                   result->took_ms, now->steady_ms, (int64_t)fault, result->detail ? result->detail : "");
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
                      "SELECT count(*), coalesce(sum(fault), 0) FROM attempt WHERE bridge = ?1"
                      " AND answered_at > ?2",
                      &q, "si", bridge, after);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    *ret = (struct breaker_window){ .n = sql_int(q, 0), .bad = sql_int(q, 1) };
    return 0;
}

int reconnects_each_attempt(struct db *db, const char *bridge, const char *session, int limit,
                            int (*on_row)(void *ctx, const struct attempt_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct attempt_row row;
    int r = sql_query(db,
                      "SELECT " COLUMNS " FROM attempt WHERE bridge = ?1 AND session = ?2"
                      " ORDER BY token DESC LIMIT ?3",
                      &q, "ssi", bridge, session, (int64_t)limit);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}

/* ---- telling, once --------------------------------------------------------------------------- */

struct collected {
    struct attempt_row attempt[COLLECT_MAX];
    struct parked_session park[COLLECT_MAX];
    int n_attempts, n_parks;
};

/* INDEXED BY: without it SQLite takes the primary key, and looks at every session of the bridge. */
static int has_unpublished(struct db *db, const char *bridge, int64_t *ret)
{
    return sql_get_int(db,
                       "SELECT EXISTS (SELECT 1 FROM attempt WHERE bridge = ?1 AND published = 0)"
                       " OR EXISTS (SELECT 1 FROM reconnect INDEXED BY reconnect_unpublished"
                       "  WHERE bridge = ?1 AND park_published = 0)",
                       ret, "s", bridge);
}

static int read_attempts(struct db *db, const char *bridge, struct collected *c)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(
        db, "SELECT " COLUMNS " FROM attempt WHERE bridge = ?1 AND published = 0 ORDER BY token LIMIT ?2", &q,
        "si", bridge, (int64_t)COLLECT_MAX);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, &c->attempt[c->n_attempts++]);
        r = 0;
    }
    return r;
}

static int read_parks(struct db *db, const char *bridge, struct collected *c)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT session, park, attempts, park_detail FROM reconnect INDEXED BY "
                      "reconnect_unpublished WHERE bridge = ?1"
                      " AND park_published = 0 LIMIT ?2",
                      &q, "si", bridge, (int64_t)COLLECT_MAX);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct parked_session *park = &c->park[c->n_parks++];

        str_copy(str_from(bridge), park->bridge, sizeof park->bridge);
        str_copy(sql_text(q, 0), park->session, sizeof park->session);
        park->park = (enum retry_park)sql_int(q, 1);
        park->attempts = sql_int(q, 2);
        str_copy(sql_text(q, 3), park->detail, sizeof park->detail);
        r = 0;
    }
    return r;
}

static int mark_published(struct db *db, const char *bridge, const struct collected *c)
{
    int r = 0;

    for (int i = 0; r == 0 && i < c->n_attempts; i++)
        r = sql_run(db, "UPDATE attempt SET published = 1 WHERE token = ?1", "i", c->attempt[i].token);
    for (int i = 0; r == 0 && i < c->n_parks; i++)
        r = sql_run(db, "UPDATE reconnect SET park_published = 1 WHERE bridge = ?1 AND session = ?2", "ss",
                    bridge, c->park[i].session);
    return r;
}

static int collect(struct db *db, const char *bridge, struct collected *c)
{
    struct txn t;
    int r = txn_begin(&t, db);

    if (r != 0)
        return r;
    r = read_attempts(db, bridge, c);
    if (r == 0)
        r = read_parks(db, bridge, c);
    if (r == 0)
        r = mark_published(db, bridge, c);
    return txn_end(&t, r);
}

int reconnects_collect(struct db *db, const char *bridge,
                       void (*on_attempt)(void *ctx, const struct attempt_row *row),
                       void (*on_park)(void *ctx, const struct parked_session *park), void *ctx,
                       bool *ret_more)
{
    CLEANUP(mem_freep) struct collected *c = NULL;
    int64_t any = 0;
    int r = has_unpublished(db, bridge, &any);

    *ret_more = false;
    if (r != 0 || !any)
        return r;
    c = mem_zalloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    r = collect(db, bridge, c);
    if (r != 0)
        return r;
    for (int i = 0; i < c->n_attempts; i++)
        on_attempt(ctx, &c->attempt[i]);
    for (int i = 0; i < c->n_parks; i++)
        on_park(ctx, &c->park[i]);
    *ret_more = c->n_attempts == COLLECT_MAX || c->n_parks == COLLECT_MAX;
    return 0;
}
