#include "services/monitor/bridge_call.h"

#include "common/base/mem.h"

int bridge_call_send(struct http_client *client, int built, struct bridge_request *req, int64_t timeout_ms,
                     bridge_call_fn done, void *ctx)
{
    CLEANUP(bridge_request_fini) struct bridge_request r = *req;
    const struct http_request http = {
        .method = r.method, .url = buf_str(&r.url), .headers = buf_str(&r.headers), .timeout_ms = timeout_ms
    };

    return built == 0 ? http_call(client, &http, done, ctx, NULL) : built;
}

struct bridge_answer bridge_call_answer(const struct http_answer *a)
{
    return (struct bridge_answer){ .status = a->status, .content_type = a->content_type, .body = a->body };
}

struct bridge_call bridge_call_result(const struct http_answer *a, int kind)
{
    const char *detail = "";

    if (a->error != HTTP_OK)
        detail = a->detail[0] ? a->detail : http_error_text(a->error);
    else if (kind > 0)
        detail = bridge_answer_text(kind);
    return (struct bridge_call){
        .kind = kind, .http_status = a->status, .detail = detail, .took_ms = a->took_ms
    };
}
