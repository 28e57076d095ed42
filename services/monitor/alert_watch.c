#include "services/monitor/alert_watch.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/mem.h"

/* Alerts that wait for their reason to last are decided this often. */
#define ALERTS_MS 1000
/* So late, this process or the machine was stopped meanwhile: all knowledge is old. */
#define STOPPED_MS 10000

struct alert_watch {
    struct alert_watch_options o;
    struct timer *timer;
    int64_t decided_ms; /* steady: when the alerts were decided last */
    bool settled;       /* a good sweep was committed since the start, or since a stop */
};

static const struct rules *rules_of(const struct alert_watch *w)
{
    return &w->o.m->settings->rules;
}

static bool is_due(const struct alert_watch *w, const struct tracked_session *s, int64_t now)
{
    return alert_tracker_is_due(rules_of(w), w->o.status->outdated > 0, s, now);
}

/* ---- all of them ------------------------------------------------------------------------------- */

static void review_all(struct alert_watch *w)
{
    const struct session_table *table = w->o.m->table;
    int64_t now = times_steady(&w->o.m->times);

    for (int i = 0; i < session_table_count(table); i++) {
        struct tracked_session *s = session_table_at(table, i);
        bool down = s->known.state == SESSION_DISCONNECTED;
        struct change *c;

        if (!down && !is_due(w, s, now))
            continue;
        c = change_batch_touch(w->o.batch, s, false);
        if (c && down)
            c->follow = true;
    }
}

int alert_watch_settle(struct alert_watch *w)
{
    int r;

    review_all(w);
    r = change_batch_commit(w->o.batch, 0);
    w->settled = r == 0;
    return r;
}

bool alert_watch_is_settled(const struct alert_watch *w)
{
    return w->settled;
}

/* ---- those whose time has come ----------------------------------------------------------------- */

static void notice_stop(struct alert_watch *w, int64_t now)
{
    int64_t gap_ms = w->decided_ms > 0 ? now - w->decided_ms : 0;

    w->decided_ms = now;
    if (gap_ms <= STOPPED_MS)
        return;
    log_warn("stood-still",
             "this process stood still; the sessions are asked for before anything is said about them",
             KI("ms", gap_ms));
    w->settled = false;
    w->o.on_stopped(w->o.ctx);
}

/* Where sessions are polled one by one, its turn in the next sweep would be a minute away. */
static void ask_in_doubt(struct alert_watch *w, struct tracked_session *s, int64_t now)
{
    if (s->known.doubt_ms == 0 || now < s->known.doubt_ms + rules_of(w)->recheck_ms ||
        now < s->asked_ms + rules_of(w)->recheck_ms)
        return;
    s->asked_ms = now;
    w->o.on_doubt(w->o.ctx, s->id);
}

static void on_timer(void *ctx)
{
    struct alert_watch *w = ctx;
    const struct session_table *table = w->o.m->table;
    int64_t now = times_steady(&w->o.m->times);

    timer_start(w->timer, ALERTS_MS);
    notice_stop(w, now);
    if (bridge_status_hold_over(rules_of(w), w->o.status, now))
        (void)change_batch_commit(w->o.batch, 0);
    if (!w->settled || bridge_status_is_quiet(w->o.status))
        return;
    for (int i = 0; i < session_table_count(table); i++) {
        struct tracked_session *s = session_table_at(table, i);

        ask_in_doubt(w, s, now);
        if (s->down_ms > 0)
            s->attempting = attempt_watch_has(w->o.attempts, s->id);
        if ((s->alert || s->down_ms > 0) && is_due(w, s, now))
            (void)change_batch_touch(w->o.batch, s, false);
    }
}

/* ---- opening ----------------------------------------------------------------------------------- */

void alert_watch_start(struct alert_watch *w)
{
    timer_start(w->timer, ALERTS_MS);
}

int alert_watch_open(const struct alert_watch_options *o, struct alert_watch **ret)
{
    struct alert_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->o = *o;
    r = timer_open(app_loop(o->m->app), on_timer, w, &w->timer);
    if (r != 0) {
        alert_watch_close(w);
        return r;
    }
    *ret = w;
    return 0;
}

void alert_watch_close(struct alert_watch *w)
{
    if (!w)
        return;
    timer_close(w->timer);
    mem_free(w);
}
