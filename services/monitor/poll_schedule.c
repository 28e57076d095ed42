/*
 * One sweep, when all goes well:
 *   on_sweep    takes up what others did in state.db, asks the bridge
 *   on_health   good: nothing to say
 *   on_list     reads, compares with the book (or on_status, one by one)
 *   on_end      records the changes in one transaction, rings, plans the next sweep
 * When it does not: the health check fails three times -> bridge.down and an incident; many sessions drop or
 * calls fail -> an incident: polled every 5 s, nothing told per session, nothing attempted until two good
 * sweeps; the key is refused -> one line, asked on at the usual pace; the store is busy -> the round is
 * undone, seen again by the next sweep. Beside it: webhooks (hear.c) and attempts (watch.c) put into the same
 * round; sinks outside (post.c).
 */
#include "services/monitor/monitor.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"
#include "services/monitor/publish.h"

/* Answers to single questions that come within this are recorded together. */
#define FLUSH_MS 50
/* After a round that the store did not take. */
#define STORE_AGAIN_MS 1000
/* One by one: a sweep takes this share of its interval, the rest is for slow answers. */
#define SPREAD(ms) ((ms)*4 / 5)
/* Workers may act on what a sweep recorded for this many intervals: one may fail without stopping them. */
#define FRESHNESS_SWEEPS 3
/* And a slow sweep is no silence: the client's limit for one call. */
#define FRESHNESS_MORE_MS 60000

/* ---- recording and ringing ------------------------------------------------------------------- */

/* The bridge is in trouble: its sessions are not spoken of. */
static bool is_quiet(const struct monitor *m)
{
    return m->incident.kind != INCIDENT_NONE || m->health.state == HEALTH_DOWN;
}

static void begin_changeset(struct monitor *m)
{
    changeset_begin(&m->changeset, m->table, m->settings.rules.start_ms, times_steady(&m->times),
                    times_wall(&m->times));
}

/* Does a mass of drops in this round make an incident? */
static void count_drops(struct monitor *m)
{
    int64_t states[SESSION_STATE_N];

    if (m->changeset.drops == 0)
        return;
    session_table_states(m->table, states);
    if (!incident_drops(&m->settings.rules, &m->incident, m->changeset.drops, states[SESSION_CONNECTED],
                        m->changeset.now))
        return;
    m->pending.set_incident = m->pending.incident = true;
    m->pending.incident_detail = incident_text(m->incident.kind);
}

void monitor_stored(struct monitor *m, int r)
{
    bool failing = r != 0;

    if (failing)
        metrics_record_failed();
    if (failing && db_sync_failed(m->db))
        monitor_reopen(m);
    else if (!failing)
        backoff_reset(&m->reopening);
    if (failing == m->store_failing)
        return;
    m->store_failing = failing;
    if (failing)
        log_error("store", "state.db does not take what was seen; it will be seen again",
                  KS("why", err_text(r)), KS("detail", db_error(m->db)));
    else
        log_info("store", "state.db works again");
}

static int record(struct monitor *m, struct bridge_update *also)
{
    struct incident incident = m->incident;
    struct bridge_update pending = m->pending;
    int64_t drops = m->changeset.drops;
    int r;

    if (m->changeset.n == 0)
        begin_changeset(m);
    count_drops(m);
    also->set_health = m->pending.set_health;
    also->health = m->pending.health;
    also->health_detail = m->pending.health_detail;
    also->set_incident = m->pending.set_incident;
    also->incident = m->pending.incident;
    also->incident_detail = m->pending.incident_detail;
    also->outdated = m->outdated;
    also->quiet = is_quiet(m);
    also->bridge_facts.down = m->health.state == HEALTH_DOWN;
    also->bridge_facts.incident =
        m->incident.kind == INCIDENT_MASS_DROP || m->incident.kind == INCIDENT_TRANSPORT;
    also->bridge_facts.key_refused = m->key_refused;
    r = commit_changeset(&m->commit, &m->changeset, also);
    if (r == COMMIT_NOTHING)
        return 0;
    monitor_stored(m, r);
    if (r != 0) {
        m->incident = incident;
        m->pending = pending;
        return r;
    }
    m->drops += drops;
    publish_committed(m, also);
    m->pending = (struct bridge_update){ 0 };
    if (m->changeset.outdated)
        m->outdated = m->changeset.outdated;
    changeset_done(&m->changeset);
    return 0;
}

int monitor_flush(struct monitor *m, int64_t cursor)
{
    struct bridge_update also = { .cursor = cursor };

    timer_stop(m->flush);
    return record(m, &also);
}

static void on_flush(void *ctx)
{
    struct monitor *m = ctx;

    (void)monitor_flush(m, 0);
}

struct changeset *monitor_changeset(struct monitor *m)
{
    if (m->changeset.n == 0) {
        begin_changeset(m);
        timer_start(m->flush, FLUSH_MS);
    }
    return &m->changeset;
}

void monitor_touch(struct monitor *m, struct tracked_session *s, bool row)
{
    (void)changeset_touch(monitor_changeset(m), s, row); /* without memory: the next sweep finds it */
}

bool monitor_is_attempting(const struct monitor *m, const char *id)
{
    const struct tracked_session *s = session_table_find(m->table, id);

    return s && s->watched > 0 && s->watched == m->attempts.number;
}

void monitor_check_attempts(struct monitor *m)
{
    attempt_watch_wake(&m->attempts);
}

/* ---- when to ask next ------------------------------------------------------------------------ */

static void plan(struct monitor *m, int64_t after_ms)
{
    m->next_ms = times_steady(&m->times) + after_ms;
    timer_start(m->sweep, after_ms);
}

/* The sweep that has just ended was one of those in a row that end the trouble. */
static bool is_mending(const struct monitor *m)
{
    bool health_is_back = m->health.state == HEALTH_DOWN && m->health.run_good;

    return health_is_back || m->incident.good_sweeps > 0;
}

static int64_t trouble_ms(const struct monitor *m, enum sweep_end end)
{
    const struct rules *r = &m->settings.rules;
    bool soon = end == SWEEP_GOOD && is_mending(m) && r->confirm_ms < r->incident_check_ms;

    return soon ? r->confirm_ms : r->incident_check_ms;
}

/* From the end of a sweep that ended so. */
static int64_t pause_ms(struct monitor *m, enum sweep_end end)
{
    const struct rules *r = &m->settings.rules;
    int64_t passed_ms = times_steady(&m->times) - m->began_ms;
    int64_t rest_ms = r->check_ms > passed_ms ? r->check_ms - passed_ms : 0;

    if (!m->reached)
        return backoff_next_ms(&m->waiting);
    if (m->list_failed)
        return STORE_AGAIN_MS;
    if (is_quiet(m) || end == SWEEP_UNHEALTHY || end == SWEEP_FAULT || end == SWEEP_UNKNOWN_BRIDGE)
        return trouble_ms(m, end);
    return m->soon && r->recheck_ms < rest_ms ? r->recheck_ms : rest_ms;
}

static void recheck(struct monitor *m)
{
    int64_t at_ms = times_steady(&m->times) + m->settings.rules.recheck_ms;

    if (poller_is_sweeping(m->poller))
        m->soon = true; /* what it asks may have been asked before */
    else if (at_ms < m->next_ms)
        plan(m, m->settings.rules.recheck_ms);
}

static bool asks_one_by_one(const struct monitor *m)
{
    const struct bridge_driver *d = poller_driver(m->poller);

    return d && d->has_status && !m->by_list;
}

void monitor_recheck(struct monitor *m, const char *id)
{
    if (!id || !asks_one_by_one(m) || !poller_ask(m->poller, id))
        recheck(m);
}

void monitor_ask(struct monitor *m, const char *id, int64_t gap_ms)
{
    if (poller_ask(m->poller, id))
        return;
    if (!poller_is_sweeping(m->poller) && times_steady(&m->times) - m->began_ms >= gap_ms)
        plan(m, 0);
}

/* ---- what the bridge says -------------------------------------------------------------------- */

static void set_message(struct monitor *m, const struct poller_call *c)
{
    if (c->http_status > 0)
        (void)snprintf(m->bridge_detail, sizeof m->bridge_detail, "%s (HTTP %d)", c->detail, c->http_status);
    else
        (void)snprintf(m->bridge_detail, sizeof m->bridge_detail, "%s", c->detail);
}

static void count_call(struct monitor *m, const struct poller_call *c)
{
    bool ok = c->kind >= 0 && !bridge_answer_is_transport(c->kind);

    if (!incident_call(&m->settings.rules, &m->incident, ok, times_steady(&m->times)))
        return;
    m->pending.set_incident = m->pending.incident = true;
    m->pending.incident_detail = incident_text(m->incident.kind);
}

static void went(struct monitor *m, enum health_news news)
{
    bool up = news == HEALTH_WENT_UP;

    m->pending.set_health = true;
    m->pending.health = up ? BRIDGE_HEALTH_UP : BRIDGE_HEALTH_DOWN;
    m->pending.health_detail = up ? "" : m->bridge_detail;
    if (up || !incident_down(&m->incident, times_steady(&m->times)))
        return;
    m->pending.set_incident = m->pending.incident = true;
    m->pending.incident_detail = incident_text(m->incident.kind);
}

static void wait_for_bridge(struct monitor *m, const struct poller_call *c)
{
    if (!m->reached && (m->waiting.tries == 0 || backoff_is_news(&m->waiting)))
        log_warn("bridge-unreachable", "waiting for the bridge", KS("bridge", m->settings.bridge.name),
                 KS("url", m->settings.bridge.url), KS("why", c->detail), KI("http_status", c->http_status));
}

static void on_health(void *ctx, bool good, const struct poller_call *c)
{
    struct monitor *m = ctx;
    bool was_away = m->health.run > 0 && !m->health.run_good;
    enum health_news news = health_check(&m->settings.rules, &m->health, good);

    m->reached = m->reached || c->http_status > 0;
    if (good)
        m->bridge_detail[0] = '\0';
    else
        set_message(m, c);
    if (!good) {
        wait_for_bridge(m, c);
        count_call(m, c); /* a good one proves little: a bridge that lists nothing may still be alive */
    }
    if (news != HEALTH_NO_NEWS)
        went(m, news);
    if (good && was_away)
        poller_forget_driver(m->poller); /* it may have come back as another one */
    if (news != HEALTH_NO_NEWS)
        (void)monitor_flush(m, 0); /* if not now, then with the next round */
}

static void on_call(void *ctx, const struct poller_call *c)
{
    struct monitor *m = ctx;

    if (c->kind != 0)
        set_message(m, c);
    count_call(m, c);
}

/* The workers wait for it. What the store did not take now is tried again when the sweep ends. */
static void save_driver(struct monitor *m)
{
    int r;

    if (!m->pending_driver)
        return;
    r = bridges_set_driver(m->db, m->settings.bridge.name, m->pending_driver->name);
    monitor_stored(m, r);
    if (r != 0)
        return;
    m->pending_driver = NULL;
    attempt_watch_wake(&m->attempts);
}

static void on_driver(void *ctx, const struct bridge_driver *driver)
{
    struct monitor *m = ctx;

    log_info("bridge-driver", "found out what the bridge speaks", KS("bridge", m->settings.bridge.name),
             KS("driver", driver->name));
    m->pending_driver = driver;
    save_driver(m);
}

/* Asked before it was deleted, or meanwhile: a session that is listed would become known again and be missed
 * by the next sweep, one that is not would be lost. */
static bool is_deleted(const struct monitor *m, const char *id, int64_t asked)
{
    struct session_deletion d;
    int r = sessions_find_deletion(m->db, m->settings.bridge.name, id, &d);

    return r < 0 || (r == 0 && asked <= d.steady); /* the store is busy: the next one shows it, too */
}

static bool is_not_to_be_known(const struct monitor *m, const char *id, int64_t asked)
{
    return !session_table_find(m->table, id) && is_deleted(m, id, asked);
}

struct listing {
    struct monitor *m;
    int64_t asked;
    bool full;
};

static int on_listed(void *ctx, const struct bridge_session *seen)
{
    struct listing *l = ctx;
    int r;

    if (changeset_unchanged(&l->m->changeset, seen, l->asked, l->m->sweep_no) ||
        is_not_to_be_known(l->m, seen->id, l->asked))
        return 0;
    r = changeset_poll(&l->m->changeset, seen, l->asked, l->m->sweep_no,
                       monitor_is_attempting(l->m, seen->id));
    l->full = l->full || r == -ENOSPC;
    return r == -ENOSPC ? 0 : r;
}

static int find_missing(struct monitor *m, int64_t asked)
{
    int r = 0;

    for (int i = 0; r == 0 && i < session_table_count(m->table); i++) {
        struct tracked_session *s = session_table_at(m->table, i);

        if (s->sweep != m->sweep_no && !is_deleted(m, s->id, asked))
            r = changeset_missing(&m->changeset, s, asked, monitor_is_attempting(m, s->id));
    }
    return r;
}

/* What the reader skipped may be any session we know, so nobody is missing then. */
static int compare(struct monitor *m, const struct bridge_driver *driver, const struct bridge_answer *answer,
                   int64_t asked)
{
    struct listing l = { .m = m, .asked = asked };
    int skipped = 0;
    int r = db_begin_reads(m->db);

    if (r == 0)
        r = driver->read_list(answer, on_listed, &l, &skipped);
    db_end_reads(m->db);
    if (r == 0 && skipped == 0 && !l.full)
        r = find_missing(m, asked);
    if (skipped > 0)
        log_warn("list-skipped", "the list has entries that make no sense", KI("entries", skipped));
    if (l.full)
        log_error("session-table-full", "more sessions than can be watched", KI("max", SESSION_TABLE_MAX));
    return r;
}

static int on_list(void *ctx, const struct bridge_driver *driver, const struct bridge_answer *answer,
                   int64_t asked)
{
    struct monitor *m = ctx;
    int r = monitor_flush(m, 0);

    begin_changeset(m);
    m->list_failed = r != 0;
    if (r == 0)
        r = compare(m, driver, answer, asked);
    m->list_failed = m->list_failed || r < 0;
    if (r != 0)
        changeset_undo(&m->changeset);
    return r < 0 ? 0 : r; /* a fault of ours is not the bridge's */
}

static const char *next_session(void *ctx)
{
    struct monitor *m = ctx;

    return m->next_index < session_table_count(m->table) ? session_table_at(m->table, m->next_index++)->id
                                                         : NULL;
}

static void on_status(void *ctx, const char *id, int kind, const struct bridge_session *seen, int64_t asked)
{
    struct monitor *m = ctx;
    struct tracked_session *s = session_table_find(m->table, id);
    bool attempting = monitor_is_attempting(m, id);

    metrics_checked();
    if (s && kind == BRIDGE_NO_SESSION && !is_deleted(m, id, asked))
        (void)changeset_missing(monitor_changeset(m), s, asked, attempting);
    if (kind == 0 && !is_not_to_be_known(m, id, asked))
        (void)changeset_poll(monitor_changeset(m), seen, asked, m->sweep_no, attempting);
    attempt_watch_polled(&m->attempts);
}

/* ---- the end of a sweep ---------------------------------------------------------------------- */

/* After trouble, or for the first time: every session that is down is put up, every alert is looked at. */
static void take_stock(struct monitor *m)
{
    for (int i = 0; i < session_table_count(m->table); i++) {
        struct tracked_session *s = session_table_at(m->table, i);
        bool down = s->known.state == SESSION_DISCONNECTED;

        if (!down && !alert_tracker_is_due(s))
            continue;
        monitor_touch(m, s, false);
        if (down && m->changeset.n > 0)
            m->changeset.changes[m->changeset.n - 1].follow = true;
    }
}

static void relax(struct monitor *m)
{
    for (int i = 0; i < session_table_count(m->table); i++) {
        struct tracked_session *s = session_table_at(m->table, i);

        if (s->flap.suppressed_ms == 0 ||
            times_steady(&m->times) < flap_until_ms(&m->settings.rules, &s->flap))
            continue;
        monitor_touch(m, s, true);
        (void)flap_relax(&m->settings.rules, &s->flap, times_steady(&m->times));
    }
}

static void listen(struct monitor *m)
{
    bool live = event_feed_is_live(&m->feed);

    for (int i = 0; i < session_table_count(m->table); i++) {
        struct tracked_session *s = session_table_at(m->table, i);

        if (!s->silence)
            continue;
        (void)silence_tick(&m->settings.rules, s->silence, live && s->known.state == SESSION_CONNECTED,
                           times_day(&m->times));
        if (!s->silence->silent || s->silent_since > 0)
            continue;
        monitor_touch(m, s, true);
        s->silent_since = times_wall(&m->times);
        if (m->changeset.n > 0)
            m->changeset.changes[m->changeset.n - 1].follow =
                m->changeset.changes[m->changeset.n - 1].silent = m->settings.rules.silent_reconnect;
    }
}

static int record_good(struct monitor *m)
{
    struct bridge_update also = { .swept = true,
                                  .freshness_ms =
                                      FRESHNESS_SWEEPS * m->settings.rules.check_ms + FRESHNESS_MORE_MS };
    int r;

    timer_stop(m->flush);
    if (!is_quiet(m)) {
        relax(m);
        listen(m);
    }
    r = record(m, &also);
    if (r == 0 && !m->settled && !is_quiet(m)) {
        take_stock(m);
        r = monitor_flush(m, 0);
        m->settled = r == 0;
    }
    return r;
}

static void maybe_over(struct monitor *m, bool good)
{
    struct incident incident = m->incident;
    bool over =
        incident_sweep(&m->settings.rules, &m->incident, good && m->health.state == HEALTH_UP, m->drops);

    m->drops = 0;
    if (!over)
        return;
    m->pending.set_incident = true;
    m->pending.incident = false;
    m->pending.incident_detail = "";
    take_stock(m);
    m->settled = true;
    if (monitor_flush(m, 0) == 0)
        return;
    m->incident = incident; /* the next good sweep tries again */
    m->pending.set_incident = false;
}

static void say_end(struct monitor *m, enum sweep_end end)
{
    if (end == m->last_end)
        return;
    if (end == SWEEP_REFUSED)
        log_error("key-refused", "the bridge refuses our key: set WHATSAPP_API_KEY to the one it wants",
                  KS("bridge", m->settings.bridge.name), KS("why", m->bridge_detail));
    if (end == SWEEP_UNKNOWN_BRIDGE)
        log_error("unknown-bridge",
                  "what answers at WHATSAPP_API_URL is none of the bridges known here; set WHATSAPP_BRIDGE "
                  "if it is",
                  KS("url", m->settings.bridge.url));
    if (end == SWEEP_FAULT)
        log_warn("sweep-failed", "the bridge did not say how its sessions are", KS("why", m->bridge_detail));
}

static void on_end(void *ctx, enum sweep_end end, bool by_list)
{
    struct monitor *m = ctx;
    int r;

    say_end(m, end);
    m->last_end = end;
    if (end == SWEEP_UNKNOWN_BRIDGE)
        (void)snprintf(m->bridge_detail, sizeof m->bridge_detail, "it is none of the bridges known here");
    if (end == SWEEP_GOOD)
        m->by_list = by_list;
    if (end == SWEEP_GOOD || end == SWEEP_REFUSED)
        m->key_refused = end == SWEEP_REFUSED;
    r = end == SWEEP_GOOD && !m->list_failed ? record_good(m) : monitor_flush(m, 0);
    m->list_failed = m->list_failed || r != 0;
    save_driver(m);
    maybe_over(m, end == SWEEP_GOOD && !m->list_failed);
    metrics_swept(end, clock_mono_us() - m->began_us);
    metrics_sessions(m->table);
    metrics_bridge(m->health.state == HEALTH_UP, m->incident.kind != INCIDENT_NONE);
    metrics_alerts(alert_tracker_active(&m->alerts, m->table));
    if (end == SWEEP_GOOD && !m->list_failed)
        alert_sender_heartbeat(m->sender);
    attempt_watch_polled(&m->attempts);
    plan(m, pause_ms(m, end));
    m->soon = false;
}

/* Spread over the interval, but the first one, and those in trouble, as fast as allowed. */
static int64_t spread_ms(const struct monitor *m)
{
    return m->settled && !is_quiet(m) ? SPREAD(m->settings.rules.check_ms) : 0;
}

static void on_sweep(void *ctx)
{
    struct monitor *m = ctx;
    int r = attempt_watch_reload(&m->attempts);

    if (r != 0) {
        monitor_stored(m, r);
        plan(m, STORE_AGAIN_MS);
        return;
    }
    m->sweep_no++;
    m->began_ms = times_steady(&m->times);
    m->began_us = clock_mono_us();
    m->next_index = 0;
    m->list_failed = false;
    if (!poller_start(m->poller, session_table_count(m->table), spread_ms(m)))
        plan(m, m->settings.rules.recheck_ms);
}

const struct poller_owner monitor_poller_owner = { .on_health = on_health,
                                                   .on_call = on_call,
                                                   .on_driver = on_driver,
                                                   .on_list = on_list,
                                                   .on_status = on_status,
                                                   .next = next_session,
                                                   .on_end = on_end };

int monitor_open_timers(struct monitor *m)
{
    int r = timer_open(app_loop(m->app), on_sweep, m, &m->sweep);

    return r == 0 ? timer_open(app_loop(m->app), on_flush, m, &m->flush) : r;
}
