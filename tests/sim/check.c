/*
 * R1 to R6, each held against the truth: true time instead of steady time, the calls that the bridge really got instead of
 * the recorded ones, sums of its own instead of the policy's.
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/domain/cause.h"
#include "tests/sim/sim.h"

/* An attempt may be made for a session that has really been connected for less than this: nobody may have heard of
 * it yet (no webhook, no sweep, a monitor that died and whose word still holds). */
#define STALE_MAX_MS ((int64_t)4 * SIM_CHECK_MS + 10 * 1000)
/* A report is on its way for so long at most: a webhook that was late, or tried a second time. */
#define REPORT_MAX_MS (8 * 1000)
/* … and in the world it is tried eight times (sender.c), after at most 3, 5, 9, 17 and three times 33 s. */
#define WORLD_REPORT_MAX_MS (133 * 1000 + REPORT_MAX_MS)
/* … and with a second monitor, which takes over after the lease of the first, it waits for that. */
#define TAKE_OVER_MAX_MS (15 * 1000)
/* A worker tries again to record an answer at least this often. */
#define RECORD_MAX_MS (12 * 1000)
/* A request that waited for the breaker's row, or for the disk, was decided on by then. */
#define ANSWER_SLACK_MS 50

static void read_session(const char *id, struct session_row *row, struct reconnect_row *rec)
{
    *row = (struct session_row){ 0 };
    *rec = (struct reconnect_row){ 0 };
    sim_must(sessions_find(sim.db, SIM_BRIDGE, id, row), "sessions_find");
    (void)reconnects_find(sim.db, SIM_BRIDGE, id, rec);
}

/* ---- R3: a bucket of its own, in true time --------------------------------------------------- */

static double ramp(double t)
{
    double x = (t - (double)sim.ref_slow_from) / (double)sim.policy.slow_start_ms;

    return sim.ref_slow_from == 0 || x >= 1 ? 1 : 0.1 + 0.9 * x;
}

/* Whole tokens that came in, by adding up small pieces of time. */
static double income(int64_t from, int64_t to)
{
    const int64_t step = 100;
    double sum = 0, rate = (double)sim.policy.rate_milli / 1e6;

    if (to - from > 600 * 1000)
        return 1e9;
    for (int64_t t = from; t < to; t += step) {
        int64_t end = t + step < to ? t + step : to;

        sum += rate * (double)(end - t) * (ramp((double)t) + ramp((double)end)) / 2;
    }
    return sum;
}

static double size(void)
{
    double n = (double)sim.policy.burst * ramp((double)world_now()); /* the ramp only grows */

    return n > 1 ? n : 1;
}

static void fill_ref(int64_t t)
{
    sim.ref_tokens += income(sim.ref_at, t);
    if (sim.ref_tokens > size())
        sim.ref_tokens = size();
    sim.ref_at = t > sim.ref_at ? t : sim.ref_at;
}

void check_slow_start(int64_t t)
{
    fill_ref(t);
    sim.ref_slow_from = t;
    if (sim.ref_tokens > size())
        sim.ref_tokens = size();
}

/* A claim counts from when it was decided: a worker may be stopped until its commit. */
static void check_bucket(int64_t t)
{
    fill_ref(t);
    sim.ref_tokens -= 1;
    if (sim.ref_tokens < -0.01)
        world_fail("R3: %.3f tokens too many were given", -sim.ref_tokens);
}

void check_reset(struct sim_session *x)
{
    x->reset_t = world_now();
    x->unexplained_t = 0; /* somebody has said: try it now */
}

/* ---- claims: R1, R4 -------------------------------------------------------------------------- */

/* Only for a claim that was decided now: one whose worker was stopped before its commit was decided on the row as
 * it stood then, which later commits may have changed. */
static void check_bridge_row(void)
{
    struct bridge_row row = { 0 };

    sim_must(bridges_find(sim.db, SIM_BRIDGE, &row), "bridges_find");
    if (row.health != BRIDGE_HEALTH_UP || row.incident_since > 0 || row.outdated_since > 0)
        world_fail("R4: an attempt while the bridge is not well");
    /* Several commits of one instant are seen together: the breaker may have opened after the claim. */
    if (row.breaker.state == BREAKER_OPEN && row.breaker.since < sim_steady().steady_ms)
        world_fail("R4: an attempt while the breaker is open");
    if (row.breaker.probes > sim.policy.breaker.probes)
        world_fail("R4: an attempt past the breaker");
}

static void check_state(const struct sim_session *x, const struct attempt_row *a)
{
    struct session_row row;
    struct reconnect_row rec;

    read_session(x->id, &row, &rec);
    if (row.state != SESSION_DISCONNECTED &&
        !(row.state == SESSION_FAILED &&
          (a->reason == RETRY_FOR_OPERATOR ||
           (a->reason == RETRY_FOR_BAN_OVER && row.ban_until > 0 && row.ban_until <= world_wall()))))
        world_fail("R4: an attempt for %s, which is %s", x->id, session_state_text(row.state));
    if (x->parked)
        world_fail("R4: an attempt for %s, which is parked", x->id);
    if (x->connected_since > 0 && world_now() - x->connected_since > STALE_MAX_MS)
        world_fail("R4: an attempt for %s, connected for %.0f s", x->id,
                   (double)(world_now() - x->connected_since) / 1000);
}

/* 515: once, and again only after ten good minutes or somebody's unpark. */
static void check_at_once(struct sim_session *x)
{
    if (x->at_once_t > 0 && x->reset_t <= x->at_once_t)
        world_fail("R2: %s is restarted at once a second time", x->id);
    x->at_once_t = world_now();
}

/* An attempt is made on news of the bridge since the last one. */
static void check_shown(const struct sim_session *x)
{
    if (x->last_sent > 0 && x->shown <= x->last_sent && !x->exempt && !x->unread)
        world_fail("R4: %s is attempted again, and the bridge has said nothing of it in between", x->id);
}

/* A session that the phone has removed, as the bridge has said. */
static void check_logged_out(const struct sim_session *x)
{
    if (sim.options.world && x->state == SESSION_LOGGED_OUT && x->shown > x->since &&
        world_now() - x->since > STALE_MAX_MS)
        world_fail("R4: %s is attempted, and has been logged out for %.0f s", x->id,
                   (double)(world_now() - x->since) / 1000);
}

void check_lost_session(const struct sim_session *x)
{
    bool was_removed = x->removed || (x->returned_t > 0 && world_now() - x->returned_t < STALE_MAX_MS);

    if (sim.options.world && sim.mode == SIM_FINE && !was_removed)
        world_fail("T2: %s is called lost after one list that lied", x->id);
}

/* The webhook that forbids it may be on its way. */
static void check_unexplained(const struct sim_session *x, const struct attempt_row *a)
{
    if (a->reason == RETRY_FOR_DROP && x->unexplained_t > 0 &&
        world_now() - x->unexplained_t < sim.policy.cause_grace_ms - ANSWER_SLACK_MS)
        world_fail("R4: %s is attempted %.3f s after a poll found it down, before its cause could arrive",
                   x->id, (double)(world_now() - x->unexplained_t) / 1000);
}

static void check_in_flight(void)
{
    int64_t n = 0;

    for (int64_t token = sim.open_from; token <= sim.n_attempts; token++)
        n += sim.attempts[token].outcome == ATTEMPT_CALLING && !sim.attempts[token].ended &&
             world_now() < sim.attempts[token].claimed_t + sim.policy.lease_ms;
    if (n > sim.policy.in_flight_max)
        world_fail("%lld calls are in flight", (long long)n);
}

void check_claim(const struct sim_attempt *a, const struct attempt_row *row)
{
    struct sim_session *x = &sim.sessions[a->session];

    if (a->worker < 0)
        world_fail("R1: %s is claimed by a stranger", x->id);
    else
        x->claimed_t[a->worker] = a->claimed_t;
    if (a->claimed_t < x->leased_until)
        world_fail("R1: %s is claimed while another claim holds", x->id);
    x->leased_until = a->claimed_t + sim.policy.lease_ms;
    x->exempt = row->reason == RETRY_FOR_AT_ONCE || (x->forced != RETRY_FOR_NONE && x->forced == row->reason);
    if (row->reason == RETRY_FOR_AT_ONCE)
        check_at_once(x);
    if (a->worker >= 0)
        chaos_on_claim(sim.workers[a->worker]);
    x->forced = RETRY_FOR_NONE;
    x->waiting = 0;
    x->eligible = false;
    check_bucket(a->claimed_t);
    check_shown(x);
    x->unread = false;
    check_logged_out(x);
    check_unexplained(x, row);
    check_in_flight();
    if (a->claimed_t == world_now())
        check_bridge_row();
    check_state(x, row);
}

/* ---- requests: R1, R2 ------------------------------------------------------------------------ */

/* The other requests of this session that have not ended, and whose lease holds. */
static void check_alone(struct sim_session *x, struct net_request *r, int64_t claimed_t)
{
    size_t place = 0;

    for (size_t i = 0; i < ARRAY_LEN(x->in_flight); i++) {
        if (!x->in_flight[i] || x->in_flight[i]->closed_t > 0 ||
            world_now() >= x->request_t[i] + sim.policy.lease_ms)
            place = i;
        else
            world_fail("R1: two requests for %s are in flight", x->id);
    }
    x->in_flight[place] = r;
    x->request_t[place] = claimed_t;
}

void check_sent(int session, struct net_request *r)
{
    struct sim_session *x = &sim.sessions[session];
    int w = services_worker(process_name(r->from));
    int64_t claimed_t = w < 0 ? 0 : x->claimed_t[w];
    bool late = claimed_t == 0 || r->sent_t >= claimed_t + sim.policy.lease_ms;

    world_log("the bridge is asked to reconnect %s by %s", x->id, process_name(r->from));
    /* With slow syncs one writer after the other has state.db: the claim is committed, and was not read here yet. */
    if (w >= 0 && late && sim.seen_commit != sim_store_commits())
        claimed_t = r->sent_t, x->unread = true;
    else if (late)
        world_fail("R1: a request for %s leaves after its lease", x->id);
    if (!world_failed())
        check_alone(x, r, claimed_t);
    if (x->last_sent > 0 && r->sent_t - x->last_sent < sim.policy.interval_ms && !x->exempt)
        world_fail("R2: %s is attempted %.3f s after the last time", x->id,
                   (double)(r->sent_t - x->last_sent) / 1000);
    x->last_sent = r->sent_t;
}

/* ---- ends: R6, and each published once ------------------------------------------------------- */

void check_trouble(const struct process *p)
{
    int w = services_worker(process_name(p));

    if (w >= 0)
        sim.trouble_t[w] = world_now();
}

/* A process that is stopped inside a transaction holds state.db, and nobody can record meanwhile. */
static bool one_stalled_since(int64_t t)
{
    for (int w = 0; w < sim.n_workers; w++)
        if (process_stalled_until(sim.workers[w]) >= t)
            return true;
    for (int i = 0; i < SIM_SECOND_N && sim.second[i]; i++)
        if (process_stalled_until(sim.second[i]) >= t)
            return true;
    return process_stalled_until(sim.monitor) >= t || process_stalled_until(sim.forwarder) >= t;
}

/* Of a worker that lives, and whose store works, every answer is recorded before its lease ends. */
static void check_lost(const struct sim_session *x, const struct sim_attempt *a)
{
    int64_t lease_end = a->claimed_t + sim.policy.lease_ms;

    if (world_now() < lease_end)
        world_fail("R1: the claim of %s is taken away while its lease holds", x->id);
    if (sim.trouble_t[a->worker] < a->claimed_t && !one_stalled_since(a->claimed_t) &&
        sim.disk_bad_t < lease_end - RECORD_MAX_MS)
        world_fail("the attempt of %s is lost, and its worker lives", x->id);
}

/* A report that is older than this is no word about an attempt of @claimed_t. A monitor that was away then reads the
 * events of the meantime. */
static int64_t oldest_news(int64_t claimed_t)
{
    bool was_away = sim.is_away || world_now() - sim.back_t < SIM_CHECK_MS;
    int64_t t = was_away && sim.away_t < claimed_t ? sim.away_t : claimed_t;

    return t - (sim.options.world ? WORLD_REPORT_MAX_MS : REPORT_MAX_MS) - (sim.store ? TAKE_OVER_MAX_MS : 0);
}

void check_ended(struct sim_attempt *a, const struct attempt_row *row)
{
    struct sim_session *x = &sim.sessions[a->session];

    sim.n_ended++;
    sim.ended_in_calm += world_now() >= sim.calm_at && world_now() < sim.end_at - 30 * 1000;
    x->leased_until = 0;
    if (row->outcome == ATTEMPT_SUCCEEDED && x->reported < oldest_news(a->claimed_t))
        world_fail("R6: the attempt for %s succeeded, but the bridge has not reported it connected", x->id);
    if (row->outcome == ATTEMPT_REFUSED || row->outcome == ATTEMPT_NOT_CONNECTED)
        x->counted++;
    if (row->outcome == ATTEMPT_WORKER_LOST)
        check_lost(x, a);
}

void check_published(void)
{
    sim.n_published++;
    sim.published_in_calm += world_now() >= sim.calm_at;
}
