/*
 * The row of a session's reconnection, and what the monitor does to it. Each function reads the row, lets
 * common/policy/retry.h decide and writes what it said.
 */
#include "common/store/reconnects.h"

#include "common/base/mem.h"
#include "common/store/rows.h"

#define COLUMNS                                                                                       \
    "bridge, session, phase, reason, park, due_at, attempts, failures, last_sent, claimed_at, token," \
    " lease_until, called_at, verify_until, seen_at, at_once_used, slow_used, forced, worker,"        \
    " parked_since, park_detail, park_published, shuffle_key"

/* ---- the row --------------------------------------------------------------------------------- */

static void read_row(const struct sql *q, struct reconnect_row *ret)
{
    *ret = (struct reconnect_row){
        .retry = { .phase = (enum retry_phase)sql_int(q, 2),
                   .reason = (enum retry_reason)sql_int(q, 3),
                   .park = (enum retry_park)sql_int(q, 4),
                   .due_at = sql_int(q, 5),
                   .attempts = sql_int(q, 6),
                   .failures = sql_int(q, 7),
                   .last_sent = sql_int(q, 8),
                   .claimed_at = sql_int(q, 9),
                   .token = sql_int(q, 10),
                   .lease_until = sql_int(q, 11),
                   .called_at = sql_int(q, 12),
                   .verify_until = sql_int(q, 13),
                   .seen_at = sql_int(q, 14),
                   .at_once_used = sql_int(q, 15) != 0,
                   .slow_used = sql_int(q, 16) != 0,
                   .forced = sql_int(q, 17) != 0 },
        .parked_since = sql_int(q, 19),
        .park_published = sql_int(q, 21) != 0,
        .shuffle_key = sql_int(q, 22),
    };
    str_copy(sql_text(q, 0), ret->bridge, sizeof ret->bridge);
    str_copy(sql_text(q, 1), ret->session, sizeof ret->session);
    str_copy(sql_text(q, 18), ret->worker, sizeof ret->worker);
    str_copy(sql_text(q, 20), ret->park_detail, sizeof ret->park_detail);
}

int reconnects_find(struct db *db, const char *bridge, const char *session, struct reconnect_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT " COLUMNS " FROM reconnect WHERE bridge = ?1 AND session = ?2", &q, "ss",
                      bridge, session);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : RECONNECTS_NONE;
    read_row(q, ret);
    return 0;
}

int reconnects_get(struct db *db, const char *bridge, const char *session, struct reconnect_row *ret)
{
    int r = reconnects_find(db, bridge, session, ret);

    if (r != RECONNECTS_NONE)
        return r;
    *ret = (struct reconnect_row){ .park_published = true };
    str_copy(str_from(bridge), ret->bridge, sizeof ret->bridge);
    str_copy(str_from(session), ret->session, sizeof ret->session);
    return 0;
}

static int write_row(struct db *db, const struct reconnect_row *row)
{
    const struct retry *n = &row->retry;

    return sql_run(db,
                   "INSERT OR REPLACE INTO reconnect (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
                   " ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
                   "ssiiiiiiiiiiiiiiiisisii", row->bridge, row->session, (int64_t)n->phase,
                   (int64_t)n->reason, (int64_t)n->park, n->due_at, n->attempts, n->failures, n->last_sent,
                   n->claimed_at, n->token, n->lease_until, n->called_at, n->verify_until, n->seen_at,
                   (int64_t)n->at_once_used, (int64_t)n->slow_used, (int64_t)n->forced, row->worker,
                   row->parked_since, row->park_detail, (int64_t)row->park_published, row->shuffle_key);
}

int reconnects_save(struct db *db, const struct now *now, struct reconnect_row *row, const struct retry *next,
                    const char *detail, uint64_t rand64)
{
    bool parks =
        next->phase == RETRY_PARKED && (row->retry.phase != RETRY_PARKED || row->retry.park != next->park);

    if (next->phase == RETRY_DUE && (row->retry.phase != RETRY_DUE || row->retry.due_at != next->due_at))
        row->shuffle_key = (int64_t)(rand64 % INT32_MAX);
    if (parks) {
        row->parked_since = now->wall_ms;
        row->park_published = false;
        str_copy(str_from(detail ? detail : retry_park_message(next->park)), row->park_detail,
                 sizeof row->park_detail);
    } else if (next->phase != RETRY_PARKED) {
        row->parked_since = 0;
        row->park_published = true;
        row->park_detail[0] = '\0';
    }
    row->retry = *next;
    return write_row(db, row);
}

int reconnects_session(struct db *db, const char *bridge, const char *session, struct retry_session *ret,
                       char ret_cause[32])
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT state, suppressed_until, cause FROM session WHERE bridge = ?1 AND id = ?2",
                      &q, "ss", bridge, session);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : RECONNECTS_NONE;
    ret->state = (enum session_state)sql_int(q, 0);
    ret->suppressed_until = sql_int(q, 1);
    if (ret_cause)
        str_copy(sql_text(q, 2), ret_cause, 32);
    return 0;
}

/* ---- a state changed ------------------------------------------------------------------------- */

/* All that were parked because the bridge's client was outdated. */
static int unpark_outdated(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                           uint64_t rand64)
{
    int r = sql_run(db, "UPDATE bridge SET outdated_since = 0 WHERE name = ?1", "s", bridge);
    int64_t n = 0;

    return r == 0 ? reconnects_unpark_all(db, p, now, bridge, RETRY_PARK_OUTDATED, rand64, &n) : r;
}

/* The bridge's share of what a session's change means. */
static int follow_bridge(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                         const struct retry_effect *effect, uint64_t rand64, bool *ret_first_outdated)
{
    struct bridge_row row;
    int r;

    if (!effect->bridge_outdated && !effect->bridge_current)
        return 0;
    r = bridges_get(db, bridge, &row);
    if (r != 0)
        return r;
    if (effect->bridge_current && row.outdated_since > 0)
        return unpark_outdated(db, p, now, bridge, rand64);
    if (!effect->bridge_outdated || row.outdated_since > 0)
        return 0;
    *ret_first_outdated = true;
    row.outdated_since = now->wall_ms;
    return bridges_save(db, &row);
}

static int end_attempts(struct db *db, const struct now *now, const char *bridge,
                        const struct retry_change *change, const struct reconnect_followed *f)
{
    int r = 0;

    if (f->effect.closed)
        r = attempts_end(db, now, f->before.token, ATTEMPT_NOT_CONNECTED, &f->after,
                         change->cause ? change->cause->name : NULL);
    if (f->effect.confirmed)
        r = attempts_end(db, now, f->before.token, ATTEMPT_SUCCEEDED, &f->after, NULL);
    if (r == 0 && f->effect.confirmed)
        r = bridges_hook_helped(db, bridge);
    return r;
}

static int follow(struct db *db, const struct policy *p, const struct now *now, struct reconnect_row *row,
                  const struct retry_change *change, uint64_t rand64, struct reconnect_followed *f)
{
    bool was_idle = row->retry.phase == RETRY_IDLE && row->retry.attempts == 0;
    bool first_outdated = false;
    int r;

    f->before = row->retry;
    f->after = retry_follow(p, &row->retry, change, now->steady_ms, &f->effect);
    f->due_wall = f->after.phase == RETRY_DUE ? steady_to_wall(now, f->after.due_at) : 0;
    r = end_attempts(db, now, row->bridge, change, f);
    if (r == 0 && !(was_idle && f->after.phase == RETRY_IDLE))
        r = reconnects_save(db, now, row, &f->after, change->cause ? change->cause->meaning : NULL, rand64);
    if (r == 0)
        r = follow_bridge(db, p, now, row->bridge, &f->effect, rand64, &first_outdated);
    if (r == 0 && f->effect.bridge_outdated && !first_outdated) /* one message per bridge, not per session */
        r = sql_run(db, "UPDATE reconnect SET park_published = 1 WHERE bridge = ?1 AND session = ?2", "ss",
                    row->bridge, row->session);
    return r;
}

int reconnects_follow(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                      const char *session, const struct retry_change *change, uint64_t rand64,
                      struct reconnect_followed *ret)
{
    struct reconnect_followed f = { 0 };
    struct reconnect_row row;
    struct txn t;
    int r = txn_begin(&t, db);

    if (r != 0)
        return r;
    r = reconnects_get(db, bridge, session, &row);
    if (r == 0)
        r = follow(db, p, now, &row, change, rand64, &f);
    r = txn_end(&t, r);
    if (r == 0)
        *ret = f;
    return r;
}

/* ---- attempts being watched ------------------------------------------------------------------ */

int reconnects_each_open(struct db *db, const char *bridge,
                         int (*on_row)(void *ctx, const struct reconnect_row *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct reconnect_row row;
    /* UNION ALL, so that each half is answered from its partial index */
    int r = sql_query(db,
                      "SELECT " COLUMNS " FROM reconnect WHERE phase = 2 AND (?1 IS NULL OR bridge = ?1)"
                      " UNION ALL "
                      "SELECT " COLUMNS " FROM reconnect WHERE phase = 3 AND (?1 IS NULL OR bridge = ?1)",
                      &q, "s", bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        read_row(q, &row);
        r = on_row(ctx, &row);
    }
    return r;
}

int reconnects_each_parked(struct db *db, const char *bridge,
                           int (*on_row)(void *ctx, const char *session, enum retry_park park), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r =
        sql_query(db, "SELECT session, park FROM reconnect WHERE phase = 4 AND (?1 IS NULL OR bridge = ?1)",
                  &q, "s", bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW)
        r = on_row(ctx, sql_text(q, 0).p, (enum retry_park)sql_int(q, 1));
    return r;
}

static int not_connected(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                         const char *session, int64_t token, enum session_state state, const char *detail,
                         uint64_t rand64)
{
    struct reconnect_row row;
    struct retry next;
    int r = reconnects_find(db, bridge, session, &row);

    if (r == RECONNECTS_NONE || (r == 0 && (row.retry.token != token || row.retry.phase != RETRY_VERIFYING)))
        return RECONNECTS_STALE;
    if (r != 0)
        return r;
    next = retry_not_connected(p, &row.retry, state, rand64, now->steady_ms);
    r = attempts_end(db, now, token, ATTEMPT_NOT_CONNECTED, &next, detail);
    return r == 0 ? reconnects_save(db, now, &row, &next, NULL, rand64) : r;
}

int reconnects_not_connected(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                             const char *session, int64_t token, enum session_state state, const char *detail,
                             uint64_t rand64)
{
    struct txn t;
    int r = txn_begin(&t, db);

    if (r != 0)
        return r;
    return txn_end(&t, not_connected(db, p, now, bridge, session, token, state, detail, rand64));
}
