/* The bridge and its sessions, as they really are. */
#include "tests/sim/old/sim.h"

#include <stdio.h>
#include <stdlib.h>

/* A login takes this long; the bridge calls it starting meanwhile. */
#define LOGIN_MIN_MS 500
#define LOGIN_MAX_MS 9000

bool bridge_answers(const struct sim *s)
{
    return s->mode != SIM_FAILING && s->mode != SIM_REFUSING && s->mode != SIM_HANGING &&
           s->mode != SIM_UNREACHABLE;
}

struct bridge_session bridge_shows(struct sim *s, int session)
{
    struct sim_session *x = &s->sessions[session];
    struct bridge_session ret = { .state = x->state, .reconnectable = true };

    (void)snprintf(ret.id, sizeof ret.id, "%s", x->id);
    (void)snprintf(ret.raw_status, sizeof ret.raw_status, "%s", session_state_text(x->state));
    (void)snprintf(ret.phone, sizeof ret.phone, "5511%d", session);
    if (x->state == SESSION_CONNECTED)
        x->reported = s->t;
    return ret;
}

/* ---- webhooks -------------------------------------------------------------------------------- */

static void heard(struct sim *s, int64_t a, int64_t b)
{
    struct sim_heard *h;

    if (s->n_heard == s->cap_heard) {
        s->cap_heard = s->cap_heard ? 2 * s->cap_heard : 256;
        s->heard = realloc(s->heard, (size_t)s->cap_heard * sizeof *s->heard);
    }
    if (!s->heard)
        abort();
    h = &s->heard[s->n_heard++];
    *h = (struct sim_heard){ .session = (int)a,
                             .state = (enum session_state)(b & 0xff),
                             .code = (int)(b >> 8 & 0xffff),
                             .at_wall = sim_wall(s),
                             .occurred_at = b >> 24 };
    monitor_ring(s);
}

/* Some get lost, some overtake each other. */
static void send_webhook(struct sim *s, int session, enum session_state state, int code)
{
    int64_t late = sim_chance(s, 50) ? sim_draw(s, 4000) : sim_draw(s, 200);
    int64_t occurred = s->t - SIM_T0 + 1; /* of the bridge's own clock */

    if (state == SESSION_CONNECTED)
        s->sessions[session].reported = s->t;
    if (!sim_chance(s, s->hook_loss))
        sim_at(s, s->t + 1 + late, heard, session, occurred << 24 | (int64_t)code << 8 | (int64_t)state);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static enum session_state state_after(int code)
{
    const struct cause *c = cause_find(code);

    return c->plan == PLAN_NEVER && code == 401 ? SESSION_LOGGED_OUT : SESSION_DISCONNECTED;
}

void bridge_set(struct sim *s, int session, enum session_state state)
{
    struct sim_session *x = &s->sessions[session];

    x->gen++;
    x->state = state;
    x->since = s->t;
    x->connected_since = state == SESSION_CONNECTED ? s->t : 0;
}

void bridge_drop(struct sim *s, int session, int code)
{
    struct sim_session *x = &s->sessions[session];

    bridge_set(s, session, state_after(code));
    x->code = code;
    sim_log(s, "%s drops with %d", x->id, code);
    send_webhook(s, session, SESSION_DISCONNECTED, code);
}

static void drop_again(struct sim *s, int64_t session, int64_t gen)
{
    if (s->sessions[session].gen == gen && s->t < s->calm_at)
        bridge_drop(s, (int)session, 428);
}

void bridge_connect(struct sim *s, int64_t session, int64_t gen)
{
    struct sim_session *x = &s->sessions[session];

    if (x->gen != gen)
        return;
    bridge_set(s, (int)session, SESSION_CONNECTED);
    sim_log(s, "%s connects", x->id);
    send_webhook(s, (int)session, SESSION_CONNECTED, 0);
    if (x->kind == SIM_SHAKY)
        sim_at(s, s->t + 1000 + sim_draw(s, 60 * 1000), drop_again, session, x->gen);
}

/* The bridge logs the session in again; whatever it was doing before is off. */
static void log_in(struct sim *s, int session)
{
    struct sim_session *x = &s->sessions[session];

    bridge_set(s, session, x->kind == SIM_STUBBORN ? SESSION_DISCONNECTED : SESSION_STARTING);
    if (x->kind == SIM_STUBBORN)
        return;
    sim_at(s, s->t + LOGIN_MIN_MS + sim_draw(s, LOGIN_MAX_MS - LOGIN_MIN_MS), bridge_connect, session,
           x->gen);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer(struct sim *s, struct sim_call *c, int64_t after_ms, enum attempt_outcome outcome,
                   int status)
{
    int64_t limit = c->claimed_t + s->policy.call_ms; /* then the client hangs up */

    c->result.call.outcome = outcome;
    c->result.http_status = status;
    if (s->t + after_ms >= limit) {
        c->result.call.outcome = ATTEMPT_BRIDGE_FAULT;
        c->result.http_status = 0;
        after_ms = limit > s->t ? limit - s->t : 0;
    }
    c->closed_t = s->t + after_ms;
    sim_at(s, c->closed_t, worker_answered, c - s->calls, c->life);
}

void bridge_called(struct sim *s, int call)
{
    struct sim_call *c = &s->calls[call];
    struct sim_session *x = &s->sessions[c->session];
    int64_t soon = 1 + sim_draw(s, 300);

    switch (s->mode) {
    case SIM_FINE:
    case SIM_SLOW:
        if (x->kind != SIM_REFUSED)
            log_in(s, c->session);
        answer(s, c, s->mode == SIM_SLOW ? sim_draw(s, 40 * 1000) : soon,
               x->kind == SIM_REFUSED ? ATTEMPT_REFUSED : ATTEMPT_CALLED, 200);
        break;
    case SIM_LYING:
        answer(s, c, soon, ATTEMPT_CALLED, 200);
        break;
    case SIM_HANGING:
        answer(s, c, INT32_MAX, ATTEMPT_BRIDGE_FAULT, 0);
        break;
    default:
        answer(s, c, soon, ATTEMPT_BRIDGE_FAULT, 500);
        break;
    }
}
