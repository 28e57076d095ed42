/* What goes wrong, how often and when: drawn from the seed, until calm_at. */
#include "tests/sim/old/sim.h"

#include <stdio.h>
#include <stdlib.h>

#define MINUTE ((int64_t)60 * 1000)
#define DAY    ((int64_t)24 * 60 * MINUTE)

static int64_t pick(struct sim *s, const int64_t *of, int n)
{
    return of[sim_draw(s, n)];
}
#define PICK(s, ...) pick(s, (const int64_t[]){ __VA_ARGS__ }, sizeof((int64_t[]){ __VA_ARGS__ }) / 8)

/* The next one of a kind that comes every @every ms on average; 0: never. */
static void again(struct sim *s, int64_t every, void (*fn)(struct sim *s, int64_t a, int64_t b))
{
    int64_t t = s->t + 1 + sim_draw(s, 2 * every + 1);

    if (every > 0 && t < s->calm_at)
        sim_at(s, t, fn, 0, 0);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void drop_one(struct sim *s, int64_t a, int64_t b)
{
    int i = (int)sim_draw(s, s->n_sessions);

    if (s->sessions[i].state == SESSION_CONNECTED)
        bridge_drop(s, i,
                    (int)PICK(s, 428, 428, 428, 428, 408, 408, 503, 500, 0, 515, 515, 440, 401, 403, 999));
    again(s, s->drop_every, drop_one);
}

static void drop_many(struct sim *s, int64_t a, int64_t b)
{
    int code = (int)PICK(s, 428, 503, 408, 405);
    int64_t share = 200 + sim_draw(s, 800);

    sim_log(s, "chaos: many drop");
    for (int i = 0; i < s->n_sessions; i++)
        if (s->sessions[i].state == SESSION_CONNECTED && sim_chance(s, share))
            bridge_drop(s, i, code);
    again(s, s->drop_every * 20, drop_many);
}

/* By itself, or because a person scanned the code. */
static void heal_one(struct sim *s, int64_t a, int64_t b)
{
    int i = (int)sim_draw(s, s->n_sessions);
    struct sim_session *x = &s->sessions[i];

    if (x->state != SESSION_CONNECTED && x->kind != SIM_STUBBORN)
        bridge_connect(s, i, x->gen);
    again(s, s->life_every, heal_one);
}

static void linger(struct sim *s, int64_t a, int64_t b)
{
    int i = (int)sim_draw(s, s->n_sessions);
    struct sim_session *x = &s->sessions[i];

    if (x->state == SESSION_DISCONNECTED)
        bridge_set(s, i, sim_chance(s, 500) ? SESSION_STARTING : SESSION_QR_PENDING);
    again(s, s->life_every, linger);
}

/* ---- the bridge ------------------------------------------------------------------------------ */

static void end_mode(struct sim *s, int64_t restarted, int64_t b)
{
    s->mode = SIM_FINE;
    sim_log(s, "chaos: the bridge is fine again%s", restarted ? ", restarted" : "");
    for (int i = 0; i < s->n_sessions && restarted; i++)
        if (s->sessions[i].state == SESSION_CONNECTED && sim_chance(s, 800))
            bridge_set(s, i, SESSION_DISCONNECTED); /* nobody was told */
}

static void change_mode(struct sim *s, int64_t a, int64_t b)
{
    int64_t end = s->t + 2000 + sim_draw(s, 5 * MINUTE);

    if (s->t >= s->calm_at)
        return;
    s->mode = (enum sim_mode)(1 + sim_draw(s, SIM_MODE_N - 1));
    sim_log(s, "chaos: the bridge changes to mode %d", (int)s->mode);
    if (end > s->calm_at)
        end = s->calm_at;
    sim_at(s, end, end_mode, !bridge_answers(s) && sim_chance(s, 500), 0);
    if (end < s->calm_at)
        sim_at(s, end + 1 + sim_draw(s, 2 * s->mode_every), change_mode, 0, 0);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void step_clock(struct sim *s, int64_t a, int64_t b)
{
    s->wall_offset += PICK(s, DAY, -DAY, 1000, -1000, 60 * MINUTE, -60 * MINUTE);
    sim_log(s, "chaos: somebody sets the clock");
    again(s, s->clock_every, step_clock);
}

static void power_on(struct sim *s, int64_t a, int64_t b)
{
    if (s->t < s->powered_at)
        return;
    monitor_start(s);
    for (int w = 0; w < s->n_workers; w++)
        if (!s->workers[w].alive)
            worker_start(s, w);
}

/* Everything dies; the new boot began some time ago when the programs start. */
static void reboot(struct sim *s, int64_t a, int64_t b)
{
    int64_t down = 1000 + sim_draw(s, 2 * MINUTE), boot = 5000 + sim_draw(s, MINUTE);

    sim_log(s, "chaos: the machine restarts");
    monitor_kill(s);
    for (int w = 0; w < s->n_workers; w++)
        worker_kill(s, w);
    s->boot_offset = s->t + down;
    s->powered_at = s->t + down + boot;
    (void)snprintf(s->clock.clock.boot_id, sizeof s->clock.clock.boot_id, "boot-%lld", (long long)s->t);
    sim_at(s, s->t + down + boot, power_on, 0, 0);
    again(s, s->reboot_every, reboot);
}

/* The monitor is gone for long, and meanwhile sessions come back by themselves. */
static void heal_all(struct sim *s, int64_t a, int64_t b)
{
    for (int i = 0; i < s->n_sessions; i++)
        if (s->sessions[i].state == SESSION_DISCONNECTED && s->sessions[i].kind != SIM_STUBBORN)
            bridge_connect(s, i, s->sessions[i].gen);
}

static void go_blind(struct sim *s, int64_t a, int64_t b)
{
    monitor_kill(s);
    sim_at(s, s->t + 1000 + sim_draw(s, 30 * 1000), heal_all, 0, 0);
    sim_at(s, s->t + 6 * MINUTE + sim_draw(s, 10 * MINUTE), power_on, 0, 0);
    again(s, s->blind_every, go_blind);
}

/* ---- people ---------------------------------------------------------------------------------- */

/* The one retry of a session with two owners stays that when it is asked for. */
static enum retry_reason reason_of(struct sim *s, const struct sim_session *x)
{
    struct reconnect_row row = { 0 };

    (void)reconnects_find(s->db, SIM_BRIDGE, x->id, &row);
    return row.retry.reason;
}

static void by_hand(struct sim *s, int64_t a, int64_t b)
{
    struct sim_session *x = &s->sessions[sim_draw(s, s->n_sessions)];
    bool force = sim_chance(s, 300);
    struct retry_verdict v = { 0 };
    struct now now;
    int64_t what = sim_draw(s, 3);

    again(s, s->hand_every, by_hand);
    if (s->t < s->powered_at)
        return;
    sim_must(s, db_begin(s->db), "begin");
    now = sim_now(s);
    if (what == 0 && reconnect_ask(s->db, &s->policy, &now, SIM_BRIDGE, x->id, force, &v) == 0) {
        sim_log(s, "chaos: %s is asked for by hand%s", x->id, force ? ", forced" : "");
        x->forced = force ? reason_of(s, x) : RETRY_FOR_NONE;
    } else if (what == 1) {
        x->parked = reconnect_park(s->db, &now, SIM_BRIDGE, x->id, "by hand") == 0;
    } else if (what == 2 && reconnect_unpark(s->db, &s->policy, &now, SIM_BRIDGE, x->id) == 0) {
        sim_log(s, "chaos: %s is unparked", x->id);
        check_reset(s, x);
        x->parked = false;
    }
    sim_must(s, db_commit(s->db), "commit");
}

/* ---- the plan -------------------------------------------------------------------------------- */

static int64_t draw_size(struct sim *s)
{
    if (s->options.seed % 250 == 249)
        return 2000;
    if (s->options.seed % 25 == 24)
        return 200;
    return 1 + sim_draw(s, 30);
}

static void make_sessions(struct sim *s)
{
    s->n_sessions = (int)draw_size(s);
    s->sessions = calloc((size_t)s->n_sessions, sizeof *s->sessions);
    if (!s->sessions)
        abort();
    for (int i = 0; i < s->n_sessions; i++) {
        struct sim_session *x = &s->sessions[i];

        (void)snprintf(x->id, sizeof x->id, "s%d", i);
        x->kind = sim_chance(s, 800) ? SIM_NORMAL : (enum sim_kind)(1 + sim_draw(s, SIM_KIND_N - 1));
        x->state = SESSION_CONNECTED;
        x->connected_since = s->t;
    }
}

static void draw_policy(struct sim *s)
{
    s->policy.interval_ms = PICK(s, 300, 300, 60, 10) * 1000;
    s->policy.rate_milli = PICK(s, 2000, 2000, 500, 10000);
    s->policy.burst = PICK(s, 5, 5, 1, 20);
    s->policy.in_flight_max = PICK(s, 16, 16, 3);
    s->policy.failures_max = PICK(s, 20, 3);
    s->policy.stable_ms = PICK(s, 10, 1) * MINUTE;
    s->policy.replaced_delay_ms = PICK(s, 15, 2) * MINUTE;
    if (s->n_sessions > 100)
        s->policy.rate_milli = 10000;
}

static void draw_troubles(struct sim *s)
{
    s->n_workers = 1 + (int)sim_draw(s, SIM_WORKERS_MAX);
    s->bell_loss = PICK(s, 0, 100, 500, 1000);
    s->hook_loss = PICK(s, 0, 0, 100, 1000);
    s->kill_permille = PICK(s, 0, 1, 10, 50);
    s->stall_permille = PICK(s, 0, 0, 1, 10);
    s->drop_every = PICK(s, 10, 30, 120) * 1000;
    s->mode_every = PICK(s, 0, 5, 10, 30) * MINUTE;
    s->clock_every = PICK(s, 0, 10, 30) * MINUTE;
    s->reboot_every = PICK(s, 0, 0, 0, 20) * MINUTE;
    s->hand_every = PICK(s, 0, 1, 5) * MINUTE;
    s->life_every = PICK(s, 0, 1, 3) * MINUTE;
    s->blind_every = PICK(s, 0, 0, 20) * MINUTE;
    s->calm_at = s->t + PICK(s, 10, 20, 40) * MINUTE;
    s->end_at = s->calm_at + 2 * s->policy.interval_ms + 5 * MINUTE +
                (int64_t)s->n_sessions * 1200 * 1000 / s->policy.rate_milli;
}

void chaos_plan(struct sim *s)
{
    make_sessions(s);
    draw_policy(s);
    draw_troubles(s);
    again(s, s->drop_every, drop_one);
    again(s, s->drop_every * 20, drop_many);
    again(s, s->mode_every, change_mode);
    again(s, s->clock_every, step_clock);
    again(s, s->reboot_every, reboot);
    again(s, s->hand_every, by_hand);
    again(s, s->life_every, heal_one);
    again(s, s->life_every, linger);
    again(s, s->blind_every, go_blind);
    sim_at(s, s->calm_at, power_on, 0, 0);
}
