#include "services/monitor/attempt_watch.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/reconnect/reconnect.h"
#include "common/store/store.h"
#include "services/monitor/verify_schedule.h"

/* Attempts watched at once: verification lasts 20 s, so this is a rate of 100/s; the others have their turn when
 * these are over. */
#define ATTEMPT_WATCH_MAX 2048
/* Without a notification state.db is read this often: the most that a lost one delays the first poll of an attempt. */
#define READ_MS 1000
/* With a database, which notifies of commits: with nothing to watch and no commit of others state.db is not read for so long. The
 * most that a lost notification costs there, and one transaction of an idle stack instead of five. */
#define QUIET_MS 5000
/* After a notification: many come together. */
#define WAKE_MS 50
/* A question that was not answered is asked again after this. */
#define ASK_AGAIN_MS 2000
/* Where only a sweep can ask, it does so no more often than this. */
#define ASK_SWEEP_MS 2000

struct watched_attempt {
    char id[SESSIONS_ID_MAX];
    int64_t token;
    int64_t called_at, verify_until; /* 0: still calling */
};

struct attempt_watch {
    struct attempt_watch_options o;
    struct timer *timer;
    int64_t number;      /* of the newest read of state.db */
    int64_t next_ask_ms; /* steady ms: the earliest question that is due, INT64_MAX: none */
    int64_t read_ms;     /* steady ms of that read */
    int64_t version;     /* data version of state.db before it */
    struct watched_attempt *open;
    int n;
    bool woken;
    bool notified; /* the store tells of commits, without a round trip */
};

/* ---- attempts -------------------------------------------------------------------------------- */

static int on_open(void *ctx, const struct reconnect_row *row)
{
    struct attempt_watch *w = ctx;
    struct tracked_session *s = session_table_find(w->o.m->table, row->session);
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

/* Asked about after its time and not connected: it has failed. */
static void fail_attempt(struct attempt_watch *w, const struct watched_attempt *o,
                         const struct tracked_session *s)
{
    const struct monitor_context *m = w->o.m;
    char detail[64];
    struct now now;
    bool over = false;
    int r = context_begin(m);

    (void)snprintf(detail, sizeof detail, "still %s", session_state_text(s->known.state));
    if (r == 0)
        r = steady_now(m->db, app_clock(m->app), &now);
    if (r == 0)
        r = reconnect_not_connected(m->db, &m->settings->policy.policy, &now, m->settings->bridge.name, o->id,
                                    o->token, s->known.state, detail, rng_next(app_rng(m->app)));
    over = r == RECONNECT_STALE;
    if (r >= 0)
        r = db_commit(m->db);
    if (r < 0)
        db_rollback(m->db);
    store_status_written(m->store, r); /* on failure: decided again in a second */
    if (r < 0 || over)
        return;
    log_info("attempt-failed", "an attempt did not bring the session back", KS("session", o->id),
             KS("state", session_state_text(s->known.state)));
}

/* Returns when the bridge is to be asked next, INT64_MAX: when something happens. */
static int64_t watch_one(struct attempt_watch *w, const struct watched_attempt *o, int64_t now_ms)
{
    struct tracked_session *s = session_table_find(w->o.m->table, o->id);
    int64_t next_ms;

    if (!s || s->known.state == SESSION_CONNECTED)
        return INT64_MAX;
    if (verify_next_ms(o->called_at, o->verify_until, s->known.polled_ms) == 0) {
        fail_attempt(w, o, s);
        return INT64_MAX;
    }
    next_ms = verify_next_ms(o->called_at, o->verify_until, later(s->known.polled_ms, s->asked_ms));
    if (next_ms == 0)
        next_ms = s->asked_ms + ASK_AGAIN_MS;
    if (next_ms > now_ms)
        return next_ms;
    s->asked_ms = now_ms;
    w->o.on_ask(w->o.ctx, o->id, ASK_SWEEP_MS);
    return now_ms + ASK_AGAIN_MS;
}

static void watch_attempts(struct attempt_watch *w)
{
    int64_t now_ms = times_steady(&w->o.m->times);

    w->next_ask_ms = INT64_MAX;
    for (int i = 0; i < w->n; i++) {
        int64_t next_ms = watch_one(w, &w->open[i], now_ms);

        w->next_ask_ms = next_ms < w->next_ask_ms ? next_ms : w->next_ask_ms;
    }
}

void attempt_watch_polled(struct attempt_watch *w)
{
    if (w->n > 0)
        attempt_watch_wake(w);
}

/* ---- reading state.db ------------------------------------------------------------------------ */

/* A read would show nothing. An error of the database is for the read to find. */
static bool is_quiet(const struct attempt_watch *w)
{
    const struct monitor_context *m = w->o.m;
    int64_t version = 0;

    return w->notified && w->n == 0 && w->read_ms > 0 && times_steady(&m->times) < w->read_ms + QUIET_MS &&
           db_data_version(m->db, &version) == 0 && version == w->version;
}

static int read_all(struct attempt_watch *w)
{
    int r = w->notified ? db_data_version(w->o.m->db, &w->version) : 0;

    w->read_ms = 0;
    if (r == 0)
        r = db_begin_reads(w->o.m->db);
    if (r == 0) {
        w->number++;
        w->n = 0;
        r = reconnects_each_open(w->o.m->db, w->o.m->settings->bridge.name, on_open, w);
    }
    if (r == 0)
        r = state_sync_read(w->o.sync);
    db_end_reads(w->o.m->db);
    if (r == 0)
        w->read_ms = times_steady(&w->o.m->times);
    return r;
}

static void on_timer(void *ctx)
{
    struct attempt_watch *w = ctx;
    int64_t now_ms, wait_ms = READ_MS;
    bool quiet = !w->woken && is_quiet(w);

    w->woken = false;
    if (quiet || read_all(w) == 0) {
        watch_attempts(w);
        (void)change_batch_commit(w->o.batch, 0);
    }
    now_ms = times_steady(&w->o.m->times);
    if (w->n > 0 && w->next_ask_ms < now_ms + wait_ms)
        wait_ms = w->next_ask_ms > now_ms + WAKE_MS ? w->next_ask_ms - now_ms : WAKE_MS;
    if (!w->woken)
        timer_start(w->timer, wait_ms);
}

void attempt_watch_wake(struct attempt_watch *w)
{
    if (w->woken)
        return;
    w->woken = true;
    timer_start(w->timer, WAKE_MS);
}

bool attempt_watch_has(const struct attempt_watch *w, const char *id)
{
    const struct tracked_session *s = session_table_find(w->o.m->table, id);

    return s && s->watched > 0 && s->watched == w->number;
}

int attempt_watch_open(const struct attempt_watch_options *o, struct attempt_watch **ret)
{
    struct attempt_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->o = *o;
    w->notified = store_is_server(app_store(&o->m->settings->app));
    w->open = mem_alloc(ATTEMPT_WATCH_MAX * sizeof *w->open);
    r = w->open ? timer_open(app_loop(o->m->app), on_timer, w, &w->timer) : -ENOMEM;
    if (r != 0) {
        attempt_watch_close(w);
        return r;
    }
    timer_start(w->timer, 0);
    *ret = w;
    return 0;
}

void attempt_watch_close(struct attempt_watch *w)
{
    if (!w)
        return;
    timer_close(w->timer);
    mem_free(w->open);
    mem_free(w);
}
