/*
 * A batch of the log, when all goes well:
 *   on_batch   takes out what the webhooks say
 *   take       compares and records it, cursor included, in one transaction
 * When it does not: the store is busy or full -> the consumer is paused, the same batch is tried again.
 */
#include "services/monitor/event_feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "common/store/cursors.h"
#include "services/monitor/monitor.h"

/* A store that is busy is free again after a transaction or two. */
#define AGAIN_MS 500
/* The position moves with every event of other types too; it is worth a write this often. */
#define CURSOR_EVERY_MS (30 * 1000)

static const char received_type[] = "message.received/";
#define WORKER_TYPE  "reconnect."
#define SESSION_TYPE "session."
#define HEAD_TYPE    "log.head"
/* What we say ourselves begins as the events that we read. */
#define OWN_TYPE "session.state/"

/* ---- webhooks -------------------------------------------------------------------------------- */

static struct str no_header(void *ctx, const char *name)
{
    return STR_NULL;
}

static bool read_code(const struct monitor *m, const struct event *e, struct session_webhook *ret)
{
    const struct webhook_request req = { .body = e->body, .header = no_header };
    struct webhook hook;

    if (bridge_read_webhook(poller_driver(m->poller), &req, str_from(m->settings.bridge.name), &hook) != 0)
        return false;
    ret->code = hook.code;
    ret->final = hook.has_should_reconnect && !hook.should_reconnect;
    return true;
}

/* False: it says nothing about a state (session.status, or no session is named). */
static bool read_event(const struct monitor *m, const struct event *e, struct session_webhook *ret)
{
    *ret = (struct session_webhook){ .at = e->at, .occurred_at = e->occurred_at };
    (void)snprintf(ret->id, sizeof ret->id, "%.*s", (int)e->session.n, e->session.p ? e->session.p : "");
    if (!text_is_id(str_from(ret->id)))
        return false;
    if (str_eq(e->type, "session.connected"))
        ret->state = SESSION_CONNECTED;
    else if (str_eq(e->type, "session.qr"))
        ret->state = SESSION_QR_PENDING;
    else if (str_eq(e->type, "session.disconnected"))
        ret->state = SESSION_DISCONNECTED;
    else
        return false;
    return ret->state != SESSION_DISCONNECTED || read_code(m, e, ret);
}

/* A close without a reason, of a session we do not know: somebody has just deleted it. */
static bool is_final_event(const struct monitor *m, const struct session_webhook *h)
{
    return h->state == SESSION_DISCONNECTED && h->code == 0 && !h->final &&
           !session_table_find(m->table, h->id);
}

/* Returns 0 or -errno. */
static int is_of_the_deleted(struct monitor *m, const struct session_webhook *h, bool *ret)
{
    struct tracked_session *s = session_table_find(m->table, h->id);
    struct session_deletion d;
    int r = sessions_find_deletion(m->db, m->settings.bridge.name, h->id, &d);
    int64_t age_ms;
    bool old;

    *ret = false;
    if (r != 0)
        return r < 0 ? r : 0;
    age_ms = times_steady(&m->times) - d.steady;
    if (d.at == 0) { /* under way: its farewell */
        *ret = age_ms <= 0;
        return 0;
    }
    old = s && s->first_seen <= d.at;
    if (old)
        monitor_touch(m, s,
                      true); /* recording finds that it is gone: what is asked next is about a new one */
    /* (by the wall clock as it is now: it may have been set since) */
    *ret = webhook_is_of_deleted(h, times_wall(&m->times) - age_ms, s && !old);
    return 0;
}

static void say(const struct session_webhook *h, bool passed_over)
{
    log_debug("heard",
              passed_over ? "a webhook about a session that was deleted" : "a webhook about a session",
              KS("session", h->id), KS("state", session_state_text(h->state)), KI("code", h->code));
}

static int take_one(struct monitor *m, const struct session_webhook *h)
{
    bool deleted;
    int r = is_of_the_deleted(m, h, &deleted);

    if (r != 0 || is_final_event(m, h))
        return r;
    say(h, deleted);
    if (deleted)
        return 0;
    r = changeset_webhook(monitor_changeset(m), h, monitor_is_attempting(m, h->id));
    return r == -ENOSPC ? 0 : r; /* the book is full; told with the sweep */
}

static int take_all(struct event_feed *h)
{
    int r = db_begin_reads(h->m->db);

    for (int i = 0; r == 0 && i < h->n; i++)
        r = take_one(h->m, &h->hooks[i]);
    db_end_reads(h->m->db);
    return r;
}

/* Returns 0, or -errno with nothing taken. */
static int take(struct event_feed *h)
{
    struct monitor *m = h->m;
    int r = monitor_flush(m, 0); /* what is under way is not to fail with this */

    if (r == 0)
        r = take_all(h);
    if (r == 0)
        r = monitor_flush(m, h->cursor);
    else
        changeset_undo(&m->changeset);
    if (r != 0)
        return r;
    h->saved_at_ms = times_steady(&m->times);
    for (int i = 0; i < h->n; i++)
        monitor_recheck(m, h->hooks[i].id);
    h->n = 0;
    return 0;
}

static void on_again(void *ctx)
{
    struct event_feed *h = ctx;

    if (take(h) == 0)
        consumer_resume(h->consumer);
    else
        timer_start(h->again, AGAIN_MS);
}

/* Other events move the position, too. */
static int move_on(struct event_feed *h)
{
    if (times_steady(&h->m->times) - h->saved_at_ms < CURSOR_EVERY_MS)
        return CONSUMER_MORE;
    (void)take(h); /* if not now, then with the next */
    return CONSUMER_MORE;
}

static int on_batch(void *ctx, const struct event_rows *rows)
{
    struct event_feed *h = ctx;
    bool status = false;

    h->cursor = rows->next_seq - 1;
    h->n = 0;
    for (int i = 0; i < rows->n; i++) {
        if (read_event(h->m, &rows->rows[i], &h->hooks[h->n]))
            h->n++;
        else
            status = true;
    }
    if (status)
        monitor_recheck(h->m, NULL);
    metrics_events(h->cursor, rows->head_seq);
    if (h->n == 0)
        return move_on(h);
    if (take(h) == 0)
        return CONSUMER_MORE;
    timer_start(h->again, AGAIN_MS);
    return CONSUMER_PAUSE;
}

static void on_error(void *ctx, int r, const char *words)
{
    if (r == 0)
        log_info("events", words);
    else
        log_warn("events", words, KI("error", r));
}

/* ---- the bus --------------------------------------------------------------------------------- */

static void message_received(struct monitor *m, const char *id)
{
    struct tracked_session *s = session_table_find(m->table, id);

    if (!s)
        return;
    if (!s->silence) {
        s->silence = mem_alloc(sizeof *s->silence);
        if (!s->silence)
            return;
        silence_init(s->silence);
    }
    s->last_received_at = times_wall(&m->times);
    s->profile_dirty = true;
    if (!silence_message(&m->settings.rules, s->silence, times_day(&m->times)) && !s->silent_since)
        return;
    s->silent_since = 0;
    monitor_touch(m, s, true);
}

/* The hub is back: what was rung meanwhile is lost. */
static void on_link(void *ctx, bool up)
{
    struct event_feed *h = ctx;

    if (up && h->consumer)
        consumer_notify(h->consumer);
}

static bool is_of_the_log(struct str message)
{
    return str_starts(message, HEAD_TYPE) ||
           (str_starts(message, SESSION_TYPE) && !str_starts(message, OWN_TYPE));
}

/* The topic alone says all; the message is not decoded. */
static void on_message(void *ctx, struct str message)
{
    struct event_feed *h = ctx;
    size_t n = strlen(h->message_topic);
    char id[SESSIONS_ID_MAX];
    const char *end;

    if (str_starts(message, WORKER_TYPE)) {
        monitor_check_attempts(h->m);
        return;
    }
    if (is_of_the_log(message)) {
        if (h->consumer)
            consumer_notify(h->consumer);
        return;
    }
    end = message.n > n ? memchr(message.p + n, '\0', message.n - n) : NULL;
    if (!end || !str_starts(message, h->message_topic))
        return;
    n = (size_t)(end - message.p) - n;
    (void)snprintf(id, sizeof id, "%.*s", (int)n, end - n);
    message_received(h->m, id);
}

/* ---- opening --------------------------------------------------------------------------------- */

bool event_feed_is_live(const struct event_feed *h)
{
    return h->sub && bus_sub_connected(h->sub);
}

static int open_consumer(struct event_feed *h)
{
    const struct monitor_settings *s = &h->m->settings;
    struct consumer_options o = {
        .dir = s->app.data_dir,
        .filter = { .type_prefix = STR_LIT(SESSION_TYPE), .bridge = str_from(s->bridge.name) },
        .sub = h->sub,
    };
    int r = cursor_find(h->m->db, MONITOR_CURSOR, &o.after_seq);

    return r == 0 ? consumer_open(h->m->app, &o, on_batch, on_error, h, &h->consumer) : r;
}

int event_feed_open(struct event_feed *h, struct monitor *m)
{
    const char *prefixes[] = { h->message_topic, WORKER_TYPE, SESSION_TYPE, HEAD_TYPE };
    int r;

    h->m = m;
    h->saved_at_ms = times_steady(&m->times);
    (void)snprintf(h->message_topic, sizeof h->message_topic, "%s%s/", received_type,
                   m->settings.bridge.name);
    r = timer_open(app_loop(m->app), on_again, h, &h->again);
    if (r == 0)
        r = bus_sub_open(app_loop(m->app), app_bus(&m->settings.app), prefixes, ARRAY_LEN(prefixes),
                         on_message, on_link, h, &h->sub);
    return r == 0 ? open_consumer(h) : r;
}

void event_feed_close(struct event_feed *h)
{
    consumer_close(h->consumer);
    bus_sub_close(h->sub);
    timer_close(h->again);
}
