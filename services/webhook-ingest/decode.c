#include "services/webhook-ingest/decode.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/bridge/drivers.h"
#include "common/bridge/form_body.h"
#include "services/webhook-ingest/check.h"

/* Without an id and a time of its own the bytes of a body are all there is: the same bytes, later than any sender
 * repeats a try at once, is another event. */
#define MERGE_MS (60 * 1000)

/* The headers that a reader of the webhook may believe: all of them, or those that were signed. */
struct believed {
    struct http_req *http;
    int scheme; /* of the signature, 0: the sender has presented a token */
};

static struct str believed_header(void *ctx, const char *name)
{
    const struct believed *b = ctx;
    bool is_signed = b->scheme == SIGNATURE_STANDARD && strcmp(name, "webhook-id") == 0;

    return b->scheme == 0 || is_signed ? http_req_header(b->http, name) : STR_NULL;
}

static void fill_event(struct decoder *d, struct request *q, int64_t at)
{
    struct event_new *e = &q->item.event;

    q->item.kind = COMMIT_EVENT;
    e->at = at;
    state_runs_settle(&d->runs, e->bridge, q->webhook.session, at, &q->webhook.key);
    e->type = str_from(event_type_text(q->webhook.type));
    e->session = str_from(q->webhook.session);
    e->message_id = str_from(q->webhook.message_id);
    e->occurred_at = q->webhook.occurred_at;
    e->key_time_ms = q->webhook.key.time_ms;
    e->key_digest = q->webhook.key.digest;
    if (q->webhook.key.is_unique) { /* equal bytes are another event */
        rng_secret(q->webhook.key.digest, sizeof q->webhook.key.digest);
        return;
    }
    e->merge_ms = q->webhook.key.by_body && q->webhook.key.time_ms == 0 ? MERGE_MS : 0;
}

/* Beside the answers of a driver's reader. */
#define NO_SUCH_FORM 100

static int reject_unreadable(struct request *q, int answer, int64_t at)
{
    static const struct check_result not_json = { .status = 400,
                                                  .error = "not_json",
                                                  .detail = "the body is not JSON (RFC 8259, UTF-8)" };
    static const struct check_result not_a_webhook = {
        .status = 400,
        .error = "not_a_webhook",
        .detail = "the body is JSON and not a webhook: an object with its type is expected"
    };

    static const struct check_result no_such_form = {
        .status = 415,
        .error = "unsupported_media_type",
        .detail = "of forms only those of wuzapi are taken, with the field jsonData; send Content-Type: "
                  "application/json"
    };

    if (answer == NO_SUCH_FORM)
        return request_reject(q, &no_such_form, "a form without jsonData", at);
    return answer == WEBHOOK_NOT_JSON
               ? request_reject(q, &not_json, "not JSON", at)
               : request_reject(q, &not_a_webhook, "JSON without the envelope of a webhook", at);
}

/* The events of one delivery: that of the request itself, or several in its place. */
struct delivery {
    struct decoder *decoder;
    struct request *request;
    struct list *several;         /* of struct request, without the request itself */
    char session[SESSION_ID_MAX]; /* of the path */
    int64_t at;
};

/* Returns 0 or -ENOMEM. */
static int on_event(void *ctx, const struct webhook *w, struct str body)
{
    struct delivery *d = ctx;
    struct request *q = d->request;

    if (body.p != q->item.event.body.p) {
        q = request_new_event(q->item.event.bridge, body);
        if (!q)
            return -ENOMEM;
        list_append(d->several, &q->item.link);
    }
    q->webhook = *w;
    if (!q->webhook.session[0])
        memcpy(q->webhook.session, d->session, sizeof q->webhook.session);
    fill_event(d->decoder, q, d->at);
    return 0;
}

static void free_all(struct list *requests)
{
    while (!list_empty(requests))
        request_free(container_of(list_pop(requests), struct request, item.link));
}

/* The JSON in a form. Returns 0, NO_SUCH_FORM or -ENOMEM. */
static int unwrap_form(struct request *q)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(2 * q->item.event.body.n + 64);
    int r;

    if (!check_is_form(http_req_header(q->http, "content-type")))
        return 0;
    r = form_body_to_json(q->item.event.body, &json);
    if (r == 0)
        request_replace_body(q, &json);
    return r == -ENOMEM ? r : r ? NO_SUCH_FORM : 0;
}

int decode_request(struct decoder *d, struct request *q, int scheme, int64_t at, struct list *ret_several)
{
    struct delivery delivery = { .decoder = d, .request = q, .several = ret_several, .at = at };
    struct believed believed = { q->http, scheme };
    const struct source *s = sources_find(d->sources, q->item.event.bridge);
    struct webhook_request hook = { .header = believed_header, .ctx = &believed };
    int answer = unwrap_form(q);

    check_session(http_req_path(q->http), delivery.session);
    hook.body = q->item.event.body;
    if (answer == 0)
        answer = bridge_read_webhooks(s ? s->driver : NULL, &hook, q->item.event.bridge, on_event, &delivery);
    if (answer != 0)
        free_all(ret_several);
    return answer > 0 ? reject_unreadable(q, answer, at) : answer;
}
