/* The faults, how often and when: drawn from the seed, until calm_at. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/message.h"
#include "tests/sim/io/bus_sim.h"
#include "tests/sim/io/disk_sim.h"
#include "tests/sim/io/file_watch_sim.h"
#include "tests/sim/io/postgres_sim.h"
#include "tests/sim/sim.h"

#define MINUTE ((int64_t)60 * 1000)
#define DAY    ((int64_t)24 * 60 * MINUTE)
/* Steps of a service between two waits: some 20 for a claim, 60 for a sweep that records. */
#define STEPS_MAX 80

static int64_t pick(const int64_t *of, int n)
{
    return of[world_draw(n)];
}
#define PICK(...) pick((const int64_t[]){ __VA_ARGS__ }, sizeof((int64_t[]){ __VA_ARGS__ }) / 8)

typedef void (*event_fn)(void *ctx, int64_t a);

/* The next one of a kind that comes every @every ms on average; 0: never. */
static void again(int64_t every, event_fn fn)
{
    int64_t t = world_now() + 1 + world_draw(2 * every + 1);

    if (every > 0 && t < sim.calm_at)
        world_at(t, fn, NULL, 0);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void drop_one(void *ctx, int64_t a)
{
    int i = (int)world_draw(sim.n_sessions);

    if (sim.sessions[i].state == SESSION_CONNECTED)
        bridge_drop(i, (int)PICK(428, 428, 428, 428, 408, 408, 503, 500, 0, 515, 515, 440, 401, 403, 999));
    again(sim.drop_every, drop_one);
}

static void drop_many(void *ctx, int64_t a)
{
    int code = (int)PICK(428, 503, 408, 405);
    int64_t share = 200 + world_draw(800);

    world_log("chaos: many drop");
    for (int i = 0; i < sim.n_sessions; i++)
        if (sim.sessions[i].state == SESSION_CONNECTED && world_chance(share))
            bridge_drop(i, code);
    again(sim.drop_every * 20, drop_many);
}

/* By itself, or because a person scanned the code. */
static void heal_one(void *ctx, int64_t a)
{
    int i = (int)world_draw(sim.n_sessions);
    struct sim_session *x = &sim.sessions[i];

    if (x->state != SESSION_CONNECTED && x->kind != SIM_STUBBORN)
        bridge_connect(i, x->gen);
    again(sim.life_every, heal_one);
}

static void linger(void *ctx, int64_t a)
{
    int i = (int)world_draw(sim.n_sessions);

    if (sim.sessions[i].state == SESSION_DISCONNECTED)
        bridge_set(i, world_chance(500) ? SESSION_STARTING : SESSION_QR_PENDING);
    again(sim.life_every, linger);
}

static void message(void *ctx, int64_t a)
{
    int i = (int)world_draw(sim.n_sessions);

    if (sim.sessions[i].state == SESSION_CONNECTED)
        sender_message(i);
    again(sim.message_every, message);
}

/* ---- differences from the design ------------------------------------------------------------- */

static void flap(void *ctx, int64_t up)
{
    struct sim_session *x = ctx;
    int i = (int)(x - sim.sessions);

    if (world_now() >= sim.calm_at) {
        if (x->state != SESSION_CONNECTED)
            bridge_connect(i, x->gen);
        return;
    }
    if (up && x->state != SESSION_CONNECTED)
        bridge_connect(i, x->gen);
    else if (!up && x->state == SESSION_CONNECTED)
        bridge_drop(i, 428);
    world_at(world_now() + (up ? 2500 : 500), flap, x, !up);
}

static void lie_once(void *ctx, int64_t a)
{
    if (world_now() - sim.lied_t > 2 * SIM_CHECK_MS) /* one bad answer: the next is true */
        sim.lie = 1 + (int)world_draw(4);
    again(3 * MINUTE, lie_once);
}

static void usual_word(void *ctx, int64_t a)
{
    ((struct sim_session *)ctx)->word = NULL;
}

static void say_strange_word(void *ctx, int64_t a)
{
    static const char *const words[] = { "passkey_required", "STOPPED", "", "syncing" };
    struct sim_session *x = &sim.sessions[world_draw(sim.n_sessions)];

    x->word = words[world_draw(4)];
    world_at(world_now() + 1000 + world_draw(3 * MINUTE), usual_word, x, 0);
    again(4 * MINUTE, say_strange_word);
}

static void create_again(void *ctx, int64_t gen)
{
    struct sim_session *x = ctx;

    if (x->removed && x->gen == gen)
        bridge_return((int)(x - sim.sessions));
}

/* The first session stays, so the bridge is never empty. Those that are gone stay fewer than those that are there: a bridge
 * that has lost most of its sessions has removed none. */
static void remove_one(void *ctx, int64_t a)
{
    int i = (int)world_draw(sim.n_sessions), gone = 0;
    struct sim_session *x = &sim.sessions[i];

    again(2 * MINUTE, remove_one);
    for (int k = 0; k < sim.n_sessions; k++)
        gone += sim.sessions[k].removed;
    if (i == 0 || x->removed || (gone + 1) * 3 > sim.n_sessions)
        return;
    bridge_remove(i);
    if (world_chance(600))
        world_at(world_now() + 1000 + world_draw(15 * MINUTE), create_again, x, x->gen);
}

/* More webhooks than may wait at once: each that leaves has to be counted as gone. */
static void burst(void *ctx, int64_t left)
{
    for (int i = 0; i < 10; i++)
        sender_message((int)world_draw(sim.n_sessions));
    if (left > 0)
        world_at(world_now() + 50, burst, NULL, left - 1);
}

static void plan_the_world(void)
{
    if (world_chance(500) && sim.n_sessions >= 5) {
        sim.sessions[0].kind = SIM_FLAPPER;
        world_at(world_now() + 1000 + world_draw(MINUTE), flap, &sim.sessions[0], 0);
    }
    again(3 * MINUTE, lie_once);
    again(4 * MINUTE, say_strange_word);
    again(2 * MINUTE, remove_one);
}

/* ---- the bridge ------------------------------------------------------------------------------ */

static void end_mode(void *ctx, int64_t restarted)
{
    sim.mode = SIM_FINE;
    world_log("chaos: the bridge is fine again%s", restarted ? ", restarted" : "");
    for (int i = 0; i < sim.n_sessions && restarted; i++)
        if (sim.sessions[i].state == SESSION_CONNECTED && world_chance(800))
            bridge_set(i, SESSION_DISCONNECTED); /* it sends no webhook of that */
}

static void change_mode(void *ctx, int64_t a)
{
    int64_t end = world_now() + 2000 + world_draw(5 * MINUTE);

    if (world_now() >= sim.calm_at)
        return;
    sim.mode = (enum sim_mode)(1 + world_draw(SIM_MODE_N - 1));
    world_log("chaos: the bridge changes to mode %d", (int)sim.mode);
    if (end > sim.calm_at)
        end = sim.calm_at;
    world_at(end, end_mode, NULL, !bridge_answers() && world_chance(500));
    if (end < sim.calm_at)
        world_at(end + 1 + world_draw(2 * sim.mode_every), change_mode, NULL, 0);
}

/* ---- processes ------------------------------------------------------------------------------- */

static void start_again(void *ctx, int64_t life)
{
    struct process *p = ctx;

    if (process_life(p) != life || process_alive(p) || world_now() < sim.powered_at)
        return;
    process_start(p);
}

/* After any death of a process a supervisor starts it again. */
static void on_process_end(struct process *p)
{
    int64_t wait = world_now() >= sim.calm_at
                       ? 1000
                       : 100 + world_draw(p == sim.monitor && world_chance(200) ? 900 * 1000 : MINUTE);

    check_trouble(p);
    if (services_is_forwarder(p))
        backend_forwarder_died();
    world_at(world_now() + wait, start_again, p, process_life(p));
}

static struct process *any_process(void)
{
    struct process *const others[] = { sim.monitor, sim.ingest, sim.forwarder };
    int64_t i = world_draw(sim.n_workers * 2 + 3);

    if (sim.store && world_chance(300))
        return sim.second[world_draw(SIM_SECOND_N)];
    return i < sim.n_workers * 2 ? sim.workers[i / 2] : others[i - sim.n_workers * 2];
}

static void kill_one(void *ctx, int64_t a)
{
    struct process *p = any_process();

    if (world_chance(100) && process_alive(p))
        process_signal(p, SIGTERM);
    else
        process_die_after(p, world_draw(STEPS_MAX));
    again(sim.kill_every, kill_one);
}

static void stall_one(void *ctx, int64_t a)
{
    int64_t ms = world_draw(world_chance(800) ? 8000 : MINUTE), steps = world_draw(STEPS_MAX);
    struct process *p = any_process();

    process_stall_after(p, steps, ms);
    if (sim.store && services_is_forwarder(p)) /* another takes over, and what was in flight may come again */
        backend_forwarder_died();
    again(sim.stall_every, stall_one);
}

void chaos_on_claim(struct process *worker)
{
    if (world_now() < sim.calm_at && sim.stall_every > 0 && world_chance(60))
        process_stall_after(worker, world_draw(6), world_draw(50 * 1000));
}

static void disk_back(void *ctx, int64_t a)
{
    sim_store_heal();
    sim.disk_bad_t = world_now();
}

/* For some seconds nobody can record anything. */
static void store_away(void)
{
    if (sim.store)
        postgres_sim_fail(world_chance(500) ? POSTGRES_HANGS : POSTGRES_DOWN, 0);
    else
        disk_sim_fail("/state.db-journal", DISK_FULL, 1000);
    world_at(world_now() + 1000 + world_draw(15 * 1000), disk_back, NULL, 0);
}

void chaos_on_request(struct process *worker)
{
    if (world_now() >= sim.calm_at || sim.kill_every == 0 || !world_chance(60))
        return;
    switch (world_draw(3)) {
    case 0:
        process_signal(worker, SIGTERM);
        break;
    case 1:
        process_die_after(worker, world_draw(STEPS_MAX));
        break;
    default:
        if (sim.disk_every > 0 && sim_store_is_well())
            store_away();
        break;
    }
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void step_clock(void *ctx, int64_t a)
{
    world_step_wall(PICK(DAY, -DAY, 1000, -1000, 60 * MINUTE, -60 * MINUTE));
    world_log("chaos: somebody sets the clock");
    again(sim.clock_every, step_clock);
}

static void power_on(void *ctx, int64_t a)
{
    if (world_now() >= sim.powered_at)
        services_start_all();
}

/* Everything dies; the new boot began some time ago when the programs start. */
static void reboot(void *ctx, int64_t a)
{
    int64_t down = 1000 + world_draw(2 * MINUTE), boot = 5000 + world_draw(MINUTE);
    bool power_cut = world_chance(500);

    world_log("chaos: the machine restarts%s", power_cut ? ", its power was cut" : "");
    sim.powered_at = world_now() + down + boot;
    services_kill_all();
    if (power_cut) {
        disk_sim_power_cut();
        backend_excuse(1000000); /* its file is not synced at each commit */
    }
    world_reboot(world_now() + down);
    world_at(sim.powered_at, power_on, NULL, 0);
    again(sim.reboot_every, reboot);
}

/* The monitor is gone for long, and meanwhile sessions come back by themselves. */
static void heal_all(void *ctx, int64_t a)
{
    for (int i = 0; i < sim.n_sessions; i++)
        if (sim.sessions[i].state == SESSION_DISCONNECTED && sim.sessions[i].kind != SIM_STUBBORN)
            bridge_connect(i, sim.sessions[i].gen);
}

static void go_blind(void *ctx, int64_t a)
{
    int64_t until = world_now() + 6 * MINUTE + world_draw(10 * MINUTE);

    world_log("chaos: the monitor is stopped for long");
    process_stall(sim.monitor, until < sim.calm_at ? until : sim.calm_at);
    world_at(world_now() + 1000 + world_draw(30 * 1000), heal_all, NULL, 0);
    again(sim.blind_every, go_blind);
}

static void heal_disk(void *ctx, int64_t a)
{
    sim_store_heal();
    sim.disk_bad_t = world_now();
    world_log("chaos: the disk is well again");
}

/* While its disk fails the forwarder opens forward.db anew, every 5 s in the end; each time the requests in flight may come
 * again. The disk fails for a minute at most. */
#define REOPENINGS_MAX 20

/* Its forwarder opens its part anew, and what was in flight may come again. */
static void hurt_database(void)
{
    enum postgres_fault fault = (enum postgres_fault)(1 + world_draw(POSTGRES_FAULT_N - 1));
    int64_t ms = fault == POSTGRES_SLOW ? PICK(20, 200, 2000) : PICK(5, 50, 300);

    postgres_sim_fail(fault, ms);
    world_log("chaos: the database has fault %d (%lld)", (int)fault, (long long)ms);
    for (int i = 0; i < REOPENINGS_MAX; i++)
        backend_forwarder_died();
    world_at(world_now() + 100 + world_draw(world_chance(500) ? 5000 : MINUTE), heal_disk, NULL, 0);
}

static void hurt_disk(void *ctx, int64_t a)
{
    static const char *const files[] = { "/state.db",      "/state.db-journal", "/events.db",
                                         "/events.db-wal", "/forward.db",       "/forward.db-wal" };
    const char *file = files[world_draw(6)];

    if (sim.store) {
        hurt_database();
        again(sim.disk_every, hurt_disk);
        return;
    }
    if (world_chance(300)) {
        disk_sim_slow(file, PICK(20, 200, 2000));
        world_log("chaos: syncs of %s are slow", file);
    } else {
        disk_sim_fail(file, (enum disk_fault)(1 + world_draw(DISK_FAULT_N - 1)), PICK(1000, 1000, 100));
        world_log("chaos: the disk under %s fails", file);
        if (strstr(file, "forward.db"))
            for (int i = 0; i < REOPENINGS_MAX; i++)
                backend_forwarder_died();
    }
    world_at(world_now() + 100 + world_draw(world_chance(500) ? 5000 : MINUTE), heal_disk, NULL, 0);
    again(sim.disk_every, hurt_disk);
}

static void mend_backend(void *ctx, int64_t a)
{
    backend_set(0);
}

static void hurt_backend(void *ctx, int64_t a)
{
    int mode = 1 + (int)world_draw(backend_modes() - 1);

    world_log("chaos: the backend changes to mode %d", mode);
    backend_set(mode);
    world_at(world_now() + 1000 + world_draw(3 * MINUTE), mend_backend, NULL, 0);
    again(sim.backend_every, hurt_backend);
}

static void hub_up(void *ctx, int64_t a)
{
    bus_sim_set_down(false);
}

static void hub_down(void *ctx, int64_t a)
{
    world_log("chaos: the hub is away");
    bus_sim_set_down(true);
    world_at(world_now() + world_draw(2 * MINUTE), hub_up, NULL, 0);
    again(sim.hub_every, hub_down);
}

/* ---- people ---------------------------------------------------------------------------------- */

/* The one retry of a session with two owners stays that when it is asked for. */
static enum retry_reason reason_of(const struct sim_session *x)
{
    struct reconnect_row row = { 0 };

    (void)reconnects_find(sim.db, SIM_BRIDGE, x->id, &row);
    return row.retry.reason;
}

static void command(struct sim_session *x, int64_t what, const struct now *now)
{
    bool force = world_chance(300);
    struct retry_verdict v = { 0 };

    if (what == 0 && reconnect_ask(sim.db, &sim.policy, now, SIM_BRIDGE, x->id, force, &v) == 0) {
        world_log("chaos: %s is asked for by an operator%s", x->id, force ? ", forced" : "");
        x->forced = force ? reason_of(x) : RETRY_FOR_NONE;
    } else if (what == 1) {
        x->parked = reconnect_park(sim.db, now, SIM_BRIDGE, x->id, "by hand") == 0;
    } else if (what == 2 && reconnect_unpark(sim.db, &sim.policy, now, SIM_BRIDGE, x->id) == 0) {
        world_log("chaos: %s is unparked", x->id);
        check_reset(x);
        x->parked = false;
    }
}

static void operator_acts(void *ctx, int64_t a)
{
    struct sim_session *x = &sim.sessions[world_draw(sim.n_sessions)];

    again(sim.operator_every, operator_acts);
    if (world_now() < sim.powered_at || !sim_store_may_write())
        return;
    if (db_begin(sim.db) == 0) {
        struct now now = sim_steady();

        command(x, world_draw(3), &now);
        sim_must(db_commit(sim.db), "commit");
    }
}

/* ---- the plan -------------------------------------------------------------------------------- */

static int64_t draw_size(void)
{
    if (sim.options.seed % 250 == 249)
        return 2000;
    if (sim.options.seed % 25 == 24)
        return 200;
    return 1 + world_draw(30);
}

static void make_sessions(void)
{
    sim.n_sessions = (int)draw_size();
    sim.sessions = calloc((size_t)sim.n_sessions, sizeof *sim.sessions);
    if (!sim.sessions)
        abort();
    for (int i = 0; i < sim.n_sessions; i++) {
        struct sim_session *x = &sim.sessions[i];

        (void)snprintf(x->id, sizeof x->id, "s%d", i);
        x->kind = world_chance(800) ? SIM_NORMAL : (enum sim_kind)(1 + world_draw(SIM_FLAPPER - 1));
        x->state = SESSION_CONNECTED;
        x->connected_since = world_now();
    }
}

static void draw_policy(void)
{
    sim.policy.interval_ms = PICK(300, 60, 60, 10) * 1000;
    sim.policy.rate_milli = PICK(2000, 2000, 500, 10000);
    sim.policy.burst = PICK(5, 5, 1, 20);
    sim.policy.in_flight_max = PICK(16, 16, 3);
    sim.policy.failures_max = PICK(20, 3);
    sim.policy.stable_ms = PICK(10, 1) * MINUTE;
    sim.policy.replaced_delay_ms = PICK(15, 2) * MINUTE;
    if (sim.n_sessions > 100)
        sim.policy.rate_milli = 10000;
}

static void draw_troubles(void)
{
    sim.has_list = world_chance(800);
    sim.n_workers = 1 + (int)world_draw(SIM_WORKERS_MAX);
    bus_sim_loss_permille = PICK(0, 100, 500, 1000);
    file_watch_sim_silent = world_chance(300);
    net_resend_permille = PICK(0, 20, 100);
    sim.hook_loss = PICK(0, 0, 100, 1000);
    sim.kill_every = PICK(0, 10, 2, 1) * MINUTE;
    sim.stall_every = PICK(0, 0, 10, 2) * MINUTE;
    sim.drop_every = PICK(10, 30, 120) * 1000;
    sim.mode_every = PICK(0, 5, 10, 30) * MINUTE;
    sim.clock_every = PICK(0, 10, 30) * MINUTE;
    sim.reboot_every = PICK(0, 0, 0, 20) * MINUTE;
    sim.operator_every = PICK(0, 1, 5) * MINUTE;
    sim.life_every = PICK(0, 1, 3) * MINUTE;
    sim.blind_every = PICK(0, 0, 20) * MINUTE;
    sim.disk_every = PICK(0, 0, 5) * MINUTE;
    sim.hub_every = PICK(0, 0, 10) * MINUTE;
    sim.message_every = PICK(1, 5, 20) * 1000;
    sim.backend_every = PICK(0, 0, 4, 10) * MINUTE;
    sim.calm_at = world_now() + PICK(6, 10, 20) * MINUTE;
    sim.end_at = sim.calm_at + 2 * sim.policy.interval_ms + 5 * MINUTE +
                 (int64_t)sim.n_sessions * 1200 * 1000 / sim.policy.rate_milli;
}

static void calm(void *ctx, int64_t a)
{
    world_log("chaos: calm from here on");
    bus_sim_set_down(false);
    sim_store_heal();
    backend_set(0);
    sim.lie = 0;
    services_let_live();
    sender_expect();
    power_on(NULL, 0);
}

void chaos_plan(void)
{
    make_sessions();
    draw_policy();
    draw_troubles();
    process_on_end(on_process_end);
    again(sim.drop_every, drop_one);
    again(sim.drop_every * 20, drop_many);
    again(sim.mode_every, change_mode);
    again(sim.clock_every, step_clock);
    again(sim.reboot_every, reboot);
    again(sim.operator_every, operator_acts);
    again(sim.life_every, heal_one);
    again(sim.life_every, linger);
    again(sim.blind_every, go_blind);
    again(sim.kill_every, kill_one);
    again(sim.stall_every, stall_one);
    again(sim.disk_every, hurt_disk);
    again(sim.hub_every, hub_down);
    again(sim.message_every, message);
    again(sim.backend_every, hurt_backend);
    if (sim.options.seed % 50 == 13)
        world_at(world_now() + MINUTE, burst, NULL, 900);
    if (sim.options.world)
        plan_the_world();
    world_at(sim.calm_at, calm, NULL, 0);
}
