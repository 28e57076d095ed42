/* Replay: counted first, then started with the number that was counted. */
#include <errno.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "services/console/handlers.h"
#include "services/console/replays.h"
#include "services/console/stores.h"

/* Rows that a count looks at: half a second of reading. */
#define COUNT_MAX 500000

struct count {
    struct event_filter filter;
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX], type[64], to_url[512];
    int64_t from, to;
    int64_t matched, first, last;
};

/* The bounds of the request, inside those of the log. */
static int read_bounds(const struct exchange *e, struct event_reader *log, struct count *x)
{
    int64_t since = exchange_int(e, NULL, "since"), until = exchange_int(e, NULL, "until");
    int64_t oldest = 0, head = 0;
    int r = event_bounds(log, &oldest, &head);

    x->from = exchange_int(e, NULL, "from_seq");
    x->to = exchange_int(e, NULL, "to_seq");
    if (r == 0 && since > 0)
        r = event_seq_at(log, since, &x->from);
    if (r == 0 && until > 0) {
        r = event_seq_at(log, until, &x->to);
        x->to--;
    }
    x->from = x->from < oldest ? oldest : x->from;
    x->from = x->from < 1 ? 1 : x->from; /* an empty log */
    x->to = x->to <= 0 || x->to > head ? head : x->to;
    return r;
}

static int count(struct event_reader *log, struct count *x)
{
    struct event_rows rows = EVENT_ROWS_NULL;
    int r = 0;

    for (int64_t seq = x->from, before = 0; r == 0 && seq <= x->to && seq > before; seq = rows.next_seq) {
        before = seq;
        r = event_read(log, seq, &x->filter, EVENT_READ_ROWS_MAX, &rows);
        for (int i = 0; r == 0 && i < rows.n && rows.rows[i].seq <= x->to; i++) {
            x->first = x->matched++ == 0 ? rows.rows[i].seq : x->first;
            x->last = rows.rows[i].seq;
        }
    }
    event_rows_fini(&rows);
    return r;
}

static void start(struct exchange *e, struct replay_order *o)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    int64_t id = 0;
    int r;

    if (exchange_bool(e, "dry_run")) {
        replays_json_counted(o, &j);
        exchange_answer(e, 200, &json);
        return;
    }
    if (o->matched == 0 || exchange_int(e, NULL, "expect") != o->matched) {
        exchange_error(e, 409, "changed", "%lld events match now; count again", (long long)o->matched);
        return;
    }
    r = replays_start(e->c->replays, o, &id);
    if (r != 0) {
        exchange_error(e, r == -EBUSY ? 409 : 503, r == -EBUSY ? "busy" : "no_program",
                       "the replay was not started: %s", err_text(r));
        return;
    }
    exchange_audit(e, "delivery.replay", "", o->session, true, "%lld events, %lld to %lld",
                   (long long)o->matched, (long long)o->from_seq, (long long)o->to_seq);
    (void)replays_json(e->c->replays, id, &j);
    exchange_answer(e, 200, &json);
}

void handle_replay_start(struct exchange *e)
{
    struct count x = { 0 };
    struct event_reader *log;
    struct replay_order o;
    int r = stores_log(e->c->stores, &log);

    exchange_text(e, NULL, "bridge", x.bridge, sizeof x.bridge);
    exchange_text(e, NULL, "session", x.session, sizeof x.session);
    exchange_text(e, NULL, "type", x.type, sizeof x.type);
    exchange_text(e, NULL, "to_url", x.to_url, sizeof x.to_url);
    x.filter.bridge = x.bridge[0] ? str_from(x.bridge) : STR_NULL;
    x.filter.session = x.session[0] ? str_from(x.session) : STR_NULL;
    x.filter.type_prefix = x.type[0] ? str_from(x.type) : STR_NULL;
    if (x.to_url[0] && !e->who.by_cookie) {
        exchange_error(e, 403, "forbidden",
                       "a token replays to the backend alone; another URL needs the login of a person");
        return;
    }
    if (r == 0)
        r = read_bounds(e, log, &x);
    if (r == 0 && x.to - x.from > COUNT_MAX) {
        exchange_error(e, 400, "too_many",
                       "%lld events to look at, and %d are the most here; use `zapkeep replay`",
                       (long long)(x.to - x.from), COUNT_MAX);
        return;
    }
    if (r == 0)
        r = count(log, &x);
    if (r != 0 && r != -ENOENT) { /* without a log nothing matches */
        exchange_store_error(e, EVENTS_DB_FILE, r);
        return;
    }
    o = (struct replay_order){ .from_seq = x.first,
                               .to_seq = x.last,
                               .session = x.session,
                               .type = x.type,
                               .to_url = x.to_url,
                               .matched = x.matched };
    start(e, &o);
}

void handle_replay(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    int64_t id = 0;

    (void)text_to_i64(e->param[0], &id);
    if (replays_json(e->c->replays, id, &j) == REPLAYS_NONE)
        exchange_error(e, 404, "not_found", "there is no such replay");
    else
        exchange_answer(e, 200, &json);
}
