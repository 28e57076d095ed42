#include "services/monitor/bridge_watch.h"

#include <errno.h>
#include <string.h>

#include "common/app/bridge_settings.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/bridge/drivers.h"
#include "services/monitor/program_watch.h"
#include "services/monitor/rival_watch.h"
#include "services/monitor/subscription_watch.h"
#include "services/monitor/version_watch.h"

struct bridge_watch {
    struct bridge_watch_options o;
    struct monitor_context context;
    struct bridge_target target;
    struct bridge_status status;
    struct change_batch *batch;
    struct state_sync *sync;
    struct attempt_watch *attempts;
    struct silence_watch *silence;
    struct poll_schedule *schedule;
    struct subscription_watch *subscriptions;
    struct rival_watch *rivals;
    struct version_watch *version;
    struct program_watch *programs;
    struct feed_target feed;
};

/* ---- opening --------------------------------------------------------------------------------- */

/* Continues from the bridge's row. */
static int load_bridge(struct bridge_watch *w, const struct bridge_driver *driver)
{
    const char *bridge = bridge_watch_name(w);
    struct bridge_row row;
    bool watched;
    int r = bridges_find(w->context.db, bridge, &row);

    if (r < 0)
        return r;
    if (r == 0)
        bridge_status_load(&w->status, &row, times_steady(&w->context.times));
    watched = r != 0 || row.unwatched_since == 0;
    r = context_act(&w->context);
    if (r == 0 && !watched) /* the monitor with the duties of the stack has other settings */
        r = bridges_set_unwatched(w->context.db, bridge, 0);
    return r == 0 && driver ? bridges_set_driver(w->context.db, bridge, driver->name) : r;
}

/* The rows of state.db. */
static int load(struct bridge_watch *w, const struct bridge_driver *driver)
{
    int r = load_bridge(w, driver);

    if (r == 0)
        r = state_sync_load(w->sync);
    if (r == 0)
        r = change_batch_load_alerts(w->batch);
    if (r == 0)
        r = silence_watch_load(w->silence);
    w->status.key_refused = r == 0 && change_batch_alert_is_on(w->batch, ALERT_BRIDGE_KEY_REFUSED);
    return r;
}

static void on_ask(void *ctx, const char *id, int64_t gap_ms)
{
    struct bridge_watch *w = ctx;

    if (w->schedule)
        poll_schedule_ask(w->schedule, id, gap_ms);
}

/* The parts that only hold data, and their rows in state.db. */
static int open_state(struct bridge_watch *w, const struct bridge_driver *driver)
{
    const struct monitor_context *c = &w->context;
    int r = session_table_new(&w->context.table);

    if (r == 0)
        r = change_batch_open(c, &w->status, w->o.sender, &w->batch);
    if (r == 0)
        r = state_sync_open(c, &w->status, w->batch, &w->sync);
    if (r == 0)
        r = silence_watch_open(c, w->batch, w->o.received, &w->silence);
    return r == 0 ? load(w, driver) : r;
}

static const struct bridge_driver *driver_of(void *ctx)
{
    const struct bridge_watch *w = ctx;

    return poll_schedule_driver(w->schedule);
}

/* The parts that do something by themselves. */
static int open_activities(struct bridge_watch *w, const struct bridge_driver *driver)
{
    const struct monitor_context *c = &w->context;
    int r = attempt_watch_open(
        &(const struct attempt_watch_options){
            .m = c, .batch = w->batch, .sync = w->sync, .on_ask = on_ask, .ctx = w },
        &w->attempts);

    if (r == 0)
        r = poll_schedule_open(&(const struct poll_schedule_options){ .m = c,
                                                                      .status = &w->status,
                                                                      .batch = w->batch,
                                                                      .sync = w->sync,
                                                                      .attempts = w->attempts,
                                                                      .silence = w->silence,
                                                                      .target = &w->target,
                                                                      .driver = driver,
                                                                      .on_well = w->o.on_well,
                                                                      .ctx = w->o.ctx },
                               &w->schedule);
    if (r == 0)
        r = subscription_watch_open(&(const struct subscription_watch_options){ .m = c,
                                                                                .status = &w->status,
                                                                                .batch = w->batch,
                                                                                .target = &w->target,
                                                                                .driver = driver_of,
                                                                                .ctx = w },
                                    &w->subscriptions);
    if (r == 0)
        r = rival_watch_open(c, &w->status, w->batch, &w->rivals);
    if (r == 0)
        r = version_watch_open(
            &(const struct version_watch_options){
                .m = c, .status = &w->status, .target = &w->target, .driver = driver_of, .ctx = w },
            &w->version);
    if (r == 0)
        r = program_watch_open(c, &w->status, w->batch, &w->programs);
    w->feed =
        (struct feed_target){ .m = c, .batch = w->batch, .attempts = w->attempts, .schedule = w->schedule };
    return r;
}

int bridge_watch_open(const struct bridge_watch_options *o, struct bridge_watch **ret)
{
    const struct bridge_settings *b = &o->context.settings->bridge;
    const struct bridge_driver *driver = bridge_driver_find(b->driver);
    struct bridge_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->o = *o;
    w->context = o->context;
    w->context.metrics = metrics_bridge(b->name);
    w->target = bridge_settings_target(b);
    r = open_state(w, driver);
    if (r == 0)
        r = open_activities(w, driver);
    if (r != 0) {
        bridge_watch_close(w);
        return r;
    }
    log_info("watching", "watching the bridge's sessions", KS("bridge", b->name),
             KI("sessions", session_table_count(w->context.table)));
    *ret = w;
    return 0;
}

void bridge_watch_close(struct bridge_watch *w)
{
    if (!w)
        return;
    version_watch_close(w->version);
    program_watch_close(w->programs);
    rival_watch_close(w->rivals);
    subscription_watch_close(w->subscriptions);
    poll_schedule_close(w->schedule);
    attempt_watch_close(w->attempts);
    silence_watch_close(w->silence);
    state_sync_close(w->sync);
    change_batch_close(w->batch);
    session_table_free(w->context.table);
    mem_free(w);
}

/* ---- for others ------------------------------------------------------------------------------ */

void bridge_watch_commit(struct bridge_watch *w)
{
    (void)change_batch_commit(w->batch, 0);
}

void bridge_watch_programs(struct bridge_watch *w, bool on)
{
    program_watch_set(w->programs, on);
}

static int park_owners(struct bridge_watch *w, const struct two_owners *t)
{
    const struct monitor_context *m = &w->context;
    struct now now;
    int r = context_begin(m);

    if (r == 0)
        r = steady_now(m->db, app_clock(m->app), &now);
    if (r == 0)
        r = two_owners_park(t, bridge_watch_name(w), m->db, &now);
    if (r == 0)
        r = db_commit(m->db);
    if (r != 0)
        db_rollback(m->db);
    return r;
}

void bridge_watch_two_owners(struct bridge_watch *w, const struct two_owners *t)
{
    char text[BRIDGES_DETAIL_MAX];

    (void)two_owners_text(t, bridge_watch_name(w), text, sizeof text);
    if (strcmp(w->status.two_owners, text) != 0) {
        str_copy(str_from(text), w->status.two_owners, sizeof w->status.two_owners);
        (void)change_batch_commit(w->batch, 0);
    }
    if (text[0])
        store_status_written(w->context.store, park_owners(w, t));
}

int64_t bridge_watch_changes(const struct bridge_watch *w)
{
    return change_batch_changes(w->batch);
}

const char *bridge_watch_name(const struct bridge_watch *w)
{
    return w->context.settings->bridge.name;
}

struct feed_target *bridge_watch_feed(struct bridge_watch *w)
{
    return &w->feed;
}

const char *bridge_watch_problem(const struct bridge_watch *w)
{
    const char *problem = bridge_status_problem(&w->status);

    return problem || poll_schedule_is_settled(w->schedule) ? problem : "no good sweep yet";
}

bool bridge_watch_is_well(const struct bridge_watch *w)
{
    return poll_schedule_is_well(w->schedule);
}
