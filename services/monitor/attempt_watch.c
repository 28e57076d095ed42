#include "services/monitor/attempt_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/monitor/monitor.h"
#include "services/monitor/verify_schedule.h"

/* Without a bell state.db is looked at this often: what a lost bell costs a first look at an attempt. */
#define WATCH_MS 1000
/* A bell in a storm of bells. */
#define RUNG_MS 50
/* A look that was not answered is repeated after this. */
#define LOOK_AGAIN_MS 2000
/* Where only a sweep can look, it looks no more often than this. */
#define LOOK_SWEEP_MS 2000

/* ---- attempts -------------------------------------------------------------------------------- */

static int on_open(void *ctx, const struct reconnect_row *row)
{
    struct attempt_watch *w = ctx;
    struct tracked_session *s = session_table_find(w->m->table, row->session);
    struct watched_attempt *o = &w->open[w->n];

    if (!s)
        return 0;
    s->watched = w->number;
    s->known.attempt_ms = row->retry.claimed_at;
    if (w->n == ATTEMPT_WATCH_MAX || row->retry.phase != RETRY_VERIFYING)
        return 0;
    *o = (struct watched_attempt){ .token = row->retry.token,
                                   .called_at = row->retry.called_at,
                                   .verify_until = row->retry.verify_until };
    (void)snprintf(o->id, sizeof o->id, "%s", row->session);
    w->n++;
    return 0;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Looked at after its time and not connected: it has failed. */
static void fail_attempt(struct attempt_watch *w, const struct watched_attempt *o,
                         const struct tracked_session *s)
{
    struct monitor *m = w->m;
    char detail[64];
    struct now now;
    bool over = false;
    int r = db_begin(m->db);

    (void)snprintf(detail, sizeof detail, "still %s", session_state_text(s->known.state));
    if (r == 0)
        r = steady_now(m->db, app_clock(m->app), &now);
    if (r == 0)
        r = reconnect_not_connected(m->db, &m->settings.policy.policy, &now, m->settings.bridge.name, o->id,
                                    o->token, s->known.state, detail, rng_next(app_rng(m->app)));
    over = r == RECONNECT_STALE;
    if (r >= 0)
        r = db_commit(m->db);
    if (r < 0)
        db_rollback(m->db);
    monitor_stored(m, r); /* looked at again in a second */
    if (r < 0 || over)
        return;
    log_info("attempt-failed", "an attempt did not bring the session back", KS("session", o->id),
             KS("state", session_state_text(s->known.state)));
}

/* Returns when it wants to be looked at next, INT64_MAX: when something happens. */
static int64_t watch_one(struct attempt_watch *w, const struct watched_attempt *o, int64_t now_ms)
{
    struct tracked_session *s = session_table_find(w->m->table, o->id);
    int64_t next_ms;

    if (!s || s->known.state == SESSION_CONNECTED)
        return INT64_MAX;
    if (verify_next_ms(o->called_at, o->verify_until, s->known.polled_ms) == 0) {
        fail_attempt(w, o, s);
        return INT64_MAX;
    }
    next_ms = verify_next_ms(o->called_at, o->verify_until, later(s->known.polled_ms, s->looked_ms));
    if (next_ms == 0)
        next_ms = s->looked_ms + LOOK_AGAIN_MS;
    if (next_ms > now_ms)
        return next_ms;
    s->looked_ms = now_ms;
    monitor_ask(w->m, o->id, LOOK_SWEEP_MS);
    return now_ms + LOOK_AGAIN_MS;
}

static void watch_attempts(struct attempt_watch *w)
{
    int64_t now_ms = times_steady(&w->m->times);

    w->next_look_ms = INT64_MAX;
    for (int i = 0; i < w->n; i++) {
        int64_t next_ms = watch_one(w, &w->open[i], now_ms);

        w->next_look_ms = next_ms < w->next_look_ms ? next_ms : w->next_look_ms;
    }
}

void attempt_watch_polled(struct attempt_watch *w)
{
    if (w->n > 0)
        attempt_watch_wake(w);
}

/* ---- parked ---------------------------------------------------------------------------------- */

static int on_parked(void *ctx, const char *session, enum retry_park park)
{
    struct attempt_watch *w = ctx;
    struct tracked_session *s = session_table_find(w->m->table, session);

    if (s)
        s->parked_seen = w->number;
    return 0;
}

static void take_parked(struct attempt_watch *w)
{
    struct monitor *m = w->m;

    for (int i = 0; i < session_table_count(m->table); i++) {
        struct tracked_session *s = session_table_at(m->table, i);
        bool parked = s->parked_seen == w->number;

        if (parked == s->parked)
            continue;
        s->parked = parked;
        monitor_touch(m, s, false);
    }
}

static int look_at_parked(struct attempt_watch *w)
{
    int r = reconnects_each_parked(w->m->db, w->m->settings.bridge.name, on_parked, w);

    if (r == 0)
        take_parked(w);
    return r;
}

/* ---- the bridge's row ------------------------------------------------------------------------ */

static int look_at_bridge(struct attempt_watch *w)
{
    struct monitor *m = w->m;
    const char *bridge = m->settings.bridge.name;
    struct bridge_row row;
    struct reconnect_queue queue;
    struct now now;
    int r = bridges_find(m->db, bridge, &row);

    if (r != 0)
        return r < 0 ? r : 0;
    m->outdated = row.outdated_since > 0 ? 1 : -1;
    r = steady_now(m->db, app_clock(m->app), &now);
    if (r == 0)
        r = reconnects_queue(m->db, &now, bridge, &queue);
    if (r == 0)
        metrics_reconnection(&m->settings.policy.policy, &row, &queue, &now);
    return r;
}

/* ---- looking at state.db --------------------------------------------------------------------- */

static int read_all(struct attempt_watch *w)
{
    int64_t version = 0;
    int r = db_data_version(w->m->db, &version);

    if (r != 0)
        return r;
    w->number++;
    w->n = 0;
    r = reconnects_each_open(w->m->db, w->m->settings.bridge.name, on_open, w);
    if (r == 0)
        r = look_at_bridge(w);
    if (r == 0 && version != w->version)
        r = look_at_parked(w);
    if (r == 0)
        w->version = version;
    return r;
}

static int look(struct attempt_watch *w)
{
    int r = db_begin_reads(w->m->db);

    if (r == 0)
        r = read_all(w);
    db_end_reads(w->m->db);
    return r;
}

static void on_timer(void *ctx)
{
    struct attempt_watch *w = ctx;
    int64_t now_ms, wait_ms = WATCH_MS;
    int r;

    w->rung = false;
    r = look(w);
    if (r == 0) {
        watch_attempts(w);
        (void)monitor_flush(w->m, 0);
    }
    now_ms = times_steady(&w->m->times);
    if (w->n > 0 && w->next_look_ms < now_ms + wait_ms)
        wait_ms = w->next_look_ms > now_ms + RUNG_MS ? w->next_look_ms - now_ms : RUNG_MS;
    if (!w->rung)
        timer_start(w->timer, wait_ms);
}

void attempt_watch_wake(struct attempt_watch *w)
{
    if (w->rung || !w->timer)
        return;
    w->rung = true;
    timer_start(w->timer, RUNG_MS);
}

/* ---- sessions that somebody created or deleted ----------------------------------------------- */

static void load(struct attempt_watch *w, const struct session_row *row, struct tracked_session *s)
{
    const struct times *t = &w->m->times;
    int64_t now_ms = times_steady(t), age_ms = times_wall(t) - row->first_seen;

    s->known.state = row->state;
    s->known.cause = row->cause[0] ? cause_by_name(row->cause) : NULL;
    s->known.known_ms = now_ms - (age_ms > 0 ? age_ms : 0);
    s->known.starting_ms = row->state == SESSION_STARTING ? row->since_steady : 0;
    s->known.webhook_occurred_ms = row->occurred_at;
    s->known.polled_once = row->raw_status[0] != '\0';
    s->known.paired = row->phone[0] != '\0';
    s->shape = row->raw_status[0] ? shape_of(row->raw_status, row->phone, row->name) : 0;
    s->stable_since = row->stable_since;
    s->since_wall = row->since;
    s->first_seen = row->first_seen;
    s->silent_since = row->silent_since;
    s->last_received_at = row->last_received_at;
    s->flap = (struct flap){ .score = row->flap_score, .at_ms = row->flap_at };
    if (row->suppressed_until > now_ms)
        s->flap.suppressed_ms = later(1, row->suppressed_until - w->m->settings.rules.flap_max_ms);
}

/* Deleted and created again between two looks: nothing of its former life holds. */
static void begin_anew(struct attempt_watch *w, const struct session_row *row, struct tracked_session *s)
{
    s->known = session_unknown(times_steady(&w->m->times));
    mem_free(s->silence);
    s->silence = NULL;
    s->profile_dirty = false;
    load(w, row, s);
    monitor_touch(w->m, s, false); /* an alert of then is over */
}

static int on_session(void *ctx, const struct session_row *row)
{
    struct attempt_watch *w = ctx;
    struct tracked_session *s = session_table_find(w->m->table, row->id);
    int r = 0;

    if (s && s->first_seen != row->first_seen)
        begin_anew(w, row, s);
    if (!s) {
        r = session_table_add(w->m->table, row->id, times_steady(&w->m->times), &s);
        if (r != 0)
            return r == -ENOSPC ? 0 : r;
        load(w, row, s);
    }
    s->sweep = w->m->sweep_no;
    return 0;
}

/* Deleted: without a row. What is in a round that is not recorded yet has none either, so there must be none.
 */
static void mark_deleted(struct attempt_watch *w)
{
    struct session_table *table = w->m->table;

    for (int i = 0; i < session_table_count(table); i++) {
        struct tracked_session *s = session_table_at(table, i);

        if (s->sweep != w->m->sweep_no)
            monitor_touch(w->m, s, true); /* recording finds that its row is gone */
    }
}

static int load_all(struct attempt_watch *w)
{
    int64_t version = 0;
    int r = db_data_version(w->m->db, &version);

    if (r != 0 || version == w->loaded)
        return r;
    w->m->sweep_no++; /* so that what this load has shown can be told from what the last sweep has */
    r = sessions_each(w->m->db, w->m->settings.bridge.name, on_session, w);
    if (r == 0)
        w->loaded = version;
    return r;
}

int attempt_watch_reload(struct attempt_watch *w)
{
    int64_t loaded = w->loaded;
    int r = monitor_flush(w->m, 0);

    if (r == 0)
        r = load_all(w);
    if (r != 0 || loaded == w->loaded)
        return r;
    mark_deleted(w);
    return monitor_flush(w->m, 0);
}

/* ---- opening --------------------------------------------------------------------------------- */

int attempt_watch_load(struct attempt_watch *w, struct monitor *m)
{
    w->m = m;
    w->version = w->loaded = -1;
    return load_all(w);
}

int attempt_watch_open(struct attempt_watch *w)
{
    struct monitor *m = w->m;
    int r;

    w->open = mem_alloc(ATTEMPT_WATCH_MAX * sizeof *w->open);
    if (!w->open)
        return -ENOMEM;
    r = timer_open(app_loop(m->app), on_timer, w, &w->timer);
    if (r == 0)
        timer_start(w->timer, 0);
    return r;
}

void attempt_watch_close(struct attempt_watch *w)
{
    timer_close(w->timer);
    mem_free(w->open);
}
