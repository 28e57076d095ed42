#include "services/monitor/silence_watch.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/store/activity_profiles.h"

/* The most that a crash may cost of a profile that took weeks to learn. */
#define SAVE_MS (15 * 60 * 1000)

struct silence_watch {
    const struct monitor_context *m;
    struct change_batch *batch;
    struct timer *timer;
    struct received_feed *received;
};

/* ---- messages, from the log ------------------------------------------------------------------ */

static struct silence *silence_of(struct tracked_session *s)
{
    if (!s->silence) {
        s->silence = mem_alloc(sizeof *s->silence);
        if (s->silence)
            silence_init(s->silence);
    }
    return s->silence;
}

static void on_received(void *ctx, struct str session, int64_t at)
{
    struct silence_watch *w = ctx;
    const struct monitor_context *m = w->m;
    char id[SESSIONS_ID_MAX];
    struct tracked_session *s;

    (void)snprintf(id, sizeof id, "%.*s", (int)session.n, session.p);
    s = session_table_find(m->table, id);
    if (!s)
        return;
    s->last_received_at = at;
    s->known.received_ms = times_of_wall(&m->times, at);
    if (!silence_of(s))
        return;
    s->profile_dirty = true;
    if (!silence_message(&m->settings->rules, s->silence, times_day(&m->times)) && !s->silent_since)
        return;
    s->silent_since = 0;
    (void)change_batch_touch(w->batch, s, true);
}

bool silence_watch_read(struct silence_watch *w)
{
    return received_feed_read(w->received);
}

/* ---- silence --------------------------------------------------------------------------------- */

static void follow_one(struct silence_watch *w, struct tracked_session *s, bool readable)
{
    const struct monitor_context *m = w->m;
    const struct rules *rules = &m->settings->rules;
    struct change *c;

    (void)silence_tick(rules, s->silence, readable && s->known.state == SESSION_CONNECTED,
                       times_day(&m->times));
    if (!s->silence->silent || s->silent_since > 0)
        return;
    c = change_batch_touch(w->batch, s, true);
    s->silent_since = times_wall(&m->times);
    if (c)
        c->follow = c->silent = rules->silent_reconnect;
}

void silence_watch_sweep(struct silence_watch *w, bool quiet)
{
    bool readable = silence_watch_read(w);

    for (int i = 0; !quiet && i < session_table_count(w->m->table); i++) {
        struct tracked_session *s = session_table_at(w->m->table, i);

        if (s->silence)
            follow_one(w, s, readable);
    }
}

/* ---- keeping profiles ------------------------------------------------------------------------ */

static int on_profile(void *ctx, const char *session, struct str hours)
{
    struct silence_watch *w = ctx;
    struct tracked_session *s = session_table_find(w->m->table, session);

    if (!s || s->silence)
        return 0;
    if (!silence_of(s))
        return -ENOMEM;
    (void)silence_unpack(hours, s->silence);
    return 0;
}

int silence_watch_load(struct silence_watch *w)
{
    return activity_profiles_each(w->m->db, w->m->settings->bridge.name, on_profile, w);
}

static int save_one(const struct monitor_context *m, const struct tracked_session *s)
{
    CLEANUP(buf_fini) struct buf hours = BUF_INIT(4096);
    int r = silence_pack(s->silence, &hours);

    return r == 0 ? activity_profiles_save(m->db, m->settings->bridge.name, s->id,
                                           (struct str){ hours.data, hours.len })
                  : r;
}

static int save_all(const struct monitor_context *m)
{
    int r = context_begin(m);

    if (r != 0)
        return r;
    for (int i = 0; r == 0 && i < session_table_count(m->table); i++)
        if (session_table_at(m->table, i)->profile_dirty)
            r = save_one(m, session_table_at(m->table, i));
    if (r == 0)
        return db_commit(m->db);
    db_rollback(m->db);
    return r;
}

static void save(struct silence_watch *w)
{
    const struct monitor_context *m = w->m;
    int dirty = 0;
    int r;

    for (int i = 0; i < session_table_count(m->table); i++)
        dirty += session_table_at(m->table, i)->profile_dirty;
    if (dirty == 0)
        return;
    r = save_all(m);
    store_status_written(m->store, r);
    for (int i = 0; r == 0 && i < session_table_count(m->table); i++)
        session_table_at(m->table, i)->profile_dirty = false;
}

static void on_timer(void *ctx)
{
    struct silence_watch *w = ctx;

    save(w);
    timer_start(w->timer, SAVE_MS);
}

int silence_watch_open(const struct monitor_context *m, struct change_batch *batch,
                       struct received_feed *received, struct silence_watch **ret)
{
    struct silence_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->m = m;
    w->batch = batch;
    w->received = received;
    r = timer_open(app_loop(m->app), on_timer, w, &w->timer);
    if (r == 0)
        r = received_feed_add(received, m->settings->bridge.name, on_received, w);
    if (r != 0) {
        timer_close(w->timer);
        mem_free(w);
        return r;
    }
    timer_start(w->timer, SAVE_MS);
    *ret = w;
    return 0;
}

void silence_watch_close(struct silence_watch *w)
{
    if (!w)
        return;
    save(w);
    received_feed_remove(w->received, w);
    timer_close(w->timer);
    mem_free(w);
}
