/*
 * One sweep, when all goes well:
 *   on_sweep    takes up the changes of others in state.db, asks the bridge
 *   on_health   good
 *   on_list     reads, compares with the session table (or on_status, one by one)
 *   on_end      commits the changes in one transaction, publishes, plans the next sweep
 *
 * When it does not: the health check fails three times -> bridge.down and an incident. Many sessions drop, or calls
 * fail -> an incident: a sweep every 5 s, no alert per session, no attempt until two good sweeps. The key is refused ->
 * one log line and an alert, sweeps go on at the usual pace. state.db is busy -> the changes are put back in memory, and
 * the next sweep finds them again.
 *
 *   a sweep:   planned ──timer──► health ──good──► list, or session by session ──► committed ──► planned
 *                 ▲                  '── bad ──────────────┬── fault ────────────────► committed ──┤
 *                 └────────────────────────────────────────┴───────────────────────────────────────┘
 */
#include "services/monitor/poll_schedule.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "services/monitor/alert_watch.h"
#include "services/monitor/health_watch.h"
#include "services/monitor/metrics.h"
#include "services/monitor/sweep_compare.h"

/* After a changeset that state.db did not take. */
#define STORE_AGAIN_MS 1000
/* One by one: a sweep takes this share of its interval, the rest is for slow answers. */
#define SPREAD(ms) ((ms)*4 / 5)
/* Workers may act on the results of a sweep for this many intervals: one may fail without stopping them. */
#define FRESHNESS_SWEEPS 3
/* And a slow sweep is no silence: the client's limit for one call. */
#define FRESHNESS_MORE_MS 60000

struct poll_schedule {
    struct poll_schedule_options o;
    struct poller *poller;
    struct sweep_compare *compare;
    struct health_watch *health;
    struct alert_watch *alerts;
    struct timer *timer;                        /* begins the next sweep */
    const struct bridge_driver *pending_driver; /* found out, not stored yet */
    int64_t began_ms, began_us;                 /* of the sweep under way; steady, and for measuring */
    int64_t next_ms;                            /* steady: when the next sweep begins */
    bool recheck;                               /* something changed while a sweep is under way */
    bool interrupted; /* … this process stood still meanwhile: some answers are old */
    bool by_list;     /* the last sweep was answered by one list */
    bool list_failed; /* … and it could not be taken in */
    int list_kind;    /* … and the driver's reading of it */
    bool well;        /* the last sweep was good, and nothing is wrong */
    enum sweep_end last_end;
};

static const struct rules *rules_of(const struct poll_schedule *p)
{
    return &p->o.m->settings->rules;
}

static int64_t now_ms(const struct poll_schedule *p)
{
    return times_steady(&p->o.m->times);
}

/* ---- when to ask next ------------------------------------------------------------------------ */

static void plan(struct poll_schedule *p, int64_t after_ms)
{
    p->next_ms = now_ms(p) + after_ms;
    timer_start(p->timer, after_ms);
}

/* From the end of a sweep that ended so. */
static int64_t pause_ms(struct poll_schedule *p, enum sweep_end end)
{
    const struct rules *r = rules_of(p);
    const struct bridge_status *status = p->o.status;
    int64_t passed_ms = now_ms(p) - p->began_ms;
    int64_t rest_ms = r->check_ms > passed_ms ? r->check_ms - passed_ms : 0;
    bool bad = end == SWEEP_UNHEALTHY || end == SWEEP_FAULT || end == SWEEP_UNKNOWN_BRIDGE;

    if (!status->reached)
        return health_watch_wait_ms(p->health);
    if (p->list_failed)
        return STORE_AGAIN_MS;
    if (p->interrupted)
        return 0;
    if (end == SWEEP_GOOD && bridge_status_is_recovering(status) && r->confirm_ms < r->incident_check_ms)
        return r->confirm_ms;
    if (bridge_status_is_quiet(status) || bad)
        return r->incident_check_ms;
    return p->recheck && r->recheck_ms < rest_ms ? r->recheck_ms : rest_ms;
}

static void recheck_all(struct poll_schedule *p)
{
    int64_t at_ms = now_ms(p) + rules_of(p)->recheck_ms;

    if (poller_is_sweeping(p->poller))
        p->recheck = true; /* it may ask for sessions that were asked for before */
    else if (at_ms < p->next_ms)
        plan(p, rules_of(p)->recheck_ms);
}

static bool asks_one_by_one(const struct poll_schedule *p)
{
    const struct bridge_driver *d = poller_driver(p->poller);

    return d && d->has_status && !p->by_list;
}

void poll_schedule_recheck(struct poll_schedule *p, const char *id)
{
    if (!id || !asks_one_by_one(p) || !poller_ask(p->poller, id))
        recheck_all(p);
}

void poll_schedule_ask(struct poll_schedule *p, const char *id, int64_t gap_ms)
{
    if (poller_ask(p->poller, id))
        return;
    if (!poller_is_sweeping(p->poller) && now_ms(p) - p->began_ms >= gap_ms)
        plan(p, 0);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void on_health(void *ctx, bool good, const struct bridge_call *c)
{
    const struct poll_schedule *p = ctx;

    health_watch_checked(p->health, good, c);
}

static void on_call(void *ctx, const struct bridge_call *c)
{
    const struct poll_schedule *p = ctx;

    health_watch_called(p->health, c);
}

/* The workers wait for it. If state.db does not take it now, the end of the next sweep tries again. */
static void save_driver(struct poll_schedule *p)
{
    const struct monitor_context *m = p->o.m;
    int r;

    if (!p->pending_driver)
        return;
    r = context_act(m);
    if (r == 0)
        r = bridges_set_driver(m->db, m->settings->bridge.name, p->pending_driver->name);
    store_status_written(m->store, r);
    if (r != 0)
        return;
    p->pending_driver = NULL;
    attempt_watch_wake(p->o.attempts);
}

static void on_driver(void *ctx, const struct bridge_driver *driver)
{
    struct poll_schedule *p = ctx;

    log_info("bridge-driver", "found out what the bridge speaks", KS("bridge", p->o.m->settings->bridge.name),
             KS("driver", driver->name));
    p->pending_driver = driver;
    save_driver(p);
}

/* ---- the answers about sessions -------------------------------------------------------------- */

static int on_list(void *ctx, const struct bridge_driver *driver, const struct bridge_answer *answer,
                   int64_t asked)
{
    struct poll_schedule *p = ctx;
    int r = sweep_compare_list(p->compare, driver, answer, asked);

    p->list_failed = r < 0;
    p->list_kind = r > 0 ? r : 0;
    return r < 0 ? 0 : r; /* a fault of ours is not the bridge's */
}

static const char *next_session(void *ctx)
{
    const struct poll_schedule *p = ctx;

    return sweep_compare_next(p->compare);
}

static void on_status(void *ctx, const char *id, int kind, const struct bridge_session *seen, int64_t asked)
{
    struct poll_schedule *p = ctx;

    metrics_checked();
    sweep_compare_status(p->compare, id, kind, seen, asked);
    if (change_batch_take_doubts(p->o.batch) > 0)
        recheck_all(p);
    attempt_watch_polled(p->o.attempts);
}

/* ---- the end of a sweep ---------------------------------------------------------------------- */

static void end_suppressions(struct poll_schedule *p)
{
    const struct session_table *table = p->o.m->table;
    int64_t now = now_ms(p);

    for (int i = 0; i < session_table_count(table); i++) {
        struct tracked_session *s = session_table_at(table, i);

        if (s->flap.suppressed_ms == 0 || now < flap_until_ms(rules_of(p), &s->flap))
            continue;
        (void)change_batch_touch(p->o.batch, s, true);
        (void)flap_relax(rules_of(p), &s->flap, now);
    }
}

static int commit_good(struct poll_schedule *p)
{
    bool quiet = bridge_status_is_quiet(p->o.status);
    int r;

    if (!quiet)
        end_suppressions(p);
    silence_watch_sweep(p->o.silence, quiet);
    r = change_batch_commit_sweep(p->o.batch, p->began_ms,
                                  FRESHNESS_SWEEPS * rules_of(p)->check_ms + FRESHNESS_MORE_MS);
    if (r == 0 && !alert_watch_is_settled(p->alerts) && !bridge_status_is_quiet(p->o.status))
        r = alert_watch_settle(p->alerts);
    return r;
}

static void end_incident(struct poll_schedule *p, bool good)
{
    struct bridge_status before = *p->o.status;

    if (!bridge_status_sweep(rules_of(p), p->o.status, good, change_batch_take_drops(p->o.batch), now_ms(p)))
        return;
    if (alert_watch_settle(p->alerts) != 0)
        *p->o.status = before; /* the next good sweep tries again */
}

static void log_end(struct poll_schedule *p, enum sweep_end end)
{
    const struct bridge_settings *b = &p->o.m->settings->bridge;
    char url[300];

    if (end == p->last_end)
        return;
    if (end == SWEEP_REFUSED)
        log_error("key-refused", "the bridge refuses our key: set WHATSAPP_API_KEY to the one it wants",
                  KS("bridge", b->name), KS("error", p->o.status->detail));
    if (end == SWEEP_UNKNOWN_BRIDGE)
        log_error(
            "unknown-bridge",
            "WHATSAPP_API_URL answers like none of the bridges known here; set WHATSAPP_BRIDGE if it is "
            "one of them",
            KS("url", url_display(b->url, url, sizeof url)));
    if (end == SWEEP_FAULT)
        log_warn("sweep-failed", "could not list sessions", KS("error", p->o.status->detail));
}

static void show(struct poll_schedule *p, enum sweep_end end)
{
    int bridge = p->o.m->metrics;

    metrics_swept(bridge, end, clock_mono_us() - p->began_us);
    metrics_sessions(bridge, p->o.m->table);
    metrics_health(bridge, bridge_status_is_up(p->o.status), p->o.status->incident.kind != INCIDENT_NONE);
    metrics_alerts(bridge, change_batch_alerts_active(p->o.batch));
}

static void on_end(void *ctx, enum sweep_end end, bool by_list)
{
    struct poll_schedule *p = ctx;
    bool good;
    int r;

    log_end(p, end);
    p->last_end = end;
    if (end == SWEEP_UNKNOWN_BRIDGE)
        bridge_status_set_detail(p->o.status, "it is none of the bridges known here", 0);
    if (end != SWEEP_UNHEALTHY)
        health_watch_swept(p->health, end, p->list_kind);
    if (end == SWEEP_GOOD) {
        p->by_list = by_list;
        sweep_compare_note_words(p->compare);
    }
    if (end == SWEEP_GOOD || end == SWEEP_REFUSED)
        p->o.status->key_refused = end == SWEEP_REFUSED;
    r = end == SWEEP_GOOD && !p->list_failed && !p->interrupted ? commit_good(p)
                                                                : change_batch_commit(p->o.batch, 0);
    p->list_failed = p->list_failed || r != 0;
    good = end == SWEEP_GOOD && !p->list_failed;
    save_driver(p);
    end_incident(p, good);
    show(p, end);
    p->well = good && bridge_status_programs_live(p->o.status) && !bridge_status_is_quiet(p->o.status);
    if (p->well)
        p->o.on_well(p->o.ctx);
    attempt_watch_polled(p->o.attempts);
    p->recheck = change_batch_take_doubts(p->o.batch) > 0 || p->recheck;
    plan(p, pause_ms(p, end));
    p->recheck = false;
}

/* ---- the start of a sweep -------------------------------------------------------------------- */

/* Spread over the interval, but the first one, and those in trouble, as fast as allowed. */
static int64_t spread_ms(const struct poll_schedule *p)
{
    return alert_watch_is_settled(p->alerts) && !bridge_status_is_quiet(p->o.status)
               ? SPREAD(rules_of(p)->check_ms)
               : 0;
}

static void on_sweep(void *ctx)
{
    struct poll_schedule *p = ctx;
    int r = state_sync_reload(p->o.sync);

    if (r != 0) {
        store_status_written(p->o.m->store, r);
        plan(p, STORE_AGAIN_MS);
        return;
    }
    sweep_compare_begin(p->compare);
    p->began_ms = now_ms(p);
    p->began_us = clock_mono_us();
    p->list_failed = false;
    p->interrupted = false;
    p->list_kind = 0;
    (void)silence_watch_read(p->o.silence);
    if (!poller_start(p->poller, session_table_count(p->o.m->table), spread_ms(p)))
        plan(p, rules_of(p)->recheck_ms);
}

static void on_doubt(void *ctx, const char *id)
{
    struct poll_schedule *p = ctx;

    if (asks_one_by_one(p))
        (void)poller_ask(p->poller, id); /* if not now, the next second */
}

static void on_stopped(void *ctx)
{
    struct poll_schedule *p = ctx;

    p->interrupted = poller_is_sweeping(p->poller);
    if (!p->interrupted)
        plan(p, 0);
}

/* ---- opening --------------------------------------------------------------------------------- */

const struct bridge_driver *poll_schedule_driver(const struct poll_schedule *p)
{
    return poller_driver(p->poller);
}

bool poll_schedule_is_settled(const struct poll_schedule *p)
{
    return alert_watch_is_settled(p->alerts);
}

bool poll_schedule_is_well(const struct poll_schedule *p)
{
    return p->well;
}

static const struct poller_owner owner = { .on_health = on_health,
                                           .on_call = on_call,
                                           .on_driver = on_driver,
                                           .on_list = on_list,
                                           .on_status = on_status,
                                           .next = next_session,
                                           .on_end = on_end };

int poll_schedule_open(const struct poll_schedule_options *o, struct poll_schedule **ret)
{
    struct poll_schedule *p = mem_zalloc(sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    p->o = *o;
    r = sweep_compare_open(o->m, o->status, o->batch, o->attempts, &p->compare);
    if (r == 0)
        r = timer_open(app_loop(o->m->app), on_sweep, p, &p->timer);
    if (r == 0)
        r = health_watch_open(o->m, o->status, o->batch, &p->health);
    if (r == 0)
        r = alert_watch_open(&(struct alert_watch_options){ .m = o->m,
                                                            .status = o->status,
                                                            .batch = o->batch,
                                                            .attempts = o->attempts,
                                                            .on_doubt = on_doubt,
                                                            .on_stopped = on_stopped,
                                                            .ctx = p },
                             &p->alerts);
    if (r == 0)
        r = poller_open(o->m->app, rules_of(p), &o->m->times, o->target, o->driver, &owner, p, &p->poller);
    if (r != 0) {
        poll_schedule_close(p);
        return r;
    }
    timer_start(p->timer, 0);
    health_watch_start(p->health, p->poller);
    alert_watch_start(p->alerts);
    *ret = p;
    return 0;
}

void poll_schedule_close(struct poll_schedule *p)
{
    if (!p)
        return;
    poller_close(p->poller);
    timer_close(p->timer);
    health_watch_close(p->health);
    alert_watch_close(p->alerts);
    sweep_compare_close(p->compare);
    mem_free(p);
}
