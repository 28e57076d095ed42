/*
 * Recording the end of a call: the attempt, the session's retry, the bridge's bucket and breaker.
 */
#include "common/base/text.h"
#include "common/reconnect/reconnect.h"
#include "common/store/txn.h"

struct calling {
    struct db *db;
    struct rng *rng;
    const struct policy *policy;
    const struct call_result *result;
    struct now now;
    bool own_fault; /* a fault that is the session's, not the bridge's */
};

static int feed_breaker(struct calling *c, const struct reconnect_row *row, bool fault)
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
    after = c->now.steady_ms - c->policy->breaker.window_ms;
    if (after < bridge.breaker.since)
        after = bridge.breaker.since;
    r = attempts_window(c->db, row->bridge, after, &window);
    if (c->result->call.outcome == ATTEMPT_THROTTLED)
        bridge.bucket = bucket_pause(&bridge.bucket, c->now.steady_ms + c->result->call.wait_ms);
    if (c->result->call.outcome == ATTEMPT_NOT_SENT || c->result->call.outcome == ATTEMPT_THROTTLED ||
        c->own_fault)
        bridge.breaker = breaker_forget(&bridge.breaker, gen);
    else
        bridge.breaker = breaker_answer(&c->policy->breaker, &bridge.breaker, gen, fault, window,
                                        (unsigned)rng_below(c->rng, 1001), c->now.steady_ms);
    return r == 0 ? bridges_save(c->db, &bridge) : r;
}

static int record_answer(struct calling *c, int64_t token, bool fault)
{
    struct attempt_row answer = { .outcome = c->result->call.outcome,
                                  .http_status = c->result->http_status,
                                  .took_ms = c->result->took_ms,
                                  .answered_at = c->now.steady_ms,
                                  .fault = fault };

    str_copy(str_from(c->result->detail ? c->result->detail : ""), answer.detail, sizeof answer.detail);
    return attempts_answered(c->db, token, &answer);
}

/* Sets own_fault. */
static int assign_fault(struct calling *c, const struct reconnect_row *row)
{
    struct retry_fault f = { .answered = c->result->http_status > 0 };
    struct bridge_row bridge;
    int64_t before = 0;
    int r;

    if (c->result->call.outcome != ATTEMPT_BRIDGE_FAULT)
        return 0;
    r = attempts_before(c->db, row->bridge, row->session, row->retry.token, &before, &f.repeated);
    if (r == 0 && f.repeated)
        r = attempts_of_others(c->db, row->bridge, row->session, before,
                               before - policy_spacing_ms(c->policy), &f.well, &f.bad);
    if (r == 0)
        r = bridges_get(c->db, row->bridge, &bridge);
    if (r != 0)
        return r;
    f.bridge_well =
        bridge.health == BRIDGE_HEALTH_UP && bridge.incident_since == 0 && bridge.swept_at > before;
    c->own_fault = retry_fault_is_own(&f);
    return 0;
}

static int record(struct calling *c, struct reconnect_row *row)
{
    struct retry_call call = c->result->call;
    bool fault;
    struct retry_session session = { 0 };
    uint64_t rand64 = rng_next(c->rng);
    enum attempt_outcome outcome;
    struct retry next;
    int r = reconnects_session(c->db, row->bridge, row->session, &session, NULL);

    if (r == 0)
        r = assign_fault(c, row);
    fault = call.outcome == ATTEMPT_BRIDGE_FAULT && !c->own_fault;
    if (c->own_fault)
        call.outcome = ATTEMPT_REFUSED; /* it counts against the session, which is parked in the end */
    if (r == 0)
        r = record_answer(c, row->retry.token, fault);
    if (r == 0)
        r = feed_breaker(c, row, fault);
    if (r != 0)
        return r == RECONNECTS_NONE ? RECONNECT_STALE : r;
    next = retry_called(c->policy, &row->retry, &call, session.state, rand64, c->now.steady_ms, &outcome);
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
        return r == RECONNECTS_NONE ? RECONNECT_STALE : r;
    if (row.retry.token != token || row.retry.phase != RETRY_CALLING)
        return RECONNECT_STALE;
    return record(c, &row);
}

int reconnect_called(struct db *db, struct clock *clock, struct rng *rng, const struct policy *p,
                     const char *bridge, const char *session, int64_t token, const struct call_result *result)
{
    struct calling c = { .db = db, .rng = rng, .policy = p, .result = result };
    struct txn t;
    int r = txn_begin_bridge(&t, db, bridge);

    return r == 0 ? txn_end(&t, called_in_txn(&c, clock, bridge, session, token)) : r;
}
