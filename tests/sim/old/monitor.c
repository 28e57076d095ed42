/*
 * The monitor, as services/monitor goes: its judge, book, round, health, incident and flap decide; here they
 * are fed and recorded. Sweeps every 60 s (5 s in trouble), the event log by its cursor, looks at attempts at
 * 2, 5, 10 and 20 s.
 */
#include "tests/sim/old/sim.h"

#include <stdio.h>

#include "common/store/cursors.h"
#include "services/monitor/look.h"

/* Without a bell state.db and the log are looked at this often. */
#define WATCH_MS 1000
/* The monitor vouches for what it wrote for three sweeps. */
#define FRESHNESS_SWEEPS 3
#define LOOKS_MAX        4096

struct looks {
    struct sim *s;
    struct reconnect_row row[LOOKS_MAX];
    int n;
};
static struct looks looks; /* too large for a stack; the simulation has one thread */

/* ---- recording a round ----------------------------------------------------------------------- */

static int64_t age_of(const struct change *c, const struct now *now)
{
    return c->before.stable_since > 0 ? now->steady_ms - c->before.stable_since : 0;
}

/* For check.c: what the promises allow from now on. */
static void note_change(struct sim *s, struct sim_session *x, const struct retry_change *c,
                        const struct retry_effect *effect)
{
    if (effect->bridge_current && s->outdated)
        check_reset(s, x);
    s->outdated = s->outdated || effect->bridge_outdated;
    x->unsaid_t = c->to == SESSION_DISCONNECTED && c->cause && c->cause->plan == PLAN_ASK ? s->t : 0;
    x->eligible = x->eligible && c->to == c->from; /* a new drop has a new place in the queue */
    if (c->to == SESSION_CONNECTED) {
        x->reported_shown = s->t;
        x->parked = false;
    } else if (c->connected_ms >= s->policy.stable_ms) {
        x->reset_t = s->t;
        x->counted = 0;
    }
}

static void save(struct sim *s, const struct now *now, struct change *c, bool *ret_due)
{
    struct session_row row = { 0 };
    struct reconnect_followed f;
    int r = sessions_find(s->db, SIM_BRIDGE, c->s->id, &row);
    struct retry_change change = { .from = r == 0 ? row.state : SESSION_STARTING,
                                   .to = c->to,
                                   .cause = c->cause,
                                   .connected_ms = age_of(c, now) };

    (void)snprintf(row.bridge, sizeof row.bridge, SIM_BRIDGE);
    (void)snprintf(row.id, sizeof row.id, "%s", c->s->id);
    (void)snprintf(row.cause, sizeof row.cause, "%s", c->cause ? c->cause->name : "");
    if (row.state != c->to)
        row.since_steady = now->steady_ms;
    row.state = c->to;
    row.stable_since = c->stable_since;
    row.flap_score = c->s->flap.score;
    row.flap_at = c->s->flap.at_ms;
    row.suppressed_until = flap_until_ms(&s->rules, &c->s->flap);
    row.occurred_at = c->occurred_at > row.occurred_at ? c->occurred_at : row.occurred_at;
    (void)snprintf(row.raw_status, sizeof row.raw_status, "%s", session_state_text(c->to));
    sim_must(s, sessions_save(s->db, &row), "sessions_save");
    if (!c->moved)
        return;
    sim_must(s,
             reconnect_follow(s->db, &s->policy, now, SIM_BRIDGE, c->s->id, &change, rng_next(&s->draws), &f),
             "reconnect_follow");
    sim_log(s, "monitor: %s is %s (%s), %s", c->s->id, session_state_text(c->to), row.cause,
            retry_phase_text(f.after.phase));
    *ret_due = *ret_due || f.after.phase == RETRY_DUE;
    note_change(s, &s->sessions[sim_find(s, c->s->id)], &change, &f.effect);
}

static bool is_quiet(const struct sim_monitor *m)
{
    return m->incident.kind != INCIDENT_NONE || m->health.state == HEALTH_DOWN;
}

static void note_drops(struct sim *s, const struct now *now)
{
    struct sim_monitor *m = &s->monitor;
    int64_t states[SESSION_STATE_N];

    for (int i = 0; i < m->round.n && !is_quiet(m); i++) {
        struct change *c = &m->round.changes[i];

        if (c->drop && !(c->cause && c->cause->plan == PLAN_AT_ONCE))
            (void)flap_drop(&s->rules, &c->s->flap, now->steady_ms);
    }
    m->drops += m->round.drops;
    if (m->round.drops == 0)
        return;
    book_states(m->book, states);
    if (incident_drops(&s->rules, &m->incident, m->round.drops, states[SESSION_CONNECTED], now->steady_ms)) {
        sim_log(s, "monitor: an incident, %s", incident_text(m->incident.kind));
        sim_must(s, bridges_set_incident(s->db, now, SIM_BRIDGE, true, "drops"), "incident");
    }
}

/* In the caller's transaction. */
static void record(struct sim *s, const struct now *now)
{
    struct sim_monitor *m = &s->monitor;
    bool due = false;

    note_drops(s, now);
    for (int i = 0; i < m->round.n && !s->failed; i++)
        save(s, now, &m->round.changes[i], &due);
    round_done(&m->round);
    if (due)
        worker_bell(s);
}

static void note_seen(struct sim *s, int session, enum session_state state)
{
    s->sessions[session].looked_t = s->t;
    if (state == SESSION_CONNECTED)
        s->sessions[session].reported_shown = s->t;
}

static struct now begin(struct sim *s)
{
    struct now now;

    sim_must(s, db_begin(s->db), "begin");
    now = sim_now(s);
    round_begin(&s->monitor.round, s->monitor.book, s->rules.start_ms, now.steady_ms, now.wall_ms);
    return now;
}

static void commit(struct sim *s)
{
    if (!s->failed)
        sim_must(s, db_commit(s->db), "commit");
}

/* ---- the log --------------------------------------------------------------------------------- */

static bool is_attempting(struct sim *s, const char *id)
{
    struct reconnect_row row = { 0 };

    return reconnects_find(s->db, SIM_BRIDGE, id, &row) == 0 &&
           (row.retry.phase == RETRY_CALLING || row.retry.phase == RETRY_VERIFYING);
}

static void read_log(struct sim *s)
{
    int64_t cursor = 0;
    struct now now;

    sim_must(s, cursor_find(s->db, "monitor", &cursor), "cursor");
    if (cursor >= s->n_heard)
        return;
    now = begin(s);
    for (; cursor < s->n_heard && !s->failed; cursor++) {
        const struct sim_heard *x = &s->heard[cursor];
        struct heard h = {
            .state = x->state, .code = x->code, .at = x->at_wall, .occurred_at = x->occurred_at
        };

        (void)snprintf(h.id, sizeof h.id, "%s", s->sessions[x->session].id);
        sim_must(s, round_hear(&s->monitor.round, &h, is_attempting(s, h.id)), "round_hear");
        s->sessions[x->session].looked_t = s->t;
    }
    record(s, &now);
    sim_must(s, cursor_save(s->db, "monitor", cursor, now.wall_ms), "cursor_save");
    commit(s);
}

/* ---- sweeps ---------------------------------------------------------------------------------- */

static void set_health(struct sim *s, const struct now *now, bool good)
{
    bool was_down = s->monitor.health.state == HEALTH_DOWN;
    enum health_news news = health_check(&s->rules, &s->monitor.health, good);
    bool up = news == HEALTH_WENT_UP;

    if (news == HEALTH_NO_NEWS)
        return;
    sim_log(s, "monitor: the bridge is %s", up ? "up" : "down");
    sim_must(s, bridges_set_health(s->db, now, SIM_BRIDGE, up ? BRIDGE_HEALTH_UP : BRIDGE_HEALTH_DOWN, ""),
             "health");
    if (up && was_down)
        check_slow_start(s);
    else if (!up && incident_down(&s->monitor.incident, now->steady_ms))
        sim_must(s, bridges_set_incident(s->db, now, SIM_BRIDGE, true, "down"), "incident");
}

static void bad_sweep(struct sim *s)
{
    struct now now = begin(s);

    set_health(s, &now, false);
    if (incident_call(&s->rules, &s->monitor.incident, false, now.steady_ms))
        sim_must(s, bridges_set_incident(s->db, &now, SIM_BRIDGE, true, "transport"), "incident");
    (void)incident_sweep(&s->rules, &s->monitor.incident, false, 0);
    commit(s);
}

static void good_sweep(struct sim *s)
{
    struct sim_monitor *m = &s->monitor;
    struct now now = begin(s);

    m->sweep_no++;
    set_health(s, &now, true);
    (void)incident_call(&s->rules, &m->incident, true, now.steady_ms);
    for (int i = 0; i < s->n_sessions && !s->failed; i++) {
        struct bridge_session seen = bridge_shows(s, i);
        bool attempting = seen.state != SESSION_CONNECTED && is_attempting(s, seen.id);

        sim_must(s, round_see(&m->round, &seen, now.steady_ms, m->sweep_no, attempting), "round_see");
        note_seen(s, i, seen.state);
    }
    record(s, &now);
    sim_must(s,
             bridges_set_swept(s->db, &now, SIM_BRIDGE, now.steady_ms, FRESHNESS_SWEEPS * s->rules.check_ms),
             "swept");
    if (incident_sweep(&s->rules, &m->incident, m->health.state == HEALTH_UP, m->drops)) {
        sim_log(s, "monitor: the incident is over");
        sim_must(s, bridges_set_incident(s->db, &now, SIM_BRIDGE, false, ""), "incident");
        check_slow_start(s);
        worker_bell(s);
    }
    m->drops = 0;
    commit(s);
}

/* As the monitor's: a good sweep in trouble is confirmed soon. */
static int64_t pause_ms(const struct sim *s, bool answers)
{
    const struct sim_monitor *m = &s->monitor;
    bool mending = (m->health.state == HEALTH_DOWN && m->health.run_good) || m->incident.good_sweeps > 0;

    if (answers && !is_quiet(m))
        return s->rules.check_ms;
    return answers && mending ? s->rules.confirm_ms : s->rules.incident_check_ms;
}

static void sweep(struct sim *s)
{
    bool answers = bridge_answers(s);

    if (answers)
        good_sweep(s);
    else
        bad_sweep(s);
    s->monitor.sweep_at = s->t + pause_ms(s, answers);
}

/* ---- attempts -------------------------------------------------------------------------------- */

static int on_open(void *ctx, const struct reconnect_row *row)
{
    struct looks *l = ctx;
    struct held_session *x = book_find(l->s->monitor.book, row->session);

    if (x)
        x->held.attempt_ms = row->retry.claimed_at;
    if (row->retry.phase == RETRY_VERIFYING && l->n < LOOKS_MAX)
        l->row[l->n++] = *row;
    return 0;
}

/* Asks for one session; the answer is taken in at once. */
static void ask(struct sim *s, const struct reconnect_row *row)
{
    struct bridge_session seen = bridge_shows(s, sim_find(s, row->session));
    struct now now = begin(s);

    sim_must(s, round_see(&s->monitor.round, &seen, now.steady_ms, s->monitor.sweep_no, true), "round_see");
    note_seen(s, sim_find(s, row->session), seen.state);
    record(s, &now);
    commit(s);
}

static void judge_attempt(struct sim *s, const struct reconnect_row *row, const struct held_session *x)
{
    struct now now = begin(s);
    int r = reconnect_not_connected(s->db, &s->policy, &now, SIM_BRIDGE, row->session, row->retry.token,
                                    x->held.state, "still down", rng_next(&s->draws));

    if (r != RECONNECT_STALE)
        sim_must(s, r, "reconnect_not_connected");
    commit(s);
    sim_log(s, "monitor: the attempt for %s has failed", row->session);
    worker_bell(s);
}

static void watch_one(struct sim *s, const struct reconnect_row *row)
{
    struct held_session *x = book_find(s->monitor.book, row->session);
    int64_t now_ms = sim_now(s).steady_ms, next;

    if (!x || x->held.state == SESSION_CONNECTED)
        return;
    next = look_next_ms(row->retry.called_at, row->retry.verify_until, x->held.polled_ms);
    if (next > 0 && next <= now_ms && bridge_answers(s)) {
        ask(s, row);
        next = look_next_ms(row->retry.called_at, row->retry.verify_until, x->held.polled_ms);
    }
    if (next == 0 && x->held.state != SESSION_CONNECTED)
        judge_attempt(s, row, x);
}

static void watch(struct sim *s)
{
    looks.s = s;
    looks.n = 0;
    sim_must(s, reconnects_each_open(s->db, SIM_BRIDGE, on_open, &looks), "each_open");
    for (int i = 0; i < looks.n && !s->failed; i++)
        watch_one(s, &looks.row[i]);
}

/* ---- living and dying ------------------------------------------------------------------------ */

static int load(void *ctx, const struct session_row *row)
{
    struct sim *s = ctx;
    struct held_session *x = NULL;
    int r = book_add(s->monitor.book, row->id, 0, &x);

    if (r != 0)
        return r;
    x->held.state = row->state;
    x->held.cause = row->cause[0] ? cause_by_name(row->cause) : NULL;
    x->held.starting_ms = row->state == SESSION_STARTING ? row->since_steady : 0;
    x->held.heard_occurred_ms = row->occurred_at;
    x->held.polled_once = true;
    x->held.paired = true;
    x->stable_since = row->stable_since;
    x->flap = (struct flap){ .score = row->flap_score, .at_ms = row->flap_at };
    if (row->suppressed_until > 0)
        x->flap.suppressed_ms = row->flap_at;
    return 0;
}

static void load_all(struct sim *s)
{
    struct sim_monitor *m = &s->monitor;
    struct bridge_row row = { 0 };

    sim_must(s, sessions_each(s->db, SIM_BRIDGE, load, s), "load");
    if (bridges_find(s->db, SIM_BRIDGE, &row) == 0) {
        m->health.state = (enum health_state)row.health;
        if (row.incident_since > 0)
            incident_resume(&m->incident, sim_now(s).steady_ms);
    }
    m->loaded = true;
}

static void start_again(struct sim *s, int64_t a, int64_t b)
{
    if (s->t >= s->powered_at)
        monitor_start(s);
}

static void tick(struct sim *s, int64_t life, int64_t rung)
{
    struct sim_monitor *m = &s->monitor;

    if (!m->alive || m->life != life)
        return;
    if (s->t < s->calm_at && sim_chance(s, s->kill_permille / 4)) {
        monitor_kill(s);
        sim_at(s, s->t + 100 + sim_draw(s, sim_chance(s, 200) ? 900 * 1000 : 60 * 1000), start_again, 0, 0);
        return;
    }
    read_log(s);
    watch(s);
    if (s->t >= m->sweep_at)
        sweep(s);
    if (!rung)
        sim_at(s, s->t + WATCH_MS, tick, life, 0);
}

void monitor_ring(struct sim *s)
{
    if (s->monitor.alive && !sim_chance(s, s->bell_loss))
        sim_at(s, s->t + 1 + sim_draw(s, 50), tick, s->monitor.life, 1);
}

void monitor_start(struct sim *s)
{
    struct sim_monitor *m = &s->monitor;
    struct round round = m->round;

    if (m->alive)
        return;
    *m = (struct sim_monitor){ .alive = true, .life = m->life + 1, .sweep_at = s->t, .round = round };
    sim_log(s, "the monitor starts");
    sim_must(s, book_new(&m->book), "book_new");
    load_all(s);
    sim_must(s, bridges_set_driver(s->db, SIM_BRIDGE, "contract"), "driver");
    sim_at(s, s->t, tick, m->life, 0);
}

void monitor_kill(struct sim *s)
{
    struct sim_monitor *m = &s->monitor;

    if (!m->alive)
        return;
    sim_log(s, "the monitor is killed");
    m->alive = false;
    m->life++;
    book_free(m->book);
    m->book = NULL;
}
