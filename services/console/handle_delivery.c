/* Deliveries: destinations, events that wait, dead letters. */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ops/event_json.h"
#include "common/ops/status_forward.h"
#include "services/console/handlers.h"
#include "services/console/state_json.h"
#include "services/console/stores.h"

#define WAITING_MAX 500

static int64_t head_of(const struct exchange *e)
{
    struct event_reader *log;
    int64_t oldest = 0, head = 0;

    if (stores_log(e->c->stores, &log) == 0)
        (void)event_bounds(log, &oldest, &head);
    return head;
}

void handle_delivery(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    CLEANUP(mem_freep) struct forward_status *f = mem_zalloc(sizeof *f);
    struct json_out j = JSON_OUT(&json);
    int64_t head = head_of(e);
    struct db *db;
    int r = f ? stores_forward(e->c->stores, &db) : -ENOMEM; /* may it be called? */

    if (r == 0 || r == -ENOENT)
        r = status_forward_read(app_store(&e->c->settings->app), f);
    if (r != 0) {
        exchange_store_error(e, FORWARD_DB_FILE, r);
        return;
    }
    json_open(&j, NULL, '{');
    json_bool(&j, "running", f->runs);
    json_open(&j, "destinations", '[');
    for (int i = 0; i < f->n; i++)
        state_json_destination(&j, &f->destination[i], head, f->runs);
    json_close(&j, ']');
    json_int(&j, "delivered_seq", status_forward_delivered(f));
    json_int(&j, "head_seq", head);
    json_int(&j, "now", stores_wall_ms(e->c->stores));
    json_close(&j, '}');
    exchange_answer(e, 200, &json);
}

/* ---- events that wait ------------------------------------------------------------------------ */

struct waiting {
    const struct exchange *e;
    struct db *db;
    struct event_reader *log;
    struct json_out j;
    char only[FORWARD_NAME_MAX];
    const struct forward_destination *d;
    const struct forward_retry *retry; /* under way */
    int64_t behind;
    int n;
    bool more;
};

static int on_blocked(void *ctx, struct str bridge, struct str session, int64_t n, int64_t first_seq)
{
    struct waiting *w = ctx;

    (void)first_seq;
    if (bridge.n == w->retry->bridge.n && session.n == w->retry->session.n &&
        memcmp(bridge.p, w->retry->bridge.p, bridge.n) == 0 &&
        memcmp(session.p, w->retry->session.p, session.n) == 0)
        w->behind = n;
    return 0;
}

static int on_retry(void *ctx, const struct forward_retry *row)
{
    struct waiting *w = ctx;
    char id[EVENT_ID_MAX] = "";

    if (w->n == WAITING_MAX) {
        w->more = true;
        return 0;
    }
    w->n++;
    w->retry = row;
    w->behind = 0;
    (void)forward_blocked_each(w->db, w->d->id, on_blocked, w);
    if (w->log)
        event_reader_event_id(w->log, row->seq, id);
    json_open(&w->j, NULL, '{');
    json_texts(&w->j, "destination", w->d->name);
    json_text(&w->j, "bridge", row->bridge);
    json_text(&w->j, "session", row->session);
    json_int(&w->j, "seq", row->seq);
    json_texts(&w->j, "event_id", id);
    json_int(&w->j, "tries", row->tries);
    json_int(&w->j, "sends", row->sends);
    json_int(&w->j, "next_at", row->next_at);
    json_int(&w->j, "status", row->status);
    json_text(&w->j, "detail", row->detail.p ? row->detail : STR_LIT(""));
    json_int(&w->j, "behind", w->behind);
    json_close(&w->j, '}');
    return 0;
}

static int on_destination(void *ctx, const struct forward_destination *d)
{
    struct waiting *w = ctx;

    if (w->only[0] && strcmp(w->only, d->name) != 0)
        return 0;
    w->d = d;
    return forward_retry_each(w->db, d->id, on_retry, w);
}

void handle_waiting(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct waiting w = { .e = e, .j = JSON_OUT(&json) };
    int r = stores_forward(e->c->stores, &w.db);

    (void)stores_log(e->c->stores, &w.log);
    exchange_query(e, "destination", w.only, sizeof w.only);
    if (!exchange_fits(e))
        return;
    json_open(&w.j, NULL, '{');
    json_open(&w.j, "rows", '[');
    if (r == 0)
        r = forward_destinations_each(w.db, on_destination, &w);
    json_close(&w.j, ']');
    json_bool(&w.j, "more", w.more);
    json_close(&w.j, '}');
    if (r != 0 && r != -ENOENT)
        exchange_store_error(e, FORWARD_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}

/* ---- dead letters ---------------------------------------------------------------------------- */

struct dead {
    struct json_out j;
    bool whole; /* with body and answer */
    int n;
    int64_t last;
};

static int on_dead(void *ctx, const struct forward_dead *d)
{
    struct dead *x = ctx;
    struct json_out *j = &x->j;

    x->n++;
    x->last = d->id;
    json_open(j, NULL, '{');
    json_int(j, "id", d->id);
    json_texts(j, "destination", d->destination);
    json_texts(j, "reason", d->reason);
    json_int(j, "tries", d->tries);
    json_int(j, "status", d->status);
    json_int(j, "dead_at", d->dead_at);
    json_bool(j, "redeliver", d->redeliver);
    json_int(j, "seq", d->event.seq);
    json_texts(j, "event_id", d->event.id);
    json_text(j, "type", d->event.type);
    json_text(j, "bridge", d->event.bridge);
    json_text(j, "session", d->event.session.p ? d->event.session : STR_LIT(""));
    json_text(j, "detail", d->detail.p ? d->detail : STR_LIT(""));
    if (x->whole) {
        json_text(j, "answer", d->answer.p ? d->answer : STR_LIT(""));
        event_json_body(j, d->event.body.p ? d->event.body : STR_LIT("null"));
    }
    json_close(j, '}');
    return 0;
}

void handle_dead_letters(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct dead x = { .j = JSON_OUT(&json) };
    char destination[FORWARD_NAME_MAX], bridge[BRIDGES_NAME_MAX], session[SESSIONS_ID_MAX], type[64];
    const struct forward_dead_filter filter = { .destination = destination,
                                                .bridge = bridge,
                                                .session = session,
                                                .type_prefix = type,
                                                .since_at = exchange_query_int(e, "since", 0, 0, INT64_MAX),
                                                .until_at = exchange_query_int(e, "until", 0, 0, INT64_MAX) };
    int64_t limit = exchange_query_int(e, "limit", 100, 1, EXCHANGE_LIMIT_MAX), total = 0;
    struct db *db;
    int r = stores_forward(e->c->stores, &db);

    exchange_query(e, "destination", destination, sizeof destination);
    exchange_query(e, "bridge", bridge, sizeof bridge);
    exchange_query(e, "session", session, sizeof session);
    exchange_query(e, "type", type, sizeof type);
    if (!exchange_fits(e))
        return;
    json_open(&x.j, NULL, '{');
    json_open(&x.j, "rows", '[');
    if (r == 0)
        r = forward_dead_each(db, &filter, exchange_query_int(e, "after", 0, 0, INT64_MAX), limit, on_dead,
                              &x);
    if (r == 0)
        r = forward_dead_count(db, &filter, &total);
    json_close(&x.j, ']');
    json_int(&x.j, "total", total);
    json_int(&x.j, "next_after", x.n == limit ? x.last : 0);
    json_close(&x.j, '}');
    if (r != 0 && r != -ENOENT)
        exchange_store_error(e, FORWARD_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}

void handle_dead_letter(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct dead x = { .j = JSON_OUT(&json), .whole = true };
    struct forward_dead_filter filter = { 0 };
    struct db *db;
    int r = stores_forward(e->c->stores, &db);

    if (r == 0 && text_to_i64(e->param[0], &filter.id) == 0 && filter.id > 0)
        r = forward_dead_each(db, &filter, 0, 1, on_dead, &x);
    if (r != 0 && r != -ENOENT)
        exchange_store_error(e, FORWARD_DB_FILE, r);
    else if (x.n == 0)
        exchange_error(e, 404, "not_found", "there is no dead letter %s", e->param[0]);
    else
        exchange_answer(e, 200, &json);
}
