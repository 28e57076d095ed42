/*
 * A batch of the log, when all goes well:
 *   on_batch   reads the webhooks
 *   take       compares and commits it, position included, in one transaction
 * When it does not: state.db is busy or full -> the consumer is paused, the same batch is tried again.
 */
#include "services/monitor/event_feed.h"

#include <errno.h>
#include <stdio.h>

#include "common/app/consumer.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "common/store/cursors.h"
#include "services/monitor/commit.h"
#include "services/monitor/metrics.h"
#include "services/monitor/sender_clock.h"

/* A store that is busy is free again after a transaction or two. */
#define AGAIN_MS 500
/* The position moves with every event of other types too; it is worth a write this often. */
#define CURSOR_EVERY_MS (30 * 1000)

#define WORKER_TYPE  "reconnect."
#define SESSION_TYPE "session."
#define HEAD_TYPE    "log.head"
/* The monitor's own notifications begin like the events that it reads. */
#define OWN_TYPE "session.state/"

struct event_feed {
    struct event_feed_options o;
    struct consumer *consumer;
    struct bus_sub *sub;
    struct timer *again;
    struct session_webhook hooks[EVENT_READ_ROWS_MAX]; /* of the batch that is not committed yet */
    int n;
    int64_t cursor;      /* of that batch */
    int64_t saved_at_ms; /* steady ms: when the position was saved last */
    struct sender_clock sender;
};

/* ---- webhooks -------------------------------------------------------------------------------- */

static struct str no_header(void *ctx, const char *name)
{
    return STR_NULL;
}

static bool read_code(const struct event_feed *f, const struct event *e, struct session_webhook *ret)
{
    const struct webhook_request req = { .body = e->body, .header = no_header };
    struct webhook hook;

    if (bridge_read_webhook(poll_schedule_driver(f->o.schedule), &req,
                            str_from(f->o.m->settings->bridge.name), &hook) != 0)
        return false;
    ret->code = hook.code;
    ret->final = hook.has_should_reconnect && !hook.should_reconnect;
    return true;
}

/* False: it says nothing about a state (session.status, or no session is named). */
static bool read_event(struct event_feed *f, const struct event *e, struct session_webhook *ret)
{
    *ret = (struct session_webhook){ .at = e->at, .occurred_at = e->occurred_at };
    ret->late_ms =
        sender_clock_late_ms(&f->sender, e->at, e->occurred_at, times_of_wall(&f->o.m->times, e->at));
    (void)snprintf(ret->id, sizeof ret->id, "%.*s", (int)e->session.n, e->session.p ? e->session.p : "");
    if (!session_id_is_valid(str_from(ret->id)))
        return false;
    if (str_eq(e->type, "session.connected"))
        ret->state = SESSION_CONNECTED;
    else if (str_eq(e->type, "session.qr"))
        ret->state = SESSION_QR_PENDING;
    else if (str_eq(e->type, "session.disconnected"))
        ret->state = SESSION_DISCONNECTED;
    else
        return false;
    return ret->state != SESSION_DISCONNECTED || read_code(f, e, ret);
}

/* A close without a reason, of a session we do not know: somebody has just deleted it. */
static bool is_final_event(const struct event_feed *f, const struct session_webhook *h)
{
    return h->state == SESSION_DISCONNECTED && h->code == 0 && !h->final &&
           !session_table_find(f->o.m->table, h->id);
}

/* Returns 0 or -errno. */
static int is_of_deleted(struct event_feed *f, const struct session_webhook *h, bool *ret)
{
    struct tracked_session *s = session_table_find(f->o.m->table, h->id);
    struct session_deletion d;
    int r = sessions_find_deletion(f->o.m->db, f->o.m->settings->bridge.name, h->id, &d);
    int64_t age_ms;
    bool old;

    *ret = false;
    if (r != 0)
        return r < 0 ? r : 0;
    age_ms = times_steady(&f->o.m->times) - d.steady;
    if (d.at == 0) { /* under way: the final event */
        *ret = age_ms <= 0;
        return 0;
    }
    old = s && s->first_seen <= d.at;
    if (old)
        (void)change_batch_touch(f->o.batch, s, true); /* the commit finds that its row is gone */
    /* The deletion's age, taken from the wall clock as it is now: somebody may have set it since. */
    *ret = webhook_is_of_deleted(h, times_wall(&f->o.m->times) - age_ms, s && !old);
    return 0;
}

/* Returns 0 or -errno. */
static int take_one(struct event_feed *f, const struct session_webhook *h)
{
    bool deleted;
    int r = is_of_deleted(f, h, &deleted);

    if (r != 0 || is_final_event(f, h))
        return r;
    log_debug("webhook", deleted ? "a webhook about a session that was deleted" : "a webhook about a session",
              KS("session", h->id), KS("state", session_state_text(h->state)), KI("code", h->code));
    if (deleted)
        return 0;
    r = changeset_webhook(change_batch_changeset(f->o.batch), h, attempt_watch_has(f->o.attempts, h->id));
    return r == -ENOSPC ? 0 : r; /* the session table is full; the sweep says so */
}

static int take_all(struct event_feed *f)
{
    int r = db_begin_reads(f->o.m->db);

    for (int i = 0; r == 0 && i < f->n; i++)
        r = take_one(f, &f->hooks[i]);
    db_end_reads(f->o.m->db);
    return r;
}

/* Returns 0, or -errno with nothing taken. */
static int take(struct event_feed *f)
{
    int r = change_batch_commit(f->o.batch, 0); /* what is staged already is not to fail with this */

    if (r == 0)
        r = take_all(f);
    if (r == 0)
        r = change_batch_commit(f->o.batch, f->cursor);
    else
        change_batch_undo(f->o.batch);
    if (r != 0)
        return r;
    f->saved_at_ms = times_steady(&f->o.m->times);
    for (int i = 0; i < f->n; i++)
        poll_schedule_recheck(f->o.schedule, f->hooks[i].id);
    f->n = 0;
    return 0;
}

static void on_again(void *ctx)
{
    struct event_feed *f = ctx;

    if (take(f) == 0)
        consumer_resume(f->consumer);
    else
        timer_start(f->again, AGAIN_MS);
}

static int on_batch(void *ctx, const struct event_rows *rows)
{
    struct event_feed *f = ctx;
    bool other = false;

    f->cursor = rows->next_seq - 1;
    f->n = 0;
    for (int i = 0; i < rows->n; i++) {
        if (read_event(f, &rows->rows[i], &f->hooks[f->n]))
            f->n++;
        else
            other = true;
    }
    if (other)
        poll_schedule_recheck(f->o.schedule, NULL);
    metrics_events(f->cursor, rows->head_seq);
    if (f->n == 0 && times_steady(&f->o.m->times) - f->saved_at_ms < CURSOR_EVERY_MS)
        return CONSUMER_MORE;
    if (take(f) == 0 || f->n == 0)
        return CONSUMER_MORE;
    timer_start(f->again, AGAIN_MS);
    return CONSUMER_PAUSE;
}

static void on_error(void *ctx, int r, const char *detail)
{
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

    if (str_starts(message, WORKER_TYPE))
        attempt_watch_wake(f->o.attempts);
    else if (f->consumer && !str_starts(message, OWN_TYPE))
        consumer_notify(f->consumer);
}

/* ---- opening --------------------------------------------------------------------------------- */

bool event_feed_is_live(const struct event_feed *f)
{
    return f->sub && bus_sub_connected(f->sub);
}

static int open_consumer(struct event_feed *f)
{
    const struct monitor_settings *s = f->o.m->settings;
    struct consumer_options o = {
        .dir = s->app.data_dir,
        .filter = { .type_prefix = STR_LIT(SESSION_TYPE), .bridge = str_from(s->bridge.name) },
        .sub = f->sub,
    };
    int r = cursor_find(f->o.m->db, MONITOR_CURSOR, &o.after_seq);

    return r == 0 ? consumer_open(f->o.m->app, &o, on_batch, on_error, f, &f->consumer) : r;
}

int event_feed_open(const struct event_feed_options *o, struct event_feed **ret)
{
    static const char *const prefixes[] = { WORKER_TYPE, SESSION_TYPE, HEAD_TYPE };
    struct event_feed *f = mem_zalloc(sizeof *f);
    struct loop *loop = app_loop(o->m->app);
    int r;

    if (!f)
        return -ENOMEM;
    f->o = *o;
    f->saved_at_ms = times_steady(&o->m->times);
    r = timer_open(loop, on_again, f, &f->again);
    if (r == 0)
        r = bus_sub_open(loop, app_bus(&o->m->settings->app), prefixes, ARRAY_LEN(prefixes), on_message,
                         on_link, f, &f->sub);
    if (r == 0)
        r = open_consumer(f);
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
