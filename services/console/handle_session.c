/* One session: how it is, its timeline, its activity. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/domain/cause.h"
#include "common/store/forward.h"
#include "common/store/message_counts.h"
#include "services/console/handlers.h"
#include "services/console/session_json.h"
#include "services/console/stores.h"
#include "services/console/usual.h"

#define ITEM_MAX 2048
/* Rows of each kind that a page of the timeline is made of. */
#define ROWS_MAX 200
/* The minutes that the graph of a session shows. */
#define MINUTES_MS (3 * 3600 * 1000LL)

/* Finds it, or answers. */
static const struct session_item *find(struct exchange *e, struct db **ret_db)
{
    const struct session_item *i;
    int r = session_list_refresh(e->c->sessions);

    if (r == 0)
        r = stores_state(e->c->stores, ret_db);
    if (r != 0) {
        exchange_store_error(e, STATE_DB_FILE, r);
        return NULL;
    }
    i = session_list_find(e->c->sessions, e->param[0], e->param[1]);
    if (!i)
        exchange_error(e, 404, "not_found", "there is no session %s on bridge %s", e->param[1], e->param[0]);
    return i;
}

/* ---- how it is ------------------------------------------------------------------------------- */

void handle_session(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    struct now now;
    struct db *db;
    const struct session_item *i = find(e, &db);
    char driver[16] = "";
    int r;

    if (!i)
        return;
    now = session_list_now(e->c->sessions);
    json_open(&j, NULL, '{');
    r = session_json_row(db, &now, i, &j);
    json_int(&j, "first_seen", i->row.first_seen);
    json_texts(&j, "raw_status", i->row.raw_status);
    json_int(&j, "silent_since", i->row.silent_since);
    json_int(&j, "suppressed_until",
             session_item_is_flapping(i, &now) ? steady_to_wall(&now, i->row.suppressed_until) : 0);
    json_texts(&j, "cause_text",
               i->row.cause[0] && cause_by_name(i->row.cause) ? cause_by_name(i->row.cause)->meaning : "");
    if (r == 0)
        r = session_json_next(db, &now, i, &j, driver);
    json_texts(&j, "driver", driver);
    json_int(&j, "now", now.wall_ms);
    json_close(&j, '}');
    if (r != 0)
        exchange_store_error(e, STATE_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}

/* ---- the timeline ---------------------------------------------------------------------------- */

struct item {
    int64_t at;
    int order; /* of those of one moment: the later kind first */
    char *json;
};
struct timeline {
    int64_t before;
    struct item *item;
    int n, cap, order;
};

static void timeline_free(struct timeline *t)
{
    for (int i = 0; i < t->n; i++)
        mem_free(t->item[i].json);
    mem_free(t->item);
}

/* Takes the text over. An item of a later time, or without memory, is left out. */
static int add(struct timeline *t, int64_t at, struct buf *json)
{
    size_t n;

    if (buf_error(json) != 0 || (t->before > 0 && at >= t->before))
        return 0;
    if (t->n == t->cap) {
        struct item *more = mem_realloc(t->item, (size_t)(t->cap + 256) * sizeof *more);

        if (!more)
            return 0;
        t->item = more;
        t->cap += 256;
    }
    t->item[t->n] = (struct item){ at, t->order++, buf_take(json, &n) };
    t->n += t->item[t->n].json != NULL;
    return 0;
}

static void begin(struct json_out *j, int64_t at, const char *kind, const char *text)
{
    json_open(j, NULL, '{');
    json_int(j, "at", at);
    json_texts(j, "kind", kind);
    json_texts(j, "text", text);
}

static int on_change(void *ctx, const struct session_change *c)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(ITEM_MAX);
    struct json_out j = JSON_OUT(&json);
    const char *from = c->from < 0 ? "" : session_state_text((enum session_state)c->from);
    const char *to = session_state_text((enum session_state)c->to);
    char text[300];

    (void)snprintf(text, sizeof text, "%s%s%s%s%s", from, from[0] ? " -> " : "", to, c->cause[0] ? ", " : "",
                   c->cause);
    begin(&j, c->at, "change", text);
    json_texts(&j, "from", from);
    json_texts(&j, "to", to);
    json_texts(&j, "cause", c->cause);
    json_int(&j, "code", c->code);
    json_texts(&j, "source", c->source);
    json_texts(&j, "detail", c->detail);
    json_close(&j, '}');
    return add(ctx, c->at, &json);
}

static int on_attempt(void *ctx, const struct attempt_row *a)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(ITEM_MAX);
    struct json_out j = JSON_OUT(&json);
    char text[400];

    (void)snprintf(text, sizeof text, "attempt %lld: %s%s%s", (long long)a->attempt,
                   attempt_outcome_text(a->outcome), a->detail[0] ? ", " : "", a->detail);
    begin(&j, a->at, "attempt", text);
    json_int(&j, "attempt", a->attempt);
    json_texts(&j, "outcome", attempt_outcome_text(a->outcome));
    json_texts(&j, "reason", retry_reason_text(a->reason));
    json_texts(&j, "cause", a->cause);
    json_int(&j, "http_status", a->http_status);
    json_int(&j, "took_ms", a->took_ms);
    json_texts(&j, "worker", a->worker);
    json_int(&j, "ended", a->ended);
    json_texts(&j, "detail", a->detail);
    json_close(&j, '}');
    return add(ctx, a->at, &json);
}

static int on_audit(void *ctx, const struct audit_row *a)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(ITEM_MAX);
    struct json_out j = JSON_OUT(&json);
    char text[600];

    (void)snprintf(text, sizeof text, "%s: %s%s%s%s", a->actor, a->action, a->ok ? "" : " (refused)",
                   a->detail[0] ? ", " : "", a->detail);
    begin(&j, a->at, "operator", text);
    json_texts(&j, "actor", a->actor);
    json_texts(&j, "action", a->action);
    json_texts(&j, "detail", a->detail);
    json_close(&j, '}');
    return add(ctx, a->at, &json);
}

static int on_dead(void *ctx, const struct forward_dead *d)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(ITEM_MAX);
    struct json_out j = JSON_OUT(&json);
    char text[400];

    (void)snprintf(text, sizeof text, "event %lld was given up for %s: %s", (long long)d->event.seq,
                   d->destination, d->reason);
    begin(&j, d->dead_at, "delivery", text);
    json_texts(&j, "destination", d->destination);
    json_int(&j, "event_seq", d->event.seq);
    json_int(&j, "dead_id", d->id);
    json_int(&j, "tries", d->tries);
    json_int(&j, "http_status", d->status);
    json_texts(&j, "reason", d->reason);
    json_close(&j, '}');
    return add(ctx, d->dead_at, &json);
}

/* The newest webhooks of the session, among the newest of the log. */
static void add_events(const struct exchange *e, struct timeline *t)
{
    const struct event_filter filter = { .session = str_from(e->param[1]), .bridge = str_from(e->param[0]) };
    struct event_reader *log;
    struct event_rows rows = EVENT_ROWS_NULL;
    int64_t oldest = 0, head = 0, from;

    if (stores_log(e->c->stores, &log) != 0 || event_bounds(log, &oldest, &head) != 0)
        return;
    from = head > 10000 ? head - 10000 : 1;
    while (from <= head && event_read(log, from, &filter, ROWS_MAX, &rows) == 0 && rows.next_seq > from) {
        for (int i = 0; i < rows.n; i++) {
            CLEANUP(buf_fini) struct buf json = BUF_INIT(ITEM_MAX * 2);
            struct json_out j = JSON_OUT(&json);
            char type[64];

            str_copy(rows.rows[i].type, type, sizeof type);
            begin(&j, rows.rows[i].at, "event", type);
            json_int(&j, "seq", rows.rows[i].seq);
            json_texts(&j, "type", type);
            json_close(&j, '}');
            (void)add(t, rows.rows[i].at, &json);
        }
        from = rows.next_seq;
    }
    event_rows_fini(&rows);
}

static int newest_first(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? 1 : -1;
    return x->order - y->order;
}

static int read_timeline(struct exchange *e, struct db *db, struct timeline *t)
{
    const struct forward_dead_filter dead = { .session = e->param[1] };
    char events[4];
    struct db *forward;
    int r = sessions_each_change(db, e->param[0], e->param[1], SESSIONS_CHANGES_MAX, on_change, t);

    if (r == 0)
        r = attempts_each(db, e->param[0], e->param[1], ROWS_MAX, on_attempt, t);
    if (r == 0)
        r = audit_each(db, e->param[0], e->param[1], 0, ROWS_MAX, on_audit, t);
    if (r == 0 && stores_forward(e->c->stores, &forward) == 0)
        (void)forward_dead_each(forward, &dead, 0, ROWS_MAX, on_dead, t);
    exchange_query(e, "events", events, sizeof events);
    if (r == 0 && strcmp(events, "1") == 0)
        add_events(e, t);
    if (t->n > 1)
        qsort(t->item, (size_t)t->n, sizeof *t->item, newest_first);
    return r;
}

void handle_timeline(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    CLEANUP(timeline_free) struct timeline t = { .before = exchange_query_int(e, "before", 0, 0, INT64_MAX) };
    struct json_out j = JSON_OUT(&json);
    int limit = (int)exchange_query_int(e, "limit", 100, 1, EXCHANGE_LIMIT_MAX);
    struct db *db;
    int r;

    if (!find(e, &db))
        return;
    r = read_timeline(e, db, &t);
    if (r != 0) {
        exchange_store_error(e, STATE_DB_FILE, r);
        return;
    }
    json_open(&j, NULL, '{');
    json_open(&j, "items", '[');
    for (int i = 0; i < t.n && i < limit; i++)
        json_raw(&j, NULL, str_from(t.item[i].json));
    json_close(&j, ']');
    json_int(&j, "next_before", t.n > limit ? t.item[limit - 1].at : 0);
    json_close(&j, '}');
    exchange_answer(e, 200, &json);
}

/* ---- activity -------------------------------------------------------------------------------- */

struct activity {
    struct json_out *hours, *minutes;
    int64_t week_from, minutes_from;
    struct usual usual;
};

static void put_count(struct json_out *j, int64_t at, int64_t received, int64_t events)
{
    json_open(j, NULL, '{');
    json_int(j, "at", at);
    json_int(j, "received", received);
    json_int(j, "events", events);
    json_close(j, '}');
}

static int on_count(void *ctx, const struct message_count *c)
{
    struct activity *a = ctx;

    usual_add(&a->usual, c->hour, c->received);
    if (c->hour < a->week_from)
        return 0;
    put_count(a->hours, c->hour, c->received, c->events);
    for (int i = 0; i < MESSAGE_COUNTS_MINUTES; i++) {
        int64_t at = c->hour + i * 60 * 1000LL;

        if (c->minute[i] > 0 && at >= a->minutes_from)
            put_count(a->minutes, at, c->minute[i], c->minute[i]);
    }
    return 0;
}

/* Messages an hour, with two digits behind the point; nothing before a whole week was counted. */
static void write_profile(const struct usual *u, int64_t now_ms, struct json_out *j)
{
    int weeks = usual_weeks(u, now_ms);
    char text[32];

    json_open(j, "profile", '[');
    for (int i = 0; weeks > 0 && i < USUAL_HOURS; i++) {
        (void)snprintf(text, sizeof text, "%.2f", (double)u->sum[i] / weeks);
        json_raw(j, NULL, str_from(text));
    }
    json_close(j, ']');
}

void handle_activity(struct exchange *e)
{
    CLEANUP(buf_fini)
    struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX), minutes = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json), m = JSON_OUT(&minutes);
    struct activity a = { .hours = &j, .minutes = &m };
    struct strip strip;
    struct now now;
    struct db *db;
    const struct session_item *i = find(e, &db);
    int r;

    if (!i)
        return;
    now = session_list_now(e->c->sessions);
    a.week_from = now.wall_ms - USUAL_WEEK_MS;
    a.minutes_from = now.wall_ms - MINUTES_MS;
    r = session_json_strip(db, &now, &i->row, STRIP_WEEK_SLOTS, STRIP_WEEK_SLOT_MS, &strip);
    json_open(&j, NULL, '{');
    json_int(&j, "now", now.wall_ms);
    json_texts(&j, "strip_7d", r == 0 ? strip.text : "");
    json_int(&j, "slot_ms", STRIP_WEEK_SLOT_MS);
    json_open(&j, "counts", '[');
    json_open(&m, NULL, '[');
    if (r == 0)
        r = message_counts_each(db, i->row.bridge, i->row.id, now.wall_ms - USUAL_WEEKS_MAX * USUAL_WEEK_MS,
                                on_count, &a);
    json_close(&m, ']');
    json_close(&j, ']');
    write_profile(&a.usual, now.wall_ms, &j);
    json_raw(&j, "minutes", (struct str){ buf_str(&minutes), minutes.len });
    json_int(&j, "silent_since", i->row.silent_since);
    json_int(&j, "last_received_at", i->row.last_received_at);
    json_close(&j, '}');
    if (r != 0)
        exchange_store_error(e, STATE_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}
