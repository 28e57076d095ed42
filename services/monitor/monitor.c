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
#include "services/monitor/ring.h"

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

static void begin_round(struct monitor *m)
{
    round_begin(&m->round, m->book, m->settings.rules.start_ms, times_steady(&m->times),
                times_wall(&m->times));
}

/* Does a mass of drops in this round make an incident? */
static void count_drops(struct monitor *m)
{
    int64_t states[SESSION_STATE_N];

    if (m->round.drops == 0)
        return;
    book_states(m->book, states);
    if (!incident_drops(&m->settings.rules, &m->incident, m->round.drops, states[SESSION_CONNECTED],
                        m->round.now))
        return;
    m->owed.set_incident = m->owed.incident = true;
    m->owed.incident_detail = incident_text(m->incident.kind);
}

void monitor_stored(struct monitor *m, int r)
{
    bool failing = r != 0;

    if (failing)
        gauges_record_failed();
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

static int record(struct monitor *m, struct record_also *also)
{
    struct incident incident = m->incident;
    struct record_also owed = m->owed;
    int64_t drops = m->round.drops;
    int r;

    if (m->round.n == 0)
        begin_round(m);
    count_drops(m);
    also->set_health = m->owed.set_health;
    also->health = m->owed.health;
    also->health_detail = m->owed.health_detail;
    also->set_incident = m->owed.set_incident;
    also->incident = m->owed.incident;
    also->incident_detail = m->owed.incident_detail;
    also->outdated = m->outdated;
    also->quiet = is_quiet(m);
    also->bridge_facts.down = m->health.state == HEALTH_DOWN;
    also->bridge_facts.incident =
        m->incident.kind == INCIDENT_MASS_DROP || m->incident.kind == INCIDENT_TRANSPORT;
    also->bridge_facts.key_refused = m->key_refused;
    r = record_round(&m->recorder, &m->round, also);
    if (r == RECORD_NOTHING)
        return 0;
    monitor_stored(m, r);
    if (r != 0) {
        m->incident = incident;
        m->owed = owed;
        return r;
    }
    m->drops += drops;
    ring_recorded(m, also);
    m->owed = (struct record_also){ 0 };
    if (m->round.outdated)
        m->outdated = m->round.outdated;
    round_done(&m->round);
    return 0;
}

int monitor_flush(struct monitor *m, int64_t cursor)
{
    struct record_also also = { .cursor = cursor };

    timer_stop(m->flush);
    return record(m, &also);
}

static void on_flush(void *ctx)
{
    struct monitor *m = ctx;

    (void)monitor_flush(m, 0);
}

struct round *monitor_round(struct monitor *m)
{
    if (m->round.n == 0) {
        begin_round(m);
        timer_start(m->flush, FLUSH_MS);
    }
    return &m->round;
}

void monitor_touch(struct monitor *m, struct held_session *s, bool row)
{
    (void)round_touch(monitor_round(m), s, row); /* without memory: the next sweep finds it */
}

bool monitor_is_attempting(const struct monitor *m, const char *id)
{
    const struct held_session *s = book_find(m->book, id);

    return s && s->watched > 0 && s->watched == m->watch.number;
}

void monitor_watch_now(struct monitor *m)
{
    watch_ring(&m->watch);
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
    if (is_quiet(m) || end == SWEEP_UNHEALTHY || end == SWEEP_FAULT || end == SWEEP_STRANGER)
        return trouble_ms(m, end);
    return m->soon && r->soon_ms < rest_ms ? r->soon_ms : rest_ms;
}

static void sweep_soon(struct monitor *m)
{
    int64_t at_ms = times_steady(&m->times) + m->settings.rules.soon_ms;

    if (sweep_is_on(m->sweeper))
        m->soon = true; /* what it asks may have been asked before */
    else if (at_ms < m->next_ms)
        plan(m, m->settings.rules.soon_ms);
}

static bool asks_one_by_one(const struct monitor *m)
{
    const struct bridge_driver *d = sweep_driver(m->sweeper);

    return d && d->has_status && !m->by_list;
}

void monitor_soon(struct monitor *m, const char *id)
{
    if (!id || !asks_one_by_one(m) || !sweep_look(m->sweeper, id))
        sweep_soon(m);
}

void monitor_look(struct monitor *m, const char *id, int64_t gap_ms)
{
    if (sweep_look(m->sweeper, id))
        return;
    if (!sweep_is_on(m->sweeper) && times_steady(&m->times) - m->began_ms >= gap_ms)
        plan(m, 0);
}

/* ---- what the bridge says -------------------------------------------------------------------- */

static void put_words(struct monitor *m, const struct sweep_call *c)
{
    if (c->http_status > 0)
        (void)snprintf(m->bridge_words, sizeof m->bridge_words, "%s (HTTP %d)", c->detail, c->http_status);
    else
        (void)snprintf(m->bridge_words, sizeof m->bridge_words, "%s", c->detail);
}

static void count_call(struct monitor *m, const struct sweep_call *c)
{
    bool ok = c->kind >= 0 && !bridge_answer_is_transport(c->kind);

    if (!incident_call(&m->settings.rules, &m->incident, ok, times_steady(&m->times)))
        return;
    m->owed.set_incident = m->owed.incident = true;
    m->owed.incident_detail = incident_text(m->incident.kind);
}

static void went(struct monitor *m, enum health_news news)
{
    bool up = news == HEALTH_WENT_UP;

    m->owed.set_health = true;
    m->owed.health = up ? BRIDGE_HEALTH_UP : BRIDGE_HEALTH_DOWN;
    m->owed.health_detail = up ? "" : m->bridge_words;
    if (up || !incident_down(&m->incident, times_steady(&m->times)))
        return;
    m->owed.set_incident = m->owed.incident = true;
    m->owed.incident_detail = incident_text(m->incident.kind);
}

static void wait_for_bridge(struct monitor *m, const struct sweep_call *c)
{
    if (!m->reached && (m->waiting.tries == 0 || backoff_is_news(&m->waiting)))
        log_warn("bridge-unreachable", "waiting for the bridge", KS("bridge", m->settings.bridge.name),
                 KS("url", m->settings.bridge.url), KS("why", c->detail), KI("http_status", c->http_status));
}

static void on_health(void *ctx, bool good, const struct sweep_call *c)
{
    struct monitor *m = ctx;
    bool was_away = m->health.run > 0 && !m->health.run_good;
    enum health_news news = health_check(&m->settings.rules, &m->health, good);

    m->reached = m->reached || c->http_status > 0;
    if (good)
        m->bridge_words[0] = '\0';
    else
        put_words(m, c);
    if (!good) {
        wait_for_bridge(m, c);
        count_call(m, c); /* a good one proves little: a bridge that lists nothing may still be alive */
    }
    if (news != HEALTH_NO_NEWS)
        went(m, news);
    if (good && was_away)
        sweep_forget_driver(m->sweeper); /* it may have come back as another one */
    if (news != HEALTH_NO_NEWS)
        (void)monitor_flush(m, 0); /* if not now, then with the next round */
}

static void on_call(void *ctx, const struct sweep_call *c)
{
    struct monitor *m = ctx;

    if (c->kind != 0)
        put_words(m, c);
    count_call(m, c);
}

/* The workers wait for it. What the store did not take now is tried again when the sweep ends. */
static void save_driver(struct monitor *m)
{
    int r;

    if (!m->owed_driver)
        return;
    r = bridges_set_driver(m->db, m->settings.bridge.name, m->owed_driver->name);
    monitor_stored(m, r);
    if (r != 0)
        return;
    m->owed_driver = NULL;
    watch_ring(&m->watch);
}

static void on_driver(void *ctx, const struct bridge_driver *driver)
{
    struct monitor *m = ctx;

    log_info("bridge-driver", "found out what the bridge speaks", KS("bridge", m->settings.bridge.name),
             KS("driver", driver->name));
    m->owed_driver = driver;
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
    return !book_find(m->book, id) && is_deleted(m, id, asked);
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

    if (round_same(&l->m->round, seen, l->asked, l->m->sweep_no) ||
        is_not_to_be_known(l->m, seen->id, l->asked))
        return 0;
    r = round_see(&l->m->round, seen, l->asked, l->m->sweep_no, monitor_is_attempting(l->m, seen->id));
    l->full = l->full || r == -ENOSPC;
    return r == -ENOSPC ? 0 : r;
}

static int find_missing(struct monitor *m, int64_t asked)
{
    int r = 0;

    for (int i = 0; r == 0 && i < book_count(m->book); i++) {
        struct held_session *s = book_at(m->book, i);

        if (s->sweep != m->sweep_no && !is_deleted(m, s->id, asked))
            r = round_missing(&m->round, s, asked, monitor_is_attempting(m, s->id));
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
        log_error("book-full", "more sessions than can be watched", KI("max", BOOK_SESSIONS_MAX));
    return r;
}

static int on_list(void *ctx, const struct bridge_driver *driver, const struct bridge_answer *answer,
                   int64_t asked)
{
    struct monitor *m = ctx;
    int r = monitor_flush(m, 0);

    begin_round(m);
    m->list_failed = r != 0;
    if (r == 0)
        r = compare(m, driver, answer, asked);
    m->list_failed = m->list_failed || r < 0;
    if (r != 0)
        round_undo(&m->round);
    return r < 0 ? 0 : r; /* a fault of ours is not the bridge's */
}

static const char *next_session(void *ctx)
{
    struct monitor *m = ctx;

    return m->place < book_count(m->book) ? book_at(m->book, m->place++)->id : NULL;
}

static void on_status(void *ctx, const char *id, int kind, const struct bridge_session *seen, int64_t asked)
{
    struct monitor *m = ctx;
    struct held_session *s = book_find(m->book, id);
    bool attempting = monitor_is_attempting(m, id);

    gauges_checked();
    if (s && kind == BRIDGE_NO_SESSION && !is_deleted(m, id, asked))
        (void)round_missing(monitor_round(m), s, asked, attempting);
    if (kind == 0 && !is_not_to_be_known(m, id, asked))
        (void)round_see(monitor_round(m), seen, asked, m->sweep_no, attempting);
    watch_polled(&m->watch);
}

/* ---- the end of a sweep ---------------------------------------------------------------------- */

/* After trouble, or for the first time: every session that is down is put up, every alert is looked at. */
static void take_stock(struct monitor *m)
{
    for (int i = 0; i < book_count(m->book); i++) {
        struct held_session *s = book_at(m->book, i);
        bool down = s->held.state == SESSION_DISCONNECTED;

        if (!down && !tell_is_due(s))
            continue;
        monitor_touch(m, s, false);
        if (down && m->round.n > 0)
            m->round.changes[m->round.n - 1].follow = true;
    }
}

static void relax(struct monitor *m)
{
    for (int i = 0; i < book_count(m->book); i++) {
        struct held_session *s = book_at(m->book, i);

        if (s->flap.suppressed_ms == 0 ||
            times_steady(&m->times) < flap_until_ms(&m->settings.rules, &s->flap))
            continue;
        monitor_touch(m, s, true);
        (void)flap_relax(&m->settings.rules, &s->flap, times_steady(&m->times));
    }
}

static void listen(struct monitor *m)
{
    bool live = hear_is_live(&m->hear);

    for (int i = 0; i < book_count(m->book); i++) {
        struct held_session *s = book_at(m->book, i);

        if (!s->deaf)
            continue;
        (void)deaf_tick(&m->settings.rules, s->deaf, live && s->held.state == SESSION_CONNECTED,
                        times_day(&m->times));
        if (!s->deaf->deaf || s->silent_since > 0)
            continue;
        monitor_touch(m, s, true);
        s->silent_since = times_wall(&m->times);
        if (m->round.n > 0)
            m->round.changes[m->round.n - 1].follow = m->round.changes[m->round.n - 1].deaf =
                m->settings.rules.silent_reconnect;
    }
}

static int record_good(struct monitor *m)
{
    struct record_also also = { .swept = true,
                                .swept_from_ms = m->began_ms,
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
    m->owed.set_incident = true;
    m->owed.incident = false;
    m->owed.incident_detail = "";
    take_stock(m);
    m->settled = true;
    if (monitor_flush(m, 0) == 0)
        return;
    m->incident = incident; /* the next good sweep tries again */
    m->owed.set_incident = false;
}

static void say_end(struct monitor *m, enum sweep_end end)
{
    if (end == m->last_end)
        return;
    if (end == SWEEP_REFUSED)
        log_error("key-refused", "the bridge refuses our key: set WHATSAPP_API_KEY to the one it wants",
                  KS("bridge", m->settings.bridge.name), KS("why", m->bridge_words));
    if (end == SWEEP_STRANGER)
        log_error("bridge-stranger",
                  "what answers at WHATSAPP_API_URL is none of the bridges known here; set WHATSAPP_BRIDGE "
                  "if it is",
                  KS("url", m->settings.bridge.url));
    if (end == SWEEP_FAULT)
        log_warn("sweep-failed", "the bridge did not say how its sessions are", KS("why", m->bridge_words));
}

static void on_end(void *ctx, enum sweep_end end, bool by_list)
{
    struct monitor *m = ctx;
    int r;

    say_end(m, end);
    m->last_end = end;
    if (end == SWEEP_STRANGER)
        (void)snprintf(m->bridge_words, sizeof m->bridge_words, "it is none of the bridges known here");
    if (end == SWEEP_GOOD)
        m->by_list = by_list;
    if (end == SWEEP_GOOD || end == SWEEP_REFUSED)
        m->key_refused = end == SWEEP_REFUSED;
    r = end == SWEEP_GOOD && !m->list_failed ? record_good(m) : monitor_flush(m, 0);
    m->list_failed = m->list_failed || r != 0;
    save_driver(m);
    maybe_over(m, end == SWEEP_GOOD && !m->list_failed);
    gauges_swept(end, clock_mono_us() - m->began_us);
    gauges_sessions(m->book);
    gauges_bridge(m->health.state == HEALTH_UP, m->incident.kind != INCIDENT_NONE);
    gauges_alerts(tell_active(&m->teller, m->book));
    if (end == SWEEP_GOOD && !m->list_failed)
        post_beat(m->poster);
    watch_polled(&m->watch);
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
    int r = watch_reload(&m->watch);

    if (r != 0) {
        monitor_stored(m, r);
        plan(m, STORE_AGAIN_MS);
        return;
    }
    m->sweep_no++;
    m->began_ms = times_steady(&m->times);
    m->began_us = clock_mono_us();
    m->place = 0;
    m->list_failed = false;
    if (!sweep_start(m->sweeper, book_count(m->book), spread_ms(m)))
        plan(m, m->settings.rules.soon_ms);
}

const struct sweep_owner monitor_sweep_owner = { .on_health = on_health,
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
