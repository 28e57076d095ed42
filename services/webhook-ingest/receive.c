/*
 * One webhook, when all goes well:
 *   on_begin            the header: path, method, token, content type, is there room to wait?
 *   on_request          the body: decode it, hand it to the commit thread; the connection sleeps meanwhile
 *   receive_committed   it is on disk: answer 200 and its seq, then ring
 * When it does not: refused by its header -> answered before the body is read. Not readable -> it goes to the
 * commit thread as well, to be kept for a person to look at, and is answered 400. The commit fails, or too
 * much waits -> 503 and Retry-After: the sender has it still.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "services/webhook-ingest/check.h"
#include "services/webhook-ingest/ingest.h"
#include "services/webhook-ingest/ingest_metrics.h"

/* Too much waits: it is gone in a fraction of a second. The disk: a person or a neighbour has to make room.
 */
#define RETRY_SOON  "Retry-After: 1\n"
#define RETRY_LATER "Retry-After: 5\n"
#define CLOSE       "Connection: close\n"

/* ---- answers --------------------------------------------------------------------------------- */

static void answer_error(struct http_req *http, int status, const char *error, const char *detail,
                         const char *headers)
{
    ingest_metrics_answered(status);
    http_respond_error(http, status, error, detail, headers);
}

static void answer_seq(struct ingest *in, struct http_req *http, const char *status, int64_t seq)
{
    char body[80];
    int n = snprintf(body, sizeof body, "{\"status\":\"%s\",\"seq\":%" PRId64 "}\n", status, seq);

    ingest_metrics_answered(200);
    http_respond(http, 200, "application/json", (struct str){ body, (size_t)n },
                 app_stopping(in->app) ? CLOSE : NULL);
}

static const char *why_not(int r)
{
    switch (r) {
    case -ENOSPC:
        return "the disk of the event log is full";
    case -EROFS:
        return "the disk of the event log is read-only";
    case -EBUSY:
        return "a reader keeps the event log's write-ahead log from being used again";
    case -ENOMEM:
        return "out of memory";
    default:
        return "the event log cannot be written";
    }
}

static void answer_unwritable(struct http_req *http, int r)
{
    answer_error(http, 503, "not_stored", why_not(r), RETRY_LATER);
}

static void log_refused(struct ingest *in, const struct http_req *http, const char *detail)
{
    in->refused++;
    if ((in->refused & (in->refused - 1)) == 0) /* the 1st, 2nd, 4th, 8th …: a flood is no flood of lines */
        log_warn("webhook-refused", detail, KR("peer", http_req_peer(http)), KI("so_far", in->refused));
}

static void answer_refused(struct ingest *in, struct http_req *http, const struct check_result *v)
{
    if (v->status == 401)
        log_refused(in, http, v->detail);
    answer_error(http, v->status, v->error, v->detail, v->headers);
}

/* ---- the header ------------------------------------------------------------------------------ */

static struct str header(void *ctx, const char *name)
{
    return http_req_header(ctx, name);
}

static struct check_result check(struct ingest *in, struct http_req *http)
{
    const struct check_input input = { .method = http_req_method(http),
                                       .path = http_req_path(http),
                                       .query = http_req_query(http),
                                       .headers = { .header = header, .ctx = http },
                                       .tokens = &in->tokens,
                                       .schemes = in->schemes,
                                       .default_bridge = str_from(in->settings.bridge.name) };

    return check_request(&input);
}

static bool is_admin(struct str path)
{
    return str_eq(path, "/health") || str_eq(path, "/ready") || str_eq(path, "/metrics");
}

static enum http_begin on_begin(void *ctx, struct http_req *http)
{
    struct ingest *in = ctx;
    struct check_result v;

    if (is_admin(http_req_path(http)))
        return HTTP_BEGIN_READ;
    v = check(in, http);
    if (v.status != 0) {
        answer_refused(in, http, &v);
        return HTTP_BEGIN_ANSWERED;
    }
    if (!committer_accepts(in->committer)) {
        answer_error(http, 503, "busy", "too many webhooks wait to be stored; send it again", RETRY_SOON);
        return HTTP_BEGIN_ANSWERED;
    }
    http_req_set_user(http, v.is_signed ? in : NULL); /* only a mark for on_request */
    return HTTP_BEGIN_READ;
}

/* ---- the body -------------------------------------------------------------------------------- */

static int check_signature(struct ingest *in, struct http_req *http)
{
    const struct webhook_request hook = { .body = http_req_body(http), .header = header, .ctx = http };
    struct clock *clock = app_clock(in->app);

    if (!http_req_user(http))
        return 0;
    return auth_check(&in->tokens, in->schemes, &hook, http_req_query(http), clock->wall_ms(clock));
}

static void fill_event(struct request *r)
{
    struct event_new *e = &r->item.event;

    r->item.kind = COMMIT_EVENT;
    e->type = str_from(event_type_text(r->webhook.type));
    e->session = str_from(r->webhook.session);
    e->message_id = str_from(r->webhook.message_id);
    e->occurred_at = r->webhook.occurred_at;
    e->key_time_ms = r->webhook.key.time_ms;
    e->key_digest = r->webhook.key.digest;
}

/* Returns 0 or -ENOMEM. */
static int decode(struct ingest *in, struct request *r)
{
    const struct webhook_request hook = { .body = r->item.event.body, .header = header, .ctx = r->http };
    int answer = bridge_read_webhook(in->driver, &hook, r->item.event.bridge, &r->webhook);

    if (answer < 0)
        return answer;
    if (answer == 0) {
        fill_event(r);
        return 0;
    }
    r->item.kind = COMMIT_REJECTED;
    r->item.reason = answer == WEBHOOK_NOT_JSON ? "not JSON" : "JSON without the envelope of a webhook";
    return 0;
}

static void on_webhook(struct ingest *in, struct http_req *http)
{
    struct str bridge = check_bridge(http_req_path(http), str_from(in->settings.bridge.name));
    struct clock *clock = app_clock(in->app);
    struct request *r = request_new(http, bridge);
    int answer = r ? decode(in, r) : -ENOMEM;

    if (answer != 0) {
        request_free(r);
        answer_unwritable(http, answer);
        return;
    }
    r->item.event.at = clock->wall_ms(clock);
    committer_add(in->committer, &r->item);
}

static void on_request(void *ctx, struct http_req *http)
{
    struct ingest *in = ctx;
    struct check_result v;
    int auth;

    if (is_admin(http_req_path(http)))
        status_report_gauges(in);
    if (app_admin_serve(in->app, http))
        return;
    auth = check_signature(in, http);
    if (auth == 0) {
        on_webhook(in, http);
        return;
    }
    v = check_refused(auth);
    answer_refused(in, http, &v);
}

static void on_refused(void *ctx, const struct http_refused *f)
{
    (void)ctx;
    ingest_metrics_answered(f->status);
}

const struct http_handlers receive_handlers = { .on_begin = on_begin,
                                                .on_request = on_request,
                                                .on_refused = on_refused };

/* ---- committed ------------------------------------------------------------------------------- */

static void answer_rejected(const struct request *r)
{
    metric_add(&ingest_metrics.events, EVENTS_REJECTED, 1);
    if (strcmp(r->item.reason, "not JSON") == 0)
        answer_error(r->http, 400, "not_json", "the body is not JSON (RFC 8259, UTF-8)", NULL);
    else
        answer_error(r->http, 400, "not_a_webhook",
                     "the body is JSON and not a webhook: an object with its type is expected", NULL);
}

static void answer(struct ingest *in, const struct request *r)
{
    if (r->item.kind == COMMIT_REJECTED) {
        answer_rejected(r); /* kept or not: it would be no better the next time */
    } else if (r->item.result == 0) {
        metric_add(&ingest_metrics.events, EVENTS_ACCEPTED, 1);
        answer_seq(in, r->http, "accepted", r->item.seq);
    } else if (r->item.result == EVENT_DUPLICATE) {
        metric_add(&ingest_metrics.events, EVENTS_DUPLICATE, 1);
        answer_seq(in, r->http, "duplicate", r->item.seq);
    } else {
        answer_unwritable(r->http, r->item.result);
    }
}

void receive_committed(struct ingest *in, struct list *items)
{
    LIST_FOR(it, items)
    {
        struct request *r = container_of(it, struct request, item.link);

        answer(in, r);
        r->http = NULL;
    }
    LIST_FOR(again, items)
    {
        struct request *r = container_of(again, struct request, item.link);

        list_remove(&r->item.link);
        if (r->item.kind == COMMIT_EVENT && r->item.result == 0)
            publisher_add(in->publisher, r, in->reported.log_id);
        else
            request_free(r);
    }
}
