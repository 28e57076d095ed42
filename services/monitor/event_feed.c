/*
 * A batch of the log, when all goes well:
 *   on_batch   reads the webhooks
 *   take       compares and commits them, one transaction a bridge: the last one holds the feed's position, the others their
 *              bridge's, so that after a crash none is taken twice
 * With a database each bridge's transaction holds its own position, and its sweeps move that over the events of others.
 * When it does not: state.db is busy or full -> the consumer is paused, the same batch is tried again.
 */
#include "services/monitor/event_feed.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "common/app/consumer.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "common/store/cursors.h"
#include "common/store/store.h"
#include "services/monitor/metrics.h"

/* A store that is busy is free again after a transaction or two. */
#define AGAIN_MS 500
/* The position moves with every event of other types too; it is worth a write this often. */
#define CURSOR_EVERY_MS (30 * 1000)

#define WORKER_TYPE  "reconnect."
#define SESSION_TYPE "session."
#define HEAD_TYPE    "log.head"
/* The monitor's own notifications begin like the events that it reads. */
#define OWN_TYPE "session.state/"

/* A webhook of the batch that is not committed yet. */
struct pending_webhook {
    struct feed_target *target; /* NULL: its bridge is not watched any more */
    int64_t seq;
    struct session_webhook hook;
};

struct event_feed {
    const struct monitor_context *m;
    struct consumer *consumer;
    struct bus_sub *sub;
    struct timer *again;
    struct feed_target *targets[FEED_TARGETS_MAX];
    int n_targets;
    bool own_positions; /* each bridge has its own, as another monitor may have it next */
    struct pending_webhook pending[EVENT_READ_ROWS_MAX];
    int n;
    int64_t saved;       /* the position in state.db */
    int64_t cursor;      /* … and after that batch */
    int64_t saved_at_ms; /* steady ms: when the position was saved last */
};

/* ---- webhooks -------------------------------------------------------------------------------- */

static struct str no_header(void *ctx, const char *name)
{
    return STR_NULL;
}

static bool read_code(const struct feed_target *t, const struct event *e, struct session_webhook *ret)
{
    const struct webhook_request req = { .body = e->body, .header = no_header };
    struct webhook hook;

    if (bridge_read_webhook(poll_schedule_driver(t->schedule), &req, str_from(t->m->settings->bridge.name),
                            &hook) != 0)
        return false;
    ret->code = hook.code;
    ret->ban_until = hook.ban_until;
    ret->final = hook.has_should_reconnect && !hook.should_reconnect;
    return true;
}

/* False: it says nothing about a state (session.status, or no session is named). */
static bool read_event(struct feed_target *t, const struct event *e, struct session_webhook *ret)
{
    *ret = (struct session_webhook){ .at = e->at, .occurred_at = e->occurred_at };
    ret->late_ms =
        sender_clock_late_ms(&t->sender, e->at, e->occurred_at, times_of_wall(&t->m->times, e->at));
    (void)snprintf(ret->id, sizeof ret->id, "%.*s", (int)e->session.n, e->session.p ? e->session.p : "");
    if (!session_id_is_valid(str_from(ret->id)))
        return false;
    if (str_eq(e->type, "session.connected"))
        ret->state = SESSION_CONNECTED;
    else if (str_eq(e->type, "session.action_required"))
        ret->state = SESSION_ACTION_REQUIRED;
    else if (str_eq(e->type, "session.qr"))
        ret->state = SESSION_QR_PENDING;
    else if (str_eq(e->type, "session.disconnected"))
        ret->state = SESSION_DISCONNECTED;
    else
        return false;
    return ret->state != SESSION_DISCONNECTED || read_code(t, e, ret);
}

/* A close without a reason, of a session we do not know: somebody has just deleted it. */
static bool is_final_event(const struct feed_target *t, const struct session_webhook *h)
{
    return h->state == SESSION_DISCONNECTED && h->code == 0 && !h->final &&
           !session_table_find(t->m->table, h->id);
}

/* Returns 0 or -errno. */
static int is_of_deleted(struct feed_target *t, const struct session_webhook *h, bool *ret)
{
    struct tracked_session *s = session_table_find(t->m->table, h->id);
    struct session_deletion d;
    int r = sessions_find_deletion(t->m->db, t->m->settings->bridge.name, h->id, &d);
    int64_t age_ms;
    bool old;

    *ret = false;
    if (r != 0)
        return r < 0 ? r : 0;
    age_ms = times_steady(&t->m->times) - d.steady;
    if (d.at == 0) { /* under way: the final event */
        *ret = age_ms <= 0;
        return 0;
    }
    old = s && s->first_seen <= d.at;
    if (old)
        (void)change_batch_touch(t->batch, s, true); /* the commit finds that its row is gone */
    /* The deletion's age, taken from the wall clock as it is now: somebody may have set it since. */
    *ret = webhook_is_of_deleted(h, times_wall(&t->m->times) - age_ms, s && !old);
    return 0;
}

/* Returns 0 or -errno. */
static int take_one(struct feed_target *t, const struct session_webhook *h)
{
    bool deleted;
    int r = is_of_deleted(t, h, &deleted);

    if (r != 0 || is_final_event(t, h))
        return r;
    log_debug("webhook", deleted ? "a webhook about a session that was deleted" : "a webhook about a session",
              KS("session", h->id), KS("state", session_state_text(h->state)), KI("code", h->code));
    if (deleted)
        return 0;
    r = changeset_webhook(change_batch_changeset(t->batch), h, attempt_watch_has(t->attempts, h->id));
    return r == -ENOSPC ? 0 : r; /* the session table is full; the sweep says so */
}

static int take_all(struct event_feed *f, struct feed_target *t, int64_t *ret_seq)
{
    int r = db_begin_reads(t->m->db);

    for (int i = 0; r == 0 && i < f->n; i++) {
        if (f->pending[i].target != t)
            continue;
        r = take_one(t, &f->pending[i].hook);
        *ret_seq = f->pending[i].seq;
    }
    db_end_reads(t->m->db);
    return r;
}

static bool has_pending(const struct event_feed *f, const struct feed_target *t)
{
    for (int i = 0; i < f->n; i++)
        if (f->pending[i].target == t)
            return true;
    return false;
}

static int commit_target(const struct event_feed *f, struct feed_target *t, int64_t cursor, int64_t seq)
{
    if (f->own_positions)
        return change_batch_commit_events(t->batch, 0, f->cursor);
    return cursor > 0 ? change_batch_commit(t->batch, cursor)
                      : change_batch_commit_events(t->batch, f->saved, seq);
}

/* One bridge's webhooks, in one transaction: with @cursor, of the last bridge, the feed's position; else the bridge's own.
 * Returns 0, or -errno with nothing taken. */
static int take_target(struct event_feed *f, struct feed_target *t, int64_t cursor)
{
    int64_t seq = 0;
    int r = change_batch_commit(t->batch, 0); /* changes that are staged already are not to fail with this */

    if (r == 0)
        r = take_all(f, t, &seq);
    if (r != 0)
        change_batch_undo(t->batch);
    else
        r = commit_target(f, t, cursor, seq);
    if (r != 0)
        return r;
    t->done_seq = f->own_positions ? f->cursor : t->done_seq;
    for (int i = 0; i < f->n; i++) {
        if (f->pending[i].target != t)
            continue;
        f->pending[i].target = NULL;
        poll_schedule_recheck(t->schedule, f->pending[i].hook.id);
    }
    return 0;
}

static void forget_done(struct event_feed *f)
{
    for (int i = 0; i < f->n_targets; i++)
        f->targets[i]->done_seq = 0;
}

/* The bridge's next sweep saves it. */
static void move_positions(struct event_feed *f)
{
    for (int i = 0; i < f->n_targets; i++) {
        f->targets[i]->done_seq = f->cursor;
        change_batch_fed(f->targets[i]->batch, f->cursor);
    }
}

static void took_all(struct event_feed *f)
{
    f->saved = f->cursor;
    f->saved_at_ms = times_steady(&f->m->times);
    f->n = 0;
    if (f->own_positions)
        move_positions(f);
    else
        forget_done(f);
}

/* Returns 0, or -errno: events that were not taken are still pending. */
static int take(struct event_feed *f)
{
    struct feed_target *last = NULL;
    int r = 0;

    for (int i = 0; i < f->n_targets; i++)
        if (has_pending(f, f->targets[i]))
            last = f->targets[i];
    for (int i = 0; r == 0 && last && i < f->n_targets; i++)
        if (has_pending(f, f->targets[i]))
            r = take_target(f, f->targets[i], f->targets[i] == last && !f->own_positions ? f->cursor : 0);
    if (r == 0 && !last && !f->own_positions)
        r = context_save_position(f->m, f->cursor);
    if (r == 0)
        took_all(f);
    return r;
}

static void on_again(void *ctx)
{
    struct event_feed *f = ctx;

    if (take(f) == 0)
        consumer_resume(f->consumer);
    else
        timer_start(f->again, AGAIN_MS);
}

static struct feed_target *target_of(const struct event_feed *f, struct str bridge)
{
    for (int i = 0; i < f->n_targets; i++)
        if (str_eq(bridge, f->targets[i]->m->settings->bridge.name))
            return f->targets[i];
    return NULL;
}

static void add_event(struct event_feed *f, const struct event *e)
{
    struct feed_target *t = target_of(f, e->bridge);
    struct pending_webhook *p = &f->pending[f->n];

    if (!t || e->seq <= t->done_seq)
        return;
    *p = (struct pending_webhook){ .target = t, .seq = e->seq };
    if (read_event(t, e, &p->hook))
        f->n++;
    else
        poll_schedule_recheck(t->schedule, NULL);
}

static int on_batch(void *ctx, const struct event_rows *rows)
{
    struct event_feed *f = ctx;

    f->cursor = rows->next_seq - 1;
    f->n = 0;
    for (int i = 0; i < rows->n; i++)
        add_event(f, &rows->rows[i]);
    metrics_events(f->cursor, rows->head_seq);
    if (f->n == 0 && !f->own_positions && times_steady(&f->m->times) - f->saved_at_ms < CURSOR_EVERY_MS)
        return CONSUMER_MORE;
    if (take(f) == 0 || f->n == 0)
        return CONSUMER_MORE;
    timer_start(f->again, AGAIN_MS);
    return CONSUMER_PAUSE;
}

static void on_error(void *ctx, int r, const char *detail)
{
    if (r == -ESTALE) /* another log counts anew */
        forget_done(ctx);
    if (r == 0)
        log_info("event-log-readable", detail);
    else
        log_warn("event-log-unreadable", detail, KS("error", err_text(r)));
}

/* ---- the bus --------------------------------------------------------------------------------- */

/* The hub is back: notifications were lost meanwhile. */
static void on_link(void *ctx, bool up)
{
    struct event_feed *f = ctx;

    if (up && f->consumer)
        consumer_notify(f->consumer);
}

/* The topic says where to look; the message is not decoded, and nothing is concluded from it. */
static void on_message(void *ctx, struct str message)
{
    struct event_feed *f = ctx;
    struct feed_target *t = str_starts(message, WORKER_TYPE) ? target_of(f, topic_bridge(message)) : NULL;

    if (t)
        attempt_watch_wake(t->attempts);
    else if (f->consumer && !str_starts(message, OWN_TYPE) && !str_starts(message, WORKER_TYPE))
        consumer_notify(f->consumer);
}

/* ---- opening --------------------------------------------------------------------------------- */

bool event_feed_is_live(const struct event_feed *f)
{
    return f->sub && bus_sub_connected(f->sub);
}

int event_feed_add(struct event_feed *f, struct feed_target *t)
{
    if (f->n_targets == FEED_TARGETS_MAX)
        return -ENOSPC;
    f->targets[f->n_targets++] = t;
    return 0;
}

void event_feed_remove(struct event_feed *f, struct feed_target *t)
{
    for (int i = 0; i < f->n; i++)
        if (f->pending[i].target == t)
            f->pending[i].target = NULL;
    for (int i = 0; i < f->n_targets; i++)
        if (f->targets[i] == t)
            f->targets[i--] = f->targets[--f->n_targets];
}

/* The monitor may have died in the middle of a batch. */
static int load_done(struct event_feed *f)
{
    struct bridge_row row;
    int r = 0;

    for (int i = 0; r >= 0 && i < f->n_targets; i++) {
        struct feed_target *t = f->targets[i];

        r = bridges_find(f->m->db, t->m->settings->bridge.name, &row);
        if (r == 0 && row.feed_after == f->saved)
            t->done_seq = row.feed_seq;
    }
    return r < 0 ? r : 0;
}

static int read_from(struct event_feed *f, int64_t after_seq)
{
    const struct consumer_options o = {
        .dir = app_store(&f->m->settings->app),
        .after_seq = after_seq,
        .filter = { .type_prefix = STR_LIT(SESSION_TYPE) },
        .sub = f->sub,
    };

    consumer_close(f->consumer);
    f->consumer = NULL;
    timer_stop(f->again);
    f->n = 0; /* pending webhooks are read again */
    return consumer_open(f->m->app, &o, on_batch, on_error, f, &f->consumer);
}

/* Where the monitor that had the bridge before left off: never behind the position of all. */
static int load_positions(struct event_feed *f, int64_t *ret_first)
{
    struct bridge_row row;
    int r = 0;

    *ret_first = INT64_MAX;
    for (int i = 0; r >= 0 && i < f->n_targets; i++) {
        struct feed_target *t = f->targets[i];

        r = t->has_position ? BRIDGES_NONE : bridges_find(f->m->db, t->m->settings->bridge.name, &row);
        if (r >= 0 && !t->has_position)
            t->done_seq = r == 0 && row.feed_seq > f->saved ? row.feed_seq : f->saved;
        t->has_position = r >= 0;
        *ret_first = t->done_seq < *ret_first ? t->done_seq : *ret_first;
    }
    return r < 0 ? r : 0;
}

static int start_own_positions(struct event_feed *f)
{
    int64_t first;
    int r = load_positions(f, &first);

    if (r != 0 || f->n_targets == 0)
        return r;
    return f->consumer && consumer_position(f->consumer) <= first ? 0 : read_from(f, first);
}

int event_feed_start(struct event_feed *f)
{
    int r;

    if (f->consumer && !f->own_positions)
        return 0;
    r = cursor_find(f->m->db, MONITOR_CURSOR, &f->saved);
    if (r == 0 && f->own_positions)
        return start_own_positions(f);
    if (r == 0)
        r = load_done(f);
    return r == 0 ? read_from(f, f->saved) : r;
}

int event_feed_open(const struct monitor_context *m, struct event_feed **ret)
{
    static const char *const prefixes[] = { WORKER_TYPE, SESSION_TYPE, HEAD_TYPE };
    struct event_feed *f = mem_zalloc(sizeof *f);
    struct loop *loop = app_loop(m->app);
    /* A database server notifies of each commit by itself: nothing is to be learned from a newest seq each second. */
    int n = (int)ARRAY_LEN(prefixes) - store_is_server(app_store(&m->settings->app));
    int r;

    if (!f)
        return -ENOMEM;
    f->m = m;
    f->own_positions = store_is_server(app_store(&m->settings->app));
    f->saved_at_ms = times_steady(&m->times);
    r = timer_open(loop, on_again, f, &f->again);
    if (r == 0)
        r = bus_sub_open(loop, app_bus(&m->settings->app), prefixes, n, on_message, on_link, f, &f->sub);
    if (r != 0) {
        event_feed_close(f);
        return r;
    }
    *ret = f;
    return 0;
}

void event_feed_close(struct event_feed *f)
{
    if (!f)
        return;
    consumer_close(f->consumer);
    bus_sub_close(f->sub);
    timer_close(f->again);
    mem_free(f);
}
