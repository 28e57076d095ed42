/* Replay: counted first, then started with the number that was counted. */
#include <errno.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "services/console/handlers.h"
#include "services/console/replays.h"
#include "services/console/stores.h"

/* Rows that a count looks at: half a second of reading. */
#define COUNT_MAX 500000

struct request {
    struct exchange *e;
    struct event_selection what;
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX], type[64], to_url[512];
    char sessions[EVENT_SELECTION_SESSIONS_MAX][2 * SESSIONS_ID_MAX]; /* ID, or BRIDGE/ID */
    bool too_many;
};

static int on_session(void *ctx, struct json_value item)
{
    struct request *q = ctx;
    char *text;

    q->too_many = q->what.sessions == EVENT_SELECTION_SESSIONS_MAX;
    if (q->too_many)
        return 0;
    text = q->sessions[q->what.sessions];
    exchange_item_text(q->e, "sessions", item, text, sizeof q->sessions[0]);
    q->what.session[q->what.sessions++] = text;
    return 0;
}

static void read_texts(struct request *q)
{
    struct exchange *e = q->e;

    exchange_text(e, NULL, "bridge", q->bridge, sizeof q->bridge);
    exchange_text(e, NULL, "session", q->session, sizeof q->session);
    exchange_text(e, NULL, "type", q->type, sizeof q->type);
    exchange_text(e, NULL, "to_url", q->to_url, sizeof q->to_url);
    exchange_each(e, "sessions", on_session, q);
    q->what.filter.bridge = q->bridge[0] ? str_from(q->bridge) : STR_NULL;
    q->what.filter.session = q->session[0] ? str_from(q->session) : STR_NULL;
    q->what.filter.type_prefix = q->type[0] ? str_from(q->type) : STR_NULL;
}

/* The bounds of the request, inside those of the log. */
static int read_bounds(struct exchange *e, struct event_reader *log, struct event_selection *x)
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
    x->to = (x->to <= 0 && until <= 0) || x->to > head ? head : x->to;
    return r;
}

static void start(struct exchange *e, const struct replay_order *o, bool dry_run)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    const struct event_selection_count *n = &o->counted;
    struct json_out j = JSON_OUT(&json);
    int64_t id = 0;
    int r;

    if (dry_run) {
        replays_json_counted(o, &j);
        exchange_answer(e, 200, &json);
        return;
    }
    if (n->events == 0 || exchange_int(e, NULL, "expect") != n->events) {
        exchange_error(e, 409, "changed", "%lld events match now; count again", (long long)n->events);
        return;
    }
    r = replays_start(e->c->replays, o, &id);
    if (r != 0) {
        exchange_error(e, r == -EBUSY ? 409 : 503, r == -EBUSY ? "busy" : "no_program",
                       "the replay was not started: %s", err_text(r));
        return;
    }
    exchange_audit(e, "delivery.replay", o->what->filter.bridge.n ? o->what->filter.bridge.p : "",
                   o->what->filter.session.n ? o->what->filter.session.p : "", true,
                   "%lld events, %lld to %lld", (long long)n->events, (long long)n->first_seq,
                   (long long)n->last_seq);
    (void)replays_json(e->c->replays, id, &j);
    exchange_answer(e, 200, &json);
}

/* Answers and returns false when it asks for more than it may. */
static bool is_allowed(struct exchange *e, const struct request *q)
{
    if (q->to_url[0] && !e->who.by_cookie)
        exchange_error(e, 403, "forbidden",
                       "a token replays to the backend alone; another URL needs the login of a person");
    else if (q->too_many)
        exchange_error(e, 400, "too_many", "%d sessions are the most here; replay them in several parts",
                       EVENT_SELECTION_SESSIONS_MAX);
    else
        return true;
    return false;
}

void handle_replay_start(struct exchange *e)
{
    struct request q = { .e = e };
    struct replay_order o = { .what = &q.what, .to_url = q.to_url };
    struct event_reader *log;
    int r = stores_log(e->c->stores, &log);
    bool dry_run;

    read_texts(&q);
    if (r == 0)
        r = read_bounds(e, log, &q.what);
    dry_run = exchange_bool(e, "dry_run");
    if (!exchange_fits(e) || !is_allowed(e, &q))
        return;
    if (r == 0 && q.what.to - q.what.from > COUNT_MAX) {
        exchange_error(e, 400, "too_many",
                       "%lld events to look at, and %d are the most here; use `zapkeep replay`",
                       (long long)(q.what.to - q.what.from), COUNT_MAX);
        return;
    }
    if (r == 0)
        r = event_selection_count(log, &q.what, &o.counted);
    if (r != 0 && r != -ENOENT) /* without a log nothing matches */
        exchange_store_error(e, EVENTS_DB_FILE, r);
    else
        start(e, &o, dry_run);
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
