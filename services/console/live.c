#include "services/console/live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/io/file_watch.h"
#include "common/io/http_stream.h"
#include "services/console/audit_json.h"
#include "services/console/event_brief.h"
#include "services/console/session_json.h"
#include "services/console/session_list.h"
#include "services/console/state_json.h"
#include "services/console/stores.h"

/* Without a word from the kernel the rows are compared this often; sooner no more often than that. */
#define TICK_MS   1000
#define SOONER_MS 200
/* The overview also changes with time alone (a service that is dead, rows that are old). */
#define OVERVIEW_MS 3000
#define PING_MS     15000
/* The rows in memory are kept so long after a request of somebody who does not watch. */
#define KEEP_MS 10000
/* Bytes that wait for a watcher: with its connection it stays under 16 KiB. */
#define WATCHER_BYTES_MAX (12 * 1024)
/* A watcher that reads nothing for so long is cut. */
#define STALL_MS 20000
/* Watchers at once: pages of one team, each with a few tabs. */
#define WATCHERS_MAX 512
/* More changes at once are no news but another state of things: pages load it anew. */
#define CHANGES_MAX 200
/* Events after Last-Event-ID that are sent again, in reads of this many rows. */
#define CATCH_UP_MAX  1000
#define CATCH_UP_ROWS 32
#define MESSAGE_MAX   (8 * 1024)
#define KEPT_MAX      16

static METRIC watchers_now = { .name = "zapkeep_console_streams",
                               .help = "Browsers that watch",
                               .kind = METRIC_GAUGE };
static METRIC cut_short = { .name = "zapkeep_console_stream_missed_total",
                            .help = "Messages that a watcher had no room for",
                            .kind = METRIC_COUNTER };

struct watcher {
    struct list in_live;
    struct live *live;
    struct http_stream *stream;
    struct live_request want;
    bool missed; /* something did not fit: "hello" with "resync" when there is room */
};

struct alert_key {
    struct alert_row row;
    bool seen;
};

struct live {
    const struct console_context *c;
    struct list watchers;
    int n;
    struct timer *tick;
    struct file_watch *watch;
    int64_t ticked_ms, pinged_ms, overview_ms; /* loop time */
    int changes;                               /* of this tick */
    bool changed;                              /* sessions, since the last overview */
    int64_t head_seq, last_event_at;
    char overview[1024];     /* as it was sent */
    uint64_t sent[KEPT_MAX]; /* destinations likewise: hashes */
    struct alert_key *alert;
    int n_alerts;
};

/* ---- sending --------------------------------------------------------------------------------- */

static int add_message(struct buf *out, const char *event, int64_t id, struct str json)
{
    if (id > 0)
        (void)buf_addf(out, "id: %lld\n", (long long)id);
    (void)buf_addf(out, "event: %s\ndata: ", event);
    (void)buf_add(out, json.p, json.n);
    (void)buf_adds(out, "\n\n");
    return buf_error(out);
}

static void send_one(struct watcher *w, struct str message)
{
    if (w->missed || http_stream_add(w->stream, message) != 0) {
        w->missed = true;
        metric_add(&cut_short, 0, 1);
    }
}

static void say_hello(struct watcher *w, bool resync)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX), message = BUF_INIT(MESSAGE_MAX);
    struct json_out j = JSON_OUT(&json);

    json_open(&j, NULL, '{');
    json_int(&j, "now", stores_wall_ms(w->live->c->stores));
    json_int(&j, "head_seq", w->live->head_seq);
    json_bool(&j, "resync", resync);
    json_close(&j, '}');
    if (add_message(&message, "hello", 0, (struct str){ buf_str(&json), json.len }) == 0)
        send_one(w, (struct str){ buf_str(&message), message.len });
}

void live_send(struct live *l, const char *event, struct str json)
{
    CLEANUP(buf_fini) struct buf message = BUF_INIT(MESSAGE_MAX * 4);

    if (l->n == 0 || add_message(&message, event, 0, json) != 0)
        return;
    LIST_FOR(it, &l->watchers)
    {
        send_one(container_of(it, struct watcher, in_live), (struct str){ buf_str(&message), message.len });
    }
}

static void send_json(struct live *l, const char *event, struct buf *json)
{
    if (buf_error(json) == 0)
        live_send(l, event, (struct str){ buf_str(json), json->len });
}

void live_audit(struct live *l, const struct audit_row *row)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX);
    struct json_out j = JSON_OUT(&json);

    audit_json(&j, row);
    send_json(l, "audit", &json);
}

/* ---- events of the log ----------------------------------------------------------------------- */

static bool wants(const struct watcher *w, const struct event *e)
{
    const struct live_request *r = &w->want;

    return r->wants_events && (!r->bridge[0] || str_eq(e->bridge, r->bridge)) &&
           (!r->session[0] || str_eq(e->session, r->session)) && str_starts(e->type, r->type);
}

static void send_event(struct watcher *w, const struct event *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX), message = BUF_INIT(MESSAGE_MAX);
    struct json_out j = JSON_OUT(&json);

    json_open(&j, NULL, '{');
    event_brief(e, &j);
    json_close(&j, '}');
    if (buf_error(&json) == 0 &&
        add_message(&message, "event", e->seq, (struct str){ buf_str(&json), json.len }) == 0)
        send_one(w, (struct str){ buf_str(&message), message.len });
}

void live_events(struct live *l, const struct event_rows *rows)
{
    if (rows->head_seq > l->head_seq)
        l->head_seq = rows->head_seq;
    if (rows->n > 0)
        l->last_event_at = rows->rows[rows->n - 1].at;
    LIST_FOR(it, &l->watchers)
    {
        struct watcher *w = container_of(it, struct watcher, in_live);

        for (int i = 0; w->want.wants_events && i < rows->n; i++) {
            if (wants(w, &rows->rows[i]))
                send_event(w, &rows->rows[i]);
        }
    }
}

/* The events that it missed while its connection was gone. */
static void catch_up(struct watcher *w, int64_t after_seq)
{
    struct event_reader *log;
    struct event_rows rows = EVENT_ROWS_NULL;
    int64_t oldest = 0, head = 0, from = after_seq + 1;

    if (stores_log(w->live->c->stores, &log) != 0 || event_bounds(log, &oldest, &head) != 0)
        return;
    if (head - after_seq > CATCH_UP_MAX || after_seq > head) {
        w->missed = true;
        return;
    }
    while (from <= head && !w->missed && event_read(log, from, NULL, CATCH_UP_ROWS, &rows) == 0 &&
           rows.n > 0 && rows.next_seq > from) {
        for (int i = 0; i < rows.n; i++) {
            if (wants(w, &rows.rows[i]))
                send_event(w, &rows.rows[i]);
        }
        from = rows.next_seq;
    }
    event_rows_fini(&rows);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void on_changed(void *ctx, const struct session_item *item)
{
    struct live *l = ctx;
    CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX);
    struct json_out j = JSON_OUT(&json);
    struct now now = session_list_now(l->c->sessions);
    struct db *db;

    l->changed = true;
    if (++l->changes > CHANGES_MAX || stores_state(l->c->stores, &db) != 0)
        return;
    json_open(&j, NULL, '{');
    if (session_json_row(db, &now, item, &j) != 0)
        return;
    json_close(&j, '}');
    send_json(l, "session", &json);
}

static void on_removed(void *ctx, const char *bridge, const char *session)
{
    struct live *l = ctx;
    CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX);
    struct json_out j = JSON_OUT(&json);

    l->changed = true;
    l->changes++;
    json_open(&j, NULL, '{');
    json_texts(&j, "bridge", bridge);
    json_texts(&j, "session", session);
    json_close(&j, '}');
    send_json(l, "removed", &json);
}

static void look_at_sessions(struct live *l)
{
    bool many;

    (void)session_list_refresh(l->c->sessions);
    many = l->changes > CHANGES_MAX;
    l->changes = 0;
    if (!many)
        return;
    LIST_FOR(it, &l->watchers)
    {
        say_hello(container_of(it, struct watcher, in_live), true);
    }
}

/* ---- overview, deliveries, alerts ------------------------------------------------------------- */

/* Each is sent when its JSON is another one than before. */
static void look_at_destinations(struct live *l, const struct overview *o)
{
    for (int i = 0; i < o->forward.n && i < KEPT_MAX; i++) {
        CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX);
        struct json_out j = JSON_OUT(&json);
        uint64_t hash;

        state_json_destination(&j, &o->forward.destination[i], o->head_seq, o->forward.runs);
        hash = hash_add(HASH_START, buf_str(&json), json.len);
        if (hash == l->sent[i])
            continue;
        l->sent[i] = hash;
        send_json(l, "delivery", &json);
    }
}

static void send_alert(struct live *l, const struct alert_row *row, bool firing)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX);
    struct json_out j = JSON_OUT(&json);

    json_open(&j, NULL, '{');
    json_bool(&j, "firing", firing);
    state_json_alert(&j, row);
    json_close(&j, '}');
    send_json(l, "alert", &json);
}

static bool is_same_alert(const struct alert_row *a, const struct alert_row *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->bridge, b->bridge) == 0 &&
           strcmp(a->session, b->session) == 0;
}

/* Their group publishes the grouped ones. */
static int on_alert(void *ctx, const struct alert_row *row)
{
    struct live *l = ctx;
    struct alert_key *more;

    if (row->grouped)
        return 0;
    for (int i = 0; i < l->n_alerts; i++) {
        if (is_same_alert(&l->alert[i].row, row)) {
            l->alert[i].seen = true;
            return 0;
        }
    }
    more = l->n_alerts < STATUS_ALERTS_MAX * KEPT_MAX
               ? mem_realloc(l->alert, (size_t)(l->n_alerts + 1) * sizeof *more)
               : NULL;
    if (!more)
        return 0;
    l->alert = more;
    l->alert[l->n_alerts++] = (struct alert_key){ .row = *row, .seen = true };
    send_alert(l, row, true);
    return 0;
}

static void look_at_alerts(struct live *l)
{
    struct db *db;
    int kept = 0;

    for (int i = 0; i < l->n_alerts; i++)
        l->alert[i].seen = false;
    if (stores_state(l->c->stores, &db) != 0 || alerts_each(db, NULL, on_alert, l) != 0)
        return;
    for (int i = 0; i < l->n_alerts; i++) {
        if (l->alert[i].seen)
            l->alert[kept++] = l->alert[i];
        else
            send_alert(l, &l->alert[i].row, false);
    }
    l->n_alerts = kept;
}

static void look_at_overview(struct live *l)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX);
    struct json_out j = JSON_OUT(&json);
    struct overview *o = NULL;

    if (overview_read(l->c, &o) != 0)
        return;
    json_open(&j, NULL, '{');
    json_bool(&j, "ok", o->ok);
    json_int(&j, "problems", o->problems.n);
    json_int(&j, "alerts", o->alerts);
    state_json_counts(&j, "sessions", o->sessions);
    json_int(&j, "parked", o->parked);
    json_int(&j, "silent", o->silent);
    json_int(&j, "head_seq", o->head_seq);
    json_int(&j, "delivered_seq", o->delivered_seq);
    json_int(&j, "last_event_at", o->last_event_at);
    json_close(&j, '}');
    look_at_destinations(l, o);
    overview_free(o);
    if (buf_error(&json) != 0 || strcmp(buf_str(&json), l->overview) == 0)
        return;
    (void)snprintf(l->overview, sizeof l->overview, "%s", buf_str(&json));
    send_json(l, "overview", &json);
}

/* ---- the tick -------------------------------------------------------------------------------- */

static void ping(struct live *l)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(MESSAGE_MAX);
    struct json_out j = JSON_OUT(&json);

    json_open(&j, NULL, '{');
    json_int(&j, "now", stores_wall_ms(l->c->stores));
    json_close(&j, '}');
    send_json(l, "ping", &json);
}

static void on_tick(void *ctx)
{
    struct live *l = ctx;
    int64_t now = loop_now_ms(app_loop(l->c->app));

    if (l->n == 0) { /* nobody looks: nothing is read and nothing is kept */
        session_list_forget(l->c->sessions);
        return;
    }
    l->ticked_ms = now;
    look_at_sessions(l);
    if (l->changed || now - l->overview_ms >= OVERVIEW_MS) {
        l->changed = false;
        l->overview_ms = now;
        look_at_overview(l);
        look_at_alerts(l);
    }
    if (now - l->pinged_ms >= PING_MS) {
        l->pinged_ms = now;
        ping(l);
    }
    timer_start(l->tick, TICK_MS);
}

static void on_written(void *ctx)
{
    struct live *l = ctx;
    int64_t since = loop_now_ms(app_loop(l->c->app)) - l->ticked_ms;

    if (l->n > 0)
        timer_start(l->tick, since >= SOONER_MS ? 0 : SOONER_MS - since);
}

/* ---- watchers -------------------------------------------------------------------------------- */

static void remove_watcher(struct watcher *w)
{
    list_remove(&w->in_live);
    w->live->n--;
    metric_set(&watchers_now, 0, w->live->n);
    mem_free(w);
}

static void on_closed(void *ctx)
{
    remove_watcher(ctx);
}

static void on_room(void *ctx)
{
    struct watcher *w = ctx;

    if (!w->missed)
        return;
    w->missed = false;
    say_hello(w, true);
}

void live_touch(struct live *l)
{
    if (l->n == 0)
        timer_start(l->tick, KEEP_MS);
}

int live_begin(struct live *l, struct http_req *http, const struct live_request *r)
{
    struct watcher *w = l->n < WATCHERS_MAX ? mem_zalloc(sizeof *w) : NULL;
    const struct http_stream_spec spec = { .status = 200,
                                           .content_type = "text/event-stream",
                                           .extra_headers = "Cache-Control: no-store\nX-Accel-Buffering: no\n"
                                                            "X-Content-Type-Options: nosniff\n",
                                           .bytes_max = WATCHER_BYTES_MAX,
                                           .stall_ms = STALL_MS,
                                           .on_room = on_room,
                                           .on_closed = on_closed,
                                           .ctx = w };

    if (!w)
        return l->n < WATCHERS_MAX ? -ENOMEM : -EBUSY;
    w->live = l;
    w->want = *r;
    if (http_stream_begin(http, &spec, &w->stream) != 0) {
        mem_free(w);
        return -ENOMEM;
    }
    list_append(&l->watchers, &w->in_live);
    metric_set(&watchers_now, 0, ++l->n);
    if (l->n == 1)
        timer_start(l->tick, TICK_MS);
    say_hello(w, r->again);
    if (r->last_event > 0 && r->wants_events)
        catch_up(w, r->last_event);
    return 0;
}

int live_new(const struct console_context *c, struct live **ret)
{
    struct live *l = mem_zalloc(sizeof *l);
    int r;

    if (!l)
        return -ENOMEM;
    l->c = c;
    list_init(&l->watchers);
    session_list_watch(c->sessions, &(const struct session_list_events){ on_changed, on_removed, l });
    r = timer_open(app_loop(c->app), on_tick, l, &l->tick);
    if (r != 0) {
        mem_free(l);
        return r;
    }
    /* Only a hint: a folder that cannot be watched costs a second. */
    (void)file_watch_open(app_loop(c->app), stores_data_dir(c->stores), STATE_JOURNAL_FILE, FILE_WATCH_CLOSED,
                          on_written, l, &l->watch);
    *ret = l;
    return 0;
}

void live_free(struct live *l)
{
    if (!l)
        return;
    LIST_FOR(it, &l->watchers)
    {
        struct watcher *w = container_of(it, struct watcher, in_live);

        http_stream_end(w->stream);
        remove_watcher(w);
    }
    file_watch_close(l->watch);
    timer_close(l->tick);
    mem_free(l->alert);
    mem_free(l);
}
