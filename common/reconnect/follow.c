/*
 * Reports of the monitor about a session: a change of its state or cause, and the end of a verification.
 */
#include "common/reconnect/reconnect.h"

#include "common/reconnect/unpark.h"
#include "common/store/txn.h"

/* ---- a state changed ------------------------------------------------------------------------- */

/* The effect of a session's change on its bridge. */
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
        r = reconnects_set_park_published(db, row->bridge, row->session);
    return r;
}

int reconnect_follow(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
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

/* ---- a verification ended -------------------------------------------------------------------- */

static int not_connected(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                         const char *session, int64_t token, enum session_state state, const char *detail,
                         uint64_t rand64)
{
    struct reconnect_row row;
    struct retry next;
    int r = reconnects_find(db, bridge, session, &row);

    if (r == RECONNECTS_NONE || (r == 0 && (row.retry.token != token || row.retry.phase != RETRY_VERIFYING)))
        return RECONNECT_STALE;
    if (r != 0)
        return r;
    next = retry_not_connected(p, &row.retry, state, rand64, now->steady_ms);
    r = attempts_end(db, now, token, ATTEMPT_NOT_CONNECTED, &next, detail);
    return r == 0 ? reconnects_save(db, now, &row, &next, NULL, rand64) : r;
}

int reconnect_not_connected(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                            const char *session, int64_t token, enum session_state state, const char *detail,
                            uint64_t rand64)
{
    struct txn t;
    int r = txn_begin(&t, db);

    if (r != 0)
        return r;
    return txn_end(&t, not_connected(db, p, now, bridge, session, token, state, detail, rand64));
}
