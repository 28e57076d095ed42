/* R5: an eligible session does not wait longer than its place in the queue explains; and at the end nothing hangs. */
#include "tests/sim/sim.h"

/* R5 allows 15 s; a tick at either end is not counted exactly. */
#define SLACK_MS (15 * 1000 + 2 * SIM_TICK_MS)
/* Probes are answered within a call's time, or their worker's lease lapses. */
#define HALF_OPEN_MAX_MS (300 * 1000)

static double ramp(int64_t t)
{
    double x = (double)(t - sim.ref_slow_from) / (double)sim.policy.slow_start_ms;

    return sim.ref_slow_from == 0 || x >= 1 ? 1 : 0.1 + 0.9 * x;
}

static int64_t calls_of(int worker)
{
    int64_t n = 0;

    for (int64_t token = sim.open_from; token <= sim.n_attempts; token++)
        n += sim.attempts[token].worker == worker && sim.attempts[token].outcome == ATTEMPT_CALLING &&
             !sim.attempts[token].ended;
    return n;
}

static bool is_worker_ready(void)
{
    for (int w = 0; w < sim.n_workers; w++)
        if (process_alive(sim.workers[w]) && !process_stalled(sim.workers[w]) &&
            calls_of(w) < sim.policy.in_flight_max)
            return true;
    return false;
}

/* Nothing but the bucket may stand in the way. */
static bool is_breaker_open(const struct now *now, struct bridge_row *row)
{
    int64_t in_flight = 0;

    /* The disk fails, or somebody was stopped in the middle of a transaction. */
    if (!sim_store_is_well() || !sim_store_may_write())
        return false;
    if (bridges_find(sim.db, SIM_BRIDGE, row) != 0 || !is_worker_ready())
        return false;
    sim_must(reconnects_count_in_flight(sim.db, now, SIM_BRIDGE, &in_flight), "count_in_flight");
    return row->health == BRIDGE_HEALTH_UP && row->incident_since == 0 && row->outdated_since == 0 &&
           now->steady_ms < row->fresh_until && in_flight < sim.policy.in_flight_max &&
           row->breaker.state == BREAKER_CLOSED;
}

static bool is_eligible(const struct session_row *row, const struct retry *r, const struct bridge_row *bridge,
                        const struct now *now)
{
    bool slow = r->phase == RETRY_DUE && r->reason == RETRY_FOR_SLOW && r->due_at > now->steady_ms;

    if (row->state != SESSION_DISCONNECTED || (r->phase != RETRY_IDLE && r->phase != RETRY_DUE) || slow)
        return false;
    if (now->steady_ms < row->suppressed_until)
        return false;
    if (r->last_sent == 0)
        return true;
    return now->steady_ms >= r->last_sent + sim.policy.interval_ms &&
           (r->seen_at > r->last_sent || bridge->swept_at > r->last_sent);
}

struct ticking {
    struct now now;
    struct bridge_row bridge;
    bool open;
    int64_t n_eligible;
};

static void wait_more(struct sim_session *x, const struct session_row *row, const struct retry *r)
{
    int64_t limit = x->position * 1000 * 1000 / sim.policy.rate_milli + SLACK_MS;

    x->waiting += (int64_t)((double)SIM_TICK_MS * ramp(world_now() - SIM_TICK_MS));
    if (x->waiting > SLACK_MS)
        world_log("%s waits %.0f s: %s, due %.1f, last sent %.1f, suppressed %.1f", row->id,
                  (double)x->waiting / 1000, retry_phase_text(r->phase), (double)r->due_at / 1000,
                  (double)r->last_sent / 1000, (double)row->suppressed_until / 1000);
    if (x->waiting > limit)
        world_fail("R5: %s has been eligible for %.0f s (place %lld) and is not attempted", x->id,
                   (double)x->waiting / 1000, (long long)x->position);
}

static int look_at(void *ctx, const struct session_row *row)
{
    struct ticking *k = ctx;
    struct sim_session *x = &sim.sessions[sim_find(row->id)];
    struct reconnect_row rec = { 0 };
    bool was = x->eligible;

    if (row->state != SESSION_DISCONNECTED && row->state != SESSION_FAILED) {
        x->eligible = false;
        return 0;
    }
    (void)reconnects_find(sim.db, SIM_BRIDGE, row->id, &rec);
    k->n_eligible +=
        row->state == SESSION_FAILED && rec.retry.phase == RETRY_DUE; /* unparked: in the queue */
    x->eligible = is_eligible(row, &rec.retry, &k->bridge, &k->now);
    k->n_eligible += x->eligible;
    if (x->eligible && !was) {
        x->waiting = 0;
        x->position = -1;
    } else if (x->eligible && k->open) {
        wait_more(x, row, &rec.retry);
    }
    return 0;
}

static void check_half_open(const struct ticking *k)
{
    bool half = k->bridge.breaker.state == BREAKER_HALF_OPEN && k->bridge.health == BRIDGE_HEALTH_UP &&
                k->bridge.incident_since == 0 && k->bridge.outdated_since == 0 && k->n_eligible > 0 &&
                k->now.steady_ms < k->bridge.fresh_until && is_worker_ready();

    sim.half_open_ms = half ? sim.half_open_ms + SIM_TICK_MS : 0;
    if (sim.half_open_ms > HALF_OPEN_MAX_MS)
        world_fail("R5: the breaker stays half open");
}

static bool is_away(const struct process *p)
{
    return !process_alive(p) || process_stalled(p);
}

static void watch_monitor(void)
{
    bool away =
        is_away(sim.monitor) && (!sim.second[SIM_SECOND_MONITOR] || is_away(sim.second[SIM_SECOND_MONITOR]));

    if (away && !sim.is_away)
        sim.away_t = world_now() - SIM_TICK_MS;
    else if (!away && sim.is_away)
        sim.back_t = world_now();
    sim.is_away = away;
}

static void tick(void *ctx, int64_t a)
{
    struct ticking k = { 0 };
    bool open;

    world_at(world_now() + SIM_TICK_MS, tick, NULL, 0);
    watch_monitor();
    if (!sim_store_is_well())
        sim.disk_bad_t = world_now();
    if (world_now() < sim.powered_at || !sim_store_is_free())
        return;
    k.now = sim_steady();
    open = is_breaker_open(&k.now, &k.bridge);
    k.open = open && sim.breaker_open;
    sim.breaker_open = open;
    sim_must(sessions_each(sim.db, SIM_BRIDGE, look_at, &k), "sessions_each");
    for (int i = 0; i < sim.n_sessions; i++)
        if (sim.sessions[i].eligible && sim.sessions[i].position < 0)
            sim.sessions[i].position = k.n_eligible;
    check_half_open(&k);
    if (sim.options.world)
        check_alerts(&k.bridge);
}

void check_start(void)
{
    sim.ref_tokens = (double)sim.policy.burst;
    sim.ref_at = world_now();
    world_at(world_now() + SIM_TICK_MS, tick, NULL, 0);
}

/* ---- the end: after the calm nothing is left hanging ----------------------------------------- */

static bool is_settled(const struct session_row *row, const struct retry *r, const struct now *now)
{
    if (r->phase == RETRY_CALLING)
        return now->steady_ms < r->lease_until + SIM_TICK_MS;
    if (r->phase == RETRY_VERIFYING)
        return now->steady_ms < r->verify_until + sim.policy.freshness_ms + SIM_TICK_MS;
    return row->state != SESSION_DISCONNECTED || r->phase != RETRY_IDLE;
}

static void check_settled(int i, const struct now *now)
{
    struct sim_session *x = &sim.sessions[i];
    struct session_row row = { 0 };
    struct reconnect_row rec = { 0 };
    bool shown = x->state == SESSION_CONNECTED;

    if (sessions_find(sim.db, SIM_BRIDGE, x->id, &row) != 0) {
        if (sim.has_list && !x->removed) /* else only its webhooks tell of it */
            world_fail("%s is not known", x->id);
        return;
    }
    (void)reconnects_find(sim.db, SIM_BRIDGE, x->id, &rec);
    if (!is_settled(&row, &rec.retry, now))
        world_fail("%s is %s and %s: nobody will ever do anything", x->id, session_state_text(row.state),
                   retry_phase_text(rec.retry.phase));
    if (shown != (row.state == SESSION_CONNECTED) && world_now() - x->since > 2 * SIM_CHECK_MS &&
        x->kind != SIM_SHAKY)
        world_fail("%s is recorded as %s, and really is %s", x->id, session_state_text(row.state),
                   session_state_text(x->state));
    if (rec.retry.park == RETRY_PARK_FAILURES && x->counted < sim.policy.failures_max)
        world_fail("%s is parked after %lld failures of its own", x->id, (long long)x->counted);
}

/* After minutes of calm everything runs. */
static void check_alive(void)
{
    const struct process *all[] = { sim.monitor, sim.ingest, sim.forwarder };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!process_alive(all[i]))
            world_fail("S1: %s does not run any more", process_name(all[i]));
    for (int w = 0; w < sim.n_workers; w++)
        if (!process_alive(sim.workers[w]))
            world_fail("S1: %s does not run any more", process_name(sim.workers[w]));
    for (int i = 0; i < SIM_SECOND_N && sim.second[i]; i++)
        if (!process_alive(sim.second[i]))
            world_fail("S1: %s does not run any more", process_name(sim.second[i]));
}

void check_end(void)
{
    struct now now = sim_steady();

    check_alive();

    for (int i = 0; i < sim.n_sessions && !world_failed(); i++)
        check_settled(i, &now);
    if (sim.published_in_calm < sim.ended_in_calm)
        world_fail("%lld attempts ended in the calm, and only %lld were published",
                   (long long)sim.ended_in_calm, (long long)sim.published_in_calm);
    if (!world_failed())
        sender_check_end();
    if (!world_failed())
        neighbours_check_end();
}
