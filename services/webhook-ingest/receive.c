/*
 * One webhook, when all goes well:
 *   on_begin            the header: path, method, token, content type, is there room to wait?
 *   on_request          the body: decode it, hand it to the commit thread; the connection sleeps meanwhile
 *   receiver_committed  it is on disk: answer 200 and its seq, then publish
 * When it does not: refused by its header -> answered before the body is read; a sender that is known and whose
 * webhook is refused goes to the commit thread as well, to be kept for a person to look at, and is answered then.
 * The commit fails, or too much waits -> 503 and Retry-After: the sender has it still.
 */
#include "services/webhook-ingest/receive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "services/webhook-ingest/check.h"
#include "services/webhook-ingest/decode.h"
#include "services/webhook-ingest/ingest_metrics.h"
#include "services/webhook-ingest/refusals.h"
#include "services/webhook-ingest/request.h"

/* Too much waits: it is gone in a fraction of a second. The disk: a person or a neighbour has to make room.
 */
#define RETRY_SOON  "Retry-After: 1\n"
#define RETRY_LATER "Retry-After: 5\n"
#define CLOSE       "Connection: close\n"
/* On a request that is meant to be refused and is no news then; only of a sender that is known. */
#define PROBE_HEADER "x-zapkeep-probe"

struct receiver {
    struct receiver_options o;
    struct refusals refusals;
    struct decoder decoder;
};

/* A request's user pointer, set by on_begin for on_request. */
static const char signed_mark, refused_mark;

static struct str bridge_of(const struct receiver *r, const struct http_req *http)
{
    return check_bridge(http_req_path(http), sources_default(r->o.sources));
}

static struct str header(void *ctx, const char *name)
{
    return http_req_header(ctx, name);
}

/* ---- refusals -------------------------------------------------------------------------------- */

/* A sender that knows a token and not the name has the wrong path: its webhooks are ours, and reach nobody. */
static void note_arrival(struct receiver *r, struct http_req *http, const struct refusal *f)
{
    const struct webhook_request headers = { .header = header, .ctx = http };

    if (f->status == 404 && f->bridge.p && sources_know(r->o.sources, &headers, http_req_query(http)))
        arrival_alert_astray(r->o.arrivals, f->bridge);
    else
        arrival_alert_refused(r->o.arrivals, f->bridge, sources_name(r->o.sources, f->bridge), f->status,
                              f->detail, f->peer);
}

static void note(struct receiver *r, struct http_req *http, enum refusal_reason reason, int status,
                 const char *detail)
{
    const struct refusal f = { .reason = reason,
                               .status = status,
                               .detail = detail,
                               .bridge = bridge_of(r, http),
                               .path = http_req_path(http),
                               .peer = http_req_peer(http),
                               .bytes = http_req_body_bytes(http) };

    ingest_metrics_answered(status);
    note_arrival(r, http, &f);
    refusals_note(&r->refusals, &f, loop_now_ms(app_loop(r->o.app)));
}

static void answer_refused(struct receiver *r, struct http_req *http, const struct check_result *v)
{
    note(r, http, refusals_of_status(v->status), v->status, v->detail);
    http_respond_error(http, v->status, v->error, v->detail, v->headers);
}

static void answer_busy(struct receiver *r, struct http_req *http)
{
    static const char detail[] = "too many webhooks wait to be stored; send it again";

    note(r, http, REFUSAL_OVERLOAD, 503, detail);
    http_respond_error(http, 503, "busy", detail, RETRY_SOON);
}

static const char *why_not(int error)
{
    switch (error) {
    case -ENOSPC:
        return "the disk of the event log is full";
    case -EROFS:
        return "the event log is read-only";
    case -EBUSY:
        return "a reader keeps the event log's write-ahead log from being used again";
    case -ESTALE:
        return "the event log was replaced or removed while it was open";
    case -ENOMEM:
        return "out of memory";
    default:
        return "the event log cannot be written";
    }
}

static void answer_unwritable(struct receiver *r, struct http_req *http, int error)
{
    note(r, http, REFUSAL_NOT_STORED, 503, why_not(error));
    http_respond_error(http, 503, "not_stored", why_not(error), RETRY_LATER);
}

static void on_refused(void *ctx, const struct http_refused *why)
{
    struct receiver *r = ctx;
    struct refusal f = { .reason = refusals_of_server(why->why),
                         .status = why->status,
                         .detail = why->detail,
                         .peer = why->peer,
                         .bytes = why->bytes };

    if (why->req) {
        f.path = http_req_path(why->req);
        f.bridge = bridge_of(r, why->req);
    }
    ingest_metrics_answered(why->status);
    arrival_alert_refused(r->o.arrivals, f.bridge, sources_name(r->o.sources, f.bridge), why->status,
                          why->detail, f.peer);
    refusals_note(&r->refusals, &f, loop_now_ms(app_loop(r->o.app)));
}

/* ---- the header ------------------------------------------------------------------------------ */

static struct check_result check(struct receiver *r, struct http_req *http)
{
    static const struct tokens none;
    /* A path that is none of a webhook is checked with the default bridge's token: its sender may be known, and is kept. */
    struct str bridge = bridge_of(r, http);
    const struct source *s = sources_find(r->o.sources, bridge.p ? bridge : sources_default(r->o.sources));
    const struct check_input input = { .method = http_req_method(http),
                                       .path = http_req_path(http),
                                       .query = http_req_query(http),
                                       .headers = { .header = header, .ctx = http },
                                       .tokens = s ? &s->tokens : &none,
                                       .schemes = s ? s->schemes : NULL,
                                       .must_be_signed = !s || s->must_be_signed,
                                       .is_configured = s != NULL,
                                       .takes_forms = s && (!s->driver || s->driver->sends_forms),
                                       .default_bridge = sources_default(r->o.sources),
                                       .is_own_host = app_is_own_host(r->o.app, http_req_host(http)) };

    return check_request(&input);
}

static bool is_admin(struct str path)
{
    return str_eq(path, "/health") || str_eq(path, "/ready") || str_eq(path, "/metrics");
}

static enum http_begin begin_admin(struct receiver *r, struct http_req *http)
{
    static const struct check_result no_body = { .status = 413,
                                                 .error = "too_large",
                                                 .detail = "requests to this path have no body" };

    if (!http_req_has_body(http))
        return HTTP_BEGIN_READ;
    answer_refused(r, http, &no_body);
    return HTTP_BEGIN_ANSWERED;
}

/* A GET by which the sender verifies the URL; true when it is answered. */
static bool answer_challenge(struct receiver *r, struct http_req *http)
{
    static const struct check_result refused = { .status = 403,
                                                 .error = "not_verified",
                                                 .detail = "hub.verify_token is not WEBHOOK_AUTH_TOKEN" };
    const struct source *s = sources_find(r->o.sources, bridge_of(r, http));
    char text[CHALLENGE_MAX];
    int answer = CHALLENGE_NONE;

    if (s && str_eq(http_req_method(http), "GET") && (!s->driver || s->driver->has_challenge))
        answer = challenge_check(s->tokens.n > 0 ? &s->tokens : &s->secrets, http_req_query(http), text);
    if (answer == CHALLENGE_NONE)
        return false;
    if (answer == CHALLENGE_REFUSED) {
        answer_refused(r, http, &refused);
        return true;
    }
    ingest_metrics_answered(200);
    http_respond(http, 200, "text/plain", str_from(text), NULL);
    return true;
}

static enum http_begin on_begin(void *ctx, struct http_req *http)
{
    struct receiver *r = ctx;
    bool accepts = committer_accepts(r->o.committer);
    struct check_result v;

    if (is_admin(http_req_path(http)))
        return begin_admin(r, http);
    if (answer_challenge(r, http))
        return HTTP_BEGIN_ANSWERED;
    v = check(r, http);
    if (v.is_known && http_req_header(http, PROBE_HEADER).p) { /* `zapkeep doctor` tries the token */
        ingest_metrics_answered(v.status);
        http_respond_error(http, v.status, v.error, v.detail, v.headers);
        return HTTP_BEGIN_ANSWERED;
    }
    if (v.is_known && accepts) {
        http_req_set_user(http, (void *)&refused_mark);
        return HTTP_BEGIN_READ_PART;
    }
    if (v.status != 0 || !accepts) {
        if (v.status != 0)
            answer_refused(r, http, &v);
        else
            answer_busy(r, http);
        return HTTP_BEGIN_ANSWERED;
    }
    if (!v.is_signed)
        return HTTP_BEGIN_READ;
    http_req_set_user(http, (void *)&signed_mark);
    return HTTP_BEGIN_READ_UNVERIFIED;
}

/* ---- the body -------------------------------------------------------------------------------- */

static int check_signature(struct receiver *r, struct http_req *http, int *ret_scheme)
{
    const struct source *s = sources_find(r->o.sources, bridge_of(r, http));
    const struct webhook_request hook = { .body = http_req_body(http), .header = header, .ctx = http };
    struct clock *clock = app_clock(r->o.app);

    return s ? signature_check(&s->secrets, s->schemes, &hook, clock->wall_ms(clock), ret_scheme)
             : AUTH_WRONG;
}

/* Several events take the place of the request, the last one its answer. */
static void add_several(struct receiver *r, struct request *request, struct list *several)
{
    struct request *lead = container_of(several->prev, struct request, item.link);

    lead->http = request->http;
    request_free(request);
    while (!list_empty(several)) {
        struct request *q = container_of(list_pop(several), struct request, item.link);

        q->lead = q == lead ? NULL : lead;
        q->item.with_next = q != lead;
        committer_add(r->o.committer, &q->item);
    }
}

/* Hands it to the commit thread. @refusal: why it is not taken; NULL: it is decoded. */
static void commit(struct receiver *r, struct http_req *http, int scheme, const struct check_result *refusal,
                   const char *reason)
{
    struct clock *clock = app_clock(r->o.app);
    int64_t at = clock->wall_ms(clock);
    struct request *q = request_new(http, bridge_of(r, http));
    struct list several;
    int answer = -ENOMEM;

    list_init(&several);
    if (q)
        answer = refusal ? request_reject(q, refusal, reason, at)
                         : decode_request(&r->decoder, q, scheme, at, &several);
    if (answer != 0) {
        request_free(q);
        answer_unwritable(r, http, answer);
    } else if (!list_empty(&several)) {
        add_several(r, q, &several);
    } else {
        q->item.event.at = at;
        committer_add(r->o.committer, &q->item);
    }
}

static void on_too_large(struct receiver *r, struct http_req *http)
{
    static const struct check_result too_large = {
        .status = 413,
        .error = "too_large",
        .detail = "the body is larger than ZAPKEEP_INGEST_BODY_MAX (1 MiB unless it is set)"
    };

    commit(r, http, 0, &too_large, "larger than ZAPKEEP_INGEST_BODY_MAX");
}

static void on_refused_header(struct receiver *r, struct http_req *http)
{
    struct check_result v = check(r, http);

    commit(r, http, 0, &v, v.error);
}

static void on_signed(struct receiver *r, struct http_req *http)
{
    struct check_result v;
    int scheme = 0;
    int auth = check_signature(r, http, &scheme);

    if (auth == 0) {
        commit(r, http, scheme, NULL, NULL);
        return;
    }
    v = check_refused(auth);
    answer_refused(r, http, &v);
}

static void on_request(void *ctx, struct http_req *http)
{
    struct receiver *r = ctx;
    const void *mark = http_req_user(http);

    if (is_admin(http_req_path(http)) && r->o.before_metrics)
        r->o.before_metrics(r->o.ctx);
    if (app_admin_serve(r->o.app, http))
        return;
    if (mark == &refused_mark)
        on_refused_header(r, http);
    else if (http_req_is_part(http))
        on_too_large(r, http);
    else if (mark == &signed_mark)
        on_signed(r, http);
    else
        commit(r, http, 0, NULL, NULL);
}

const struct http_handlers receiver_handlers = { .on_begin = on_begin,
                                                 .on_request = on_request,
                                                 .on_refused = on_refused };

/* ---- committed ------------------------------------------------------------------------------- */

static void answer_seq(struct receiver *r, struct http_req *http, const char *status, int64_t seq)
{
    char body[80];
    int n = snprintf(body, sizeof body, "{\"status\":\"%s\",\"seq\":%" PRId64 "}\n", status, seq);

    ingest_metrics_answered(200);
    http_respond(http, 200, "application/json", (struct str){ body, (size_t)n },
                 app_stopping(r->o.app) ? CLOSE : NULL);
}

static void count(const struct receiver *r, const struct request *q, int result)
{
    const struct source *s = sources_find(r->o.sources, str_from(q->bridge));

    if (s)
        metric_add_of(&ingest_events, s->metrics, result, 1);
}

/* A source of webhooks has no monitor, and needs none. */
static void note_taken(const struct receiver *r, const struct request *q)
{
    const struct source *s = sources_find(r->o.sources, str_from(q->bridge));

    if (!s || !s->bridge || !s->driver || !s->driver->webhooks_only)
        arrival_alert_accepted(r->o.arrivals, str_from(q->bridge), s && s->bridge);
}

static void answer(struct receiver *r, const struct request *q)
{
    if (q->item.kind == COMMIT_REJECTED) {
        count(r, q, EVENTS_REJECTED);
        answer_refused(r, q->http, &q->refusal); /* kept or not: it would be no better the next time */
    } else if (q->item.result == 0) {
        note_taken(r, q);
        count(r, q, EVENTS_ACCEPTED);
        answer_seq(r, q->http, "accepted", q->item.seq);
    } else if (q->item.result == EVENT_DUPLICATE) {
        count(r, q, EVENTS_DUPLICATE);
        answer_seq(r, q->http, q->any_new ? "accepted" : "duplicate", q->item.seq);
    } else {
        answer_unwritable(r, q->http, q->item.result);
    }
}

/* One of several events, before the one that is answered. */
static void settle_part(const struct receiver *r, struct request *q)
{
    if (q->item.result >= 0)
        count(r, q, q->item.result == 0 ? EVENTS_ACCEPTED : EVENTS_DUPLICATE);
    q->lead->any_new = q->lead->any_new || q->item.result == 0;
}

void receiver_committed(struct receiver *r, struct list *items, const char *log_id)
{
    LIST_FOR(it, items)
    {
        struct request *q = container_of(it, struct request, item.link);

        if (q->lead)
            settle_part(r, q);
        else
            answer(r, q);
        q->http = NULL;
    }
    LIST_FOR(again, items)
    {
        struct request *q = container_of(again, struct request, item.link);

        list_remove(&q->item.link);
        if (q->item.kind == COMMIT_EVENT && q->item.result == 0)
            publisher_add(r->o.publisher, q, log_id);
        else
            request_free(q);
    }
}

/* ---- open and close -------------------------------------------------------------------------- */

int receiver_open(const struct receiver_options *o, struct receiver **ret)
{
    struct receiver *r = mem_zalloc(sizeof *r);

    if (!r)
        return -ENOMEM;
    r->o = *o;
    r->decoder.sources = o->sources;
    *ret = r;
    return 0;
}

void receiver_close(struct receiver *r)
{
    mem_free(r);
}
