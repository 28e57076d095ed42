/* The event log: pages forwards and backwards, and one event with its body. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/ops/event_json.h"
#include "services/console/event_brief.h"
#include "services/console/handlers.h"
#include "services/console/stores.h"

/* Rows that one request looks at: a filter that matches little comes back early, and is asked again. */
#define SCAN_MAX 20000
/* Rows that are read at once on the way back. */
#define WINDOW 256

struct page {
    struct event_filter filter;
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX], type[64], text[128];
    int limit;
    struct event_reader *log;
    int64_t oldest, head, scanned;
    int64_t next_before, next_from;
    int n;
    struct json_out *j;
};

static bool has_text(const struct page *p, const struct event *e)
{
    size_t n = strlen(p->text);

    for (size_t i = 0; n > 0 && i + n <= e->body.n; i++) {
        if (strncasecmp(e->body.p + i, p->text, n) == 0)
            return true;
    }
    return n == 0;
}

static void put(struct json_out *j, const struct event *e)
{
    json_open(j, NULL, '{');
    event_brief(e, j);
    json_close(j, '}');
}

/* Oldest first, from @seq on. */
static int read_forwards(struct page *p, int64_t seq)
{
    struct event_rows rows = EVENT_ROWS_NULL;
    int r = 0;

    while (r == 0 && p->n < p->limit && seq <= p->head && p->scanned < SCAN_MAX) {
        int64_t from = seq;

        r = event_read(p->log, seq, &p->filter, p->limit - p->n, &rows);
        for (int i = 0; r == 0 && i < rows.n; i++) {
            if (has_text(p, &rows.rows[i])) {
                put(p->j, &rows.rows[i]);
                p->n++;
            }
        }
        seq = r == 0 ? rows.next_seq : seq;
        p->scanned += seq > from ? seq - from : SCAN_MAX; /* it ends with any answer of the log */
    }
    p->next_from = seq;
    event_rows_fini(&rows);
    return r;
}

/* The matching rows of [from, before), newest first; stops when the page is full. *io_before: the seq below which to go on. */
static int read_window(struct page *p, int64_t from, int64_t *io_before)
{
    struct event_rows rows = EVENT_ROWS_NULL;
    int r = event_read(p->log, from, &p->filter, WINDOW, &rows);
    int64_t until = from;

    for (int i = r == 0 ? rows.n - 1 : -1; i >= 0 && p->n < p->limit; i--) {
        if (rows.rows[i].seq >= *io_before || !has_text(p, &rows.rows[i]))
            continue;
        put(p->j, &rows.rows[i]);
        p->n++;
        if (p->n == p->limit)
            until = rows.rows[i].seq;
    }
    p->scanned += *io_before - from;
    *io_before = until;
    event_rows_fini(&rows);
    return r;
}

static int read_backwards(struct page *p, int64_t before)
{
    int r = 0;

    while (r == 0 && p->n < p->limit && before > p->oldest && p->scanned < SCAN_MAX) {
        int64_t from = before - WINDOW > p->oldest ? before - WINDOW : p->oldest;

        r = read_window(p, from, &before);
    }
    p->next_before = before > p->oldest ? before : 0;
    return r;
}

/* Wall ms, so long ago, or a time. */
static bool read_time(struct exchange *e, const char *key, int64_t *ret)
{
    char text[40];
    int64_t ago;

    exchange_query(e, key, text, sizeof text);
    if (!text[0] || text_to_i64(text, ret) == 0 || text_to_time_ms(text, ret) == 0)
        return true;
    if (text_to_duration_ms(text, &ago) == 0) {
        *ret = stores_wall_ms(e->c->stores) - ago;
        return true;
    }
    exchange_error(e, 400, "bad_request",
                   "%s is \"%s\"; it takes wall ms, a duration as 10m, or a time as "
                   "2026-11-22T10:04:35Z",
                   key, text);
    return false;
}

static bool read_filter(struct exchange *e, struct page *p)
{
    exchange_query(e, "bridge", p->bridge, sizeof p->bridge);
    exchange_query(e, "session", p->session, sizeof p->session);
    exchange_query(e, "type", p->type, sizeof p->type);
    exchange_query(e, "text", p->text, sizeof p->text);
    if (!exchange_fits(e))
        return false;
    p->limit = (int)exchange_query_int(e, "limit", 100, 1, EXCHANGE_LIMIT_MAX);
    if (p->bridge[0])
        p->filter.bridge = str_from(p->bridge);
    if (p->session[0])
        p->filter.session = str_from(p->session);
    if (p->type[0])
        p->filter.type_prefix = str_from(p->type);
    return read_time(e, "since", &p->filter.since_at) && read_time(e, "until", &p->filter.until_at);
}

/* No row below the first one of the wanted time is looked at. */
static int begin_at(struct page *p)
{
    int64_t seq = 0;
    int r = event_bounds(p->log, &p->oldest, &p->head);

    if (r != 0 || p->filter.since_at == 0)
        return r;
    r = event_seq_at(p->log, p->filter.since_at, &seq);
    if (r == 0 && seq > p->oldest)
        p->oldest = seq;
    return r;
}

static int read_page(struct exchange *e, struct page *p)
{
    int64_t from = exchange_query_int(e, "from", 0, 0, INT64_MAX);
    int64_t before = exchange_query_int(e, "before", 0, 0, INT64_MAX);
    int r = stores_log(e->c->stores, &p->log);

    if (r == 0)
        r = begin_at(p);
    if (r != 0)
        return r;
    if (from > 0)
        return read_forwards(p, from > p->oldest ? from : p->oldest);
    p->next_from = p->head + 1;
    return p->head > 0 ? read_backwards(p, before > 0 && before <= p->head ? before : p->head + 1) : 0;
}

void handle_events(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    struct page p = { .j = &j };
    int r;

    if (!read_filter(e, &p))
        return;
    json_open(&j, NULL, '{');
    json_open(&j, "rows", '[');
    r = read_page(e, &p);
    json_close(&j, ']');
    json_int(&j, "oldest_seq", p.oldest);
    json_int(&j, "head_seq", p.head);
    json_int(&j, "next_before", p.next_before);
    json_int(&j, "next_from", p.next_from);
    json_int(&j, "scanned", p.scanned);
    json_close(&j, '}');
    if (r != 0 && r != -ENOENT)
        exchange_store_error(e, EVENTS_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}

void handle_event(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *log;
    int64_t seq = 0;
    int r = stores_log(e->c->stores, &log);

    if (r == 0 && text_to_i64(e->param[0], &seq) == 0 && seq > 0)
        r = event_read(log, seq, NULL, 1, &rows);
    if (r != 0) {
        exchange_store_error(e, EVENTS_DB_FILE, r);
    } else if (rows.n == 0 || rows.rows[0].seq != seq) {
        exchange_error(e, 404, "not_found", "there is no event %s in the log, or retention has removed it",
                       e->param[0]);
    } else {
        json_open(&j, NULL, '{');
        event_brief(&rows.rows[0], &j);
        event_json_body(&j, rows.rows[0].body);
        json_close(&j, '}');
        exchange_answer(e, 200, &json);
    }
    event_rows_fini(&rows);
}
