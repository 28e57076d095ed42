#include "services/webhook-ingest/request.h"

#include <string.h>

#include "common/base/mem.h"

struct request *request_new(struct http_req *http, struct str bridge)
{
    struct str body = http_req_body(http);
    bool large = body.n >= REQUEST_LARGE_BYTES;
    struct request *r = mem_alloc(sizeof *r + (large ? 0 : body.n));

    if (!r)
        return NULL;
    r->item = (struct commit_item){ 0 };
    r->http = http;
    memcpy(r->bridge, bridge.p, bridge.n); /* text_is_id(): at most 64 */
    r->bridge[bridge.n] = '\0';
    r->large = large ? http_req_take_body(http, &body.n) : NULL;
    if (!large && body.n > 0)
        memcpy(r->small, body.p, body.n);
    r->item.event.bridge = (struct str){ r->bridge, bridge.n };
    r->item.event.body = (struct str){ large ? r->large : r->small, body.n };
    return r;
}

void request_free(struct request *r)
{
    if (!r)
        return;
    mem_free(r->large);
    mem_free(r);
}
