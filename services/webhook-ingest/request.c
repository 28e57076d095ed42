#include "services/webhook-ingest/request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

/* Of all headers of a request that is kept. */
#define HEADERS_BYTES_MAX 8192

struct request *request_new(struct http_req *http, struct str bridge)
{
    struct str body = http_req_body(http);
    bool large = body.n >= REQUEST_LARGE_BYTES;
    struct request *r = mem_alloc(sizeof *r + (large ? 0 : body.n));

    if (!r)
        return NULL;
    r->item = (struct commit_item){ 0 };
    r->refusal = (struct check_result){ 0 };
    r->headers = NULL;
    r->lead = NULL;
    r->any_new = false;
    r->http = http;
    if (bridge.n > 0)
        memcpy(r->bridge, bridge.p, bridge.n); /* text_is_id(): at most 64 */
    r->bridge[bridge.n] = '\0';
    r->large = large ? http_req_take_body(http, &body.n) : NULL;
    if (!large && body.n > 0)
        memcpy(r->small, body.p, body.n);
    r->item.event.bridge = (struct str){ r->bridge, bridge.n };
    r->item.event.body = (struct str){ large ? r->large : r->small, body.n };
    return r;
}

struct request *request_new_event(struct str bridge, struct str body)
{
    struct request *r = mem_zalloc(sizeof *r + body.n);

    if (!r)
        return NULL;
    memcpy(r->bridge, bridge.p, bridge.n);
    memcpy(r->small, body.p, body.n);
    r->item.event.bridge = (struct str){ r->bridge, bridge.n };
    r->item.event.body = (struct str){ r->small, body.n };
    return r;
}

void request_replace_body(struct request *r, struct buf *json)
{
    mem_free(r->large);
    r->large = buf_take(json, &r->item.event.body.n);
    r->item.event.body.p = r->large;
}

/* Headers that carry a credential; "…-token", "…-key" and "…-secret" of any sender count, too. */
static bool is_secret(struct str name)
{
    static const char *const exact[] = { "authorization", "proxy-authorization", "cookie", "apikey" };
    static const char *const ends[] = { "-token", "-key", "-secret", "-apikey" };

    for (size_t i = 0; i < ARRAY_LEN(exact); i++) {
        if (strcasecmp(name.p, exact[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t n = strlen(ends[i]);

        if (name.n > n && strcasecmp(name.p + name.n - n, ends[i]) == 0)
            return true;
    }
    return false;
}

static int copy_headers(struct request *r)
{
    CLEANUP(buf_fini) struct buf b = BUF_INIT(HEADERS_BYTES_MAX);
    struct str name, value;
    size_t n;

    for (int i = 0; http_req_field(r->http, i, &name, &value); i++)
        (void)buf_addf(&b, "%s: %s\n", name.p, is_secret(name) ? "(hidden)" : value.p);
    if (buf_error(&b) == -ENOMEM)
        return -ENOMEM;
    r->item.rejected.headers.n = b.len;
    r->headers = buf_take(&b, &n);
    r->item.rejected.headers.p = r->headers;
    return 0;
}

int request_reject(struct request *r, const struct check_result *why, const char *reason, int64_t at)
{
    struct str body = r->item.event.body;

    if (http_req_is_part(r->http) && body.n > REQUEST_PART_BYTES)
        body.n = REQUEST_PART_BYTES;
    r->refusal = *why;
    r->item.kind = COMMIT_REJECTED;
    r->item.rejected = (struct event_rejected){ .at = at,
                                                .bridge = r->item.event.bridge,
                                                .reason = reason,
                                                .body = body,
                                                .size = http_req_body_bytes(r->http) };
    return copy_headers(r);
}

void request_free(struct request *r)
{
    if (!r)
        return;
    mem_free(r->headers);
    mem_free(r->large);
    mem_free(r);
}
