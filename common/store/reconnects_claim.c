/*
 * Claiming and recording: what workers do. One transaction each, so that eligibility, spacing, bucket,
 * breaker and lease are decided on the same state of things, whoever else is at work.
 */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/store/reconnects.h"
#include "common/store/rows.h"

/* Lapsed rows that one claim ends, and due rows it looks at for each that it takes: they bound the time the
 * write lock is held. */
#define REPAIR_MAX 64
#define LOOK_MAX   64
/* Restarting the bridge as a whole: the spacing doubles for each restart in a row that did not bring its
 * session back, up to 4 times (an hour at 15 min). */
#define HOOK_DOUBLINGS_MAX 2
/* A bridge that has no reconnect call restarts a session after 515 by itself (zapw: within 2 s): restarting
 * all of it would only be in the way. */
#define HOOK_AT_ONCE_WAIT_MS 10000

struct claiming {
    struct db *db;
    const struct claim_options *o;
    struct rng *rng;
    struct now now;
    struct bridge_row bridge;
    int64_t in_flight;
    struct claims *out;
};

static struct retry_bridge view_of(const struct claiming *c)
{
    struct retry_bridge v = bridges_view(&c->bridge, c->in_flight);
    int64_t futile = c->bridge.hook_runs > 0 ? c->bridge.hook_runs - 1 : 0;

    if (futile > HOOK_DOUBLINGS_MAX)
        futile = HOOK_DOUBLINGS_MAX;
    if (c->o->by_hook && c->bridge.hook_at > 0)
        v.hook_until = c->bridge.hook_at + (c->o->hook_spacing_ms << futile);
    return v;
}

/* ---- ending what has lapsed ------------------------------------------------------------------ */

static int repair_one(struct claiming *c, struct reconnect_row *row)
{
    enum attempt_outcome outcome;
    struct retry_session session = { 0 };
    uint64_t rand64 = rng_next(c->rng);
    int64_t gen = 0;
    struct retry next;
    int r = reconnects_session(c->db, row->bridge, row->session, &session, NULL);

    if (r != 0)
        return r;
    next = retry_repair(c->o->policy, &row->retry, session.state, rand64, c->now.steady_ms, &outcome);
    r = attempts_breaker_gen(c->db, row->retry.token, &gen);
    if (r == 0 && row->retry.phase == RETRY_CALLING) /* no answer will be counted */
        c->bridge.breaker = breaker_forget(&c->bridge.breaker, gen);
    if (r == 0)
        r = attempts_end(c->db, &c->now, row->retry.token, outcome, &next, NULL);
    if (outcome == ATTEMPT_SUCCEEDED)
        c->bridge.hook_runs = 0;
    c->out->repaired++;
    return r == 0 ? reconnects_save(c->db, &c->now, row, &next, NULL, rand64) : r;
}

static int find_lapsed(struct claiming *c, struct reconnect_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r =
        sql_query(c->db,
                  "SELECT session FROM reconnect WHERE phase = 2 AND bridge = ?1 AND lease_until <= ?2"
                  " UNION ALL "
                  "SELECT session FROM reconnect WHERE phase = 3 AND bridge = ?1 AND verify_until <= ?3"
                  " LIMIT 1",
                  &q, "sii", c->o->bridge, c->now.steady_ms, c->now.steady_ms - c->o->policy->freshness_ms);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : RECONNECTS_NONE;
    return reconnects_find(c->db, c->o->bridge, sql_text(q, 0).p, ret);
}

static int repair_lapsed(struct claiming *c)
{
    struct reconnect_row row;
    int r = 0;

    for (int i = 0; r == 0 && i < REPAIR_MAX; i++) {
        r = find_lapsed(c, &row);
        if (r == 0)
            r = repair_one(c, &row);
    }
    return r == RECONNECTS_NONE ? 0 : r;
}

/* ---- taking what is due ---------------------------------------------------------------------- */

static int find_due(struct claiming *c, struct reconnect_row *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(c->db,
                      "SELECT session FROM reconnect WHERE phase = 1 AND bridge = ?1 AND due_at <= ?2"
                      " ORDER BY due_at, shuffle_key LIMIT 1",
                      &q, "si", c->o->bridge, c->now.steady_ms);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : RECONNECTS_NONE;
    return reconnects_find(c->db, c->o->bridge, sql_text(q, 0).p, ret);
}

static int put_off(struct claiming *c, struct reconnect_row *row, struct retry_verdict v)
{
    struct retry next = retry_put_off(&row->retry, v, c->now.steady_ms);

    return reconnects_save(c->db, &c->now, row, &next, NULL, rng_next(c->rng));
}

static int take(struct claiming *c, struct reconnect_row *row, const char *cause)
{
    struct claim *claim = &c->out->claim[c->out->n];
    struct attempt_row attempt = { .attempt = row->retry.attempts + 1, .reason = row->retry.reason };
    struct retry next;
    int64_t token = 0;
    int r;

    c->bridge.bucket = bucket_take(c->o->policy, &c->bridge.bucket, c->now.steady_ms);
    c->bridge.breaker = breaker_take(c->o->policy, &c->bridge.breaker, c->now.steady_ms);
    str_copy(str_from(row->bridge), attempt.bridge, sizeof attempt.bridge);
    str_copy(str_from(row->session), attempt.session, sizeof attempt.session);
    str_copy(str_from(cause), attempt.cause, sizeof attempt.cause);
    str_copy(str_from(c->o->worker), attempt.worker, sizeof attempt.worker);
    r = attempts_begin(c->db, &c->now, &attempt, c->bridge.breaker.gen, &token);
    if (r != 0)
        return r;
    next = retry_claim(c->o->policy, &row->retry, token, c->now.steady_ms);
    str_copy(str_from(c->o->worker), row->worker, sizeof row->worker);
    *claim = (struct claim){
        .token = token, .claimed_at = c->now.steady_ms, .attempt = next.attempts, .reason = next.reason
    };
    str_copy(str_from(row->session), claim->session, sizeof claim->session);
    str_copy(str_from(cause), claim->cause, sizeof claim->cause);
    c->out->n++;
    c->in_flight++;
    if (c->o->by_hook) {
        c->bridge.hook_at = c->now.steady_ms;
        c->bridge.hook_runs++;
    }
    return reconnects_save(c->db, &c->now, row, &next, NULL, 0);
}

static int look_at(struct claiming *c, struct reconnect_row *row, const struct retry_bridge *view)
{
    struct retry_session session = { 0 };
    char cause[32] = "";
    struct retry_verdict v;
    int r = reconnects_session(c->db, row->bridge, row->session, &session, cause);

    if (r == RECONNECTS_NONE) /* nobody knows it any more */
        return put_off(c, row, (struct retry_verdict){ WHY_NOT_WANTED, 0 });
    if (r != 0)
        return r;
    v = retry_session_verdict(c->o->policy, &row->retry, &session, view, c->now.steady_ms);
    if (v.why == WHY_READY && c->o->by_hook && row->retry.reason == RETRY_FOR_AT_ONCE &&
        c->now.steady_ms < row->retry.seen_at + HOOK_AT_ONCE_WAIT_MS)
        v = (struct retry_verdict){ WHY_NOT_DUE, row->retry.seen_at + HOOK_AT_ONCE_WAIT_MS };
    return v.why == WHY_READY ? take(c, row, cause) : put_off(c, row, v);
}

static int take_due(struct claiming *c)
{
    struct reconnect_row row;
    struct retry_bridge view = view_of(c);
    int r = 0;

    for (int looked = 0; r == 0 && c->out->n < c->o->max && looked < LOOK_MAX * c->o->max; looked++) {
        c->out->verdict = retry_bridge_verdict(c->o->policy, &view, c->now.steady_ms);
        if (c->out->verdict.why != WHY_READY)
            break;
        r = find_due(c, &row);
        if (r == 0)
            r = look_at(c, &row, &view);
        view = view_of(c);
    }
    return r == RECONNECTS_NONE ? 0 : r;
}

/* ---- when to come back ----------------------------------------------------------------------- */

static int64_t sooner(int64_t a, int64_t b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

/* The earliest of: the next due row, the bridge's readiness if one waits, a lease or a watch that lapses. */
static int find_next_at(struct claiming *c, int64_t *ret_waiting, int64_t *ret_lapsed)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int64_t now = c->now.steady_ms, due, lapse;
    int r = sql_query(c->db,
                      "SELECT (SELECT min(due_at) FROM reconnect WHERE phase = 1 AND bridge = ?1),"
                      " (SELECT min(lease_until) FROM reconnect WHERE phase = 2 AND bridge = ?1),"
                      " (SELECT min(verify_until) + ?2 FROM reconnect WHERE phase = 3 AND bridge = ?1)",
                      &q, "si", c->o->bridge, c->o->policy->freshness_ms);

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    due = sql_int(q, 0);
    lapse = sooner(sql_int(q, 1), sql_int(q, 2));
    *ret_waiting = due > 0 && due <= now;
    *ret_lapsed = lapse > 0 && lapse <= now;
    if (*ret_waiting)
        due = c->out->verdict.why == WHY_READY ? now : c->out->verdict.until;
    c->out->next_at = sooner(due, lapse);
    return 0;
}

static int read_bridge(struct claiming *c)
{
    int r = bridges_get(c->db, c->o->bridge, &c->bridge);

    return r == 0 ? reconnects_count_in_flight(c->db, &c->now, c->o->bridge, &c->in_flight) : r;
}

static int look_around(struct claiming *c, struct clock *clock, bool *ret)
{
    struct retry_bridge view;
    int64_t waiting = 0, lapsed = 0;
    int r = steady_now(c->db, clock, &c->now);

    if (r == 0)
        r = read_bridge(c);
    if (r != 0)
        return r;
    view = view_of(c);
    c->out->verdict = retry_bridge_verdict(c->o->policy, &view, c->now.steady_ms);
    r = find_next_at(c, &waiting, &lapsed);
    *ret = lapsed || (waiting && c->out->verdict.why == WHY_READY);
    return r;
}

/* Most looks find nothing: they must not cost a write lock and a sync. */
static int is_worth_it(struct claiming *c, struct clock *clock, bool *ret)
{
    int r = db_begin_reads(c->db);

    if (r == 0)
        r = look_around(c, clock, ret);
    db_end_reads(c->db);
    return r;
}

static int claim_in_txn(struct claiming *c, struct clock *clock)
{
    int64_t waiting, lapsed;
    int r = steady_now(c->db, clock, &c->now);

    if (r == 0)
        r = read_bridge(c);
    if (r == 0)
        r = repair_lapsed(c);
    if (r == 0)
        r = reconnects_count_in_flight(c->db, &c->now, c->o->bridge, &c->in_flight);
    c->bridge.bucket = bucket_hold(c->o->policy, &c->bridge.bucket, c->in_flight, c->now.steady_ms);
    if (r == 0)
        r = take_due(c);
    if (r == 0)
        r = bridges_save(c->db, &c->bridge);
    return r == 0 ? find_next_at(c, &waiting, &lapsed) : r;
}

int reconnects_claim(struct db *db, struct clock *clock, struct rng *rng, const struct claim_options *o,
                     struct claims *ret)
{
    struct claims out = { 0 };
    struct claiming c = { .db = db, .o = o, .rng = rng, .out = &out };
    bool worth_it = false;
    int r = is_worth_it(&c, clock, &worth_it);

    if (r == 0 && worth_it) {
        r = db_begin(db);
        if (r == 0)
            r = claim_in_txn(&c, clock);
        if (r == 0)
            r = db_commit(db);
        else
            db_rollback(db);
    }
    out.now = c.now;
    if (r == 0)
        *ret = out;
    return r;
}

/* ---- the call is over ------------------------------------------------------------------------ */

struct calling {
    struct db *db;
    struct rng *rng;
    const struct policy *policy;
    const struct call_result *result;
    struct now now;
};

static int tell_breaker(struct calling *c, const struct reconnect_row *row, bool fault)
{
    struct breaker_window window = { 0 };
    struct bridge_row bridge;
    int64_t gen = 0, after, in_flight = 0;
    int r = bridges_get(c->db, row->bridge, &bridge);

    if (r == 0)
        r = attempts_breaker_gen(c->db, row->retry.token, &gen);
    if (r == 0) /* this one is still among them */
        r = reconnects_count_in_flight(c->db, &c->now, row->bridge, &in_flight);
    if (r != 0)
        return r;
    bridge.bucket = bucket_hold(c->policy, &bridge.bucket, in_flight, c->now.steady_ms);
    after = c->now.steady_ms - c->policy->breaker_window_ms;
    if (after < bridge.breaker.since)
        after = bridge.breaker.since;
    r = attempts_window(c->db, row->bridge, after, &window);
    if (c->result->call.outcome == ATTEMPT_NOT_SENT)
        bridge.breaker = breaker_forget(&bridge.breaker, gen);
    else
        bridge.breaker = breaker_answer(c->policy, &bridge.breaker, gen, fault, window,
                                        (unsigned)rng_below(c->rng, 1001), c->now.steady_ms);
    return r == 0 ? bridges_save(c->db, &bridge) : r;
}

static int record(struct calling *c, struct reconnect_row *row)
{
    bool fault = c->result->call.outcome == ATTEMPT_BRIDGE_FAULT;
    struct retry_session session = { 0 };
    uint64_t rand64 = rng_next(c->rng);
    enum attempt_outcome outcome;
    struct retry next;
    int r = reconnects_session(c->db, row->bridge, row->session, &session, NULL);

    if (r == 0)
        r = attempts_answered(c->db, &c->now, row->retry.token, c->result, fault);
    if (r == 0)
        r = tell_breaker(c, row, fault);
    if (r != 0)
        return r == RECONNECTS_NONE ? RECONNECTS_STALE : r;
    next = retry_called(c->policy, &row->retry, &c->result->call, session.state, rand64, c->now.steady_ms,
                        &outcome);
    if (!attempt_outcome_is_open(outcome))
        r = attempts_end(c->db, &c->now, row->retry.token, outcome, &next, NULL);
    if (r == 0 && outcome == ATTEMPT_SUCCEEDED)
        r = bridges_hook_helped(c->db, row->bridge);
    return r == 0 ? reconnects_save(c->db, &c->now, row, &next, NULL, rand64) : r;
}

static int called_in_txn(struct calling *c, struct clock *clock, const char *bridge, const char *session,
                         int64_t token)
{
    struct reconnect_row row;
    int r = steady_now(c->db, clock, &c->now);

    if (r == 0)
        r = reconnects_find(c->db, bridge, session, &row);
    if (r != 0)
        return r == RECONNECTS_NONE ? RECONNECTS_STALE : r;
    if (row.retry.token != token || row.retry.phase != RETRY_CALLING)
        return RECONNECTS_STALE;
    return record(c, &row);
}

int reconnects_called(struct db *db, struct clock *clock, struct rng *rng, const struct policy *p,
                      const char *bridge, const char *session, int64_t token,
                      const struct call_result *result)
{
    struct calling c = { .db = db, .rng = rng, .policy = p, .result = result };
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, called_in_txn(&c, clock, bridge, session, token)) : r;
}
