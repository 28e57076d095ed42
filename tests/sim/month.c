/*
 * A month of a fleet: how many alerts a day, and could a person do something about each? The services that ship, a thousand
 * sessions, and the faults that such fleets have, at the rates below. A person mends what only a person can, some hours later.
 *
 * An alert is counted as useful when a person was needed for its session at that moment, when its reason lasted so long
 * that a person who got up for it still found it, or, for a session that flaps, when it really does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/alert_kind.h"
#include "common/domain/cause.h"
#include "proto/message.h"
#include "tests/sim/io/bus_sim.h"
#include "tests/sim/sim.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define SESSIONS 1000

/* Between two of a kind, on average, for the fleet. */
#define DROP_EVERY_MS       (90 * SECOND) /* one drop per session and day; of ten, seven heal by themselves */
#define LOGOUT_EVERY_MS     (12 * HOUR)   /* a phone removes the device */
#define BAN_EVERY_MS        (3 * DAY)
#define BROKEN_EVERY_MS     (2 * DAY) /* its credentials are broken: nothing helps but a new pairing */
#define REPLACED_EVERY_MS   (2 * DAY)
#define FLAPPER_EVERY_MS    (3 * DAY) /* a phone in a bad network, for an hour or two */
#define RESTART_EVERY_MS    (4 * DAY) /* of the bridge, in an orderly way */
#define CRASH_EVERY_MS      (7 * DAY)
#define OUTAGE_EVERY_MS     (15 * DAY) /* of the bridge's machine, up to half an hour */
#define WHATSAPP_EVERY_MS   (30 * DAY) /* all sessions drop, and none connects for a quarter of an hour */
#define LIE_EVERY_MS        (1 * DAY)
#define WORD_EVERY_MS       (5 * DAY)
#define DEATH_EVERY_MS      (1 * DAY)  /* of one of our programs; it is started again after some seconds */
#define LONG_DEATH_EVERY_MS (10 * DAY) /* … or is not, for a quarter of an hour */

/* A person who is called needs this long to look, and `zapkeep session reconnect --force` brings back at once what waits for
 * its next attempt. */
#define TO_LOOK_MS (1 * MINUTE)
/* … and a bridge or a program that is away for less has come back by itself. */
#define AWAY_MS (2 * MINUTE)

struct month_session {
    bool needs_person;
    int64_t fired_t[ALERT_KIND_N];
    bool useful[ALERT_KIND_N];
};

static struct month_session *all;
static struct month_session of_bridge;
static int64_t fired[ALERT_KIND_N], useless[ALERT_KIND_N];
static bool whatsapp_down;
static int64_t long_death_until;

/* ---- faults ---------------------------------------------------------------------------------- */

static void every(int64_t ms, void (*fn)(void *ctx, int64_t a))
{
    world_at(world_now() + 1 + world_draw(2 * ms), fn, NULL, 0);
}

static int connected_one(void)
{
    for (int tries = 0; tries < 100; tries++) {
        int i = (int)world_draw(sim.n_sessions);

        if (sim.sessions[i].state == SESSION_CONNECTED && sim.sessions[i].kind == SIM_NORMAL)
            return i;
    }
    return -1;
}

static void heal(void *ctx, int64_t gen)
{
    struct sim_session *x = ctx;

    if (x->gen == gen && !whatsapp_down)
        bridge_connect((int)(x - sim.sessions), gen);
}

static void heal_after(int i, int64_t ms)
{
    world_at(world_now() + ms, heal, &sim.sessions[i], sim.sessions[i].gen);
}

static void drop(void *ctx, int64_t a)
{
    static const int codes[] = { 428, 428, 428, 408, 408, 503, 500, 515 };
    int i = connected_one();

    every(DROP_EVERY_MS, drop);
    if (i < 0 || sim.mode != SIM_FINE)
        return;
    bridge_drop(i, codes[world_draw(8)]);
    if (world_chance(700))
        heal_after(i, SECOND + world_draw(7 * SECOND));
}

/* A person has seen to it: the session is well, and not parked any more. */
static void mended(void *ctx, int64_t a)
{
    struct sim_session *x = ctx;
    struct now now;

    x->kind = SIM_NORMAL;
    all[x - sim.sessions].needs_person = false;
    if (x->state != SESSION_CONNECTED)
        bridge_connect((int)(x - sim.sessions), x->gen);
    if (db_begin(sim.db) != 0)
        return;
    now = sim_steady();
    (void)reconnect_unpark(sim.db, &sim.policy, &now, SIM_BRIDGE, x->id);
    sim_must(db_commit(sim.db), "commit");
}

static void fall(int code, enum sim_kind kind)
{
    int i = connected_one();

    if (i < 0)
        return;
    sim.sessions[i].kind = kind;
    all[i].needs_person = true;
    bridge_drop(i, code);
    world_at(world_now() + HOUR + world_draw(8 * HOUR), mended, &sim.sessions[i], 0);
}

#define PERSONAL(name, ms, code, kind)     \
    static void name(void *ctx, int64_t a) \
    {                                      \
        every(ms, name);                   \
        fall(code, kind);                  \
    }
PERSONAL(log_out, LOGOUT_EVERY_MS, 401, SIM_STUBBORN)
PERSONAL(ban, BAN_EVERY_MS, 403, SIM_STUBBORN)
PERSONAL(break_one, BROKEN_EVERY_MS, 500, SIM_STUBBORN)
PERSONAL(replace, REPLACED_EVERY_MS, 440, SIM_STUBBORN)

static void flap(void *ctx, int64_t until)
{
    struct sim_session *x = ctx;
    int i = (int)(x - sim.sessions);

    if (world_now() >= until) {
        x->kind = SIM_NORMAL;
        heal_after(i, 1);
        return;
    }
    if (x->state == SESSION_CONNECTED) {
        bridge_drop(i, 428);
        heal_after(i, 2 * SECOND + world_draw(20 * SECOND));
    }
    world_at(world_now() + 20 * SECOND + world_draw(2 * MINUTE), flap, x, until);
}

static void begin_flapper(void *ctx, int64_t a)
{
    int i = connected_one();

    every(FLAPPER_EVERY_MS, begin_flapper);
    if (i < 0)
        return;
    sim.sessions[i].kind = SIM_FLAPPER;
    flap(&sim.sessions[i], world_now() + HOUR + world_draw(2 * HOUR));
}

/* ---- the bridge ------------------------------------------------------------------------------ */

static void bridge_back(void *ctx, int64_t a)
{
    sim.mode = SIM_FINE;
    for (int i = 0; i < sim.n_sessions; i++) {
        struct sim_session *x = &sim.sessions[i];

        if (x->kind != SIM_NORMAL || x->state == SESSION_LOGGED_OUT)
            continue;
        bridge_set(i, SESSION_STARTING);
        heal_after(i, SECOND + world_draw(30 * SECOND));
    }
}

static void take_down(int64_t ms, bool orderly)
{
    if (sim.mode != SIM_FINE)
        return;
    for (int i = 0; i < sim.n_sessions && orderly; i++)
        if (sim.sessions[i].state == SESSION_CONNECTED)
            bridge_drop(i, 428);
    sim.mode = SIM_REFUSING;
    world_at(world_now() + ms, bridge_back, NULL, 0);
}

static void restart(void *ctx, int64_t a)
{
    every(RESTART_EVERY_MS, restart);
    take_down(3 * SECOND + world_draw(6 * SECOND), true);
}

static void crash(void *ctx, int64_t a)
{
    every(CRASH_EVERY_MS, crash);
    take_down(5 * SECOND + world_draw(4 * SECOND), false);
}

static void outage(void *ctx, int64_t a)
{
    every(OUTAGE_EVERY_MS, outage);
    take_down(3 * MINUTE + world_draw(27 * MINUTE), false);
}

static void whatsapp_back(void *ctx, int64_t a)
{
    whatsapp_down = false;
    for (int i = 0; i < sim.n_sessions; i++)
        if (sim.sessions[i].kind == SIM_STUBBORN && !all[i].needs_person)
            sim.sessions[i].kind = SIM_NORMAL;
}

static void whatsapp_away(void *ctx, int64_t a)
{
    every(WHATSAPP_EVERY_MS, whatsapp_away);
    whatsapp_down = true;
    for (int i = 0; i < sim.n_sessions; i++) {
        if (sim.sessions[i].state != SESSION_CONNECTED || sim.sessions[i].kind != SIM_NORMAL)
            continue;
        sim.sessions[i].kind = SIM_STUBBORN;
        bridge_drop(i, 503);
    }
    world_at(world_now() + 15 * MINUTE, whatsapp_back, NULL, 0);
}

static void lie(void *ctx, int64_t a)
{
    every(LIE_EVERY_MS, lie);
    sim.lie = 1 + (int)world_draw(4);
}

static void usual_word(void *ctx, int64_t a)
{
    ((struct sim_session *)ctx)->word = NULL;
}

static void strange_word(void *ctx, int64_t a)
{
    int i = connected_one();

    every(WORD_EVERY_MS, strange_word);
    if (i < 0)
        return;
    sim.sessions[i].word = "passkey_required";
    world_at(world_now() + HOUR + world_draw(4 * HOUR), usual_word, &sim.sessions[i], 0);
}

/* ---- our programs ---------------------------------------------------------------------------- */

static void start_again(void *ctx, int64_t life)
{
    struct process *p = ctx;

    if (process_life(p) == life && !process_alive(p))
        process_start(p);
}

static void on_process_end(struct process *p)
{
    int64_t at = world_now() + 2 * SECOND + world_draw(5 * SECOND);

    world_at(at > long_death_until ? at : long_death_until, start_again, p, process_life(p));
    long_death_until = 0;
}

static struct process *any_program(void)
{
    struct process *const of[] = { sim.monitor, sim.ingest, sim.forwarder, sim.workers[0] };

    return of[world_draw(4)];
}

static void death(void *ctx, int64_t a)
{
    every(DEATH_EVERY_MS, death);
    process_die_after(any_program(), world_draw(50));
}

static void long_death(void *ctx, int64_t a)
{
    every(LONG_DEATH_EVERY_MS, long_death);
    long_death_until = world_now() + 15 * MINUTE;
    process_die_after(any_program(), 1);
}

/* ---- alerts ---------------------------------------------------------------------------------- */

static bool is_useful_at_once(const struct month_session *m, const struct sim_session *x, enum alert_kind k)
{
    if (k == ALERT_SESSION_FLAPPING)
        return x && x->kind == SIM_FLAPPER;
    return m->needs_person;
}

/* One that is not useful stands in the report: a rule is to be mended, or a rate is wrong. */
static void count(enum alert_kind k, const char *id, bool useful, int64_t fired_t)
{
    fired[k]++;
    useless[k] += !useful;
    if (!useful)
        printf("  day %.3f: %s%s%s for %.0f s, and nobody could act upon it\n", (double)fired_t / (double)DAY,
               alert_kind_text(k), id[0] ? " of " : "", id, (double)(world_now() - fired_t) / 1000);
}

static void on_alert(const struct message *m)
{
    char name[64], id[SESSION_ID_MAX] = "";
    bool of_session = m->session.n > 0;
    struct sim_session *x = NULL;
    struct month_session *s = &of_bridge;
    enum alert_kind k;
    int64_t lasted;

    str_copy(m->alert, name, sizeof name);
    k = alert_kind_find(name);
    if (of_session) {
        str_copy(m->session, id, sizeof id);
        x = &sim.sessions[sim_find(id)];
        s = &all[x - sim.sessions];
    }
    if (str_eq(m->status, "firing")) {
        s->fired_t[k] = world_now();
        s->useful[k] = is_useful_at_once(s, x, k);
        world_log("%.*s", (int)m->text.n, m->text.p);
        return;
    }
    lasted = world_now() - s->fired_t[k];
    if (s->fired_t[k] > 0)
        count(k, id, s->useful[k] || lasted >= (of_session ? TO_LOOK_MS : AWAY_MS), s->fired_t[k]);
    s->fired_t[k] = 0;
}

static void on_message(struct str text)
{
    struct message m;

    if (message_decode(text, &m) == 0 && topic_type_find(m.type) == TOPIC_ALERT)
        on_alert(&m);
}

/* Those that are still on. */
static void count_open(const struct month_session *s, const char *id)
{
    int64_t least_ms = id[0] ? TO_LOOK_MS : AWAY_MS;

    for (enum alert_kind k = ALERT_NONE + 1; k < ALERT_KIND_N; k++)
        if (s->fired_t[k] > 0)
            count(k, id, s->useful[k] || world_now() - s->fired_t[k] >= least_ms, s->fired_t[k]);
}

/* ---- the month ------------------------------------------------------------------------------- */

static void plan_faults(void)
{
    every(DROP_EVERY_MS, drop);
    every(LOGOUT_EVERY_MS, log_out);
    every(BAN_EVERY_MS, ban);
    every(BROKEN_EVERY_MS, break_one);
    every(REPLACED_EVERY_MS, replace);
    every(FLAPPER_EVERY_MS, begin_flapper);
    every(RESTART_EVERY_MS, restart);
    every(CRASH_EVERY_MS, crash);
    every(OUTAGE_EVERY_MS, outage);
    every(WHATSAPP_EVERY_MS, whatsapp_away);
    every(LIE_EVERY_MS, lie);
    every(WORD_EVERY_MS, strange_word);
    every(DEATH_EVERY_MS, death);
    every(LONG_DEATH_EVERY_MS, long_death);
}

static void make_fleet(void)
{
    sim.n_sessions = SESSIONS;
    sim.sessions = calloc(SESSIONS, sizeof *sim.sessions);
    all = calloc(SESSIONS, sizeof *all);
    if (!sim.sessions || !all)
        abort();
    for (int i = 0; i < SESSIONS; i++) {
        struct sim_session *x = &sim.sessions[i];

        (void)snprintf(x->id, sizeof x->id, "s%d", i);
        x->state = SESSION_CONNECTED;
        x->connected_since = world_now();
    }
}

void month_plan(int64_t days)
{
    make_fleet();
    sim.has_list = true;
    sim.unchecked = true;
    sim.n_workers = 1;
    sim.calm_at = sim.end_at = world_now() + days * DAY;
    bus_sim_tap = on_message;
    process_on_end(on_process_end);
    plan_faults();
}

int month_report(int64_t days)
{
    int64_t n = 0, bad = 0;

    for (int i = 0; i < SESSIONS; i++)
        count_open(&all[i], sim.sessions[i].id);
    count_open(&of_bridge, "");
    printf("%d sessions, %lld days\n", SESSIONS, (long long)days);
    for (enum alert_kind k = ALERT_NONE + 1; k < ALERT_KIND_N; k++) {
        if (fired[k] == 0)
            continue;
        printf("  %-28s %5lld alerts, %4lld of them nobody could act upon\n", alert_kind_text(k),
               (long long)fired[k], (long long)useless[k]);
        n += fired[k];
        bad += useless[k];
    }
    printf("  %.1f alerts a day; a person could act upon %.1f %% of them\n", (double)n / (double)days,
           n > 0 ? 100.0 * (double)(n - bad) / (double)n : 100.0);
    return n > 0 && bad * 20 > n; /* at least 95 % */
}
