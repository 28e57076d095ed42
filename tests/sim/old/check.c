/*
 * The promises, each held against the truth: true time instead of steady time, what the bridge really got
 * instead of what was recorded, sums of its own instead of the policy's.
 */
#include "tests/sim/old/sim.h"

#include <stdlib.h>

/* An attempt may be made for a session that has really been connected for less than this: nobody may have
 * heard of it yet (no webhook, no sweep, a monitor that died and whose word still holds). */
#define STALE_MAX_MS(s) ((int64_t)4 * (s)->rules.check_ms + 10 * 1000)
/* R5 allows 15 s; a tick at either end is not counted exactly. */
#define SLACK_MS (15 * 1000 + 2 * SIM_TICK_MS)
/* Probes are answered within a call's time, or their worker's lease lapses. */
#define HALF_OPEN_MAX_MS (300 * 1000)

static void read_session(struct sim *s, const char *id, struct session_row *row, struct reconnect_row *rec)
{
    sim_must(s, sessions_find(s->db, SIM_BRIDGE, id, row), "sessions_find");
    *rec = (struct reconnect_row){ 0 };
    (void)reconnects_find(s->db, SIM_BRIDGE, id, rec);
}

/* ---- R3: a bucket of its own, in true time --------------------------------------------------- */

static double ramp(const struct sim *s, double t)
{
    double x = (t - (double)s->ref_slow_from) / (double)s->policy.slow_start_ms;

    return s->ref_slow_from == 0 || x >= 1 ? 1 : 0.1 + 0.9 * x;
}

/* Whole tokens that came in, by adding up small pieces of time. */
static double income(const struct sim *s, int64_t from, int64_t to)
{
    const int64_t step = 100;
    double sum = 0, rate = (double)s->policy.rate_milli / 1e6;

    if (to - from > 600 * 1000)
        return 1e9;
    for (int64_t t = from; t < to; t += step) {
        int64_t end = t + step < to ? t + step : to;

        sum += rate * (double)(end - t) * (ramp(s, (double)t) + ramp(s, (double)end)) / 2;
    }
    return sum;
}

static double size(const struct sim *s)
{
    double n = (double)s->policy.burst * ramp(s, (double)s->t);

    return n > 1 ? n : 1;
}

static void fill_ref(struct sim *s)
{
    s->ref_tokens += income(s, s->ref_at, s->t);
    if (s->ref_tokens > size(s))
        s->ref_tokens = size(s);
    s->ref_at = s->t;
}

void check_slow_start(struct sim *s)
{
    fill_ref(s);
    s->ref_slow_from = s->t;
    if (s->ref_tokens > size(s))
        s->ref_tokens = size(s);
}

static void check_bucket(struct sim *s)
{
    fill_ref(s);
    s->ref_tokens -= 1;
    if (s->ref_tokens < -0.01)
        sim_fail(s, "R3: %.3f tokens too many were given", -s->ref_tokens);
}

void check_reset(struct sim *s, struct sim_session *x)
{
    for (int i = 0; i < s->n_sessions && s->outdated; i++) {
        s->sessions[i].reset_t = s->t;
        s->sessions[i].unsaid_t = 0; /* somebody has said: try it now */
    }
    s->outdated = false;
    x->reset_t = s->t;
    x->unsaid_t = 0;
}

/* ---- claims: R1, R4 -------------------------------------------------------------------------- */

void check_before_claim(struct sim *s)
{
    struct bridge_row row = { 0 };

    s->breaker_allows = INT64_MAX;
    if (bridges_find(s->db, SIM_BRIDGE, &row) != 0)
        return;
    if (row.breaker.state == BREAKER_OPEN)
        s->breaker_allows = sim_now(s).steady_ms < row.breaker.until ? 0 : s->policy.breaker_probes;
    else if (row.breaker.state == BREAKER_HALF_OPEN) /* none was answered for long: all of them again */
        s->breaker_allows = sim_now(s).steady_ms < row.breaker.since + 60 * 1000
                                ? s->policy.breaker_probes - row.breaker.probes
                                : s->policy.breaker_probes;
}

/* The repair of a dead worker's probe lets one more go. */
void check_breaker(struct sim *s, const struct claims *c)
{
    if (c->n - c->repaired > s->breaker_allows)
        sim_fail(s, "R4: %d attempts, and the breaker allows %lld", c->n, (long long)s->breaker_allows);
}

static void check_bridge_row(struct sim *s)
{
    struct bridge_row row = { 0 };

    sim_must(s, bridges_find(s->db, SIM_BRIDGE, &row), "bridges_find");
    if (row.health != BRIDGE_HEALTH_UP || row.incident_since > 0 || row.outdated_since > 0)
        sim_fail(s, "R4: an attempt while the bridge is not well");
    if (row.breaker.probes > s->policy.breaker_probes)
        sim_fail(s, "R4: an attempt past the breaker");
}

static void check_state(struct sim *s, const struct sim_call *c)
{
    const struct sim_session *x = &s->sessions[c->session];
    struct session_row row = { 0 };
    struct reconnect_row rec;

    read_session(s, x->id, &row, &rec);
    if (row.state != SESSION_DISCONNECTED &&
        !(row.state == SESSION_FAILED && c->claim.reason == RETRY_FOR_OPERATOR))
        sim_fail(s, "R4: an attempt for %s, which is %s", x->id, session_state_text(row.state));
    if (x->parked)
        sim_fail(s, "R4: an attempt for %s, which is parked", x->id);
    if (x->connected_since > 0 && s->t - x->connected_since > STALE_MAX_MS(s))
        sim_fail(s, "R4: an attempt for %s, connected for %.0f s", x->id,
                 (double)(s->t - x->connected_since) / 1000);
}

/* 515: once, and again only after ten good minutes or somebody's unpark. */
static void check_at_once(struct sim *s, struct sim_session *x)
{
    if (x->at_once_t > 0 && x->reset_t <= x->at_once_t)
        sim_fail(s, "R2: %s is restarted at once a second time", x->id);
    x->at_once_t = s->t;
}

static void remember_token(struct sim *s, const struct sim_call *c)
{
    if (c->claim.token != s->n_claims)
        sim_fail(s, "R1: token %lld instead of %lld", (long long)c->claim.token, (long long)s->n_claims);
    if (s->n_claims >= s->cap_tokens) {
        s->cap_tokens = s->cap_tokens ? 2 * s->cap_tokens : 1024;
        s->tokens = realloc(s->tokens, (size_t)s->cap_tokens * sizeof *s->tokens);
    }
    if (!s->tokens)
        abort();
    s->tokens[s->n_claims] = (struct sim_token){ .session = c->session, .claimed_t = s->t };
}

/* An attempt is made on what the monitor has seen since the last one. */
static void check_looked(struct sim *s, const struct sim_session *x)
{
    if (x->last_sent > 0 && x->looked_t <= x->last_sent && !x->exempt)
        sim_fail(s, "R4: %s is attempted again, and nobody has looked at it in between", x->id);
}

/* The webhook that forbids it may be on its way. */
static void check_asked(struct sim *s, const struct sim_session *x, const struct sim_call *c)
{
    if (c->claim.reason == RETRY_FOR_DROP && x->unsaid_t > 0 && s->t - x->unsaid_t < s->policy.cause_grace_ms)
        sim_fail(s, "R4: %s is attempted %.3f s after a look found it down, before its cause could arrive",
                 x->id, (double)(s->t - x->unsaid_t) / 1000);
}

static void check_in_flight(struct sim *s)
{
    int64_t n = 0;

    for (int i = 0; i < SIM_CALLS_MAX; i++)
        n += s->calls[i].used && s->t < s->calls[i].claimed_t + s->policy.lease_ms;
    if (n > s->policy.in_flight_max)
        sim_fail(s, "%lld calls are in flight", (long long)n);
}

void check_claim(struct sim *s, const struct sim_call *c)
{
    struct sim_session *x = &s->sessions[c->session];

    s->n_claims++;
    remember_token(s, c);
    if (s->t < x->leased_until)
        sim_fail(s, "R1: %s is claimed while another claim holds", x->id);
    x->leased_until = s->t + s->policy.lease_ms;
    x->exempt =
        c->claim.reason == RETRY_FOR_AT_ONCE || (x->forced != RETRY_FOR_NONE && x->forced == c->claim.reason);
    if (c->claim.reason == RETRY_FOR_AT_ONCE)
        check_at_once(s, x);
    x->forced = RETRY_FOR_NONE;
    x->waiting = 0;
    x->eligible = false;
    x->attempts++;
    check_bucket(s);
    check_looked(s, x);
    check_asked(s, x, c);
    check_in_flight(s);
    check_bridge_row(s);
    check_state(s, c);
}

/* ---- requests: R1, R2 ------------------------------------------------------------------------ */

void check_sent(struct sim *s, struct sim_call *c)
{
    struct sim_session *x = &s->sessions[c->session];

    if (s->t >= c->claimed_t + s->policy.lease_ms)
        sim_fail(s, "R1: a request for %s leaves after its lease", x->id);
    for (int i = 0; i < SIM_CALLS_MAX; i++) {
        const struct sim_call *o = &s->calls[i];

        if (o != c && o->used && o->session == c->session && o->sent_t > 0 &&
            (o->closed_t == 0 || o->closed_t > s->t) && s->t < o->claimed_t + s->policy.lease_ms)
            sim_fail(s, "R1: two requests for %s are in flight", x->id);
    }
    if (x->last_sent > 0 && s->t - x->last_sent < s->policy.interval_ms && !x->exempt)
        sim_fail(s, "R2: %s is attempted %.3f s after the last time", x->id,
                 (double)(s->t - x->last_sent) / 1000);
    x->last_sent = s->t;
}

void check_called(struct sim *s, const struct sim_call *c, int r)
{
    struct sim_session *x = &s->sessions[c->session];

    if (r == RECONNECT_STALE && s->t < c->claimed_t + s->policy.lease_ms)
        sim_fail(s, "R1: the record of %s is refused while its lease holds", x->id);
    else if (r == 0 && s->tokens[c->claim.token].told)
        sim_fail(s, "R1: the record of %s is taken after its attempt was ended", x->id);
    else if (r != RECONNECT_STALE)
        sim_must(s, r, "reconnect_called");
    if (r == 0)
        x->leased_until = 0;
}

/* ---- ends: R6, and each told once ------------------------------------------------------------ */

void check_told(struct sim *s, const struct attempt_row *row)
{
    struct sim_token *t = &s->tokens[row->token];
    struct sim_session *x = &s->sessions[t->session];

    s->n_told++;
    if (row->token > s->n_claims || t->told)
        sim_fail(s, "the end of attempt %lld is told twice", (long long)row->token);
    t->told = true;
    if (attempt_outcome_is_open(row->outcome))
        sim_fail(s, "an attempt that is still open is told");
    if (row->outcome == ATTEMPT_SUCCEEDED && x->reported_shown < t->claimed_t)
        sim_fail(s, "R6: the attempt for %s succeeded, but nobody has seen it connected", x->id);
    if (row->outcome == ATTEMPT_REFUSED || row->outcome == ATTEMPT_NOT_CONNECTED)
        x->counted++;
    if (row->outcome == ATTEMPT_WORKER_LOST && s->t < t->claimed_t + s->policy.lease_ms)
        sim_fail(s, "R1: the claim of %s is taken away while its lease holds", x->id);
}

/* ---- R5 -------------------------------------------------------------------------------------- */

static bool is_worker_ready(const struct sim *s)
{
    for (int w = 0; w < s->n_workers; w++)
        if (s->workers[w].alive && s->workers[w].stalled_until <= s->t &&
            s->workers[w].calls < s->policy.in_flight_max)
            return true;
    return false;
}

/* Nothing but the bucket may stand in the way. */
static bool is_gate_open(struct sim *s, const struct now *now, struct bridge_row *row)
{
    int64_t in_flight = 0;

    if (bridges_find(s->db, SIM_BRIDGE, row) != 0 || !is_worker_ready(s))
        return false;
    sim_must(s, reconnects_count_in_flight(s->db, now, SIM_BRIDGE, &in_flight), "count_in_flight");
    return row->health == BRIDGE_HEALTH_UP && row->incident_since == 0 && row->outdated_since == 0 &&
           now->steady_ms < row->fresh_until && in_flight < s->policy.in_flight_max &&
           row->breaker.state == BREAKER_CLOSED;
}

static bool is_eligible(const struct sim *s, const struct session_row *row, const struct retry *r,
                        const struct bridge_row *bridge, const struct now *now)
{
    bool slow = r->phase == RETRY_DUE && r->reason == RETRY_FOR_SLOW && r->due_at > now->steady_ms;

    if (row->state != SESSION_DISCONNECTED || (r->phase != RETRY_IDLE && r->phase != RETRY_DUE) || slow)
        return false;
    if (now->steady_ms < row->suppressed_until)
        return false;
    if (r->last_sent == 0)
        return true;
    return now->steady_ms >= r->last_sent + s->policy.interval_ms &&
           (r->seen_at > r->last_sent || bridge->swept_at > r->last_sent);
}

struct ticking {
    struct sim *s;
    struct now now;
    struct bridge_row bridge;
    bool open;
    int64_t n_eligible;
};

static void wait_more(struct sim *s, struct sim_session *x)
{
    int64_t limit = x->place * 1000 * 1000 / s->policy.rate_milli + SLACK_MS;

    x->waiting += (int64_t)((double)SIM_TICK_MS * ramp(s, (double)(s->t - SIM_TICK_MS)));
    if (x->waiting > limit)
        sim_fail(s, "R5: %s has been eligible for %.0f s (place %lld) and is not attempted", x->id,
                 (double)x->waiting / 1000, (long long)x->place);
}

static void tell_waiting(struct sim *s, const struct session_row *row, const struct retry *r,
                         const struct ticking *k)
{
    sim_log(s, "%s waits %.0f s: %s, due %.1f, last sent %.1f, suppressed %.1f, now %.1f", row->id,
            (double)s->sessions[sim_find(s, row->id)].waiting / 1000, retry_phase_text(r->phase),
            (double)r->due_at / 1000, (double)r->last_sent / 1000, (double)row->suppressed_until / 1000,
            (double)k->now.steady_ms / 1000);
}

static int look_at(void *ctx, const struct session_row *row)
{
    struct ticking *k = ctx;
    struct sim_session *x = &k->s->sessions[sim_find(k->s, row->id)];
    struct reconnect_row rec = { 0 };
    bool was = x->eligible;

    if (row->state != SESSION_DISCONNECTED && row->state != SESSION_FAILED) {
        x->eligible = false;
        return 0;
    }
    (void)reconnects_find(k->s->db, SIM_BRIDGE, row->id, &rec);
    k->n_eligible +=
        row->state == SESSION_FAILED && rec.retry.phase == RETRY_DUE; /* unparked: in the queue */
    x->eligible = is_eligible(k->s, row, &rec.retry, &k->bridge, &k->now);
    k->n_eligible += x->eligible;
    if (x->eligible && !was) {
        x->waiting = 0;
        x->place = -1;
    } else if (x->eligible && k->open) {
        wait_more(k->s, x);
        if (x->waiting > SLACK_MS)
            tell_waiting(k->s, row, &rec.retry, k);
    }
    return 0;
}

static void check_half_open(struct sim *s, const struct ticking *k)
{
    bool half = k->bridge.breaker.state == BREAKER_HALF_OPEN && k->bridge.health == BRIDGE_HEALTH_UP &&
                k->bridge.incident_since == 0 && k->bridge.outdated_since == 0 && k->n_eligible > 0 &&
                k->now.steady_ms < k->bridge.fresh_until && is_worker_ready(s);

    s->half_open_ms = half ? s->half_open_ms + SIM_TICK_MS : 0;
    if (s->half_open_ms > HALF_OPEN_MAX_MS)
        sim_fail(s, "R5: the breaker stays half open");
}

void check_tick(struct sim *s, int64_t a, int64_t b)
{
    struct ticking k = { .s = s };
    bool open;

    sim_at(s, s->t + SIM_TICK_MS, check_tick, 0, 0);
    if (s->t < s->powered_at)
        return;
    k.now = sim_now(s);
    open = is_gate_open(s, &k.now, &k.bridge);
    k.open = open && s->gate_open;
    s->gate_open = open;
    sim_must(s, sessions_each(s->db, SIM_BRIDGE, look_at, &k), "sessions_each");
    for (int i = 0; i < s->n_sessions; i++)
        if (s->sessions[i].eligible && s->sessions[i].place < 0)
            s->sessions[i].place = k.n_eligible;
    check_half_open(s, &k);
}

void check_start(struct sim *s)
{
    s->ref_tokens = (double)s->policy.burst;
    s->ref_at = s->t;
    sim_at(s, s->t + SIM_TICK_MS, check_tick, 0, 0);
}

/* ---- the end: after the calm nothing is left hanging ----------------------------------------- */

static bool is_settled(const struct sim *s, const struct session_row *row, const struct retry *r,
                       const struct now *now)
{
    if (r->phase == RETRY_CALLING)
        return now->steady_ms < r->lease_until + SIM_TICK_MS;
    if (r->phase == RETRY_VERIFYING)
        return now->steady_ms < r->verify_until + s->policy.freshness_ms + SIM_TICK_MS;
    return row->state != SESSION_DISCONNECTED || r->phase != RETRY_IDLE;
}

static void check_settled(struct sim *s, int i, const struct now *now, int64_t *open)
{
    struct sim_session *x = &s->sessions[i];
    struct session_row row = { 0 };
    struct reconnect_row rec;
    bool shown = x->state == SESSION_CONNECTED;

    read_session(s, x->id, &row, &rec);
    *open += rec.retry.phase == RETRY_CALLING || rec.retry.phase == RETRY_VERIFYING;
    if (!is_settled(s, &row, &rec.retry, now))
        sim_fail(s, "%s is %s and %s: nobody will ever do anything", x->id, session_state_text(row.state),
                 retry_phase_text(rec.retry.phase));
    if (shown != (row.state == SESSION_CONNECTED) && s->t - x->since > 2 * s->rules.check_ms &&
        x->kind != SIM_SHAKY)
        sim_fail(s, "%s is recorded as %s, and really is %s", x->id, session_state_text(row.state),
                 session_state_text(x->state));
    if (rec.retry.park == RETRY_PARK_FAILURES &&
        x->counted + 1 < s->policy.failures_max) /* one may not be told yet */
        sim_fail(s, "%s is parked after %lld failures of its own", x->id, (long long)x->counted);
}

void check_end(struct sim *s)
{
    struct now now = sim_now(s);
    int64_t open = 0;

    for (int i = 0; i < s->n_sessions && !s->failed; i++)
        check_settled(s, i, &now, &open);
    if (!s->failed && s->n_told < s->n_claims - open - SIM_WORKERS_MAX)
        sim_fail(s, "%lld attempts, %lld open, and only %lld told", (long long)s->n_claims, (long long)open,
                 (long long)s->n_told);
}
