/*
 * Claiming: one transaction, so that eligibility, spacing, bucket, breaker and lease are decided on one
 * state, beside any other worker.
 */
#include "common/base/text.h"
#include "common/reconnect/reconnect.h"

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

    v.by_hook = c->o->by_hook;
    if (v.by_hook)
        v.hook_until = retry_hook_until(c->bridge.hook_at, c->bridge.hook_runs, c->o->hook_spacing_ms);
    return v;
}

/* ---- lapsed attempts end ------------------------------------------------------------------ */

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

static int repair_lapsed(struct claiming *c)
{
    struct reconnect_row row;
    int r = 0;

    for (int i = 0; r == 0 && i < RETRY_REPAIR_MAX; i++) {
        r = reconnects_first_lapsed(c->db, c->o->bridge, c->now.steady_ms,
                                    c->now.steady_ms - c->o->policy->freshness_ms, &row);
        if (r == 0)
            r = repair_one(c, &row);
    }
    return r == RECONNECTS_NONE ? 0 : r;
}

/* ---- due sessions are taken ---------------------------------------------------------------------- */

static int put_off(struct claiming *c, struct reconnect_row *row, struct retry_verdict v)
{
    struct retry next = retry_put_off(&row->retry, v, c->now.steady_ms);

    return reconnects_save(c->db, &c->now, row, &next, NULL, rng_next(c->rng));
}

static int take(struct claiming *c, struct reconnect_row *row, const char *cause)
{
    struct claim *claim = &c->out->claim[c->out->n];
    struct attempt_row attempt = { .attempt = row->retry.attempts + 1,
                                   .reason = row->retry.reason,
                                   .at = c->now.wall_ms,
                                   .took_ms = -1,
                                   .published = true };
    struct retry next;
    int64_t token = 0;
    int r;

    c->bridge.bucket = bucket_take(c->o->policy, &c->bridge.bucket, c->now.steady_ms);
    c->bridge.breaker = breaker_take(&c->o->policy->breaker, &c->bridge.breaker, c->now.steady_ms);
    str_copy(str_from(row->bridge), attempt.bridge, sizeof attempt.bridge);
    str_copy(str_from(row->session), attempt.session, sizeof attempt.session);
    str_copy(str_from(cause), attempt.cause, sizeof attempt.cause);
    str_copy(str_from(c->o->worker), attempt.worker, sizeof attempt.worker);
    attempt.breaker_gen = c->bridge.breaker.gen;
    r = attempts_begin(c->db, &attempt, &token);
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

static int examine(struct claiming *c, struct reconnect_row *row, const struct retry_bridge *view)
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
    return v.why == WHY_READY ? take(c, row, cause) : put_off(c, row, v);
}

static int take_due(struct claiming *c)
{
    struct reconnect_row row;
    struct retry_bridge view = view_of(c);
    int r = 0;

    for (int examined = 0; r == 0 && c->out->n < c->o->max && examined < RETRY_EXAMINE_MAX * c->o->max;
         examined++) {
        c->out->verdict = retry_bridge_verdict(c->o->policy, &view, c->now.steady_ms);
        if (c->out->verdict.why != WHY_READY)
            break;
        r = reconnects_first_due(c->db, c->o->bridge, c->now.steady_ms, &row);
        if (r == 0)
            r = examine(c, &row, &view);
        view = view_of(c);
    }
    return r == RECONNECTS_NONE ? 0 : r;
}

/* ---- when to come back ----------------------------------------------------------------------- */

static int64_t sooner(int64_t a, int64_t b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

/* The earliest of: the next due row, the bridge's readiness if one waits, a lease or a verification that
 * lapses. */
static int find_next_at(struct claiming *c, bool *ret_waiting, bool *ret_lapsed)
{
    int64_t now = c->now.steady_ms, due, lapse;
    struct reconnect_times t;
    int r = reconnects_times(c->db, c->o->bridge, &t);

    if (r != 0)
        return r;
    due = t.due_at;
    lapse = sooner(t.lease_until, t.verify_until > 0 ? t.verify_until + c->o->policy->freshness_ms : 0);
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

static int survey(struct claiming *c, struct clock *clock, bool *ret)
{
    struct retry_bridge view;
    bool waiting = false, lapsed = false;
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

/* Most calls find nothing to do: they must not cost a write lock and a sync. */
static int is_worth_it(struct claiming *c, struct clock *clock, bool *ret)
{
    int r = db_begin_reads(c->db);

    if (r == 0)
        r = survey(c, clock, ret);
    db_end_reads(c->db);
    return r;
}

/* Another worker may have taken what the survey saw: then there is nothing to write, and nothing to sync. */
static int save_bridge(struct claiming *c)
{
    return c->out->n > 0 || c->out->repaired > 0 ? bridges_save(c->db, &c->bridge) : 0;
}

static int claim_in_txn(struct claiming *c, struct clock *clock)
{
    bool waiting, lapsed;
    int r = steady_now(c->db, clock, &c->now);

    if (r == 0)
        r = read_bridge(c); /* calls that have lapsed are not in flight for it */
    if (r == 0)
        r = repair_lapsed(c);
    c->bridge.bucket = bucket_hold(c->o->policy, &c->bridge.bucket, c->in_flight, c->now.steady_ms);
    if (r == 0)
        r = take_due(c);
    if (r == 0)
        r = save_bridge(c);
    return r == 0 ? find_next_at(c, &waiting, &lapsed) : r;
}

int reconnect_claim(struct db *db, struct clock *clock, struct rng *rng, const struct claim_options *o,
                    struct claims *ret)
{
    struct claims out = { 0 };
    struct claiming c = { .db = db, .o = o, .rng = rng, .out = &out };
    bool worth_it = false;
    int r = is_worth_it(&c, clock, &worth_it);

    if (r == 0 && worth_it) {
        r = db_begin_bridge(db, o->bridge);
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
