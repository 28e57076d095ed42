/*
 * Workers, step by step as services/reconnect-worker goes: look → claim → call → record → tell. Between any
 * two steps a worker may be killed, or stopped for minutes and go on.
 */
#include "tests/sim/old/sim.h"

#include <stdio.h>

#define SWEEP_MS         5000
#define CONNECT_LEAST_MS 500 /* as in call.c */
#define STALL_MAX_MS     (400 * 1000)

static void look(struct sim *s, int64_t w, int64_t life);

/* ---- dying and stopping ---------------------------------------------------------------------- */

static void look_at(struct sim *s, int w, int64_t t)
{
    struct sim_worker *x = &s->workers[w];

    if (x->look_at > s->t && x->look_at <= t)
        return; /* it looks sooner anyway */
    x->look_at = t;
    sim_at(s, t, look, w, x->life);
}

void worker_start(struct sim *s, int w)
{
    struct sim_worker *x = &s->workers[w];

    *x = (struct sim_worker){ .alive = true, .life = x->life + 1 };
    sim_log(s, "worker %d starts", w);
    sim_must(s, bridges_set_policy(s->db, SIM_BRIDGE, &s->policy), "bridges_set_policy");
    look_at(s, w, s->t + 10);
}

static void start_again(struct sim *s, int64_t w, int64_t life)
{
    if (!s->workers[w].alive && s->workers[w].life == life && s->t >= s->powered_at)
        worker_start(s, (int)w);
}

/* Its connections are closed with it; what the bridge has begun goes on. */
void worker_kill(struct sim *s, int w)
{
    struct sim_worker *x = &s->workers[w];

    if (!x->alive)
        return;
    x->alive = false;
    x->life++;
    for (int i = 0; i < SIM_CALLS_MAX; i++)
        if (s->calls[i].used && s->calls[i].worker == w) {
            s->calls[i].used = false;
            s->calls[i].closed_t = s->t;
        }
    sim_log(s, "worker %d is killed", w);
    sim_at(s, s->t + 100 + sim_draw(s, 120 * 1000), start_again, w, x->life);
}

/* Between two steps: true when the worker does not live to see the next one now. @fn is called later when it
 * is only stopped. */
static bool is_interrupted(struct sim *s, int w, void (*fn)(struct sim *s, int64_t a, int64_t b), int64_t a,
                           int64_t b)
{
    struct sim_worker *x = &s->workers[w];

    if (s->t < s->calm_at && x->stalled_until <= s->t && sim_chance(s, s->kill_permille)) {
        worker_kill(s, w);
        return true;
    }
    if (s->t < s->calm_at && x->stalled_until <= s->t && sim_chance(s, s->stall_permille)) {
        x->stalled_until = s->t + sim_draw(s, STALL_MAX_MS);
        sim_log(s, "worker %d is stopped for %.1f s", w, (double)(x->stalled_until - s->t) / 1000);
    }
    if (x->stalled_until > s->t) {
        sim_at(s, x->stalled_until, fn, a, b);
        return true;
    }
    return false;
}

void worker_bell(struct sim *s)
{
    for (int w = 0; w < s->n_workers; w++)
        if (s->workers[w].alive && !sim_chance(s, s->bell_loss))
            look_at(s, w, s->t + 1 + sim_draw(s, 20));
}

/* ---- telling --------------------------------------------------------------------------------- */

static void on_attempt(void *ctx, const struct attempt_row *row)
{
    check_told(ctx, row);
}

static void on_park(void *ctx, const struct parked_session *park)
{
    struct sim *s = ctx;

    sim_log(s, "%s is parked: %s", park->session, park->detail);
}

static void tell(struct sim *s)
{
    bool more = true;

    while (more && !s->failed)
        sim_must(s, reconnect_collect(s->db, SIM_BRIDGE, on_attempt, on_park, s, &more), "reconnect_collect");
}

/* ---- recording ------------------------------------------------------------------------------- */

static void record(struct sim *s, int64_t call, int64_t life)
{
    struct sim_call *c = &s->calls[call];
    struct sim_worker *x = &s->workers[c->worker];
    int r;

    if (!c->used || c->life != life)
        return;
    if (is_interrupted(s, c->worker, record, call, life))
        return;
    (void)sim_now(s); /* sets the clock that the store reads */
    r = reconnect_called(s->db, &s->clock.clock, &s->draws, &s->policy, SIM_BRIDGE, c->claim.session,
                         c->claim.token, &c->result);
    sim_log(s, "worker %d records %s of %s: %d", c->worker, attempt_outcome_text(c->result.call.outcome),
            c->claim.session, r);
    check_called(s, c, r);
    c->used = false;
    x->calls--;
    look_at(s, c->worker, s->t + 1);
    monitor_ring(s);
}

void worker_answered(struct sim *s, int64_t call, int64_t life)
{
    struct sim_call *c = &s->calls[call];

    if (c->used && c->life == life)
        sim_at(s, s->t + sim_draw(s, 5), record, call, life);
}

/* ---- calling --------------------------------------------------------------------------------- */

static void end_unsent(struct sim *s, struct sim_call *c, enum attempt_outcome outcome)
{
    c->result.call.outcome = outcome;
    c->result.call.sent_after_ms = -1;
    c->closed_t = s->t;
    worker_answered(s, c - s->calls, c->life);
}

/* Connected: the request leaves. A worker that was stopped meanwhile finds its connect timeout over. */
static void send(struct sim *s, int64_t call, int64_t life)
{
    struct sim_call *c = &s->calls[call];
    int64_t spent;

    if (!c->used || c->life != life)
        return;
    if (is_interrupted(s, c->worker, send, call, life))
        return;
    spent = s->t - s->boot_offset - c->began_boot;
    if (spent >= s->policy.sent_ms) {
        end_unsent(s, c, ATTEMPT_BRIDGE_FAULT);
        return;
    }
    c->sent_t = s->t;
    c->sent_after = spent;
    c->result.call.sent_after_ms = spent;
    check_sent(s, c);
    bridge_called(s, (int)call);
}

static void connect_timeout(struct sim *s, int64_t call, int64_t life)
{
    struct sim_call *c = &s->calls[call];

    if (c->used && c->life == life && !is_interrupted(s, c->worker, connect_timeout, call, life))
        end_unsent(s, c, ATTEMPT_BRIDGE_FAULT);
}

static void start_call(struct sim *s, int64_t call, int64_t life)
{
    struct sim_call *c = &s->calls[call];
    int64_t left;

    if (!c->used || c->life != life)
        return;
    if (is_interrupted(s, c->worker, start_call, call, life))
        return;
    left = s->policy.sent_ms - (s->t - s->boot_offset - c->began_boot);
    if (left < CONNECT_LEAST_MS)
        end_unsent(s, c, ATTEMPT_NOT_SENT);
    else if (s->mode == SIM_REFUSING)
        end_unsent(s, c, ATTEMPT_BRIDGE_FAULT);
    else if (s->mode == SIM_UNREACHABLE)
        sim_at(s, s->t + left, connect_timeout, call, life);
    else
        sim_at(s, s->t + (sim_chance(s, 30) ? sim_draw(s, left) : sim_draw(s, 20)), send, call, life);
}

/* ---- looking and claiming -------------------------------------------------------------------- */

static struct sim_call *free_call(struct sim *s)
{
    for (int i = 0; i < SIM_CALLS_MAX; i++)
        if (!s->calls[i].used)
            return &s->calls[i];
    sim_fail(s, "too many calls for the simulation");
    return NULL;
}

static void begin(struct sim *s, int w, const struct claim *claim, int64_t began_boot)
{
    struct sim_call *c = free_call(s);

    if (!c)
        return;
    *c = (struct sim_call){ .used = true,
                            .worker = w,
                            .life = s->order++,
                            .session = sim_find(s, claim->session),
                            .claim = *claim,
                            .claimed_t = s->t,
                            .began_boot = began_boot };
    s->workers[w].calls++;
    sim_log(s, "worker %d claims %s (%s, token %lld)", w, claim->session, retry_reason_text(claim->reason),
            (long long)claim->token);
    check_claim(s, c);
    sim_at(s, s->t + sim_draw(s, 3), start_call, c - s->calls, c->life);
}

static void claim(struct sim *s, int w, struct claims *ret)
{
    char name[ATTEMPTS_WORKER_MAX];
    struct claim_options o = { .policy = &s->policy,
                               .bridge = SIM_BRIDGE,
                               .worker = name,
                               .max = (int)s->policy.in_flight_max - s->workers[w].calls };
    int64_t began;

    if (o.max > RECONNECT_CLAIM_MAX)
        o.max = RECONNECT_CLAIM_MAX;
    if (o.max < 1)
        return;
    (void)snprintf(name, sizeof name, "w%d", w);
    (void)sim_now(s);
    began = s->t - s->boot_offset;
    check_before_claim(s);
    sim_must(s, reconnect_claim(s->db, &s->clock.clock, &s->draws, &o, ret), "reconnect_claim");
    check_breaker(s, ret);
    for (int i = 0; i < ret->n && !s->failed; i++)
        begin(s, w, &ret->claim[i], began);
}

static void look(struct sim *s, int64_t w, int64_t life)
{
    struct sim_worker *x = &s->workers[w];
    struct claims claims = { 0 };
    int64_t wait = SWEEP_MS - sim_draw(s, SWEEP_MS / 5);

    if (!x->alive || x->life != life || x->look_at > s->t)
        return;
    if (is_interrupted(s, (int)w, look, w, life))
        return;
    tell(s);
    claim(s, (int)w, &claims);
    if (claims.next_at > 0 && claims.next_at - claims.now.steady_ms < wait)
        wait = claims.next_at > claims.now.steady_ms ? claims.next_at - claims.now.steady_ms : 1;
    x->look_at = 0;
    look_at(s, (int)w, s->t + wait);
}
